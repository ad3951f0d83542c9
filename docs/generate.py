"""Write the pages about metrics, methods, datasets and papers from the records.

Run it after changing a record: ``python docs/generate.py``. A test fails while they differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from markdown import PROTOCOLS, doi_link, table
from metric_pages import metric_pages
from retrained import retrained_page

from fusebench.bench.audit import Audited, Measured, audit_all, is_near, shipped_values
from fusebench.bench.doubts import find_doubts
from fusebench.bench.paper import load_paper
from fusebench.bench.types import TASK_TITLES, DatasetInfo, Fidelity, Method, Problem
from fusebench.datasets import DATASETS, RECORDS, downloads, full_name
from fusebench.datasets._splits import read_split
from fusebench.leaderboard.audits import markdown_counts, shown
from fusebench.methods import METHODS
from fusebench.methods._recipes import RECIPES

FOLDER = Path(__file__).parent


def pages() -> dict[str, str]:
    """Give the text of every generated page by file name."""
    return {
        **metric_pages(),
        "methods.md": methods_page(),
        "datasets.md": datasets_page(),
        "audit.md": audit_page(),
        "retrained.md": retrained_page(),
    }


def methods_page() -> str:
    """Describe every method."""
    out = [
        "# Methods",
        "",
        "Fidelity is measured: the distance between a method here and its authors' own output.",
        "",
        "| slug | method | tasks | colour | origin | source |",
        "|---|---|---|---|---|---|",
    ]
    out += [
        f"| [`{m.slug}`](#{m.slug}) | {m.title} | {', '.join(m.tasks)} "
        f"| {m.colour.replace('_', ' ')} | {m.origin} | {doi_link(m.doi)} |"
        for m in METHODS
    ]
    out += [
        "",
        "## Distance to the authors' output",
        "",
        "| method | against | images | equal | within 1 level | mean difference | largest | PSNR |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    out += [fidelity_row(m, f) for m in METHODS for f in m.fidelity]
    for m in METHODS:
        out += ["", f"## {m.slug}", "", *method_text(m)]
    return "\n".join(out) + "\n"


def fidelity_row(m: Method, f: Fidelity) -> str:
    """Give one line of the table of distances."""
    equal = "" if f.equal is None else f"{100 * f.equal:.2f}%"
    psnr = "" if f.psnr is None else "∞" if math.isinf(f.psnr) else f"{f.psnr:.1f} dB"
    return (
        f"| `{m.slug}` | {f.against} | {f.images} | {equal} | {100 * f.within_one:.3f}% "
        f"| {f.mean_abs:.2g} | {f.max_abs:g} | {psnr} |"
    )


def method_text(m: Method) -> list[str]:
    """Describe one method."""
    options = ", ".join(f"`{k}={v!r}`" for k, v in m.options.items()) or "none"
    lines = [f"**{m.title}.** {m.summary}", "", f"* Options: {options}. Version {m.version}."]
    link = f", {doi_link(m.doi)}" if m.doi else ""
    lines.append(f"* Source: {m.reference.rstrip('.')}{link}.")
    if m.notes:
        lines.append(f"* {m.notes}")
    if m.slug in RECIPES:
        lines.append(
            f"* Has a recipe ([what it gives](retrained.md)): "
            f"`fusebench train {m.slug} --data DATASET -o DIR`."
        )
    return lines


def datasets_page() -> str:
    """Describe every dataset."""
    out = [
        "# Datasets",
        "",
        "Nothing is downloaded on import. `fusebench datasets get NAME` shows the terms and",
        "downloads what has a fixed public address, file by file at a pinned commit, into the",
        "cache folder (`FUSEBENCH_CACHE` names another one; `datasets where NAME` says where); for",
        "the others it says where they are. `--root DIR` reads images where you keep them, in any",
        "of the layouts below, and `fusebench datasets verify NAME --root DIR` compares them with",
        "the frozen list, pixel by pixel.",
        "",
        "## How a file is read",
        "",
        "One channel, or three equal ones, is a grey image; anything else is RGB. Palettes are",
        "resolved, an alpha channel is dropped, 16-bit grey is scaled by 255/65535 without any",
        "stretch, floating-point files are refused. File endings count in upper and lower case.",
        "Unmatched files, different sizes and files that cannot be read are named before any work",
        "starts. Listed pixels of JPEG files are those of libjpeg-turbo, libjpeg 6 and MATLAB.",
        "libjpeg 7 to 9, which Pillow had before 9.1, enlarges the planes of colour",
        "otherwise: on Lytro by 0.44 grey levels on the average and up to 37. That is enough to",
        "change published scores: three rows of rao2021fmm come out only so (audit.md).",
        "",
        "## Is anything wrong with my pairs?",
        "",
        "`fusebench datasets check DIR` measures any folder of pairs, or all such folders in it:",
        "size, channels, bits, how well the gradients of the sources agree as they are and at the",
        "best shift of a few pixels, pairs or sources that come twice, sources that look",
        "exchanged, images that are nearly empty. What it names is suspicious, not proved: look at",
        "it. What is known of published datasets stands below, under known problems.",
        "",
        "## All datasets and splits",
        "",
        "Where the number of pairs is *any*, the pairs that are there are taken. *Listed* is how",
        "many have pixels that are known here, so that `verify` can compare them; only those are",
        "downloaded of a dataset with *any* number.",
        "",
        "| name | pairs | listed | tasks | `datasets get` | terms |",
        "|---|---:|---:|---|---|---|",
    ]
    for d in DATASETS:
        for split, pairs in d.splits.items():
            name = full_name(d.slug, split)
            get = "yes" if downloads(name) or not d.needs_root else "by hand"
            out.append(
                f"| `{name}` | {'any' if pairs is None else pairs} | {listed(d, split)} "
                f"| {tasks(d, split)} | {get} | {d.licence} |"
            )
    for d in DATASETS:
        out += ["", f"## {d.slug}", "", f"**{d.title}.** {d.notes}", ""]
        link = f", {doi_link(d.doi)}" if d.doi else ""
        known = (
            ("Sources", "; ".join(d.sources)),
            ("Sizes", d.sizes),
            ("Layout", d.layout),
            ("Home", d.home),
            ("Listed from", listed_from(d)),
            ("Source", f"{d.reference.rstrip('.')}{link}" if d.reference else ""),
            ("For training", ", ".join(f"`{full_name(d.slug, split)}`" for split in d.training)),
        )
        out += [f"* {name}: {text.rstrip('.')}." for name, text in known if text]
        out += [f"* Known problem ({p.kind}): {p.text}{where(p)}" for p in d.problems]
    return "\n".join(out) + "\n"


def listed(d: DatasetInfo, split: str) -> str:
    """Count the pairs of a split whose pixels are known."""
    if d.slug not in RECORDS:
        return "" if d.needs_root else str(d.splits[split])
    spec = RECORDS[d.slug].splits[split]
    names = [spec.listed] if spec.listed else spec.known
    pairs = [pair for name in names for pair in read_split(name).values()]
    return str(sum(pair.a_digest is not None for pair in pairs))


def listed_from(d: DatasetInfo) -> str:
    """Name the repository and commit that held the files when they were listed."""
    repository = RECORDS[d.slug].repository if d.slug in RECORDS else ""
    return f"github.com/{repository}" if repository else ""


def where(problem: Problem) -> str:
    """Name the pairs that a problem concerns."""
    keys = [key.removeprefix("/") for key in problem.keys]
    return f" Pairs: {', '.join(f'`{key}`' for key in keys)}." if keys else ""


def tasks(d: DatasetInfo, split: str) -> str:
    """Name the tasks of a split."""
    named = [title for task, title in TASK_TITLES.items() if task == split]
    return ", ".join(named or [TASK_TITLES[t] for t in d.tasks]).lower()


def audit_page() -> str:
    """Say what became of the papers' tables."""
    papers = audit_all()
    found = [a for audited in papers.values() for a in audited]
    computed = [
        a
        for a in found
        if a.best is not None and not a.best.retrained and is_near(a.cell, a.best.value)
    ]
    out = [AUDIT_INTRODUCTION, markdown_counts(papers), "", "## Computed from images", ""]
    out += [
        "Cells that public images, or a method of this package, give again or come near to, and",
        "the protocols that do.",
        "",
        "| paper | table | method | metric | printed | computed | protocols | images |",
        "|---|---|---|---|---:|---:|---|---|",
    ]
    for a in computed:
        assert a.best is not None
        c = a.cell
        value = f"{a.best.value:.{c.decimals + 1}f}"
        protocols = ", ".join(a.best.protocols) or a.best.convention
        out.append(
            f"| {c.paper} | {c.table} | {c.label} | {c.metric_label} | {c.printed} | {value} "
            f"| {protocols} | {a.best.images} |"
        )
    out += ["", *rows_of_papers(papers), Q0_SECTION, "", "## What rules find", ""]
    doubts = {key: find_doubts(load_paper(key)) for key in papers}
    out += ["| paper | rule | kind | cells | what |", "|---|---|---|---:|---|"]
    out += [
        f"| {key} | {d.rule} | {d.kind} | {len(d.cells)} | {d.text} |"
        for key, listed in doubts.items()
        for d in listed
        if d.rule != "statement"
    ]
    out += ["", "## What else is known", ""]
    for key, listed in doubts.items():
        out += [f"* {key}: {d.text} ({d.evidence})" for d in listed if d.rule == "statement"]
    return "\n".join(out) + "\n"


