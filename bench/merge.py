"""From packed results to rows of a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from fusebench.bench.pack import Pack, PackedDataset, PackedImage, ScoreTable
from fusebench.bench.schema import FusedRow, PairRow, ScoreRow
from fusebench.bench.store import Store, insert_new
from fusebench.bench.types import InputError

# Rows handed to the database at once.
_BATCH = 20_000


@dataclass
class Merged:
    """What a merge did.

    Attributes
    ----------
    images, scores : int
        Rows that are new.
    kept : int
        Images that the database had already.
    conflicts : list of str
        Images of which the database holds another result, each named: the database's own stays.
    """

    images: int = 0
    scores: int = 0
    kept: int = 0
    conflicts: list[str] = field(default_factory=list)


def merge(store: Store, pack: Pack) -> Merged:
    """Add packed results to a database; doing it again adds nothing.

    What the database holds already stays as it is, with all its digits. Scores are added to images
    that it has with the same pixels.

    Parameters
    ----------
    store : Store
    pack : Pack
        Whose files have no problems.

    Returns
    -------
    Merged

    Raises
    ------
    InputError
        If the files have problems.
    """
    if pack.problems:
        more = f" and {len(pack.problems) - 1} more" if len(pack.problems) > 1 else ""
        raise InputError(
            f"{pack.folder} has problems: {pack.problems[0]}{more}; "
            f"see 'fusebench submit check {pack.folder}'"
        )
    environments = {name: store.add_environment(facts) for name, facts in pack.environments.items()}
    runs = {
        name: store.add_run(
            run.name, run.workers, environments[run.environment], run.started, run.finished
        )
        for name, run in pack.runs.items()
    }
    entries = {name: store.add_entry(entry) for name, entry in pack.entries.items()}
    done = Merged()
    for dataset in pack.datasets:
        dataset_id, pairs = store.add_pairs(
            dataset.name, dataset.title, dataset.version, dataset.facts
        )
        with store.write() as connection:
            ids = _add_images(connection, dataset, dataset_id, entries, pairs, runs, done)
            for protocol, table in dataset.tables.items():
                versions = pack.versions[protocol]
                _add_scores(connection, protocol, versions, table, ids, runs, done)
    return done


def _add_images(
    connection: Connection,
    dataset: PackedDataset,
    dataset_id: int,
    entries: Mapping[str, int],
    pairs: Mapping[str, int],
    runs: Mapping[str, int],
    done: Merged,
) -> dict[tuple[str, str, str], int]:
    """Add what is new, and give the ids of the images that are now as packed."""
    columns = FusedRow.__table__.c
    stored = (
        select(*columns)
        .join(PairRow, PairRow.id == columns.pair_id)
        .where(PairRow.dataset_id == dataset_id)
    )

    def key(image: PackedImage) -> tuple[int, int, str]:
        return entries[image.method], pairs[image.pair], image.device

    before = {(r.entry_id, r.pair_id, r.device): r for r in connection.execute(stored)}
    new = [image for image in dataset.images if key(image) not in before]
    rows = [
        {
            "entry_id": entries[image.method],
            "pair_id": pairs[image.pair],
            "device": image.device,
            "run_id": runs[image.run],
            "image_digest": image.image_digest,
            "error": image.error,
            "seconds": image.seconds,
            "peak_memory": image.peak_memory,
        }
        for image in new
    ]
    insert_new(connection, FusedRow, rows)
    done.images += len(new)
    now = {(r.entry_id, r.pair_id, r.device): r for r in connection.execute(stored)}
    ids = {}
    for image in dataset.images:
        row = now[key(image)]
        if row.image_digest != image.image_digest:
            done.conflicts.append(f"{image.method}, {dataset.name}, {image.pair}, {image.device}")
            continue
        ids[image.key] = row.id
        done.kept += key(image) in before
    return ids


def _add_scores(
    connection: Connection,
    protocol: str,
    versions: Mapping[str, int],
    table: ScoreTable,
    ids: Mapping[tuple[str, str, str], int],
    runs: Mapping[str, int],
    done: Merged,
) -> None:
    rows: list[dict[str, Any]] = []
    for row in table.rows:
        fused_id = ids.get(row.key)
        if fused_id is None:
            continue
        for metric, value in zip(table.metrics, row.values, strict=True):
            if value is None:
                continue
            reason = row.undefined.get(metric)
            rows.append(
                {
                    "fused_id": fused_id,
                    "run_id": runs[row.run],
                    "metric": metric,
                    "version": versions[metric],
                    "protocol": protocol,
                    "value": value if reason is None else None,
                    "error": reason,
                }
            )
    for start in range(0, len(rows), _BATCH):
        done.scores += insert_new(connection, ScoreRow, rows[start : start + _BATCH])
