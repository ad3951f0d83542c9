"""What papers print: the cells of their tables, and what is known about them, as data.

Each paper is two files in ``papers/``: ``KEY.csv`` with one row for each cell, and ``KEY.toml``
with the datasets, citations, claims of rank, and statements that no rule can find.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from fusebench.bench.registry import read_toml, toml_names, unknown_name
from fusebench.bench.types import InputError

FOLDER = Path(__file__).parent / "papers"

DoubtKind = Literal["contradiction", "convention", "doubt", "paper"]
"""What is wrong: a value cannot be what its label says, or breaks what the paper says of it; it
follows another definition than its label; it is not to be trusted; or only the text is wrong."""

Evidence = Literal["proved", "measured", "inferred", "text", "open"]
"""How it is known: by the numbers or a run; by a measurement on public images; from ranges or
code; the paper's own words contradict each other; or not settled."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table, as printed.

    Attributes
    ----------
    paper, table : str
        Key of the paper and number of the table.
    task : str
        Kind of fusion, or "ablation", "detection", "segmentation", "classification", "other".
    dataset, pair : str
        Slug of the dataset in this paper, and the pair where values are printed for each.
    pairs : int or None
        Number of pairs that the value is a mean over; None where it is not stated.
    block : str
        Part of a table whose rows are compared with each other only; "" for the whole.
    method, label : str
        Slug, and name as printed.
    proposed : bool
        Whether it is a method of the paper itself.
    metric, metric_label : str
        Slug, and name as printed.
    printed : str
        The number with its digits.
    direction : str
        "higher", "lower" or "none".
    marked : bool
        Whether the paper highlights it.
    note : str
    """

    paper: str
    table: str
    task: str
    dataset: str
    pair: str
    pairs: int | None
    block: str
    method: str
    label: str
    proposed: bool
    metric: str
    metric_label: str
    printed: str
    direction: str
    marked: bool
    note: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.printed)

    @property
    def decimals(self) -> int:
        """Digits printed after the point."""
        return len(self.printed.partition(".")[2])

    @property
    def unit(self) -> float:
        """One unit of the last printed digit."""
        return 10.0**-self.decimals

    @property
    def column(self) -> tuple[str, str, str, str, str]:
        """Cells that share it are compared with each other in the paper."""
        return self.table, self.dataset, self.pair, self.block, self.metric

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """Cells that share it belong to one method."""
        return self.table, self.dataset, self.pair, self.block, self.method

    def __str__(self) -> str:
        where = f" on {self.pair}" if self.pair else ""
        return f"{self.label} {self.metric_label}{where} {self.printed}"


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset as a paper uses it.

    Attributes
    ----------
    title : str
    use : str
        Name of the same pairs here, such as ``"tno:25"``; "" where there is none.
    published, where : int or None, str
        Number of pairs of the published set it is taken from, and where that is.
    missing : str
        Why no value on it can be recomputed; "" where it can.
    absent : mapping
        The same for single pairs.
    pairs : mapping
        Keys of pairs here that the paper calls otherwise, by its names.
    note : str
    """

    title: str
    use: str = ""
    published: int | None = None
    where: str = ""
    missing: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)
    pairs: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A rank that the text gives to a method, in the words of the paper."""

    table: str
    dataset: str
    method: str
    rank: int
    metrics: tuple[str, ...]
    quote: str
    pair: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """Something known of cells that no rule finds; an empty selection stands for all of a kind."""

    kind: DoubtKind
    evidence: Evidence
    text: str
    tables: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()

    def covers(self, cell: Cell) -> bool:
        """Say whether it is about a cell."""
        pairs = (
            (self.tables, cell.table),
            (self.datasets, cell.dataset),
            (self.methods, cell.method),
            (self.metrics, cell.metric),
        )
        return self.kind != "paper" and all(not names or name in names for names, name in pairs)


@dataclass(frozen=True, slots=True)
class Citation:
    """How a paper calls something, and what it cites for it, as printed ("" for nothing)."""

    label: str
    citation: str


@dataclass(frozen=True)
class Paper:
    """A paper with the cells of its tables.

    Attributes
    ----------
    key, title, venue : str
    authors : tuple of str
    year : int or None
        None where it is not printed.
    cells : tuple of Cell
        In the order of print.
    datasets : mapping of str to Source
    aliases : mapping
        Slugs of methods here that a method of the paper may stand for; itself where it has none.
    claims : tuple of Claim
    statements : tuple of Statement
    methods, mentioned, metrics, cited_datasets : mapping of str to Citation
        Methods in tables, methods in the text only, metrics and datasets.
    """

    key: str
    title: str
    venue: str
    authors: tuple[str, ...]
    year: int | None
    cells: tuple[Cell, ...]
    datasets: Mapping[str, Source]
    aliases: Mapping[str, tuple[str, ...]]
    claims: tuple[Claim, ...]
    statements: tuple[Statement, ...]
    methods: Mapping[str, Citation]
    mentioned: Mapping[str, Citation]
    metrics: Mapping[str, Citation]
    cited_datasets: Mapping[str, Citation]

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Numbers of the tables."""
        return tuple(dict.fromkeys(cell.table for cell in self.cells))

    def table(self, number: str | None) -> tuple[Cell, ...]:
        """Give the cells of one table, or of all.

        Raises
        ------
        UnknownNameError
            If there is no such table.
        """
        if number is None:
            return self.cells
        if number not in self.tables:
            raise unknown_name(f"table of {self.key}", number, list(self.tables))
        return tuple(cell for cell in self.cells if cell.table == number)


