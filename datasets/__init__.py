"""Datasets of image pairs.

``demo``, ``phantom`` and ``folder`` are code; all published ones are record files in
``datasets/records``, which are read and registered here.
"""

from fusebench.datasets import demo, folder, phantom
from fusebench.datasets._base import (
    DATASETS,
    Dataset,
    FrozenPair,
    PairFacts,
    dataset_digest,
    export,
    full_name,
    listing,
    load,
    not_compared,
    pair_facts,
    verify,
)
from fusebench.datasets._check import (
    Check,
    CheckedPair,
    Finding,
    check,
    open_folders,
    published_pairs,
    summary,
)
from fusebench.datasets._downloads import Download, downloads
from fusebench.datasets._records import RECORDS, dataset_folder, register_records, without_images

register_records()

__all__ = [
    "DATASETS",
    "RECORDS",
    "Check",
    "CheckedPair",
    "Dataset",
    "Download",
    "Finding",
    "FrozenPair",
    "PairFacts",
    "check",
    "dataset_digest",
    "dataset_folder",
    "demo",
    "downloads",
    "export",
    "folder",
    "full_name",
    "listing",
    "load",
    "not_compared",
    "open_folders",
    "pair_facts",
    "phantom",
    "published_pairs",
    "summary",
    "verify",
    "without_images",
]
