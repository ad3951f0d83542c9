"""``fusebench datasets``: where the images are, and whether they are the right ones."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from fusebench.bench.cli._common import console, progress_bar
from fusebench.bench.types import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusebench.bench.types import DatasetInfo
    from fusebench.datasets import Check, Download

app = typer.Typer(
    help="Get, verify and check datasets.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(metavar="NAME[:SPLIT]", help="See 'fusebench list datasets'.")]
Root = Annotated[Path | None, typer.Option("--root", metavar="DIR", help="Folder of the images.")]

GITHUB = "https://raw.githubusercontent.com"


@app.command()
def get(name: Name, root: Root = None) -> None:
    """Put the images of a dataset into a folder, or say how to get them."""
    from fusebench import datasets

    info = _info(name)
    folder = root or datasets.dataset_folder(name)
    if not info.needs_root:
        for made in datasets.export(datasets.load(name), folder):
            typer.echo(made)
        return
    files = datasets.downloads(name)
    if not files:
        raise InputError(_instructions(name, info))
    out = console(stderr=True)
    repositories = ", ".join(sorted({f"github.com/{f.repository}" for f in files}))
    for line in (
        f"{info.title}. Terms: {info.licence}.",
        f"Please cite: {info.reference}{f', doi:{info.doi}' if info.doi else ''}.",
        f"{len(files)} files from {repositories}",
    ):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    _download(files, folder)
    dataset = datasets.load(name, folder)
    differences = datasets.verify(dataset)
    if differences:
        raise InputError(f"{name}: {datasets.listing('difference', differences)}")
    if info.splits[dataset.split] is None:
        out.print(
            f"These are the {len(dataset)} pairs whose pixels are known here; {info.home} has all.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    typer.echo(folder)


def _download(files: Sequence[Download], folder: Path) -> None:
    from fusebench.bench.fetch import Remote, fetch_archive, fetch_files

    def address(file: Download, path: str) -> str:
        return f"{GITHUB}/{file.repository.replace('@', '/')}/{quote(path)}"

    archives = {f.source.partition("!/")[0] for f in files if "!/" in f.source}
    with progress_bar("Downloading", of_bytes=bool(archives)) as progress:
        if archives:
            (archive,) = archives
            members = [Remote(f.source.partition("!/")[2], f.path, f.sha256) for f in files]
            url = address(files[0], archive)
            fetch_archive(url, None, folder, members=members, progress=progress)
        else:
            remote = [Remote(address(f, f.source), f.path, f.sha256) for f in files]
            fetch_files(remote, folder, progress=progress)


@app.command()
def where(name: Name) -> None:
    """Say where 'datasets get' puts a dataset."""
    from fusebench import datasets

    _info(name)
    folder = datasets.dataset_folder(name)
    typer.echo(folder)
    if not folder.is_dir():
        raise InputError(f"nothing is there yet; see 'fusebench datasets get {name}'")


@app.command()
def verify(name: Name, root: Root = None) -> None:
    """Compare images with the frozen split, pixel by pixel; status 1 if any differ."""
    from fusebench import datasets

    dataset = datasets.load(name, root)
    if not dataset.frozen and dataset.info.slug in datasets.RECORDS:
        dataset.inspect()
        typer.echo(f"{name}: {len(dataset)} pairs can be read; nobody has listed their pixels")
        return
    differences = datasets.verify(dataset)
    for difference in differences:
        typer.echo(difference)
    if differences:
        raise typer.Exit(1)
    unknown = datasets.not_compared(dataset)
    if unknown:
        known = len(dataset) - len(unknown)
        typer.echo(
            f"{name}: {known} of {len(dataset)} pairs are as listed; nobody has listed the pixels "
            f"of {datasets.listing('other', unknown)}"
        )
    else:
        typer.echo(f"{name}: all {len(dataset)} pairs are as frozen")


@app.command()
def check(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of pairs.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything measured, as JSON.")] = False,
) -> None:
    """Look for shifted, double, exchanged and empty images in any folder; status 1 if any.

    A folder may hold pairs, or folders that do; duplicates are looked for in all of them together.
    """
    from fusebench import datasets

    opened = [dataset for folder in folders for dataset in datasets.open_folders(folder)]
    with progress_bar("Checking") as progress:
        result = datasets.check(opened, progress)
    if as_json:
        typer.echo(json.dumps(_plain(asdict(result)), indent=2, ensure_ascii=False))
    else:
        _print_check(result)
    if result.findings:
        raise typer.Exit(1)


def _print_check(result: Check) -> None:
    from rich.table import Table

    from fusebench import datasets

    out = console()
    names = ("pair", "size", "channels", "bits", "r at 0", "best r", "shift", "suspicious")
    table = Table(*names, box=None, header_style="bold")
    kinds: dict[tuple[str, str], dict[str, None]] = {}
    for finding in result.findings:
        kinds.setdefault((finding.dataset, finding.key), {})[finding.kind] = None
    for pair in result.pairs:
        r = pair.registration
        table.add_row(
            f"{pair.dataset}/{pair.key}",
            f"{pair.width}x{pair.height}",
            "{}|{}".format(*pair.channels),
            "{}|{}".format(*pair.bits),
            f"{r.zero:.3f}",
            f"{r.best:.3f}",
            f"{r.dx:.1f}, {r.dy:.1f}",
            ", ".join(kinds.get((pair.dataset, pair.key), ())),
        )
    out.print(table, markup=False)
    for f in result.findings:
        typer.echo(f"{f.dataset}/{f.key}: {f.text}")
    typer.echo(datasets.summary(result))


def _plain(value: Any) -> Any:
    """JSON knows no NaN."""
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _info(name: str) -> DatasetInfo:
    from fusebench.datasets import DATASETS

    return DATASETS[name.partition(":")[0]]


def _instructions(name: str, info: DatasetInfo) -> str:
    from fusebench.datasets import RECORDS

    if info.slug not in RECORDS:
        return f"{name} stands for your own images: there is nothing to get; give --root DIR"
    repository = RECORDS[info.slug].repository
    listed = f"; files as in github.com/{repository}" if repository else ""
    return (
        f"{name} cannot be downloaded by fusebench: get it from {info.home} (terms: "
        f"{info.licence}{listed}), then check it with 'fusebench datasets verify {name} --root "
        f"DIR' (expected {info.layout})"
    )
