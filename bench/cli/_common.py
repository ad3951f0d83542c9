"""Options, output and error handling that all commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from fusebench.bench.types import InputError

if TYPE_CHECKING:
    from fusebench.bench.runner import Report

PIPE_WIDTH = 120
"""Columns of a table that goes into a file or another program."""

Database = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        help="Database: a file, SQLAlchemy URL, or 'published' for the results that come with "
        "fusebench  [default: $FUSEBENCH_DB or fusebench.db]",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Roots = Annotated[
    list[str] | None,
    typer.Option(
        "--root",
        metavar="[NAME=]DIR",
        help="Folder of the images, for one dataset (tno=DIR) or all; may be repeated.",
    ),
]
MetricNames = Annotated[str, typer.Option("--metrics", help="'all', or slugs such as en,qabf.")]
ProtocolName = Annotated[str, typer.Option("--protocol", help="Name, or a TOML file.")]
Executor = Annotated[str, typer.Option("--executor", help="local or dask.")]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Processes to run in  [default: one a core]")
]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", metavar="ADDR", help="Address of a Dask scheduler.")
]


def console(*, stderr: bool = False) -> Console:
    """Give a console that does not cut tables when they go into a file."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PIPE_WIDTH)


def parse_roots(values: list[str] | None) -> dict[str, Path]:
    """Turn ``NAME=DIR`` and ``DIR`` into folders by dataset; "" stands for any dataset."""
    roots: dict[str, Path] = {}
    for value in values or []:
        name, equals, folder = value.partition("=")
        # A folder whose name has an equals sign is meant as it stands.
        named = bool(equals) and not Path(value).exists()
        key, path = (name, folder) if named else ("", value)
        if not path:
            raise InputError(f"--root {value!r} names no folder; expected DIR or NAME=DIR")
        roots[key] = Path(path).expanduser()
    return roots


def parse_settings(values: list[str] | None) -> dict[str, str]:
    """Turn ``key=value`` texts into a mapping."""
    settings = {}
    for value in values or []:
        key, equals, text = value.partition("=")
        if not equals or not key:
            raise InputError(f"--set {value!r} is not of the form key=value")
        settings[key] = text
    return settings


@contextmanager
def progress_bar(
    title: str, *, of_bytes: bool = False
) -> Generator[Callable[[int, int, str], None]]:
    """Show progress on standard error: a bar in a terminal, ten lines in a file.

    Yields
    ------
    callable
        ``move(done, total, what)``; nothing is shown before its first call. A total of 0 means
        that it is not known.
    """
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    out = console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn() if of_bytes else MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=out,
        transient=True,
    )
    tenths = 0

    def move(done: int, total: int, what: str) -> None:
        nonlocal tenths
        if not out.is_terminal:
            now = done * 10 // total if total else 0
            if now > tenths:
                amount = f"{done / 1e6:.1f}/{total / 1e6:.1f} MB" if of_bytes else f"{done}/{total}"
                out.print(f"{title}: {amount}, {what}", markup=False, highlight=False)
            tenths = now
            return
        if not bar.tasks:
            bar.start()
            bar.add_task(title, total=total or None)
        description = Text(f"{title}: {what}").markup
        bar.update(bar.tasks[0].id, completed=done, total=total or None, description=description)

    try:
        yield move
    finally:
        if bar.tasks:
            bar.stop()


def finish(report: Report) -> None:
    """Say what a run did; leave with status 1 if pairs failed, 130 if it was interrupted.

    Raises
    ------
    typer.Exit
    """
    out = console(stderr=True)
    for warning in report.warnings:
        out.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)
    for failure in report.failures:
        out.print(f"failed: {failure}", style="red", markup=False, highlight=False, soft_wrap=True)
    kept = f", {report.kept} kept from before" if report.kept else ""
    failed = f", {len(report.failures)} failed" if report.failures else ""
    out.print(f"{report.done} pairs done{kept}{failed}.", highlight=False)
    if report.interrupted:
        out.print("Interrupted; what is done is kept. Run the same command again to go on.")
        raise typer.Exit(130)
    if report.failures:
        raise typer.Exit(1)
