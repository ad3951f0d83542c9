"""Whether a method has seen the pairs it is scored on, as far as its record tells."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Literal

from sqlalchemy import select

from fusebench.bench.schema import EntryRow, PairRow
from fusebench.bench.store import Store
from fusebench.bench.types import Method, Weights
from fusebench.datasets import DATASETS, published_pairs
from fusebench.leaderboard.board import Evaluation, entries
from fusebench.methods import METHODS

Answer = Literal["seen", "partly", "not known to", "unknown", "untrained"]


@dataclass(frozen=True)
class Seen:
    """Whether pairs of an evaluation were among those a method was trained on.

    Attributes
    ----------
    answer : {"seen", "partly", "not known to", "unknown", "untrained"}
        "seen" where the dataset is named among its training data, "partly" where some of the same
        pixels are in a dataset that is, "not known to" where its training data are stated and
        others, "unknown" where they are not stated, "untrained" for methods without weights.
    pairs : int
        Of pairs whose pixels are in its training data, for "partly".
    trained_on : tuple of str
        Its training data, as its authors name them.
    """

    answer: Answer
    pairs: int = 0
    trained_on: tuple[str, ...] = ()


def seen_in_training(store: Store, evaluation: Evaluation) -> dict[int, Seen]:
    """Tell for every competitor, by id, whether it was trained on the pairs of an evaluation."""
    statement = select(PairRow.a_digest, PairRow.b_digest).where(
        PairRow.dataset_id == evaluation.dataset_id, PairRow.task == evaluation.task
    )
    with store.engine.connect() as connection:
        digests = [(row.a_digest, row.b_digest) for row in connection.execute(statement)]
    return {row.id: seen(row, evaluation.loads, digests) for row in entries(store)}


def seen(entry: EntryRow, dataset: str, digests: Sequence[tuple[str, str]]) -> Seen:
    """Tell whether a competitor was trained on some pairs.

    Parameters
    ----------
    entry : EntryRow
    dataset : str
        Name such as ``"tno:25"``.
    digests : sequence of (str, str)
        Of the pixels of both sources of each pair.
    """
    record = METHODS[entry.slug] if entry.kind == "method" and entry.slug in METHODS else None
    if record is None:
        return Seen("unknown")
    if not record.weights:
        return Seen("untrained")
    weights = weights_used(record, entry)
    if weights is None or not weights.trained_on:
        return Seen("unknown")
    names = weights.trained_on
    if any(_names(name, dataset) for name in names):
        return Seen("seen", len(digests), names)
    published = published_pairs()
    shared = 0
    for at in digests:
        homes = {where.rpartition("/")[0] for where in published.get(at, ())}
        shared += any(_names(name, home) for name in names for home in homes)
    return Seen("partly" if shared else "not known to", shared, names)


def weights_used(record: Method, entry: EntryRow) -> Weights | None:
    """Find the set of weights that results were made with, None where it cannot be told."""
    if entry.origin == "user weights" or entry.weights_digest is None:
        return None
    for weights in record.weights:
        if entry.weights_digest in _digests(weights):
            return weights
    return None


@cache
def _digests(weights: Weights) -> frozenset[str]:
    """Digests that an entry has which read some of the files of a set."""
    files = [f.sha256 for f in sorted(weights.files, key=lambda f: f.name)]
    # As in `fusebench.methods._weights.WeightFiles.digest`.
    several = (
        hashlib.sha256("".join(chosen).encode()).hexdigest()
        for number in range(2, len(files) + 1)
        for chosen in combinations(files, number)
    )
    return frozenset([*files, *several])


def _names(trained_on: str, dataset: str) -> bool:
    """Say whether a name such as "MSRS train" stands for a dataset such as ``msrs:train``."""
    words = trained_on.casefold().split()
    family = re.sub("[^a-z0-9]", "", words[0])
    slug, _, split = dataset.partition(":")
    return slug in _family(family) and (len(words) == 1 or split in ("", *words[1:]))


@cache
def _family(name: str) -> frozenset[str]:
    """Give the datasets whose slugs begin with a name."""
    found: Iterable[str] = (s for s in DATASETS.slugs if s == name or s.startswith(f"{name}_"))
    return frozenset(found)
