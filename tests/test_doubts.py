"""Each rule finds what it is for, and nothing in a table without it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusebench import datasets, methods
from fusebench.bench import doubts
from fusebench.bench.doubts import Rule, find_doubts
from fusebench.bench.images import luma
from fusebench.bench.paper import Cell, Paper, load_paper, make_paper, paper_names
from fusebench.metrics import score


def cell(method: str, metric: str, printed: str, **changes: Any) -> Cell:
    facts: dict[str, Any] = {
        "paper": "mine",
        "table": "1",
        "task": "ivif",
        "dataset": "set",
        "pair": "",
        "pairs": 20,
        "block": "",
        "method": method,
        "label": method.upper(),
        "proposed": False,
        "metric": metric,
        "metric_label": metric.upper(),
        "printed": printed,
        "direction": "lower" if metric == "ce" else "higher",
        "marked": False,
        "note": "",
    }
    return Cell(**(facts | changes))


def table(columns: Mapping[str, str], **changes: Any) -> list[Cell]:
    """Cells from columns of values: ``{"en": "7.1 7.2"}`` is two methods, a and b."""
    return [
        cell(method, metric, printed, **changes)
        for metric, values in columns.items()
        for method, printed in zip("abcdefghij", values.split(), strict=False)
    ]


def paper(cells: list[Cell], **facts: Any) -> Paper:
    basic: dict[str, Any] = {"title": "", "venue": "", "authors": [], "datasets": {"set": {}}}
    for slug in basic["datasets"]:
        basic["datasets"][slug] = {"title": slug}
    return make_paper("mine", basic | facts, tuple(cells))


EN = "7.1234 6.5432 7.0001"
SOUND = table({"en": EN, "mi": "3.1 2.9 3.3", "sd": "40.1 39.2 41.3", "sf": "10 11 12"})
MARKS = table({"en": "7.3 7.2 7.1"})
CLASSES = {"ap50_car": "0.5 0.6 0.7", "ap50_bus": "0.7 0.8 0.9"}
CLAIM = {"table": "1", "dataset": "set", "method": "b", "metrics": ["en"], "quote": "second"}
COUNT = {"title": "Set", "where": "their repository"}


def marked(*methods: str) -> list[Cell]:
    values = {"a": "7.3", "b": "7.2", "c": "7.1", "d": "7.0"}
    return [cell(m, "en", value, marked=m in methods) for m, value in values.items()]


def count(published: int) -> dict[str, Any]:
    return {"datasets": {"set": {**COUNT, "published": published}}}


# Rule, a paper in which it finds something and how much, and papers in which it does not.
CASES: dict[str, tuple[Paper, int, list[Paper]]] = {
    "MI is 2 EN": (
        paper(table({"en": EN, "mi": "14.2467 13.0865 14.0001"})),
        3,
        [
            paper(SOUND),
            paper(table({"en": EN, "mi": "14.2467 13.0865 14.0004"})),
            paper(table({"en": "7.1 7.2", "mi": "14.2 14.4"})),
        ],
    ),
    "out of bounds": (
        paper(table({"sd": "135.1799 93.1", "qabf": "0.5 1.2", "miou": "-0.2 0.4"})),
        3,
        [paper(SOUND), paper(table({"sd": "127.5", "macc": "1.0", "runtime": "1000"}))],
    ),
    "bimodal column": (
        paper(table({"ssim": "0.2 0.25 0.3 1.4 1.5 1.6"})),
        6,
        [
            paper(table({"ssim": "0.2 0.25 0.3 0.5 0.55 0.6"})),
            paper(table({"ssim": "0.2 0.3 1.4 1.45 1.5 1.6"})),
            paper(table({"ssim": "0.1 0.3 0.9 1.9 5.0 9.0"})),
            paper(table({"scd": "-0.3 0.2 0.3 1.4 1.5 1.6"})),
        ],
    ),
    "broken claim": (
        paper(MARKS, claims=[{**CLAIM, "rank": 1}]),
        1,
        [
            paper(MARKS, claims=[{**CLAIM, "rank": 2}]),
            paper(table({"ce": "0.3 0.2 0.1"}), claims=[{**CLAIM, "metrics": ["ce"], "rank": 2}]),
            # Equal values share a rank.
            paper(table({"en": "7.2 7.2 7.1"}), claims=[{**CLAIM, "rank": 1}]),
        ],
    ),
    "wrong marks": (
        paper(marked("a", "c")),
        2,
        [paper(marked("a", "b")), paper(marked())],
    ),
    "impossible mean": (
        paper(table({**CLASSES, "map50": "0.60 0.70 0.92"})),
        1,
        [
            paper(table({**CLASSES, "map50": "0.6 0.7 0.8"})),
            # One class of the segmentation is not printed and may be anything.
            paper(table({"iou_car": "0.5 0.6", "iou_bike": "0.7 0.8", "miou": "0.41 0.79"})),
        ],
    ),
    "two values": (
        paper(table({"en": "7.1 7.2"}) + table({"en": "7.1 7.3"}, table="2")),
        2,
        [
            paper(table({"en": "7.1 7.2"}) + table({"en": "7.1 7.2"}, table="2")),
            paper(table({"en": "7.1 7.2"}) + table({"en": "7.1 7.3"}, block="lower")),
        ],
    ),
    "equal rows": (
        paper(table({"en": "7.1 7.1 7.2", "sd": "40 40 40", "sf": "9.5 9.5 9.5"})),
        6,
        [paper(SOUND), paper(table({"en": "7.1 7.1", "sd": "40 40"}))],
    ),
    "odd count": (
        paper(table({"en": EN}), **count(21)),
        3,
        [paper(table({"en": EN}), **count(published)) for published in (20, 25, 19, 120)]
        + [paper(table({"en": EN}))],
    ),
    "AG not halved": (
        paper(table({"ag": "5.1 4.0 4.4", "sf": "10 10 10"})),
        3,
        [paper(table({"ag": "4.9 4.0 4.4", "sf": "10 10 10"})), paper(table({"ag": "5.1"}))],
    ),
    "MG not halved": (
        paper(table({"mg": "6.1 4.0 4.4", "sf": "10 10 10"})),
        3,
        [paper(table({"mg": "5.1 4.0 4.4", "sf": "10 10 10"}))],
    ),
    "SSIM is a sum": (
        paper(table({"ssim": "0.9 1.1 0.8"})),
        3,
        [paper(table({"ssim": "0.9 0.95 0.8"}))],
    ),
    "Q_0 is Q_NCIE": (
        paper(table({"q_ncie": "0.8034 0.8296 0.81"}, metric_label="Q_0")),
        3,
        [
            paper(table({"q0": "0.65 0.8296 0.81"}, metric_label="Q_0")),
            paper(table({"q_ncie": "0.8034 0.91 0.81"}, metric_label="Q_0")),
            paper(table({"q_ncie": "0.8034 0.8296 0.81"})),
        ],
    ),
}


def found(about: Paper, rule: str) -> list[Cell]:
    return [c for d in find_doubts(about) if d.rule == rule for c in d.cells]


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_its_case_and_no_other(rule: str) -> None:
    case, cells, sound = CASES[rule]
    assert len(found(case, rule)) == cells
    for other in sound:
        assert not found(other, rule)


def test_every_rule_has_a_case() -> None:
    rules: set[str] = set()
    for case, _, _ in CASES.values():
        for rule in doubts.RULES:
            rules |= {d.rule for d in rule(case)}
    assert rules == set(CASES)


@pytest.mark.parametrize("rule", doubts.RULES)
def test_a_paper_without_cells_is_no_trouble(rule: Rule) -> None:
    assert list(rule(paper([]))) == []


def test_statements_reach_the_cells_they_name() -> None:
    statement = {"kind": "doubt", "evidence": "text", "text": "odd", "methods": ["a"]}
    about = paper(SOUND, statements=[statement, {**statement, "kind": "paper"}])
    on_cells, on_text = find_doubts(about)
    assert {c.method for c in on_cells.cells} == {"a"}
    assert len(on_cells.cells) == 4
    assert on_text.cells == ()


# What was found by reading the papers; the rules find it again.
KNOWN = {
    ("rao2021fmm", "MI is 2 EN"): 21,
    ("rao2021fmm", "out of bounds"): 1,
    ("rao2021fmm", "broken claim"): 2,
    ("rao2021fmm", "wrong marks"): 1,
    ("zhang_smfnet", "bimodal column"): 14,
    ("zhang_smfnet", "broken claim"): 3,
    ("zhang_smfnet", "wrong marks"): 8,
    ("zhang_smfnet", "odd count"): 164,
    ("zhang_smfnet", "AG not halved"): 44,
    ("zhang_smfnet", "SSIM is a sum"): 52,
    ("kumar_nst_ivf", "MG not halved"): 5,
    ("hill2021semantic", "Q_0 is Q_NCIE"): 30,
}


def test_what_is_known_of_the_papers_is_found() -> None:
    by_rule: dict[tuple[str, str], int] = {}
    for key in paper_names():
        for doubt in find_doubts(load_paper(key)):
            if doubt.rule != "statement":
                place = (key, doubt.rule)
                by_rule[place] = by_rule.get(place, 0) + len(doubt.cells)
    assert by_rule == KNOWN


def test_the_claims_that_break() -> None:
    broken = {
        (c.table, c.dataset, c.metric)
        for key in paper_names()
        for c in found(load_paper(key), "broken claim")
    }
    assert broken == {
        ("2", "ifcnn_lytro20", "en"),
        ("2", "ifcnn_lytro20", "mi"),
        ("1", "tno", "ssim"),
        ("1", "roadscene", "qabf"),
        ("1", "roadscene", "ssim"),
    }


def test_two_groups_of_medical_ssim_are_no_contradiction() -> None:
    groups = {"ssim": "0.2 0.25 0.3 1.4 1.5 1.6"}
    kinds = {
        task: {d.kind for d in find_doubts(paper(table(groups, task=task))) if "bimodal" in d.rule}
        for task in ("ivif", "medical")
    }
    assert kinds == {"ivif": {"contradiction"}, "medical": {"convention"}}


@pytest.mark.shared
@pytest.mark.parametrize(
    ("slug", "lifts"), [("sdnet", True), ("gesenet", True), ("emfusion", False)]
)
def test_what_is_left_of_a_black_background_decides_on_ssim(
    shared: Path, slug: str, lifts: bool
) -> None:
    pair = datasets.load("harvard_pet_mri:42", root=shared / "data")["31"]
    fused = methods.load(slug, device="cpu")(pair.a, pair.b)
    black = np.where((luma(pair.a) == 0) & (luma(pair.b) == 0), 0, luma(fused))
    as_is, kept = (
        score(pair.a, pair.b, image, metrics=["ssim"], protocol="smfnet")["ssim"]
        for image in (luma(fused), black)
    )
    assert kept > 1.2
    assert (as_is < 0.5) is lifts
