"""``fusebench bench``: how long things take."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusebench.bench.cli._common import MetricNames, console, progress_bar
from fusebench.bench.types import InputError

if TYPE_CHECKING:
    from fusebench.bench.speed import Report

app = typer.Typer(help="Measure the cost of metrics.", no_args_is_help=True, rich_markup_mode=None)


class Form(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


@app.callback()
def _group() -> None:
    # One command alone would take the place of its group.
    pass


@app.command("metrics")
def bench_metrics(
    metrics: MetricNames = "all",
    size: Annotated[str, typer.Option(metavar="HxW", help="Height and width.")] = "480x640",
    threads: Annotated[
        int | None, typer.Option(help="Threads of the suites  [default: 1, then all cores]")
    ] = None,
    repeat: Annotated[int, typer.Option(help="Repetitions of each call.")] = 7,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    form: Annotated[Form, typer.Option("--format", help="What to print.")] = Form.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    folder: Annotated[
        Path | None,
        typer.Option("-o", metavar="DIR", help="Also write a page, the numbers and charts there."),
    ] = None,
) -> None:
    """Time metrics alone and together, beside two SSIMs of scikit-image.

    Every figure comes from a fresh process, in which the SSIMs are timed in turn with the metrics.
    All metrics take some minutes.
    """
    from fusebench.bench.speed import bench_metrics as measure
    from fusebench.bench.speed_page import as_csv, page, write
    from fusebench.metrics import load_protocol, select_metrics

    sides = re.fullmatch(r"(\d+)x(\d+)", size)
    if sides is None:
        raise InputError(f"--size is {size!r}; expected HEIGHTxWIDTH, such as 480x640")
    records = select_metrics(metrics, load_protocol("canonical"), with_reference=True)
    with progress_bar("bench") as progress:
        report = measure(
            [record.slug for record in records],
            *(int(side) for side in sides.groups()),
            threads=threads,
            repeat=repeat,
            device=device,
            progress=progress,
        )
    written = [] if folder is None else write(report, folder)
    if as_json or form is Form.JSON:
        typer.echo(json.dumps(report.document(), indent=1))
    elif form is Form.CSV:
        typer.echo(as_csv(report), nl=False)
    elif form is Form.MARKDOWN:
        typer.echo(page(report), nl=False)
    else:
        _print(report)
    for path in written:
        console(stderr=True).print(f"{path}", highlight=False, soft_wrap=True)


def _print(report: Report) -> None:
    from rich.table import Table

    from fusebench.bench.speed_page import COLUMNS, metric_rows, suite_rows

    out = console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in COLUMNS:
        table.add_column(
            column.replace("_", " "), justify="left" if column == "metric" else "right"
        )
    for row in [*suite_rows(report), *metric_rows(report)]:
        table.add_row(*row.values())
    out.print(table)
    for unit, suites in report.exponents().items():
        for name, power in suites.items():
            out.print(f"time of {name} grows with {unit} to the power of {power:.2f}")
