"""Published datasets, declared as data: one TOML file each in ``datasets/records``.

A record says what is known of a dataset, which splits it has and how its files lie on people's
disks. Three kinds of split:

* listed: a CSV in ``datasets/splits`` names its pairs. All have to be there, and their pixels are
  those listed (of a few only the names are known);
* counted: nobody has listed it here, but its number of pairs is known, and has to be right;
* open: the pairs that are there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from fusebench.bench.folders import cache_folder
from fusebench.bench.registry import unknown_name
from fusebench.bench.types import DatasetInfo, InputError, MissingDataError, Pair, Problem, Task
from fusebench.datasets._base import DATASETS, Dataset, FrozenPair, listing
from fusebench.datasets._files import (
    LAYOUTS,
    Found,
    list_folder,
    natural,
    read_packed,
    read_pair,
    scan,
    unmatched,
)
from fusebench.datasets._patterns import Patterns, match
from fusebench.datasets._splits import read_split

FOLDER = Path(__file__).parent / "records"

_NUMBER = re.compile(r"\d+$")


@dataclass(frozen=True)
class Split:
    """How one split is found and checked.

    Attributes
    ----------
    name : str
        Its own name, "" for the one that has none.
    pairs : int or None
        Number of pairs; None if open.
    listed : str
        Name of the CSV that lists all of it.
    known : tuple of str
        Names of CSVs that list some of it.
    folders : tuple of str
        Folders, in lower case, that hold it, with its keys as stems.
    layouts : tuple of Patterns
        Where its files lie in the whole dataset.
    keys_in : str
        A text file of the dataset with one key on each line, "" for none.
    ends : bool
        Whether of each series the first and last source make a pair.
    training : bool
        Whether it is meant for training.
    """

    name: str
    pairs: int | None = None
    listed: str = ""
    known: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    layouts: tuple[Patterns, ...] = ()
    keys_in: str = ""
    ends: bool = False
    training: bool = False

    def frozen(self) -> dict[str, FrozenPair]:
        """Read what is listed of its pairs, by key."""
        names = [self.listed] if self.listed else self.known
        pairs = {key: pair for name in names for key, pair in read_split(name).items()}
        if not self.ends:
            return pairs
        return {key: replace(pair, other_digests=()) for key, pair in pairs.items()}


@dataclass(frozen=True)
class Record:
    """A record file.

    Attributes
    ----------
    info : DatasetInfo
        What is known of the dataset.
    splits : mapping of str to Split
        Every name that a split goes by.
    folders : tuple of str
        Folders, in lower case, that hold the dataset or some split of it.
    layouts : tuple of Patterns
        Layouts that only this dataset has; they come before the common ones.
    common : bool
        Whether the common layouts are recognised too.
    packed : str
        Pattern of files with four channels, colour and infrared; "" for none.
    repository : str
        ``owner/name@commit`` on GitHub that held the files when they were listed, "" for none.
    """

    info: DatasetInfo
    splits: Mapping[str, Split]
    folders: tuple[str, ...] = ()
    layouts: tuple[Patterns, ...] = ()
    common: bool = True
    packed: str = ""
    repository: str = ""


RECORDS: dict[str, Record] = {}
"""Record files by slug."""


def read_record(path: Path) -> Record:
    """Read a record file; its stem is the slug.

    Raises
    ------
    InputError
        If a table has keys that mean nothing.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    splits: dict[str, Split] = {}
    for name, values in table.pop("splits").items():
        also = values.pop("also", None)
        values["layouts"] = _layouts(values.pop("layouts", ()))
        splits[name] = _make(Split, path, {"name": name, **values})
        if also is not None:
            splits[also] = splits[name]
    names = ("folders", "common", "packed", "repository")
    own = {name: table.pop(name) for name in names if name in table}
    own["layouts"] = _layouts(table.pop("layouts", ()))
    problems = tuple(_make(Problem, path, {"keys": (), **p}) for p in table.pop("problems", ()))
    info = _make(
        DatasetInfo,
        path,
        {
            "slug": path.stem,
            "splits": {name: split.pairs for name, split in splits.items()},
            "training": tuple(name for name, split in splits.items() if split.training),
            "problems": problems,
            "loader": partial(load_record, path.stem),
            **table,
        },
    )
    record: Record = _make(Record, path, {"info": info, "splits": splits, **own})
    return record


def _layouts(tables: Sequence[Mapping[str, Any]]) -> tuple[Patterns, ...]:
    return tuple(Patterns(tuple(t["sources"]), t.get("reference", "")) for t in tables)


def _make(kind: type[Any], path: Path, values: Mapping[str, Any]) -> Any:
    tuples = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    try:
        return kind(**tuples)
    except TypeError as e:
        raise InputError(f"{path.name} is not a record: {e}") from None


