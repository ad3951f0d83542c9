"""``fusebench diagnose``: which convention explains a published number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fusebench.bench.cli._common import Roots, console, parse_roots
from fusebench.bench.types import Image, InputError


def diagnose(
    metric: Annotated[str, typer.Argument(help="Slug; see 'fusebench list metrics'.")],
    value: Annotated[str, typer.Argument(help="The number, with the digits that were printed.")],
    a: Annotated[Path | None, typer.Argument(help="First source image.")] = None,
    b: Annotated[Path | None, typer.Argument(help="Second source image.")] = None,
    fused: Annotated[Path | None, typer.Argument(help="Fused image.")] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME[:SPLIT]", help="The number is a mean over this.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--fused", metavar="DIR", help="Folder of fused images.")
    ] = None,
    roots: Roots = None,
    most: Annotated[int, typer.Option(min=1, help="Number of conventions to show.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="All of them, as JSON.")] = False,
) -> None:
    """Rank the conventions of published toolboxes by how well they explain a number.

    For one triple (A B FUSED), or the mean over a dataset (--dataset --fused).
    """
    from rich.table import Table
    from rich.text import Text

    from fusebench.bench.diagnose import diagnose as explain
    from fusebench.bench.images import read_image

    if dataset is not None and folder is not None and a is None:
        triples = _folder_triples(dataset, folder, roots)
    elif a is not None and b is not None and fused is not None and dataset is None:
        triples = [(read_image(a), read_image(b), read_image(fused))]
    else:
        raise InputError("give three images (A B FUSED), or --dataset NAME and --fused DIR")
    found = explain(metric, value, triples)
    if as_json:
        document = [
            {
                "parameters": dict(e.convention.parameters),
                "colour": e.convention.colour,
                "protocols": list(e.convention.protocols),
                "value": e.value if e.value == e.value else None,
                "relative_error": e.error if e.error == e.error else None,
                "exact": e.exact,
            }
            for e in found
        ]
        typer.echo(json.dumps(document, indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(metric)
    table.add_column("value", justify="right")
    table.add_column("off by", justify="right")
    table.add_column("protocols")
    for e in found[:most]:
        off = "equal as printed" if e.exact else f"{100 * e.error:.3g}%"
        style = "bold green" if e.exact else ""
        cells = (str(e.convention), f"{e.value:.10g}", off, ", ".join(e.convention.protocols))
        table.add_row(*(Text(cell, style=style) for cell in cells))
    out = console()
    out.print(table)
    if not found[0].exact:
        out.print(f"No convention known here gives {value}; the nearest is above.", markup=False)


def _folder_triples(
    dataset: str, folder: Path, roots: list[str] | None
) -> list[tuple[Image, Image, Image]]:
    from fusebench import datasets
    from fusebench.bench.images import read_image, require_same_size
    from fusebench.bench.runner import find_root, match_files

    opened = datasets.load(dataset, find_root(dataset, parse_roots(roots)))
    files = match_files(folder, opened)
    missing = [key for key in opened.keys if key not in files]
    if missing:
        raise InputError(f"{folder}: {datasets.listing('missing file', missing)}")
    triples = []
    for pair in opened:
        image = read_image(files[pair.key])
        require_same_size({f"pair {pair.key}": pair.a, str(files[pair.key]): image})
        triples.append((pair.a, pair.b, image))
    return triples
