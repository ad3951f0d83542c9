"""Small charts as SVG, for pages that must open without a server, a network or a script."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from fusebench.bench.stats import Friedman
from fusebench.leaderboard.board import Column, Line
from fusebench.leaderboard.export import format_value

_WIDTH, _ROW, _LABEL = 720, 22, 190
_TEXT = 12


def mean_chart(lines: Sequence[Line], column: Column) -> str:
    """Draw the mean of each ranked method with its 95% interval.

    Parameters
    ----------
    lines : sequence of Line
        Of a ranking; lines without an interval of this metric are left out.
    column : Column

    Returns
    -------
    str
        An ``<svg>`` element, "" where no line has an interval.
    """
    shown = [
        (line.label, cell.mean, cell.low, cell.high)
        for line in lines
        for cell in [line.cells[column.slug]]
        if cell.mean is not None and cell.low is not None and cell.high is not None
        if all(map(math.isfinite, (cell.mean, cell.low, cell.high)))
    ]
    if not shown:
        return ""
    low, high = min(s[2] for s in shown), max(s[3] for s in shown)
    ticks = list(_ticks(low, high))
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return _LABEL + (value - low) / span * (_WIDTH - _LABEL - 20)

    height = _ROW * (len(shown) + 1) + 8
    title = f"{column.metric.plain_label}: mean and 95% interval of each method"
    svg = _svg(height, title)
    for tick in ticks:
        _line(svg, x(tick), 0, x(tick), height - _ROW, "grid")
        _text(svg, x(tick), height - 6, f"{tick:.6g}", "middle")
    for i, (label, mean, start, stop) in enumerate(shown):
        y = _ROW * (i + 0.5)
        _text(svg, _LABEL - 10, y + 4, _short(label), "end")
        _line(svg, x(start), y, x(stop), y, "bar")
        dot = ElementTree.SubElement(svg, "circle", cx=f"{x(mean):.1f}", cy=f"{y:.1f}", r="4")
        dot.set("class", "dot")
        tip = ElementTree.SubElement(dot, "title")
        values = f"{format_value(mean)} [{format_value(start)}, {format_value(stop)}]"
        tip.text = f"{label}: {values}"
    return ElementTree.tostring(svg, encoding="unicode")


def critical_difference(labels: Sequence[str], test: Friedman) -> str:
    """Draw mean ranks on a line, with bars over methods that Nemenyi's test does not separate.

    The diagram of J. Demsar, "Statistical comparisons of classifiers over multiple data sets,"
    J. Mach. Learn. Res. 7, 2006.
    """
    count = len(labels)
    order = sorted(range(count), key=lambda i: (test.mean_ranks[i], i))
    left, right, top = 210.0, _WIDTH - 210.0, 54.0

    def x(rank: float) -> float:
        return left + (rank - 1) / (count - 1) * (right - left)

    bars = list(_not_separated([float(test.mean_ranks[i]) for i in order], test))
    levels = (count + 1) // 2
    bottom = top + 12 + 9 * len(bars)
    height = int(bottom + _ROW * levels + 8)
    svg = _svg(height, "Critical-difference diagram: mean ranks, best on the left")
    _line(svg, left, top, right, top, "axis")
    for rank in range(1, count + 1):
        if count <= 12 or rank in (1, count) or rank % 5 == 0:
            _line(svg, x(rank), top - 5, x(rank), top, "axis")
            _text(svg, x(rank), top - 9, str(rank), "middle")
    limit = min(test.critical_difference, count - 1)
    _line(svg, left, 16, x(1 + limit), 16, "axis")
    _text(svg, left, 11, f"critical difference {test.critical_difference:.2f}", "start")
    for level, (first, last) in enumerate(bars):
        y = top + 10 + 9 * level
        _line(svg, x(first) - 3, y, x(last) + 3, y, "group")
    for place, i in enumerate(order):
        on_left = place < levels
        row = place if on_left else count - 1 - place
        y = bottom + _ROW * (row + 0.5)
        at, end = x(float(test.mean_ranks[i])), left - 8 if on_left else right + 8
        _line(svg, at, top, at, y, "lead")
        _line(svg, at, y, end, y, "lead")
        text = f"{_short(labels[i])} {test.mean_ranks[i]:.2f}"
        _text(svg, end + (-4 if on_left else 4), y + 4, text, "end" if on_left else "start")
    return ElementTree.tostring(svg, encoding="unicode")


def _not_separated(ranks: Sequence[float], test: Friedman) -> Iterator[tuple[float, float]]:
    """Give the longest runs of sorted mean ranks within one critical difference."""
    reached = 0
    for start, rank in enumerate(ranks):
        stop = sum(other - rank < test.critical_difference for other in ranks)
        if stop > max(reached, start + 1):
            yield rank, ranks[stop - 1]
            reached = stop


def _ticks(low: float, high: float) -> Iterator[float]:
    """Give about five round numbers that hold an interval."""
    span = (high - low) or abs(high) or 1.0
    unit = 10.0 ** math.floor(math.log10(span / 4))
    step = next(unit * k for k in (1, 2, 5, 10) if span / (unit * k) <= 5)
    first = math.floor(low / step)
    for i in range(first, math.ceil(high / step) + 1):
        yield i * step


def _short(label: str, limit: int = 24) -> str:
    line = " ".join(label.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _svg(height: int, title: str) -> ElementTree.Element:
    svg = ElementTree.Element(
        "svg",
        {"viewBox": f"0 0 {_WIDTH} {height}", "role": "img", "font-size": str(_TEXT)},
    )
    ElementTree.SubElement(svg, "title").text = title
    return svg


def _line(svg: ElementTree.Element, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    line = ElementTree.SubElement(svg, "line", {k: f"{v:.1f}" for k, v in ends.items()})
    line.set("class", kind)


def _text(svg: ElementTree.Element, x: float, y: float, text: str, anchor: str) -> None:
    element = ElementTree.SubElement(svg, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}"})
    element.set("text-anchor", anchor)
    element.text = text
