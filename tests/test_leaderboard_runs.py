"""Overview and runs: what the database holds, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from leaderboard_data import FACTS, HOSTILE, KEYS, REASON, SCORES, tiny_database
from leaderboard_pages import markdown, open_page, param, said
from test_leaderboard_app import forget

from fusebench.bench.store import Outcome, ScoreValue, Store
from fusebench.leaderboard import app_tables as tables
from fusebench.leaderboard import board, runs
from fusebench.leaderboard.board import Certainty, Line

__all__ = ["forget"]  # fixtures


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    path = tiny_database(tmp_path)
    monkeypatch.setenv("FUSEBENCH_DB", path)
    return path


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with closing(Store.open(database, create=False)) as opened:
        yield opened


def second_run(store: Store) -> int:
    """Score one image again under another protocol, and leave the run unfinished."""
    run_id = store.start_run(HOSTILE, 4, store.add_environment({**FACTS, "gpu": "a GPU"}))
    focus = board.find_evaluations(store, task="mff")[0]
    row = board.pair_row(store, focus, "one")
    digest = board.fused_images(store, focus, "one").set_index("method")["image_digest"]["LP"]
    assert row is not None
    scores = [ScoreValue("en", 1, 7.0, None), ScoreValue("vif", 1, float("nan"), "no reason")]
    store.save(1, row.id, run_id, "vifb", Outcome(digest, None, "cpu", 0.1, None, scores))
    return run_id


# -- queries ----------------------------------------------------------------------------------


def test_totals_count_what_was_written(store: Store) -> None:
    # Three methods on three pairs of which one failed, and one method on three others.
    scores = (3 * len(SCORES) - 1) * 5 + 3 * 4
    assert runs.totals(store) == runs.Totals(
        competitors=3, datasets=2, pairs=6, images=11, failed=1, scores=scores, runs=1
    )


def test_totals_of_nothing(tmp_path: Path) -> None:
    with closing(Store.open(str(tmp_path / "empty.db"))) as store:
        assert runs.totals(store) == runs.Totals(0, 0, 0, 0, 0, 0, 0)
        assert runs.list_runs(store) == []


def test_runs_are_listed_newest_first(store: Store) -> None:
    second = second_run(store)
    newest, first = runs.list_runs(store)
    assert (newest.run_id, newest.name, newest.workers) == (second, HOSTILE, 4)
    assert newest.duration is None
    assert (newest.images, newest.failed) == (0, 0), "its scores are of the first run's image"
    assert newest.facts["gpu"] == "a GPU"
    assert (first.name, first.images, first.failed) == ("by hand", 11, 1)
    assert first.duration is not None
    assert timedelta(0) <= first.duration < timedelta(minutes=5)


def test_what_a_run_made(store: Store) -> None:
    parts = runs.run_parts(store, 1).set_index(["method", "dataset"])
    assert dict(parts["images"]) == {
        ("LP", "folder:mff"): 3,
        ("Average", "folder:mff"): 3,
        (HOSTILE, "folder:mff"): 2,
        ("LP", "folder:ivif"): 3,
    }
    assert parts["failed"].sum() == parts["failed"][HOSTILE, "folder:mff"] == 1
    assert set(parts["seconds"]) == {0.0125}
    second = second_run(store)
    assert runs.run_parts(store, second).empty
    (scores,) = runs.run_scores(store, second).to_dict("records")
    assert scores == {"protocol": "vifb", "metrics": 2, "scores": 2, "undefined": 1}
    assert list(runs.run_scores(store, 1)["undefined"]) == [3]


def test_failures_carry_reasons_and_runs(store: Store) -> None:
    everywhere = runs.run_failures(store)
    assert list(everywhere[["run", "method", "pair", "error"]].iloc[0]) == [
        *(1, HOSTILE, "two", REASON)
    ]
    assert runs.reasons(everywhere) == [(REASON, 1)]
    assert runs.run_failures(store, second_run(store)).empty


def test_reasons_are_counted(store: Store) -> None:
    one = runs.run_failures(store)
    several = one.loc[[0] * 3].assign(error=["b", "a", "b"])
    assert runs.reasons(several) == [("b", 2), ("a", 1)]


def test_speed_of_a_method(store: Store) -> None:
    ivif, mff = runs.speeds(store, 1)
    assert (ivif.dataset, mff.dataset) == ("folder:ivif", "folder:mff")
    assert (mff.images, mff.seconds, mff.memory) == (3, 0.0125, 1000)
    assert mff.megapixels == pytest.approx(48 * 64 / 1e6)
    assert mff.per_megapixel == pytest.approx(0.0125 / (48 * 64 / 1e6))
    assert runs.speeds(store, 99) == []


def test_leaders_and_their_ties(store: Store) -> None:
    ranking = board.ranked(store, board.find_evaluations(store, task="mff")[0], ["qabf", "ssim"])
    first, second, last = ranking.lines
    assert last.rank is None

    def with_groups(line: Line, rank: int | None, groups: str) -> Line:
        return replace(line, rank=rank, certainty=Certainty(1, 2, 0.5, groups, 0.5))

    def names(first_groups: str, second_groups: str) -> tuple[list[str], list[str]]:
        lines = (with_groups(first, 1, first_groups), with_groups(second, 2, second_groups), last)
        leading, tied = runs.leaders(replace(ranking, lines=lines))
        return [x.label for x in leading], [x.label for x in tied]

    assert names("ab", "b") == ([first.label], [second.label])
    assert names("a", "b") == ([first.label], [])
    # The group a1 is not the group a.
    assert names("a", "a1") == ([first.label], [])
    assert names("xa1", "a1") == ([first.label], [second.label])
    plain = replace(ranking, lines=tuple(replace(x, certainty=None) for x in ranking.lines))
    assert runs.leaders(plain)[1] == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "not finished"), (0.2, "0 s"), (75, "1 min 15 s"), (7290, "2 h 1 min")],
)
def test_durations(seconds: float | None, text: str) -> None:
    duration = None if seconds is None else timedelta(seconds=seconds)
    assert tables.format_duration(duration) == text


# -- pages ------------------------------------------------------------------------------------


def test_overview_is_the_first_page(database: str) -> None:
    app = open_page("overview")
    assert app.header[0].value == "Overview"
    assert {m.label: m.value for m in app.metric} == {
        "Methods": "3",
        "Datasets": "2",
        "Pairs": "6",
        "Fused images": "11",
        "Scores": "52",
        "Failures": "1",
    }
    text = said(app)
    assert "Multi-focus: folder:mff" in text
    assert "3 pairs, 2 of 3 methods ranked" in text
    assert "First: LP\nTied with it: Average" in text
    assert "Infrared-visible: folder:ivif" in text


def test_overview_is_filtered_by_task_and_its_cards_lead_on(database: str) -> None:
    app = open_page("overview")
    app.get("button_group")[0].set_value("mff").run()
    assert param(app, "task") == "mff"
    assert "folder:ivif" not in said(app)
    behind = [x.proto.query_string for x in app.get("page_link") if x.proto.label == "Ranking"][-1]
    assert "dataset=folder%3Amff" in behind
    app.get("button_group")[0].set_value("all").run()
    assert "task" not in app.query_params
    assert "folder:ivif" in said(app)
    assert "folder:ivif" not in said(open_page("overview", task="mff"))


def test_runs_page(database: str, store: Store) -> None:
    second = second_run(store)
    app = open_page("runs")
    assert list(app.dataframe[0].value["Run"]) == [second, 1]
    assert list(app.dataframe[0].value["Failed"]) == [0, 1]
    assert "Failures (1)" in markdown(app)
    assert f"1 × {REASON}" in said(app)
    app.selectbox("choose-run").set_value("1").run()
    assert param(app, "run") == "1"
    parts = next(x.value for x in app.dataframe if "Images" in x.value)
    assert parts["Images"].sum() == 11
    assert "Scores under canonical: 52 of 5 metrics, 3 of them undefined" in said(app)
    facts = next(x.value for x in app.dataframe if "Fact" in x.value).set_index("Fact")["Value"]
    assert facts["Commit"] == FACTS["commit"]


def test_runs_page_of_a_run_that_has_not_ended(database: str, store: Store) -> None:
    app = open_page("runs", run=str(second_run(store)))
    assert "It has not ended" in said(app)
    assert "it only added scores" in markdown(app)
    assert "Failures (0)" in markdown(app)


def test_runs_page_tells_of_an_unknown_run(database: str) -> None:
    app = open_page("runs", run=HOSTILE)
    assert tables.literal(HOSTILE) in markdown(app)
    assert app.selectbox("choose-run").value == "all"


@pytest.mark.parametrize("page", ["overview", "runs"])
def test_names_are_text_and_never_markup(database: str, store: Store, page: str) -> None:
    second_run(store)
    app = open_page(page)
    fenced = markdown(app).replace(tables.literal(HOSTILE), "")
    for piece in ("<script>", "**bold**", ":red[", ":smile:", "](http://example.org"):
        assert piece not in fenced, piece


@pytest.mark.parametrize("page", ["overview", "runs"])
def test_database_that_is_missing_or_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("FUSEBENCH_DB", str(tmp_path / "none.db"))
    assert "There are no results yet." in markdown(open_page(page))
    Store.open(str(tmp_path / "none.db")).close()
    assert "This database holds no r" in markdown(open_page(page))


def test_nothing_but_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    path = tiny_database(tmp_path)
    with closing(Store.open(path)) as store:
        focus = board.find_evaluations(store, task="mff")[0]
        for key in KEYS:
            row = board.pair_row(store, focus, key)
            assert row is not None
            for entry_id in (1, 2, 3):
                outcome = Outcome(None, REASON, "cpu", None, None, [])
                store.save(entry_id, row.id, 1, "canonical", outcome)
    monkeypatch.setenv("FUSEBENCH_DB", path)
    assert "No scores under canonical." in said(open_page("overview", task="mff"))
    assert f"9 × {REASON}" in said(open_page("runs"))
