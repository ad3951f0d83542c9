"""The pages about metrics: one for each, their index, the agreement with others, and the trust.

Texts come from the records and the documentation of the functions; figures from
docs/agreement.json (``python tests/agreement.py SHARED`` measures them) and bench/trust.json
(``fusebench trust --measure -o bench/trust.json``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markdown import doi_link, number, section, table

from fusebench import metrics as metrics_package
from fusebench.bench.stats import REDUNDANT
from fusebench.bench.trust import (
    BOUGHT,
    BY_NAME,
    FLAGS,
    FUSED_BY,
    RANKED,
    SIDE,
    Degradation,
    Trust,
    load_report,
)
from fusebench.bench.types import Metric
from fusebench.metrics import METRICS, load_protocol, protocol_names

Row = dict[str, Any]

SORTED = sorted(METRICS, key=lambda m: m.slug)
AGREEMENT: dict[str, list[Row]] = json.loads(
    Path(__file__).with_name("agreement.json").read_text(encoding="utf-8")
)
# Short names in the oracle, and what they stand for.
TOOLBOXES = {
    "cddfuse_evaluator": "Zhaozixiang1228/MMIF-CDDFuse, utils/Evaluator.py",
    "cslib": "cslib 0.1.0 on PyPI",
    "derived": "two published parts, multiplied",
    "evalIF": "Linfeng-Tang/Evaluation-for-Image-Fusion",
    "hou": "Jilei-Hou/metric-for-image-fusion",
    "ivif_zoo": "RollingPlain/IVIF_ZOO",
    "mefb": "xingchenzhang/MEFB",
    "piq": "piq on PyPI",
    "published_matlab_xlsx": "Linfeng-Tang/Image-Fusion, Metric_TNO.xlsx",
    "pui": "pui-nantheera/Image-Fusion-via-Sparse-Regularization (Bristol)",
    "rfn": "hli1221/imagefusion-rfn-nest",
    "skimage": "scikit-image 0.26",
    "thf": "thfylsty/Objective-evaluation-for-image-fusion",
    "topanxal": "Topanxal/Image-fusion-evaluation-metrics-code-PyTorch-version-",
    "vifb": "xingchenzhang/VIFB",
    "zheng": "zhengliu6699/imageFusionMetrics",
}
SYMBOLS = """\
In the formulas $A$ and $B$ are the sources, $F$ the fused image and $R$ a reference, all of
$M \\times N$ pixels; $S$ is a source, $X$ any image; $p_X(i)$ is the share of the pixels with grey
level $i$, $p_{XY}(i, j)$ that of two images, $H$ the entropy and $I$ the mutual information, in
bits. $w$ is a window out of $W$, in which $\\mu_X$ is the mean, $\\sigma_X^2$ the variance and
$\\sigma_{XY}$ the covariance; $\\mathrm{SSIM}_w$ is structural similarity; $\\tilde{x}$ is a window
less its mean. $g_X$ and $\\alpha_X$ are strength and orientation of an edge (Sobel operator), $k$
numbers scales and $d$ directions, $\\nabla_d$ is the difference of neighbours, $h$ the contrast
sensitivity of the eye, and $*$ a convolution. Border rules, window sizes and limits are in the
notes."""


def metric_pages() -> dict[str, str]:
    """Give the text of every page about metrics by file name."""
    pages = {
        "metrics.md": index_page(),
        "agreement.md": agreement_page(),
        "trust.md": trust_page(),
    }
    for m in SORTED:
        pages[f"metrics/{m.slug}.md"] = metric_page(m)
        if m.slug in load_report().metrics:
            pages[f"metrics/{m.slug}.svg"] = chart(m)
    return pages


def index_page() -> str:
    """List every metric."""
    rows = [
        (
            f"[`{m.slug}`](metrics/{m.slug}.md)",
            m.plain_label,
            m.title,
            m.direction,
            interval(m),
            m.needs,
            doi_link(m.doi),
        )
        for m in SORTED
    ]
    out = [
        "# Metrics",
        "",
        "Canonical definitions, on grey levels 0..255; of colour images the rounded BT.601 luma.",
        "Other conventions are [protocols](#protocols). Who computes the same values is in",
        "[agreement.md](agreement.md), what buys a metric in [trust.md](trust.md).",
        "",
        *table(("slug", "label", "title", "better", "range", "needs", "source"), rows),
        "",
        "## Symbols",
        "",
        *SYMBOLS.splitlines(),
        "",
        "## Protocols",
        "",
    ]
    for name in protocol_names():
        protocol = load_protocol(name)
        out += [f"* **{name}**: {protocol.title.rstrip('.')}. {protocol.notes}".rstrip()]
    out += [
        "",
        "There is no protocol `mfifb`: that benchmark published images, but no code and no values",
        "of single images, so that nothing says how it computed its metrics.",
    ]
    return "\n".join(out) + "\n"


def interval(m: Metric) -> str:
    """Write the bounds of a metric."""
    return f"[{number(m.bounds[0])}, {number(m.bounds[1])}]"


# -- one metric -------------------------------------------------------------------------------


def metric_page(m: Metric) -> str:
    """Describe one metric."""
    function = getattr(metrics_package, m.slug)
    notes = section(function, "Notes")
    protocols = [name for name in protocol_names() if m.slug in load_protocol(name).metrics]
    out = [
        f"# {m.plain_label}: {m.title}",
        "",
        m.summary,
        "",
        "```math",
        m.displayed,
        "```",
        "",
        "([Symbols](../metrics.md#symbols))",
        "",
        f"* **Slug:** `{m.slug}`, version {m.version}",
        f"* **Better:** {m.direction}. **Range:** {interval(m)}. "
        f"**Three identical images:** {number(m.identity)}.",
        f"* **Value:** {section(function, 'Returns').removeprefix('float ')}",
        f"* **Needs:** {NEEDS[m.needs]}, {m.min_size} pixels or more a side.",
        f"* **Source:** {m.reference}, {doi_link(m.doi)}.",
        f"* **Protocols:** {', '.join(protocols)}.",
    ]
    if notes:
        out += ["", "## Notes", "", notes]
    return "\n".join([*out, *behaviour(m), *differences(m)]) + "\n"


NEEDS = {
    "fused": "the fused image alone",
    "sources": "the fused image and its sources",
    "reference": "the fused image and a reference",
}


def behaviour(m: Metric) -> list[str]:
    """Describe what degradations do to a metric."""
    known = load_report().metrics.get(m.slug)
    if known is None:
        return ["", "## Behaviour", "", "Not measured yet."]
    out = [
        "",
        "## Behaviour",
        "",
        f"![Mean {m.plain_label} under blur, noise and contrast]({m.slug}.svg)",
        "",
        f"Mean over {known.images} fused images of the demo pairs, {known.base:g} before any "
        f"change. {verdict(known)} Details are in [trust.md](../trust.md).",
    ]
    rows = []
    for d in BY_NAME.values():
        response = known.responses[d.name]
        rows.append(
            (
                d.title,
                ", ".join(f"{s:g}" for s in d.strengths) + f" ({d.unit})",
                ", ".join("undefined" if v is None else f"{v:.4g}" for v in response.means),
                ", ".join(f"{100 * b:.0f}" for b in response.better),
            )
        )
    return [*out, "", *table(("change", "strength", "mean value", "better, %"), rows)]


def verdict(known: Trust) -> str:
    """Say in words what buys a metric."""
    if not known.flags:
        return "Nothing that was tried buys it."
    titles = [flag.title for flag in known.flags]
    return f"**{'; '.join(titles).capitalize()}.**"


def differences(m: Metric) -> list[str]:
    """Say where published code differs, and by how much."""
    same = [r for r in AGREEMENT["agree"] if r["metric"] == m.slug and not r["parameters"]]
    forms = [r for r in AGREEMENT["agree"] if r["metric"] == m.slug and r["parameters"]]
    others = [r for r in AGREEMENT["depart"] if r["metric"] == m.slug]
    if not (same or forms or others):
        return []
    out = ["", "## Published code", ""]
    if same:
        out += [
            "The same value, up to the relative error in brackets: "
            + ", ".join(f"{r['toolbox']} ({r['error']:.0e})" for r in same)
            + "."
        ]
    if forms:
        rows = [
            (
                parameters(r["parameters"]),
                r["toolbox"],
                ", ".join(users(m, r["parameters"])) or "–",
                len(r["triples"]),
                percent(r["from_canonical"]),
                f"{r['error']:.0e}",
            )
            for r in forms
        ]
        heads = ("form", "computed by", "protocol", "triples:", "differs by up to:", "our error:")
        out += ["", "Other forms, which `--protocol` or a parameter gives:", ""]
        out += table(heads, rows)
    if others:
        rows = [
            (r["toolbox"], r["reason"], len(r["triples"]), percent(r["from_canonical"]))
            for r in others
        ]
        out += ["", "Not reproduced:", ""]
        out += table(("computed by", "what it does", "triples:", "differs by up to:"), rows)
    out += ["", "Short names are explained in [agreement.md](../agreement.md#toolboxes)."]
    return out


def parameters(values: Mapping[str, Any]) -> str:
    """Write the parameters of a form."""
    return ", ".join(f"`{k}={v!r}`" for k, v in values.items())


def users(m: Metric, values: Mapping[str, Any]) -> list[str]:
    """Name the protocols that compute a metric with these parameters."""
    return [n for n in protocol_names() if load_protocol(n).metrics.get(m.slug) == values]


def percent(share: float | None) -> str:
    """Write a relative difference."""
    if share is None:
        return "no number"
    if share < 1e-3:
        return f"{share:.0e}"
    return f"{100 * share:.2g}%" if share < 0.995 else f"{100 * share:.0f}%"


# -- charts -----------------------------------------------------------------------------------

# Small multiples: what is drawn, and in which order.
PANELS = ("blur", "noise", "contrast")
WIDTH, HEIGHT, LEFT, TOP, GAP = 190, 110, 62, 28, 24


def chart(m: Metric) -> str:
    """Draw the mean of a metric against three degradations, on one scale, as SVG."""
    known = load_report().metrics[m.slug]
    values = [v for name in PANELS for v in known.responses[name].means if v is not None]
    low, high = min([known.base, *values]), max([known.base, *values])
    margin = (high - low) * 0.06 or 1.0
    low, high = low - margin, high + margin
    total = LEFT + 3 * WIDTH + 2 * GAP + 12
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{TOP + HEIGHT + 40}" '
        f'font-family="sans-serif" font-size="11" fill="#333">',
        f"<title>{m.plain_label} under blur, noise and contrast</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for i, name in enumerate(PANELS):
        left = LEFT + i * (WIDTH + GAP)
        out += panel(BY_NAME[name], known, (low, high), left)
    for value in (low + margin, high - margin):
        y = height_of(value, low, high)
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def height_of(value: float, low: float, high: float) -> float:
    """Give the y of a value in pixels."""
    return TOP + HEIGHT * (high - value) / (high - low)


def panel(d: Degradation, known: Trust, limits: tuple[float, float], left: float) -> list[str]:
    """Draw one degradation; the dashed line is the value before any change."""
    response = known.responses[d.name]
    points = sorted([(d.neutral, known.base), *zip(d.strengths, response.means, strict=True)])
    first, last = points[0][0], points[-1][0]
    base = height_of(known.base, *limits)
    out = [
        f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#ccc"/>',
        f'<text x="{left}" y="{TOP - 9}" font-weight="bold">{d.title}</text>',
        f'<line x1="{left}" x2="{left + WIDTH}" y1="{base:.1f}" y2="{base:.1f}" stroke="#999" '
        'stroke-dasharray="4 3"/>',
        f'<text x="{left + WIDTH}" y="{TOP + HEIGHT + 31}" text-anchor="end">{d.unit}</text>',
    ]
    line = []
    for strength, value in points:
        x = left + 8 + (WIDTH - 16) * (strength - first) / (last - first)
        out.append(
            f'<text x="{x:.1f}" y="{TOP + HEIGHT + 15}" text-anchor="middle">{strength:g}</text>'
        )
        if value is not None:
            y = height_of(value, *limits)
            line.append(f"{x:.1f},{y:.1f}")
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#2a7f73"/>')
    out.append(
        f'<polyline points="{" ".join(line)}" fill="none" stroke="#2a7f73" stroke-width="1.5"/>'
    )
    return out


# -- all metrics ------------------------------------------------------------------------------


def agreement_page() -> str:
    """Say for each metric how many implementations agree, and what is not reproduced."""
    agree, depart = AGREEMENT["agree"], AGREEMENT["depart"]
    cells = sum(len(r["triples"]) for r in agree)
    others = sum(len(r["triples"]) for r in depart)
    out = [
        "# Agreement with published code",
        "",
        f"Of {cells + others} values that published toolboxes gave on 13 triples of images and two",
        f"crops, {cells} are reproduced; the other {others} are listed below with what the toolbox",
        "computes instead. Errors are relative; those between 1e-8 and 1e-2 belong to toolboxes",
        "that compute in float32, to piq (which takes other windows for flat), to Q_CB in black",
        "areas, and to images in [0, 1], whose flat areas are rounding noise. The test that",
        "checks every value has a tolerance for each toolbox.",
        "",
        "## By metric",
        "",
    ]
    rows = []
    for m in SORTED:
        mine = [r for r in agree if r["metric"] == m.slug]
        if m.needs == "reference":
            continue
        rows.append(
            (
                f"[`{m.slug}`](metrics/{m.slug}.md)",
                *counted([r for r in mine if not r["parameters"]]),
                *counted([r for r in mine if r["parameters"]]),
                sum(len(r["triples"]) for r in depart if r["metric"] == m.slug) or "–",
            )
        )
    heads = ("metric", "implementations:", "values:", "largest error:")
    out += table(
        (*heads, "in other forms:", "values:", "largest error:", "values not reproduced:"), rows
    )
    out += [
        "",
        "Metrics against a reference have no such toolbox; scikit-image is their oracle in the",
        "tests. No toolbox at hand computes `fmi_w` on whole images.",
        "",
        "## Not reproduced",
        "",
    ]
    out += table(
        ("metric", "name there", "toolbox", "values:", "differs by up to:", "what it computes"),
        (
            (
                f"`{r['metric']}`",
                r["key"],
                r["toolbox"],
                len(r["triples"]),
                percent(r["from_canonical"]),
                r["reason"],
            )
            for r in sorted(depart, key=lambda r: str(r["metric"]))
        ),
    )
    out += ["", "## Toolboxes", ""]
    out += table(("short name", "what it is"), TOOLBOXES.items())
    return "\n".join(out) + "\n"


def counted(rows: Sequence[Row]) -> tuple[object, object, object]:
    """Count implementations and values, and give the largest error."""
    if not rows:
        return "–", "–", "–"
    cells = sum(len(r["triples"]) for r in rows)
    return len(rows), cells, f"{max(r['error'] for r in rows):.0e}"


def trust_page() -> str:
    """Say what buys a metric, and which metrics say the same."""
    report = load_report()
    out = [
        "# How far metrics can be trusted",
        "",
        f"Fused images of {' and '.join(FUSED_BY)} on the 17 demo pairs (their central",
        f"{SIDE} x {SIDE} pixels, luma) are degraded in known ways and scored again. A degradation",
        "**buys** a metric if, at one of its strengths, at least "
        f"{100 * BOUGHT:.0f}% of the images",
        "score better than before. A copy of a source buys it if the better of the two copies does",
        "so. Contrast stretching means a gain above 1. `fusebench trust` prints these figures,",
        "`fusebench trust --measure -o bench/trust.json` measures them again.",
        "",
        "Share of images that score better, in percent; bold where it buys the metric:",
        "",
    ]
    rows = []
    for m in [m for m in SORTED if m.slug in report.metrics]:
        known = report.metrics[m.slug]
        shares = [known.bought(flag) for flag in FLAGS]
        rows.append(
            (
                f"[`{m.slug}`](metrics/{m.slug}.md)",
                *(f"**{100 * s:.0f}**" if s >= BOUGHT else f"{100 * s:.0f}" for s in shares),
            )
        )
    out += table(("metric", *(f"{flag.name}:" for flag in FLAGS)), rows)
    out += [
        "",
        "A mean of ranks over metrics that one trick buys together rewards the trick. That a copy",
        "of one source beats a fusion is no defect of a metric of similarity; it is a reason not",
        "to rank by it alone.",
        "",
        "## Which metrics say the same",
        "",
        f"Kendall's tau between the metrics, over the results of {len(RANKED)} methods",
        f"({', '.join(RANKED)}) on each demo pair, averaged over the pairs. Any two metrics of a",
        f"group have a tau above {REDUNDANT:g}: they rank alike, and count as one.",
        "",
    ]
    out += [f"* {', '.join(f'`{slug}`' for slug in group)}" for group in report.groups()]
    out += ["", "For each metric the most similar and the most contrary one:", ""]
    rows = []
    for m in [m for m in SORTED if m.slug in report.tau]:
        tau = {k: v for k, v in report.tau[m.slug].items() if k != m.slug and v is not None}
        most, least = max(tau, key=tau.__getitem__), min(tau, key=tau.__getitem__)
        rows.append((f"`{m.slug}`", f"`{most}`", tau[most], f"`{least}`", tau[least]))
    out += table(("metric", "most similar", "tau:", "most contrary", "tau:"), rows)
    return "\n".join(out) + "\n"
