"""The runs page: where every result comes from, and what failed for which reason."""

from __future__ import annotations

import streamlit as st

from fusebench.leaderboard import runs
from fusebench.leaderboard.app_choices import choose
from fusebench.leaderboard.app_parts import (
    METHODS,
    ask,
    bind,
    download_table,
    link,
    no_results,
    params,
)
from fusebench.leaderboard.app_tables import (
    all_runs_frame,
    code_version,
    facts_frame,
    failures_frame,
    format_duration,
    literal,
    parts_frame,
    scores_text,
)
from fusebench.leaderboard.runs import Run

_ALL = "all"
# Rows shown without scrolling inside a table.
_ROWS = 15


def show() -> None:
    """Show all runs, and one of them with its machine, its parts and its failures."""
    st.header("Runs", anchor=False)
    found = ask(runs.list_runs)
    if not found:
        no_results("This database holds no runs yet.")
    run_id = _choose(found)
    if run_id is None:
        _all(found)
    else:
        _one(next(run for run in found if run.run_id == run_id))


def _all(found: list[Run]) -> None:
    st.dataframe(
        all_runs_frame(found),
        hide_index=True,
        height="content" if len(found) <= _ROWS else 35 * _ROWS,
        column_config={
            "Run": st.column_config.NumberColumn(width=50, pinned=True),
            "Started (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
            "Images": st.column_config.NumberColumn(
                help="Fused images that are still there; a later run may have replaced others"
            ),
        },
    )
    st.caption("Choose one run above to see its machine and what it made.")
    download_table("Runs", all_runs_frame(found))
    _failures(None)


def _choose(found: list[Run]) -> int | None:
    """Show the choice of a run; give its number, None for all."""
    names = {str(run.run_id): f"{run.run_id}: {run.name}" for run in found}
    wanted = params().get("run")
    chosen = choose([_ALL, *names], wanted) or _ALL
    with st.container(width=340):
        st.selectbox(
            f"Run ({len(found)})",
            [_ALL, *names],
            format_func=lambda key: names.get(key, "All runs"),
            **bind("run", chosen, {}),
        )
    if wanted not in (None, chosen):
        st.warning(f"This database has no run {literal(wanted)}, which the link asks for.")
    return None if chosen == _ALL else int(chosen)


def _one(run: Run) -> None:
    with st.container(key="strong-run"):
        st.text(run.name)
    took = (
        "It has not ended: it is going on, or was stopped; running it again does what is missing."
        if run.duration is None
        else f"Took {format_duration(run.duration)}."
    )
    st.text(
        f"Started {run.started:%Y-%m-%d %H:%M} UTC, {run.workers} workers. {took}\n"
        f"{code_version(run.facts)}"
    )
    st.subheader("What it made", anchor=False)
    parts = ask(runs.run_parts, run.run_id)
    if len(parts):
        st.dataframe(
            parts_frame(parts),
            hide_index=True,
            height="content" if len(parts) <= _ROWS else 35 * _ROWS,
            column_config={
                "Method": st.column_config.TextColumn(pinned=True, width=140),
                "Time": st.column_config.TextColumn(help="Median time of one fusion"),
            },
        )
        download_table(f"What run {run.run_id} made", parts_frame(parts))
    else:
        st.caption("No images: it only added scores, or a later run replaced all it made.")
    scores = ask(runs.run_scores, run.run_id)
    if len(scores):
        st.text("\n".join(scores_text(row) for row in scores.to_dict("records")))
    _failures(run.run_id)
    st.subheader("Machine and libraries", anchor=False)
    st.dataframe(facts_frame(run.facts), hide_index=True, height="content")


def _failures(run_id: int | None) -> None:
    failures = ask(runs.run_failures, run_id)
    st.subheader(f"Failures ({len(failures)})", anchor=False)
    if not len(failures):
        st.caption("None.")
        return
    st.text("\n".join(f"{count} × {reason}" for reason, count in runs.reasons(failures)[:_ROWS]))
    st.dataframe(
        failures_frame(failures),
        hide_index=True,
        column_config={
            "Method": st.column_config.TextColumn(pinned=True, width=140),
            "Reason": st.column_config.TextColumn(width="large"),
        },
    )
    title = "Failures" if run_id is None else f"Failures of run {run_id}"
    download_table(title, failures_frame(failures))
    with st.container(horizontal=True):
        for method in list(dict.fromkeys(failures["method"]))[:_ROWS]:
            link(METHODS, f"About {literal(method)}", ":material/info:", method=method)


if __name__ == "__main__":
    show()
