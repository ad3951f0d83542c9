"""The metric page: what a metric is, what buys it, and which others rank alike."""

from __future__ import annotations

import streamlit as st

from fusebench.bench.stats import REDUNDANT
from fusebench.bench.trust import BOUGHT, BY_NAME, Trust, load_report
from fusebench.bench.types import Metric
from fusebench.leaderboard import board
from fusebench.leaderboard.app_charts import (
    DRAWN,
    behaviour_chart,
    behaviour_limits,
    heat_map,
    likeness_chart,
)
from fusebench.leaderboard.app_choices import choose_metric
from fusebench.leaderboard.app_parts import (
    RANKING,
    ask,
    bind,
    choose_view,
    download_table,
    link,
    params,
)
from fusebench.leaderboard.app_tables import (
    escape,
    flags_frame,
    likeness_frame,
    literal,
    metric_facts,
    responses_frame,
)
from fusebench.metrics import METRICS, load_protocol, protocol_names


def show() -> None:
    """Show one metric."""
    st.header("Metrics", anchor=False)
    metric = _choose()
    about, trusted = st.columns(2, gap="large")
    with about:
        _about(metric)
    known = load_report().metrics.get(metric.slug)
    with trusted:
        _flags(metric, known)
    if known is not None:
        _behaviour(metric, known)
    _likeness(metric)


def _choose() -> Metric:
    wanted = params().get("metric")
    slug = choose_metric(wanted)
    with st.container(width=480):
        st.selectbox(
            f"Metric ({len(METRICS)})",
            METRICS.slugs,
            format_func=lambda s: f"{METRICS[s].plain_label}: {METRICS[s].title}",
            **bind("metric", slug, {}),
        )
    if wanted not in (None, slug):
        st.warning(f"There is no metric {literal(wanted)}, which the link asks for.")
    return METRICS[slug]


def _about(metric: Metric) -> None:
    st.subheader(escape(metric.title), anchor=False)
    st.markdown(escape(metric.summary))
    with st.container(key="formula"):
        st.latex(metric.displayed)
    used = [name for name in protocol_names() if metric.slug in load_protocol(name).metrics]
    st.markdown("\n\n".join(metric_facts(metric, used)))


def _flags(metric: Metric, known: Trust | None) -> None:
    st.subheader("Can it be bought?", anchor=False)
    if known is None:
        st.caption("Not measured.")
        return
    if known.flags:
        st.markdown("**Yes:** " + escape("; ".join(flag.title for flag in known.flags)) + ".")
    else:
        st.markdown("Not by anything that was tried.")
    st.table(flags_frame(known), hide_index=True)
    st.caption(
        f"{known.images} fused images of the demo pairs were changed in known ways and scored "
        f"again. What makes at least {100 * BOUGHT:.0f}% of them score better buys the metric."
    )
    download_table(f"What buys {metric.plain_label}", flags_frame(known))


def _behaviour(metric: Metric, known: Trust) -> None:
    st.subheader("Behaviour", anchor=False)
    limits = behaviour_limits(known)
    with st.container(horizontal=True):
        for name in DRAWN:
            with st.container(width=355):
                st.altair_chart(behaviour_chart(known, BY_NAME[name], limits), width="stretch")
    st.caption(f"Means; the dashed line is the mean before any change, {known.base:.4g}.")
    with st.expander("All changes"):
        st.dataframe(responses_frame(known), hide_index=True, height="content")
        title = f"{metric.plain_label} after changes of the fused images"
        download_table(title, responses_frame(known))


def _likeness(metric: Metric) -> None:
    st.subheader("Which metrics rank alike", anchor=False)
    view = choose_view(metrics=False)
    tau = ask(board.metric_likeness, view.evaluation, view.protocol)
    labels = {slug: METRICS[slug].plain_label for slug in tau.index}
    if metric.slug not in tau.index or tau.loc[metric.slug].drop(metric.slug).isna().all():
        st.caption("Not known here: that takes at least two methods with different scores.")
    else:
        st.caption(
            f"Kendall's τ between {escape(metric.plain_label)} and the others over the methods, "
            f"pair by pair, averaged. Above {REDUNDANT:g} two metrics say the same."
        )
        with st.container(width=620):
            st.altair_chart(likeness_chart(tau, metric.slug, labels), width="stretch")
        where = f"{view.evaluation.dataset}, protocol {view.protocol}"
        download_table(
            f"Metrics that rank like {metric.plain_label} on {where}",
            likeness_frame(tau, metric.slug, labels),
            "Kendall's tau between scores of the methods, averaged over pairs.",
        )
    groups = [", ".join(labels[slug] for slug in group) for group in board.alike(tau)]
    if groups:
        lines = "".join(f"\n* {escape(group)}" for group in groups)
        st.markdown(f"Groups that say the same here:\n{lines}")
    if len(tau) > 1:
        with st.expander("All metrics"), st.container(key="heat"):
            st.altair_chart(heat_map(tau, labels), width="content")
    link(RANKING, "Ranking", ":material/leaderboard:", **view.params())


if __name__ == "__main__":
    show()
