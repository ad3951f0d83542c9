"""FM0, FM1 and NST beside the tables of their papers, and solvers; writes docs/optimisation.md.

``python tests/benchmarks/optimisation.py SHARED`` with the shared folder, which holds the pairs and
the first layers of the networks. Processor seconds are counted, on one thread.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from deep_speed import processor

from fusebench import datasets, score
from fusebench.bench.images import Image, to_8_bit
from fusebench.methods import load
from fusebench.methods._resize import resize
from fusebench.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "optimisation.md"

HILL = {"q_ncie": "Q_NCIE (Q_0)", "qabf": "Q^{AB/F} (P_e)", "piella_q": "Q"}
HILL_PAIRS = ("clock", "clock512", "bottle", "gingerbread", "head")
LAYERS = ("relu1_1", "conv1_1")

CROP, CORNER, SIDE = "bottle", 200, 64

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
        found[name, "average"] = score(
            a, b, load("average")(a, b), metrics=list(HILL), protocol="liu2012"
        )
        for slug in ("fm0", "fm1"):
            for layer in LAYERS:
                fused = load(slug, device="cpu", layer=layer)(a, b)
                found[name, f"{slug} {layer}"] = score(
                    a, b, fused, metrics=list(HILL), protocol="liu2012"
                )
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


def hill_table(found: dict[tuple[str, str], dict[str, float]]) -> list[str]:
    """Write the scores on the pairs beside the printed ones."""
    cells = printed("hill2021semantic")
    out = [f"| pair | method | {' | '.join(HILL.values())} |", "|---|---|" + "---:|" * len(HILL)]

    def line(pair: str, method: str, values: list[float]) -> str:
        return f"| {pair} | {method} | {' | '.join(f'{v:.4f}' for v in values)} |"

    for pair in HILL_PAIRS:
        theirs = pair.removesuffix("512")
        for slug in ("fm0", "fm1"):
            values = [cells[theirs, slug, m] for m in HILL]
            out.append(line(pair, f"{slug.upper()}, printed", values))
            for layer in LAYERS:
                scores = found[pair, f"{slug} {layer}"]
                out.append(line(pair, f"`{slug}`, {layer}", [scores[m] for m in HILL]))
        out.append(line(pair, "mean of the sources", [found[pair, "average"][m] for m in HILL]))
    return out


def order(found: dict[tuple[str, str], dict[str, float]]) -> list[str]:
    """Write by how much FM0 is above FM1 on the edges."""
    cells = printed("hill2021semantic")
    out = [f"| pair | printed | {' | '.join(LAYERS)} |", "|---|---:|" + "---:|" * len(LAYERS)]
    for pair in HILL_PAIRS:
        theirs = pair.removesuffix("512")
        gains = [cells[theirs, "fm0", "qabf"] - cells[theirs, "fm1", "qabf"]]
        for layer in LAYERS:
            scores = [found[pair, f"{slug} {layer}"]["qabf"] for slug in ("fm0", "fm1")]
            gains.append(scores[0] - scores[1])
        out.append(f"| {pair} | {' | '.join(f'{gain:+.4f}' for gain in gains)} |")
    return out


def solver_table(found: dict[str, dict[str, float]]) -> list[str]:
    """Write what the solver takes and how far it is from the paper's optimiser."""
    out = [
        "| features | solver, s | Adam, s | ratio | loss above Adam's | mean difference "
        "| largest | equal after rounding |",
        "|---|" + "---:|" * 7,
    ]
    for layer, f in found.items():
        out.append(
            f"| {layer} | {f['newton']:.2f} | {f['adam']:.1f} | {f['adam'] / f['newton']:.0f} "
            f"| {f['loss']:+.4%} | {f['mean']:.4f} | {f['max']:.4f} | {f['rounded']:.2%} |"
        )
    return out


