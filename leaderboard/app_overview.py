"""The overview: what the database holds, who leads where, and where to go from here."""

from __future__ import annotations

import streamlit as st

from fusebench.bench.types import TASK_TITLES
from fusebench.leaderboard import board, runs
from fusebench.leaderboard.app_choices import (
    choose,
    choose_protocol,
    main_metrics,
    tasks_of,
)
from fusebench.leaderboard.app_parts import (
    COMPARE,
    PAIRS,
    RANKING,
    RUNS,
    ask,
    bind,
    download_table,
    link,
    no_results,
    params,
)
from fusebench.leaderboard.app_tables import all_runs_frame, leaders_frame
from fusebench.leaderboard.board import Line, Ranking
from fusebench.leaderboard.runs import leaders

_ALL = "all"
# Runs and names shown before the rest is only counted.
_RUNS, _NAMES = 5, 4


def show() -> None:
    """Show totals, one card for each dataset and task, and the newest runs."""
    st.header("Overview", anchor=False)
    st.markdown(
        "Image fusion, measured: every method on the same pairs, every metric by one checked "
        "definition, and ranks that say how sure they are."
    )
    evaluations = ask(board.evaluations)
    if not evaluations:
        no_results("This database holds no results yet.")
    _totals()
    st.subheader("Who leads", anchor=False)
    tasks = tasks_of(evaluations)
    protocols = ask(board.protocols_used)
    protocol = choose_protocol(protocols, params())
    task = choose([_ALL, *tasks], params().get("task")) or _ALL
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Task",
            [_ALL, *tasks],
            format_func=lambda name: "All" if name == _ALL else TASK_TITLES[name],
            **bind("task", task, {}, lambda name: "" if name == _ALL else str(name)),
        )
        if len(protocols) > 1:
            with st.container(width=200):
                st.selectbox("Protocol", protocols, **bind("protocol", protocol, {}))
    rankings = [
        ask(
            board.ranked,
            e,
            main_metrics([m.slug for m in ask(board.metrics_used, e, protocol)]),
            protocol,
        )
        for e in evaluations
        if task in (_ALL, e.task)
    ]
    with st.container(horizontal=True, key="cards"):
        for i, ranking in enumerate(rankings):
            with st.container(width=360, border=True, key=f"card-{i}"):
                _card(i, ranking)
    note = (
        "First by the mean rank over the main metrics. Tied: no significant difference over "
        "scenes. Other metrics give other ranks; the ranking page lets you choose."
    )
    st.caption(note)
    download_table(f"Who leads under {protocol}", leaders_frame(rankings), note)
    _newest()


def _totals() -> None:
    found = ask(runs.totals)
    numbers = {
        "Methods": found.competitors,
        "Datasets": found.datasets,
        "Pairs": found.pairs,
        "Fused images": found.images,
        "Scores": found.scores,
        "Failures": found.failed,
    }
    with st.container(horizontal=True, key="totals"):
        for name, number in numbers.items():
            st.metric(name, f"{number:,}", width=130)


def _card(i: int, ranking: Ranking) -> None:
    evaluation, protocol = ranking.evaluation, ranking.protocol
    with st.container(key=f"strong-{i}"):
        st.text(f"{TASK_TITLES[evaluation.task]}: {evaluation.dataset}")
    complete = sum(line.rank is not None for line in ranking.lines)
    st.text(f"{evaluation.pairs} pairs, {complete} of {len(ranking.lines)} methods ranked")
    first, tied = leaders(ranking)
    if first:
        st.text(f"First: {_names(first)}" + (f"\nTied with it: {_names(tied)}" if tied else ""))
    elif not ranking.columns:
        st.text(f"No scores under {protocol}.")
    else:
        st.text("Nothing is ranked yet.")
    choices = {"task": evaluation.task, "dataset": evaluation.dataset, "protocol": protocol}
    with st.container(horizontal=True):
        link(RANKING, "Ranking", ":material/leaderboard:", **choices)
        link(COMPARE, "Compare", ":material/compare_arrows:", **choices)
        link(PAIRS, "Images", ":material/image:", **choices)


def _names(lines: list[Line]) -> str:
    more = f" and {len(lines) - _NAMES} more" if len(lines) > _NAMES else ""
    return ", ".join(line.label for line in lines[:_NAMES]) + more


def _newest() -> None:
    found = ask(runs.list_runs)
    st.subheader("Newest runs", anchor=False)
    st.dataframe(
        all_runs_frame(found[:_RUNS]),
        hide_index=True,
        height="content",
        column_config={"Started (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm")},
    )
    link(RUNS, f"All runs ({len(found)})", ":material/history:")


if __name__ == "__main__":
    show()
