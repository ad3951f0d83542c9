"""The cells of the papers are those that were printed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fusebench.bench.paper import FOLDER, Cell, load_paper, make_paper, paper_names
from fusebench.bench.types import InputError, UnknownNameError
from fusebench.metrics import METRICS

CELLS = [cell for key in paper_names() for cell in load_paper(key).cells]
# Slugs of this package where the transcription has others.
RENAMED = {"piella_q_w": "piella_qw", "piella_q_e": "piella_qe", "ff": "mi"}
TASKS = {"ivf": "ivif", "med": "medical"}


def test_the_papers() -> None:
    assert paper_names() == ["hill2021semantic", "kumar_nst_ivf", "rao2021fmm", "zhang_smfnet"]
    assert len(CELLS) == 1029


@pytest.mark.parametrize("key", paper_names())
def test_cells_belong_to_what_the_paper_declares(key: str) -> None:
    paper = load_paper(key)
    assert {c.paper for c in paper.cells} == {key}
    assert {c.dataset for c in paper.cells} == set(paper.datasets)
    assert {c.method for c in paper.cells} - {"input_a", "input_b"} == set(paper.methods)
    # Classes of a detector or segmenter stand in the paper without a citation of their own.
    classes = {c.metric for c in paper.cells if c.metric.startswith(("ap50_", "iou_"))}
    assert {c.metric for c in paper.cells} - classes <= set(paper.metrics)
    assert set(paper.aliases) <= set(paper.methods)
    places = [(*c.row, c.metric) for c in paper.cells]
    assert len(set(places)) == len(places)
    for cell in paper.cells:
        if cell.metric in METRICS:
            assert cell.direction == METRICS[cell.metric].direction
    for claim in paper.claims:
        for metric in claim.metrics:
            where = (claim.table, claim.dataset, claim.pair)
            assert [
                c
                for c in paper.cells
                if (c.table, c.dataset, c.pair) == where
                and (c.method, c.metric) == (claim.method, metric)
            ], claim
    for statement in paper.statements:
        covered = [c for c in paper.cells if statement.covers(c)]
        assert bool(covered) == (statement.kind != "paper"), statement


def test_one_cell() -> None:
    cell = next(c for c in CELLS if c.label == "PMGI" and c.metric == "en")
    assert (cell.paper, cell.table, cell.dataset) == ("zhang_smfnet", "1", "tno")
    assert (cell.printed, cell.value, cell.decimals) == ("6.9519", 6.9519, 4)
    assert cell.unit == pytest.approx(1e-4)
    assert cell.pairs == 25
    assert str(cell) == "PMGI EN 6.9519"


def test_tables_and_mistakes() -> None:
    paper = load_paper("rao2021fmm")
    assert paper.tables == tuple("1234567")
    assert len(paper.table("2")) == 77
    assert paper.table(None) == paper.cells
    with pytest.raises(UnknownNameError, match="unknown table of rao2021fmm '9'"):
        paper.table("9")
    with pytest.raises(UnknownNameError, match="did you mean 'rao2021fmm'"):
        load_paper("rao2021")
    facts = {"title": "", "venue": "", "authors": [], "datasets": {}}
    wrong = {"kind": "rumour", "evidence": "text", "text": "so they say"}
    with pytest.raises(InputError, match="unknown kind or evidence"):
        make_paper("mine", {**facts, "statements": [wrong]}, ())


@pytest.mark.shared
def test_every_cell_of_the_transcription_is_there(shared: Path) -> None:
    def key(row: dict[str, str]) -> tuple[str, ...]:
        metric = "mg" if row["metric_label"] == "MG" else row["metric"]
        return (
            row["paper_key"],
            row["table"],
            TASKS.get(row["task"], row["task"]),
            row["dataset"],
            row["pair"],
            row["n_pairs"],
            row["method"],
            row["method_label"],
            row["is_proposed"],
            RENAMED.get(metric, metric),
            row["metric_label"],
            row["value"],
            row["direction"],
            str(int("marked in source" in row["note"])),
        )

    def ours(c: Cell) -> tuple[str, ...]:
        pairs = "" if c.pairs is None else str(c.pairs)
        middle = (c.method, c.label, str(int(c.proposed)), c.metric, c.metric_label, c.printed)
        return (
            *(c.paper, c.table, c.task, c.dataset, c.pair, pairs),
            *middle,
            *(c.direction, str(int(c.marked))),
        )

    with (shared / "baselines" / "baselines.csv").open(newline="") as stream:
        printed = [key(row) for row in csv.DictReader(stream)]
    assert sorted(printed) == sorted(map(ours, CELLS))


def test_the_files_go_into_the_wheel() -> None:
    assert {p.suffix for p in FOLDER.iterdir()} == {".csv", ".toml"}
    assert {p.stem for p in FOLDER.glob("*.csv")} == {*paper_names(), "measured", "retrained"}