def nst_table(found: dict[str, dict[str, float]]) -> list[str]:
    """Write the scores of NST beside the printed ones."""
    cells = printed("kumar_nst_ivf")
    names = {"ag": "AG (MG)", "mi": "MI (FF)", "en": "EN (H)"}
    columns = [names.get(m, m.upper() if len(m) == 2 else METRICS[m].label) for m in NST]
    out = [f"| | {' | '.join(columns)} |", "|---|" + "---:|" * len(NST)]
    values = [cells["", "nst", NST_PRINTED.get(m, m)] for m in NST]
    out.append(f"| printed | {' | '.join(f'{v:.4g}' for v in values)} |")
    for name, scores in found.items():
        out.append(f"| {name} | {' | '.join(f'{scores[m]:.4g}' for m in NST)} |")
    return out


def page(
    hill: dict[tuple[str, str], dict[str, float]],
    solved: dict[str, dict[str, float]],
    tno: dict[str, dict[str, float]],
) -> str:
    """Write the page."""
    return f"""\
# Methods that optimise an image

`fm0`, `fm1` and `nst` beside the tables of their papers, and the solver of `fm0` beside Adam.
Measured by `tests/benchmarks/optimisation.py`, on one thread of {processor()}, in processor
seconds, {time.strftime("%Y-%m-%d")}.

## FM0 and FM1

The paper (hill2021semantic, table 1) does not name its files. Of its five grey pairs four have
public candidates, the dataset `hill2021`: bottle and gingerbread are pairs 9 and 3 of Lytro in
grey, head is a CT and MRI pair of the classic medical ones, clock circulates in two sizes; remote
was not found. That bottle and gingerbread are the paper's pairs shows in Q_NCIE, which is 0.8164
and 0.8204 for the mean of the sources, exactly the least that the paper prints for them
([audit.md](audit.md)).

{_joined(hill_table(hill))}

Scores are by the protocol `liu2012`, whose form of Q^{{AB/F}} the paper has ([audit.md](audit.md)).
On the edges (Q^{{AB/F}}) the paper has FM0 above FM1 for each pair. By how much:

{_joined(order(hill))}

Features after the activation (relu1_1, the default) give that order on every pair, features before
it (conv1_1) the other one on bottle and gingerbread; and with them Q^{{AB/F}} is within 0.003 of
the print on clock512, bottle and gingerbread, without them 0.008 to 0.024 off. So the paper's
conv1_1 is what its library returns for that layer, activation included, and its clock is the larger
one.

## The solver

`fm0` on a window of {SIDE}x{SIDE} pixels of bottle by the solver (`solver=newton`, the default),
and by Adam with 100 epochs of 100 iterations as in the paper. The learning rate, whose course the
paper does not state, falls from 0.01 to 0.00001 by the same factor in each epoch. Differences are
in grey levels, before they are rounded.

{_joined(solver_table(solved))}

Before the activation the loss is a sum of squares of what is linear, with one minimum; tests
compare the solver with dense least squares, to 0.01 grey levels. After it there are several minima
close to each other, and each optimiser ends in one of them. `fusebench fuse fm0 A B -o OUT --set
solver=adam --losses curve.csv` shows the progress and writes the loss of each iteration.

In colour the layer hardly sees fine changes of chroma, and the exact minimum has coloured noise
that scores worse than the mean of the sources. The option `damping` weighs the distance of the
chroma from that of the mean; it does nothing to grey images. `damping=0` is the paper's loss.

FM2 and FM3 need all of VGG19: `fusebench weights get fm3`. They were tested on a small network in
its place, and have not been compared with the paper.

## NST

Means over the ten pairs of `tno:10`, brought to {NST_SIDE}x{NST_SIDE} as in the paper
(kumar_nst_ivf, table 1), which does not say which ten pairs it has, nor how many iterations. Its
MG leaves out a factor of 1/2 that AG has.

{_joined(nst_table(tno))}

The weights here are those of torchvision; the paper most likely has those of Keras.
"""


def _joined(lines: list[str]) -> str:
    return "\n".join(lines)


def main(shared: Path) -> None:
    """Measure everything and write the page."""
    torch.set_num_threads(1)
    os.environ.setdefault("FUSEBENCH_WEIGHTS", str(shared / "weights"))
    PAGE.write_text(page(on_hill(shared), solvers(shared), on_tno(shared)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
