"""The ranking page: origins, what was seen in training, and the heat-map."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from leaderboard_data import HOSTILE, tiny_database
from leaderboard_pages import charts, markdown, open_page, param, said
from test_leaderboard_app import forget

from fusebench.bench.schema import EntryRow
from fusebench.bench.store import Entry, Store
from fusebench.datasets import published_pairs
from fusebench.leaderboard import app_charts, board, training
from fusebench.leaderboard import app_choices as choices
from fusebench.leaderboard import app_tables as tables
from fusebench.leaderboard.board import Evaluation
from fusebench.leaderboard.training import Seen
from fusebench.methods import METHODS

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


@pytest.fixture
def focus(store: Store) -> Evaluation:
    return board.find_evaluations(store, task="mff")[0]


# -- seen in training -------------------------------------------------------------------------


def entry(slug: str, weights: str | None = None, *, kind: str = "method") -> EntryRow:
    """A competitor with the given set of its weights."""
    record = METHODS[slug] if kind == "method" else None
    chosen = [w for w in (record.weights if record else ()) if w.name == weights]
    return EntryRow(
        id=1,
        kind=kind,
        slug=slug,
        label=slug,
        version=1,
        options={},
        weights_digest=chosen[0].files[0].sha256 if chosen else None,
        origin=chosen[0].origin if chosen else "reimplemented",
    )


def digests_of(dataset: str, number: int) -> list[tuple[str, str]]:
    """Digests of some pairs of a frozen list."""
    found = [
        at
        for at, names in published_pairs().items()
        if any(name.rpartition("/")[0] == dataset for name in names)
    ]
    assert len(found) >= number
    return found[:number]


@pytest.mark.parametrize(
    ("slug", "dataset", "answer"),
    [
        ("datfuse", "tno:25", "seen"),
        ("datfuse", "tno", "seen"),
        ("datfuse", "roadscene:50", "not known to"),
        # Named by the split that it was trained on.
        ("seafusion", "msrs:train", "seen"),
        ("seafusion", "msrs:test", "not known to"),
        ("u2fusion", "harvard_pet_mri:21", "seen"),
        ("u2fusion", "lytro_triple", "seen"),
        ("u2fusion", "mffw", "not known to"),
        ("densefuse", "tno:21", "not known to"),
    ],
)
def test_training_data_by_name(slug: str, dataset: str, answer: str) -> None:
    found = training.seen(entry(slug, "official"), dataset, [("x", "y")])
    assert found.answer == answer
    assert found.trained_on == METHODS[slug].weights[0].trained_on


def test_training_data_by_pixels() -> None:
    """Four pairs of the classic list are pairs of TNO, pixel by pixel."""
    datfuse = entry("datfuse", "official")
    found = training.seen(datfuse, "ivif_classic14", digests_of("ivif_classic14", 14))
    assert (found.answer, found.pairs) == ("partly", 4)
    strangers = [("x", "y"), ("y", "x")]
    mine = [*digests_of("tno:25", 3), *strangers]
    assert training.seen(datfuse, "folder:ivif", mine).pairs == 3
    found = training.seen(datfuse, "folder:ivif", strangers)
    assert (found.answer, found.pairs) == ("not known to", 0)


def test_what_was_not_trained_or_is_not_known() -> None:
    assert training.seen(entry("lp"), "tno", []).answer == "untrained"
    assert training.seen(entry("", kind="folder"), "tno", []).answer == "unknown"
    assert training.seen(entry("datfuse"), "tno", []).answer == "unknown", "no digest of weights"
    own = entry("datfuse", "official")
    own.origin = "user weights"
    assert training.seen(own, "tno", []).answer == "unknown"
    gone = entry("lp")
    gone.slug = "removed_since"
    assert training.seen(gone, "tno", []).answer == "unknown"


def test_weights_are_known_by_their_digest() -> None:
    for name in ("official", "retrained"):
        found = training.weights_used(METHODS["sr"], entry("sr", name))
        assert found is not None
        assert found.name == name
    # Several files of a set, of which a run may have read some: as an entry records them.
    record = METHODS["sdnet"]
    files = sorted(record.weights[0].files, key=lambda f: f.name)[1:3]
    several = entry("sdnet", record.weights[0].name)
    several.weights_digest = hashlib.sha256("".join(f.sha256 for f in files).encode()).hexdigest()
    assert training.weights_used(record, several) == record.weights[0]
    several.weights_digest = "0" * 64
    assert training.weights_used(record, several) is None


@pytest.mark.parametrize(
    ("seen", "text", "marked"),
    [
        (None, "?", False),
        (Seen("unknown"), "?", False),
        (Seen("untrained"), "–", False),
        (Seen("not known to"), "no", False),
        (Seen("partly", 3), "3 pairs", True),
        (Seen("seen", 9), "yes", True),
    ],
)
def test_words_and_mark(seen: Seen | None, text: str, marked: bool) -> None:
    assert tables.seen_text(seen) == text
    assert tables.was_seen(seen) is marked


def test_mark_of_a_method_in_the_table(store: Store, focus: Evaluation) -> None:
    ranking = board.ranking(store, focus, ["qabf"])
    seen = {ranking.lines[0].competitor.entry_id: Seen("seen", 3)}
    html = tables.ranking_style(ranking, seen=seen).to_html(escape=True)
    assert html.count("†") == 1
    assert f"{ranking.lines[0].label} †" in html
    frame = tables.ranking_frame(ranking, seen)
    assert list(frame["Seen"]) == ["yes", "?", "?"]
    assert frame["Method"][0] == ranking.lines[0].label, "a name to sort and select by"


# -- the page ---------------------------------------------------------------------------------


def test_ranking_is_filtered_by_origin(database: str) -> None:
    app = open_page(task="mff", metrics="qabf")
    assert app.multiselect("choose-origin").value == ["published outputs", "reimplemented"]
    assert list(app.dataframe[0].value["Seen"]) == ["–", "–", "?"]
    app.multiselect("choose-origin").set_value(["reimplemented"]).run()
    assert param(app, "origin") == "reimplemented"
    assert list(app.dataframe[0].value["Method"]) == ["LP", "Average"]
    assert "2 of 3 methods shown" in said(app)
    assert HOSTILE not in said(app), "nothing is said of methods that are not shown"
    # Nothing chosen is no filter.
    app.multiselect("choose-origin").set_value([]).run()
    assert len(app.dataframe[0].value) == 3
    assert "origin" not in app.query_params
    app = open_page(task="mff", origin="published outputs|nonsense")
    assert list(app.dataframe[0].value["Method"]) == [HOSTILE]


def test_ranks_stay_those_among_all(store: Store, focus: Evaluation) -> None:
    ranking = board.ranking(store, focus, ["qabf"])
    with closing(store):
        kept = tables.of_origins(ranking, ["published outputs"])
    assert [line.rank for line in kept.lines] == [None]
    assert tables.of_origins(ranking, tables.origins_of(ranking)) == ranking


@pytest.mark.parametrize(
    ("wanted", "chosen"), [(None, ["a", "b"]), ("b|x", ["b"]), ("", ["a", "b"]), ("x", ["a", "b"])]
)
def test_origins_of_a_link(wanted: str | None, chosen: list[str]) -> None:
    assert choices.choose_origins(["a", "b"], wanted) == chosen


def test_intervals_live_in_the_link(database: str) -> None:
    app = open_page(task="mff", metrics="qabf,ssim")
    assert not app.toggle("choose-intervals").value
    app.toggle("choose-intervals").set_value(True).run()
    assert param(app, "intervals") == "1"
    app.toggle("choose-intervals").set_value(False).run()
    assert "intervals" not in app.query_params
    assert open_page(task="mff", metrics="qabf", intervals="1").toggle[0].value


def test_heat_map(database: str) -> None:
    app = open_page(task="mff", metrics="qabf,ssim")
    app.get("button_group")[1].set_value("heat").run()
    assert param(app, "show") == "heat"
    assert len(app.dataframe) == 0
    (chart,) = charts(app)
    assert "coloured by place" in markdown(app)
    assert app.get("download_button")[0].proto.label == "CSV"
    assert HOSTILE not in json.dumps(chart), "without a rank it has no place"


def test_heat_map_by_hand(store: Store, focus: Evaluation) -> None:
    ranking = board.ranking(store, focus, ["qabf", "ssim"])
    spec = app_charts.places_chart(ranking).to_dict()
    (rows,) = spec["datasets"].values()
    found = {(r["method"], r["metric"]): (r["text"], r["place"], r["dark"]) for r in rows}
    assert found == {
        ("LP", "Q^AB/F ↑"): ("0.7000", 1, False),
        ("LP", "SSIM ↑"): ("1.500", 2, True),
        ("Average", "Q^AB/F ↑"): ("0.6000", 2, True),
        ("Average", "SSIM ↑"): ("1.700", 1, False),
    }


def test_every_competitor_of_the_database_has_an_answer(store: Store, focus: Evaluation) -> None:
    sha = METHODS["sr"].weights[-1].files[0].sha256
    sr = store.add_entry(Entry("method", "sr", "SR", 1, {}, sha, "retrained"))
    answers = {i: s.answer for i, s in training.seen_in_training(store, focus).items()}
    assert answers == {1: "untrained", 2: "untrained", 3: "unknown", sr: "not known to"}
