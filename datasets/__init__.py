"""Datasets of image pairs.

Every import below registers the datasets of that file; a new file is added to the list.
"""

from fusebench.datasets._base import (
    DATASETS,
    Dataset,
    PairFacts,
    dataset_digest,
    listing,
    load,
    pair_facts,
)

__all__ = [
    "DATASETS",
    "Dataset",
    "PairFacts",
    "dataset_digest",
    "listing",
    "load",
    "pair_facts",
]
