"""Frozen splits: small CSV files of keys, scenes and pixel digests, and nothing of the pixels."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from fusebench.bench.types import TASKS, Task
from fusebench.datasets._base import FrozenPair, PairFacts

FOLDER = Path(__file__).parent / "splits"
_COLUMNS = (
    "key",
    "scene",
    "title",
    "a_sha256",
    "b_sha256",
    "reference_sha256",
    "elsewhere",
    "notes",
    "others_sha256",
    "task",
)


def read_split(name: str) -> dict[str, FrozenPair]:
    """Read ``splits/NAME.csv``: pairs by key, in order."""
    with (FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["key"]: FrozenPair(
                key=row["key"],
                scene=row["scene"],
                title=row["title"],
                a_digest=row["a_sha256"] or None,
                b_digest=row["b_sha256"] or None,
                reference_digest=row["reference_sha256"] or None,
                elsewhere=tuple(row["elsewhere"].split()),
                notes=row["notes"],
                other_digests=tuple(row["others_sha256"].split()),
                task=_task(row["task"]),
            )
            for row in csv.DictReader(file)
        }


def write_split(path: Path, pairs: Sequence[FrozenPair]) -> None:
    """Write a frozen split, for maintainers."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for p in pairs:
            digests = [d or "" for d in (p.a_digest, p.b_digest, p.reference_digest)]
            more = [" ".join(p.elsewhere), p.notes, " ".join(p.other_digests), p.task or ""]
            writer.writerow([p.key, p.scene, p.title, *digests, *more])


def _task(name: str) -> Task | None:
    return next((task for task in TASKS if task == name), None)


def freeze(
    facts: PairFacts, *, title: str = "", elsewhere: str = "", notes: str = ""
) -> FrozenPair:
    """Freeze what was found of a pair."""
    return FrozenPair(
        key=facts.key,
        scene=facts.scene,
        title=title or facts.scene,
        a_digest=facts.a_digest,
        b_digest=facts.b_digest,
        reference_digest=facts.reference_digest,
        elsewhere=tuple(elsewhere.split()),
        notes=notes,
        other_digests=facts.other_digests,
    )
