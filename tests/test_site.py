"""The static site: valid pages, links that lead somewhere, data, hostile names as text."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from leaderboard_data import HOSTILE, tiny_database

from fusebench.bench.cli import main
from fusebench.bench.stats import friedman
from fusebench.bench.store import Store
from fusebench.bench.types import InputError
from fusebench.leaderboard.draw import critical_difference
from fusebench.leaderboard.site import build_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSEBENCH_CACHE", str(folder / "cache"))
        with closing(Store.open(tiny_database(folder), create=False)) as store:
            build_site(store, folder / "out")
    return folder / "out"


class Links(HTMLParser):
    """Collect where a page leads, and its anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.tags: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name == "id" and value:
                self.anchors.add(value)


def test_every_page_is_valid(site: Path) -> None:
    html5lib = pytest.importorskip("html5lib", reason="validator of the development extras")
    pages = sorted(site.glob("*.html"))
    assert len(pages) >= 7
    for page in pages:
        parser = html5lib.HTMLParser(strict=True)
        parser.parse(page.read_text(encoding="utf-8"))


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        for link in Links(page).links:
            if link.startswith("https://doi.org/") or link == "data:,":
                continue
            file, _, anchor = unquote(link).partition("#")
            assert (site / file).is_file(), f"{page.name}: {link}"
            assert not anchor or anchor in Links(site / file).anchors, f"{page.name}: {link}"


def test_names_are_text(site: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script>alert" not in text
        assert Links(page).tags.count("script") == (page.name.startswith("ranking"))
    assert "&lt;script&gt;alert(1)" in (site / "index.html").read_text(encoding="utf-8")


def test_data_stands_beside_each_table(site: Path) -> None:
    (ranking,) = json.loads((site / "ranking-mff-folder-mff-canonical.json").read_text())
    assert [m["method"] for m in ranking["methods"]] == ["LP", "Average", HOSTILE]
    assert ranking["methods"][0]["certainty"]["groups"] == "a"
    for ending in ("csv", "tex", "md", "html"):
        assert (site / f"ranking-mff-folder-mff-canonical.{ending}").stat().st_size > 100


def test_every_table_links_to_its_data(site: Path) -> None:
    for page in site.glob("*.html"):
        found = Links(page)
        data = [link for link in found.links if link.endswith((".csv", ".json"))]
        assert len(data) == 2 * found.tags.count("table") > 0, page.name
        for file in data:
            text = (site / file).read_text(encoding="utf-8")
            if file.endswith(".json"):
                assert json.loads(text, parse_constant=pytest.fail), file
            else:
                assert len(list(csv.reader(text.splitlines()))) > 1, file
    found = json.loads((site / "method-lp-scores.json").read_text())
    scores = [row["Mean"] for row in found["rows"] if row["Dataset"] == "folder:mff"]
    assert "0.7000" in scores


def test_a_site_replaces_a_site_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny_database(tmp_path)
    out = tmp_path / "out"
    for _ in range(2):
        monkeypatch.setattr("sys.argv", ["fusebench", "report", "-o", str(out), "--db", path])
        with pytest.raises(SystemExit) as done:
            main()
        assert not done.value.code
    assert "index.html" in capsys.readouterr().out
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with closing(Store.open(path)) as store, pytest.raises(InputError, match="holds other files"):
        build_site(store, mine)
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_an_empty_database_makes_no_site(tmp_path: Path) -> None:
    with (
        closing(Store.open(str(tmp_path / "empty.db"))) as store,
        pytest.raises(InputError, match="holds no results"),
    ):
        build_site(store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_diagram_joins_what_nemenyi_joins() -> None:
    values = np.random.default_rng(0).normal(0, 0.1, (4, 30)) + np.array([[0], [0.01], [1], [3]])
    test = friedman(values, np.arange(30))
    svg = critical_difference(["w", "x", "y", "z"], test)
    # Of the four only w and x are nearer than the critical difference.
    assert test.pairwise[0, 1] > 0.05
    assert (test.pairwise[[0, 1, 2], [2, 2, 3]] < 0.05).all()
    assert svg.count('class="group"') == 1
    for label, rank in zip("wxyz", test.mean_ranks, strict=True):
        assert f">{label} {rank:.2f}<" in svg
