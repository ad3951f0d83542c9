"""What `fusebench.bench.speed` measured as tables, a page and charts."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fusebench.bench.speed import YARDSTICK, Report, Timing

COLUMNS = ("metric", "threads", "pairs", "ms", "spread", "ratio", "same_in_skimage", "MB")
"""Columns of `suite_rows` and `metric_rows`."""

_MEANING = """\
`ms`: time of a triple, median of the repetitions; `spread`: their quartiles; `ratio`: over the
yardstick, which is timed in turn with it in the same process; `same_in_skimage`: over the functions
of scikit-image that give the same value; `MB`: what the first call added to the memory of its
process at its most. Times are processor time on one thread and wall time on several."""
_TITLES = {"nine": "The nine metrics", "all": "All metrics", "chosen": "These metrics"}


def suite_rows(report: Report) -> list[dict[str, str]]:
    """Give a row for each suite and number of threads, all cells as text."""
    return [_row(n, t) for n, timings in report.suites.items() for t in timings]


def metric_rows(report: Report) -> list[dict[str, str]]:
    """Give a row for each metric, all cells as text."""
    return [_row(t.plan.metrics[0], t) for t in report.alone]


def _row(name: str, t: Timing) -> dict[str, str]:
    low, high = t.quartiles
    cells = (
        f"{name} ({len(t.plan.metrics)})" if len(t.plan.metrics) > 1 else name,
        str(t.plan.threads),
        str(t.plan.pairs),
        _three_digits(1e3 * t.median),
        f"{_three_digits(1e3 * low)}–{_three_digits(1e3 * high)}",
        f"{t.ratio:.2f}",
        "" if t.ratio_alike is None else f"{t.ratio_alike:.2f}",
        "" if t.memory is None else f"{t.memory / 1e6:.0f}",
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _range(report: Report) -> str:
    """Say between what the medians of the yardstick lie where images have the size asked for."""
    timings = [*report.alone, *(t for timings in report.suites.values() for t in timings)]
    found = [1e3 * float(np.median(t.yardstick)) for t in timings if t.plan.threads == 1]
    if not found:
        return "unknown"
    return f"{_three_digits(min(found))} to {_three_digits(max(found))}"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def as_csv(report: Report) -> str:
    """Give all rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(suite_rows(report) + metric_rows(report))
    return out.getvalue()


def page(report: Report) -> str:
    """Write the page: the machine, the tables, and how the cost grows."""
    facts = report.environment
    plan = report.alone[0].plan
    libraries = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
    where = facts["gpu"] if report.device == "cuda" else f"{facts['cores']} cores"
    lines = [
        "# Speed",
        "",
        "Written by `fusebench bench metrics -o DIR`; run it to have the figures of your machine.",
        "",
        f"* Machine: {facts['processor']}, {where}, {facts['system']}.",
        f"* Python {facts['python']}, {libraries}.",
        f"* Images: {plan.height}x{plan.width} pixels, two photographs and their mean; each figure "
        f"from a process of its own, {plan.repeat} repetitions after a first call; "
        f"{datetime.now(UTC):%d %B %Y}.",
        f"* Yardstick: {YARDSTICK}, {_range(report)} ms by process: the time with which the system "
        "gives memory to it is part of it.",
        "",
        *_MEANING.splitlines(),
    ]
    lines += ["", "## Suites", "", *_markdown(suite_rows(report))]
    lines += ["", "## Each metric alone", "", *_markdown(metric_rows(report))]
    if report.pixels:
        lines += ["", "## How the cost grows", "", *_growth(report)]
    return "\n".join(lines) + "\n"


def _markdown(table: list[dict[str, str]]) -> list[str]:
    head = ["| " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * (len(COLUMNS) - 1)]
    return head + ["| " + " | ".join(row.values()) + " |" for row in table]


def _growth(report: Report) -> list[str]:
    exponents = report.exponents()
    lines = [
        "Time of a call on one thread, and the exponent of the power law fitted to it (1: linear).",
        "",
    ]
    for unit, found in (("pixels", report.pixels), ("pairs", report.pairs)):
        for name, timings in found.items():
            sizes = [
                f"{t.plan.height}x{t.plan.width}" if unit == "pixels" else str(t.plan.pairs)
                for t in timings
            ]
            times = [f"{_three_digits(1e3 * t.median * t.plan.pairs)}" for t in timings]
            lines += [
                f"| {_TITLES[name]}, {unit} | " + " | ".join(sizes) + " | exponent |",
                "|---|" + "---:|" * (len(sizes) + 1),
                "| ms | " + " | ".join(times) + f" | {exponents[unit][name]:.2f} |",
                "",
            ]
    lines += [f"![Time against pixels](images/{_NAME.format('pixels')}.svg)", ""]
    return [*lines, f"![Time against pairs](images/{_NAME.format('pairs')}.svg)"]


_NAME = "speed_{}"


def charts(report: Report) -> dict[str, Any]:
    """Draw the time against pixels and against pairs, as Altair charts by file name."""
    import altair

    drawn: dict[str, Any] = {}
    for unit, found in (("pixels", report.pixels), ("pairs", report.pairs)):
        values = [
            {
                unit: t.plan.height * t.plan.width if unit == "pixels" else t.plan.pairs,
                "ms": 1e3 * t.median * t.plan.pairs,
                "suite": f"{_TITLES[name]}, exponent {report.exponents()[unit][name]:.2f}",
            }
            for name, timings in found.items()
            for t in timings
        ]
        if not values:
            continue
        scale = altair.Scale(type="log")
        drawn[_NAME.format(unit)] = (
            altair.Chart(altair.InlineData(values=values), width=420, height=260)
            .mark_line(point=True)
            .encode(
                x=altair.X(f"{unit}:Q", scale=scale, title=unit),
                y=altair.Y("ms:Q", scale=scale, title="ms a call, one thread"),
                color=altair.Color("suite:N", title=None, legend=altair.Legend(orient="top")),
            )
        )
    return drawn


def write(report: Report, folder: Path) -> list[Path]:
    """Write page, numbers and charts into a folder; pictures only where vl-convert is installed.

    Returns
    -------
    list of Path
        The files written.
    """
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    texts = {
        folder / "speed.md": page(report),
        folder / "speed.csv": as_csv(report),
        folder / "speed.json": json.dumps(report.document(), indent=1) + "\n",
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    written = list(texts)
    kinds = ["html", "json"] + (["svg"] if find_spec("vl_convert") else [])
    for name, chart in charts(report).items():
        for kind in kinds:
            written.append(images / f"{name}.{kind}")
            chart.save(str(written[-1]))
    return written