def paper_names() -> list[str]:
    """Keys of the papers."""
    return toml_names(FOLDER)


@lru_cache
def load_paper(key: str) -> Paper:
    """Read a paper by its key.

    Raises
    ------
    UnknownNameError
        If there is no such paper.
    """
    if key not in paper_names():
        raise unknown_name("paper", key, paper_names())
    facts, path = read_toml("paper", key, FOLDER)
    return make_paper(key, facts, read_cells(path.with_suffix(".csv")))


def make_paper(key: str, facts: Mapping[str, Any], cells: tuple[Cell, ...]) -> Paper:
    """Put a paper together from its parts."""
    return Paper(
        key=key,
        title=facts["title"],
        venue=facts["venue"],
        authors=tuple(facts["authors"]),
        year=facts.get("year"),
        cells=cells,
        datasets={slug: Source(**table) for slug, table in facts["datasets"].items()},
        aliases={slug: tuple(names) for slug, names in facts.get("aliases", {}).items()},
        claims=tuple(Claim(**_tuples(table)) for table in facts.get("claims", ())),
        statements=tuple(_statement(key, table) for table in facts.get("statements", ())),
        methods=_citations(facts, "methods"),
        mentioned=_citations(facts, "mentioned"),
        metrics=_citations(facts, "metrics"),
        cited_datasets=_citations(facts, "cited_datasets"),
    )


def read_cells(path: Path) -> tuple[Cell, ...]:
    """Read the cells of one paper from ``KEY.csv``."""
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(
            Cell(
                paper=path.stem,
                table=row["table"],
                task=row["task"],
                dataset=row["dataset"],
                pair=row["pair"],
                pairs=int(row["pairs"]) if row["pairs"] else None,
                block=row["block"],
                method=row["method"],
                label=row["label"],
                proposed=row["proposed"] == "1",
                metric=row["metric"],
                metric_label=row["metric_label"],
                printed=row["value"],
                direction=row["direction"],
                marked=row["marked"] == "1",
                note=row["note"],
            )
            for row in csv.DictReader(file)
        )


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}


def _statement(key: str, table: Mapping[str, Any]) -> Statement:
    found = Statement(**_tuples(table))
    if found.kind not in get_args(DoubtKind) or found.evidence not in get_args(Evidence):
        raise InputError(f"{key}: unknown kind or evidence in {found}")
    return found


def _citations(facts: Mapping[str, Any], kind: str) -> dict[str, Citation]:
    return {slug: Citation(**table) for slug, table in facts.get(kind, {}).items()}
