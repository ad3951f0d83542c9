"""The page that shows how a training goes: losses and validation scores, without any script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np

_POINTS = 200
_WIDTH, _HEIGHT, _LEFT, _BELOW = 720, 200, 70, 20


def thinned(losses: Sequence[Mapping[str, float]], points: int = _POINTS) -> dict[str, list[Any]]:
    """Average the losses of neighbouring steps.

    Parameters
    ----------
    losses : sequence of mapping
        Losses of each step, by name.
    points : int
        Most values to give.

    Returns
    -------
    dict
        ``step``, the last of each mean, and one list for each name: None where there was no such
        loss.
    """
    ends = np.unique(np.linspace(0, len(losses), min(points, len(losses)) + 1).astype(int))
    names = dict.fromkeys(name for step in losses for name in step)
    found: dict[str, list[Any]] = {"step": [int(end) for end in ends[1:]]}
    for name in names:
        found[name] = []
        for start, end in pairwise(ends):
            values = [step[name] for step in losses[start:end] if name in step]
            found[name].append(float(f"{np.mean(values):.4g}") if values else None)
    return found


def training_page(
    title: str,
    losses: Sequence[Mapping[str, float]],
    scores: Sequence[Mapping[str, float]],
    baselines: Mapping[str, Mapping[str, float]],
    refresh: float | None,
) -> str:
    """Draw the losses and list the validation scores as a page of HTML.

    Parameters
    ----------
    title : str
    losses : sequence of mapping
        Losses of each step, by name.
    scores : sequence of mapping
        Of the validation pairs after each epoch: ``step``, ``epoch`` and one value a metric.
    baselines : mapping
        Scores of other methods on the same pairs.
    refresh : float or None
        Seconds after which a browser reads the page again; None once it is complete.
    """
    again = "" if refresh is None else f'<meta http-equiv="refresh" content="{refresh:g}">'
    points = thinned(losses)
    steps = points.pop("step")
    charts = [_chart(name, steps, values) for name, values in points.items()]
    return "\n".join(
        (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}',
            f"<title>{escape(title)}</title><style>body{{font:14px sans-serif;margin:2em}}",
            "td,th{padding:.1em .8em;text-align:right}polyline{fill:none;stroke:#1f6f8b}",
            "line{stroke:#ccc}</style></head>",
            f"<body><h1>{escape(title)}</h1>",
            *charts,
            *_table(scores, baselines),
            "</body></html>\n",
        )
    )


def _chart(name: str, steps: Sequence[int], values: Sequence[float | None]) -> str:
    """Draw one loss over the steps, on a logarithmic scale where it is positive throughout."""
    known = [(s, v) for s, v in zip(steps, values, strict=True) if v is not None]
    scaled = math.log10 if all(v > 0 for _, v in known) else float
    heights = [scaled(v) for _, v in known]
    low, high, last = min(heights), max(heights), max(steps[-1], 1)
    span = (high - low) or 1.0
    wide, tall = (_WIDTH - _LEFT - 10) / last, (_HEIGHT - 20) / span
    line = " ".join(
        f"{_LEFT + step * wide:.1f},{10 + (high - h) * tall:.1f}"
        for (step, _), h in zip(known, heights, strict=True)
    )
    texts = (
        (_LEFT - 6, 14, "end", f"{max(v for _, v in known):.3g}"),
        (_LEFT - 6, _HEIGHT - 6, "end", f"{min(v for _, v in known):.3g}"),
        (_WIDTH - 10, _HEIGHT + _BELOW - 4, "end", f"step {last}"),
        (_LEFT, _HEIGHT + _BELOW - 4, "start", f"loss {name}: {known[-1][1]:.4g}"),
    )
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT + _BELOW}" role="img" '
        f'aria-label="loss {escape(name)}">'
        f'<line x1="{_LEFT}" y1="5" x2="{_LEFT}" y2="{_HEIGHT}"/>'
        f'<line x1="{_LEFT}" y1="{_HEIGHT}" x2="{_WIDTH}" y2="{_HEIGHT}"/>'
        f'<polyline points="{line}"/>'
        + "".join(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
            for x, y, anchor, text in texts
        )
        + "</svg>"
    )


def _table(
    scores: Sequence[Mapping[str, float]], baselines: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """List the scores after each epoch, the newest first, below those of the baselines."""
    names = [n for n in (scores[-1] if scores else {}) if n not in ("step", "epoch")]
    if not names:
        return []
    rows = [("", baseline, values) for baseline, values in baselines.items()]
    rows += [(f"{s['epoch']:g}", f"{s['step']:g}", s) for s in reversed(scores)]
    head = "".join(f"<th>{escape(name)}</th>" for name in ("epoch", "step", *names))
    return [
        "<h2>Validation pairs</h2>",
        f"<table><tr>{head}</tr>",
        *(
            f"<tr><td>{epoch}</td><td>{escape(step)}</td>"
            + "".join(f"<td>{values[name]:.4f}</td>" for name in names)
            + "</tr>"
            for epoch, step, values in rows
        ),
        "</table>",
    ]
