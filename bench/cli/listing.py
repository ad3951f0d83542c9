"""``fusebench list``: what there is to run, score and load."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from typing import Annotated, Any

import typer

from fusebench.bench.cli._common import console


class Kind(StrEnum):
    """What can be listed."""

    METRICS = "metrics"
    METHODS = "methods"
    DATASETS = "datasets"
    PROTOCOLS = "protocols"
    SUITES = "suites"


def list_names(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything known, as JSON.")] = False,
) -> None:
    """List metrics, methods, datasets, protocols or suites."""
    rows = {
        Kind.METRICS: _metrics,
        Kind.METHODS: _methods,
        Kind.DATASETS: _datasets,
        Kind.PROTOCOLS: _protocols,
        Kind.SUITES: _suites,
    }[kind]()
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich.table import Table

    short = _SHORT[kind]
    table = Table(*(name.replace("_", " ") for name in short), box=None, header_style="bold")
    for row in rows:
        table.add_row(*(_text(row[name]) for name in short))
    console().print(table, markup=False)


_SHORT = {
    Kind.METRICS: ("slug", "label", "direction", "needs", "title"),
    Kind.METHODS: ("slug", "label", "tasks", "origin", "title"),
    Kind.DATASETS: ("slug", "tasks", "splits", "title"),
    Kind.PROTOCOLS: ("name", "title"),
    Kind.SUITES: ("name", "title"),
}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = [k for k in value if k]
    return ", ".join(value) if isinstance(value, list) else str(value)


def _number(value: float | None) -> float | str | None:
    """JSON knows no infinity."""
    return value if value is None or math.isfinite(value) else str(value)


def _metrics() -> list[dict[str, Any]]:
    from fusebench.metrics import METRICS, load_protocol, protocol_names

    protocols = [load_protocol(name) for name in protocol_names()]
    return [
        {
            "slug": m.slug,
            "label": m.label,
            "title": m.title,
            "summary": m.summary,
            "direction": m.direction,
            "bounds": [_number(b) for b in m.bounds],
            "identity": _number(m.identity),
            "needs": m.needs,
            "symmetric": m.symmetric,
            "min_size": m.min_size,
            "parameters": m.parameters,
            "reference": m.reference,
            "doi": m.doi,
            "formula": m.formula,
            "version": m.version,
            "protocols": [p.name for p in protocols if m.slug in p.metrics],
        }
        for m in METRICS
    ]


def _methods() -> list[dict[str, Any]]:
    from dataclasses import asdict

    from fusebench.methods import METHODS

    return [
        {
            "slug": m.slug,
            "label": m.label,
            "title": m.title,
            "summary": m.summary,
            "tasks": list(m.tasks),
            "colour": m.colour,
            "options": m.options,
            "origin": m.origin,
            "weights": [asdict(w) for w in m.weights],
            "fidelity": [{**asdict(f), "psnr": _number(f.psnr)} for f in m.fidelity],
            "runs_on": m.runs_on,
            "min_size": m.min_size,
            "any_number": m.any_number,
            "reference": m.reference,
            "doi": m.doi,
            "version": m.version,
            "notes": m.notes,
        }
        for m in METHODS
    ]


def _datasets() -> list[dict[str, Any]]:
    from dataclasses import asdict

    from fusebench.datasets import DATASETS, downloads, full_name

    return [
        {
            "slug": d.slug,
            "title": d.title,
            "tasks": list(d.tasks),
            "sources": list(d.sources),
            "sizes": d.sizes,
            "splits": dict(d.splits),
            "training": list(d.training),
            "downloads": [s for s in d.splits if downloads(full_name(d.slug, s))],
            "needs_root": d.needs_root,
            "layout": d.layout,
            "licence": d.licence,
            "home": d.home,
            "reference": d.reference,
            "doi": d.doi,
            "version": d.version,
            "notes": d.notes,
            "problems": [asdict(problem) for problem in d.problems],
        }
        for d in DATASETS
    ]


def _protocols() -> list[dict[str, Any]]:
    from fusebench.metrics import load_protocol, protocol_names

    return [
        {
            "name": p.name,
            "title": p.title,
            "notes": p.notes,
            "colour": p.colour,
            "metrics": dict(p.metrics),
        }
        for p in map(load_protocol, protocol_names())
    ]


def _suites() -> list[dict[str, Any]]:
    from fusebench.bench.suite import load_suite, suite_names

    return [
        {
            "name": s.name,
            "title": s.title,
            "datasets": list(s.datasets),
            "methods": [m.slug for m in s.methods],
            "metrics": s.metrics,
            "protocol": s.protocol,
        }
        for s in map(load_suite, suite_names())
    ]
