"""Where stored results come from: totals, runs with their machines and failures, and times.

Plain queries, as in `fusebench.leaderboard.board`; nothing here is ranked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pandas as pd
from sqlalchemy import case, func, select

from fusebench.bench.schema import (
    DatasetRow,
    EntryRow,
    EnvironmentRow,
    FusedRow,
    PairRow,
    RunRow,
    ScoreRow,
)
from fusebench.bench.store import Store
from fusebench.leaderboard.board import Line, Ranking


@dataclass(frozen=True)
class Totals:
    """What a database holds.

    Attributes
    ----------
    competitors, datasets, pairs, images, failed, scores, runs : int
        Competitors and datasets with results, pairs that something was tried on, fused images,
        failures in their place, single scores (undefined ones included) and runs.
    """

    competitors: int
    datasets: int
    pairs: int
    images: int
    failed: int
    scores: int
    runs: int


@dataclass(frozen=True)
class Run:
    """One call that added results.

    Attributes
    ----------
    run_id : int
    name : str
        Suite, or label of what was scored.
    started : datetime
    finished : datetime or None
        None for a run that was stopped, or is still going on.
    workers : int
    images, failed : int
        Fused images and failures that come from it, not counting what a later run replaced.
    facts : mapping
        Machine, libraries and code.
    """

    run_id: int
    name: str
    started: datetime
    finished: datetime | None
    workers: int
    images: int
    failed: int
    facts: Mapping[str, Any]

    @property
    def duration(self) -> timedelta | None:
        """Time from its start to its end; None if it has not ended."""
        if self.finished is None:
            return None
        # SQLite writes the end in whole seconds.
        return max(self.finished - self.started, timedelta(0))


def totals(store: Store) -> Totals:
    """Count what a database holds."""
    fused = select(
        func.count(FusedRow.entry_id.distinct()),
        func.count(FusedRow.pair_id.distinct()),
        func.count(FusedRow.image_digest),
        func.count(),
    ).select_from(FusedRow)
    used = (
        select(func.count(PairRow.dataset_id.distinct()))
        .select_from(PairRow)
        .where(PairRow.id.in_(select(FusedRow.pair_id)))
    )
    with store.engine.connect() as connection:
        competitors, pairs, images, tried = connection.execute(fused).one()
        datasets = int(connection.execute(used).scalar_one())
    return Totals(
        competitors=competitors,
        datasets=datasets,
        pairs=pairs,
        images=images,
        failed=tried - images,
        scores=store.count(ScoreRow),
        runs=store.count(RunRow),
    )


def list_runs(store: Store) -> list[Run]:
    """List all runs, the newest first."""
    fused = (
        select(
            FusedRow.run_id,
            func.count(FusedRow.image_digest).label("images"),
            func.count().label("tried"),
        )
        .group_by(FusedRow.run_id)
        .subquery()
    )
    statement = (
        select(RunRow, EnvironmentRow.facts, fused.c.images, fused.c.tried)
        .join(EnvironmentRow, EnvironmentRow.id == RunRow.environment_id)
        .outerjoin(fused, fused.c.run_id == RunRow.id)
        .order_by(RunRow.id.desc())
    )
    with store.engine.connect() as connection:
        rows = connection.execute(statement).all()
    return [
        Run(
            run_id=row.id,
            name=row.name,
            started=row.started,
            finished=row.finished,
            workers=row.workers,
            images=row.images or 0,
            failed=(row.tried or 0) - (row.images or 0),
            facts=row.facts,
        )
        for row in rows
    ]


def run_parts(store: Store, run_id: int) -> pd.DataFrame:
    """Tell what a run made, for each competitor, dataset, task and device.

    Returns
    -------
    DataFrame
        Columns ``method, version, dataset, task, device, images, failed, seconds`` (median time
        of a fusion).
    """
    statement = (
        select(
            EntryRow.id.label("entry_id"),
            EntryRow.label.label("method"),
            EntryRow.version,
            DatasetRow.name.label("dataset"),
            PairRow.task,
            FusedRow.device,
            FusedRow.image_digest,
            FusedRow.seconds,
        )
        .select_from(FusedRow)
        .join(EntryRow, EntryRow.id == FusedRow.entry_id)
        .join(PairRow, PairRow.id == FusedRow.pair_id)
        .join(DatasetRow, DatasetRow.id == PairRow.dataset_id)
        .where(FusedRow.run_id == run_id)
    )
    keys = ["dataset", "task", "method", "version", "entry_id", "device"]
    rows = store.frame(statement).astype({"seconds": float})
    groups = rows.assign(failed=rows["image_digest"].isna()).groupby(keys)
    parts = groups.agg(
        images=("image_digest", "count"), failed=("failed", "sum"), seconds=("seconds", "median")
    )
    return parts.reset_index().drop(columns="entry_id")


def run_scores(store: Store, run_id: int) -> pd.DataFrame:
    """Tell which scores a run added; they may be of images that an earlier run made.

    Returns
    -------
    DataFrame
        Columns ``protocol, metrics, scores, undefined``.
    """
    statement = (
        select(
            ScoreRow.protocol,
            func.count(ScoreRow.metric.distinct()).label("metrics"),
            func.count().label("scores"),
            func.sum(case((ScoreRow.value.is_(None), 1), else_=0)).label("undefined"),
        )
        .where(ScoreRow.run_id == run_id)
        .group_by(ScoreRow.protocol)
        .order_by(ScoreRow.protocol)
    )
    return store.frame(statement)


def run_failures(store: Store, run_id: int | None = None) -> pd.DataFrame:
    """List the pairs without an image, of one run or of all, with the reason of each.

    Returns
    -------
    DataFrame
        Columns ``run, method, dataset, task, pair, device, error``.
    """
    statement = (
        select(
            FusedRow.run_id.label("run"),
            EntryRow.label.label("method"),
            DatasetRow.name.label("dataset"),
            PairRow.task,
            PairRow.key.label("pair"),
            FusedRow.device,
            FusedRow.error,
        )
        .select_from(FusedRow)
        .join(EntryRow, EntryRow.id == FusedRow.entry_id)
        .join(PairRow, PairRow.id == FusedRow.pair_id)
        .join(DatasetRow, DatasetRow.id == PairRow.dataset_id)
        .where(FusedRow.image_digest.is_(None))
        .order_by(FusedRow.run_id.desc(), EntryRow.label, DatasetRow.name, PairRow.key)
    )
    if run_id is not None:
        statement = statement.where(FusedRow.run_id == run_id)
    return store.frame(statement)


@dataclass(frozen=True)
class Speed:
    """How long a competitor takes on one dataset and device.

    Attributes
    ----------
    dataset, task, device : str
    images : int
        Images with a time.
    megapixels : float
        Mean size of a pair, in millions of pixels.
    seconds, per_megapixel : float
        Median time of a fusion, and median time for a million pixels.
    memory : int or None
        Largest growth of memory during a fusion, in bytes, where it was measured.
    """

    dataset: str
    task: str
    device: str
    images: int
    megapixels: float
    seconds: float
    per_megapixel: float
    memory: int | None


def speeds(store: Store, entry_id: int) -> list[Speed]:
    """Tell how long a competitor takes, for each dataset, task and device with times."""
    statement = (
        select(
            DatasetRow.name,
            PairRow.task,
            FusedRow.device,
            PairRow.height,
            PairRow.width,
            FusedRow.seconds,
            FusedRow.peak_memory,
        )
        .select_from(FusedRow)
        .join(PairRow, PairRow.id == FusedRow.pair_id)
        .join(DatasetRow, DatasetRow.id == PairRow.dataset_id)
        .where(FusedRow.entry_id == entry_id, FusedRow.seconds.is_not(None))
        .order_by(DatasetRow.name, PairRow.task, FusedRow.device)
    )
    groups: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    with store.engine.connect() as connection:
        for row in connection.execute(statement):
            groups[row.name, row.task, row.device].append(row)
    return [
        Speed(
            *where,
            images=len(rows),
            megapixels=sum(r.height * r.width for r in rows) / len(rows) / 1e6,
            seconds=median(r.seconds for r in rows),
            per_megapixel=median(r.seconds / (r.height * r.width) for r in rows) * 1e6,
            memory=max((r.peak_memory for r in rows if r.peak_memory is not None), default=None),
        )
        for where, rows in groups.items()
    ]


def leaders(ranking: Ranking) -> tuple[list[Line], list[Line]]:
    """Give those with the first rank, and the others that cannot be told apart from one of them.

    The second list is empty for a ranking that does not say how sure it is.
    """
    first = [line for line in ranking.lines if line.rank == 1]
    letters = {
        letter
        for line in first
        if line.certainty is not None
        for letter in _letters(line.certainty.groups)
    }
    tied = [
        line
        for line in ranking.lines
        if line.rank not in (None, 1)
        and line.certainty is not None
        and letters & set(_letters(line.certainty.groups))
    ]
    return first, tied


def _letters(groups: str) -> Iterable[str]:
    """Split the names of groups: a to z, then a1 to z1, and so on."""
    names: list[str] = []
    for character in groups:
        if character.isdigit():
            names[-1] += character
        else:
            names.append(character)
    return names


def reasons(failures: pd.DataFrame) -> list[tuple[str, int]]:
    """Count the failures of each reason, the most frequent first."""
    counted = failures["error"].fillna("").value_counts()
    found: Sequence[tuple[str, int]] = [(str(k), int(n)) for k, n in counted.items()]
    return sorted(found, key=lambda item: (-item[1], item[0]))
