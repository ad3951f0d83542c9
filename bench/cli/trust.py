"""``fusebench trust``: which metrics can be bought, and which say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fusebench.bench.cli._common import MetricNames, console
from fusebench.bench.types import InputError


def trust(
    metrics: MetricNames = "all",
    as_json: Annotated[bool, typer.Option("--json", help="All figures, as JSON.")] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure again instead; takes about half an hour.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", metavar="FILE", help="Write the figures to a file.")
    ] = None,
) -> None:
    """Say how far metrics can be trusted: who buys them, and which of them say the same.

    Shares of fused images of the demo pairs that score better after being degraded.
    """
    from rich.table import Table
    from rich.text import Text

    from fusebench.bench import trust as figures
    from fusebench.bench.stats import REDUNDANT
    from fusebench.metrics import load_protocol, select_metrics

    records = select_metrics(metrics, load_protocol("canonical"), with_reference=True)
    slugs = [record.slug for record in records]
    err = console(stderr=True)
    if measure:
        report = figures.measure(slugs, tick=lambda key: err.print(f"{key} done", markup=False))
    else:
        report = figures.load_report().only(slugs)
    if out is not None:
        if not out.parent.is_dir():
            raise InputError(f"there is no folder {out.parent}")
        out.write_text(figures.to_json(report), encoding="utf-8")
    if as_json:
        typer.echo(figures.to_json(report), nl=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("metric")
    for flag in figures.FLAGS:
        table.add_column(flag.name, justify="right")
    for slug, known in report.metrics.items():
        cells = [Text(slug)]
        for flag in figures.FLAGS:
            share = known.bought(flag)
            style = "bold red" if flag in known.flags else "dim"
            cells.append(Text(f"{100 * share:.0f}%", style=style))
        table.add_row(*cells)
    screen = console()
    screen.print(table)
    screen.print(
        f"Share of fused images that score better after it; from {100 * figures.BOUGHT:.0f}% on it "
        "buys the metric. copy: the better of the two sources, instead of the fused image.",
        markup=False,
    )
    for group in report.groups():
        screen.print(
            f"Rank alike (Kendall's tau above {REDUNDANT:g}): {', '.join(group)}",
            markup=False,
        )
    unknown = [slug for slug in slugs if slug not in report.metrics]
    if unknown:
        screen.print(f"Not measured: {', '.join(unknown)}", markup=False)
