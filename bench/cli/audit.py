"""``fusebench audit``: the numbers that papers print, beside our own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fusebench.bench.cli._common import Database, Roots, console, parse_roots, progress_bar
from fusebench.bench.types import InputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from fusebench.bench.audit import Audited, Results
    from fusebench.bench.paper import Paper

_STYLES = {
    "reproduced": "bold green",
    "explained by convention": "cyan",
    "contradicts itself": "bold red",
    "not reproducible": "",
    "not measured": "yellow",
}


class Form(StrEnum):
    """How an audit is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


def audit(
    paper: Annotated[
        str | None, typer.Argument(help="Key of a paper  [default: the counts of all]")
    ] = None,
    table: Annotated[str | None, typer.Option(help="Only this table.")] = None,
    fused: Annotated[
        list[str] | None,
        typer.Option(
            "--fused",
            metavar="METHOD[@DATASET]=DIR",
            help="Folder of fused images of a method of the paper; may be repeated.",
        ),
    ] = None,
    roots: Roots = None,
    db: Database = None,
    form: Annotated[Form, typer.Option("--format", help="How to write it.")] = Form.TABLE,
    into: Annotated[
        bool, typer.Option("--import", help="Only copy the cells into the database, as reported.")
    ] = False,
) -> None:
    """Compare the tables of a paper with what images give, cell by cell.

    Cells are computed under every protocol from folders of fused images (--fused) and from the
    methods that were run into the database. Rules find what the numbers alone give away.
    """
    from fusebench.bench.audit import audit as audit_paper
    from fusebench.bench.audit import audit_all
    from fusebench.bench.paper import load_paper, paper_names
    from fusebench.leaderboard.audits import markdown_cells, markdown_counts

    if into:
        if table or fused or roots:
            raise InputError("--import copies whole papers; leave out --table, --fused and --root")
        _import([load_paper(key) for key in ([paper] if paper else paper_names())], db)
        return
    if paper is None:
        if table or fused:
            raise InputError("--table and --fused need the key of a paper")
        # Only a database that is named: to score all that one holds takes a while.
        results = (
            {}
            if db is None
            else {key: _stored(load_paper(key), None, roots, db) for key in paper_names()}
        )
        with progress_bar("papers") as progress:
            papers = audit_all(results, progress=progress)
        everything = [a for audited in papers.values() for a in audited]
        if form == Form.TABLE:
            console().print(_counts(papers))
        elif form == Form.MARKDOWN:
            typer.echo(markdown_counts(papers))
        else:
            _echo(everything, form)
        return
    chosen = load_paper(paper)
    chosen.table(table)
    named = _folders(chosen, table, fused, roots)
    named += _stored(chosen, table, roots, db)
    with progress_bar(paper) as progress:
        audited = audit_paper(chosen, table, named, progress=progress)
    if form == Form.TABLE:
        _print(console(), chosen, audited)
    elif form == Form.MARKDOWN:
        typer.echo(markdown_cells(audited))
    else:
        _echo(audited, form)


def _folders(
    paper: Paper, table: str | None, fused: list[str] | None, roots: list[str] | None
) -> list[Results]:
    """Open the folders of fused images that are named."""
    from fusebench.bench.audit import find_folder

    places = parse_roots(roots)
    found = []
    for value in fused or []:
        name, equals, folder = value.partition("=")
        method, _, dataset = name.partition("@")
        if not equals or not method or not folder:
            raise InputError(f"--fused {value!r} is not of the form METHOD=DIR")
        path = Path(folder).expanduser()
        found.append(find_folder(paper, table, method, path, places, dataset or None))
    return found


def _stored(
    paper: Paper, table: str | None, roots: list[str] | None, db: str | None
) -> list[Results]:
    """Look into the database, if there is one."""
    from fusebench.bench.audit import find_stored
    from fusebench.bench.store import Store, database_exists, default_url

    if db is None and not database_exists(default_url()):
        return []
    with closing(Store.open(db, create=False)) as store:
        return find_stored(paper, table, store, parse_roots(roots))


def _import(papers: Sequence[Paper], db: str | None) -> None:
    from fusebench.bench.store import Store

    with closing(Store.open(db)) as store:
        for paper in papers:
            store.import_paper(paper)
            typer.echo(f"{paper.key}: {len(paper.cells)} cells, reported")


def _echo(audited: Sequence[Audited], form: Form) -> None:
    from fusebench.bench.audit import to_dict
    from fusebench.leaderboard.audits import csv_text

    if form == Form.JSON:
        rows = [to_dict(a) for a in audited]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        typer.echo(csv_text(audited), nl=False)


def _counts(papers: Mapping[str, Sequence[Audited]]) -> Table:
    from rich.table import Table

    from fusebench.bench.audit import VERDICTS
    from fusebench.leaderboard.audits import counts

    out = Table(box=None, header_style="bold", pad_edge=False)
    out.add_column("Paper")
    for heading in ("Cells", *VERDICTS):
        out.add_column(heading.capitalize().replace(" by ", "\nby "), justify="right")
    for name, numbers in counts(papers):
        out.add_row(name, *map(str, numbers), style="bold" if name == "all" else "")
    return out


