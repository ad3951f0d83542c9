"""Heads that nobody has: slices drawn at random, as CT, PET and MRI would show them.

Networks for medical images need pairs to learn from, and the public ones at hand are what papers
test on. A phantom is a map of tissues (skin, skull, fluid, grey and white matter, ventricles, in
some a lesion) with borders drawn anew for each key, and each scanner gives every tissue a level of
its own: CT a bright skull around a brain almost without contrast, MRI the soft tissues (T1 or T2)
and no bone, PET the uptake of grey matter, blurred, in false colours. With the noise and the blur
of each. That is the statistics of such pairs, not anatomy: for training, never to rank methods on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusebench.bench.types import DatasetInfo, Image, Pair
from fusebench.datasets import _optics as optics
from fusebench.datasets._base import DATASETS, Dataset, full_name

_SIDE = 256

# Pairs of each kind.
_COUNT = 48

# Tissues, from outside to inside; what comes later lies over what comes before.
_TISSUES = ("air", "skin", "skull", "fluid", "grey", "white", "nuclei", "ventricles", "lesion")

# Mean levels of the tissues in that order.
_CT = (0, 60, 250, 25, 72, 62, 74, 20, 110)
_T1 = (0, 200, 12, 25, 105, 165, 120, 22, 70)
_T2 = (0, 120, 8, 235, 145, 95, 120, 240, 205)
_UPTAKE = (0, 10, 8, 10, 225, 95, 235, 15, 60)

# How much the levels of a tissue vary from place to place, as a standard deviation.
_GRAIN = 0.05

Plane = NDArray[np.float64]


@dataclass(frozen=True)
class _Scanner:
    """What becomes of the tissues: levels, blur and noise as standard deviations."""

    levels: tuple[int, ...]
    blur: float
    noise: float
    shade: float = 0.0
    """How much brighter the picture gets from one end to the other, at most."""

    def scan(self, tissues: Plane, rng: np.random.Generator) -> Plane:
        """Give grey levels of tissues that are shares, shape (tissues, H, W)."""
        # Heads differ in their levels as they do in their shapes.
        levels = np.array(self.levels) * rng.uniform(0.85, 1.1, len(self.levels))
        image = np.tensordot(levels, tissues, 1)
        image *= 1 + self.shade * rng.uniform(-1, 1) * _waves(rng, _SIDE / 2)
        image = _smoothed(image * (1 + _GRAIN * _waves(rng, 12)), self.blur)
        # The noise of a magnitude is never negative, and small where nothing is.
        real, imaginary = self.noise * rng.standard_normal((2, _SIDE, _SIDE))
        found: Plane = np.clip(np.hypot(image + real, imaginary) - self.noise, 0, 255)
        return found


# What is not MRI, by kind of pair; MRI is weighted by T1 and T2 in turns.
_FUNCTIONAL: Mapping[str, _Scanner] = {
    "ct_mri": _Scanner(_CT, 0.8, 2.5),
    "pet_mri": _Scanner(_UPTAKE, 4.0, 2.0),
}
_MRI = tuple(_Scanner(levels, 0.5, 4.0, shade=0.15) for levels in (_T1, _T2))


def _smoothed(image: Plane, sigma: float) -> Plane:
    """Blur by a Gaussian; what leaves at one side comes in at the other."""
    # Whoever lists the datasets is not to wait for SciPy.
    from scipy.ndimage import gaussian_filter

    smooth: Plane = gaussian_filter(image, sigma, mode="wrap")
    return smooth


def _waves(rng: np.random.Generator, length: float) -> Plane:
    """Give a smooth random field of mean 0 and standard deviation 1."""
    field = _smoothed(rng.standard_normal((_SIDE, _SIDE)), length / 4)
    field -= field.mean()
    smooth: Plane = field / field.std()
    return smooth


def _inside(depth: Plane) -> Plane:
    """Turn distances from a border, in pixels and positive inside, into shares of each pixel."""
    return np.clip(0.5 + depth, 0, 1)


def _turned(x: Plane, y: Plane, angle: float) -> tuple[Plane, Plane]:
    """Give coordinates along axes that are turned by an angle."""
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _ellipse(
    x: Plane, y: Plane, centre: tuple[float, float], radii: tuple[float, float], turn: float
) -> Plane:
    """Give the distances from the border of an ellipse, about, in pixels."""
    along, across = _turned(x - centre[0], y - centre[1], turn)
    reach = np.hypot(along / radii[0], across / radii[1])
    distance: Plane = (1 - reach) * min(radii)
    return distance


def _tissues(rng: np.random.Generator) -> Plane:
    """Draw a head: the share of each tissue in every pixel."""
    axis = np.arange(_SIDE) - (_SIDE - 1) / 2
    x, y = np.meshgrid(axis, axis)
    # No head lies quite straight, nor quite in the middle.
    x, y = _turned(x, y, rng.uniform(-0.1, 0.1))
    x = x + rng.uniform(-4, 4)
    size = rng.uniform(0.85, 1.1)
    wide, long = size * rng.uniform(74, 84), size * rng.uniform(94, 106)
    angle, waves = np.arctan2(y / long, x / wide), np.ones((_SIDE, _SIDE))
    for order in (2, 3, 4, 5):
        waves += rng.normal(0, 0.02 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    depth = (waves - np.hypot(x / wide, y / long)) * (wide + long) / 2

    skin, skull, gap = rng.uniform(3, 6), rng.uniform(5, 9), rng.uniform(1.5, 4)
    bone = 1.5 * _waves(rng, 60)
    brain = depth - skin - skull - gap - 0.5 * bone
    # Folds: the cortex is thicker and thinner along its way, with fluid in the furrows.
    folds, fine = _waves(rng, 26), _waves(rng, 14)
    furrows = 1.6 - 22 * np.abs(folds) / (1 + np.abs(fine)) - np.maximum(brain - 26, 0) / 3
    cleft = rng.uniform(1.0, 2.2) - np.abs(x + 2 * _waves(rng, 90)) - 3 * (np.abs(y) < 0.35 * long)
    cortex = brain - rng.uniform(7, 11) - 5 * folds - 2 * fine

    across, up = rng.uniform(9, 14), rng.uniform(-4, 8)
    radii = rng.uniform(4, 8), rng.uniform(18, 28)
    ventricles = _ellipse(np.abs(x), y, (across, up - 4), radii, 0.35)
    nuclei = _ellipse(np.abs(x), y, (across + 14, up + 2), (9, rng.uniform(12, 18)), -0.3)
    place = rng.uniform(-0.5, 0.5, 2) * (wide, long)
    growth = _ellipse(x, y, (place[0], place[1]), tuple(rng.uniform(6, 18, 2)), rng.uniform(0, 3))
    growth = growth + 1.5 * fine if rng.random() < 0.5 else np.full_like(growth, -9.0)
    over = {
        "skin": depth,
        "skull": np.minimum(depth - skin + 0.5 * bone, depth - 1.5),
        "fluid": depth - skin - skull - 0.5 * bone,
        "grey": np.minimum(np.minimum(brain, -furrows), -cleft),
        "white": np.minimum(cortex, -cleft - 4),
        "nuclei": nuclei,
        "ventricles": ventricles,
        "lesion": np.minimum(growth, brain),
    }
    shares = np.zeros((len(_TISSUES), _SIDE, _SIDE))
    shares[0] = 1
    for number, name in enumerate(_TISSUES[1:], 1):
        share = _inside(over[name])
        shares *= 1 - share
        shares[number] += share
    return shares


def _read(key: str) -> Pair:
    kind, number = key.rsplit("_", 1)
    rng = np.random.default_rng((list(_FUNCTIONAL).index(kind), int(number)))
    tissues = _tissues(rng)
    scanners = _FUNCTIONAL[kind], _MRI[int(number) % len(_MRI)]
    a, b = (scanner.scan(tissues, rng) for scanner in scanners)
    shown: Image = optics.hot_colours(a / 255) if kind == "pet_mri" else optics.round_levels(a)
    return Pair(key, "medical", shown, optics.round_levels(b), scene=key)


def _keys(split: str) -> tuple[str, ...]:
    kinds = [kind for kind in _FUNCTIONAL if split in ("", kind)]
    return tuple(f"{kind}_{number:03d}" for kind in kinds for number in range(_COUNT))


def load_phantom(split: str, root: Path | None) -> Dataset:
    """Open the phantoms, or those of one kind; `root` is not needed and plays no part."""
    return Dataset(full_name("phantom", split), INFO, split, _keys(split), root=None, _read=_read)


INFO = DATASETS.add(
    DatasetInfo(
        slug="phantom",
        title="Phantoms of heads, drawn at random",
        tasks=("medical",),
        splits={split: len(_keys(split)) for split in ("", *_FUNCTIONAL)},
        licence="that of fusebench",
        home="",
        reference="fusebench, datasets/phantom.py",
        layout="none: it is made at run time",
        loader=load_phantom,
        sources=("CT or PET", "MRI"),
        sizes=f"{_SIDE}x{_SIDE}",
        training=("", *_FUNCTIONAL),
        needs_root=False,
        notes=(
            "To train networks on where no real pairs are at hand that papers do not test on. The "
            "tissues' borders, levels, blur and noise are drawn at random; the anatomy is not "
            "real, and nothing can be said of methods by their scores here."
        ),
    )
)
