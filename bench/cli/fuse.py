"""``fusebench fuse``: one pair through one method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fusebench.bench.cli._common import Device, parse_settings
from fusebench.bench.types import InputError


def fuse(
    method: Annotated[str, typer.Argument(help="Slug; see 'fusebench list methods'.")],
    a: Annotated[Path, typer.Argument(help="Infrared, near, under-exposed or functional image.")],
    b: Annotated[Path, typer.Argument(help="Visible, far, over-exposed or MRI image.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="Where to write the fused image.")],
    more: Annotated[
        list[Path] | None, typer.Argument(help="Further images, for methods of any number.")
    ] = None,
    device: Device = "auto",
    weights: Annotated[str | None, typer.Option(help="Name or path of weights.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="An option; of a network also tile=PIXELS or precision=bfloat16.",
        ),
    ] = None,
) -> None:
    """Fuse two images, or more, into a file."""
    from fusebench import methods
    from fusebench.bench.images import read_image, require_same_size, write_image

    paths = [a, b, *(more or [])]
    sources = [read_image(path) for path in paths]
    require_same_size({str(path): image for path, image in zip(paths, sources, strict=True)})
    options: dict[str, Any] = {**parse_settings(settings)}
    for name in {"device", "weights"} & set(options):
        raise InputError(f"{name} is no option of a method; give it as --{name} {options[name]}")
    loaded = methods.load(method, device=device, weights=weights, **options)
    write_image(out, loaded(*sources))
    typer.echo(out)
