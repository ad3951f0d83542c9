"""The leaderboard without a browser: its choices and tables, and its pages in `AppTest`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from leaderboard_data import FACTS, HOSTILE, KEYS, REASON, SCORES, tiny_database
from leaderboard_pages import charts, markdown, open_page, param, said
from streamlit.testing.v1 import AppTest

from fusebench import datasets
from fusebench.bench.cache import image_path
from fusebench.bench.schema import EntryRow
from fusebench.bench.store import Entry, Outcome, ScoreValue, Store, default_url, full_url
from fusebench.bench.trust import BY_NAME, DEGRADATIONS, load_report
from fusebench.bench.types import Metric
from fusebench.leaderboard import ahead, app_charts, board
from fusebench.leaderboard import app_choices as choices
from fusebench.leaderboard import app_tables as tables
from fusebench.leaderboard.board import Evaluation
from fusebench.leaderboard.export import export
from fusebench.methods import METHODS
from fusebench.metrics import METRICS


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts as a fresh server does, and leaves the process as it was."""
    st.cache_data.clear()
    st.cache_resource.clear()
    # AppTest puts the script in the place of this module, where new processes would look for it.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("leaderboard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSEBENCH_CACHE", str(folder / "cache"))
        tiny_database(folder)
        yield folder


@pytest.fixture
def database(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(made / "cache"))
    monkeypatch.setenv("FUSEBENCH_DB", str(made / "results.db"))
    return made


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with closing(Store.open(str(database / "results.db"), create=False)) as opened:
        yield opened


@pytest.fixture
def focus(store: Store) -> Evaluation:
    return board.find_evaluations(store, task="mff")[0]


def methods_in_order(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["Method"])


# -- choices ----------------------------------------------------------------------------------


def _evaluation(dataset: str, task: Any) -> Evaluation:
    return Evaluation(1, dataset, dataset, dataset, task, 3, 0, None)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ("demo", "mff")),
        ({"task": "mef"}, ("demo", "mef")),
        ({"dataset": "lytro:20"}, ("lytro:20", "mff")),
        ({"task": "mef", "dataset": "demo"}, ("demo", "mef")),
        # The task decides where both cannot be had.
        ({"task": "mef", "dataset": "lytro:20"}, ("demo", "mef")),
        ({"task": "nonsense", "dataset": "nonsense"}, ("demo", "mff")),
    ],
)
def test_evaluation_follows_the_link(params: dict[str, str], expected: tuple[str, str]) -> None:
    have = [_evaluation("demo", "mff"), _evaluation("lytro:20", "mff"), _evaluation("demo", "mef")]
    found = choices.choose_evaluation(have, params)
    assert (found.dataset, found.task) == expected


def test_metrics_of_a_link_round_trip() -> None:
    present = ["ag", "en", "ssim", "qabf", "vif"]
    main = ("qabf", "vif", "ssim")
    for wanted, chosen, written in [
        (None, main, "main"),
        ("main", main, "main"),
        ("all", tuple(present), "all"),
        ("vif,en", ("vif", "en"), "vif,en"),
        ("en, nonsense", ("en",), "en"),
        ("nonsense", main, "main"),
    ]:
        assert choices.choose_metrics(present, wanted) == chosen
        assert choices.metrics_text(chosen, present) == written
    assert choices.metrics_text([], present) == "main"
    assert choices.choose_metrics(["ag", "en"], None) == ("ag", "en"), "no headline metric"
    assert choices.choose_metrics([], "all") == ()


def test_another_dataset_drops_the_pair_but_nothing_else() -> None:
    before = {"task": "mff", "pair": "one", "metrics": "all", "stray": "x"}
    assert choices.changed(before, "dataset", "tno") == {
        "task": "mff",
        "metrics": "all",
        "dataset": "tno",
    }
    assert choices.changed(before, "metrics", "")["pair"] == "one"
    assert "metrics" not in choices.changed(before, "metrics", "")


def test_entry_by_name_then_newest_label() -> None:
    names = {3: "GFF", 1: "LP (v1)", 2: "LP (v2)"}
    labels = {3: "GFF", 1: "LP", 2: "LP"}
    assert choices.choose_entry(names, labels, "LP (v1)") == 1
    assert choices.choose_entry(names, labels, "LP") == 2
    assert choices.choose_entry(names, labels, "nobody") == 3
    assert choices.choose_entry(names, labels, None) == 3


