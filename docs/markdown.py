"""What the generated pages share."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Sequence

PROTOCOLS = {"rao2021fmm": "jiangnan", "zhang_smfnet": "smfnet"}
"""What the tables of a paper are computed by."""


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


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Write a table; heads that end in ":" stand over numbers."""
    names = [head.removesuffix(":") for head in heads]
    lines = [f"| {' | '.join(names)} |"]
    lines.append("|" + "|".join("---:" if head.endswith(":") else "---" for head in heads) + "|")
    # A bar would end the cell.
    lines += [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows
    ]
    return lines
