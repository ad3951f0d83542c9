"""``fusebench score``: one triple, or a folder of results."""

from __future__ import annotations

import json
import math
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from fusebench.bench.cli._common import (
    Database,
    MetricNames,
    ProtocolName,
    Roots,
    Workers,
    console,
    finish,
    parse_roots,
    progress_bar,
)
from fusebench.bench.types import InputError


def score(
    a: Annotated[Path | None, typer.Argument(help="First source image.")] = None,
    b: Annotated[Path | None, typer.Argument(help="Second source image.")] = None,
    fused: Annotated[Path | None, typer.Argument(help="Fused image.")] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Ideal fused image, for one triple.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME[:SPLIT]", help="Score a folder on this dataset.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--fused", metavar="DIR", help="Folder of fused images.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the method in tables.")] = None,
    roots: Roots = None,
    metrics: MetricNames = "all",
    protocol: ProtocolName = "canonical",
    as_json: Annotated[bool, typer.Option("--json", help="Scores of a triple as JSON.")] = False,
    db: Database = None,
    workers: Workers = None,
) -> None:
    """Score one fused image (A B FUSED), or a folder of them (--dataset --fused --name).

    Files of a folder are matched to the pairs of the dataset by their stem.
    """
    if dataset is None and folder is None and name is None:
        if a is None or b is None or fused is None:
            raise InputError(
                "give three images (A B FUSED), or --dataset NAME --fused DIR --name LABEL"
            )
        _score_triple(a, b, fused, reference, metrics, protocol, as_json)
        return
    if dataset is None or folder is None or name is None:
        raise InputError("scoring a folder needs all of --dataset, --fused and --name")
    if a is not None or reference is not None or as_json:
        raise InputError(
            "images, --reference and --json belong to one triple; leave them out with --dataset"
        )
    _score_folder(dataset, folder, name, roots, metrics, protocol, db, workers)


def _score_triple(
    a: Path,
    b: Path,
    fused: Path,
    reference: Path | None,
    metrics: str,
    protocol: str,
    as_json: bool,
) -> None:
    from rich.table import Table

    from fusebench.bench.images import read_image, require_content, require_same_size
    from fusebench.leaderboard.board import ARROWS
    from fusebench.leaderboard.export import format_value
    from fusebench.metrics import METRICS, explain

    paths = [a, b, fused] if reference is None else [a, b, fused, reference]
    images = [read_image(path) for path in paths]
    named = {str(path): image for path, image in zip(paths, images, strict=True)}
    require_same_size(named)
    require_content(named)
    ideal = images[3] if reference is not None else None
    scores = explain(images[0], images[1], images[2], metrics, protocol, reference=ideal)
    errors = {slug: s.reason or _not_finite(s.value) for slug, s in scores.items()}
    if as_json:
        values = {slug: s.value if math.isfinite(s.value) else None for slug, s in scores.items()}
        reasons = {slug: reason for slug, reason in errors.items() if values[slug] is None}
        document = {"protocol": protocol, "scores": values, "errors": reasons}
        typer.echo(json.dumps(document, indent=2))
        return
    table = Table("metric", "", "title", box=None, header_style="bold")
    table.add_column("value", justify="right")
    for slug, s in scores.items():
        record = METRICS[slug]
        value = format_value(s.value) if s.reason is None else f"undefined: {s.reason}"
        table.add_row(slug, ARROWS[record.direction], record.title, value)
    console().print(table, markup=False)


def _not_finite(value: float) -> str:
    return "infinite: the images are equal" if math.isinf(value) else "undefined"


def _score_folder(
    dataset: str,
    folder: Path,
    name: str,
    roots: list[str] | None,
    metrics: str,
    protocol: str,
    db: str | None,
    workers: int | None,
) -> None:
    from fusebench.bench.cli._tables import print_ranking
    from fusebench.bench.pool import make_pool
    from fusebench.bench.runner import find_root, score_folder
    from fusebench.bench.store import Store
    from fusebench.leaderboard.board import find_evaluations, ranked

    pool = make_pool("local", workers, None)
    with closing(Store.open(db)) as store:
        with progress_bar(name) as progress:
            report = score_folder(
                folder,
                name,
                dataset,
                store,
                root=find_root(dataset, parse_roots(roots)),
                wanted=metrics,
                protocol=protocol,
                pool=pool,
                progress=progress,
            )
        out = console()
        for evaluation in find_evaluations(store, dataset):
            print_ranking(out, ranked(store, evaluation, metrics, protocol))
    finish(report)
