"""FM0, FM1 and NST beside the tables of their papers, and solvers; writes docs/optimisation.md.

``python tests/benchmarks/optimisation.py SHARED`` with the shared folder, which holds the pairs and
the first layers of the networks. Processor seconds are counted, on one thread.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np

from fusebench import datasets, score
from fusebench.bench.images import Image, to_8_bit
from fusebench.methods import load
from fusebench.methods._resize import resize

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "optimisation.md"

HILL = {"q_ncie": "Q_NCIE (Q_0)", "qabf": "Q^{AB/F} (P_e)", "piella_q": "Q"}
HILL_PAIRS = ("clock", "clock512", "bottle", "gingerbread", "head")
LAYERS = ("relu1_1", "conv1_1")

CROP, CORNER, SIDE = "bottle", 200, 96

NST = ("qabf", "q_cb", "piella_qw", "piella_q", "piella_qe", "mi", "en", "ag", "sd", "sf")
# The metric of the paper's FF is MI, of its H EN, and its MG is twice AG without the factor 1/2.
NST_PRINTED = {"ag": "mg"}
NST_SIDE = 256
NST_VARIANTS: dict[str, dict[str, Any]] = {
    "300 iterations": {},
    "300 iterations, no average": {"ema": False},
    "100 iterations": {"iterations": 100},
}


def printed(paper: str) -> dict[tuple[str, str, str], float]:
    """Give the cells of a paper's table 1 by pair, method and metric."""
    with (ROOT / "bench" / "papers" / f"{paper}.csv").open(newline="") as stream:
        return {
            (row["pair"], row["method"], row["metric"]): float(row["value"])
            for row in csv.DictReader(stream)
            if row["table"] == "1"
        }


def hill_pairs(shared: Path) -> dict[str, tuple[Image, Image]]:
    """Give the pairs by the last part of their keys."""
    pairs = datasets.load("hill2021", root=shared / "data" / "hill2021")
    return {pair.key.rpartition("/")[2]: (pair.a, pair.b) for pair in pairs}


def on_hill(shared: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Score the methods on the pairs, by pair and method with layer."""
    found = {}
    fused: Any
    for name, (a, b) in hill_pairs(shared).items():
        found[name, "average"] = score(a, b, load("average")(a, b), metrics=list(HILL))
        for slug in ("fm0", "fm1"):
            for layer in LAYERS:
                fused = load(slug, device="cpu", layer=layer)(a, b)
                found[name, f"{slug} {layer}"] = score(a, b, fused, metrics=list(HILL))
    return found


def solvers(shared: Path) -> dict[str, dict[str, float]]:
    """Compare the solver with the paper's optimiser on a small image, by layer."""
    window = np.s_[CORNER : CORNER + SIDE, CORNER : CORNER + SIDE]
    a, b = (np.ascontiguousarray(x[window]) for x in hill_pairs(shared)[CROP])
    found = {}
    for layer in LAYERS:
        images, seconds, losses = [], [], []
        for solver in ("newton", "adam"):
            method = load("fm0", device="cpu", layer=layer, solver=solver)
            last = []
            method.watch(lambda _, __, loss, last=last: last.append(loss))
            start = time.process_time()
            images.append(method(a / 255, b / 255) * 255.0)
            seconds.append(time.process_time() - start)
            losses.append(last[-1])
        difference = np.abs(images[0] - images[1])
        found[layer] = {
            "newton": seconds[0],
            "adam": seconds[1],
            "loss": losses[0] / losses[1] - 1,
            "mean": float(difference.mean()),
            "max": float(difference.max()),
            "rounded": float((to_8_bit(images[0]) == to_8_bit(images[1])).mean()),
        }
    return found


def on_tno(shared: Path) -> dict[str, dict[str, float]]:
    """Score NST on ten pairs of the paper's size, by what was varied."""
    pairs = [
        tuple(to_8_bit(resize(x.astype(np.float64), NST_SIDE, NST_SIDE)) for x in (pair.a, pair.b))
        for pair in datasets.load("tno:10", root=shared / "data")
    ]
    found = {}
    for name, options in NST_VARIANTS.items():
        method = load("nst", device="cpu", **options)
        scores = [score(a, b, method(a, b), metrics=list(NST)) for a, b in pairs]
        found[name] = {m: float(np.mean([s[m] for s in scores])) for m in NST}
    scores = [score(a, b, load("average")(a, b), metrics=list(NST)) for a, b in pairs]
    found["mean of the sources"] = {m: float(np.mean([s[m] for s in scores])) for m in NST}
    return found
