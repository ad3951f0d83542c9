"""Ablations: every variant of a paper trained alike, and scored beside what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import picture
from test_cli import Run, refused, run
from test_training import pairs, small

from fusebench import datasets, metrics
from fusebench.bench.ablation import Ablated, markdown, orders, read_ablation, rows
from fusebench.bench.images import write_image
from fusebench.bench.paper import load_paper
from fusebench.methods import load
from fusebench.methods._recipes import RECIPES
from fusebench.methods._recipes.base import Recipe

__all__ = ["pairs", "run", "small"]

ABLATED = [recipe for recipe in RECIPES if recipe.ablation is not None]


@pytest.fixture
def tested(tmp_path: Path) -> Path:
    """Two pairs as large as the smallest that all metrics are defined on."""
    for i in range(2):
        for side, seed in (("ir", 40), ("vi", 50)):
            write_image(tmp_path / "tested" / side / f"{i}.png", picture(seed + i, 178, 180))
    return tmp_path / "tested"


@pytest.mark.parametrize("recipe", ABLATED, ids=lambda recipe: recipe.slug)
def test_variants_are_the_lines_of_the_paper(recipe: Recipe) -> None:
    assert recipe.ablation is not None
    paper = load_paper(recipe.ablation.paper)
    cells = [cell for number in recipe.ablation.tables for cell in paper.table(number)]
    assert {cell.method for cell in cells} == set(recipe.ablation.variants)
    assert len({cell.dataset for cell in cells}) == 1
    for variant in recipe.ablation.variants.values():
        assert set(variant.options) <= set(RECIPES[variant.method].options)


@pytest.mark.usefixtures("small")
def test_one_command_trains_and_scores_all_variants(
    run: Run, pairs: Path, tested: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["train", "ablation", "fmm", "--data", "folder:ivif", "-o", out, "--device", "cpu"]
    places = ["--root", f"folder={pairs}", "--root", f"folder:ivif={tested}"]
    command += [*places, "--on", "folder:ivif", "--steps", "2"]
    result = run(*command)
    assert result.status == 0, result
    for text in ("2 steps of 2 crops", "Ours(Var)", "45.5980", "the same as in print", "printed"):
        assert text in result.out
    found = read_ablation(out / "ablation.json")
    assert list(found.scores) == list(RECIPES["fmm"].ablation.variants)  # type: ignore[union-attr]
    for name, options in (
        ("fmm_4layers", {"fusion": "mapping", "loss": "var", "depth": 4}),
        ("fmm_concat_meanloss", {"fusion": "concat", "loss": "mean", "depth": 3}),
    ):
        card = json.loads((out / name / "fmm_retrained.json").read_text())
        assert card["options"] == options
        assert (card["steps"], card["batch"], card["crop"]) == (2, 2, 24)
    # VIF-Net, with a recipe of its own, gets the same amounts.
    card = json.loads((out / "vif_net" / "vif_net_retrained.json").read_text())
    assert (card["steps"], card["batch"], card["crop"]) == (2, 2, 24)
    # Scores are those of the weights that were written, by the protocol of the paper.
    weights = str(out / "fmm_add_varloss" / "fmm_retrained.safetensors")
    fuse = load("fmm", device="cpu", weights=weights, fusion="add")
    both = list(datasets.load("folder:ivif", tested))
    scores = [
        metrics.score(p.a, p.b, fuse(p.a, p.b), metrics=["sd", "vif"], protocol="jiangnan")
        for p in both
    ]
    for metric, value in found.scores["fmm_add_varloss"].items():
        if metric in scores[0]:
            assert value == pytest.approx((scores[0][metric] + scores[1][metric]) / 2)
    # What was done is not done again.
    refused(run(*command), "go on with --resume")
    before = (out / "fmm" / "fmm_retrained.safetensors").read_bytes()
    result = run(*command, "--resume", "--format", "markdown")
    assert result.out.strip() == markdown(found).strip()
    assert (out / "fmm" / "fmm_retrained.safetensors").read_bytes() == before


def test_only_recipes_with_an_ablation_are_taken(run: Run, tmp_path: Path) -> None:
    out = ["--data", "folder:ivif", "-o", tmp_path / "out", "--device", "cpu"]
    refused(run("train", "ablation", "drpl", *out), "no ablation of drpl is known; expected fmm")
    refused(run("train", "ablation", "lp", *out), "unknown recipe 'lp'")
    refused(run("train", "ablation", "fmm", *out, "--steps", "0"), "steps is 0")
    # What to score on is asked for before anything is trained.
    refused(run("train", "ablation", "fmm", *out, "--root", tmp_path), "tno")
    assert not (tmp_path / "out").exists()


def as_printed(sign: int) -> Ablated:
    """Scores that are the printed ones, or their opposites."""
    assert RECIPES["fmm"].ablation is not None
    scores: dict[str, dict[str, float]] = {}
    for number in RECIPES["fmm"].ablation.tables:
        for cell in load_paper("rao2021fmm").table(number):
            scores.setdefault(cell.method, {})[cell.metric] = sign * cell.value
    budget = {"steps": 1, "batch": 2, "crop": 3, "rate": 1.0}
    settings = {"data": "x", "seed": 0, "device": "y", **budget}
    return Ablated("fmm", "tno:10", "tno:10", "jiangnan", settings, {}, scores)


def test_orders_are_counted_within_tables() -> None:
    # Tables of 2, 2, 3 and 3 lines, and 8 metrics.
    every = {"4": 8, "5": 8, "6": 24, "7": 24}
    assert orders(as_printed(1)) == {table: (n, n) for table, n in every.items()}
    assert orders(as_printed(-1)) == {table: (0, n) for table, n in every.items()}


def test_the_table_has_the_lines_of_the_paper() -> None:
    headings, lines = rows(as_printed(1))
    assert headings[:5] == ["Table", "Variant", "", "EI ↑", "CE ↓"]
    assert [line[1] for line in lines[::2]] == [
        *("VIF-Net", "Ours-Net", "Ours(Mean)", "Ours(Var)", "Add", "Concat", "Mapping"),
        *("3-layers", "4-layers", "5-layers"),
    ]
    for ours, printed in zip(lines[::2], lines[1::2], strict=True):
        assert ours[3:] == printed[3:]
