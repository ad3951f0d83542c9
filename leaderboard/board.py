"""Database rows to tables. No Streamlit here: the app, the commands and exports share it.

The rules of a ranking:

* one table holds one dataset, one task and one protocol, and the newest version of each metric;
* a method that lacks a pair is shown without a rank, with the number of pairs it has;
* a metric that is undefined on some pair for a ranked method is shown but does not count;
* the rank is the mean of the ranks over the metrics that count, and says so;
* intervals resample scenes, and neighbours that cannot be told apart share a letter.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from sqlalchemy import ColumnElement, and_, exists, func, select, tuple_
from sqlalchemy.orm import Session

from fusebench.bench.schema import (
    DatasetRow,
    EntryRow,
    EnvironmentRow,
    FusedRow,
    PairRow,
    RunRow,
    ScoreRow,
)
from fusebench.bench.stats import (
    Resampled,
    Standing,
    can_separate,
    kendall_table,
    redundant,
    resampled,
    standing_of,
)
from fusebench.bench.store import Store
from fusebench.bench.types import TASKS, Direction, InputError, Metric, Task
from fusebench.metrics import METRICS

K = TypeVar("K", bound=Hashable)

ARROWS: dict[Direction, str] = {"higher": "↑", "lower": "↓"}
# Metrics that say most to somebody who sees only a few of them.
HEADLINE = ("psnr_ref", "ssim_ref", "qabf", "vif", "ssim", "scd", "mi", "q0")


@dataclass(frozen=True)
class Evaluation:
    """A dataset and task that something was scored on.

    Attributes
    ----------
    dataset_id : int
        Row of the dataset.
    dataset, title : str
        Name such as ``"tno:25"``, with its folder where a name stands for several, and full name.
    loads : str
        Name that `fusebench.datasets.load` takes.
    task : Task
    pairs, referenced : int
        Number of pairs, and of those with a reference.
    root : str or None
        Folder of the images when they were last seen.
    """

    dataset_id: int
    dataset: str
    loads: str
    title: str
    task: Task
    pairs: int
    referenced: int
    root: str | None


@dataclass(frozen=True)
class Column:
    """A metric in a ranking.

    Attributes
    ----------
    metric : Metric
    expected : int
        Number of pairs that can have a value.
    counts : bool
        Whether it is ranked: every complete competitor has a value on every expected pair.
    """

    metric: Metric
    expected: int
    counts: bool

    @property
    def slug(self) -> str:
        """Name of the metric in code."""
        return self.metric.slug

    @property
    def heading(self) -> str:
        """Label with the arrow of the better direction."""
        return f"{self.metric.plain_label} {ARROWS[self.metric.direction]}"


@dataclass(frozen=True)
class Cell:
    """Mean over `n` pairs (None where there is none) and its place, 1 being best.

    `low` and `high` bound the mean at 95%, where they were asked for and there are several scenes.
    """

    mean: float | None
    n: int
    place: int | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Competitor:
    """Who or what made the fused images on one dataset and task.

    Attributes
    ----------
    entry_id : int
    label, slug, kind, origin, device : str
        Name in tables, method in code ("" unless a method), what it is and where it ran.
    pairs, failed : int
        Pairs with an image, and pairs with an error instead.
    seconds : float or None
        Median time of a fusion.
    """

    entry_id: int
    label: str
    slug: str
    kind: str
    origin: str
    device: str
    pairs: int
    failed: int
    seconds: float | None


@dataclass(frozen=True)
class Certainty:
    """How sure the place of a competitor is; see `fusebench.bench.stats.Standing`.

    Attributes
    ----------
    low, high : int
        95% interval of its place.
    first : float
        Probability of the first place.
    groups : str
        Letters; competitors that share one cannot be told apart.
    borda : float
        Mean share of the others that it beats, over pairs and metrics.
    """

    low: int
    high: int
    first: float
    groups: str
    borda: float

    @property
    def places(self) -> str:
        """The interval of the place in words."""
        return f"{self.low}" if self.low == self.high else f"{self.low}–{self.high}"


@dataclass(frozen=True)
class Line:
    """One competitor in a ranking; without a rank where it lacks a pair."""

    competitor: Competitor
    rank: int | None
    mean_rank: float | None
    cells: dict[str, Cell]
    certainty: Certainty | None = None

    @property
    def label(self) -> str:
        """Name of the competitor."""
        return self.competitor.label


@dataclass(frozen=True)
class Ranking:
    """A table: competitors on one dataset and task under one protocol."""

    evaluation: Evaluation
    protocol: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    caution: str = ""
    standing: Standing | None = None

    @property
    def rule(self) -> str:
        """Say in one sentence how the order came about."""
        counted = [c.metric.plain_label for c in self.columns if c.counts]
        if not counted:
            return "Nothing to rank by: no metric is defined on every pair."
        if len(counted) == 1:
            return f"Ranked by {counted[0]}, mean over {self.evaluation.pairs} pairs."
        return (
            f"Ranked by the mean of the ranks over {len(counted)} metrics, "
            f"each a mean over {self.evaluation.pairs} pairs."
        )

    @property
    def certain(self) -> bool:
        """Whether it says how sure it is."""
        return self.standing is not None

    def frame(self) -> pd.DataFrame:
        """Give the table with plain numbers; a column of means for each metric slug."""
        records = [
            {
                "method": line.label,
                "rank": line.rank,
                "mean_rank": line.mean_rank,
                **(
                    {}
                    if line.certainty is None
                    else {
                        "rank_low": line.certainty.low,
                        "rank_high": line.certainty.high,
                        "first": line.certainty.first,
                        "groups": line.certainty.groups,
                        "borda": line.certainty.borda,
                    }
                ),
                "pairs": line.competitor.pairs,
                "failed": line.competitor.failed,
                "device": line.competitor.device,
                "seconds": line.competitor.seconds,
                **{slug: cell.mean for slug, cell in line.cells.items()},
            }
            for line in self.lines
        ]
        return pd.DataFrame(records).astype({"rank": "Int64"}).set_index("method")

    def to_dict(self) -> dict[str, Any]:
        """Give the table as plain data for JSON; values that are no numbers become None."""
        return {
            "dataset": self.evaluation.dataset,
            "task": self.evaluation.task,
            "protocol": self.protocol,
            "pairs": self.evaluation.pairs,
            "rule": self.rule,
            "metrics": {
                c.slug: {
                    "label": c.metric.label,
                    "direction": c.metric.direction,
                    "version": c.metric.version,
                    "pairs": c.expected,
                    "counts": c.counts,
                }
                for c in self.columns
            },
            "methods": [
                {
                    "method": line.label,
                    "slug": line.competitor.slug or None,
                    "origin": line.competitor.origin,
                    "device": line.competitor.device,
                    "rank": line.rank,
                    "mean_rank": line.mean_rank,
                    "certainty": None if line.certainty is None else asdict(line.certainty),
                    "pairs": line.competitor.pairs,
                    "failed": line.competitor.failed,
                    "seconds": finite(line.competitor.seconds),
                    "scores": {
                        slug: {
                            "mean": finite(cell.mean),
                            "low": finite(cell.low),
                            "high": finite(cell.high),
                            "pairs": cell.n,
                            "place": cell.place,
                        }
                        for slug, cell in line.cells.items()
                    },
                }
                for line in self.lines
            ],
        }


def finite(value: float | None) -> float | None:
    """Give a number that JSON can hold, or None."""
    return value if value is not None and math.isfinite(value) else None


def evaluations(store: Store) -> list[Evaluation]:
    """List what was scored, in the order of tasks and names.

    Where one name and folder stand for several sets of pixels, the newest is listed.
    """
    tried = select(PairRow.dataset_id).join(FusedRow, FusedRow.pair_id == PairRow.id)
    newest = (
        select(func.max(DatasetRow.id))
        .where(DatasetRow.id.in_(tried))
        .group_by(DatasetRow.name, DatasetRow.root)
    )
    with_results = (
        select(PairRow.dataset_id, PairRow.task)
        .join(FusedRow, FusedRow.pair_id == PairRow.id)
        .distinct()
    )
    statement = (
        select(
            DatasetRow.id,
            DatasetRow.name,
            DatasetRow.title,
            DatasetRow.root,
            PairRow.task,
            func.count(PairRow.id).label("pairs"),
            func.count(PairRow.reference_digest).label("referenced"),
        )
        .join(PairRow, PairRow.dataset_id == DatasetRow.id)
        .where(DatasetRow.id.in_(newest))
        .where(tuple_(PairRow.dataset_id, PairRow.task).in_(with_results))
        .group_by(DatasetRow.id, DatasetRow.name, DatasetRow.title, DatasetRow.root, PairRow.task)
    )
    with store.engine.connect() as connection:
        rows = connection.execute(statement).all()
    names = _dataset_names({(row.id, row.name, row.root) for row in rows})
    found = [
        Evaluation(
            dataset_id=row.id,
            dataset=names[row.id],
            loads=row.name,
            title=row.title,
            task=row.task,
            pairs=row.pairs,
            referenced=row.referenced,
            root=row.root,
        )
        for row in rows
    ]
    return sorted(found, key=lambda e: (TASKS.index(e.task), e.dataset))


def _dataset_names(rows: Iterable[tuple[int, str, str | None]]) -> dict[int, str]:
    """Give datasets names that differ: one name in several folders gets the folder's too."""
    by_name: dict[str, list[tuple[int, str]]] = {}
    for row_id, name, root in rows:
        by_name.setdefault(name, []).append((row_id, Path(root or "").name))
    names = {}
    for name, same in by_name.items():
        folders = Counter(folder for _, folder in same)
        for row_id, folder in same:
            tell = folder if folders[folder] == 1 else f"{folder} #{row_id}"
            names[row_id] = name if len(same) == 1 else f"{name} ({tell})"
    return names


