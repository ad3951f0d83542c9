"""Datasets: declared once, loaded pair by pair, never downloaded on import."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fusebench.bench.images import pixel_digest
from fusebench.bench.registry import Registry, unknown_name
from fusebench.bench.types import (
    DatasetInfo,
    FusebenchError,
    InputError,
    MissingDataError,
    Pair,
    Task,
)

DATASETS: Registry[DatasetInfo] = Registry("dataset")


@dataclass(frozen=True, slots=True)
class PairFacts:
    """What a run stores of a pair without keeping its pixels.

    Attributes
    ----------
    key, task, scene
        As in `fusebench.bench.types.Pair`.
    height, width : int
        Size in pixels.
    a_channels, b_channels : int
        1 for grey, 3 for colour.
    a_digest, b_digest, reference_digest : str
        sha256 of the pixels; None for a missing reference.
    """

    key: str
    task: Task
    scene: str
    height: int
    width: int
    a_channels: int
    b_channels: int
    a_digest: str
    b_digest: str
    reference_digest: str | None


@dataclass(frozen=True)
class Dataset:
    """Pairs that are read when asked for, so that memory does not grow with their number.

    Attributes
    ----------
    name : str
        ``slug`` or ``slug:split``.
    info : DatasetInfo
        The declaration it was loaded from.
    split : str
        Name of the split, "" where there is only one.
    keys : tuple of str
        Keys of its pairs, in order.
    root : Path or None
        Folder the images are in; None where they are made at run time.
    """

    name: str
    info: DatasetInfo
    split: str
    keys: tuple[str, ...]
    root: Path | None
    _read: Callable[[str], Pair] = field(repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Pair]:
        return (self[key] for key in self.keys)

    def __getitem__(self, key: str) -> Pair:
        """Read one pair.

        Raises
        ------
        InputError
            If there is no such key, or its files cannot be read or differ in size.
        """
        if key not in self.keys:
            raise InputError(f"{self.name} has no pair {key!r}; it has {_shorten(self.keys)}")
        return self._read(key)

    def inspect(self) -> list[PairFacts]:
        """Read every pair once, and report all that is wrong before any work starts.

        Raises
        ------
        InputError
            Naming every pair that cannot be used.
        """
        facts, problems = [], []
        for key in self.keys:
            try:
                facts.append(pair_facts(self._read(key)))
            except FusebenchError as e:
                problems.append(f"{key}: {e}")
        if problems:
            raise InputError(f"{self.name}: {listing('unusable pair', problems)}")
        return facts


def pair_facts(pair: Pair) -> PairFacts:
    """Describe a pair by its sizes and pixel digests."""
    return PairFacts(
        key=pair.key,
        task=pair.task,
        scene=pair.scene or pair.key,
        height=pair.a.shape[0],
        width=pair.a.shape[1],
        a_channels=1 if pair.a.ndim == 2 else 3,
        b_channels=1 if pair.b.ndim == 2 else 3,
        a_digest=pixel_digest(pair.a),
        b_digest=pixel_digest(pair.b),
        reference_digest=None if pair.reference is None else pixel_digest(pair.reference),
    )


def dataset_digest(facts: Sequence[PairFacts]) -> str:
    """Give the sha256 of all keys and pixels, whatever the order and format of the files."""
    digest = hashlib.sha256()
    for f in sorted(facts, key=lambda f: f.key):
        digest.update("\n".join([f.key, f.a_digest, f.b_digest, f.reference_digest or ""]).encode())
    return digest.hexdigest()


def listing(what: str, names: Sequence[str], most: int = 10) -> str:
    """Write a count and the names in one line: ``2 missing files: 01; 07``."""
    more = f"; and {len(names) - most} more" if len(names) > most else ""
    plural = "" if len(names) == 1 else "s"
    return f"{len(names)} {what}{plural}: {'; '.join(names[:most])}{more}"


def _shorten(keys: Sequence[str]) -> str:
    return ", ".join(keys) if len(keys) <= 6 else f"{', '.join(keys[:3])} … {keys[-1]}"


def load(name: str, root: str | Path | None = None) -> Dataset:
    """Open a dataset by name.

    Parameters
    ----------
    name : str
        ``slug`` or ``slug:split``, for example ``"demo"`` or ``"tno:25"``.
    root : path, optional
        Folder with the images, for datasets that need one.

    Returns
    -------
    Dataset
        Its pairs are read when asked for.

    Raises
    ------
    UnknownNameError
        If there is no such dataset or split.
    MissingDataError
        If the images are not under `root`, with the layout that was expected.
    InputError
        If files do not match up.
    """
    slug, _, split = name.partition(":")
    info = DATASETS[slug]
    if split not in info.splits:
        raise unknown_name(f"split of {slug}", split, [s for s in info.splits if s])
    folder = None if root is None else Path(root).expanduser()
    if folder is None and info.needs_root:
        raise MissingDataError(
            f"{name} needs the folder of its images: give --root DIR (expected {info.layout})"
        )
    dataset: Dataset = info.loader(split, folder)
    return dataset
