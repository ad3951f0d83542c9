"""Rankings and exports, from rows written by hand."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fusebench import datasets
from fusebench.bench.store import Entry, Outcome, ScoreValue, Store
from fusebench.bench.types import InputError, UnknownNameError
from fusebench.leaderboard import board
from fusebench.leaderboard.export import export, format_value

Scores = dict[str, list[float | None]]


class Table:
    """Writes rows of a small database: three pairs named 01, 02, 03."""

    def __init__(self, url: Path, root: Path) -> None:
        self.store = Store.open(str(url))
        self.dataset = datasets.load("folder", root)
        self.pairs = self.store.add_dataset(self.dataset, self.dataset.inspect())
        self.run = self.store.start_run("test", 1, self.store.add_environment({"python": "3"}))

    def add(self, label: str, scores: Scores, version: int = 1, device: str = "cpu") -> None:
        """Add a method; None is a pair that failed, NaN an undefined value."""
        entry = self.store.add_entry(Entry("method", "lp", label))
        for index, key in enumerate(self.pairs):
            values = {m: v[index] for m, v in scores.items() if index < len(v)}
            if not values:
                continue
            failed = any(v is None for v in values.values())
            rows = [ScoreValue(m, version, v, None) for m, v in values.items() if v is not None]
            outcome = Outcome(f"{label[:9]}{key}", None, device, 0.1, 10, rows)
            if failed:
                outcome = replace(outcome, image_digest=None, error="it broke", scores=())
            self.store.save(entry, self.pairs[key], self.run, "canonical", outcome)

    def ranking(self, metrics: str = "all") -> board.Ranking:
        (evaluation,) = board.find_evaluations(self.store)
        return board.ranking(self.store, evaluation, metrics)


@pytest.fixture
def table(tmp_path: Path, pair_root: Path) -> Iterator[Table]:
    made = Table(tmp_path / "board.db", pair_root)
    yield made
    made.store.close()


def order(ranking: board.Ranking) -> list[tuple[str, int | None]]:
    return [(line.label, line.rank) for line in ranking.lines]


def test_order_by_mean_rank(table: Table) -> None:
    table.add("first", {"en": [7, 7, 7], "sd": [40, 40, 40]})
    table.add("second", {"en": [6, 6, 6], "sd": [50, 30, 30]})
    table.add("third", {"en": [5, 5, 5], "sd": [1, 1, 1]})
    ranking = table.ranking()
    assert order(ranking) == [("first", 1), ("second", 2), ("third", 3)]
    assert [line.mean_rank for line in ranking.lines] == [1.0, 2.0, 3.0]
    cell = ranking.lines[1].cells["sd"]
    assert (cell.mean, cell.n, cell.place) == (pytest.approx(110 / 3), 3, 2)
    assert "mean of the ranks over 2 metrics" in ranking.rule


def test_ties_share_the_better_rank(table: Table) -> None:
    table.add("x", {"en": [7, 6, 5]})
    table.add("y", {"en": [5, 6, 7.0000000000001]})
    table.add("z", {"en": [1, 1, 1]})
    ranking = table.ranking()
    assert order(ranking) == [("x", 1), ("y", 1), ("z", 3)]
    assert [line.cells["en"].place for line in ranking.lines] == [1, 1, 3]


def test_a_method_that_lacks_a_pair_has_no_rank(table: Table) -> None:
    table.add("whole", {"en": [5, 5, 5]})
    table.add("failed", {"en": [8, 8, None]})
    table.add("begun", {"en": [8]})
    ranking = table.ranking()
    assert order(ranking) == [("whole", 1), ("failed", None), ("begun", None)]
    failed = ranking.lines[1].competitor
    assert (failed.pairs, failed.failed) == (2, 1)
    assert ranking.lines[1].cells["en"].place is None
    assert ranking.lines[0].cells["en"].place == 1


def test_a_metric_that_is_undefined_somewhere_does_not_count(table: Table) -> None:
    table.add("x", {"en": [5, 5, 5], "scd": [1, 1, math.nan]})
    table.add("y", {"en": [6, 6, 6], "scd": [0, 0, 0]})
    ranking = table.ranking()
    assert {c.slug: c.counts for c in ranking.columns} == {"en": True, "scd": False}
    assert order(ranking) == [("y", 1), ("x", 2)]
    x = ranking.lines[1].cells["scd"]
    assert (x.mean, x.n, x.place) == (1.0, 2, None)
    alone = table.ranking("scd")
    assert order(alone) == [("x", None), ("y", None)]
    assert "Nothing to rank by" in alone.rule


def test_scores_of_an_older_version_are_history(table: Table) -> None:
    table.add("old", {"en": [7, 7, 7]}, version=0)
    table.add("new", {"en": [5, 5, 5]})
    ranking = table.ranking()
    assert {line.label: line.cells["en"].n for line in ranking.lines} == {"old": 0, "new": 3}


def test_two_devices_are_two_lines(table: Table) -> None:
    table.add("x", {"en": [7, 7, 7]})
    table.add("x", {"en": [7, 7, 7]}, device="cuda")
    assert {line.label for line in table.ranking().lines} == {"x (cpu)", "x (cuda)"}


def test_infinite_means_rank_and_export(table: Table) -> None:
    table.add("same", {"psnr": [math.inf, 30, 30]})
    table.add("other", {"psnr": [40, 40, 40]})
    ranking = table.ranking()
    assert order(ranking) == [("same", 1), ("other", 2)]
    assert json.loads(export([ranking], "json"))[0]["methods"][0]["scores"]["psnr"]["mean"] is None
    assert r"\infty" in export([ranking], "latex")


def test_infinite_means_everywhere_are_a_tie(table: Table) -> None:
    """Two folders of the very references, for example."""
    for label in ("x", "y"):
        table.add(label, {"psnr": [math.inf] * 3, "en": [5, 6, 7]})
    ranking = board.with_certainty(table.store, table.ranking())
    assert order(ranking) == [("x", 1), ("y", 1)]
    assert ranking.lines[0].cells["psnr"].low is None
    assert ranking.lines[0].certainty is not None
    assert ranking.lines[0].certainty.groups == "a"
    (evaluation,) = board.find_evaluations(table.store)
    rates = board.win_rates(board.pair_values(table.store, evaluation), ["x", "y"])
    assert rates.loc["x", "y"] == 0.5


def test_infinite_values_of_both_signs_have_no_mean(table: Table) -> None:
    table.add("x", {"psnr": [math.inf, -math.inf, 1], "en": [5, 6, 7]})
    table.add("y", {"psnr": [1, 1, 1], "en": [5, 6, 7]})
    ranking = table.ranking()
    assert {c.slug: c.counts for c in ranking.columns} == {"en": True, "psnr": False}
    x = next(line for line in ranking.lines if line.label == "x")
    assert (x.cells["psnr"].mean, x.cells["psnr"].n) == (None, 3)


def test_other_pixels_under_one_name_are_not_mixed(
    table: Table, pair_root: Path, tmp_path: Path
) -> None:
    """Rows on the old pixels stay, and the board shows the new ones only."""
    table.add("old", {"en": [7, 7, 7]})
    (pair_root / "ir" / "01.png").write_bytes((pair_root / "vi" / "01.png").read_bytes())
    changed = Table(tmp_path / "board.db", pair_root)
    changed.add("new", {"en": [5, 5, 5]})
    assert [line.label for line in changed.ranking().lines] == ["new"]
    changed.store.close()


def test_one_name_in_two_folders_is_two_tables(
    table: Table, pair_root: Path, tmp_path: Path
) -> None:
    table.add("here", {"en": [7, 7, 7]})
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "mine"
    shutil.copytree(pair_root, other)
    (other / "ir" / "01.png").write_bytes((other / "vi" / "01.png").read_bytes())
    second = Table(tmp_path / "board.db", other)
    second.add("there", {"en": [5, 5, 5]})
    found = board.find_evaluations(table.store, "folder")
    assert [e.dataset for e in found] == ["folder (mine)", "folder (pairs)"]
    labels = [[line.label for line in board.ranking(table.store, e).lines] for e in found]
    assert labels == [["there"], ["here"]]
    assert {e.loads for e in found} == {"folder"}
    second.store.close()


def test_names_that_do_not_exist(table: Table) -> None:
    table.add("x", {"en": [7, 7, 7]})
    with pytest.raises(InputError, match="no results on tno"):
        board.find_evaluations(table.store, "tno")
    with pytest.raises(InputError, match="no results on mff"):
        board.find_evaluations(table.store, task="mff")
    with pytest.raises(UnknownNameError, match="did you mean 'vif'"):
        table.ranking("vifx")


def test_pair_scores_and_provenance(table: Table) -> None:
    table.add("x", {"en": [7, 6, math.nan]})
    table.add("y", {"en": [1, 2, None]})
    (evaluation,) = board.find_evaluations(table.store)
    scores = board.pair_scores(table.store, evaluation)
    assert list(scores["pair"]) == ["01", "02", "03", "01", "02"]
    assert scores["error"].notna().sum() == 1
    entry = next(e for e in board.entries(table.store) if e.label == "y")
    (origin,) = board.provenance(table.store, entry.id)
    assert (origin["run"], origin["pairs"], origin["failed"]) == ("test", 2, 1)
    assert origin["facts"] == {"python": "3"}


HOSTILE = r"<script>alert(1)</script> & 100% \input{x} | $a_b^c$ {#}" + "\n# head"


def test_hostile_names_are_text_in_every_format(table: Table) -> None:
    table.add(HOSTILE, {"en": [7, 7, 7]})
    ranking = table.ranking()
    markdown = export([ranking], "markdown")
    assert "<script>" not in markdown
    assert all(line.startswith(("|", "**folder")) for line in markdown.splitlines() if line)
    latex = export([ranking], "latex")
    assert r"\input{x}" not in latex
    assert r"\textbackslash{}input\{x\}" in latex
    assert r"100\% " in latex
    assert json.loads(export([ranking], "json"))[0]["methods"][0]["method"] == HOSTILE
    assert export([ranking], "csv").count("\n") == 2  # the quoted name holds one of them


def test_certainty_is_added_where_it_can_be(table: Table) -> None:
    table.add("alone", {"en": [7, 6, 5]})
    assert not board.with_certainty(table.store, table.ranking()).certain
    table.add("worse", {"en": [6, 5, 4.5], "ag": [1, 1, 1]})
    ranking = board.with_certainty(table.store, table.ranking())
    known = {line.label: line.certainty for line in ranking.lines}
    assert known["alone"] is not None
    assert (known["alone"].low, known["alone"].high, known["alone"].first) == (1, 2, 1.0)
    # Three scenes can never separate two methods at 5%.
    assert known["alone"].groups == "a"
    assert ranking.caution.startswith("3 independent scenes are too few")
    cell = ranking.lines[0].cells["en"]
    assert cell.low is not None
    assert cell.high is not None
    assert cell.low < 6 < cell.high
    assert ranking.lines[0].cells["ag"].low is None
    assert "[" in export([ranking], "latex", intervals=True).split("midrule")[1]
    assert "[" not in export([ranking], "latex").split("midrule")[1]
    assert "| 1–2 | a |" in export([ranking], "markdown")
    assert export([ranking], "latex").count("{") == export([ranking], "latex").count("}")


def test_intervals_of_lower_is_better_are_the_right_way_round(table: Table) -> None:
    table.add("x", {"mse": [10, 20, 30]})
    table.add("y", {"mse": [11, 25, 50]})
    ranking = board.with_certainty(table.store, table.ranking())
    cell = ranking.lines[0].cells["mse"]
    assert ranking.lines[0].label == "x"
    assert cell.low is not None
    assert cell.high is not None
    assert cell.low < 20 < cell.high


def test_formats(table: Table) -> None:
    table.add("x_1", {"en": [7, 7, 7], "qabf": [0.5, 0.5, 0.5]})
    table.add("y", {"en": [6, 6, 6], "qabf": [0.25, 0.25, 0.25]})
    ranking = table.ranking()
    latex = export([ranking], "latex")
    assert r"x\_1 & \textbf{7.000} & \textbf{0.5000} \\" in latex
    assert r"y & \underline{6.000} & \underline{0.2500} \\" in latex
    assert r"$Q^{AB/F}$ $\uparrow$" in latex
    assert latex.count("{") == latex.count("}")
    assert r"| 1 | x\_1 | 3/3 | **7.000** | **0.5000** |" in export([ranking], "markdown")
    assert export([ranking], "csv").splitlines()[0].endswith("en,qabf")
    with pytest.raises(InputError, match="json, csv, latex, markdown"):
        export([ranking], "html")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (0.0, "0.000"),
        (12.3456, "12.35"),
        (0.97531, "0.9753"),
        (-0.001234567, "-0.001235"),
        (123456.7, "123457"),
    ],
)
def test_four_digits(value: float | None, text: str) -> None:
    assert format_value(value) == text
