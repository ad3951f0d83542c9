"""Streamlit parts that the pages share: cached queries, images, and widgets bound to the URL."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as PillowImage

from fusebench import datasets
from fusebench.bench.cache import get_image, image_path
from fusebench.bench.images import pixel_digest
from fusebench.bench.store import Store, default_url, shown_url
from fusebench.bench.types import TASK_TITLES, Image, MissingDataError
from fusebench.leaderboard import ahead, board, maps
from fusebench.leaderboard.app_choices import (
    ALL,
    MAIN,
    View,
    carried,
    changed,
    choose_evaluation,
    choose_metrics,
    choose_protocol,
    metrics_text,
    not_found,
    tasks_of,
    without_values,
)
from fusebench.leaderboard.app_tables import escape, literal
from fusebench.leaderboard.export import Table
from fusebench.metrics import METRICS

P = ParamSpec("P")
T = TypeVar("T")

# Not in a folder named pages: Streamlit would run such files without app.py around them.
OVERVIEW, RUNS, SUBMIT = "app_overview.py", "app_runs.py", "app_submit.py"
RANKING, PAIRS, METHODS = "app_ranking.py", "app_pairs.py", "app_methods.py"
METRIC = "app_metrics.py"
DATASETS = "app_datasets.py"
PAPERS, COMPARE = "app_papers.py", "app_compare.py"

# A run in progress shows up after this many seconds.
_FRESH = 10


# -- data -------------------------------------------------------------------------------------


@st.cache_data(ttl=_FRESH, max_entries=4, show_spinner=False)
def _content(identity: ahead.Identity) -> str:
    """Tell one content of the database from another; of a server, one moment."""
    return ahead.open_store(identity).version() or str(time.monotonic())


@st.cache_resource(max_entries=300, show_spinner=False)
def _answer(
    identity: ahead.Identity,
    content: str,
    name: str,
    arguments: Any,
    _function: Callable[[], T],
) -> T:
    return _function()


def ask(function: Callable[Concatenate[Store, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Put a question of `fusebench.leaderboard.board` or `runs` to the database.

    Answers are kept until the database changes and shared by all visitors: they must not be
    changed.
    """
    identity = ahead.identity(default_url())
    return _answer(
        identity,
        _content(identity),
        f"{function.__module__}.{function.__name__}",
        (args, tuple(sorted(kwargs.items()))),
        lambda: function(ahead.open_store(identity), *args, **kwargs),
    )


# Seconds after a page has run by which browsers have drawn it.
_DRAWN = 1.5


@st.cache_resource(max_entries=1, show_spinner=False)
def _reader(identity: ahead.Identity, content: str) -> Thread:
    """Start one thread for each content of a database."""
    del content
    return ahead.read_ahead(identity[0], params(), after=_DRAWN)


def read_ahead() -> None:
    """Work out what a change of a filter may ask for, while the visitor looks at the page."""
    identity = ahead.identity(default_url())
    _reader(identity, _content(identity))


def name_of(competitor: board.Competitor) -> str:
    """Name a competitor for links, whatever device it ran on."""
    # It may have been added since the names were read.
    return board.entry_names(ask(board.entries)).get(competitor.entry_id, competitor.label)


@dataclass(frozen=True)
class Sources:
    """Source images of a pair as PNG files, with the digests of their pixels."""

    images: dict[str, bytes]
    digests: dict[str, str]


@st.cache_data(ttl=60, max_entries=32, show_spinner=False)
def load_sources(dataset: str, root: str | None, key: str) -> Sources:
    """Read the source images, and the reference, of a pair.

    Raises
    ------
    FusebenchError
        If the folder or an image is gone.
    """
    if root is not None and not Path(root).is_dir():
        raise MissingDataError(f"the folder of {dataset} is gone: {root}")
    pair = datasets.load(dataset, root)[key]
    found: dict[str, Image | None] = {"a": pair.a, "b": pair.b, "reference": pair.reference}
    images = {name: image for name, image in found.items() if image is not None}
    return Sources(
        {name: _png(image) for name, image in images.items()},
        {name: pixel_digest(image) for name, image in images.items()},
    )


