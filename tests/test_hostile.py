"""A database that somebody filled with malice: shown as text, without an error, on every page."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from leaderboard_data import HOSTILE
from test_leaderboard_app import forget, markdown, open_page, said
from test_site import Links

from fusebench.bench.pack import pack
from fusebench.bench.store import Entry, Outcome, ScoreValue, Store
from fusebench.bench.types import InputError
from fusebench.datasets import PairFacts
from fusebench.leaderboard import app_parts, board
from fusebench.leaderboard.export import FORMATS, export
from fusebench.leaderboard.site import build_site

__all__ = ["forget"]

LONG = "<script>alert(2)</script>" * 400
LATEX = r"\input{/etc/passwd} 100% $x_1^2$ & # ~ {" + "\n\n" + r"\end{document}"
LABELS = (HOSTILE, LONG, LATEX, "", "é ∞ 融合 \u202e\u0007", "LP")
VALUES = (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 0.0)
PAGES = (
    app_parts.RANKING,
    app_parts.COMPARE,
    app_parts.PAIRS,
    app_parts.METHODS,
    app_parts.METRIC,
    app_parts.DATASETS,
    app_parts.PAPERS,
)


def hostile_database(path: Path) -> None:
    """Every text that anybody can choose is hostile, and every number is odd."""
    keys = (HOSTILE, LONG, "../../../etc/passwd", "four")
    facts = [PairFacts(k, "mff", HOSTILE + k[:9], 1, 1, 1, 3, "x", LONG[:64], "y") for k in keys]
    with closing(Store.open(str(path))) as store:
        environments = [{"libraries": HOSTILE, "commit": LONG, "gpu": [1]}, {}, {"modified": 3}]
        _, pairs = store.add_pairs(f"{HOSTILE}:{LONG}", LONG, -1, facts)
        for i, label in enumerate(LABELS):
            environment = store.add_environment(environments[i % 3])
            run = store.start_run(label, -1, environment)
            kind = ("folder", "callable", "method")[i % 3]
            options = {HOSTILE: LONG, "x": math.nan}
            entry = store.add_entry(Entry(kind, label, label, -1, options, "../..", HOSTILE))
            for j, pair in enumerate(pairs.values()):
                values = [
                    ScoreValue(slug, 1, VALUES[(i + j + k) % len(VALUES)], LONG)
                    for k, slug in enumerate(("en", "psnr", "vif", "mse", HOSTILE))
                ]
                values.append(ScoreValue("sd", 1, math.inf if i % 2 else 3.0, None))
                values.append(ScoreValue("qabf", 1, 0.5 + 0.01 * i, None))
                digest = ("../../../../etc/passwd", LONG[:64], "0" * 64)[j % 3]
                outcome = Outcome(digest, None, "cpu", math.inf, -5, values)
                if (i, j) == (0, 0):
                    outcome = Outcome(None, LONG, "cpu", None, None, [])
                store.save(entry, pair, run, "canonical", outcome)
                store.save(entry, pair, run, HOSTILE[:9], outcome)


@pytest.fixture(name="hostile", scope="module")
def _hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "results.db"
    hostile_database(path)
    return path


@pytest.fixture(name="store")
def _store(hostile: Path) -> Iterator[Store]:
    with closing(Store.open(str(hostile), create=False)) as opened:
        yield opened


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_it_as_text(
    hostile: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("FUSEBENCH_DB", str(hostile))
    name = page.removeprefix("app_").removesuffix(".py")
    app = open_page(name, metrics="all", metric="sd", pair="four", method=LONG)
    assert "cannot be read" not in markdown(app)
    # Code spans show what they hold; outside of them there is no markup of anybody's.
    outside = re.sub(r"(`+) .*? \1", "", markdown(app), flags=re.DOTALL)
    assert "<script>" not in outside
    if page == app_parts.RANKING:
        assert any("<script>" in text for text in (said(app), str(app.dataframe[0].value)))


def test_rankings_stay_in_order(store: Store) -> None:
    (evaluation,) = board.evaluations(store)
    ranking = board.ranked(store, evaluation, "qabf,sd")
    # By hand: ranks 1 to 5 by one metric, 2 (infinite) or 4.5 by the other; one lacks a pair.
    assert [line.mean_rank for line in ranking.lines] == [1.5, 2.5, 3.25, 3.5, 4.25, None]
    assert ranking.certain
    for form in FORMATS:
        assert export([ranking], form, intervals=True)
    loaded = json.loads(export([ranking], "json"), parse_constant=pytest.fail)
    assert len(loaded[0]["methods"]) == len(LABELS)


def test_the_site_is_valid_and_runs_no_script_of_theirs(store: Store, tmp_path: Path) -> None:
    html5lib = pytest.importorskip("html5lib", reason="validator of the development extras")
    build_site(store, tmp_path / "site")
    pages = sorted((tmp_path / "site").glob("*.html"))
    assert len(pages) >= 2 + len(LABELS)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        html5lib.HTMLParser(strict=True).parse(text)
        assert "<script>alert" not in text
        assert Links(page).tags.count("script") <= 1


def test_it_cannot_choose_the_names_of_files(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be the name of a file"):
        pack(store, tmp_path / "packed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on PATH")
@pytest.mark.parametrize("intervals", [False, True])
def test_latex_compiles(store: Store, tmp_path: Path, intervals: bool) -> None:
    (evaluation,) = board.evaluations(store)
    table = export([board.ranked(store, evaluation)], "latex", intervals=intervals)
    preamble = r"\documentclass{article}\usepackage{booktabs}\begin{document}"
    (tmp_path / "table.tex").write_text(f"{preamble}\n{table}\n\\end{{document}}\n", "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "table.pdf").stat().st_size > 1000
    assert "root:" not in done.stdout
