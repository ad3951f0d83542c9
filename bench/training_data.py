"""Data to train networks on: pairs that are in no test split, and crops of them.

Everything random is drawn from a generator of its own for each crop, which follows from the seed
and the crop's number alone: a training that was stopped goes on with the same crops.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fusebench import datasets
from fusebench.bench.images import luma, pixel_digest
from fusebench.bench.types import Image, InputError, Pair
from fusebench.datasets import _optics as optics
from fusebench.datasets._base import dataset_digest, listing, pair_facts
from fusebench.datasets._splits import FOLDER, read_split

if TYPE_CHECKING:
    from fusebench.methods._recipes.base import Recipe

Plane: TypeAlias = NDArray[np.float32]
Planes: TypeAlias = dict[str, Plane]

# Planes that are kept in memory; what does not fit is read again when its turn comes.
_MEMORY = 2 << 30

_HELD_OUT = 6
"""Scenes that are left for validation."""

# Radius of the disc of what is out of focus, in pixels, and share of the picture that is near.
_BLUR, _NEAR = (1.5, 6.0), (0.25, 0.75)

# Most grain that is laid over a photograph, as a standard deviation in grey levels.
_GRAIN = 25.0


@lru_cache(maxsize=1)
def test_digests() -> Mapping[str, str]:
    """Give the split and key of every image of the test splits by the digest of its pixels."""
    training = {
        name
        for record in datasets.RECORDS.values()
        for split in record.splits.values()
        if split.training
        for name in (split.listed, *split.known)
    }
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.csv")):
        if path.stem in training:
            continue
        for pair in read_split(path.stem).values():
            digests = (pair.a_digest, pair.b_digest, pair.reference_digest, *pair.other_digests)
            found.update((d, f"{path.stem}/{pair.key}") for d in digests if d)
    return found


def tested(pair: Pair) -> str | None:
    """Say which test pair an image of a pair is of, however it was turned or mirrored."""
    known = test_digests()
    for image in (pair.a, pair.b, pair.reference, *pair.others):
        for turned in _orientations(image) if image is not None else ():
            if (name := known.get(pixel_digest(turned))) is not None:
                return name
    return None


def _orientations(image: Image) -> Iterator[Image]:
    for turns in range(4):
        turned = np.rot90(image, turns)
        yield turned
        yield turned[:, ::-1]


@dataclass
class TrainingData:
    """Pairs in memory, and crops of them.

    Attributes
    ----------
    names : tuple of str
        The datasets.
    digest : str
        sha256 of all keys and pixels, those of validation too.
    keys, held_out : tuple of str
        Pairs to train on, and to validate with, as ``dataset/key``.
    pairs : dict
        Where they are read: dataset and key.
    photographs : bool
        Whether pairs are made from photographs.
    """

    names: tuple[str, ...]
    digest: str
    keys: tuple[str, ...]
    held_out: tuple[str, ...]
    pairs: dict[str, tuple[datasets.Dataset, str]] = field(repr=False)
    photographs: bool
    _kept: dict[str, dict[str, Image]] = field(default_factory=dict, repr=False)
    _bytes: int = 0

    def crop(self, number: int, size: int, seed: int) -> Planes:
        """Give the crop of a number, turned and mirrored at random.

        Parameters
        ----------
        number : int
            Counts crops from 0. Every pair gives one crop before any gives another.
        size : int
            Side in pixels; smaller images are mirrored at their borders.
        seed : int

        Returns
        -------
        dict of str to array, shape (C, size, size)
            ``a`` and ``b`` in [0, 1]: luma of pairs that are there, three channels of pairs that
            are made; of those also the ``reference``, and the ``mask`` of one channel.
        """
        turn, place = divmod(number, len(self.keys))
        order = np.random.default_rng((seed, 0, turn)).permutation(len(self.keys))
        rng = np.random.default_rng((seed, 1, number))
        images = self._planes(self.keys[order[place]])
        height, width = next(iter(images.values())).shape[:2]
        margin = max(size - height, 0), max(size - width, 0)
        top = int(rng.integers(height + margin[0] - size + 1))
        left = int(rng.integers(width + margin[1] - size + 1))
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        found = {}
        for name, image in images.items():
            if any(margin):
                around = [(0, margin[0]), (0, margin[1]), (0, 0)][: image.ndim]
                image = np.pad(image, around, mode="symmetric")
            cut = np.rot90(image[top : top + size, left : left + size], turns)
            found[name] = cut[:, ::-1] if mirrored else cut
        return self._made(found["photograph"], rng) if self.photographs else _scaled(found)

    def validation(self) -> Iterator[Planes]:
        """Give whole pairs that training never sees, always the same."""
        for number, key in enumerate(self.held_out):
            images = self._planes(key)
            if self.photographs:
                yield self._made(images["photograph"], np.random.default_rng((0, 2, number)))
            else:
                yield _scaled(images)

    def _planes(self, key: str) -> dict[str, Image]:
        if key in self._kept:
            return self._kept[key]
        dataset, own = self.pairs[key]
        return self.keep(key, dataset[own])

    def keep(self, key: str, pair: Pair) -> dict[str, Image]:
        """Give the planes of a pair, and remember them while there is memory."""
        planes = _planes(pair, self.photographs)
        size = sum(plane.nbytes for plane in planes.values())
        if self._bytes + size <= _MEMORY:
            self._kept[key] = planes
            self._bytes += size
        return planes

    def _made(self, photograph: Image, rng: np.random.Generator) -> Planes:
        images, mask = focused(photograph, rng)
        return {**_scaled(images), "mask": mask[None]}


def _scaled(images: Mapping[str, Image]) -> Planes:
    """Give images as planes ``(C, H, W)`` in [0, 1]."""
    found = {}
    for name, image in images.items():
        planes = image[None] if image.ndim == 2 else np.moveaxis(image, 2, 0)
        found[name] = np.ascontiguousarray(planes, dtype=np.float32) / np.float32(255)
    return found


def focused(photograph: Image, rng: np.random.Generator) -> tuple[dict[str, Image], Plane]:
    """Make a multi-focus pair from a photograph: a region in front, and what is behind it.

    Parameters
    ----------
    photograph : uint8 array, shape (H, W) or (H, W, 3)
    rng : Generator
        Chooses the region and how far the rest is out of focus.

    Returns
    -------
    images : dict
        ``a`` with the region in focus, ``b`` with the rest in focus, and the ``reference``.
    mask : float32 array, shape (H, W)
        1 in the region, 0 outside.

    Notes
    -----
    As the pairs of the demo: in linear light, through a thin lens with a round aperture. Grain of
    random strength is laid over the photograph before: where the scene itself is smooth, nothing
    tells what is in focus, and a network that mostly sees such places learns nothing at all.
    """
    radius, share = rng.uniform(*_BLUR), rng.uniform(*_NEAR)
    height, width = photograph.shape[:2]
    grain = rng.uniform(0, _GRAIN) * rng.standard_normal((height, width))
    levels = photograph + (grain if photograph.ndim == 2 else grain[..., None])
    photograph = optics.round_levels(np.clip(levels, 0, 255))
    region = optics.smooth_region(height, width, int(rng.integers(1 << 31)), share)
    light = optics.decode(photograph)
    layers = optics.layered(light, [region, 1.0 - region], [1.0, 0.0], reach=2 * radius)
    near, far = (optics.photograph(layers, focus, radius) for focus in (1.0, 0.0))
    images = {"a": near, "b": far, "reference": optics.encode(light)}
    return images, region.astype(np.float32)


def _planes(pair: Pair, photographs: bool) -> dict[str, Image]:
    if photographs:
        # Of an infrared-visible pair the visible image is the photograph.
        image = pair.b if pair.reference is None else pair.reference
        height, width = image.shape[:2]
        # At half the size, what the camera and its compression made soft is sharp in every pixel.
        light = optics.area_average(optics.decode(image), height // 2, width // 2)
        photograph = optics.encode(light if len(light) == 3 else np.repeat(light, 3, axis=0))
        return {"photograph": photograph}
    return {"a": luma(pair.a), "b": luma(pair.b)}


def open_training_data(
    names: Sequence[str], roots: Mapping[str, Path], recipe: Recipe
) -> TrainingData:
    """Read datasets, and make sure that nothing in them is in a test split.

    Parameters
    ----------
    names : sequence of str
        Datasets, such as ``roadscene:161``; ``folder:ivif`` is any folder.
    roots : mapping of str to Path
        Where they are, by name of the dataset; "" for any.
    recipe : Recipe
        Whose task they have to fit.

    Raises
    ------
    InputError
        Naming every pair that is in a test split, or a split that is not for training, or if there
        are too few pairs or of another task.
    """
    if not names:
        raise InputError("no data: give --data DATASET, such as --data roadscene:161")
    photographs = recipe.source == "photographs"
    data = TrainingData(tuple(names), "", (), (), {}, photographs)
    facts, found, scenes = [], [], {}
    for name in names:
        slug, _, split = name.partition(":")
        info = datasets.DATASETS[slug]
        if slug != "folder" and split in info.splits and split not in info.training:
            fit = [f"{d.slug}:{s}" for d in datasets.DATASETS for s in d.training if s]
            raise InputError(f"{name} is not for training; expected {', '.join(fit)} or folder")
        dataset = datasets.load(name, roots.get(slug, roots.get("")))
        for own in dataset.keys:
            pair, key = dataset[own], f"{name}/{own}"
            if not photographs and pair.task != recipe.task:
                raise InputError(
                    f"{key} is for {pair.task}, but {recipe.slug} learns {recipe.task}; "
                    "leave it out"
                )
            if (test := tested(pair)) is not None:
                found.append(f"{key} is {test}")
            data.pairs[key] = dataset, own
            data.keep(key, pair)
            scenes[key] = f"{name}/{pair.scene or own}"
            facts.append(pair_facts(pair))
    if found:
        raise InputError(f"images of test splits cannot be trained on: {listing('pair', found)}")
    data.digest = dataset_digest(facts)
    data.held_out = _held_out(scenes)
    data.keys = tuple(key for key in scenes if key not in data.held_out)
    return data


def _held_out(scenes: Mapping[str, str]) -> tuple[str, ...]:
    """Choose scenes at equal distances, with all their pairs."""
    names = sorted(set(scenes.values()))
    if len(names) < 4:
        raise InputError(f"{len(names)} scenes are too few to train on; expected 4 or more")
    count = min(_HELD_OUT, len(names) // 4)
    chosen = {names[(2 * i + 1) * len(names) // (2 * count)] for i in range(count)}
    return tuple(key for key, scene in scenes.items() if scene in chosen)
