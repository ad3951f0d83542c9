"""``fusebench train``: make the weights that the package ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fusebench.bench.cli._common import Device, Roots, parse_roots, parse_settings, progress_bar


class _Group(TyperGroup):
    """Takes what is no command for the arguments of ``network``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["network", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Group,
    help="Train a network ('fusebench train METHOD --data …') or a dictionary.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Output = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder.")]


@app.command()
def network(
    method: Annotated[
        str, typer.Argument(metavar="METHOD", help="Slug of a method that has a recipe.")
    ],
    output: Output,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="DATASET", help="Such as roadscene:161; may be repeated."),
    ] = None,
    root: Roots = None,
    budget: Annotated[
        str | None, typer.Option(help="paper or cpu  [default: paper on a GPU, else cpu]")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Instead of the budget's.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same weights on a CPU.")] = 0,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
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