def _png(image: NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    PillowImage.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def _pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(PillowImage.open(BytesIO(png)))


@st.cache_data(ttl=60, max_entries=200, show_spinner=False)
def load_fused(digest: str) -> bytes | None:
    """Fetch a fused image as a PNG file; None if it is not in the cache, or damaged."""
    return None if get_image(digest) is None else image_path(digest).read_bytes()


@st.cache_data(ttl=600, max_entries=300, show_spinner=False)
def load_map(name: str, a: bytes, b: bytes, fused: bytes) -> bytes:
    """Draw a map of `fusebench.leaderboard.maps` from PNG files, as one.

    Raises
    ------
    InputError
        If the images are too small for it.
    """
    return _png(maps.draw_map(name, _pixels(a), _pixels(b), _pixels(fused)))


@st.cache_data(ttl=600, max_entries=300, show_spinner=False)
def cut(png: bytes, zoom: int, across: int, down: int) -> bytes:
    """Cut a detail out of a PNG file; see `fusebench.leaderboard.maps.detail`."""
    return png if zoom == 1 else _png(maps.detail(_pixels(png), zoom, across, down))


@st.cache_data(ttl=3600, max_entries=16, show_spinner=False)
def load_thumbnails(dataset: str, root: str | None, most: int) -> dict[str, bytes]:
    """Draw some pairs of a dataset, evenly chosen, as PNG files by key.

    Raises
    ------
    FusebenchError
        If the folder or an image is gone.
    """
    if root is not None and not Path(root).is_dir():
        raise MissingDataError(f"the folder of {dataset} is gone: {root}")
    opened = datasets.load(dataset, root)
    step = -(-len(opened) // most)
    pairs = (opened[key] for key in opened.keys[::step])
    return {pair.key: _png(maps.thumbnail(pair.a, pair.b)) for pair in pairs}


@st.cache_data(show_spinner=False)
def load_legend(name: str) -> bytes:
    """Draw the colours of a map, from its low end to its high one, as a PNG file."""
    return _png(maps.legend(maps.MAP_KINDS[name]))


# -- choices ----------------------------------------------------------------------------------


def params() -> dict[str, str]:
    """Give the choices that the URL holds."""
    return carried(st.query_params.to_dict())


def link(page: str, label: str, icon: str | None = None, /, **choices: str) -> None:
    """Link to a page with the choices of the URL and some others; `label` is Markdown."""
    st.page_link(page, label=label, icon=icon, query_params={**params(), **choices})


def turn_to(name: str, value: str, shown: dict[str, str]) -> None:
    """Change one choice in the URL; for callbacks, which run before the page."""
    st.query_params.from_dict(changed({**params(), **shown}, name, value))


def _write(name: str, key: str, shown: dict[str, str], write: Callable[[Any], str]) -> None:
    value = st.session_state[key]
    # A click on the chosen segment takes it away; the page then puts it back.
    if value is not None:
        turn_to(name, write(value), shown)


def bind(
    name: str,
    value: Any,
    shown: dict[str, str],
    write: Callable[[Any], str] = str,
) -> dict[str, Any]:
    """Give the arguments that tie a widget to a query parameter.

    Parameters
    ----------
    name : str
        The query parameter.
    value : object
        What the widget shows, as read from the URL.
    shown : dict
        All choices of the view, which the URL holds as soon as one of them is changed.
    write : callable
        Turns the widget's value into text.
    """
    key = f"choose-{name}"
    # The URL decides, also when the browser went back to another one.
    st.session_state[key] = value
    return {"key": key, "on_change": _write, "args": (name, key, shown, write)}


def choose_view(*, metrics: bool = True) -> View:
    """Show the filters for task, dataset, protocol and metrics, and give what they say.

    Parameters
    ----------
    metrics : bool
        Whether the page lets its visitor choose metrics.
    """
    evaluations = ask(board.evaluations)
    if not evaluations:
        no_results("This database holds no results yet.")
    wanted = params()
    evaluation = choose_evaluation(evaluations, wanted)
    protocols = ask(board.protocols_used)
    protocol = choose_protocol(protocols, wanted)
    present = tuple(m.slug for m in ask(board.metrics_used, evaluation, protocol))
    view = View(evaluation, protocol, present, choose_metrics(present, wanted.get("metrics")))
    _filters(view, evaluations, protocols)
    if metrics:
        _metric_filter(view)
    for kind, name in not_found(wanted, view):
        st.warning(f"This database has no {kind} {literal(name)}, which the link asks for.")
    lacking = [METRICS[slug] for slug in without_values(wanted, view)]
    if metrics and lacking:
        labels = ", ".join(escape(m.plain_label) for m in lacking)
        st.caption(f"Without values here, and left out: {labels}.")
    return view


def _filters(view: View, evaluations: Sequence[board.Evaluation], protocols: Sequence[str]) -> None:
    shown = view.params()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Task",
            tasks_of(evaluations),
            format_func=lambda task: TASK_TITLES[task],
            **bind("task", view.evaluation.task, shown),
        )
        names = [e.dataset for e in evaluations if e.task == view.evaluation.task]
        with st.container(width=260):
            st.selectbox("Dataset", names, **bind("dataset", view.evaluation.dataset, shown))
        if len(protocols) > 1:
            with st.container(width=200):
                st.selectbox("Protocol", protocols, **bind("protocol", view.protocol, shown))


def _metric_filter(view: View) -> None:
    shown = view.params()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Metrics",
            view.present,
            format_func=lambda slug: METRICS[slug].plain_label,
            help="Columns in the order of choice. The ranks follow the metrics chosen here.",
            **bind(
                "metrics",
                list(view.metrics),
                shown,
                lambda chosen: metrics_text(chosen, view.present),
            ),
        )
        for label, text in (("Main", MAIN), ("All", ALL)):
            st.button(
                label,
                key=f"metrics-{text}",
                disabled=shown["metrics"] == text,
                on_click=turn_to,
                args=("metrics", text, shown),
            )