def register_records() -> None:
    """Read every record file and register its dataset."""
    for path in sorted(FOLDER.glob("*.toml")):
        record = read_record(path)
        RECORDS[path.stem] = record
        DATASETS.add(record.info)


def split_of(name: str) -> Split:
    """Give the split that ``slug`` or ``slug:split`` names, of a recorded dataset.

    Raises
    ------
    UnknownNameError
        If there is no such split.
    """
    slug, _, split = name.partition(":")
    splits = RECORDS[slug].splits
    if split not in splits:
        raise unknown_name(f"split of {slug}", split, [s for s in splits if s])
    return splits[split]


def without_images(name: str, keys: Sequence[str]) -> Dataset:
    """Describe a dataset by what is listed of it, where its images are not at hand.

    Parameters
    ----------
    name : str
        ``slug`` or ``slug:split``.
    keys : sequence of str
        Keys of the pairs that somebody has.

    Returns
    -------
    Dataset
        For `fusebench.datasets.verify`; none of its pairs can be read.

    Raises
    ------
    UnknownNameError
        If there is no such dataset or split.
    """
    slug, _, split = name.partition(":")
    info = DATASETS[slug]
    if split not in info.splits:
        raise unknown_name(f"split of {slug}", split, [s for s in info.splits if s])

    def read(key: str) -> Pair:
        raise MissingDataError(f"the images of {name} are not at hand, nor is {key}")

    if slug in RECORDS:
        frozen, complete = split_of(name).frozen(), bool(split_of(name).listed)
    elif info.needs_root:
        frozen, complete = {}, False
    else:
        frozen, complete = dict(info.loader(split, None).frozen), True
    return Dataset(name, info, split, tuple(keys), None, read, frozen, complete=complete)


def dataset_folder(name: str) -> Path:
    """Give the folder that `fusebench datasets get` puts a dataset into."""
    slug, _, split = name.partition(":")
    if slug in RECORDS:
        split = split_of(name).name
    named = f"{slug}-{split}" if split else slug
    return cache_folder() / "datasets" / f"{named}-v{DATASETS[slug].version}"


def load_record(slug: str, split: str, root: Path | None) -> Dataset:
    """Open a split of a recorded dataset: in `root`, else where it was downloaded to.

    Raises
    ------
    MissingDataError
        If there are no images, or some pairs are missing: all are named.
    InputError
        If files do not match up.
    """
    record = RECORDS[slug]
    spec = record.splits[split]
    name = f"{slug}:{spec.name}" if spec.name else slug
    if root is None:
        root = dataset_folder(name)
        if not root.is_dir():
            raise MissingDataError(
                f"{name} needs the folder of its images: give --root DIR (expected "
                f"{record.info.layout}), or see 'fusebench datasets get {name}'"
            )
    opened = _Opening(record, spec, name, root)
    return opened.listed() if spec.listed else opened.found()


