"""Rankings as text to paste: Markdown and LaTeX through Jinja2, CSV and JSON."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import jinja2

from fusebench.bench.types import TASK_TITLES, InputError
from fusebench.leaderboard.board import ARROWS, Cell, Column, Ranking

Format = Literal["json", "csv", "latex", "markdown"]
FORMATS: tuple[str, ...] = get_args(Format)

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "∞": r"$\infty$",
    "–": "--",
    "…": r"\dots{}",
}
# Characters of a name in LaTeX, which breaks no lines in tables.
_LONGEST = 80


def export(rankings: Sequence[Ranking], form: str, *, intervals: bool = False) -> str:
    """Write rankings as text.

    Parameters
    ----------
    rankings : sequence of Ranking
    form : {"json", "csv", "latex", "markdown"}
    intervals : bool
        Whether LaTeX and Markdown show the 95% interval of each mean; JSON always holds them.

    Returns
    -------
    str
        One document; its tables follow each other.

    Raises
    ------
    InputError
        If the format is unknown.
    """
    if form == "json":
        return json.dumps([r.to_dict() for r in rankings], indent=2)
    if form == "csv":
        frames = []
        for r in rankings:
            frame = r.frame().reset_index()
            frame.insert(0, "dataset", r.evaluation.dataset)
            frame.insert(1, "task", r.evaluation.task)
            frame.insert(2, "protocol", r.protocol)
            frames.append(frame.to_csv(index=False))
        return "\n".join(frames).rstrip("\n")
    if form not in FORMATS:
        raise InputError(f"unknown format {form!r}; expected {', '.join(FORMATS)}")
    template = _templates().get_template(
        "ranking.md.j2" if form == "markdown" else "ranking.tex.j2"
    )
    return "\n\n".join(
        template.render(
            ranking=r,
            task=TASK_TITLES[r.evaluation.task],
            intervals=intervals,
        ).rstrip()
        for r in rankings
    )


def number(cell: Cell) -> str:
    """Write a mean with four significant digits; a missing one is a dash."""
    return format_value(cell.mean)


def interval(cell: Cell) -> str:
    """Write the interval of a mean; nothing where it has none."""
    if cell.low is None:
        return ""
    return f"[{format_value(cell.low)}, {format_value(cell.high)}]"


def format_value(value: float | None) -> str:
    """Write a score with four significant digits and no exponent; a missing one is a dash."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    magnitude = 0 if value == 0 else math.floor(math.log10(abs(value)))
    return f"{value:.{min(6, max(0, 3 - magnitude))}f}"


def _escape_markdown(text: object) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", str(text))
    return " ".join(escaped.split())


def _escape_latex(text: object) -> str:
    """Write text for pdfLaTeX: in one line that fits a page, of characters that it has."""
    line = " ".join(str(text).split())
    if len(line) > _LONGEST:
        line = line[: _LONGEST - 1] + "…"
    return "".join(_LATEX.get(c) or (c if _in_latex(c) else "?") for c in line)


def _in_latex(character: str) -> bool:
    """Whether every pdfLaTeX can set a character: printable ASCII, and its letters with accents."""
    base = unicodedata.normalize("NFD", character)[0]
    return character <= "ÿ" and base.isascii() and character.isprintable()


def _latex_heading(column: Column) -> str:
    label = column.metric.label
    if re.search("[_^]", label):
        label = "$" + re.sub(r"([A-Za-z]{3,})", r"\\mathrm{\1}", label) + "$"
    return f"{label} {_LATEX[ARROWS[column.metric.direction]]}"


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        # Text formats: each value is escaped by the filter of its own format.
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = _escape_markdown
    environment.filters["tex"] = _escape_latex
    environment.filters["number"] = number
    environment.filters["interval"] = interval
    environment.filters["tex_heading"] = _latex_heading
    return environment
