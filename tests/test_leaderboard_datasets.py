"""The dataset page of the leaderboard, in `AppTest`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from leaderboard_data import tiny_database
from leaderboard_pages import markdown, open_page, said
from test_leaderboard_app import database, forget, made

from fusebench.bench.images import read_image, write_image
from fusebench.datasets import DATASETS, check, load
from fusebench.leaderboard import app_tables as tables

__all__ = ["database", "forget", "made"]  # fixtures


@pytest.mark.parametrize("slug", ["tno", "harvard_pet_mri", "mfifb", "demo"])
def test_a_dataset_is_shown_with_its_problems(database: Path, slug: str) -> None:
    app = open_page("datasets", data=slug)
    info = DATASETS[slug]
    assert app.subheader[0].value == tables.escape(info.title)
    assert tables.escape(info.licence) in markdown(app)
    assert len(app.dataframe[0].value) == len(info.splits)
    shown = " ".join(str(table.value) for table in app.table)
    assert len(app.table) == bool(info.problems)
    for problem in info.problems:
        assert problem.kind in shown


def test_the_dataset_of_the_other_pages_is_kept(database: Path) -> None:
    assert open_page("datasets", dataset="tno:25").selectbox[0].value == "tno"
    app = open_page("datasets", data="tnoo")
    assert "no dataset ` tnoo `" in markdown(app)


def test_images_behind_results_are_checked(database: Path) -> None:
    app = open_page("datasets", data="folder")
    assert [b.label for b in app.button] == [r"Check folder\:ivif", r"Check folder\:mff"]
    app.button[0].click().run()
    assert not app.exception
    assert list(app.dataframe[-1].value["Pair"]) == ["one", "three", "two"]
    assert not open_page("datasets", data="tno").button


def test_a_few_pairs_are_shown(database: Path) -> None:
    app = open_page("datasets", data="folder")
    assert len(app.image) == 6, "three pairs of two datasets, both sources in one picture"
    assert said(app).split() == ["one", "three", "two"] * 2


def test_images_that_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget: None
) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FUSEBENCH_DB", tiny_database(tmp_path))
    (tmp_path / "focus").rename(tmp_path / "elsewhere")
    app = open_page("datasets", data="folder")
    assert [x.value for x in app.warning] == ["The images cannot be shown."]
    assert len(app.image) == 3


def test_it_works_without_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget: None
) -> None:
    monkeypatch.setenv("FUSEBENCH_DB", str(tmp_path / "none.db"))
    app = open_page("datasets", data="lytro")
    assert "None recorded" not in markdown(app)
    assert not app.button


def test_frames_of_a_check(tmp_path: Path) -> None:
    for side in ("ir", "vi"):
        for i in range(2):
            image = np.random.default_rng(i).integers(0, 256, (40, 50), dtype=np.uint8)
            write_image(tmp_path / side / f"{i}.png", image)
    write_image(tmp_path / "vi" / "1.png", np.roll(read_image(tmp_path / "ir" / "1.png"), 4, 1))
    result = check([load("folder", tmp_path)])
    pairs, findings = tables.checked_frame(result), tables.findings_frame(result)
    assert list(pairs["at a shift of"]) == ["0.0, 0.0", "-4.0, 0.0"]
    assert list(findings["Kind"]) == ["registration"]
    assert list(findings["Pair"]) == ["1"]
