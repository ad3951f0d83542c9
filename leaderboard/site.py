"""A static site of everything in a database: pages that open from a disk, with data beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

import fusebench
from fusebench.bench.folders import put_folder
from fusebench.bench.schema import EntryRow
from fusebench.bench.store import Store
from fusebench.bench.types import TASK_TITLES, InputError
from fusebench.leaderboard import board
from fusebench.leaderboard.app_tables import (
    COLOUR_RULES,
    facts_frame,
    failures_frame,
    fidelity_frame,
    format_seconds,
    heading,
    options_frame,
    runs_frame,
    standing,
    standings_frame,
)
from fusebench.leaderboard.board import HEADLINE, Evaluation, Ranking
from fusebench.leaderboard.draw import critical_difference, mean_chart
from fusebench.leaderboard.export import Table, export, format_value, interval, number
from fusebench.methods import METHODS
from fusebench.metrics import METRICS

_ENDINGS = {"csv": "csv", "json": "json", "latex": "tex", "markdown": "md"}
# Charts on a ranking's page; more would hide the table's message.
_CHARTS = 6


@dataclass(frozen=True)
class RankingPage:
    """A ranking and the files of its page."""

    ranking: Ranking
    stem: str

    @property
    def title(self) -> str:
        """Task, dataset and protocol."""
        e = self.ranking.evaluation
        return f"{TASK_TITLES[e.task]}: {e.dataset}, protocol {self.ranking.protocol}"

    @property
    def tied_first(self) -> list[str]:
        """Competitors that share a letter with the first."""
        first = next((x.certainty for x in self.ranking.lines if x.certainty), None)
        return [
            x.label
            for x in self.ranking.lines
            if first and x.certainty and set(first.groups) & set(x.certainty.groups)
        ]


def build_site(store: Store, folder: Path) -> list[Path]:
    """Write the site of a database.

    Parameters
    ----------
    store : Store
    folder : Path
        Made if it does not exist; a site that is there already is replaced.

    Returns
    -------
    list of Path
        The files written, relative to `folder`.

    Raises
    ------
    InputError
        If the database holds no results, or the folder holds anything but a site of ours.
    """
    evaluations = board.evaluations(store)
    if not evaluations:
        raise InputError("this database holds no results; fill it with: fusebench run demo")
    with put_folder(folder, _MARK, "a site") as out:
        pages = _rankings(store, evaluations)
        entries = board.entries(store)
        names = board.entry_names(entries)
        stems = dict(zip(names, _stems("method", names.values()), strict=True))
        context: dict[str, Any] = {
            "version": fusebench.__version__,
            "made": datetime.now(UTC),
            "pages": pages,
            "names": names,
            "method_page": {i: f"{stem}.html" for i, stem in stems.items()},
            "TASK_TITLES": TASK_TITLES,
        }
        files = _data(out, "rankings", Table("Rankings", _index_frame(pages)))
        _write(out / "index.html", "index", {**context, "downloads": files})
        files = _data(out, "metrics", Table("Metrics", _metrics_frame()))
        _write(
            out / "metrics.html",
            "metrics",
            {**context, "metrics": list(METRICS), "downloads": files},
        )
        for page in pages:
            _ranking_page(out, page, context)
        for entry in entries:
            _method_page(store, out, entry, stems[entry.id], context)
        (out / _MARK).write_text(f"fusebench {fusebench.__version__}\n", encoding="utf-8")
    return sorted(p.relative_to(folder) for p in folder.rglob("*") if p.name != _MARK)


_MARK = ".fusebench-site"
# Control characters and the like, which no page may hold, however they are written.
_NOT_IN_HTML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


def _rankings(store: Store, evaluations: Iterable[Evaluation]) -> list[RankingPage]:
    protocols = board.protocols_used(store)
    found = [
        ranking
        for evaluation in evaluations
        for protocol in protocols
        for ranking in [board.ranked(store, evaluation, "all", protocol)]
        if ranking.columns
    ]
    titles = [f"{r.evaluation.task} {r.evaluation.dataset} {r.protocol}" for r in found]
    return [
        RankingPage(ranking, stem)
        for ranking, stem in zip(found, _stems("ranking", titles), strict=True)
    ]


def _stems(kind: str, names: Iterable[str]) -> list[str]:
    """Name files after anything: letters and digits, numbered where that is not enough."""
    stems: list[str] = []
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
        stem = f"{kind}-{plain}".rstrip("-")
        tries = (stem if i == 1 else f"{stem}-{i}" for i in count(1))
        stems.append(next(t for t in tries if t not in stems))
    return stems


def _ranking_page(out: Path, page: RankingPage, context: Mapping[str, Any]) -> None:
    ranking = page.ranking
    for form, ending in _ENDINGS.items():
        text = export([ranking], form, intervals=True)
        (out / f"{page.stem}.{ending}").write_text(text + "\n", encoding="utf-8")
    order = {slug: i for i, slug in enumerate(HEADLINE)}
    telling = sorted(ranking.columns, key=lambda c: order.get(c.slug, len(order)))
    charts = [(c, mean_chart(ranking.lines, c)) for c in telling if c.counts]
    found = ranking.standing
    diagram = ""
    if found is not None and found.overall is not None:
        labels = [line.label for line in ranking.lines if line.rank is not None]
        diagram = critical_difference(labels, found.overall)
    _write(
        out / f"{page.stem}.html",
        "ranking",
        {
            **context,
            "page": page,
            "ranking": ranking,
            "columns": [(c, heading(c.metric, counts=c.counts)) for c in telling],
            "charts": [(c, svg) for c, svg in charts if svg][:_CHARTS],
            "diagram": diagram,
            "downloads": [(form, f"{page.stem}.{ending}") for form, ending in _ENDINGS.items()],
        },
    )


def _method_page(
    store: Store, out: Path, entry: EntryRow, stem: str, context: Mapping[str, Any]
) -> None:
    record = METHODS[entry.slug] if entry.kind == "method" and entry.slug in METHODS else None
    pages: list[RankingPage] = context["pages"]
    standings = [
        (page, standing(page.ranking, line)[1], line)
        for page in pages
        for line in page.ranking.lines
        if line.competitor.entry_id == entry.id
    ]
    runs = board.provenance(store, entry.id)
    name = context["names"][entry.id]
    frames = {
        "options": options_frame(entry, record),
        "fidelity": pd.DataFrame() if record is None else fidelity_frame(record),
        "scores": standings_frame((page.ranking, line) for page, _, line in standings),
        "failures": failures_frame(board.failures(store, entry.id)),
        "runs": runs_frame(runs),
        "facts": facts_frame(runs[0]["facts"]) if runs else pd.DataFrame(),
    }
    _write(
        out / f"{stem}.html",
        "method",
        {
            **context,
            "entry": entry,
            "record": record,
            "colour": "" if record is None else COLOUR_RULES[record.colour],
            "standings": standings,
            **{part: _table(out, stem, part, name, frame) for part, frame in frames.items()},
        },
    )


def _table(
    out: Path, stem: str, part: str, name: str, frame: pd.DataFrame
) -> tuple[Table, list[tuple[str, str]]] | None:
    """Give a table of a method's page with the files of its data; None where it is empty."""
    if frame.empty:
        return None
    table = Table(f"{name}: {part}", frame)
    return table, _data(out, f"{stem}-{part}", table)


