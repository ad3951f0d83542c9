"""``fusebench export``: every single score."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from fusebench.bench.cli._common import Database, ProtocolName
from fusebench.bench.cli.show import Dataset, MetricOption, Task
from fusebench.bench.types import InputError


def export_scores(
    db: Database = None,
    dataset: Dataset = None,
    task: Task = None,
    metric: MetricOption = "all",
    protocol: ProtocolName = "canonical",
    form: Annotated[str, typer.Option("--format", help="csv or json.")] = "csv",
) -> None:
    """Write the score of every method, pair and metric, for one's own statistics."""
    import pandas as pd

    from fusebench.bench.store import Store
    from fusebench.leaderboard.board import find_evaluations, pair_scores

    if form not in ("csv", "json"):
        raise InputError(f"unknown format {form!r}; expected csv or json")
    tables = []
    with closing(Store.open(db, create=False)) as store:
        for e in find_evaluations(store, dataset, task):
            table = pair_scores(store, e, metric, protocol).drop(columns="entry_id")
            table.insert(0, "dataset", e.dataset)
            table.insert(1, "task", e.task)
            table.insert(2, "protocol", protocol)
            tables.append(table)
    scores = pd.concat(tables, ignore_index=True)
    if form == "csv":
        typer.echo(scores.to_csv(index=False), nl=False)
    else:
        typer.echo(scores.to_json(orient="records", indent=2, double_precision=15))
