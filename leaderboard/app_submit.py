"""The submission page: how to get a method onto the board, and an upload where it is enabled."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import streamlit as st
from sqlalchemy import make_url

from fusebench.bench.published import is_published
from fusebench.bench.store import default_url
from fusebench.bench.types import FusebenchError
from fusebench.leaderboard import board, submissions
from fusebench.leaderboard.app_choices import View
from fusebench.leaderboard.app_parts import RANKING, ask, choose_view, link
from fusebench.leaderboard.app_tables import commands, escape
from fusebench.leaderboard.submissions import Limits

# Names of pairs shown before the rest is only counted.
_NAMES = 12
# What a copy of the published results is called.
_OWN = "mine.db"


def show() -> None:
    """Say how to submit, and take an upload if the operator lets visitors do so."""
    st.header("Submit", anchor=False)
    view = choose_view(metrics=False)
    if submissions.are_enabled():
        _upload(view)
    st.subheader("On the command line", anchor=False)
    if not submissions.are_enabled():
        st.markdown(
            "This board takes no uploads. Score your images where its database is, or in a "
            "database of your own:"
        )
    _how_to(view)
    _keys(view)
    st.subheader("What is checked", anchor=False)
    st.markdown(
        "* One image for each pair, named by its key, of the size of its sources; nothing is "
        "resized.\n"
        "* 8 bits are scored as they are saved; colour on its luma, unless the protocol says "
        "otherwise.\n"
        "* A method that lacks a pair is listed, but not ranked. A constant image is a failure.\n"
        "* The pixels of your images are kept, under their digest, so that new metrics can be "
        "computed."
    )


def _how_to(view: View) -> None:
    e = view.evaluation
    if is_published(default_url()):
        st.markdown("These are the published results, which are only read. First make a copy:")
        st.code(f"fusebench submit merge published --db {_OWN}", language="sh", wrap_lines=True)
    steps = commands(e, view.protocol, _database())
    st.markdown("As a folder of images:")
    st.code(steps.folder, language="sh", wrap_lines=True)
    st.markdown("As a Python function of two uint8 arrays:")
    st.code(steps.python, language="python", wrap_lines=True)
    where = "DIR is the folder of the source images. " if e.root is not None else ""
    st.caption(
        f"{where}Run where the database is, it is shown here at once. A method that is to be rerun "
        "by others goes into the package: docs/adding.md."
    )


def _database() -> str:
    """Name the database without its place, which is no business of every visitor."""
    if is_published(default_url()):
        return _OWN
    url = make_url(default_url())
    return Path(str(url.database)).name if url.get_backend_name() == "sqlite" else "URL"


def _keys(view: View) -> None:
    keys = ask(board.pair_keys, view.evaluation)
    st.markdown(f"The {len(keys)} images are named:")
    more = f"\n… and {len(keys) - _NAMES} more" if len(keys) > _NAMES else ""
    st.text("\n".join(f"{key}.png" for key in keys[:_NAMES]) + more)
    st.download_button(
        "All names",
        "\n".join(f"{key}.png" for key in keys) + "\n",
        "names.txt",
        "text/plain",
        on_click="ignore",
        key="download-names",
    )


def _upload(view: View) -> None:
    limits = Limits()
    st.subheader("Upload", anchor=False)
    st.markdown(
        f"A zip of one image for each of the {view.evaluation.pairs} pairs of "
        f"**{escape(view.evaluation.dataset)}**, named as below; at most "
        f"{limits.archive // 2**20} MiB. It is scored under {escape(view.protocol)}, which takes "
        "some minutes, and joins the ranking if every image can be scored."
    )
    with st.form("upload", width=480):
        name = st.text_input("Name of the method", key="upload-name", max_chars=60)
        archive = st.file_uploader("Zip of fused images", type="zip", key="upload-file")
        pressed = st.form_submit_button("Score and add")
    if pressed:
        if archive is None:
            st.error("Choose a zip file first.")
        else:
            _submit(view, name, archive)


def _submit(view: View, name: str, archive: IO[bytes]) -> None:
    try:
        with st.spinner("Scoring in a process of its own"):
            count = submissions.submit(default_url(), view.evaluation, view.protocol, name, archive)
    except FusebenchError as e:
        st.error("Nothing was added.")
        st.text(str(e))
        return
    st.success(f"{count} images were scored and added.")
    link(RANKING, "Ranking", ":material/leaderboard:", **view.params())


if __name__ == "__main__":
    show()
