"""``fusebench fuse``: one pair through one method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fusebench.bench.cli._common import Device, parse_settings, progress_bar
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
    losses: Annotated[
        Path | None,
        typer.Option(
            help="Where to write the loss of each iteration (CSV), if the method has one."
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
    curve: list[float] = []
    with progress_bar("Fusing") as move:

        def told(done: int, total: int, loss: float) -> None:
            curve.append(loss)
            move(done, total, f"loss {loss:.4g}")

        if not loaded.watch(told) and losses is not None:
            raise InputError(
                f"{method} has no losses, for it does not optimise; leave out --losses"
            )
        fused = loaded(*sources)
    write_image(out, fused)
    if losses is not None:
        _write_curve(losses, curve)
    typer.echo(out)


def _write_curve(path: Path, losses: list[float]) -> None:
    """Write the losses of an optimisation, one line an iteration."""
    lines = ["iteration,loss", *(f"{k},{loss!r}" for k, loss in enumerate(losses, start=1))]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as e:
        raise InputError(f"cannot write {path}: {e.strerror or e}") from None