def rows_of_papers(papers: Mapping[str, Sequence[Audited]]) -> list[str]:
    """Set whole rows of the papers beside what methods here give, and say why they differ."""
    out = ["## Row by row", ""]
    out += [
        "Every row of which something was computed, as printed / computed: under the protocol",
        "`jiangnan` for rao2021fmm and `smfnet` for zhang_smfnet, and under that which comes",
        "nearest for hill2021semantic. Bold where the two are equal or near, as above.",
    ]
    for key, audited in papers.items():
        paper = load_paper(key)
        computed = shipped_values(paper)
        tables: dict[tuple[str, str], dict[tuple[str, ...], list[Audited]]] = {}
        for a in audited:
            c = a.cell
            values = computed.get(c, [])
            for images in dict.fromkeys(m.images for m in values):
                rows = tables.setdefault((c.table, c.dataset), {})
                one = replace(a, measured=tuple(m for m in values if m.images == images))
                rows.setdefault((c.label, c.pair, c.block, images), []).append(one)
        for (number, dataset), rows in tables.items():
            out += ["", f"### {key}, table {number}: {paper.datasets[dataset].title}", ""]
            out += rows_of_table(rows, PROTOCOLS.get(key))
    return [*out, ""]


def rows_of_table(
    rows: Mapping[tuple[str, ...], Sequence[Audited]], protocol: str | None
) -> list[str]:
    """Write one table; what is known of differences stands below it once."""
    metrics = list(dict.fromkeys(a.cell.metric_label for row in rows.values() for a in row))
    lines, notes = [], dict[str, int]()
    for (label, pair, block, images), row in rows.items():
        pairs = [(a, computed_value(a, protocol)) for a in row]
        cells = {a.cell.metric_label: beside(a, value) for a, value in pairs}
        known = [notes.setdefault(text, len(notes) + 1) for text in why_off(row)]
        why = ", ".join(f"({n})" for n in known) or "open"
        if all(counts(a, value) for a, value in pairs):
            why = "none"
        what = " ".join(filter(None, (label, pair, block)))
        lines.append([what, images, *[cells.get(m, "–") for m in metrics], why])
    out = table(["method", "images", *[f"{m}:" for m in metrics], "difference"], lines)
    return out + (["", *[f"* ({n}) {text}" for text, n in notes.items()]] if notes else [])