def test_neighbours_meet_at_the_ends() -> None:
    assert choices.neighbours(KEYS, "one") == ("two", "three")
    assert choices.neighbours(["only"], "only") == ("only", "only")


# -- tables -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "` plain `"),
        ("a `b` ``c``", "``` a `b` ``c`` ```"),
        ("two\nlines", "` two lines `"),
        (" ", "(empty)"),
    ],
)
def test_literal_fences_any_text(text: str, expected: str) -> None:
    assert tables.literal(text) == expected


def test_labels_that_are_equal_are_told_apart() -> None:
    def row(entry_id: int, kind: str, label: str, version: int = 1) -> EntryRow:
        return EntryRow(id=entry_id, kind=kind, label=label, version=version)

    assert board.entry_names([row(1, "method", "A"), row(2, "method", "B")]) == {1: "A", 2: "B"}
    by_kind = [row(1, "method", "LP"), row(2, "folder", "LP")]
    assert board.entry_names(by_kind) == {1: "LP (method)", 2: "LP (folder)"}
    by_version = [row(1, "method", "LP", 1), row(2, "method", "LP", 2)]
    assert board.entry_names(by_version) == {1: "LP (v1)", 2: "LP (v2)"}
    by_id = [row(1, "method", "LP"), row(2, "method", "LP"), row(3, "method", "X")]
    assert board.entry_names(by_id) == {1: "LP (#1)", 2: "LP (#2)", 3: "X"}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.slug)
def test_every_metric_is_explained(metric: Metric) -> None:
    assert tables.heading(metric) in tables.metric_paragraph(metric).replace("\\", "")
    assert metric.doi in tables.metric_paragraph(metric)
    assert f"{metric.direction.capitalize()} is better" in tables.metric_help(metric)


def test_places_share_and_follow_the_direction() -> None:
    values = {"x": 0.5, "y": 0.7, "z": 0.7}
    assert board.places(values, METRICS["qabf"]) == {"x": 3, "y": 1, "z": 1}


def test_ranking_frame_has_numbers_and_dressed_text(store: Store, focus: Evaluation) -> None:
    ranking = board.ranking(store, focus, ["qabf", "ssim"])
    frame = tables.ranking_frame(ranking)
    assert list(frame.columns) == [
        *("Rank", "Method", "Pairs", "Mean rank", "qabf", "ssim", "Time", "Device", "Origin")
    ]
    assert pd.api.types.is_float_dtype(frame["qabf"]), "numbers, so that columns sort"
    html = tables.ranking_style(ranking).to_html(escape=True)
    for text in ("0.7000¹", "1.700¹", "0.6000²", "3/3", "2/3 ⚠", "0.8950 (n=2)", "12.5 ms"):
        assert text in html, text
    assert "0.9000" not in html, "a mean over fewer pairs is never shown like a full one"


def test_selected_cell_and_weakest_pair(store: Store, focus: Evaluation) -> None:
    ranking = board.ranking(store, focus, ["qabf", "ssim"])
    assert tables.selected(ranking, []) is None
    assert tables.selected(ranking, [(99, "qabf")]) is None
    line, column = tables.selected(ranking, [(1, "ssim")]) or (None, None)
    assert line is not None
    assert column is not None
    assert column.slug == "ssim"
    assert tables.selected(ranking, [(0, "Method")]) == (ranking.lines[0], None)
    scores = board.pair_scores(store, focus, ["qabf"])
    assert tables.weakest_pair(scores, line.competitor, METRICS["qabf"]) == "one"
    assert tables.weakest_pair(scores, line.competitor, METRICS["vif"]) is None


def test_tiles_follow_the_ranking_and_know_failures(store: Store, focus: Evaluation) -> None:
    ranking = board.ranking(store, focus, ["qabf"])
    fused = board.fused_images(store, focus, "two")
    scores = board.pair_scores(store, focus, ["qabf"], key="two")
    assert set(scores["pair"]) == {"two"}
    laid = tables.tiles(ranking, fused, scores)
    assert [t.competitor.label for t in laid] == ["LP", "Average", HOSTILE]
    assert [t.scores["qabf"].place for t in laid] == [1, 2, None]
    assert (laid[2].image_digest, laid[2].error) == (None, REASON)
    last = laid[2].competitor.entry_id
    assert tables.tiles(ranking, fused, scores, first=last)[0].competitor.label == HOSTILE


