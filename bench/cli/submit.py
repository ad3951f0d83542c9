"""``fusebench submit``: results as files to send, to check and to add."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from fusebench.bench.cli._common import Database, console

app = typer.Typer(
    help="Pack results as files, check them, and merge them into a database.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[
    str,
    typer.Argument(
        metavar="DIR", help="Folder that 'submit pack' wrote; 'published' is the one shipped."
    ),
]


@app.command()
def pack(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder to write.")],
    db: Database = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:SPLIT]", help="Only this dataset; may be repeated."),
    ] = None,
    digits: Annotated[
        int, typer.Option(help="Significant digits of scores and times; 17 keeps them whole.")
    ] = 6,
) -> None:
    """Write results as CSV files that diff well: scores, times and digests, without images."""
    from fusebench.bench.pack import pack as write
    from fusebench.bench.store import Store

    with closing(Store.open(db, create=False)) as store:
        packed = write(store, out, names=dataset or (), digits=digits)
    size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    typer.echo(
        f"{packed.methods} methods, {packed.datasets} datasets, {packed.images} images, "
        f"{packed.scores} scores: {size / 1e6:.1f} MB in {out}"
    )
    if packed.older:
        typer.echo(f"{packed.older} scores of older versions of metrics are left out")
    typer.echo(f"Check them: fusebench submit check {out}")


@app.command()
def check(folder: Folder) -> None:
    """Say what keeps packed results from standing beside others; status 1 if anything does."""
    from fusebench.bench.pack import read_pack
    from fusebench.bench.pack_check import check_pack

    packed = read_pack(_place(folder))
    found = check_pack(packed)
    out = console()
    for note in found.notes:
        out.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    for problem in found.problems:
        out.print(f"problem: {problem}", style="red", markup=False, highlight=False, soft_wrap=True)
    images = sum(len(d.images) for d in packed.datasets)
    problems = len(found.problems)
    out.print(
        f"{len(packed.entries)} methods, {len(packed.datasets)} datasets, {images} images: "
        + ("no problems" if not problems else f"{problems} problem{'s' * (problems > 1)}"),
        highlight=False,
    )
    if problems:
        raise typer.Exit(1)


@app.command()
def merge(folder: Folder, db: Database = None) -> None:
    """Add packed results to a database; what it holds already stays as it is.

    Status 1 if the database has other images of the same method, pair and device, each named.
    """
    from fusebench.bench.merge import merge as add
    from fusebench.bench.pack import read_pack
    from fusebench.bench.store import Store

    packed = read_pack(_place(folder))
    with closing(Store.open(db)) as store:
        done = add(store, packed)
    out = console(stderr=True)
    for conflict in done.conflicts:
        out.print(
            f"kept its own: {conflict} has another image in this database",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    typer.echo(
        f"{done.images} images and {done.scores} scores added, {done.kept} images were there"
        + (f", {len(done.conflicts)} differ" if done.conflicts else "")
    )
    if done.conflicts:
        raise typer.Exit(1)


def _place(folder: str) -> Path:
    from fusebench.bench.published import FOLDER
    from fusebench.bench.store import PUBLISHED

    return FOLDER if folder == PUBLISHED else Path(folder).expanduser()
