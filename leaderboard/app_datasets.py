"""The dataset page: what each dataset is, what is known to be wrong with it, and its pairs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from fusebench import datasets
from fusebench.bench.types import TASK_TITLES, DatasetInfo, FusebenchError, MissingDataError
from fusebench.datasets import DATASETS as RECORDS
from fusebench.leaderboard import board
from fusebench.leaderboard.app_parts import (
    PAIRS,
    ask,
    bind,
    download_table,
    link,
    load_thumbnails,
    params,
)
from fusebench.leaderboard.app_tables import (
    checked_frame,
    escape,
    findings_frame,
    literal,
    problems_frame,
    splits_frame,
)
from fusebench.leaderboard.board import Evaluation

# Pairs that are shown at most.
_THUMBNAILS = 8


def show() -> None:
    """Show one dataset."""
    st.header("Datasets", anchor=False)
    info = _choose()
    about, splits = st.columns(2, gap="large")
    with about:
        _about(info)
    with splits:
        st.subheader("Splits", anchor=False)
        st.dataframe(splits_frame(info), hide_index=True, height="content")
        download_table(f"Splits of {info.title}", splits_frame(info))
    st.subheader("Known problems", anchor=False)
    if info.problems:
        st.table(problems_frame(info).map(escape), hide_index=True)
        download_table(f"Known problems of {info.title}", problems_frame(info))
    else:
        st.caption("None recorded.")
    _images(info)


def _choose() -> DatasetInfo:
    wanted = params()
    slugs = list(RECORDS.slugs)
    asked = wanted.get("data") or wanted.get("dataset", "").partition(":")[0]
    chosen = asked if asked in slugs else slugs[0]
    with st.container(width=340):
        st.selectbox(
            f"Dataset ({len(slugs)})",
            slugs,
            format_func=lambda slug: RECORDS[slug].title,
            **bind("data", chosen, {}),
        )
    if wanted.get("data") not in (None, chosen):
        st.warning(f"There is no dataset {literal(wanted['data'])}, which the link asks for.")
    return RECORDS[chosen]


def _about(info: DatasetInfo) -> None:
    st.subheader(escape(info.title), anchor=False)
    st.markdown(escape(info.notes))
    doi = f" [doi:{escape(info.doi)}](https://doi.org/{info.doi})" if info.doi else ""
    facts = {
        "Name": info.slug,
        "For": ", ".join(TASK_TITLES[task].lower() for task in info.tasks),
        "Sources": "; ".join(info.sources),
        "Sizes": info.sizes,
        "Terms": info.licence,
        "Home": info.home,
        "Layouts": info.layout,
    }
    known = {name: text for name, text in facts.items() if text}
    lines = [f"**{name}:** {escape(text)}" for name, text in known.items()]
    if info.reference:
        lines.append(f"**Paper:** {escape(info.reference)}.{doi}")
    st.markdown("\n\n".join(lines))
    known["Paper"] = info.reference
    frame = pd.DataFrame({"Fact": list(known), "What": list(known.values())})
    download_table(f"Facts of {info.title}", frame)


def _images(info: DatasetInfo) -> None:
    """Check the images that results of this database were made on."""
    st.subheader("The images themselves", anchor=False)
    try:
        evaluations = ask(board.evaluations)
    except MissingDataError:
        evaluations = []
    # One dataset stands for each of its tasks.
    used = {(e.loads, e.root): e for e in evaluations if e.loads.partition(":")[0] == info.slug}
    if not used:
        st.caption(
            "No results in this database are of it. In a terminal: fusebench datasets check FOLDER"
        )
    for evaluation in used.values():
        _thumbnails(evaluation)
        if st.button(f"Check {escape(evaluation.dataset)}", key=f"check-{evaluation.dataset_id}"):
            _check(evaluation)


def _thumbnails(evaluation: Evaluation) -> None:
    """Show a and b of a few pairs."""
    try:
        pictures = load_thumbnails(evaluation.loads, evaluation.root, _THUMBNAILS)
    except FusebenchError as error:
        st.warning("The images cannot be shown.", icon=":material/image_not_supported:")
        st.text(str(error))
        return
    with st.container(horizontal=True, key=f"tile-of-{evaluation.dataset_id}"):
        for key, picture in pictures.items():
            with st.container(width=260):
                st.image(picture, output_format="PNG")
                st.text(key)
    link(PAIRS, "All pairs", ":material/image:", task=evaluation.task, dataset=evaluation.dataset)


def _check(evaluation: Evaluation) -> None:
    with st.spinner("Reading every pair"):
        pairs, findings = check_images(evaluation.loads, evaluation.root)
    if len(findings):
        st.dataframe(findings, hide_index=True, height="content")
        download_table(f"Findings in {evaluation.dataset}", findings)
    else:
        st.caption("Nothing suspicious.")
    st.dataframe(pairs, hide_index=True)
    download_table(f"Pairs of {evaluation.dataset}", pairs)


@st.cache_data(ttl=3600, max_entries=8, show_spinner=False)
def check_images(name: str, root: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every pair, and list what is suspicious.

    Raises
    ------
    FusebenchError
        If the folder is gone.
    """
    result = datasets.check([datasets.load(name, root)])
    return checked_frame(result), findings_frame(result)


if __name__ == "__main__":
    show()