def computed_value(a: Audited, protocol: str | None) -> Measured | None:
    """Give the value under a protocol, or under that which comes nearest."""
    found = [m for m in a.measured if (protocol in m.protocols if protocol else m.protocols)]
    return min(found, key=lambda m: abs(m.value - a.cell.value), default=None)


def counts(a: Audited, value: Measured | None) -> bool:
    """Say whether a value gives a printed one again, or comes near; none of our weights does."""
    return value is not None and not value.retrained and is_near(a.cell, value.value)


def beside(a: Audited, value: Measured | None) -> str:
    """Write a printed cell and the computed one, bold where that counts."""
    text = f"{a.cell.printed} / {'–' if value is None else shown(a, value.value)}"
    return f"**{text}**" if counts(a, value) else text


def why_off(row: Sequence[Audited]) -> list[str]:
    """Give what is known of the cells of a row that are off."""
    off = [a for a in row if not any(m.protocols and is_near(a.cell, m.value) for m in a.measured)]
    known = {
        f"{d.text} ({d.evidence})": None
        for a in off
        for d in a.doubts
        if d.rule == "statement" and d.kind == "doubt"
    }
    return list(known)


AUDIT_INTRODUCTION = """# The tables of papers, audited

`fusebench audit` says which verdict each of the numbers printed in four papers gets, and
`fusebench audit rao2021fmm --table 2` shows them cell by cell. Cells are computed under every
protocol from what is at hand:

* folders of fused images: `--fused csr=DIR` (matched to pairs by stem, or by the number that both
  end in), with the source images under `--root`;
* methods that `fusebench run` ran on the same pairs into the database (`--db`);
* values that come with the package (`bench/papers/measured.csv`, written by `docs/measure.py`).

What networks give on weights that we trained ([retrained.md](retrained.md)) reproduces nothing,
however near it comes. It is kept apart, in `bench/papers/retrained.csv`.

| verdict | what it says |
|---|---|
| reproduced | a protocol gives the printed number, within one unit of its last digit |
| contradicts itself | the value cannot be what its label says, or breaks what the text says of it |
| explained by convention | a protocol comes within five units of the last digit or 0.05%; or a \
convention that no protocol uses gives the number; or rules or proofs name that of the column |
| not reproducible | the images are not public, the method or dataset is not here, or no protocol \
comes near |
| not measured | everything is here; run the method |

The first that holds counts. A number that does not come again from a method of this package says
nothing against the paper: implementations differ.
"""

