"""``fusebench compare``: two methods, pair by pair."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from fusebench.bench.cli._common import Database, ProtocolName, console
from fusebench.bench.cli.show import Dataset, MetricOption, Task
from fusebench.bench.types import TASK_TITLES, InputError


def compare(
    first: Annotated[str, typer.Argument(help="Label of a method, as 'fusebench show' has it.")],
    second: Annotated[str, typer.Argument(help="Label of the other.")],
    db: Database = None,
    dataset: Dataset = None,
    task: Task = None,
    metric: MetricOption = "all",
    protocol: ProtocolName = "canonical",
) -> None:
    """Say on which metrics two methods really differ.

    Shows the mean difference, its 95% bootstrap interval over scenes, wins, ties and losses, and
    the p-value of the Wilcoxon signed-rank test, corrected by Holm over the metrics.
    """
    from rich.table import Table
    from rich.text import Text

    from fusebench.bench.registry import unknown_name
    from fusebench.bench.stats import holm, paired_difference
    from fusebench.bench.store import Store
    from fusebench.leaderboard.board import ARROWS, find_evaluations, pair_scores
    from fusebench.leaderboard.export import format_value
    from fusebench.metrics import METRICS

    if first == second:
        raise InputError(f"{first!r} is named twice; give two methods")
    with closing(Store.open(db, create=False)) as store:
        found = find_evaluations(store, dataset, task)
        tables = [pair_scores(store, e, metric, protocol) for e in found]
    out = console()
    shown = 0
    labels = sorted({label for scores in tables for label in scores["method"]})
    for label in (first, second):
        if label not in labels:
            raise unknown_name("method in this database", label, labels)
    for e, scores in zip(found, tables, strict=True):
        if not {first, second} <= set(scores["method"]):
            continue
        shown += 1
        rows = []
        for slug, group in scores.groupby("metric"):
            wide = group.pivot_table(index=["pair", "scene"], columns="method", values="value")
            if {first, second} <= set(wide.columns):
                scenes = wide.index.get_level_values("scene")
                rows.append((str(slug), paired_difference(wide[first], wide[second], scenes)))
        corrected = holm([d.p_value for _, d in rows])
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("Metric")
        for heading in ("Difference", "95% interval", "Win/tie/loss", "p (Holm)"):
            table.add_column(heading, justify="right")
        table.add_column("Better")
        for (slug, d), p in zip(rows, corrected, strict=True):
            record = METRICS[slug]
            sign = 1 if record.direction == "higher" else -1
            clear = p < 0.05 and (d.low > 0 or d.high < 0)
            better = (first if sign * d.mean > 0 else second) if clear else "not separable"
            table.add_row(
                f"{record.plain_label} {ARROWS[record.direction]}",
                format_value(d.mean),
                f"{format_value(d.low)} … {format_value(d.high)}",
                f"{d.wins}/{d.ties}/{d.losses}",
                format_value(float(p)),
                Text(better, style="bold" if clear else "dim"),
            )
        out.print()
        title = f"{TASK_TITLES[e.task]}: {e.dataset}, {first} minus {second}"
        count = max((d.pairs for _, d in rows), default=0)
        out.print(Text.assemble((title, "bold"), f", {count} pairs, protocol {protocol}"))
        out.print(table)
    if not shown:
        raise InputError(f"{first} and {second} share no dataset")
