"""Charts of the app, made with Altair. No Streamlit here."""

from __future__ import annotations

import math

import altair as alt
import pandas as pd

from fusebench.bench.trust import Degradation, Trust

GREEN, GREY = "#2a7f73", "#999999"
# Pixels for one metric, and every one of them named.
_STEP = 19
_EVERY = alt.Axis(labelOverlap=False)
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


def behaviour_chart(
    known: Trust, degradation: Degradation, limits: tuple[float, float]
) -> alt.LayerChart | alt.FacetChart:
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
        .properties(height=alt.Step(_STEP))
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
        .properties(width=alt.Step(_STEP), height=alt.Step(_STEP))
    )
    return chart