# -- downloads --------------------------------------------------------------------------------

_DOWNLOADS = {
    "CSV": ("csv", "csv", "text/csv"),
    "JSON": ("json", "json", "application/json"),
    "LaTeX": ("latex", "tex", "application/x-tex"),
    "Markdown": ("markdown", "md", "text/markdown"),
}


def downloads(write: Callable[[str], str], name: str) -> None:
    """Offer a table in every format.

    Parameters
    ----------
    write : callable
        Writes the table in a format, when somebody wants it: `fusebench.leaderboard.export`.
    name : str
        Of the file, and different from other tables of the page; any text.
    """
    stem = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:80]
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"downloads-{name}"
    ):
        st.caption("Download:", width="content")
        for label, (form, ending, kind) in _DOWNLOADS.items():
            st.download_button(
                label,
                partial(write, form),
                f"fusebench-{stem}.{ending}",
                kind,
                on_click="ignore",
                type="tertiary",
                key=f"download-{form}-{name}",
            )


def download_table(title: str, frame: pd.DataFrame, note: str = "") -> None:
    """Offer a table of text and numbers, which has no other place on the page."""
    downloads(Table(title, frame, note).write, title)


# -- messages ---------------------------------------------------------------------------------


def no_results(reason: str, detail: str = "") -> NoReturn:
    """Say that there is nothing to show and what to do, and end the page."""
    st.info(reason)
    st.text("\n".join([f"Database: {shown_url(default_url())}", *([detail] if detail else [])]))
    st.text("Fill it from a terminal, then reload this page:")
    st.code("fusebench run demo", language=None)
    st.stop()
