"""Pairs of image files: the layouts met in the wild, and matching them up.

A folder of pairs holds either two folders whose files match by stem (``ir/01.png`` and
``vi/01.bmp``) or the files themselves, told apart by a suffix (``01_ir.png`` and ``01_vi.bmp``);
both draw their names from one table. Hidden files and text files beside the images are left alone;
everything else has to fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from fusebench.bench.images import collapse_grey, is_image_file, read_image, require_same_size
from fusebench.bench.types import InputError, MissingDataError, Pair, Task
from fusebench.datasets._base import listing


@dataclass(frozen=True)
class Layout:
    """Names of the two sources, as folders or suffixes, in lower case.

    Attributes
    ----------
    task : Task or None
        Kind of fusion that the names imply; None where they imply none.
    a, b : tuple of str
        Names of the first and second source; any of one goes with any of the other.
    """

    task: Task | None
    a: tuple[str, ...]
    b: tuple[str, ...]

    def __str__(self) -> str:
        return f"{'|'.join(self.a)} and {'|'.join(self.b)}"


LAYOUTS = (
    Layout("ivif", ("ir", "infrared", "thermal"), ("vi", "vis", "visible")),
    Layout("mff", ("near",), ("far",)),
    Layout("mef", ("under",), ("over",)),
    Layout("medical", ("ct", "pet", "spect"), ("mri",)),
    Layout(None, ("a",), ("b",)),
    Layout(None, ("1",), ("2",)),
)
"""Every pair of names that is recognised, in upper or lower case."""

REFERENCE = ("reference", "gt")
"""Names of the ideal fused image, as folder or suffix."""

JUNK_NAMES = frozenset({"thumbs.db", "desktop.ini"})
JUNK_ENDINGS = frozenset({".txt", ".csv", ".json", ".md"})
"""Files that lie beside images and are left alone, as hidden ones are."""

LAYOUT_IN_WORDS = (
    "two folders matched by file stem, or one folder with suffixes (01_ir.png and 01_vi.png), "
    f"named {'; '.join(map(str, LAYOUTS))}; optionally {'|'.join(REFERENCE)}"
)

_SUFFIX = re.compile(r"(?P<key>.+)[-_](?P<name>[^-_]+)")

Files = dict[str, Path]
"""Image files by key."""


@dataclass
class Found:
    """Image files of one folder of pairs, by source and key.

    Attributes
    ----------
    task : Task or None
        Kind of fusion that the names imply; None where they imply none.
    names : dict of str to str
        How each source is called there: ``{"a": "ir/", "b": "vi/"}`` or ``{"a": "_ir", …}``.
    files : dict of str to Files
        Image files of "a", "b" and, where there is one, "reference"; for series also of the
        sources between, as "2", "3" and so on.
    strays : list of str
        Files that are neither images of a pair nor known to be harmless.
    """

    task: Task | None
    names: dict[str, str]
    files: dict[str, Files]
    strays: list[str] = field(default_factory=list)


def scan(root: Path, layouts: Sequence[Layout] = LAYOUTS) -> Found | None:
    """Look for pairs in a folder.

    Parameters
    ----------
    root : Path
        Folder to look in.
    layouts : sequence of Layout
        Layouts to recognise.

    Returns
    -------
    Found or None
        None where there is nothing that fits a layout.

    Raises
    ------
    MissingDataError
        If there is no such folder.
    InputError
        If it fits more than one layout, half a layout, or two files claim one place.
    """
    entries = list_folder(root)
    folders = [path for path in entries if path.is_dir()]
    loose = [path for path in entries if not path.is_dir() and not _is_junk(path)]
    pictures = [path for path in loose if is_image_file(path)]
    layout, sides = _sides(root, {path.name: path for path in folders}, layouts, "folder")
    suffixed = [parts for path in pictures if (parts := _parts(path, layouts)) is not None]
    if layout is not None:
        if suffixed:
            raise InputError(
                f"{root} holds both the folders {_and(f'{p.name}/' for p in sides.values())} and "
                f"{listing('image', [p.name for _, _, p in suffixed], 3)}; keep one layout"
            )
        return _two_folders(root, layout, sides, [path.name for path in loose])
    suffixes = {name: Path(name) for _, name, _ in suffixed}
    layout, _ = _sides(root, suffixes, layouts, "suffix")
    return None if layout is None else _one_folder(root, layout, suffixed, loose)


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)


def list_folder(folder: Path) -> list[Path]:
    """Give what is in a folder, in order, without hidden files.

    Raises
    ------
    MissingDataError
        If there is no such folder, or it cannot be listed.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise MissingDataError(f"{folder} {what}; give the folder that holds the images")
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as e:
        raise MissingDataError(f"{folder} cannot be listed: {e.strerror or e}") from None


def _is_junk(path: Path) -> bool:
    return path.name.lower() in JUNK_NAMES or path.suffix.lower() in JUNK_ENDINGS


def _parts(path: Path, layouts: Sequence[Layout]) -> tuple[str, str, Path] | None:
    """Take ``01_ir.png`` apart into its key and its suffix, if it is one that a layout knows."""
    known = {*REFERENCE, *(name for layout in layouts for name in (*layout.a, *layout.b))}
    match = _SUFFIX.fullmatch(path.stem)
    if match is None or match["name"].lower() not in known:
        return None
    return match["key"], match["name"], path