def find_evaluations(
    store: Store, dataset: str | None = None, task: str | None = None
) -> list[Evaluation]:
    """List what was scored on a dataset (``tno`` stands for all its splits) or for a task.

    Raises
    ------
    InputError
        If nothing was.
    """
    found = [
        e
        for e in evaluations(store)
        if (dataset is None or dataset in (e.dataset, e.loads, e.loads.partition(":")[0]))
        and (task is None or e.task == task)
    ]
    if not found:
        have = ", ".join(sorted({e.dataset for e in evaluations(store)})) or "nothing"
        wanted = " ".join(x for x in (dataset, task) if x) or "any dataset"
        raise InputError(f"no results on {wanted} in this database; it holds {have}")
    return found


def protocols_used(store: Store) -> list[str]:
    """List the protocols that scores were computed under."""
    found: list[str] = []
    # One step of the index for each: reading every score takes seconds where there are millions.
    while True:
        following = select(func.min(ScoreRow.protocol))
        if found:
            following = following.where(ScoreRow.protocol > found[-1])
        ((protocol,),) = store.rows(following)
        if protocol is None:
            return found
        found.append(protocol)


def ranking(
    store: Store,
    evaluation: Evaluation,
    metrics: str | Iterable[str] = "all",
    protocol: str = "canonical",
) -> Ranking:
    """Rank all competitors on one dataset and task.

    Parameters
    ----------
    store : Store
    evaluation : Evaluation
    metrics : str or list of str
        "all" for every metric with a value, or slugs.
    protocol : str

    Returns
    -------
    Ranking
        Ordered by rank; competitors that lack a pair come last, unranked.
    """
    records = list(METRICS) if metrics == "all" else _named(metrics)
    grid = _grid(store, evaluation)
    competitors = grid.competitors
    means = {r.slug: _matrix(store, grid, protocol, r).cells for r in records}
    if metrics == "all":
        records = [r for r in records if any(cell is not None for cell in means[r.slug])]
    complete = [i for i, c in enumerate(competitors) if c.pairs == evaluation.pairs]
    ranks = []
    # By positions: competitors are slow keys where there are thousands of cells.
    places: dict[str, dict[int, int]] = {}
    columns = []
    for record in records:
        expected = evaluation.referenced if record.needs == "reference" else evaluation.pairs
        found = [means[record.slug][i] or _NOTHING for i in complete]
        counts = bool(complete) and all(
            cell.n == expected > 0 and cell.mean is not None for cell in found
        )
        if counts:
            bad = [_badness(cell.mean, record) for cell in found]
            ranks.append(rankdata(bad))
            best = rankdata(bad, method="min").astype(int).tolist()
            places[record.slug] = dict(zip(complete, best, strict=True))
        columns.append(Column(record, expected, counts))
    mean_ranks: dict[int, float] = {}
    if ranks:
        mean_ranks = dict(zip(complete, np.mean(ranks, axis=0).tolist(), strict=True))
    lines = [
        Line(
            competitor=c,
            rank=1 + sum(other < mean_ranks[i] for other in mean_ranks.values())
            if i in mean_ranks
            else None,
            mean_rank=mean_ranks.get(i),
            cells={
                r.slug: replace(means[r.slug][i] or _NOTHING, place=places.get(r.slug, {}).get(i))
                for r in records
            },
        )
        for i, c in enumerate(competitors)
    ]
    lines.sort(key=lambda x: (x.rank is None, x.rank or 0, -x.competitor.pairs, x.label))
    return Ranking(evaluation, protocol, tuple(columns), tuple(lines))


