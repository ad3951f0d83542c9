"""Rankings and other tables as text to paste: Markdown and LaTeX through Jinja2, CSV and JSON."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import jinja2
import pandas as pd

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
    "×": r"$\times$",
    "−": "$-$",
    "°": r"$^\circ$",
    "†": r"\dag{}",
    "τ": r"$\tau$",
    "✓": "yes",
    # What the usual fonts of LaTeX have in the place of these is something else.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "–": "--",
    "…": r"\dots{}",
}
# Characters of a name in LaTeX, which breaks no lines in tables.
_LONGEST = 80
# Longer texts get a column that breaks lines, and higher tables break over pages.
_WIDE, _HIGH = 40, 40
_NUMBER = re.compile(r"[-+−]?[\d–∞]")


@dataclass(frozen=True)
class Table:
    """A table of any view.

    Attributes
    ----------
    title : str
        Its caption. This, the heads and the cells may be anybody's text.
    frame : DataFrame
        Texts and numbers; the latter are written with four significant digits.
    note : str
        What a reader has to know of it.
    places : mapping
        Place, of which 1 and 2 stand out, by row number and column.
    """

    title: str
    frame: pd.DataFrame
    note: str = ""
    places: Mapping[tuple[int, str], int] = field(default_factory=dict)

    def write(self, form: str) -> str:
        """Write the table as text.

        Parameters
        ----------
        form : {"json", "csv", "latex", "markdown"}

        Raises
        ------
        InputError
            If the format is unknown.
        """
        if form == "json":
            found = [
                {str(k): _plain(v) for k, v in row.items()} for row in self.frame.to_dict("records")
            ]
            whole = {"title": self.title, "note": self.note, "rows": found}
            return json.dumps(whole, indent=2, ensure_ascii=False)
        if form == "csv":
            return self.frame.to_csv(index=False).rstrip("\n")
        heads = [str(name) for name in self.frame.columns]
        rows = [[cell_text(v) for v in row] for row in self.frame.itertuples(index=False)]
        columns = [[row[i] for row in rows] for i in range(len(heads))]
        return _render(
            "table",
            form,
            table=self,
            heads=heads,
            rows=rows,
            right=[bool(c) and all(map(_NUMBER.match, c)) for c in columns],
            wide=[max(map(len, c), default=0) > _WIDE for c in columns],
            long=len(rows) > _HIGH,
        )


def cell_text(value: object) -> str:
    """Write a cell of a table; a missing one is a dash."""
    if isinstance(value, float):
        return format_value(value)
    return "–" if value is None or value is pd.NaT or value is pd.NA else str(value)


def _plain(value: object) -> Any:
    """Give a value that JSON can hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    return value if isinstance(value, (bool, int, str)) else str(value)


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
    return "\n\n".join(
        _render(
            "ranking", form, ranking=r, task=TASK_TITLES[r.evaluation.task], intervals=intervals
        )
        for r in rankings
    )


def _render(name: str, form: str, **context: Any) -> str:
    endings = {"markdown": "md", "latex": "tex"}
    if form not in endings:
        raise InputError(f"unknown format {form!r}; expected {', '.join(FORMATS)}")
    return _templates().get_template(f"{name}.{endings[form]}.j2").render(context).rstrip()


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
    escaped = re.sub(r"([\\`*_{}\[\]<>|#$~])", r"\\\1", str(text))
    return " ".join(escaped.split())


def _escape_latex(text: object, longest: int = _LONGEST, *, first: bool = False) -> str:
    """Write text for pdfLaTeX: in one line that fits a page, of characters that it has.

    The `first` in its row may not begin with what LaTeX would take for a part of the row before.
    """
    line = " ".join(str(text).split())
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    guard = "{}" if first and line.startswith(("[", "*")) else ""
    return guard + "".join(_LATEX.get(c) or (c if _in_latex(c) else "?") for c in line)


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
