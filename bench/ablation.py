"""Ablations of papers: every variant trained alike, and scored beside what the paper prints."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusebench import datasets, metrics
from fusebench.bench.paper import Cell, load_paper
from fusebench.bench.runner import find_root
from fusebench.bench.trainer import Progress, choose_budget, train_network
from fusebench.bench.types import InputError
from fusebench.datasets import Dataset
from fusebench.methods import METHODS, load
from fusebench.methods._base import resolve_device
from fusebench.methods._recipes import RECIPES
from fusebench.methods._recipes.base import Ablation, Variant
from fusebench.metrics import METRICS


@dataclass(frozen=True)
class Ablated:
    """Scores of trained variants.

    Attributes
    ----------
    method, pairs, protocol : str
        The method; the test pairs; how they were scored.
    printed_for : str
        The pairs of the paper.
    settings : mapping
        Data, budget, seed, machine: all that the variants have in common.
    seconds : mapping of str to float
        Processor time that each variant took.
    scores : mapping
        Means over the pairs by variant and metric.
    """

    method: str
    pairs: str
    printed_for: str
    protocol: str
    settings: Mapping[str, Any]
    seconds: Mapping[str, float]
    scores: Mapping[str, Mapping[str, float]]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """What the paper prints."""
        return _cells(_ablation(self.method))


def train_ablation(
    slug: str,
    names: Sequence[str],
    folder: Path,
    *,
    on: str | None = None,
    roots: Mapping[str, Path] | None = None,
    budget: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    progress: Progress | None = None,
) -> Ablated:
    """Train every variant that a paper compares its network with, and score all of them.

    Parameters
    ----------
    slug : str
        A method whose recipe has an ablation.
    names : sequence of str
        Datasets to train on.
    folder : Path
        Where each variant gets a folder of its own, as `train_network` fills it; and
        ``ablation.json``.
    on : str, optional
        Dataset to score on; by default the pairs of the paper.
    roots : mapping of str to Path, optional
        Folders of the datasets, "" for any.
    budget : {"paper", "cpu"}, optional
        Of the method's recipe, for all variants.
    steps, seed, device, resume, progress
        As in `train_network`; progress counts the steps of all variants.

    Raises
    ------
    UnknownNameError
        If there is no recipe for that method.
    InputError
        If it has no ablation, or as `train_network`.
    MissingDataError
        If the data are not here.
    """
    ablation = _ablation(slug)
    where = torch.device(resolve_device(device, METHODS[slug]))
    amount, _ = choose_budget(RECIPES[slug], budget, steps, where)
    printed_for = load_paper(ablation.paper).datasets[_cells(ablation)[0].dataset].use
    pairs = on or printed_for
    # Opened now, so that what is missing is missed before hours of training.
    tested = datasets.load(pairs, find_root(pairs, roots or {}))
    seconds, scores = {}, {}
    for number, (name, variant) in enumerate(ablation.variants.items()):

        def tell(done: int, total: int, what: str, number: int = number, name: str = name) -> None:
            if progress is not None:
                steps = number * total + done, len(ablation.variants) * total
                progress(*steps, f"{name}, {what}")

        weights, card = train_network(
            variant.method,
            names,
            folder / name,
            roots=roots,
            budget=amount,
            seed=seed,
            device=device,
            resume=resume,
            options=variant.options,
            progress=tell,
        )
        facts = json.loads(card.read_text(encoding="utf-8"))
        seconds[name] = facts["processor seconds"]
        scores[name] = _score(variant, weights, tested, ablation, device)
    settings = {
        **{name: facts[name] for name in ("data", "data sha256")},
        **asdict(amount),
        "seed": seed,
        "device": facts["device"],
        **{name: facts[name] for name in ("fusebench", "commit", "modified", "torch")},
    }
    found = Ablated(slug, pairs, printed_for, ablation.protocol, settings, seconds, scores)
    path = folder / "ablation.json"
    path.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    return found


def read_ablation(path: Path) -> Ablated:
    """Read what `train_ablation` wrote."""
    return Ablated(**json.loads(path.read_text(encoding="utf-8")))


def _ablation(slug: str) -> Ablation:
    found = RECIPES[slug].ablation
    if found is None:
        known = ", ".join(recipe.slug for recipe in RECIPES if recipe.ablation)
        raise InputError(f"no ablation of {slug} is known; expected {known}")
    return found


def _cells(ablation: Ablation) -> tuple[Cell, ...]:
    paper = load_paper(ablation.paper)
    return tuple(cell for number in ablation.tables for cell in paper.table(number))


def _score(
    variant: Variant, weights: Path, tested: Dataset, ablation: Ablation, device: str
) -> dict[str, float]:
    """Give the mean scores of the test pairs, fused by a trained variant."""
    # Some options are of the training only, such as the loss.
    known = METHODS[variant.method].options
    options = {name: value for name, value in variant.options.items() if name in known}
    fuse = load(variant.method, device=device, weights=str(weights), **options)
    pairs = list(tested)
    found = metrics.score_batch(
        [pair.a for pair in pairs],
        [pair.b for pair in pairs],
        [fuse(pair.a, pair.b) for pair in pairs],
        metrics=list(dict.fromkeys(c.metric for c in _cells(ablation) if c.metric in METRICS)),
        protocol=ablation.protocol,
    )
    return {slug: float(np.mean(values)) for slug, values in found.items()}


# The table


def title(found: Ablated) -> str:
    """Say in one sentence what the table shows."""
    s = found.settings
    amount = f"{s['steps']} steps of {s['batch']} crops of {s['crop']}x{s['crop']} pixels"
    seconds = sum(found.seconds.values())
    return (
        f"{found.method} on {found.pairs}, protocol {found.protocol}: each variant trained here on "
        f"{s['data']} ({amount}, rate {s['rate']:g}, seed {s['seed']}, {seconds:.0f} s on "
        f"{s['device']} in all), and below it what the paper prints for {found.printed_for}."
    )


def rows(found: Ablated) -> tuple[list[str], list[list[str]]]:
    """Lay out the headings and lines of the table: two for each variant, ours and the paper's."""
    arrows = {"higher": " ↑", "lower": " ↓", "none": ""}
    metric_cells = {c.metric: c for c in found.cells if c.metric in METRICS}
    headings = [f"{c.metric_label}{arrows[c.direction]}" for c in metric_cells.values()]
    lines: list[list[str]] = []
    for (table, variant), cells in _lines(found).items():
        ours, label = found.scores[variant], next(iter(cells.values())).label
        printed = [cells[m].printed if m in cells else "" for m in metric_cells]
        values = [_written(ours[m], c.decimals) for m, c in metric_cells.items()]
        lines += [[table, label, "here", *values], ["", "", "printed", *printed]]
    return ["Table", "Variant", "", *headings], lines


