"""``fusebench train``: make the weights that the package ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train what the package ships.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _root() -> None:
    """Keep ``dictionary`` a command of its own while it is the only one."""


@app.command()
def dictionary(
    method: Annotated[
        str,
        typer.Argument(metavar="METHOD", help="sr (also for its kin), asr, csr, csmca, latlrr."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same dictionary.")] = 0,
) -> None:
    """Learn the dictionary of a method from the photographs of the demo; minutes on one core."""
    from fusebench.bench.training import train_dictionary

    for path in train_dictionary(method, output, seed):
        typer.echo(path)