def _sides(
    root: Path, present: Mapping[str, Path], layouts: Sequence[Layout], kind: str
) -> tuple[Layout | None, dict[str, Path]]:
    """Find the one layout that names fit, and which name is which source."""

    def named(names: Sequence[str]) -> list[str]:
        return [name for name in present if name.lower() in names]

    fitting = [layout for layout in layouts if named(layout.a) or named(layout.b)]
    if not fitting:
        return None, {}
    if len(fitting) > 1:
        names = [name for layout in fitting for name in named(layout.a + layout.b)]
        raise InputError(f"{root} holds more than one layout: {kind}s {_and(names)}; keep one")
    layout = fitting[0]
    sides = {}
    for side, wanted in (("a", layout.a), ("b", layout.b), ("reference", REFERENCE)):
        candidates = named(wanted)
        if len(candidates) > 1 and kind == "folder":
            raise InputError(f"{root} holds {_and(candidates)}, which all mean {side}; keep one")
        if candidates:
            sides[side] = present[candidates[0]]
        elif side != "reference":
            other = _and(named(layout.a + layout.b))
            raise InputError(f"{root} holds the {kind} {other}, but no {' or '.join(wanted)}")
    return layout, sides


def _two_folders(root: Path, layout: Layout, sides: Mapping[str, Path], strays: list[str]) -> Found:
    names = {side: f"{folder.name}/" for side, folder in sides.items()}
    files: dict[str, Files] = {}
    twice = []
    for side, folder in sides.items():
        found: Files = {}
        for path in list_folder(folder):
            label = f"{names[side]}{path.name}"
            if path.is_dir() or _is_junk(path):
                continue
            if not is_image_file(path):
                strays.append(label)
            elif path.stem in found:
                twice.append(f"{names[side]}{found[path.stem].name} and {label}")
            else:
                found[path.stem] = path
        files[side] = found
    _require_once(root, twice)
    return Found(layout.task, names, files, strays)


def _one_folder(
    root: Path, layout: Layout, suffixed: Sequence[tuple[str, str, Path]], loose: Sequence[Path]
) -> Found:
    files: dict[str, Files] = {}
    names: dict[str, str] = {}
    twice = []
    for key, name, path in suffixed:
        lower = name.lower()
        side = "a" if lower in layout.a else "b" if lower in layout.b else "reference"
        names.setdefault(side, f"{path.stem[len(key)]}{name}")
        found = files.setdefault(side, {})
        if key in found:
            twice.append(f"{found[key].name} and {path.name}")
        found.setdefault(key, path)
    _require_once(root, twice)
    paired = {path for _, _, path in suffixed}
    return Found(layout.task, names, files, [path.name for path in loose if path not in paired])


def _require_once(root: Path, twice: list[str]) -> None:
    if twice:
        raise InputError(f"{root}: {listing('double stem', twice)}; keep one file of each")


def unmatched(found: Found) -> list[str]:
    """Name every stem that one source has and another lacks, source by source."""
    pairs = {side: files for side, files in found.files.items() if not side.isdigit()}
    keys = {key for files in pairs.values() for key in files}
    problems = []
    for side, files in pairs.items():
        missing = sorted(keys - set(files), key=natural)
        if missing:
            problems.append(f"{found.names[side]} lacks {listing('stem', missing)}")
    if problems and len({key.lower() for key in keys}) < len(keys):
        problems.append("some stems differ only in upper and lower case, which counts")
    return problems


def natural(key: str) -> list[int | str]:
    """Sort "2" before "10"."""
    parts = re.split(r"([0-9]+)", key)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def read_pair(key: str, task: Task, scene: str, files: Mapping[str, Path]) -> Pair:
    """Read one pair from its files.

    Parameters
    ----------
    key, task, scene
        As in `fusebench.bench.types.Pair`.
    files : mapping of str to Path
        The file of "a", of "b" and, where there is one, of "reference"; any other name is a source
        between a and b, in order.

    Raises
    ------
    MissingDataError
        If a file is gone.
    InputError
        If a file cannot be read, or the sizes differ.
    """
    images = {side: read_image(path) for side, path in files.items()}
    require_same_size({str(files[side]): image for side, image in images.items()})
    a, b, reference = images.pop("a"), images.pop("b"), images.pop("reference", None)
    return Pair(key, task, a, b, reference, scene, tuple(images.values()))


def read_packed(key: str, task: Task, path: Path) -> Pair:
    """Read a pair from one file with four channels: red, green, blue and infrared.

    Raises
    ------
    InputError
        If it has other channels, or cannot be read.
    """
    try:
        with PillowImage.open(path) as handle:
            if handle.mode != "RGBA":
                raise InputError(f"{path} has the channels {handle.mode}; expected four")
            planes = np.array(handle)
    except (OSError, SyntaxError, ValueError) as e:
        if isinstance(e, InputError):
            raise
        raise InputError(f"{path} cannot be read as an image: {e}") from None
    colour = np.ascontiguousarray(planes[..., :3])
    return Pair(key, task, np.ascontiguousarray(planes[..., 3]), collapse_grey(colour))