def test_undefined_scores_carry_their_reason(store: Store) -> None:
    night = board.find_evaluations(store, task="ivif")[0]
    ranking = board.ranking(store, night, ["vif", "qabf"])
    laid = tables.tiles(
        ranking, board.fused_images(store, night, "one"), board.pair_scores(store, night, key="one")
    )
    assert tables.undefined(laid[0], ranking.columns) == ["VIF: a source is *flat*"]
    assert tables.heading(ranking.columns[0].metric, counts=False).endswith("°")
    assert "vif" not in [m.slug for m in board.metrics_used(store, night, "canonical")]


def test_ranking_bears_a_run_in_progress(store: Store, focus: Evaluation) -> None:
    """Images that a run adds between two queries are in one of them only."""
    grid = board._grid(store, focus)
    whole = board._make_matrix(store, grid, "canonical", METRICS["qabf"])
    before = replace(grid, fused=grid.fused[1:], places=grid.places[1:])
    fewer = board._make_matrix(store, before, "canonical", METRICS["qabf"])
    assert np.isnan(fewer.values).sum() == np.isnan(whole.values).sum() + 1
    after = replace(grid, fused=grid.fused + 1000)
    none = board._make_matrix(store, after, "canonical", METRICS["qabf"])
    assert np.isnan(none.values).all()
    assert none.cells == [None] * len(grid.competitors)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.00401, "4.01 ms"), (0.179, "179 ms"), (0.004, "4.00 ms"), (12.34, "12.3 s")],
)
def test_times_have_three_digits(seconds: float | None, text: str) -> None:
    assert tables.format_seconds(seconds) == text


# -- pages ------------------------------------------------------------------------------------


def test_ranking_page(database: Path) -> None:
    app = open_page()
    # Infrared-visible comes first in the order of tasks.
    assert app.selectbox(key="choose-dataset").value == "folder:ivif"
    app = open_page(task="mff")
    assert methods_in_order(app) == ["LP", "Average", HOSTILE]
    frame = app.dataframe[0].value
    assert list(frame["Rank"])[:2] == [1, 2]
    assert pd.isna(frame["Rank"].iloc[2])
    assert list(frame.columns)[7:-4] == ["psnr_ref", "qabf", "vif", "ssim"]
    assert "Ranked by the mean of the ranks over 4 metrics" in said(app)
    assert f"{HOSTILE}: 2 of 3 pairs, 1 failed" in said(app)
    meaning = "Share of the edges of the sources that the fused image keeps"
    assert meaning not in markdown(app)
    app.session_state["meaning"] = True
    assert meaning in markdown(app.run())
    assert [x.proto.label for x in app.get("download_button")] == [
        *("CSV", "JSON", "LaTeX", "Markdown")
    ]


def test_filters_change_the_table_and_the_link(database: Path) -> None:
    app = open_page(task="mff")
    app.multiselect(key="choose-metrics").set_value(["ssim"]).run()
    assert methods_in_order(app) == ["Average", "LP", HOSTILE]
    assert param(app, "metrics") == "ssim"
    assert param(app, "dataset") == "folder:mff", "the link now holds every choice"
    app.button(key="metrics-all").click().run()
    assert "en" in app.dataframe[0].value
    assert param(app, "metrics") == "all"
    app.button(key="metrics-main").click().run()
    assert "en" not in app.dataframe[0].value
    app.get("button_group")[0].set_value("ivif").run()
    assert not app.exception
    assert methods_in_order(app) == ["LP"]
    assert param(app, "task") == "ivif"


def test_link_selects_and_tells_what_is_missing(database: Path) -> None:
    app = open_page(task="mff", metrics="en,vif", dataset="folder:mff", protocol="canonical")
    assert list(app.dataframe[0].value.columns)[7:-4] == ["en", "vif"]
    app = open_page(task="ivif", metrics="psnr_ref,qabf,bogus", dataset=HOSTILE)
    assert list(app.dataframe[0].value.columns)[4:-4] == ["qabf"]
    assert tables.literal(HOSTILE) in markdown(app)
    assert "` bogus `" in markdown(app)
    assert "Without values here" in markdown(app)


