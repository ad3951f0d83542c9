"""Pictures of differences and of local scores; details and thumbnails. No Streamlit here.

The palettes can be told apart with any colour vision: one goes evenly from dark to bright, the
other from blue over white to orange.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from fusebench.bench.images import luma
from fusebench.bench.types import Image
from fusebench.metrics import METRICS, maps_on_pixels, score_maps

Palette = tuple[str, ...]

# Viridis of matplotlib (CC0), at ten even steps.
VIRIDIS: Palette = (
    *("#440154", "#482878", "#3e4989", "#31688e", "#26828e"),
    *("#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"),
)
# From blue to orange of Okabe and Ito, darkened at the ends.
BLUE_ORANGE: Palette = ("#00375a", "#0072b2", "#f7f7f7", "#d55e00", "#5c2800")

# Strongest difference that is told from stronger ones, in grey levels.
_REACH = 100.0


@dataclass(frozen=True)
class MapKind:
    """A map that the pair viewer shows in place of fused images.

    Attributes
    ----------
    title : str
        On the button that chooses it.
    low, high : float
        Values at the ends of the palette; what lies beyond gets the colour of the end.
    palette : tuple of str
    meaning : str
        What its ends stand for, in a sentence.
    """

    title: str
    low: float
    high: float
    palette: Palette
    meaning: str


_DIFFERENCE = (
    "Luma of the fused image minus that of source {}, in grey levels: orange where it is brighter, "
    "blue where it is darker."
)

MAP_KINDS: Mapping[str, MapKind] = {
    "diff_a": MapKind("F − A", -_REACH, _REACH, BLUE_ORANGE, _DIFFERENCE.format("a")),
    "diff_b": MapKind("F − B", -_REACH, _REACH, BLUE_ORANGE, _DIFFERENCE.format("b")),
    "qabf": MapKind(
        METRICS["qabf"].plain_label,
        0.0,
        1.0,
        VIRIDIS,
        "How well the edges of the sources are kept at each pixel. The score is their mean, "
        "weighted by the strength of the edge; clear where there is none.",
    ),
    "ssim": MapKind(
        METRICS["ssim"].plain_label,
        0.0,
        2.0,
        VIRIDIS,
        "Structural similarity to both sources, summed, in the window around each pixel. The "
        "score is their mean over all full windows; the rim has none.",
    ),
    "vif": MapKind(
        METRICS["vif"].plain_label,
        0.0,
        2.0,
        VIRIDIS,
        "Share of the information of both sources that is kept around each pixel, summed. The "
        "score is their mean over four scales, weighted by that information.",
    ),
}
"""What can be shown in place of fused images, by the name that links use."""


def draw_map(name: str, a: Image, b: Image, fused: Image) -> NDArray[np.uint8]:
    """Draw a map of one fused image.

    Parameters
    ----------
    name : str
        A key of `MAP_KINDS`.
    a, b, fused : uint8 array, shape (H, W) or (H, W, 3)

    Returns
    -------
    uint8 array, shape (H, W, 4)
        RGBA; clear where the map has no value.

    Raises
    ------
    InputError
        If the images are too small for the metric, or differ in size.
    """
    kind = MAP_KINDS[name]
    if name in METRICS:
        values = maps_on_pixels(score_maps(name, a, b, fused), *a.shape[:2])
    else:
        source = a if name == "diff_a" else b
        values = luma(fused).astype(np.float64) - luma(source)
    return paint(values, kind.low, kind.high, kind.palette)


def paint(
    values: NDArray[np.float64], low: float, high: float, palette: Palette
) -> NDArray[np.uint8]:
    """Turn values into colours, in even steps from `low` to `high`; NaN becomes clear."""
    stops = np.array([_rgb(colour) for colour in palette])
    known = ~np.isnan(values)
    place = np.clip((np.where(known, values, low) - low) / (high - low), 0.0, 1.0)
    at = np.linspace(0.0, 1.0, len(stops))
    channels = [np.interp(place, at, stops[:, k]) for k in range(3)]
    picture = np.stack([*channels, 255.0 * known], axis=-1)
    return np.floor(picture + 0.5).astype(np.uint8)


def legend(kind: MapKind, width: int = 256, height: int = 12) -> NDArray[np.uint8]:
    """Draw a palette from its low end to its high one, shape (height, width, 4)."""
    row = np.linspace(kind.low, kind.high, width)
    return paint(np.tile(row, (height, 1)), kind.low, kind.high, kind.palette)


def detail(image: NDArray[np.uint8], zoom: int, across: int, down: int) -> NDArray[np.uint8]:
    """Cut a detail out of an image.

    Parameters
    ----------
    image : uint8 array, shape (H, W) or (H, W, channels)
    zoom : int
        How often the detail fits into a side.
    across, down : int
        Where it lies, from 0 (left, top) to 100 (right, bottom).
    """
    height, width = (-(-side // zoom) for side in image.shape[:2])
    top = (image.shape[0] - height) * down // 100
    left = (image.shape[1] - width) * across // 100
    return image[top : top + height, left : left + width]


def thumbnail(a: Image, b: Image, height: int = 96) -> NDArray[np.uint8]:
    """Draw both sources of a pair beside each other, reduced to one height, as RGB."""
    width = max(1, round(height * a.shape[1] / a.shape[0]))
    small = [
        np.asarray(
            PillowImage.fromarray(image)
            .convert("RGB")
            .resize((width, height), PillowImage.Resampling.BOX)
        )
        for image in (a, b)
    ]
    return np.concatenate(small, axis=1)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))
