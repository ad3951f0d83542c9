"""Datasets: declared once, loaded pair by pair, never downloaded on import."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fusebench.bench.images import pixel_digest, write_image
from fusebench.bench.registry import Registry, unknown_name
from fusebench.bench.types import (
    DatasetInfo,
    FusebenchError,
    InputError,
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
    other_digests : tuple of str
        Of the further sources of a series.
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
    other_digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FrozenPair:
    """What a frozen split says of one pair: facts, never pixels.

    Attributes
    ----------
    key, scene : str
        As in `fusebench.bench.types.Pair`.
    title : str
        Name of the picture in its original collection.
    a_digest, b_digest, reference_digest : str or None
        sha256 of the pixels (`fusebench.bench.images.pixel_digest`). None for no reference, and
        for sources of which only the name is known.
    elsewhere : tuple of str
        The same pair in other lists, as ``folder/stem``.
    notes : str
        What is odd about it.
    other_digests : tuple of str
        Of the further sources of a series.
    task : str
        Kind of fusion, where it is not that of the whole dataset.
    """

    key: str
    scene: str
    title: str
    a_digest: str | None
    b_digest: str | None
    reference_digest: str | None
    elsewhere: tuple[str, ...] = ()
    notes: str = ""
    other_digests: tuple[str, ...] = ()
    task: Task | None = None


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
    frozen : mapping of str to FrozenPair
        What the frozen split says of each pair; empty where there is no such split.
    extra : tuple of str
        Files beside the pairs that no pair uses, for datasets with a frozen split.
    complete : bool
        Whether `frozen` lists all pairs; otherwise it is what is known of some.
    files : mapping of str to mapping of str to Path
        The files of each pair by source ("a", "b", "reference", …); empty where there are none.
    """

    name: str
    info: DatasetInfo
    split: str
    keys: tuple[str, ...]
    root: Path | None
    _read: Callable[[str], Pair] = field(repr=False)
    frozen: Mapping[str, FrozenPair] = field(default_factory=dict, repr=False)
    extra: tuple[str, ...] = field(default=(), repr=False)
    complete: bool = True
    files: Mapping[str, Mapping[str, Path]] = field(default_factory=dict, repr=False)

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


def full_name(slug: str, split: str) -> str:
    """Give the name of a dataset, or of a split of it, as commands take it."""
    return f"{slug}:{split}" if split else slug


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
        other_digests=tuple(map(pixel_digest, pair.others)),
    )


def dataset_digest(facts: Sequence[PairFacts]) -> str:
    """Give the sha256 of all keys and pixels, whatever the order and format of the files."""
    digest = hashlib.sha256()
    for f in sorted(facts, key=lambda f: f.key):
        digests = [f.a_digest, f.b_digest, f.reference_digest or "", *f.other_digests]
        digest.update("\n".join([f.key, *digests]).encode())
    return digest.hexdigest()


def verify(dataset: Dataset, facts: Sequence[PairFacts] | None = None) -> list[str]:
    """Compare a dataset with its frozen split.

    Parameters
    ----------
    dataset : Dataset
        With a frozen split (`Dataset.frozen`).
    facts : sequence of PairFacts, optional
        Result of `Dataset.inspect`, to save reading every pair again.

    Returns
    -------
    list of str
        One line per difference: pairs that are missing or cannot be read, images whose pixels
        differ, files that belong to no pair. Empty when everything is as frozen.

    Raises
    ------
    InputError
        If the dataset has no frozen split to compare with.
    """
    if not dataset.frozen:
        raise InputError(
            f"{dataset.name} has no frozen split to compare with: nobody has listed its pixels"
        )
    known = {f.key: f for f in facts or ()}
    differences = []
    if dataset.complete:
        differences += [f"{key}: missing" for key in dataset.frozen if key not in dataset.keys]
    for key in dataset.keys:
        if key not in dataset.frozen and not dataset.complete:
            continue
        try:
            found = known[key] if key in known else pair_facts(dataset[key])
        except FusebenchError as e:
            differences.append(f"{key}: {e}")
        else:
            differences += _differences(dataset, found)
    return differences + [f"extra file: {name}" for name in dataset.extra]


def not_compared(dataset: Dataset) -> list[str]:
    """Give the keys of pairs of which nobody has listed the pixels, so that `verify` is silent."""
    return [
        key
        for key in dataset.keys
        if (frozen := dataset.frozen.get(key)) is None or frozen.a_digest is None
    ]


def _differences(dataset: Dataset, found: PairFacts) -> list[str]:
    frozen = dataset.frozen.get(found.key)
    if frozen is None:
        return [f"{found.key}: not in the frozen split"]
    if frozen.a_digest is None:
        return []
    if (found.a_digest, found.b_digest) == (frozen.b_digest, frozen.a_digest):
        return [f"{found.key}: a and b are exchanged"]
    sides = (
        ("a", found.a_digest, frozen.a_digest),
        ("b", found.b_digest, frozen.b_digest),
        ("reference", found.reference_digest, frozen.reference_digest),
    )
    differences = [
        f"{found.key}: {_named(dataset, found.key, side)} {_instead(dataset, side, is_)}"
        for side, is_, was in sides
        if is_ != was
    ]
    if found.other_digests != frozen.other_digests:
        differences.append(f"{found.key}: a source between a and b has other pixels")
    return differences


def _named(dataset: Dataset, key: str, side: str) -> str:
    """Name a source and, where there is one, its file."""
    path = dataset.files.get(key, {}).get(side)
    return side if path is None else f"{side} ({path.parent.name}/{path.name})"


def _instead(dataset: Dataset, side: str, digest: str | None) -> str:
    """Say what an image is instead of the frozen one."""
    if digest is None:
        return "is missing"
    others = [p.key for p in dataset.frozen.values() if getattr(p, f"{side}_digest") == digest]
    return f"has the pixels of {others[0]}" if others else "has other pixels"


def export(dataset: Dataset, folder: str | Path) -> list[Path]:
    """Write the pairs of a dataset as PNG files, for programs outside fusebench.

    Parameters
    ----------
    dataset : Dataset
        Anything `load` gives.
    folder : path
        Where ``a/KEY.png``, ``b/KEY.png`` and, where there is one, ``reference/KEY.png`` go. A
        dataset of several tasks gets one such folder per task: ``mff/a/KEY.png``.

    Returns
    -------
    list of Path
        The folders that ``load("folder:TASK", root=…)`` reads back, pixel by pixel.

    Raises
    ------
    InputError
        If the folders already hold other files, or cannot be written.
    """
    several = len(dataset.info.tasks) > 1 and len({pair.task for pair in dataset}) > 1
    roots: dict[Path, None] = {}
    for pair in dataset:
        root = Path(folder).expanduser() / (pair.task if several else "")
        images = {"a": pair.a, "b": pair.b, "reference": pair.reference}
        if root not in roots:
            _require_no_others(root, set(images), {f"{key}.png" for key in dataset.keys})
        roots[root] = None
        for name, image in images.items():
            if image is not None:
                write_image(root / name / f"{pair.key}.png", image)
    return list(roots)


def _require_no_others(root: Path, folders: set[str], wanted: set[str]) -> None:
    others = [
        f"{path.parent.name}/{path.name}"
        for name in sorted(folders)
        for path in (sorted((root / name).iterdir()) if (root / name).is_dir() else [])
        if path.name not in wanted
    ]
    if others:
        raise InputError(
            f"{root} already holds {listing('other file', others)}; give an empty folder"
        )


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
    dataset: Dataset = info.loader(split, folder)
    return dataset