def test_two_protocols_are_never_mixed(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(made / "cache"))
    path = tiny_database(made, "two.db")
    with closing(Store.open(path)) as store:
        evaluation = board.find_evaluations(store, task="mff")[0]
        fused = board.fused_images(store, evaluation, "one").iloc[0]
        row = board.pair_row(store, evaluation, "one")
        assert row is not None
        outcome = Outcome(fused["image_digest"], None, "cpu", None, None, [])
        store.save(int(fused["entry_id"]), row.id, 1, "vifb", outcome)
        with store.write() as connection:
            connection.exec_driver_sql(
                "INSERT INTO score (fused_id, run_id, metric, version, protocol, value)"
                " SELECT fused_id, run_id, metric, version, 'vifb', 0.5 FROM score"
                " WHERE metric = 'ssim'"
            )
    monkeypatch.setenv("FUSEBENCH_DB", path)
    app = open_page(task="mff")
    assert app.selectbox(key="choose-protocol").value == "canonical"
    app.selectbox(key="choose-protocol").set_value("vifb").run()
    assert list(app.dataframe[0].value.columns)[7:-4] == ["ssim"]
    assert set(app.dataframe[0].value["ssim"]) == {0.5}
    assert param(app, "protocol") == "vifb"


def test_pairs_page(database: Path) -> None:
    app = open_page("pairs", task="mff", pair="two", metrics="qabf")
    assert app.selectbox(key="choose-pair").value == "two"
    # a, b and the reference, and two fused images; the third method failed.
    assert len(app.image) == 5
    for text in ("a: near focus", "b: far focus", "reference", "LP", "Average", HOSTILE, REASON):
        assert text in said(app), text
    assert "| Q^AB/F ↑ | **0.7100¹** |" in markdown(app)
    assert "0.6100²" in markdown(app)
    app.button(key="pair-next").click().run()
    assert app.selectbox(key="choose-pair").value == "one"
    assert param(app, "pair") == "one"
    assert param(app, "metrics") == "qabf"
    assert len(app.image) == 6
    app.get("button_group")[1].set_value("small").run()
    assert param(app, "size") == "small"


def test_pairs_page_puts_the_method_of_the_link_first(database: Path) -> None:
    app = open_page("pairs", task="mff", method="Average")
    text = said(app)
    assert text.index("Average") < text.index("LP")


def test_pairs_page_without_images(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(made / "other-cache"))
    folder = made / "moved"
    path = tiny_database(folder)
    (folder / "focus").rename(folder / "elsewhere")
    for digest in list(Path(made / "other-cache").rglob("*.png")):
        digest.unlink()
    monkeypatch.setenv("FUSEBENCH_DB", path)
    app = open_page("pairs", task="mff", pair="nonsense")
    assert str(folder / "focus") in said(app)
    assert "no longer in the cache" in markdown(app)
    assert "no pair ` nonsense `" in markdown(app)
    assert len(app.image) == 0


def test_pairs_page_says_when_sources_are_other_pixels(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(made / "cache"))
    folder = made / "altered"
    monkeypatch.setenv("FUSEBENCH_DB", tiny_database(folder))
    (folder / "focus/a/one.png").write_bytes((folder / "focus/b/one.png").read_bytes())
    app = open_page("pairs", task="mff", pair="one")
    assert [x.value for x in app.warning] == ["These are not the pixels that were scored."]


def test_damaged_image_is_not_shown(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(made / "third-cache"))
    path = tiny_database(made / "damaged")
    monkeypatch.setenv("FUSEBENCH_DB", path)
    with closing(Store.open(path)) as store:
        evaluation = board.find_evaluations(store, task="mff")[0]
        digest = board.fused_images(store, evaluation, "one")["image_digest"].iloc[0]
    image_path(digest).write_bytes(b"not a picture")
    app = open_page("pairs", task="mff", pair="one")
    assert "no longer in the cache" in markdown(app)


def test_methods_page(database: Path) -> None:
    app = open_page("methods", method="LP")
    shown = markdown(app)
    assert "https://doi.org/" in shown
    assert "reimplemented" in shown
    assert "Failures (0)" in shown
    assert "folder:mff" in said(app)
    assert "Rank 1 of 2" in said(app)
    frames = [x.value for x in app.dataframe]
    options = next(f for f in frames if "Option" in f)
    assert options.to_dict("records") == [{"Option": "levels", "Value": "3", "In the paper": "4"}]
    facts = next(f for f in frames if "Fact" in f).set_index("Fact")["Value"]
    assert facts["Commit"] == FACTS["commit"]
    assert facts["torch"] == "not installed"
    speed = next(f for f in frames if "For a megapixel" in f)
    assert list(speed["Time"]) == ["12.5 ms", "12.5 ms"]
    assert "Weights" not in [x.value for x in app.subheader]
    standing = next(f for f in frames if "Place" in f and len(f) == 5)
    assert set(standing["Pairs"]) == {"3/3"}


