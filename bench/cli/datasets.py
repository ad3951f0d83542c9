"""``fusebench datasets``: where the images are, and whether they are the right ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusebench.bench.types import InputError

if TYPE_CHECKING:
    from fusebench.bench.types import DatasetInfo

app = typer.Typer(help="Find and verify datasets.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME[:SPLIT]", help="See 'fusebench list datasets'.")]
Root = Annotated[Path | None, typer.Option("--root", metavar="DIR", help="Folder of the images.")]


@app.command()
def get(name: Name, root: Root = None) -> None:
    """Put the images of a dataset into a folder, or say how to get them."""
    from fusebench import datasets

    info = _info(name)
    if info.needs_root:
        raise InputError(
            f"{name} cannot be downloaded by fusebench: get it from {info.home}, then check it "
            f"with 'fusebench datasets verify {name} --root DIR' (expected {info.layout})"
        )
    for folder in datasets.export(datasets.load(name), root or _cached(name, info)):
        typer.echo(folder)


@app.command()
def where(name: Name) -> None:
    """Say where 'datasets get' puts a dataset."""
    info = _info(name)
    if info.needs_root:
        raise InputError(f"{name} lies where you keep it: give its folder with --root DIR")
    folder = _cached(name, info)
    typer.echo(folder)
    if not folder.is_dir():
        raise InputError(f"nothing is there yet; write it with 'fusebench datasets get {name}'")


@app.command()
def verify(name: Name, root: Root = None) -> None:
    """Compare images with the frozen split, pixel by pixel; status 1 if any differ."""
    from fusebench import datasets

    dataset = datasets.load(name, root)
    differences = datasets.verify(dataset)
    for difference in differences:
        typer.echo(difference)
    if differences:
        raise typer.Exit(1)
    typer.echo(f"{name}: all {len(dataset)} pairs are as frozen")


def _info(name: str) -> DatasetInfo:
    from fusebench.datasets import DATASETS

    return DATASETS[name.partition(":")[0]]


def _cached(name: str, info: DatasetInfo) -> Path:
    from fusebench.bench.folders import cache_folder

    return cache_folder() / "datasets" / f"{name.replace(':', '-')}-v{info.version}"
