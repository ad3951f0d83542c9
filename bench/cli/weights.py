"""``fusebench weights``: where the weights of methods are, and whether they are the right ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusebench.bench.cli._common import progress_bar
from fusebench.bench.types import FusebenchError, InputError, MissingDataError

if TYPE_CHECKING:
    from fusebench.bench.types import Method, WeightFile, Weights

app = typer.Typer(
    help="Get and verify the weights of methods.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[
    str, typer.Argument(metavar="METHOD|all", help="Slug; see 'fusebench list methods'.")
]
Source = Annotated[
    Path | None,
    typer.Option("--from", metavar="DIR", help="A folder that has them, under any names."),
]


@app.command()
def get(method: Name, source: Source = None) -> None:
    """Fetch the weights of a method from its authors, or from a folder; shows their licence first.

    Files are known by their sha256. Nothing is written that is not what the record states.
    """
    failures = []
    found = _by_digest(source) if source is not None else None
    for record, weights in _sets(method):
        typer.echo(f"{record.slug} {weights.name}: licence {weights.licence}; {weights.home}")
        for file in weights.files:
            try:
                typer.echo(_get(record, weights, file, found))
            except FusebenchError as e:
                failures.append(e)
    _finish(failures)


@app.command()
def where(method: Name) -> None:
    """Say where the weights of a method are."""
    from fusebench.methods._weights import find_file

    failures = []
    for record, weights in _sets(method):
        for file in weights.files:
            try:
                typer.echo(find_file(record.slug, file))
            except FusebenchError as e:
                failures.append(e)
    _finish(failures)


@app.command()
def verify(method: Name) -> None:
    """Compare the files with the records; status 1 if any is absent or another."""
    from fusebench.methods._weights import find_file

    wrong = 0
    for record, weights in _sets(method):
        for file in weights.files:
            try:
                path = find_file(record.slug, file)
            except FusebenchError as e:
                wrong += 1
                typer.echo(str(e))
            else:
                typer.echo(f"{record.slug}: {path} is as recorded")
    if wrong:
        raise typer.Exit(1)


def _finish(failures: Sequence[FusebenchError]) -> None:
    """Tell what is not as it should be: as a mistake if it is one thing, else one line each."""
    if len(failures) == 1:
        raise failures[0]
    for failure in failures:
        typer.echo(f"failed: {' '.join(str(failure).split())}", err=True)
    if failures:
        raise typer.Exit(1)


def _sets(name: str) -> Iterator[tuple[Method, Weights]]:
    from fusebench.methods import METHODS

    records = [m for m in METHODS if m.weights] if name == "all" else [METHODS[name]]
    for record in records:
        if not record.weights:
            raise InputError(f"{record.slug} has no weights; it runs without")
        for weights in record.weights:
            yield record, weights


def _get(record: Method, weights: Weights, file: WeightFile, found: dict[str, Path] | None) -> Path:
    from fusebench.bench.fetch import fetch
    from fusebench.methods._weights import fetched, find_file

    try:
        return find_file(record.slug, file)
    except FusebenchError:
        if not file.sha256:
            raise
        target = fetched(record.slug, file.name)
    if found is not None:
        if file.sha256 not in found:
            raise MissingDataError(
                f"no file there is the {file.name} of {record.slug} (sha256 {file.sha256})"
            )
        return _copy(found[file.sha256], target)
    if not file.url:
        raise MissingDataError(
            f"{file.name} of {record.slug} has no public address that stays the same; "
            f"{weights.notes or 'see ' + weights.home} (once you have it: fusebench weights get "
            f"{record.slug} --from DIR)"
        )
    with progress_bar("Downloading", of_bytes=True) as progress:
        return fetch(file.url, file.sha256, target, progress=progress)


def _by_digest(folder: Path) -> dict[str, Path]:
    from fusebench.methods._weights import file_digest

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the one that holds the weights")
    return {file_digest(path): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _copy(source: Path, target: Path) -> Path:
    import shutil

    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part)
        part.replace(target)
    except OSError as e:
        raise InputError(f"cannot write {target}: {e.strerror or e}") from None
    return target
