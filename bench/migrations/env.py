"""Alembic's entry point: `Store.open` hands it a connection inside a transaction."""

from alembic import context

from fusebench.bench.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()