Q0_SECTION = """## The Q_0 of hill2021semantic

The paper prints Q_0, cites Qiang Wang et al. 2008, and calls it Wang's. That chapter defines the
nonlinear correlation information entropy, here `q_ncie`; Q_0 commonly is the quality index of Zhou
Wang and Bovik, here `q0`. All 30 printed values lie just above 0.80188 = 1 - log256 3, the floor of
`q_ncie`. On four of its five pairs (the fifth, remote, has no public source) three methods give:

| pair | printed | method | q_ncie | q0 |
|---|---|---|---:|---:|
| clock | 0.8267 to 0.8296 | average | 0.8319 | 0.8767 |
| clock | 0.8267 to 0.8296 | lp | 0.8365 | 0.8122 |
| clock | 0.8267 to 0.8296 | gff | 0.8384 | 0.8120 |
| head | 0.8034 to 0.8216 | average | 0.8217 | 0.3386 |
| head | 0.8034 to 0.8216 | lp | 0.8058 | 0.3500 |
| head | 0.8034 to 0.8216 | gff | 0.8106 | 0.4493 |
| bottle | 0.8164 to 0.8199 | average | 0.8164 | 0.6341 |
| bottle | 0.8164 to 0.8199 | lp | 0.8221 | 0.6013 |
| bottle | 0.8164 to 0.8199 | gff | 0.8304 | 0.6041 |
| gingerbread | 0.8204 to 0.8230 | average | 0.8204 | 0.7622 |
| gingerbread | 0.8204 to 0.8230 | lp | 0.8242 | 0.7103 |
| gingerbread | 0.8204 to 0.8230 | gff | 0.8306 | 0.7130 |

`q_ncie` comes within 0.011 of the printed range everywhere, though these are other methods; `q0` is
off by 0.01 to 0.47."""


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")
