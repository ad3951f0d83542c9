"""``fusebench methods card``: everything known about one method."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fusebench.bench.types import TASK_TITLES, FusebenchError

if TYPE_CHECKING:
    from fusebench.bench.types import Fidelity, Method, Weights

app = typer.Typer(
    help="Everything known about one method.", no_args_is_help=True, rich_markup_mode=None
)


# Without a callback, Typer takes an only command for the whole group.
@app.callback()
def _group() -> None:
    pass


@app.command()
def card(
    method: Annotated[str, typer.Argument(help="Slug; see 'fusebench list methods'.")],
) -> None:
    """Print the card of a method in Markdown: what it does, how faithfully, terms, citation."""
    from fusebench.methods import METHODS

    for line in card_of(METHODS[method]):
        typer.echo(line)


def card_of(m: Method) -> Iterator[str]:
    """Give the lines of a method's card."""
    yield f"# {m.label} (`{m.slug}`, version {m.version})"
    yield f"{m.title}. {m.summary}"
    yield ""
    yield f"* Tasks: {', '.join(TASK_TITLES[t].lower() for t in m.tasks)}"
    sources = "any number" if m.any_number else "two"
    yield f"* Sources: {sources}, at least {m.min_size}x{m.min_size} pixels"
    yield f"* Colour: {m.colour.replace('_', ' ')}"
    yield f"* Options: {', '.join(f'{k}={v!r}' for k, v in m.options.items()) or 'none'}"
    yield f"* Runs on: {'CPU' if m.runs_on == 'cpu' else 'CPU and GPU'}"
    yield f"* Origin: {m.origin}"
    if m.weights:
        yield f"* Learned values: {_parameters(m)}"
    if m.notes:
        yield f"* Note: {m.notes}"
    for weights in m.weights:
        yield from _weights(m, weights)
    yield ""
    yield "## Distance to the authors' output"
    for f in m.fidelity:
        yield f"* {f.images} image{'s' * (f.images > 1)}, {f.against}: {_figures(f)}"
    if not m.fidelity:
        yield "* Not measured: nobody's output was at hand."
    yield ""
    yield "## Terms"
    yield "* Code: Apache-2.0, written for fusebench"
    for weights in m.weights:
        yield f"* Weights {weights.name}: licence {weights.licence}"
    yield ""
    yield "## Cite"
    yield f"{m.reference}." + (f" https://doi.org/{m.doi}" if m.doi else "")


def _weights(m: Method, weights: Weights) -> Iterator[str]:
    from fusebench.methods._weights import find_file

    yield ""
    yield f"## Weights {weights.name} ({weights.origin})"
    if weights.home:
        yield f"* Home: {weights.home}"
    if weights.trained_on:
        yield f"* Trained on: {', '.join(weights.trained_on)}"
    if weights.notes:
        yield f"* {weights.notes}"
    for file in weights.files:
        if not file.sha256:
            yield f"* {file.name}: at no fixed address; give it with --weights PATH"
            continue
        try:
            place = str(find_file(m.slug, file))
        except FusebenchError:
            place = f"not here; run: fusebench weights get {m.slug}"
        yield f"* {file.name}, sha256 {file.sha256}: {place}"


def _parameters(m: Method) -> str:
    from fusebench import methods

    try:
        learned = methods.load(m.slug, device="cpu").parameters
    except FusebenchError:
        return "counted once the weights are here"
    return "a dictionary" if learned is None else f"{learned:,}"


def _figures(f: Fidelity) -> str:
    figures = [f"{100 * f.within_one:.3f}% of pixels within one level"]
    if f.equal is not None:
        figures.insert(0, f"{100 * f.equal:.3f}% equal")
    figures.append(f"mean difference {f.mean_abs:.2g}, largest {f.max_abs:g}")
    if f.psnr is not None:
        figures.append("PSNR ∞" if math.isinf(f.psnr) else f"PSNR {f.psnr:.1f} dB")
    return ", ".join(figures)
