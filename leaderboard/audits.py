"""Audits as text: Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from fusebench.bench.audit import VERDICTS, Audited, count, to_dict

MARKS = {
    "reproduced": "=",
    "explained by convention": "~",
    "contradicts itself": "!",
    "not reproducible": "",
    "not measured": "?",
}
"""One sign for each verdict, beside colour."""


def protocols_of(audited: Sequence[Audited]) -> list[str]:
    """Name the protocols that any of the cells was computed under."""
    return sorted({name for a in audited for name in to_dict(a)["protocols"]})


def shown(audited: Audited, value: float) -> str:
    """Write a computed value with the digits of the printed one."""
    return f"{value:.{audited.cell.decimals}f}"


def csv_text(audited: Sequence[Audited]) -> str:
    """Write one line for each cell, with one column for each protocol."""
    protocols = protocols_of(audited)
    rows = [to_dict(a) for a in audited]
    names = [name for name in to_dict(audited[0]) if name not in ("protocols", "doubts")]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*names, "doubts", *protocols])
    for row in rows:
        row["explained_by"] = " ".join(row["explained_by"])
        doubts = "; ".join(d["text"] for d in row["doubts"])
        values = [row["protocols"].get(name) for name in protocols]
        writer.writerow([*(row[name] for name in names), doubts, *values])
    return stream.getvalue()


def markdown_cells(audited: Sequence[Audited]) -> str:
    """Write one line for each cell: printed value, value under each protocol, verdict, reason."""
    protocols = protocols_of(audited)
    headings = ["table", "method", "metric", "printed", *protocols, "verdict", "reason"]
    lines = [_row(headings), _row(["---"] * len(headings))]
    for a in audited:
        c = a.cell
        values = to_dict(a)["protocols"]
        metric = f"{c.metric_label} ({c.pair})" if c.pair else c.metric_label
        ours = [shown(a, values[name]) if name in values else "" for name in protocols]
        where = f"{c.table}, {c.dataset}"
        lines.append(_row([where, c.label, metric, c.printed, *ours, a.verdict, a.reason]))
    return "\n".join(lines)


def markdown_counts(papers: Mapping[str, Sequence[Audited]]) -> str:
    """Write the number of cells by verdict for each paper, and their sums."""
    lines = [_row(["paper", "cells", *VERDICTS]), _row(["---", *["---:"] * (1 + len(VERDICTS))])]
    for name, numbers in counts(papers):
        lines.append(_row([name, *map(str, numbers)]))
    return "\n".join(lines)


def counts(papers: Mapping[str, Sequence[Audited]]) -> list[tuple[str, list[int]]]:
    """Count cells and verdicts for each paper, and for all."""
    everything = [a for audited in papers.values() for a in audited]
    return [
        (name, [len(audited), *count(audited).values()])
        for name, audited in [*papers.items(), ("all", everything)]
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
