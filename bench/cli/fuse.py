"""``fusebench fuse``: one pair through one method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fusebench.bench.cli._common import Device, parse_settings


def fuse(
    method: Annotated[str, typer.Argument(help="Slug; see 'fusebench list methods'.")],
    a: Annotated[Path, typer.Argument(help="Infrared, near, under-exposed or functional image.")],
    b: Annotated[Path, typer.Argument(help="Visible, far, over-exposed or MRI image.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="Where to write the fused image.")],
    device: Device = "auto",
    weights: Annotated[str | None, typer.Option(help="Name or path of weights.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option.")
    ] = None,
) -> None:
    """Fuse two images into a file."""
    from fusebench import methods
    from fusebench.bench.images import read_image, require_same_size, write_image

    image_a, image_b = read_image(a), read_image(b)
    require_same_size({str(a): image_a, str(b): image_b})
    loaded = methods.load(method, device=device, weights=weights, **parse_settings(settings))
    write_image(out, loaded(image_a, image_b))
    typer.echo(out)
