"""``fusebench train``: make the weights that the package ships."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from fusebench.bench.cli._common import (
    Device,
    Roots,
    console,
    parse_roots,
    parse_settings,
    progress_bar,
)

if TYPE_CHECKING:
    from fusebench.bench.ablation import Ablated


class _Group(TyperGroup):
    """Takes what is no command for the arguments of ``network``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["network", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Group,
    help="Train a network ('fusebench train METHOD --data …'), the variants of it that its paper "
    "compares, or a dictionary.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Output = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder.")]
Data = Annotated[
    list[str] | None,
    typer.Option("--data", metavar="DATASET", help="Such as roadscene:161; may be repeated."),
]
BudgetName = Annotated[
    str | None, typer.Option("--budget", help="paper or cpu  [default: paper on a GPU, else cpu]")
]
Steps = Annotated[int | None, typer.Option("--steps", help="Instead of the budget's.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same weights on a CPU.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")]


@app.command()
def network(
    method: Annotated[
        str, typer.Argument(metavar="METHOD", help="Slug of a method that has a recipe.")
    ],
    output: Output,
    data: Data = None,
    root: Roots = None,
    budget: BudgetName = None,
    steps: Steps = None,
    seed: Seed = 0,
    device: Device = "auto",
    resume: Resume = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Option of the recipe.")
    ] = None,
) -> None:
    """Train the network of a method on pairs that are in no test split.

    'network' may be left out. DIR/METHOD.html shows the losses while it runs; a training that was
    stopped goes on with --resume.
    """
    from fusebench.bench.trainer import train_network

    with progress_bar(f"Training {method}") as progress:
        paths = train_network(
            method,
            data or [],
            output,
            roots=parse_roots(root),
            budget=budget,
            steps=steps,
            seed=seed,
            device=device,
            resume=resume,
            options=parse_settings(settings),
            progress=progress,
        )
    for path in paths:
        typer.echo(path)


class Form(StrEnum):
    """How a table is written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


@app.command()
def ablation(
    method: Annotated[
        str, typer.Argument(metavar="METHOD", help="fmm: the variants of its paper's tables.")
    ],
    output: Output,
    data: Data = None,
    on: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help="What to score on  [default: the paper's pairs]"),
    ] = None,
    root: Roots = None,
    budget: BudgetName = None,
    steps: Steps = None,
    seed: Seed = 0,
    device: Device = "auto",
    resume: Resume = False,
    form: Annotated[Form, typer.Option("--format", help="How to write it.")] = Form.TABLE,
) -> None:
    """Train every variant of a paper's ablation alike, and set its scores beside the printed ones.

    DIR/ablation.json holds the table; what was stopped goes on with --resume.
    """
    from fusebench.bench.ablation import markdown, train_ablation

    with progress_bar(f"Ablation of {method}") as progress:
        found = train_ablation(
            method,
            data or [],
            output,
            on=on,
            roots=parse_roots(root),
            budget=budget,
            steps=steps,
            seed=seed,
            device=device,
            resume=resume,
            progress=progress,
        )
    if form == Form.JSON:
        typer.echo((output / "ablation.json").read_text(encoding="utf-8"), nl=False)
    elif form == Form.MARKDOWN:
        typer.echo(markdown(found))
    else:
        _print(found)


def _print(found: Ablated) -> None:
    from rich.table import Table
    from rich.text import Text

    from fusebench.bench.ablation import order_text, rows, title

    out = console()
    headings, lines = rows(found)
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < 3 else "right", no_wrap=True)
    for line in lines:
        table.add_row(*map(Text, line), style="dim" if line[2] == "printed" else "")
    out.print(Text(title(found)))
    out.print(table)
    out.print(Text(order_text(found)))


@app.command()
def dictionary(
    method: Annotated[
        str,
        typer.Argument(metavar="METHOD", help="sr (also for its kin), asr, csr, csmca, latlrr."),
    ],
    output: Output,
    seed: Annotated[int, typer.Option(help="The same seed gives the same dictionary.")] = 0,
) -> None:
    """Learn the dictionary of a method from the photographs of the demo; minutes on one core."""
    from fusebench.bench.training import train_dictionary

    for path in train_dictionary(method, output, seed):
        typer.echo(path)
