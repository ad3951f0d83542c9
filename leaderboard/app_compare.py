"""The comparison page: a few methods side by side, metric by metric and pair by pair."""

from __future__ import annotations

import streamlit as st

from fusebench.leaderboard import board
from fusebench.leaderboard.app_charts import (
    means_chart,
    radar_chart,
    scatter_chart,
    time_chart,
    wins_chart,
)
from fusebench.leaderboard.app_choices import View, choose, choose_compared, choose_two
from fusebench.leaderboard.app_parts import (
    ask,
    bind,
    choose_view,
    download_table,
    downloads,
    params,
)
from fusebench.leaderboard.app_tables import escape, time_frame, wins_frame
from fusebench.leaderboard.board import Column, PairValues
from fusebench.leaderboard.export import export

MOST = 6


def show() -> None:
    """Show two to six methods beside each other."""
    st.header("Compare", anchor=False)
    view = choose_view()
    ranking = ask(board.ranked, view.evaluation, view.metrics, view.protocol)
    names = [line.label for line in ranking.lines if line.rank is not None]
    if len(names) < 2:
        st.info("A comparison needs two methods with an image of every pair.")
        return
    chosen = choose_compared(names, params().get("methods"))
    st.multiselect(
        f"Methods (2 to {MOST})",
        names,
        max_selections=MOST,
        **bind("methods", chosen, view.params(), lambda labels: "|".join(labels)),
    )
    if len(chosen) < 2:
        st.info("Choose at least two methods.")
        return
    lines = [line for line in ranking.lines if line.label in chosen]
    counted = [c for c in ranking.columns if c.counts]
    if not counted:
        st.info("No metric is defined on every pair of these methods.")
        return
    scores = ask(board.pair_values, view.evaluation, view.metrics, view.protocol)
    where = f"{view.evaluation.dataset}, protocol {view.protocol}"
    shape, mutual = st.columns(2, gap="large")
    with shape:
        st.subheader("Profile", anchor=False)
        st.altair_chart(radar_chart(lines, counted), width="content")
        st.caption("Each axis reaches from the worst to the best of the chosen methods.")
    with mutual:
        st.subheader("Who beats whom", anchor=False)
        wins = board.win_rates(scores, chosen)
        st.altair_chart(wins_chart(wins), width="stretch")
        st.caption("Share of pairs and metrics on which the row beats the column; ties count half.")
        download_table(f"Win rates on {where}", wins_frame(wins), "The row beats the column.")
    st.subheader("Means with 95% intervals", anchor=False)
    with st.container(key="heat"):
        st.altair_chart(means_chart(lines, counted), width="content")
    few = board.among(ranking, chosen)
    downloads(lambda form: export([few], form, intervals=True), f"Means on {where}")
    st.subheader("Pair by pair", anchor=False)
    _pair_by_pair(view, scores, counted, chosen)
    st.subheader("Quality against time", anchor=False)
    times = time_frame(ranking.lines)
    if times.empty:
        st.caption("No times: these images were not made here, or not on an idle machine.")
        return
    st.altair_chart(time_chart(ranking.lines, chosen), width="stretch")
    st.caption("Mean rank over the metrics chosen (1 is best) against the median time of a fusion.")
    download_table(f"Quality and time on {where}", times, ranking.rule)


def _pair_by_pair(view: View, scores: PairValues, columns: list[Column], chosen: list[str]) -> None:
    """Show the scores of two methods against each other."""
    wanted = params()
    shown = view.params()
    slugs = [column.slug for column in columns]
    slug = choose(slugs, wanted.get("metric")) or slugs[0]
    first, second = choose_two(chosen, wanted.get("first"), wanted.get("second"))
    labels = {column.slug: column.metric.plain_label for column in columns}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=200):
            st.selectbox(
                "Metric", slugs, format_func=labels.__getitem__, **bind("metric", slug, shown)
            )
        if len(chosen) > 2:
            for label, name, value, other in (
                ("Across", "first", first, second),
                ("Up", "second", second, first),
            ):
                with st.container(width=200):
                    options = [method for method in chosen if method != other]
                    st.selectbox(label, options, **bind(name, value, shown))
    column = columns[slugs.index(slug)]
    st.altair_chart(scatter_chart(scores, column, first, second), width="stretch")
    st.caption(f"Each dot is a pair; on the line {escape(first)} and {escape(second)} are equal.")


if __name__ == "__main__":
    show()