def ranked(
    store: Store,
    evaluation: Evaluation,
    metrics: str | Iterable[str] = "all",
    protocol: str = "canonical",
) -> Ranking:
    """Rank all competitors and say how sure the order is; see `ranking`.

    The database remembers the answer.
    """
    chosen = metrics if isinstance(metrics, str) else tuple(metrics)
    return store.remember(
        ("ranked", evaluation, chosen, protocol),
        lambda: with_certainty(store, ranking(store, evaluation, chosen, protocol)),
    )


def with_certainty(store: Store, ranking: Ranking) -> Ranking:
    """Add to a ranking how sure it is: intervals of means and places, and what ties.

    Only competitors with a rank and metrics that count take part; with fewer than two of them, or
    of scenes, the ranking is returned as it is.
    """
    ranked = [line for line in ranking.lines if line.rank is not None]
    counted = [c.metric for c in ranking.columns if c.counts]
    grid = _grid(store, ranking.evaluation)
    if len(ranked) < 2 or not counted or len(np.unique(grid.scenes)) < 2:
        return ranking
    signs = np.array([-1.0 if m.direction == "higher" else 1.0 for m in counted])
    rows = grid.rows([line.competitor for line in ranked])
    # In one order, whatever the ranking: another choice of metrics needs the same of each metric.
    ordered = np.sort(rows)
    place = np.searchsorted(ordered, rows)

    def part(metric: Metric, sign: float) -> Resampled:
        key = ("resampled", grid.key, ranking.protocol, metric.slug, ordered.tobytes())
        values = _matrix(store, grid, ranking.protocol, metric).values[ordered]
        return store.remember(key, lambda: resampled(sign * values, grid.scenes))

    parts = [part(metric, sign) for metric, sign in zip(counted, signs, strict=True)]
    first = signs[0] * _matrix(store, grid, ranking.protocol, counted[0]).values[ordered]
    found = standing_of(parts, grid.scenes, first, place)
    low, high = np.sort(signs[:, None] * np.stack([found.mean_low, found.mean_high]), axis=0)
    lines = []
    for i, line in enumerate(ranked):
        letters = "".join(
            _letter(number) for number, group in enumerate(found.groups) if i in group
        )
        cells = {
            m.slug: replace(line.cells[m.slug], low=_bound(low[k, i]), high=_bound(high[k, i]))
            for k, m in enumerate(counted)
        }
        certainty = Certainty(
            low=int(found.low[i]),
            high=int(found.high[i]),
            first=float(found.first[i]),
            groups=letters,
            borda=float(found.borda[i]),
        )
        lines.append(replace(line, cells={**line.cells, **cells}, certainty=certainty))
    caution = ""
    if not can_separate(len(ranked), found.scenes):
        caution = (
            f"{found.scenes} independent scenes are too few for Wilcoxon's test to separate any "
            f"two of {len(ranked)} methods at 5%."
        )
    rest = ranking.lines[len(ranked) :]
    return replace(ranking, lines=(*lines, *rest), caution=caution, standing=found)