@dataclass
class _Opening:
    """One split of a dataset, being looked for under a folder."""

    record: Record
    spec: Split
    name: str
    root: Path
    places: dict[str, Found] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.frozen = self.spec.frozen()
        self.places = self._find_places()
        if not self.places:
            raise MissingDataError(
                f"no images of {self.name} in {self.root}; expected {self.record.info.layout}"
            )

    # --- where ------------------------------------------------------------------------------

    def _find_places(self) -> dict[str, Found]:
        """Look into the root and the folders in it whose names are known; "" is the root."""
        known = {*self.spec.folders, *self.record.folders}
        known |= {folder for pair in self.frozen.values() for folder, _ in _places_of(pair)}
        named = self.root.resolve().name.lower()
        inside = {p.name.lower(): p for p in list_folder(self.root) if p.is_dir()}
        places = {name: self._look(path) for name, path in inside.items() if name in known}
        try:
            places[named if named in known else ""] = self._look(self.root)
        except InputError:
            # A folder of folders may have any others beside those that are looked for.
            if not any(places.values()):
                raise
        return {name: found for name, found in places.items() if found is not None}

    def _look(self, folder: Path) -> Found | None:
        for patterns in (*self.spec.layouts, *self.record.layouts):
            if (found := match(folder, patterns)) is not None:
                return found
        if self.record.packed:
            packed = Patterns((self.record.packed, self.record.packed))
            if (found := match(folder, packed)) is not None:
                return found
        if not self.record.common:
            return None
        tasks = self.record.info.tasks
        return scan(folder, [layout for layout in LAYOUTS if layout.task in (None, *tasks)])

    # --- which ------------------------------------------------------------------------------

    def listed(self) -> Dataset:
        """Open a split whose pairs are listed."""
        files: dict[str, dict[str, Path]] = {}
        missing = []
        for key, pair in self.frozen.items():
            candidates = [(folder, key) for folder in self.spec.folders]
            candidates += _places_of(pair)
            candidates += [(folder, key) for folder in (*self.record.folders, "")]
            tried = [_sources(self.places[f], stem) for f, stem in candidates if f in self.places]
            files[key] = max(tried, key=len, default={})
            lacking = [side for side in ("a", "b") if side not in files[key]]
            if lacking:
                missing.append(f"{key} (no {' and no '.join(lacking)})")
        if missing:
            raise MissingDataError(
                f"{self.name}: {listing('incomplete pair', missing)} in {self.root}; "
                f"expected {self.record.info.layout}"
            )
        return self._dataset(files, complete=True)

    def found(self) -> Dataset:
        """Open the pairs that are there, and check their number where it is known."""
        files: dict[str, dict[str, Path]] = {}
        folders = (*self.spec.folders, *self.record.folders, "")
        for found in (self.places[name] for name in folders if name in self.places):
            problems = unmatched(found)
            if problems:
                raise InputError(f"{self.root}: {'; '.join(problems)}")
            for key in found.files["a"]:
                sides = {s: f[key] for s, f in found.files.items() if key in f}
                files.setdefault(key, sides)
        if self.spec.keys_in:
            files = {key: files[key] for key in self._keys_in_file(files)}
        if self.spec.pairs is not None and len(files) != self.spec.pairs:
            raise MissingDataError(
                f"{self.name} has {self.spec.pairs} pairs, but {self.root} holds {len(files)}; "
                f"expected {self.record.info.layout}"
            )
        return self._dataset(dict(sorted(files.items(), key=lambda f: natural(f[0]))))

    def _keys_in_file(self, files: Mapping[str, Any]) -> list[str]:
        path = self.root / self.spec.keys_in
        if not path.is_file():
            raise MissingDataError(f"{self.name} needs {path}, which lists its pairs")
        keys = [Path(line.strip()).stem for line in path.read_text().splitlines() if line.strip()]
        missing = [key for key in keys if key not in files]
        if missing:
            raise MissingDataError(f"{self.name}: {listing('missing pair', missing)}")
        return keys

    def _dataset(self, files: dict[str, dict[str, Path]], complete: bool = False) -> Dataset:
        if self.spec.ends:
            files = {
                key: {side: path for side, path in sides.items() if not side.isdigit()}
                for key, sides in files.items()
            }
        frozen = self.frozen
        general: Task = self.record.info.tasks[0]

        def read(key: str) -> Pair:
            if files[key]["a"] == files[key]["b"]:
                return read_packed(key, general, files[key]["a"])
            pair = frozen.get(key)
            task = pair.task or general if pair else general
            return read_pair(key, task, pair.scene if pair else "", files[key])

        return Dataset(
            name=self.name,
            info=self.record.info,
            split=self.spec.name,
            keys=tuple(files),
            root=self.root,
            _read=read,
            frozen=frozen if complete else {key: p for key, p in frozen.items() if key in files},
            extra=tuple(self._extra(files)) if complete else (),
            complete=complete,
            files=files,
        )

    def _extra(self, files: Mapping[str, Mapping[str, Path]]) -> Iterator[str]:
        """Name the files that no pair uses, in folders that should hold this split only."""
        used = {path for sides in files.values() for path in sides.values()}
        folders = self.spec.folders
        if all(split.listed for split in self.record.splits.values()):
            folders = (*folders, *self.record.folders, "")
        for name in folders:
            if name in self.places:
                found = self.places[name]
                paths = [found.files[side][key] for side in ("a", "b") for key in found.files[side]]
                yield from (f"{p.parent.name}/{p.name}" for p in paths if p not in used)
                yield from found.strays


def _places_of(pair: FrozenPair) -> list[tuple[str, str]]:
    return [(folder, stem) for folder, _, stem in (p.partition("/") for p in pair.elsewhere)]


def _sources(found: Found, stem: str) -> dict[str, Path]:
    """Give the files of one pair: by stem, by stem in another case, or by a number at its end."""
    sources = {}
    for side, files in found.files.items():
        if stem in files:
            sources[side] = files[stem]
        elif side in ("a", "b"):
            number = _number(stem)
            same = [path for key, path in files.items() if key.lower() == stem.lower()] or [
                path for key, path in files.items() if number is not None and _number(key) == number
            ]
            if len(same) == 1:
                sources[side] = same[0]
    return sources


def _number(stem: str) -> int | None:
    found = _NUMBER.search(stem)
    return None if found is None else int(found[0])
