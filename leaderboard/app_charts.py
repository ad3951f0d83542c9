"""Charts of the app, made with Altair. No Streamlit here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import altair as alt
import pandas as pd

from fusebench.bench.trust import Degradation, Trust
from fusebench.leaderboard.board import Column, Line, PairValues, Ranking
from fusebench.leaderboard.export import format_value

Layers: TypeAlias = alt.LayerChart | alt.FacetChart
"""What Altair calls the result of layering."""

GREEN, GREY = "#2a7f73", "#999999"
# Pixels for one metric, and every one of them named.
_STEP = 19
# Of a cell that holds a number.
_CELL, _HIGH = 58, 26
_EVERY = alt.Axis(labelOverlap=False)
# For charts whose size, or height alone, comes of their rows: Streamlit would ask Vega to fit both
# into a given size, and Vega would complain in the console of the browser.
_FIT_WIDTH = alt.AutoSizeParams(type="fit-x", contains="padding")
_FIT_NOTHING = alt.AutoSizeParams(type="pad")
# Of Kendall's tau; the middle is no relation.
_LIKENESS = alt.Scale(domain=[-1, 0, 1], range=["#b5483a", "#f2f2f2", GREEN])
# Behaviour under these is drawn; the others are in a table.
DRAWN = ("blur", "noise", "contrast")


def behaviour_limits(known: Trust) -> tuple[float, float]:
    """Give one range of values for the charts of a metric that stand beside each other."""
    means = [v for name in DRAWN for v in known.responses[name].means if v is not None]
    low, high = min([known.base, *means]), max([known.base, *means])
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def behaviour_chart(known: Trust, degradation: Degradation, limits: tuple[float, float]) -> Layers:
    """Draw the mean of a metric against the strength of a degradation.

    Parameters
    ----------
    known : Trust
    degradation : Degradation
    limits : tuple of float
        Range of the values.
    """
    means = known.responses[degradation.name].means
    points = pd.DataFrame(
        {
            "strength": [degradation.neutral, *degradation.strengths],
            "value": [known.base, *means],
        }
    )
    x = alt.X("strength:Q", title=degradation.unit, scale=alt.Scale(nice=False, zero=False))
    y = alt.Y("value:Q", title=None, scale=alt.Scale(domain=list(limits), nice=False))
    line = (
        alt.Chart(points)
        .mark_line(point=alt.OverlayMarkDef(color=GREEN), color=GREEN)
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("strength:Q", title=degradation.unit),
                alt.Tooltip("value:Q", title="mean", format=".5g"),
            ],
        )
    )
    base = (
        alt.Chart(pd.DataFrame({"value": [known.base]}))
        .mark_rule(color=GREY, strokeDash=[4, 3])
        .encode(y=y)
    )
    return alt.layer(base, line, title=degradation.title, height=250)


def likeness_chart(tau: pd.DataFrame, slug: str, labels: dict[str, str]) -> alt.Chart:
    """Draw how alike one metric and each other rank, most alike first.

    Parameters
    ----------
    tau : DataFrame
        Square, by slugs.
    slug : str
    labels : dict of str to str
    """
    row: pd.Series[float] = tau[slug].drop(slug).dropna().sort_values(ascending=False)
    values = pd.DataFrame({"metric": [labels[s] for s in row.index], "tau": row.to_numpy()})
    chart: alt.Chart = (
        alt.Chart(values)
        .mark_bar()
        .encode(
            x=alt.X("tau:Q", title="Kendall's τ", scale=alt.Scale(domain=[-1, 1])),
            y=alt.Y("metric:N", title=None, sort=None, axis=_EVERY),
            color=alt.Color("tau:Q", scale=_LIKENESS, legend=None),
            tooltip=["metric:N", alt.Tooltip("tau:Q", title="tau", format=".3f")],
        )
        # A step of each row would be the same height, but Vega has no step beside a width to fit.
        .properties(height=_STEP * len(values), autosize=_FIT_WIDTH)
    )
    return chart


def heat_map(tau: pd.DataFrame, labels: dict[str, str]) -> alt.Chart:
    """Draw how alike all metrics rank.

    Parameters
    ----------
    tau : DataFrame
        Square, by slugs.
    labels : dict of str to str
    """
    values = pd.DataFrame(
        [
            {"first": labels[a], "second": labels[b], "tau": tau.loc[a, b]}
            for a in tau.index
            for b in tau.columns
            if not math.isnan(tau.loc[a, b])
        ],
        columns=["first", "second", "tau"],
    )
    order = [labels[slug] for slug in tau.index]
    chart: alt.Chart = (
        alt.Chart(values)
        .mark_rect()
        .encode(
            x=alt.X(
                "second:N",
                title=None,
                sort=order,
                axis=alt.Axis(labelAngle=-90, labelOverlap=False),
            ),
            y=alt.Y("first:N", title=None, sort=order, axis=_EVERY),
            color=alt.Color("tau:Q", title="τ", scale=_LIKENESS),
            tooltip=["first:N", "second:N", alt.Tooltip("tau:Q", title="tau", format=".3f")],
        )
        .properties(width=alt.Step(_STEP), height=alt.Step(_STEP), autosize=_FIT_NOTHING)
    )
    return chart


def places_chart(ranking: Ranking) -> Layers:
    """Draw the place of every ranked method by every metric that counts; brighter is better."""
    ranked = [line for line in ranking.lines if line.rank is not None]
    columns = [c for c in ranking.columns if c.counts]
    last = max((line.cells[c.slug].place or 1 for line in ranked for c in columns), default=1)
    rows = [
        {
            "method": line.label,
            "metric": column.heading,
            "mean": cell.mean,
            "text": format_value(cell.mean),
            "place": cell.place,
            "dark": (cell.place or 1) > (1 + last) / 2,
        }
        for line in ranked
        for column in columns
        for cell in [line.cells[column.slug]]
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X(
            "metric:N",
            title=None,
            sort=[c.heading for c in columns],
            axis=alt.Axis(labelAngle=-45, orient="top", labelOverlap=False),
        ),
        y=alt.Y("method:N", title=None, sort=[line.label for line in ranked], axis=_EVERY),
        tooltip=["method:N", "metric:N", alt.Tooltip("text:N", title="mean"), "place:Q"],
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "place:Q",
            title="place",
            # Evenly from bright to dark for any colour vision.
            scale=alt.Scale(scheme="viridis", reverse=True, domain=[1, max(last, 2)]),
            legend=alt.Legend(orient="bottom", tickMinStep=1, format="d"),
        )
    )
    text = base.mark_text(fontSize=11).encode(
        text="text:N",
        color=alt.condition("datum.dark", alt.value("#ffffff"), alt.value("#1d2126")),
    )
    return alt.layer(
        cells, text, width=alt.Step(_CELL), height=alt.Step(_HIGH), autosize=_FIT_NOTHING
    )


# Told apart by people with any colour vision (Okabe and Ito).
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]


# And beside colour, for eyes and printers that tell none apart.
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
# Readable on light and on dark.
_TEXT = "#808495"
# Side of the radar chart, which fits a phone.
_SIDE = 350


def _methods_legend() -> alt.Legend:
    return alt.Legend(orient="bottom", columns=2, labelLimit=260)


def _by_method(lines: Sequence[Line]) -> alt.Color:
    labels = [line.label for line in lines]
    scale = alt.Scale(domain=labels, range=COLOURS[: len(labels)])
    return alt.Color("method:N", title=None, scale=scale, legend=_methods_legend())


def _shape_by_method(lines: Sequence[Line]) -> alt.Shape:
    labels = [line.label for line in lines]
    scale = alt.Scale(domain=labels, range=SHAPES[: len(labels)])
    return alt.Shape("method:N", title=None, scale=scale, legend=_methods_legend())


def radar_chart(lines: Sequence[Line], columns: Sequence[Column]) -> Layers:
    """Draw the profile of each method: one axis a metric, its best value outside."""
    rows = []
    for k, column in enumerate([*columns, columns[0]]):
        means = [line.cells[column.slug].mean or 0.0 for line in lines]
        low, extent = min(means), (max(means) - min(means)) or 1.0
        for line, mean in zip(lines, means, strict=True):
            share = (mean - low) / extent
            good = share if column.metric.direction == "higher" else 1 - share
            radius = _INNER + (1 - _INNER) * (good if max(means) > min(means) else 1.0)
            x, y = _on_axis(k, len(columns), radius)
            rows.append(
                {
                    "method": line.label,
                    "metric": column.heading,
                    "mean": mean,
                    "order": k,
                    "x": x,
                    "y": y,
                }
            )
    side = alt.Scale(domain=[-1.35, 1.35])
    x_of, y_of = alt.X("x:Q", axis=None, scale=side), alt.Y("y:Q", axis=None, scale=side)
    outline = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(strokeWidth=2)
        .encode(x=x_of, y=y_of, order="order:Q", color=_by_method(lines))
    )
    corners = (
        alt.Chart(pd.DataFrame(rows))
        .mark_point(filled=True, size=55, opacity=1)
        .encode(
            x=x_of,
            y=y_of,
            color=_by_method(lines),
            shape=_shape_by_method(lines),
            tooltip=["method:N", "metric:N", alt.Tooltip("mean:Q", format=".4g")],
        )
    )
    names = [
        {"metric": column.heading, "x": 1.06 * x, "y": y}
        for k, column in enumerate(columns)
        for x, y in [_on_axis(k, len(columns), 1.12)]
    ]
    text = (
        alt.Chart(pd.DataFrame(names))
        .mark_text(fontSize=11, color=_TEXT)
        .encode(x=x_of, y=y_of, text="metric:N")
    )
    chart: alt.LayerChart = alt.layer(
        _web(len(columns), x_of, y_of),
        outline,
        corners,
        text,
        width=_SIDE,
        # The legend, of two methods a line, is inside this height.
        height=_SIDE + 38 + 22 * math.ceil(len(lines) / 2),
    ).configure_view(strokeWidth=0)
    return chart


# Radius of the worst value: lines that all meet in the middle could not be told apart.
_INNER = 0.15
_RINGS = (_INNER, (1 + _INNER) / 2, 1.0)


def _on_axis(k: int, count: int, radius: float) -> tuple[float, float]:
    """Give a point on one of `count` axes, the first of which points up."""
    angle = 2 * math.pi * k / count
    return radius * math.sin(angle), radius * math.cos(angle)


def _web(count: int, x: alt.X, y: alt.Y) -> alt.Chart:
    """Draw the axes of a radar chart, and rings at its worst, middle and best values."""
    corners = [
        {"line": f"ring {radius:.2f}", "order": k, **dict(zip("xy", at, strict=True))}
        for radius in _RINGS
        for k in range(count + 1)
        for at in [_on_axis(k, count, radius)]
    ]
    corners += [
        {"line": f"axis {k}", "order": end, **dict(zip("xy", at, strict=True))}
        for k in range(count)
        for end, radius in enumerate((0.0, 1.0))
        for at in [_on_axis(k, count, radius)]
    ]
    chart: alt.Chart = (
        alt.Chart(pd.DataFrame(corners))
        .mark_line(color=GREY, strokeWidth=1, opacity=0.4)
        .encode(x=x, y=y, order="order:Q", detail="line:N")
    )
    return chart


def wins_chart(wins: pd.DataFrame) -> Layers:
    """Draw how often each method beats each other."""
    rows = [
        {"row": a, "column": b, "share": wins.loc[a, b]}
        for a in wins.index
        for b in wins.columns
        if a != b
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("column:N", title="beaten", sort=list(wins.columns), axis=alt.Axis(labelAngle=-30)),
        y=alt.Y("row:N", title=None, sort=list(wins.index)),
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "share:Q",
            legend=None,
            scale=alt.Scale(domain=[0, 0.5, 1], range=["#d55e00", "#f2f2f2", "#0072b2"]),
        )
    )
    text = base.mark_text().encode(
        text=alt.Text("share:Q", format=".0%"),
        color=alt.condition(
            "abs(datum.share - 0.5) > 0.42", alt.value("#ffffff"), alt.value("#1d2126")
        ),
    )
    return alt.layer(cells, text, height=360)


def means_chart(lines: Sequence[Line], columns: Sequence[Column]) -> alt.FacetChart:
    """Draw the mean of each method with its 95% interval, one small chart a metric."""
    rows = [
        {
            "metric": column.heading,
            "method": line.label,
            "mean": cell.mean,
            "low": cell.mean if cell.low is None else cell.low,
            "high": cell.mean if cell.high is None else cell.high,
        }
        for column in columns
        for line in lines
        for cell in [line.cells[column.slug]]
    ]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        y=alt.Y("method:N", title=None, sort=[line.label for line in lines], axis=_EVERY),
        color=_by_method(lines).legend(None),
        tooltip=[
            "method:N",
            *(alt.Tooltip(f"{name}:Q", format=".4g") for name in ("mean", "low", "high")),
        ],
    )
    bar = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=None, scale=alt.Scale(zero=False)), x2="high:Q"
    )
    dot = base.mark_point(filled=True, size=60).encode(
        x="mean:Q", shape=_shape_by_method(lines).legend(None)
    )
    layered = alt.layer(bar, dot).properties(width=170, height=alt.Step(_STEP))
    chart: alt.FacetChart = layered.facet(
        alt.Facet("metric:N", title=None, sort=[c.heading for c in columns]), columns=4
    ).resolve_scale(x="independent")
    return chart


def scatter_chart(scores: PairValues, column: Column, first: str, second: str) -> Layers:
    """Draw the scores of two methods against each other, a dot for each pair."""
    values = scores.values[scores.metrics.index(column.metric)]
    x, y = (values[scores.labels.index(label)] for label in (first, second))
    points = pd.DataFrame({"pair": scores.keys, "x": x, "y": y}).dropna()
    ends = [float(points[["x", "y"]].min().min()), float(points[["x", "y"]].max().max())]
    scale = alt.Scale(zero=False)
    dots = (
        alt.Chart(points)
        .mark_point(filled=True, size=50, color=COLOURS[0])
        .encode(
            x=alt.X("x:Q", title=first, scale=scale),
            y=alt.Y("y:Q", title=second, scale=scale),
            tooltip=["pair:N", alt.Tooltip("x:Q", format=".4g"), alt.Tooltip("y:Q", format=".4g")],
        )
    )
    line = (
        alt.Chart(pd.DataFrame({"x": ends, "y": ends}))
        .mark_line(color=GREY, strokeDash=[4, 3])
        .encode(x="x:Q", y="y:Q")
    )
    return alt.layer(line, dots, height=360)


def time_chart(lines: Sequence[Line], chosen: Sequence[str]) -> Layers:
    """Draw mean rank against time; the methods that none beats in both are joined."""
    known = [
        {
            "method": line.label,
            "rank": line.mean_rank,
            "seconds": line.competitor.seconds,
            "chosen": line.label in chosen,
        }
        for line in lines
        if line.mean_rank is not None and line.competitor.seconds
    ]
    points = pd.DataFrame(known, columns=["method", "rank", "seconds", "chosen"])
    points = points.sort_values("seconds")
    front = points[points["rank"] < points["rank"].cummin().shift(fill_value=math.inf)]
    x = alt.X("seconds:Q", title="seconds a fusion", scale=alt.Scale(type="log"))
    y = alt.Y("rank:Q", title="mean rank", scale=alt.Scale(reverse=True, zero=False))
    joined = alt.Chart(front).mark_line(color=GREY, strokeDash=[4, 3]).encode(x=x, y=y)
    dots = (
        alt.Chart(points)
        .mark_point(filled=True, size=70)
        .encode(
            x=x,
            y=y,
            color=alt.condition("datum.chosen", alt.value(COLOURS[1]), alt.value(GREY)),
            shape=alt.condition("datum.chosen", alt.value("diamond"), alt.value("circle")),
            tooltip=["method:N", alt.Tooltip("rank:Q", format=".3g"), "seconds:Q"],
        )
    )
    text = (
        alt.Chart(points)
        .mark_text(align="left", dx=8, fontSize=11, color=_TEXT)
        .encode(x=x, y=y, text="method:N")
    )
    return alt.layer(joined, dots, text, height=360)