def _bound(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


@dataclass(frozen=True)
class PairValues:
    """Scores of the ranked competitors by the metrics that count.

    Attributes
    ----------
    labels, keys : tuple of str
        Competitors and pairs.
    metrics : tuple of Metric
    values : array, shape (metrics, competitors, pairs)
        NaN where there is none.
    """

    labels: tuple[str, ...]
    keys: tuple[str, ...]
    metrics: tuple[Metric, ...]
    values: NDArray[np.float64]


def pair_values(
    store: Store,
    evaluation: Evaluation,
    metrics: str | Iterable[str] = "all",
    protocol: str = "canonical",
) -> PairValues:
    """Give the scores behind a ranking, pair by pair; see `ranking`."""
    table = ranking(store, evaluation, metrics, protocol)
    ranked = [line for line in table.lines if line.rank is not None]
    counted = [c.metric for c in table.columns if c.counts]
    grid = _grid(store, evaluation)
    rows = grid.rows([line.competitor for line in ranked])
    values = [_matrix(store, grid, protocol, m).values[rows] for m in counted]
    return PairValues(
        tuple(line.label for line in ranked),
        grid.keys,
        tuple(counted),
        np.stack(values) if values else np.empty((0, len(ranked), len(grid.keys))),
    )


def win_rates(scores: PairValues, labels: Iterable[str]) -> pd.DataFrame:
    """Say how often each method beats each other.

    Returns
    -------
    DataFrame
        Square, by labels: share of pairs and metrics on which the row is better than the column; a
        tie counts half. NaN on the diagonal.
    """
    chosen = list(labels)
    index = [scores.labels.index(label) for label in chosen]
    signs = np.array([1.0 if m.direction == "higher" else -1.0 for m in scores.metrics])
    good = signs[:, None, None] * scores.values[:, index]
    row, column = good[:, :, None], good[:, None]
    known = ~(np.isnan(row) | np.isnan(column))
    won = (row > column) + 0.5 * (row == column)
    rates = won.sum(axis=(0, 3)) / np.maximum(known.sum(axis=(0, 3)), 1)
    np.fill_diagonal(rates, np.nan)
    return pd.DataFrame(rates, index=chosen, columns=chosen)


def among(ranking: Ranking, labels: Iterable[str]) -> Ranking:
    """Keep a few methods; ranks and ties stay those among all, best and second are among these."""
    chosen = set(labels)
    lines = [line for line in ranking.lines if line.label in chosen]
    for column in ranking.columns:
        means = {line.label: line.cells[column.slug].mean for line in lines}
        known = {label: mean for label, mean in means.items() if mean is not None}
        found = places(known, column.metric) if column.counts else {}
        lines = [
            replace(
                line,
                cells={
                    **line.cells,
                    column.slug: replace(line.cells[column.slug], place=found.get(line.label)),
                },
            )
            for line in lines
        ]
    return replace(ranking, lines=tuple(lines))


def _letter(number: int) -> str:
    """Name a group: a to z, then a1 to z1, and so on."""
    return chr(ord("a") + number % 26) + (str(number // 26) if number >= 26 else "")


def pair_scores(
    store: Store,
    evaluation: Evaluation,
    metrics: str | Iterable[str] = "all",
    protocol: str = "canonical",
    key: str | None = None,
) -> pd.DataFrame:
    """Give every single score on one dataset and task, or on one pair of it.

    Returns
    -------
    DataFrame
        Columns ``method, entry_id, device, pair, scene, metric, version, value, error``.
    """
    records = list(METRICS) if metrics == "all" else _named(metrics)
    statement = (
        select(
            EntryRow.label.label("method"),
            EntryRow.id.label("entry_id"),
            FusedRow.device,
            PairRow.key.label("pair"),
            PairRow.scene,
            ScoreRow.metric,
            ScoreRow.version,
            ScoreRow.value,
            ScoreRow.error,
        )
        .select_from(ScoreRow)
        .join(FusedRow, FusedRow.id == ScoreRow.fused_id)
        .join(PairRow, PairRow.id == FusedRow.pair_id)
        .join(EntryRow, EntryRow.id == FusedRow.entry_id)
        .where(_in(evaluation), _newest(records))
        .order_by(EntryRow.label, FusedRow.device, PairRow.key, ScoreRow.metric)
    )
    if key is None:
        statement = statement.where(ScoreRow.protocol == protocol)
    else:
        # An expression keeps SQLite from reading the index of the protocol, which holds millions,
        # in place of the scores of these images.
        fused = select(FusedRow.id).join(PairRow, PairRow.id == FusedRow.pair_id)
        statement = statement.where(
            ScoreRow.fused_id.in_(fused.where(_in(evaluation), PairRow.key == key)),
            ScoreRow.protocol.concat("") == protocol,
        )
    return store.frame(statement)


def metric_likeness(store: Store, evaluation: Evaluation, protocol: str) -> pd.DataFrame:
    """Say how alike metrics rank the competitors on one dataset and task.

    Returns
    -------
    DataFrame
        Kendall's tau between each two metrics that have a value, averaged over the pairs; NaN
        where it is undefined. Rows and columns are slugs.
    """
    grid = _grid(store, evaluation)
    values = {
        m.slug: _matrix(store, grid, protocol, m).values.T * (1 if m.direction == "higher" else -1)
        for m in METRICS
    }
    values = {slug: table for slug, table in values.items() if not np.isnan(table).all()}
    table = kendall_table(list(values.values())) if values else np.empty((0, 0))
    return pd.DataFrame(table, index=list(values), columns=list(values))


def alike(tau: pd.DataFrame) -> list[list[str]]:
    """Group metrics that say the same, by slugs; see `fusebench.bench.stats.redundant`."""
    return [[tau.index[i] for i in group] for group in redundant(tau.to_numpy())]


def fused_images(store: Store, evaluation: Evaluation, key: str) -> pd.DataFrame:
    """Give what every competitor made of one pair.

    Returns
    -------
    DataFrame
        Columns ``method, entry_id, device, image_digest, error, seconds``.
    """
    statement = (
        select(
            EntryRow.label.label("method"),
            EntryRow.id.label("entry_id"),
            FusedRow.device,
            FusedRow.image_digest,
            FusedRow.error,
            FusedRow.seconds,
        )
        .select_from(FusedRow)
        .join(PairRow, PairRow.id == FusedRow.pair_id)
        .join(EntryRow, EntryRow.id == FusedRow.entry_id)
        .where(_in(evaluation), PairRow.key == key)
        .order_by(EntryRow.label, FusedRow.device)
    )
    return store.frame(statement)


def pair_keys(store: Store, evaluation: Evaluation) -> list[str]:
    """List the keys of a dataset's pairs for one task."""
    statement = select(PairRow.key).where(_in(evaluation)).order_by(PairRow.key)
    with store.engine.connect() as connection:
        return list(connection.execute(statement).scalars())


def pair_row(store: Store, evaluation: Evaluation, key: str) -> PairRow | None:
    """Give the stored facts of one pair, None if there is no such pair."""
    statement = select(PairRow).where(_in(evaluation), PairRow.key == key)
    with Session(store.engine) as session:
        return session.scalars(statement).one_or_none()


def metrics_used(store: Store, evaluation: Evaluation, protocol: str) -> list[Metric]:
    """List the metrics that have a value on one dataset and task, in their usual order."""
    found = []
    for record in METRICS:
        if record.needs == "reference" and not evaluation.referenced:
            continue
        these = (
            ScoreRow.protocol == protocol,
            ScoreRow.metric == record.slug,
            ScoreRow.version == record.version,
        )
        # Most metrics that are not here are nowhere: the index says so at once.
        if not store.rows(select(ScoreRow.id).where(*these).limit(1)):
            continue
        valued = exists().where(
            *these, ScoreRow.fused_id == FusedRow.id, ScoreRow.value.is_not(None)
        )
        here = select(FusedRow.id).join(PairRow, PairRow.id == FusedRow.pair_id)
        if store.rows(here.where(_in(evaluation), valued).limit(1)):
            found.append(record)
    return found


def entries(store: Store) -> list[EntryRow]:
    """List all competitors by label."""
    with Session(store.engine) as session:
        return list(session.scalars(select(EntryRow).order_by(EntryRow.label, EntryRow.id)))


def entry_names(rows: Iterable[EntryRow]) -> dict[int, str]:
    """Give competitors names that differ: their labels, with what tells equal ones apart."""
    by_label: dict[str, list[EntryRow]] = {}
    for row in rows:
        by_label.setdefault(row.label, []).append(row)
    names = {}
    for label, same in by_label.items():
        if len(same) == 1:
            names[same[0].id] = label
            continue
        for tell in (lambda r: r.kind, lambda r: f"v{r.version}", lambda r: f"#{r.id}"):
            if len({tell(r) for r in same}) == len(same):
                names.update({r.id: f"{label} ({tell(r)})" for r in same})
                break
    return names


def failures(store: Store, entry_id: int) -> pd.DataFrame:
    """Give the pairs on which a competitor failed.

    Returns
    -------
    DataFrame
        Columns ``dataset, task, pair, device, error``.
    """
    statement = (
        select(
            DatasetRow.name.label("dataset"),
            PairRow.task,
            PairRow.key.label("pair"),
            FusedRow.device,
            FusedRow.error,
        )
        .select_from(FusedRow)
        .join(PairRow, PairRow.id == FusedRow.pair_id)
        .join(DatasetRow, DatasetRow.id == PairRow.dataset_id)
        .where(FusedRow.entry_id == entry_id, FusedRow.image_digest.is_(None))
        .order_by(DatasetRow.name, PairRow.task, PairRow.key, FusedRow.device)
    )
    return store.frame(statement)


def provenance(store: Store, entry_id: int) -> list[dict[str, Any]]:
    """Tell which runs and machines the results of a competitor come from.

    Returns
    -------
    list of dict
        ``run, started, workers, device, pairs, failed, seconds`` (median time of a fusion) and
        the ``facts`` of the environment, for each run and device.
    """
    statement = (
        select(
            RunRow.id.label("run_id"),
            RunRow.name.label("run"),
            RunRow.started,
            RunRow.workers,
            FusedRow.device,
            FusedRow.image_digest,
            FusedRow.seconds,
            EnvironmentRow.facts,
        )
        .select_from(FusedRow)
        .join(RunRow, RunRow.id == FusedRow.run_id)
        .join(EnvironmentRow, EnvironmentRow.id == RunRow.environment_id)
        .where(FusedRow.entry_id == entry_id)
    )
    groups: dict[tuple[int, str], list[Any]] = {}
    with store.engine.connect() as connection:
        for row in connection.execute(statement):
            groups.setdefault((row.run_id, row.device), []).append(row)
    return [
        {
            "run": rows[0].run,
            "started": rows[0].started,
            "workers": rows[0].workers,
            "device": rows[0].device,
            "pairs": sum(r.image_digest is not None for r in rows),
            "failed": sum(r.image_digest is None for r in rows),
            "seconds": _median([r.seconds for r in rows]),
            "facts": rows[0].facts,
        }
        for _, rows in sorted(groups.items(), reverse=True)
    ]


_NOTHING = Cell(None, 0, None)


def _named(metrics: str | Iterable[str]) -> list[Metric]:
    names = metrics.split(",") if isinstance(metrics, str) else metrics
    return list(dict.fromkeys(METRICS[name.strip()] for name in names))


def _in(evaluation: Evaluation) -> ColumnElement[bool]:
    return and_(PairRow.dataset_id == evaluation.dataset_id, PairRow.task == evaluation.task)


def _newest(records: Iterable[Metric]) -> ColumnElement[bool]:
    """Keep the scores of the versions that this code computes; older ones are history."""
    pairs = [(r.slug, r.version) for r in records]
    return tuple_(ScoreRow.metric, ScoreRow.version).in_(pairs)


@dataclass(frozen=True)
class _Grid:
    """What was fused on one dataset and task: competitors by pairs.

    Attributes
    ----------
    key : tuple
        Which dataset and task.
    competitors : list of Competitor
    keys : tuple of str
        Of the pairs.
    scenes : array, shape (N,)
        Of the pairs.
    fused : array
        Ids of the rows of `FusedRow`, ascending.
    places : array
        Place of each in the flattened table ``(competitors, pairs)``.
    """

    key: tuple[int, str]
    competitors: list[Competitor]
    keys: tuple[str, ...]
    scenes: NDArray[np.str_]
    fused: NDArray[np.int64]
    places: NDArray[np.intp]

    def rows(self, competitors: Iterable[Competitor]) -> NDArray[np.intp]:
        """Give the rows of competitors."""
        index = {(c.entry_id, c.device): i for i, c in enumerate(self.competitors)}
        return np.array([index[c.entry_id, c.device] for c in competitors], dtype=np.intp)


def _grid(store: Store, evaluation: Evaluation) -> _Grid:
    key = (evaluation.dataset_id, evaluation.task)
    return store.remember(("grid", *key), lambda: _read_grid(store, evaluation, key))


def _read_grid(store: Store, evaluation: Evaluation, key: tuple[int, str]) -> _Grid:
    pairs = store.rows(
        select(PairRow.id, PairRow.key, PairRow.scene).where(_in(evaluation)).order_by(PairRow.id)
    )
    fused = store.rows(
        select(
            FusedRow.id,
            FusedRow.entry_id,
            FusedRow.device,
            FusedRow.pair_id,
            FusedRow.image_digest.is_not(None),
            FusedRow.seconds,
        )
        .join(PairRow, PairRow.id == FusedRow.pair_id)
        .where(_in(evaluation))
        .order_by(FusedRow.id)
    )
    groups: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    for row in fused:
        groups.setdefault((row[1], row[2]), []).append(row)
    # Read last, so that a competitor which a run adds meanwhile has a name.
    rows = {entry.id: entry for entry in entries(store)}
    names = entry_names(rows.values())
    devices = Counter(entry_id for entry_id, _ in groups)
    competitors = [
        Competitor(
            entry_id=entry_id,
            # One method run on two devices is two lines, told apart by the device.
            label=names[entry_id] + (f" ({device})" if devices[entry_id] > 1 else ""),
            slug=rows[entry_id].slug,
            kind=rows[entry_id].kind,
            origin=rows[entry_id].origin,
            device=device,
            pairs=sum(bool(row[4]) for row in found),
            failed=sum(not row[4] for row in found),
            seconds=_median([row[5] for row in found]),
        )
        for (entry_id, device), found in groups.items()
    ]
    line = {who: i for i, who in enumerate(groups)}
    column = {pair_id: n for n, (pair_id, _, _) in enumerate(pairs)}
    return _Grid(
        key=key,
        competitors=competitors,
        keys=tuple(row[1] for row in pairs),
        scenes=np.array([row[2] for row in pairs], dtype=str),
        fused=np.array([row[0] for row in fused], dtype=np.int64),
        places=np.array(
            [line[row[1], row[2]] * len(pairs) + column[row[3]] for row in fused], dtype=np.intp
        ),
    )


@dataclass(frozen=True)
class _Matrix:
    """Scores of one metric.

    Attributes
    ----------
    values : array, shape (competitors, pairs)
        NaN where there is none, or an undefined one.
    cells : list of Cell or None
        Their mean for each competitor; None where it has no score, not even an undefined one.
    """

    values: NDArray[np.float64]
    cells: list[Cell | None]


def _matrix(store: Store, grid: _Grid, protocol: str, metric: Metric) -> _Matrix:
    key = ("matrix", grid.key, protocol, metric.slug)
    return store.remember(key, lambda: _make_matrix(store, grid, protocol, metric))


def _make_matrix(store: Store, grid: _Grid, protocol: str, metric: Metric) -> _Matrix:
    ids, scores = _column(store, protocol, metric)
    values = np.full(len(grid.competitors) * len(grid.keys), np.nan)
    at = np.minimum(np.searchsorted(ids, grid.fused), max(len(ids) - 1, 0))
    here = ids[at] == grid.fused if len(ids) else np.zeros(len(grid.fused), dtype=bool)
    values[grid.places[here]] = scores[at[here]]
    tried = np.zeros(len(grid.competitors), dtype=bool)
    tried[grid.places[here] // max(len(grid.keys), 1)] = True
    table = values.reshape(len(grid.competitors), len(grid.keys))
    cells = [_mean_cell(row) if some else None for row, some in zip(table, tried, strict=True)]
    return _Matrix(table, cells)


def _column(
    store: Store, protocol: str, metric: Metric
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give all scores by a metric, of whatever dataset: ids of `FusedRow`, ascending, and values.

    One range of the index holds them, which is read faster than those of one dataset are found.
    """

    def read() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        rows = store.rows(
            select(ScoreRow.fused_id, ScoreRow.value)
            .where(
                ScoreRow.protocol == protocol,
                ScoreRow.metric == metric.slug,
                # Scores of older versions are history.
                ScoreRow.version == metric.version,
            )
            .order_by(ScoreRow.fused_id)
        )
        # None becomes NaN; ids are exact below 2^53.
        table = np.array(rows, dtype=np.float64).reshape(-1, 2)
        return table[:, 0].astype(np.int64), table[:, 1].copy()

    return store.remember(("column", protocol, metric.slug), read)


def _mean_cell(values: NDArray[np.float64]) -> Cell:
    known = values[~np.isnan(values)]
    with np.errstate(invalid="ignore"):
        mean = float(known.mean()) if len(known) else math.nan
    # Infinite values of both signs have no mean.
    return Cell(None if math.isnan(mean) else mean, len(known), None)


def places(values: Mapping[K, float], record: Metric) -> dict[K, int]:
    """Give each value its place, 1 being best; those that tie share the better place."""
    badness = {key: _badness(value, record) for key, value in values.items()}
    return {key: 1 + sum(other < bad for other in badness.values()) for key, bad in badness.items()}


def _badness(mean: float | None, record: Metric) -> float:
    """Turn a mean into a number whose smallest value is best."""
    value = math.inf if mean is None else mean
    # Ten digits: float noise must not separate methods that tie.
    return float(f"{-value if record.direction == 'higher' else value:.10g}")


def _median(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return median(known) if known else None