def test_methods_page_of_a_network(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(made / "cache"))
    path = tiny_database(made, "network.db")
    official = METHODS["sr"].weights[0]
    with closing(Store.open(path)) as store:
        for name, sha in (("SR", official.files[0].sha256), ("Mine", "0" * 64)):
            store.add_entry(Entry("method", "sr", name, 1, {}, sha, official.origin))
    monkeypatch.setenv("FUSEBENCH_DB", path)
    app = open_page("methods", method="SR")
    weights = next(x.value for x in app.dataframe if "Terms" in x.value)
    assert list(weights["Set"]) == [w.name for w in METHODS["sr"].weights]
    assert list(weights["Here"]) == ["used", ""]
    assert weights["Terms"][0] == official.licence
    assert "No times" in markdown(app)
    assert "The results are of other files" in markdown(open_page("methods", method="Mine"))


def test_methods_page_of_a_folder_with_failures(database: Path) -> None:
    app = open_page("methods", method=HOSTILE)
    assert app.selectbox(key="choose-method").value == 3
    assert "Not ranked: it has 2 of 3 pairs" in said(app)
    assert "Failures (1)" in markdown(app)
    reasons = next(x.value for x in app.dataframe if "Reason" in x.value)
    assert list(reasons["Reason"]) == [REASON]
    app.selectbox(key="choose-method").set_value(1).run()
    assert param(app, "method") == "LP"
    assert not app.exception


def test_one_method_on_two_devices(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(made / "cache"))
    path = tiny_database(made, "devices.db")
    with closing(Store.open(path)) as store:
        night = board.find_evaluations(store, task="ivif")[0]
        for key in KEYS:
            row = board.pair_row(store, night, key)
            assert row is not None
            outcome = Outcome("0" * 64, None, "cuda", 0.001, None, [])
            store.save(1, row.id, 1, "canonical", outcome)
    monkeypatch.setenv("FUSEBENCH_DB", path)
    assert methods_in_order(open_page(task="ivif")) == ["LP (cpu)", "LP (cuda)"]
    app = open_page("pairs", task="ivif")
    links = [x.proto for x in app.get("page_link") if x.proto.label == "About this method"]
    assert [x.query_string.endswith("method=LP") for x in links] == [True, True]
    app = open_page("methods", method="LP")
    assert "Infrared-visible: folder:ivif, cuda" in said(app)
    assert not app.warning


def test_methods_page_tells_of_an_unknown_method(database: Path) -> None:
    assert "no method ` nobody `" in markdown(open_page("methods", method="nobody"))


@pytest.mark.parametrize("page", ["ranking", "pairs", "methods"])
def test_names_are_text_and_never_markup(database: Path, page: str) -> None:
    app = open_page(page, task="mff", pair="two", method=HOSTILE)
    assert HOSTILE in said(app), "shown as it stands"
    fenced = markdown(app).replace(tables.literal(HOSTILE), "")
    for piece in ("<script>", "**bold**", ":red[", ":smile:", "](http://example.org"):
        assert piece not in fenced, piece
    assert REASON not in markdown(app)
    labels = [x.proto.label for x in app.get("page_link")]
    assert not any("<script>" in x.replace(tables.literal(HOSTILE), "") for x in labels)


def test_links_carry_the_choices(database: Path) -> None:
    app = open_page(task="mff", metrics="en", pair="two")
    links = {x.proto.label: x.proto for x in app.get("page_link")}
    assert "metrics=en" in links["Methods"].query_string
    assert "pair=two" in links["Pairs"].query_string
    behind = links["Images, pair by pair"].query_string
    assert "task=mff" in behind
    assert "dataset=folder%3Amff" in behind


@pytest.mark.parametrize("page", ["ranking", "pairs", "methods", "metrics"])
def test_database_that_is_missing_or_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("FUSEBENCH_DB", str(tmp_path / "none.db"))
    app = open_page(page)
    assert "There are no results yet." in markdown(app)
    assert "fusebench run demo" in app.code[0].value
    assert not (tmp_path / "none.db").exists(), "the app only reads"
    Store.open(str(tmp_path / "none.db")).close()
    app = open_page(page)
    assert "holds no results yet" in markdown(app)


def test_database_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "none.db").write_bytes(b"not a database, but long enough to look at" * 50)
    monkeypatch.setenv("FUSEBENCH_DB", str(tmp_path / "none.db"))
    app = open_page()
    assert "cannot be read" in markdown(app)
    assert "not a database" in said(app)


