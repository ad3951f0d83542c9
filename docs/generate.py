"""Write the tables of docs/metrics.md, docs/methods.md and docs/datasets.md from the records.

Run it after changing a record: ``python docs/generate.py``. A test fails while they differ.
"""

from __future__ import annotations

import inspect
import math
from pathlib import Path

from fusebench import metrics as metrics_package
from fusebench.bench.types import TASK_TITLES, DatasetInfo, Fidelity, Method, Metric
from fusebench.datasets import DATASETS
from fusebench.methods import METHODS
from fusebench.metrics import METRICS

FOLDER = Path(__file__).parent


def pages() -> dict[str, str]:
    """Give the text of every generated page by file name."""
    return {
        "metrics.md": metrics_page(),
        "methods.md": methods_page(),
        "datasets.md": datasets_page(),
    }


def doi_link(doi: str) -> str:
    """Give a Markdown link, or a dash."""
    safe = doi.replace("(", "%28").replace(")", "%29")
    return f"[doi](https://doi.org/{safe})" if doi else "–"


def number(value: float | None) -> str:
    """Write a bound or identity value."""
    if value is None:
        return "depends on the image"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:g}"


def section(function: object, heading: str) -> str:
    """Give one section of a numpydoc docstring as one paragraph."""
    lines = (inspect.getdoc(function) or "").splitlines()
    if heading not in lines:
        return ""
    start = lines.index(heading) + 2
    found = []
    for line in lines[start:]:
        if line.startswith("---"):
            found.pop()
            break
        found.append(line)
    return " ".join(" ".join(found).split())


def metrics_page() -> str:
    """Describe every metric."""
    out = [
        "# Metrics",
        "",
        "Canonical definitions, on grey levels 0..255; of colour images the rounded BT.601 luma.",
        "",
        "| slug | label | title | better | range | needs | source |",
        "|---|---|---|---|---|---|---|",
    ]
    for m in sorted(METRICS, key=lambda m: m.slug):
        bounds = f"[{number(m.bounds[0])}, {number(m.bounds[1])}]"
        out.append(
            f"| [`{m.slug}`](#{m.slug}) | {m.plain_label} | {m.title} | {m.direction} | {bounds} "
            f"| {m.needs} | {doi_link(m.doi)} |"
        )
    for m in sorted(METRICS, key=lambda m: m.slug):
        out += ["", f"## {m.slug}", "", *metric_text(m)]
    return "\n".join(out) + "\n"


def metric_text(m: Metric) -> list[str]:
    """Describe one metric."""
    function = getattr(metrics_package, m.slug)
    notes = section(function, "Notes")
    lines = [
        f"**{m.title}.** {m.summary}",
        "",
        f"* Value: {section(function, 'Returns').removeprefix('float ')}",
        f"* Three identical images: {number(m.identity)}. Smallest side: {m.min_size} px. "
        f"Version {m.version}.",
        f"* Source: {m.reference}, {doi_link(m.doi)}.",
    ]
    return lines + (["", notes] if notes else [])


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
    return lines


def datasets_page() -> str:
    """Describe every dataset."""
    out = [
        "# Datasets",
        "",
        "Nothing is downloaded on import. `fusebench datasets get demo` writes the demo pairs as",
        "PNG files; the others are read where you keep them (`--root`), and `fusebench datasets",
        "verify NAME --root DIR` compares them with the frozen list, pixel by pixel.",
        "",
        "## How a file is read",
        "",
        "One channel, or three equal ones, is a grey image; anything else is RGB. Palettes are",
        "resolved, an alpha channel is dropped, 16-bit grey is scaled by 255/65535 without any",
        "stretch, floating-point files are refused. File endings count in upper and lower case.",
        "Unmatched files, different sizes and files that cannot be read are named before any work",
        "starts.",
        "",
        "| name | pairs | tasks | terms |",
        "|---|---:|---|---|",
    ]
    for d in DATASETS:
        for split, pairs in d.splits.items():
            name = f"{d.slug}:{split}" if split else d.slug
            out.append(
                f"| `{name}` | {'yours' if pairs is None else pairs} | {tasks(d, split)} "
                f"| {d.licence} |"
            )
    for d in DATASETS:
        out += ["", f"## {d.slug}", "", f"**{d.title}.** {d.notes}", ""]
        known = (("Layout", d.layout), ("Home", d.home), ("Source", d.reference))
        out += [f"* {name}: {text.rstrip('.')}." for name, text in known if text]
    return "\n".join(out) + "\n"


def tasks(d: DatasetInfo, split: str) -> str:
    """Name the tasks of a split."""
    named = [title for task, title in TASK_TITLES.items() if task == split]
    return ", ".join(named or [TASK_TITLES[t] for t in d.tasks]).lower()


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