def _written(value: float, decimals: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{decimals}f}"


def orders(found: Ablated) -> dict[str, tuple[int, int]]:
    """Count by table how many orders of two variants are here as they are printed, and all.

    Every two variants of a table have an order for each metric, unless they tie in print.
    """
    counts: dict[str, tuple[int, int]] = {}
    lines = _lines(found)
    for (table, one), (other_table, other) in combinations(lines, 2):
        if table != other_table:
            continue
        same, every = counts.get(table, (0, 0))
        for metric, cell in lines[table, one].items():
            printed = cell.value - lines[table, other][metric].value
            ours = found.scores[one][metric] - found.scores[other][metric]
            same, every = same + (printed * ours > 0), every + (printed != 0)
        counts[table] = same, every
    return counts


def order_text(found: Ablated) -> str:
    """Say how many orders come again."""
    parts = [f"{same} of {every} in table {t}" for t, (same, every) in orders(found).items()]
    return f"Of two variants the better one is the same as in print: {', '.join(parts)}."


def markdown(found: Ablated) -> str:
    """Write the table, and what it shows, as Markdown."""
    headings, lines = rows(found)
    marks = ["---"] * 3 + ["---:"] * (len(headings) - 3)
    table = [f"| {' | '.join(line)} |" for line in (headings, marks, *lines)]
    return "\n".join([title(found), "", *table, "", order_text(found)])


def _lines(found: Ablated) -> dict[tuple[str, str], dict[str, Cell]]:
    """Give the printed cells of each line, by table and variant and then by metric."""
    lines: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in found.cells:
        if cell.metric in METRICS and cell.method in found.scores:
            lines.setdefault((cell.table, cell.method), {})[cell.metric] = cell
    return lines
