"""What may be wrong with pairs of images: sizes, registration, duplicates, order, emptiness.

Everything here is a suspicion raised by numbers, for a person to look at; it changes nothing. The
limits on shifts were chosen so that the 82 pairs which a survey of 504 public pairs calls shifted
are found, and no others: that they agree is how they were made, not a confirmation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from fusebench.bench.images import luma
from fusebench.bench.types import FusebenchError, Image, InputError, MissingDataError, Pair, Task
from fusebench.datasets._base import DATASETS, Dataset, full_name, pair_facts
from fusebench.datasets._files import list_folder, natural, read_pair, scan, unmatched
from fusebench.datasets._records import RECORDS
from fusebench.datasets._splits import read_split

FindingKind = Literal["files", "size", "depth", "registration", "duplicate", "order", "empty"]

SIDE = 384
"""Longer side, in pixels, that larger images are reduced to before gradients are compared."""

REACH = 8
"""Largest shift tried in each direction, in pixels of the reduced images."""

GAIN = 0.04
LEAST = 0.15
SHIFT = 2.0
"""A shift is suspicious above this gain in correlation, this correlation and this many pixels."""

SAME = 0.98
"""Two sources show the same picture if their thumbnails correlate by more than this."""

CONTENT = 0.02
"""An image is nearly empty if fewer pixels than this share are off its commonest grey level."""

_THUMB = 32


@dataclass(frozen=True, slots=True)
class Registration:
    """How well the gradients of two sources agree, as published and at the best shift.

    Attributes
    ----------
    zero, best : float
        Correlation of the gradient magnitudes without shift and at the best one, in [-1, 1]; NaN
        where a source is flat.
    dx, dy : float
        The best shift of b, in pixels of the images, to the right and down.
    """

    zero: float
    best: float
    dx: float
    dy: float

    @property
    def suspicious(self) -> bool:
        """Whether the sources look shifted against each other."""
        far = max(abs(self.dx), abs(self.dy)) > SHIFT
        return far and self.best > LEAST and self.best - self.zero > GAIN


@dataclass(frozen=True, slots=True)
class Finding:
    """One suspicion.

    Attributes
    ----------
    kind : FindingKind
        What sort of thing it is.
    dataset, key : str
        The pair; an empty key means the whole dataset.
    text : str
        What was found.
    other : tuple of str
        Dataset and key of the other pair, for duplicates.
    """

    kind: FindingKind
    dataset: str
    key: str
    text: str
    other: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CheckedPair:
    """What was measured on one pair.

    Attributes
    ----------
    dataset, key, scene : str
        The pair.
    width, height : int
        Size in pixels.
    channels, bits : tuple of int
        Of a and b; bits of each channel in the file, 8 where there is no file.
    registration : Registration
        Agreement of the gradients.
    known_as : tuple of str
        The same pixels in published lists, as ``slug:split/key``.
    """

    dataset: str
    key: str
    scene: str
    width: int
    height: int
    channels: tuple[int, int]
    bits: tuple[int, int]
    registration: Registration
    known_as: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """Result of `check`: every pair that could be read, and all that is suspicious."""

    pairs: tuple[CheckedPair, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """What is kept of a pair to compare it with others."""

    dataset: str
    key: str
    digests: tuple[str, str]
    thumbs: NDArray[np.float32]


def register(a: Image, b: Image) -> Registration:
    """Compare the gradients of two images at all shifts of a few pixels.

    The gradient magnitudes of the luma (central differences, longer side reduced to 384) are
    correlated at every shift of up to 8 pixels each way, around the edges.

    Parameters
    ----------
    a, b : uint8 array, shape (H, W) or (H, W, 3)
        Images of one height and width, at least 2x2.
    """
    scale = max(1.0, max(a.shape[:2]) / SIDE)
    one, two = (_gradient(image, scale) for image in (a, b))
    if one is None or two is None:
        return Registration(float("nan"), float("nan"), 0.0, 0.0)
    spectrum = np.fft.rfft2(one) * np.conj(np.fft.rfft2(two))
    agreement = np.fft.irfft2(spectrum, s=one.shape) / one.size
    reach = [min(REACH, (side - 1) // 2) for side in one.shape]
    rows, columns = (np.arange(-r, r + 1) for r in reach)
    near = agreement[np.ix_(rows, columns)]
    y, x = np.unravel_index(int(np.argmax(near)), near.shape)
    return Registration(
        zero=float(agreement[0, 0]),
        best=float(near[y, x]),
        dx=float(columns[x]) * scale,
        dy=float(rows[y]) * scale,
    )


def _gradient(image: Image, scale: float) -> NDArray[np.float64] | None:
    """Give the standardised gradient magnitude, or None for a flat image."""
    grey = luma(image)
    if scale > 1:
        height, width = grey.shape
        size = (max(2, round(width / scale)), max(2, round(height / scale)))
        grey = np.asarray(PillowImage.fromarray(grey).resize(size, PillowImage.Resampling.BILINEAR))
    if min(grey.shape) < 2:
        return None
    magnitude = np.hypot(*np.gradient(grey.astype(np.float64)))
    spread = float(magnitude.std())
    return None if spread == 0 else (magnitude - magnitude.mean()) / spread


def check(
    datasets: Sequence[Dataset], progress: Callable[[int, int, str], None] | None = None
) -> Check:
    """Look for what may be wrong with the pairs of one or several datasets.

    Parameters
    ----------
    datasets : sequence of Dataset
        Duplicates are looked for in all of them together.
    progress : callable, optional
        ``move(done, total, what)``.

    Returns
    -------
    Check
    """
    pairs: list[CheckedPair] = []
    findings: list[Finding] = []
    looks: list[_Look] = []
    total = sum(len(dataset) for dataset in datasets)
    for dataset in datasets:
        for key in dataset.keys:
            try:
                pair = dataset[key]
            except FusebenchError as e:
                kind: FindingKind = "size" if "has size" in str(e) else "files"
                findings.append(Finding(kind, dataset.name, key, str(e)))
                continue
            checked, look, found = _check_pair(dataset, pair)
            pairs.append(checked)
            looks.append(look)
            findings += found
            if progress is not None:
                progress(len(pairs), total, f"{dataset.name} {key}")
    return Check(tuple(pairs), (*findings, *_duplicates(looks)))


def _check_pair(dataset: Dataset, pair: Pair) -> tuple[CheckedPair, _Look, list[Finding]]:
    facts = pair_facts(pair)
    digests = (facts.a_digest, facts.b_digest)
    paths = dataset.files.get(pair.key, {})
    bits = (_bits(paths.get("a")), _bits(paths.get("b")))
    registration = register(pair.a, pair.b)
    checked = CheckedPair(
        dataset=dataset.name,
        key=pair.key,
        scene=facts.scene,
        width=facts.width,
        height=facts.height,
        channels=(facts.a_channels, facts.b_channels),
        bits=bits,
        registration=registration,
        known_as=published_pairs().get(digests, ()),
    )
    texts: list[tuple[FindingKind, str]] = []
    if bits[0] != bits[1]:
        texts.append(("depth", f"a has {bits[0]} bits a channel, b has {bits[1]}"))
    if registration.suspicious:
        r = registration
        texts.append(
            (
                "registration",
                f"gradients correlate by {r.zero:.2f}, but by {r.best:.2f} when b is moved by "
                f"({r.dx:.1f}, {r.dy:.1f}) pixels",
            )
        )
    reason = _exchanged(pair, digests)
    if reason:
        texts.append(("order", f"a and b look exchanged: {reason}"))
    for name, image in (("a", pair.a), ("b", pair.b)):
        if _is_nearly_empty(image):
            texts.append(("empty", f"{name} is nearly empty"))
    look = _Look(dataset.name, pair.key, digests, np.stack([_thumb(pair.a), _thumb(pair.b)]))
    return checked, look, [Finding(kind, dataset.name, pair.key, text) for kind, text in texts]


def _bits(path: Path | None) -> int:
    """Bits of one channel, as the file says."""
    if path is None:
        return 8
    with PillowImage.open(path) as handle:
        if handle.mode.startswith("I"):
            return 16
        if handle.mode == "1":
            return 1
        if handle.format == "PNG":
            with path.open("rb") as file:
                return file.read(25)[24]
        stated = getattr(handle, "tag_v2", {}).get(258, (8,))
        return int(stated[0] if isinstance(stated, tuple) else stated)


def _exchanged(pair: Pair, digests: tuple[str, str]) -> str:
    """Say why the sources seem to be in the wrong order, or nothing."""
    published = published_pairs()
    if digests[::-1] in published and digests not in published:
        return f"{published[digests[::-1]][0]} has them the other way round"
    colour = (pair.a.ndim == 3, pair.b.ndim == 3)
    if pair.task == "ivif" and colour == (True, False):
        return "a is in colour and b is not"
    if pair.task == "medical" and colour == (False, True):
        return "b is in colour and a is not"
    if pair.task == "mef" and luma(pair.a).mean() > luma(pair.b).mean():
        return "a is brighter than b"
    return ""


@lru_cache(maxsize=1)
def published_pairs() -> dict[tuple[str, str], tuple[str, ...]]:
    """Give the names of all pairs of frozen lists by the digests of their pixels."""
    names: dict[tuple[str, str], tuple[str, ...]] = {}
    for slug, record in RECORDS.items():
        for split in dict.fromkeys(record.splits.values()):
            for listed in filter(None, (split.listed, *split.known)):
                for key, pair in read_split(listed).items():
                    if pair.a_digest is not None and pair.b_digest is not None:
                        name = f"{full_name(slug, split.name)}/{key}"
                        at = (pair.a_digest, pair.b_digest)
                        names[at] = (*names.get(at, ()), name)
    return names


def _is_nearly_empty(image: Image) -> bool:
    counts = np.bincount(luma(image).ravel(), minlength=256)
    level = int(np.argmax(counts))
    near = counts[max(0, level - 2) : level + 3].sum()
    return bool(1 - near / counts.sum() < CONTENT)


def _thumb(image: Image) -> NDArray[np.float32]:
    small = PillowImage.fromarray(luma(image)).resize((_THUMB, _THUMB), PillowImage.Resampling.BOX)
    values = np.asarray(small, dtype=np.float32).ravel()
    values = values - values.mean()
    length = float(np.linalg.norm(values))
    thumb: NDArray[np.float32] = values / length if length else values
    return thumb


def _duplicates(looks: Sequence[_Look]) -> Iterator[Finding]:
    """Name pairs that show the same as an earlier one, and sources that are used twice."""
    first: dict[str, int] = {}
    thumbs = np.stack([look.thumbs for look in looks]) if looks else np.empty((0, 2, 0))
    for index, look in enumerate(looks):
        straight = np.minimum(*(thumbs[:index, side] @ thumbs[index, side] for side in (0, 1)))
        crossed = np.minimum(*(thumbs[:index, side] @ thumbs[index, 1 - side] for side in (0, 1)))
        r = np.maximum(straight, crossed)
        same = [int(i) for i in np.flatnonzero(r > SAME)]
        for i in same:
            equal = set(look.digests) == set(looks[i].digests)
            how = "has the pixels of" if equal else f"shows the same (r = {r[i]:.3f}) as"
            exchanged = ", with a and b exchanged" if crossed[i] > straight[i] else ""
            yield _duplicate(look, looks[i], how, exchanged)
        for side, digest in zip("ab", look.digests, strict=True):
            i = first.setdefault(digest, index)
            if i != index and i not in same:
                yield _duplicate(look, looks[i], f"{side} is also in")


def _duplicate(look: _Look, other: _Look, how: str, more: str = "") -> Finding:
    text = f"{how} {other.dataset}/{other.key}{more}"
    return Finding("duplicate", look.dataset, look.key, text, (other.dataset, other.key))


# --- finding the pairs ----------------------------------------------------------------------


def open_folders(folder: Path) -> list[Dataset]:
    """Open a folder of pairs, or all the folders of pairs in it, whatever they are.

    A folder that is called like a recorded dataset is read as that; of any other the files that
    match up are taken.

    Raises
    ------
    MissingDataError
        If there are no pairs.
    InputError
        If the files of the folder itself do not match up.
    """
    whole = _open_folder(folder)
    if whole is not None:
        return [whole]
    inside = [path for path in list_folder(folder) if path.is_dir()]
    found = [dataset for path in inside if (dataset := _open_folder(path)) is not None]
    if not found:
        raise MissingDataError(f"no pairs of images in {folder} or in the folders in it")
    return found


def _open_folder(folder: Path) -> Dataset | None:
    slug = folder.resolve().name.lower()
    if slug in RECORDS and "" in RECORDS[slug].splits:
        try:
            named: Dataset = DATASETS[slug].loader("", folder)
            return replace(named, name=slug)
        except FusebenchError:
            pass  # it only has the name; what does not fit is for the common layouts to say
    found = scan(folder)
    if found is None or not any(found.files.values()):
        return None
    problems = unmatched(found)
    if problems:
        raise InputError(f"{folder}: {'; '.join(problems)}")
    # Names such as a and b do not imply a task; multi-focus has no rule of order to break.
    task: Task = found.task or "mff"
    files = {
        key: {side: paths[key] for side, paths in found.files.items() if key in paths}
        for key in sorted(found.files["a"], key=natural)
    }
    return Dataset(
        name=folder.resolve().name,
        info=DATASETS["folder"],
        split="",
        keys=tuple(files),
        root=folder,
        _read=lambda key: read_pair(key, task, "", files[key]),
        files=files,
    )


def summary(result: Check) -> str:
    """Say in one line what a check found."""
    counts = Counter(finding.kind for finding in result.findings)
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return f"{len(result.pairs)} pairs checked; {found or 'nothing suspicious'}"
