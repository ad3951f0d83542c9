"""``fusebench show``: rankings from the database."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from fusebench.bench.cli._common import Database, ProtocolName, console

Dataset = Annotated[str | None, typer.Option(metavar="NAME[:SPLIT]", help="Only this dataset.")]
Task = Annotated[str | None, typer.Option(help="Only this task: ivif, mff, mef or medical.")]
MetricOption = Annotated[
    str, typer.Option("--metric", "--metrics", help="'all', or slugs such as qabf,vif.")
]


def show(
    db: Database = None,
    dataset: Dataset = None,
    task: Task = None,
    metric: MetricOption = "all",
    protocol: ProtocolName = "canonical",
    form: Annotated[
        str, typer.Option("--format", help="table, json, csv, latex or markdown.")
    ] = "table",
    intervals: Annotated[
        bool, typer.Option("--intervals", help="LaTeX and Markdown with 95% intervals of means.")
    ] = False,
) -> None:
    """Show the ranking of each dataset and task."""
    from fusebench.bench.store import Store
    from fusebench.leaderboard.board import find_evaluations, ranked
    from fusebench.leaderboard.export import export

    with closing(Store.open(db, create=False)) as store:
        found = find_evaluations(store, dataset, task)
        rankings = [ranked(store, e, metric, protocol) for e in found]
    if form != "table":
        typer.echo(export(rankings, form, intervals=intervals))
        return
    from fusebench.bench.cli._tables import print_ranking

    for one in rankings:
        print_ranking(console(), one, every=True)
