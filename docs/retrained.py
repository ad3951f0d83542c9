"""The page about networks that we trained: their cards, and their figures beside the papers'."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown import PROTOCOLS

from fusebench.bench.ablation import markdown, read_ablation
from fusebench.bench.audit import Audited, audit_all, to_dict
from fusebench.bench.paper import load_paper
from fusebench.bench.types import Method
from fusebench.leaderboard.audits import shown
from fusebench.methods import METHODS
from fusebench.methods._recipes import RECIPES
from fusebench.methods._weights import find_file

ABLATION = Path(__file__).parent / "fmm_ablation.json"
"""What ``fusebench train ablation fmm`` wrote."""

_COMPARED = ("qabf", "vif", "mi", "ssim", "en", "scd")


def retrained_page() -> str:
    """Say how networks were trained here, and how far from the papers' figures that leads."""
    audited = [a for cells in audit_all().values() for a in cells]
    ours = [a for a in audited if a.best is not None and a.best.retrained]
    found = read_ablation(ABLATION)
    return "\n".join(
        [
            _INTRODUCTION,
            *_trained(),
            "",
            _without_weights(),
            "",
            _BESIDE,
            *_beside(ours),
            "",
            _ABLATION,
            markdown(found),
            "",
        ]
    )


def _cards() -> Iterator[tuple[Method, dict[str, Any]]]:
    """Give the networks that have weights of ours, and their cards."""
    for record in METHODS:
        for weights in record.weights:
            (file, *_) = weights.files
            if weights.name == "retrained" and file.name.endswith(".safetensors"):
                card = find_file(record.slug, file).with_suffix(".json")
                yield record, json.loads(card.read_text(encoding="utf-8"))


def _trained() -> list[str]:
    lines = [
        "| method | data | steps | crops | of the paper's | parameters | processor time "
        f"| {', '.join(_COMPARED)} (of the average) |",
        "|---|---|---:|---|---:|---:|---:|---|",
    ]
    for record, card in _cards():
        last, average = card["validation"][-1], card["average"]
        scores = ", ".join(f"{last[m]:.3g} ({average[m]:.3g})" for m in _COMPARED)
        side, paper = card["crop"], RECIPES[record.slug].budgets["paper"]
        seen = card["steps"] * card["batch"] * side**2
        share = seen / (paper.steps * paper.batch * paper.crop**2)
        lines.append(
            f"| `{record.slug}` | {card['data']} | {card['steps']} | {card['batch']} of "
            f"{side}x{side} | {100 * share:.2g}% | {card['values']:,} "
            f"| {card['processor seconds']} s | {scores} |"
        )
    return lines


def _without_weights() -> str:
    shipped = {record.slug for record, _ in _cards()}
    others = ", ".join(f"`{recipe.slug}`" for recipe in RECIPES if recipe.slug not in shipped)
    return (
        f"Recipes without weights of ours, for `fusebench train METHOD --data …`: {others}. What "
        "minutes on one core give of them is not clearly better than the average: of RFN-Nest "
        "Q^AB/F 0.352 and VIF 0.547 (of the average 0.407 and 0.587, the same pairs), of DeFusion "
        "0.161 and 0.372 after 600 steps, of MsgFusion after 200 steps on phantoms Q^AB/F 0.479 "
        "and SCD 1.52 (0.409 and 0.888), but VIF 0.438 and SSIM 0.716 (0.573 and 1.65)."
    )


def _beside(ours: list[Audited]) -> list[str]:
    """Write for each method of a paper what is printed of it, and what our weights give."""
    lines: dict[tuple[str, str, str], list[Audited]] = {}
    for a in ours:
        lines.setdefault((a.cell.paper, a.cell.dataset, a.cell.method), []).append(a)
    out = ["| paper | tables | pairs | method | printed (ours) |", "|---|---|---|---|---|"]
    for (paper, dataset, method), cells in lines.items():
        protocol = PROTOCOLS[paper]
        # Tables repeat each other.
        values = {}
        for a in cells:
            computed = shown(a, to_dict(a)["protocols"][protocol])
            values[f"{a.cell.metric_label} {a.cell.printed} ({computed})"] = None
        tables = ", ".join(dict.fromkeys(a.cell.table for a in cells))
        use = load_paper(paper).datasets[dataset].use
        out.append(f"| {paper} | {tables} | {use} | `{method}` | {', '.join(values)} |")
    return out


_INTRODUCTION = """# Networks trained here

Where authors have published no weights, or none at a fixed address, networks run on weights that
`fusebench train` made on one core in less than an hour. Their cards (`methods/weights`) hold data,
split digests, seed, losses, commit and time. The table says how many of the pixels that the paper's
training sees that is: the papers' figures cannot be expected, and the audit counts no value of
these weights as reproduced, however near it comes ([audit.md](audit.md)). The budget of DRPL's
paper is not known here; it is compared with that of our recipe for a GPU.

The last column has the mean scores of pairs that were held out from training, and in brackets
those of the average of the sources. FusionGAN is below it by most of them; by Q^AB/F, and by
MS-SSIM, it is so in print (0.268 and 0.614 in Table 1 of rao2021fmm, the average of those pairs
0.331 and 0.865).
SMFNet for medical images learned from phantoms, and is less good where the heads are real: on
Harvard CT-MRI 21 Q^AB/F 0.419, SCD 1.25 and EN 5.98 (of the average 0.373, 0.999 and 4.61), but
VIF 0.444, MI 3.01 and SSIM 0.766 (0.455, 3.87 and 1.50).
"""

_BESIDE = """## Beside the papers

Means over the pairs of each table, by the protocol of its paper, and in brackets what our weights
give (`bench/papers/retrained.csv`, written by `docs/measure.py --retrained`; `fusebench audit
PAPER` shows them cell by cell).
"""

_ABLATION = """## The ablations of rao2021fmm

Tables 4 to 7 in kind, by one command, which takes minutes:

    fusebench train ablation fmm --data roadscene:161 -o DIR --steps 90
"""
