"""The papers page: printed tables beside computed values, and what rules find in them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from fusebench.bench.audit import VERDICTS, Audited, audit_all, count
from fusebench.bench.doubts import find_doubts
from fusebench.bench.paper import load_paper, paper_names
from fusebench.leaderboard.app_parts import bind, download_table, params
from fusebench.leaderboard.app_tables import audit_frame, escape, literal
from fusebench.leaderboard.audits import MARKS, counts

_ALL = "all"
# Rows shown without scrolling inside the table.
_ROWS = 25


def show() -> None:
    """Show the audit of one table of one paper."""
    st.header("Papers", anchor=False)
    audited = _audit()
    names = paper_names()
    key = _choose("paper", f"Paper ({len(names)})", names, titles={k: _title(k) for k in names})
    paper = load_paper(key)
    table = _choose("table", f"Table ({len(paper.tables)})", list(paper.tables))
    verdict = _choose("verdict", "Verdict", [_ALL, *VERDICTS])
    cells = [a for a in audited[key] if a.cell.table == table]
    authors = ", ".join(paper.authors)
    st.markdown(escape(f"{authors}: {paper.title}. {paper.venue} {paper.year or ''}"))
    st.text(
        f"{len(cells)} printed numbers: "
        + ", ".join(f"{number} {name}" for name, number in count(cells).items() if number)
    )
    shown = [a for a in cells if verdict in (_ALL, a.verdict)]
    st.dataframe(
        audit_frame(shown),
        hide_index=True,
        height="content" if len(shown) <= _ROWS else 35 * _ROWS,
        column_config={
            "": st.column_config.TextColumn(width=40),
            "Method": st.column_config.TextColumn(width=110),
            "By": st.column_config.TextColumn(width=110),
            "Printed": st.column_config.TextColumn(help="The number as the paper has it"),
            "Computed": st.column_config.TextColumn(
                help="The nearest value under any protocol, from public images or methods here"
            ),
            "Reason": st.column_config.TextColumn(width="large"),
        },
    )
    st.caption(
        "; ".join(f"{mark} {name}" for name, mark in MARKS.items() if mark)
        + ". Numbers of papers are never ranked together with computed ones. "
        "`fusebench audit` computes more cells from images and results of your own."
    )
    download_table(f"{key}, table {table}: printed and computed", audit_frame(shown))
    _doubts(key)
    with st.expander("All papers"):
        frame = pd.DataFrame(
            [
                {"Paper": name, "Cells": str(numbers[0])}
                | {v: str(n) for v, n in zip(VERDICTS, numbers[1:], strict=True)}
                for name, numbers in counts(audited)
            ]
        )
        st.table(frame, hide_index=True)
        download_table("Printed numbers of all papers, by verdict", frame)


def _doubts(key: str) -> None:
    st.subheader("What is known of this paper's tables", anchor=False)
    for doubt in find_doubts(load_paper(key)):
        st.markdown(f"* **{escape(doubt.kind)}**: {escape(doubt.text)}")


@st.cache_data(show_spinner=False)
def _audit() -> dict[str, list[Audited]]:
    return audit_all()


def _title(key: str) -> str:
    return f"{key}: {load_paper(key).title}"


def _choose(
    name: str, label: str, choices: list[str], *, titles: dict[str, str] | None = None
) -> str:
    wanted = params().get(name)
    chosen = wanted if wanted in choices else choices[0]
    with st.container(width=480):
        st.selectbox(
            label,
            choices,
            format_func=(titles or {c: c for c in choices}).__getitem__,
            **bind(name, chosen, {}),
        )
    if wanted not in (None, chosen):
        st.warning(f"There is no {name} {literal(wanted)} here, which the link asks for.")
    return chosen


if __name__ == "__main__":
    show()