def _data(out: Path, stem: str, table: Table) -> list[tuple[str, str]]:
    """Write a table as data, and give its formats and files."""
    for form in ("csv", "json"):
        (out / f"{stem}.{form}").write_text(table.write(form) + "\n", encoding="utf-8")
    return [(form, f"{stem}.{form}") for form in ("csv", "json")]


def _index_frame(pages: Iterable[RankingPage]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Task": page.ranking.evaluation.task,
                "Dataset": page.ranking.evaluation.dataset,
                "Pairs": page.ranking.evaluation.pairs,
                "Methods": len(page.ranking.lines),
                "Protocol": page.ranking.protocol,
                "First": ", ".join(x.label for x in page.ranking.lines if x.rank == 1),
                "Tied with it": max(len(page.tied_first) - 1, 0),
                "Page": f"{page.stem}.html",
            }
            for page in pages
        ]
    )


def _metrics_frame() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Slug": m.slug,
                "Label": m.plain_label,
                "Title": m.title,
                "Better": m.direction,
                "Version": m.version,
                "Source": m.reference,
                "DOI": m.doi,
            }
            for m in METRICS
        ]
    )


def _write(path: Path, template: str, context: Mapping[str, Any]) -> None:
    text = _templates().get_template(f"{template}.html.j2").render(context)
    text = _NOT_IN_HTML.sub("\ufffd", text)
    path.write_text(text.rstrip() + "\n", encoding="utf-8")


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates" / "site"),
        # Every value in a page may be somebody's: all of them are escaped.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, value=format_value, interval=interval, seconds=format_seconds
    )
    return environment