def _print(out: Console, paper: Paper, audited: Sequence[Audited]) -> None:
    """Print each table as it stands in the paper, what was computed, and the reasons."""
    from rich.text import Text

    from fusebench.bench.audit import VERDICTS, count
    from fusebench.leaderboard.audits import MARKS

    groups: dict[tuple[str, str, str, str], list[Audited]] = {}
    for a in audited:
        c = a.cell
        groups.setdefault((c.table, c.dataset, c.pair, c.block), []).append(a)
    for (number, dataset, pair, block), group in groups.items():
        source = paper.datasets[dataset]
        here = f" = {source.use}" if source.use else ""
        title = f"{paper.key}, Table {number}{f' ({block} part)' if block else ''}: "
        pairs = pair or f"{group[0].cell.pairs or 'unknown number of'} pairs"
        out.print()
        out.print(Text.assemble((f"{title}{dataset}{here}", "bold"), f", {pairs}"))
        for table in _matrix(group, out.width):
            out.print(table)
        computed = [a for a in group if a.best is not None]
        if computed:
            out.print()
            out.print(_beside(computed))
    legend = [(f"{MARKS[v] or 'no sign'} {v}", _STYLES[v]) for v in VERDICTS]
    out.print()
    out.print(Text("   ").join(Text(word, style=style) for word, style in legend))
    _print_reasons(out, paper, audited)
    numbers = ", ".join(f"{n} {verdict}" for verdict, n in count(audited).items() if n)
    out.print(Text(f"\n{len(audited)} cells: {numbers}.", style="bold"))


def _matrix(group: Sequence[Audited], width: int) -> list[Table]:
    """Lay out printed values as methods x metrics, each with the sign of its verdict."""
    from rich.table import Table
    from rich.text import Text

    from fusebench.leaderboard.audits import MARKS

    metrics: dict[str, str] = {}
    for a in group:
        label = metrics.setdefault(a.cell.metric, a.cell.metric_label)
        if label != a.cell.metric_label:
            metrics[a.cell.metric] = a.cell.metric
    rows: dict[str, dict[str, Audited]] = {}
    for a in group:
        rows.setdefault(a.cell.label, {})[a.cell.metric] = a
    fitting = max(1, (width - 18) // 11)
    slugs = list(metrics)
    tables = []
    for start in range(0, len(slugs), fitting):
        table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
        table.add_column("Method", no_wrap=True, max_width=18)
        shown = slugs[start : start + fitting]
        for slug in shown:
            table.add_column(metrics[slug] + " ", justify="right", no_wrap=True)
        for label, cells in rows.items():
            texts = []
            for slug in shown:
                one = cells.get(slug)
                text = "" if one is None else one.cell.printed + (MARKS[one.verdict] or " ")
                texts.append(Text(text, style="" if one is None else _STYLES[one.verdict]))
            table.add_row(Text(label), *texts)
        tables.append(table)
    return tables


def _beside(computed: Sequence[Audited]) -> Table:
    """Set printed values beside computed ones, a column for each protocol."""
    from rich.table import Table
    from rich.text import Text

    from fusebench.bench.audit import SAME, to_dict, units_off
    from fusebench.leaderboard.audits import protocols_of, shown

    protocols = protocols_of(computed)
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    table.add_column("Method", no_wrap=True, max_width=18)
    table.add_column("Metric", no_wrap=True)
    for heading in ("Printed", *protocols):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Verdict")
    label = ""
    for a in computed:
        values = to_dict(a)["protocols"]
        texts = []
        for name in protocols:
            value = values.get(name)
            equal = value is not None and units_off(a.cell, value) <= SAME
            text = "" if value is None else shown(a, value)
            texts.append(Text(text, style=_STYLES["reproduced"] if equal else "dim"))
        verdict = Text(a.verdict, style=_STYLES[a.verdict])
        first = "" if a.cell.label == label else a.cell.label
        label = a.cell.label
        table.add_row(Text(first), a.cell.metric_label, a.cell.printed, *texts, verdict)
    return table


def _print_reasons(out: Console, paper: Paper, audited: Sequence[Audited]) -> None:
    """Give each reason once, with the cells it is about."""
    from rich.text import Text

    from fusebench.bench.doubts import find_doubts

    reasons: dict[tuple[str, str], list[Audited]] = {}
    for a in audited:
        if a.verdict != "reproduced":
            reasons.setdefault((a.verdict, a.reason), []).append(a)
    verdict = ""
    for (heading, reason), about in sorted(reasons.items(), key=lambda item: item[0][0]):
        if heading != verdict:
            out.print(Text(f"\n{heading.capitalize()}", style="bold"))
            verdict = heading
        out.print(Text(f"  {_which(about)}: {reason}"), soft_wrap=True)
    cells = {a.cell for a in audited}
    doubts = [d for d in find_doubts(paper) if d.kind == "doubt" and cells & set(d.cells)]
    tables = {cell.table for cell in cells}
    texts = [
        s
        for s in paper.statements
        if s.kind == "paper" and (not s.tables or tables & set(s.tables))
    ]
    lines = {
        "Doubts": [(d.text, d.evidence) for d in doubts],
        "The text of the paper": [(t.text, t.evidence) for t in texts],
    }
    for heading, found in lines.items():
        if found:
            out.print(Text(f"\n{heading}", style="bold"))
        for text, evidence in found:
            out.print(Text(f"  {text} [{evidence}]"), soft_wrap=True)


def _which(about: Sequence[Audited]) -> str:
    """Name cells briefly: by method and metric where they are few, else by number."""
    if len(about) == 1:
        return f"{about[0].cell.label} {about[0].cell.metric_label}"
    for name in ("metric_label", "label"):
        values = list(dict.fromkeys(getattr(a.cell, name) for a in about))
        if len(values) <= 2:
            return f"{' and '.join(values)} ({len(about)} cells)"
    return f"{len(about)} cells"