def test_competitor_without_scores(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(made / "cache"))
    path = tiny_database(made, "lonely.db")
    with closing(Store.open(path)) as store:
        store.add_entry(Entry("callable", "", "Nothing", origin="user function"))
    monkeypatch.setenv("FUSEBENCH_DB", path)
    app = open_page("methods", method="Nothing")
    assert "No results." in markdown(app)


@pytest.mark.parametrize("page", ["ranking", "pairs", "methods", "metrics"])
def test_nothing_but_failures(made: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(made / "cache"))
    path = str(made / f"failures-{page}.db")
    with closing(Store.open(path)) as store:
        dataset = datasets.load("folder:mff", made / "focus")
        pairs = store.add_dataset(dataset, dataset.inspect())
        run_id = store.start_run("by hand", 1, store.add_environment({}))
        entry_id = store.add_entry(Entry("callable", "", "Broken", origin="user function"))
        for pair_id in pairs.values():
            outcome = Outcome(None, REASON, "cpu", None, None, [])
            store.save(entry_id, pair_id, run_id, "canonical", outcome)
    monkeypatch.setenv("FUSEBENCH_DB", path)
    app = open_page(page)
    if page == "ranking":
        assert "No scores on this dataset" in markdown(app)
        assert "Broken: 0 of 3 pairs, 3 failed" in said(app)
    elif page == "pairs":
        assert REASON in said(app)
    elif page == "metrics":
        assert "Not known here" in markdown(app)
    else:
        assert "Failures (3)" in markdown(app)


