"""Rankings in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fusebench.bench.types import TASK_TITLES
from fusebench.leaderboard.board import HEADLINE, Cell, Column, Line, Ranking
from fusebench.leaderboard.export import format_value, number

# Marks besides colour, for terminals and eyes that show none.
_MARKS = {1: ("¹", "bold green"), 2: ("²", "cyan")}
_FIXED = 48
_CELL = 10


def print_ranking(out: Console, ranking: Ranking, *, every: bool = False) -> None:
    """Print a ranking as a table no wider than the console.

    Parameters
    ----------
    out : Console
    ranking : Ranking
    every : bool
        Whether to print all metrics, in several tables where needed, or the telling ones only.
    """
    e = ranking.evaluation
    out.print()
    out.print(
        Text.assemble(
            (f"{TASK_TITLES[e.task]}: {e.dataset}", "bold"),
            f", {e.pairs} pairs, protocol {ranking.protocol}. {ranking.rule}",
        ),
        soft_wrap=False,
    )
    fitting = max(1, (out.width - _FIXED) // _CELL)
    columns: Sequence[Column] = ranking.columns
    if every:
        blocks = [columns[i : i + fitting] for i in range(0, len(columns), fitting)]
    else:
        order = {slug: i for i, slug in enumerate(HEADLINE)}
        telling = sorted(columns, key=lambda c: order.get(c.slug, len(order)))
        blocks = [telling[:fitting]]
    for block in blocks:
        out.print(_table(ranking, block))
    marks = "¹ best, ² second; arrows point to better"
    if ranking.certain:
        marks += "; places: 95% interval; methods that share a letter are not separable"
    out.print(Text(marks, style="dim"))
    if ranking.caution:
        out.print(ranking.caution)


def _table(ranking: Ranking, columns: Sequence[Column]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("Method", no_wrap=True, max_width=18)
    table.add_column("Pairs", justify="right")
    table.add_column("Mean\nrank", justify="right")
    if ranking.certain:
        table.add_column("Places", justify="right", no_wrap=True)
        table.add_column("Ties", no_wrap=True)
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    for line in ranking.lines:
        complete = line.competitor.pairs == ranking.evaluation.pairs
        pairs = f"{line.competitor.pairs}/{ranking.evaluation.pairs}"
        table.add_row(
            "–" if line.rank is None else str(line.rank),
            Text(line.label),
            Text(pairs, style="" if complete else "red"),
            format_value(line.mean_rank),
            *(_certainty(line) if ranking.certain else ()),
            *(_cell(line.cells[c.slug]) for c in columns),
        )
    return table


def _certainty(line: Line) -> tuple[str, str]:
    known = line.certainty
    return ("–", "") if known is None else (known.places, known.groups)


def _cell(cell: Cell) -> Text:
    mark, style = _MARKS.get(cell.place or 0, (" ", ""))
    return Text(number(cell) + mark, style=style)
