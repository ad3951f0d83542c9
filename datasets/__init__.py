"""Datasets of image pairs.

Every import below registers the datasets of that file; a new file is added to the list.
"""

from fusebench.datasets import demo, folder, lytro, tno
from fusebench.datasets._base import (
    DATASETS,
    Dataset,
    FrozenPair,
    PairFacts,
    dataset_digest,
    export,
    listing,
    load,
    pair_facts,
    verify,
)

__all__ = [
    "DATASETS",
    "Dataset",
    "FrozenPair",
    "PairFacts",
    "dataset_digest",
    "demo",
    "export",
    "folder",
    "listing",
    "load",
    "lytro",
    "pair_facts",
    "tno",
    "verify",
]
