"""Where results are kept: SQLite by default, PostgreSQL by URL.

Every write is one transaction and every key is idempotent, so that a run killed at any moment and
started again ends in the same rows, and several runs may share one database.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeVar

import pandas as pd
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    create_engine,
    delete,
    event,
    func,
    insert,
    literal_column,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from fusebench.bench.paper import Paper
from fusebench.bench.schema import (
    Base,
    DatasetRow,
    EntryRow,
    EnvironmentRow,
    FusedRow,
    PairRow,
    ReportedRow,
    RunRow,
    ScoreRow,
)
from fusebench.bench.types import InputError, MissingDataError
from fusebench.datasets import Dataset, PairFacts, dataset_digest

DEFAULT_DATABASE = "fusebench.db"
PUBLISHED = "published"
"""Stands for the results that the package ships, wherever a database is named."""
EntryKind = Literal["method", "folder", "callable"]
T = TypeVar("T")
ScoreKey = tuple[str, int]
"""Slug and version of a metric."""

# Things remembered of one database, of a megabyte each where there are a hundred methods: every
# metric on ten datasets.
_REMEMBERED = 1000

# Any number will do, as long as every fusebench asks PostgreSQL for the same lock.
_MIGRATION_LOCK = 72_616_301


@dataclass(frozen=True)
class Entry:
    """A competitor in the tables.

    Attributes
    ----------
    kind : {"method", "folder", "callable"}
        A method of this package, a folder of images, or a Python function.
    slug, label : str
        Name in code ("" unless a method) and name in tables.
    version : int
        Version of the method.
    options : mapping
        Its options, complete.
    weights_digest : str or None
        sha256 of its weights.
    origin : str
        Where its behaviour comes from.
    """

    kind: EntryKind
    slug: str
    label: str
    version: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    weights_digest: str | None = None
    origin: str = ""

    @property
    def digest(self) -> str:
        """sha256 of everything that identifies the entry."""
        return json_digest(
            [
                self.kind,
                self.slug,
                self.label,
                self.version,
                dict(self.options),
                self.weights_digest,
            ]
        )


@dataclass(frozen=True)
class Known:
    """What the database already holds of one entry and pair."""

    image_digest: str | None
    error: str | None
    scores: frozenset[ScoreKey]


@dataclass(frozen=True)
class ScoreValue:
    """One value to store: NaN is stored as missing, with its reason."""

    metric: str
    version: int
    value: float
    error: str | None


@dataclass(frozen=True)
class Outcome:
    """What became of one entry on one pair.

    Attributes
    ----------
    image_digest : str or None
        Digest of the fused pixels, None on failure.
    error : str or None
        Why there is no image.
    device : str
        "cpu" or "cuda".
    seconds : float or None
        Time of the fusion alone.
    peak_memory : int or None
        Largest growth of memory during the fusion, in bytes.
    scores : sequence of ScoreValue
        New scores.
    """

    image_digest: str | None
    error: str | None
    device: str
    seconds: float | None
    peak_memory: int | None
    scores: Sequence[ScoreValue]


def default_url() -> str:
    """Give the URL of the database: ``FUSEBENCH_DB``, or ``fusebench.db`` in this folder."""
    return full_url(os.environ.get("FUSEBENCH_DB") or DEFAULT_DATABASE)


def full_url(url: str) -> str:
    """Turn the path of a SQLite file into a URL, and leave a URL as it is.

    ``published`` becomes a file with the results that the package ships.

    Raises
    ------
    MissingDataError
        If it ships none.
    """
    if url == PUBLISHED:
        # It fills a database with them, and so needs this module.
        from fusebench.bench.published import published_database

        url = str(published_database())
    return url if "://" in url else f"sqlite:///{url}"


def shown_url(url: str) -> str:
    """Give a database as it may be printed: a file by its path, a URL without its password."""
    address = _parse(url)
    if address.get_backend_name() == "sqlite":
        return str(address.database)
    return str(address.render_as_string(hide_password=True))


def database_exists(url: str) -> bool:
    """Say whether a SQLite file exists; servers are taken to exist."""
    address = _parse(url)
    if address.get_backend_name() != "sqlite":
        return True
    return bool(address.database) and Path(str(address.database)).is_file()


class Store:
    """An open database of results.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Made by `Store.open`.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._memory: OrderedDict[Hashable, Any] = OrderedDict()
        self._memory_of: str | None = None
        self._making: dict[tuple[str, Hashable], Future[Any]] = {}
        self._lock = Lock()
        self._reading = Lock()

    # -- opening ------------------------------------------------------------------------------

    @classmethod
    def open(cls, url: str | None = None, *, create: bool = True) -> Store:
        """Open a database and bring its schema up to date.

        Parameters
        ----------
        url : str, optional
            SQLAlchemy URL, or the path of a SQLite file; `default_url` otherwise.
        create : bool
            Whether to make a SQLite file that does not exist.

        Raises
        ------
        MissingDataError
            If the file does not exist and `create` is false.
        InputError
            If the URL is wrong, the server does not answer, the file is no database, or a newer
            version of fusebench wrote it.
        """
        if create and (url or os.environ.get("FUSEBENCH_DB")) == PUBLISHED:
            raise InputError(
                "the published results are only read; add them to a database of yours with "
                "'fusebench submit merge published --db FILE.db'"
            )
        url = full_url(url) if url else default_url()
        address = _parse(url)
        if address.get_backend_name() == "sqlite":
            path = Path(str(address.database))
            if not create and not path.is_file():
                raise MissingDataError(
                    f"no results yet: {path} does not exist; make it with 'fusebench run demo', "
                    f"or see the published ones with '--db {PUBLISHED}'"
                )
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as e:
                raise InputError(f"cannot make the folder {path.parent}: {e.strerror}") from None
        try:
            engine = _engine(url)
            store = cls(engine)
            store._migrate()
        except NoSuchModuleError:
            raise InputError(f"no driver for the database {url!r}") from None
        except ModuleNotFoundError as e:
            raise InputError(
                f"the database {url!r} needs the package {e.name}; pip install fusebench[postgres]"
            ) from None
        except DBAPIError as e:
            reason = " ".join(str(e.orig).split())
            raise InputError(
                f"cannot open the database {address.render_as_string()}: {reason}"
            ) from None
        return store

    def _migrate(self) -> None:
        folder = Path(__file__).parent / "migrations"
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        scripts = ScriptDirectory.from_config(config)
        with self.engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
            raise InputError(
                f"{self.engine.url.render_as_string()} has schema {current}, this version knows "
                f"{scripts.get_current_head()}; upgrade: pip install -U fusebench"
            )
        # The lock is taken before looking again, so that two first runs do not both create.
        with self.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that takes SQLite's write lock at once.

        A transaction that starts by reading and then writes could fail in the middle because
        another writer was faster; one that waits at its start cannot.
        """
        with self.engine.execution_options(fusebench_writes=True).begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    # -- writing ------------------------------------------------------------------------------

    def add_environment(self, facts: Mapping[str, Any]) -> int:
        """Store the facts of a machine once, and give their id."""
        values = {"digest": json_digest(facts), "facts": dict(facts)}
        with self.write() as connection:
            return _get_or_add(connection, EnvironmentRow, values, ["digest"])

    def start_run(self, name: str, workers: int, environment_id: int) -> int:
        """Note that a run begins to add results."""
        with self.write() as connection:
            statement = insert(RunRow).values(
                name=name, workers=workers, environment_id=environment_id
            )
            return int(connection.execute(statement.returning(RunRow.id)).scalar_one())

    def add_run(
        self,
        name: str,
        workers: int,
        environment_id: int,
        started: datetime,
        finished: datetime | None,
    ) -> int:
        """Store a run of another database once, and give its id."""
        values = {
            "name": name,
            "workers": workers,
            "environment_id": environment_id,
            "started": started,
        }
        with self.write() as connection:
            found = connection.execute(select(RunRow.id).filter_by(**values).limit(1)).scalar()
            if found is None:
                statement = insert(RunRow).values(**values, finished=finished)
                found = connection.execute(statement.returning(RunRow.id)).scalar_one()
            return int(found)

    def finish_run(self, run_id: int) -> None:
        """Note that a run came to its end."""
        with self.write() as connection:
            connection.execute(
                update(RunRow).where(RunRow.id == run_id).values(finished=func.now())
            )

    def add_dataset(self, dataset: Dataset, facts: Sequence[PairFacts]) -> dict[str, int]:
        """Store a dataset and its pairs once, and give the id of each key."""
        root = None if dataset.root is None else str(dataset.root.resolve())
        info = dataset.info
        with self.write() as connection:
            dataset_id, ids = _add_pairs(connection, dataset.name, info.title, info.version, facts)
            # Where the images lie is no part of what they are: the last place seen is kept.
            connection.execute(
                update(DatasetRow)
                .where(DatasetRow.id == dataset_id, DatasetRow.root.is_distinct_from(root))
                .values(root=root)
            )
        return ids

    def add_pairs(
        self, name: str, title: str, version: int, facts: Sequence[PairFacts]
    ) -> tuple[int, dict[str, int]]:
        """Store pairs whose images may lie anywhere; give the dataset's id, and theirs by key."""
        with self.write() as connection:
            return _add_pairs(connection, name, title, version, facts)

    def add_entry(self, entry: Entry) -> int:
        """Store a competitor once, and give its id."""
        values = {
            "digest": entry.digest,
            "kind": entry.kind,
            "slug": entry.slug,
            "label": entry.label,
            "version": entry.version,
            "options": dict(entry.options),
            "weights_digest": entry.weights_digest,
            "origin": entry.origin,
        }
        with self.write() as connection:
            return _get_or_add(connection, EntryRow, values, ["digest"])

    def known(self, entry_id: int, device: str, protocol: str) -> dict[int, Known]:
        """Tell what is stored already of an entry, by pair."""
        here = (FusedRow.entry_id == entry_id, FusedRow.device == device)
        fused = select(FusedRow).where(*here)
        scores = (
            select(ScoreRow.fused_id, ScoreRow.metric, ScoreRow.version)
            .join(FusedRow, FusedRow.id == ScoreRow.fused_id)
            .where(ScoreRow.protocol == protocol, *here)
        )
        have: dict[int, set[ScoreKey]] = {}
        with self.engine.connect() as connection:
            for fused_id, metric, version in connection.execute(scores):
                have.setdefault(fused_id, set()).add((metric, version))
            return {
                row.pair_id: Known(row.image_digest, row.error, frozenset(have.get(row.id, ())))
                for row in connection.execute(fused)
            }

    def save(
        self, entry_id: int, pair_id: int, run_id: int, protocol: str, outcome: Outcome
    ) -> None:
        """Store what became of one entry on one pair, whole or not at all.

        Scores are added to those of the same image; another image, or a failure, replaces what
        was stored before.
        """
        with self.write() as connection:
            key = {"entry_id": entry_id, "pair_id": pair_id, "device": outcome.device}
            values = {
                "run_id": run_id,
                "image_digest": outcome.image_digest,
                "error": outcome.error,
                "seconds": outcome.seconds,
                "peak_memory": outcome.peak_memory,
            }
            connection.execute(
                _insert(connection, FusedRow).values(key | values).on_conflict_do_nothing()
            )
            # Locked, so that two writers on a server do not replace each other's scores.
            fused_id, image_digest = connection.execute(
                select(FusedRow.id, FusedRow.image_digest).filter_by(**key).with_for_update()
            ).one()
            if image_digest != outcome.image_digest or outcome.error:
                connection.execute(delete(ScoreRow).where(ScoreRow.fused_id == fused_id))
                connection.execute(update(FusedRow).where(FusedRow.id == fused_id).values(values))
            for score in outcome.scores:
                self._save_score(connection, fused_id, run_id, protocol, score)

    def _save_score(
        self, connection: Connection, fused_id: int, run_id: int, protocol: str, score: ScoreValue
    ) -> None:
        undefined = score.value != score.value
        key = {
            "fused_id": fused_id,
            "metric": score.metric,
            "version": score.version,
            "protocol": protocol,
        }
        values = {
            "run_id": run_id,
            "value": None if undefined else score.value,
            "error": (score.error or "undefined") if undefined else None,
        }
        statement = _insert(connection, ScoreRow).values(key | values)
        connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))

    def import_paper(self, paper: Paper) -> None:
        """Store the cells of a paper as reported, in place of those it had before."""
        rows = [asdict(cell) | {"value": cell.value} for cell in paper.cells]
        with self.write() as connection:
            connection.execute(delete(ReportedRow).where(ReportedRow.paper == paper.key))
            if rows:
                connection.execute(insert(ReportedRow), rows)

    # -- reading ------------------------------------------------------------------------------

    def frame(self, statement: Select[*tuple[Any, ...]]) -> pd.DataFrame:
        """Run a query and give its rows as a table."""
        with self.engine.connect() as connection:
            return pd.read_sql(statement, connection)

    def rows(self, statement: Select[*tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Run a query for many plain numbers and texts, as fast as the driver gives them."""
        # Two threads that read at once hand Python's lock to each other for every row, which takes
        # far longer than one after the other.
        with self._reading, self.engine.connect() as connection:
            # SQLAlchemy's own rows would take longer to make than SQLite takes to read them.
            return list(connection.execute(statement).cursor.fetchall())

    def version(self) -> str | None:
        """Tell the present content of a SQLite file from any other; None for servers."""
        address = self.engine.url
        if address.get_backend_name() != "sqlite":
            return None
        facts = []
        for ending in ("", "-wal"):
            try:
                found = Path(f"{address.database}{ending}").stat()
            except FileNotFoundError:
                continue
            facts.append(f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}")
        return " ".join(facts)

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """Give what was made of the same content before, or make it.

        Of servers nothing is remembered, because their content may have changed.

        Parameters
        ----------
        key : hashable
            What was made, of what.
        make : callable
            Its result is shared, and must not be changed. Whoever asks for the same meanwhile
            waits for it, so it may only ask for what does not ask for this.
        """
        version = self.version()
        if version is None:
            return make()
        with self._lock:
            if self._memory_of != version:
                self._memory.clear()
                self._memory_of = version
            if key in self._memory:
                self._memory.move_to_end(key)
                found: T = self._memory[key]
                return found
            others: Future[T] | None = self._making.get((version, key))
            mine: Future[T] = Future()
            if others is None:
                self._making[version, key] = mine
        if others is not None:
            # Twenty visitors at once would all read the same scores, and each for twenty times as
            # long.
            return others.result()
        try:
            mine.set_result(make())
        except BaseException as error:
            mine.set_exception(error)
        with self._lock:
            del self._making[version, key]
            if self._memory_of == version and mine.exception() is None:
                self._memory[key] = mine.result()
                while len(self._memory) > _REMEMBERED:
                    self._memory.popitem(last=False)
        return mine.result()

    def count(self, table: type[Base], *where: ColumnElement[bool]) -> int:
        """Count the rows of a table."""
        with self.engine.connect() as connection:
            found = connection.execute(select(func.count()).select_from(table).where(*where))
            return int(found.scalar_one())


def _add_pairs(
    connection: Connection, name: str, title: str, version: int, facts: Sequence[PairFacts]
) -> tuple[int, dict[str, int]]:
    """Give the id of a dataset, and that of each of its pairs by key."""
    values = {"name": name, "title": title, "version": version, "digest": dataset_digest(facts)}
    dataset_id = _get_or_add(connection, DatasetRow, values, ["name", "version", "digest"])
    known = select(PairRow.key, PairRow.id).where(PairRow.dataset_id == dataset_id)
    ids = {row.key: row.id for row in connection.execute(known)}
    for f in facts:
        if f.key not in ids:
            pair = {
                "dataset_id": dataset_id,
                "key": f.key,
                "task": f.task,
                "scene": f.scene,
                "height": f.height,
                "width": f.width,
                "a_channels": f.a_channels,
                "b_channels": f.b_channels,
                "a_digest": f.a_digest,
                "b_digest": f.b_digest,
                "reference_digest": f.reference_digest,
            }
            ids[f.key] = _get_or_add(connection, PairRow, pair, ["dataset_id", "key"])
    return dataset_id, ids


def _get_or_add(
    connection: Connection, table: type[Base], values: dict[str, Any], key: list[str]
) -> int:
    """Give the id of the row with this key, adding it if it is not there."""
    columns = table.__table__.c
    wanted = select(columns.id).where(*(columns[name] == values[name] for name in key))
    found = connection.execute(wanted).scalar_one_or_none()
    if found is None:
        connection.execute(_insert(connection, table).values(values).on_conflict_do_nothing())
        found = connection.execute(wanted).scalar_one()
    return int(found)


def _insert(connection: Connection, table: type[Base]) -> Any:
    """Give an INSERT that can say what to do on a conflict, which SQL leaves to the dialects."""
    dialect = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    return dialect(table)


def insert_new(connection: Connection, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert those of many rows whose keys are new, and give their number."""
    if not rows:
        return 0
    statement = _insert(connection, table).on_conflict_do_nothing()
    # PostgreSQL does not count the rows of many statements at once.
    return len(connection.execute(statement.returning(literal_column("1")), rows).all())


def json_digest(value: Any) -> str:
    """Give the sha256 of plain data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _parse(url: str) -> Any:
    try:
        return make_url(full_url(url))
    except ArgumentError:
        raise InputError(
            f"{url!r} is no database URL; expected sqlite:///FILE.db or postgresql+psycopg://…"
        ) from None


def _engine(url: str) -> Engine:
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    # With 16 writers the default journal and 50 ms of patience lost two transactions in three;
    # write-ahead logging and 30 s lost none.
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # SQLAlchemy emits BEGIN itself, below: Python's driver would do it too late.
        connection.isolation_level = None
        for setting in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("fusebench_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