def test_what_is_read_ahead_is_remembered(
    database: Path, focus: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead.read_ahead(default_url(), {"task": "mff"}).join(60)
    store = ahead.open_store(ahead.identity(default_url()))
    expected = board.ranked(store, focus).to_dict()
    asked: list[object] = []
    monkeypatch.setattr(store, "rows", lambda statement: asked.append(statement) or [])
    assert board.ranked(store, focus).to_dict() == expected
    assert not asked


def test_reading_ahead_leaves_problems_to_the_pages(tmp_path: Path) -> None:
    reader = ahead.read_ahead(full_url(str(tmp_path / "none.db")), {})
    reader.join(60)
    assert not reader.is_alive()


@pytest.mark.parametrize(
    ("page", "tables_there", "choices"),
    [
        ("ranking", 1, {"task": "mff"}),
        ("compare", 3, {"task": "mff", "methods": "LP|Average"}),
        ("methods", 3, {"method": "LP"}),
        ("metrics", 3, {"metric": "qabf", "task": "mff"}),
        ("overview", 1, {}),
        ("datasets", 2, {"data": "tno"}),
        ("papers", 2, {}),
        ("runs", 2, {}),
    ],
)
def test_every_table_can_be_downloaded(
    database: Path, page: str, tables_there: int, choices: dict[str, str]
) -> None:
    labels = [x.proto.label for x in open_page(page, **choices).get("download_button")]
    assert labels == ["CSV", "JSON", "LaTeX", "Markdown"] * (len(labels) // 4)
    assert len(labels) // 4 >= tables_there


def test_downloads_hold_the_table(store: Store, focus: Evaluation) -> None:
    data = json.loads(export([board.ranking(store, focus, ["qabf"])], "json"))
    assert [m["method"] for m in data[0]["methods"]] == list(SCORES)


# -- the metric page --------------------------------------------------------------------------


def test_metrics_page(database: Path) -> None:
    app = open_page("metrics", task="mff", metric="vif")
    text = markdown(app)
    assert METRICS["vif"].displayed in str(app.latex[0].value)
    assert "10.1109/TIP.2005.859378" in text
    assert "canonical, cddfuse" in text
    assert "a copy of one source beats a fusion" in text
    flags = app.table[0].value
    assert list(flags["Trick"]) == [
        "Noise",
        "Contrast",
        "Sharpening",
        "Blur",
        "A copy of one source",
    ]
    assert list(flags["Buys it"]) == ["no", "no", "no", "no", "yes"]
    titles = [chart.get("title") for chart in charts(app)]
    assert titles[:3] == ["Gaussian blur", "Additive Gaussian noise", "Contrast about the mean"]
    assert len(titles) == 5, "three of behaviour, two of likeness"
    changes = app.dataframe[0].value
    assert len(changes) == sum(len(d.strengths) for d in DEGRADATIONS)


def test_metrics_page_of_a_metric_without_values(database: Path) -> None:
    app = open_page("metrics", task="mff", metric="q_cv")
    assert "Not known here" in markdown(app)
    # One method alone is no ranking.
    assert "Not known here" in markdown(open_page("metrics", task="ivif", metric="qabf"))


def test_metrics_page_without_a_database(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBENCH_DB", str(made / "nothing.db"))
    app = open_page("metrics", metric="en")
    assert METRICS["en"].displayed in str(app.latex[0].value)
    assert "There are no results yet." in markdown(app)


def test_metrics_page_changes_with_its_filter(database: Path) -> None:
    app = open_page("metrics", task="mff")
    assert METRICS["qabf"].title in markdown(app)
    app.selectbox("choose-metric").set_value("sd").run()
    assert param(app, "metric") == "sd"
    assert "noise buys it" in markdown(app)


def test_metrics_page_tells_of_an_unknown_metric(database: Path) -> None:
    app = open_page("metrics", metric=HOSTILE, dataset=HOSTILE, task="mff")
    assert markdown(app).count(tables.literal(HOSTILE)) == 2
    fenced = markdown(app).replace(tables.literal(HOSTILE), "")
    for piece in ("<script>", "**bold**", ":red[", ":smile:", "](http://example.org"):
        assert piece not in fenced, piece
    assert METRICS["qabf"].title in markdown(app)


def test_likeness_of_metrics(store: Store, focus: Evaluation) -> None:
    tau = board.metric_likeness(store, focus, "canonical")
    assert list(tau.index) == [slug for slug in METRICS.slugs if slug in SCORES["LP"]]
    # Both are best for the hostile one, then LP, then Average, on every pair.
    assert tau.loc["qabf", "vif"] == 1
    # SSIM has Average before LP, and the hostile one first on the two pairs that it has.
    assert tau.loc["qabf", "ssim"] == pytest.approx((1 / 3 + 1 / 3 - 1) / 3)
    assert tau.loc["en", "en"] == 1
    assert board.alike(tau) == [["en", "psnr_ref", "qabf", "vif"]]
    night = board.find_evaluations(store, task="ivif")[0]
    assert board.metric_likeness(store, night, "canonical").isna().all(axis=None)
    assert board.metric_likeness(store, night, "vifb").empty


def test_a_lower_score_is_a_better_place(store: Store, focus: Evaluation) -> None:
    flipped = replace(METRICS["vif"], direction="lower")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METRICS._records, "vif", flipped)
        tau = board.metric_likeness(store, focus, "canonical")
    assert tau.loc["qabf", "vif"] == -1


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.slug)
def test_behaviour_of_every_metric_can_be_drawn(metric: Metric) -> None:
    known = load_report().metrics[metric.slug]
    low, high = app_charts.behaviour_limits(known)
    for name in app_charts.DRAWN:
        drawn = app_charts.behaviour_chart(known, BY_NAME[name], (low, high)).to_dict()
        values = [r["value"] for rows in drawn["datasets"].values() for r in rows]
        assert all(value is None or low <= value <= high for value in values)
        assert len(values) == len(BY_NAME[name].strengths) + 2
    assert len(tables.responses_frame(known)) == sum(len(d.strengths) for d in DEGRADATIONS)


# -- the papers page --------------------------------------------------------------------------


def test_papers_page(database: Path) -> None:
    app = open_page("papers", paper="rao2021fmm", table="2", verdict="reproduced")
    cells = app.dataframe[0].value
    assert set(cells["Verdict"]) == {"reproduced"}
    assert {"CSR", "MGFF"} <= set(cells["Method"])
    csr = cells[(cells["Method"] == "CSR") & (cells["Metric"] == "EN")].iloc[0]
    assert csr["Printed"] == csr["Computed"]
    assert "jiangnan" in csr["By"]
    assert "contradicts" in markdown(app)


def test_papers_page_changes_with_its_filters(database: Path) -> None:
    app = open_page("papers")
    assert param(app.selectbox("choose-paper").set_value("zhang_smfnet").run(), "paper")
    assert app.selectbox("choose-table").value == "1"
    app.selectbox("choose-verdict").set_value("contradicts itself").run()
    assert param(app, "verdict") == "contradicts itself"
    assert set(app.dataframe[0].value["Verdict"]) <= {"contradicts itself"}


def test_papers_page_without_a_database(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBENCH_DB", str(made / "nothing.db"))
    app = open_page("papers", paper=HOSTILE)
    assert len(app.dataframe[0].value)
    assert tables.literal(HOSTILE) in markdown(app)


# -- the comparison page ----------------------------------------------------------------------


def test_compare_page(database: Path) -> None:
    app = open_page("compare", task="mff", methods=f"LP|{HOSTILE}|Average")
    # The hostile one failed on a pair: it has no rank, and cannot be compared.
    assert app.multiselect("choose-methods").value == ["LP", "Average"]
    specs = json.dumps(charts(app))
    assert len(charts(app)) == 5
    assert "PSNR_ref" in specs
    app.multiselect("choose-methods").set_value(["LP"]).run()
    assert "Choose at least two" in app.info[0].value
    assert "needs two methods" in open_page("compare", task="ivif").info[0].value


def test_compare_page_plots_two_methods_of_the_link(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(made / "cache"))
    path = tiny_database(made, "three.db")
    with closing(Store.open(path)) as store:
        focus = board.find_evaluations(store, task="mff")[0]
        row = board.pair_row(store, focus, "two")
        assert row is not None
        scores = [ScoreValue(slug, 1, value, None) for slug, value in SCORES[HOSTILE].items()]
        outcome = Outcome("0" * 64, None, "cpu", 0.5, None, scores)
        # The third method gets its missing image: it can be compared.
        store.save(3, row.id, 1, "canonical", outcome)
    monkeypatch.setenv("FUSEBENCH_DB", path)
    app = open_page("compare", task="mff", metric="ssim", first="Average", second=HOSTILE)
    assert app.selectbox("choose-metric").value == "ssim"
    assert app.selectbox("choose-first").value == "Average"
    scatter = next(c for c in charts(app) if "Average" in json.dumps(c["layer"][0]["encoding"]))
    assert HOSTILE in json.dumps(scatter)
    app.selectbox("choose-second").set_value("LP").run()
    assert param(app, "second") == "LP"
    app.selectbox("choose-metric").set_value("qabf").run()
    assert (param(app, "metric"), param(app, "first")) == ("qabf", "Average")


def test_two_methods_are_two() -> None:
    names = ["a", "b", "c"]
    assert choices.choose_two(names, None, None) == ("a", "b")
    assert choices.choose_two(names, "c", "b") == ("c", "b")
    assert choices.choose_two(names, "b", "b") == ("b", "a")
    assert choices.choose_two(names, "x", "x") == ("a", "b")


def test_radar_has_best_outside_and_worst_inside(store: Store, focus: Evaluation) -> None:
    ranking = board.ranking(store, focus, ["qabf", "ssim", "vif"])
    lines = [line for line in ranking.lines if line.rank is not None]
    spec = app_charts.radar_chart(lines, ranking.columns).to_dict()
    outline = next(
        rows for rows in spec["datasets"].values() if {"mean", "method"} <= rows[0].keys()
    )
    reach = {(r["method"], r["metric"]): round(np.hypot(r["x"], r["y"]), 9) for r in outline}
    assert reach["LP", "Q^AB/F ↑"] == reach["Average", "SSIM ↑"] == 1
    assert reach["Average", "Q^AB/F ↑"] == reach["LP", "SSIM ↑"] == 0.15
    assert len(set(app_charts.SHAPES)) == len(app_charts.COLOURS) == 6


def test_win_rates_by_hand(store: Store, focus: Evaluation) -> None:
    scores = board.pair_values(store, focus, ["qabf", "vif", "ssim"])
    assert scores.labels == ("LP", "Average")
    wins = board.win_rates(scores, ["Average", "LP"])
    # LP is better on every pair by two of three metrics.
    assert wins.loc["LP", "Average"] == pytest.approx(2 / 3)
    assert wins.loc["Average", "LP"] == pytest.approx(1 / 3)


def test_a_tie_counts_half() -> None:
    values = np.array([[[1.0, 2.0, np.nan], [1.0, 3.0, 5.0]]])
    scores = board.PairValues(("x", "y"), ("1", "2", "3"), (METRICS["mse"],), values)
    wins = board.win_rates(scores, ["x", "y"])
    assert (wins.loc["x", "y"], wins.loc["y", "x"]) == (0.75, 0.25)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [(None, ["a", "b", "c"]), ("d|a|x", ["d", "a"]), ("", []), ("a|a", ["a"])],
)
def test_methods_to_compare_come_from_the_link(wanted: str | None, chosen: list[str]) -> None:
    assert choices.choose_compared(["a", "b", "c", "d"], wanted) == chosen
