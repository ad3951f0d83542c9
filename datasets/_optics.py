"""Optics of the demo: light, lenses, exposure and stains.

All of it is float64 and well conditioned, with no choice that hangs on the last bit of a number,
so that the 8-bit results are the same with every version of NumPy and SciPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fusebench.bench.types import Image

Light: TypeAlias = NDArray[np.float64]
"""Linear light in [0, 1], channels first: ``(1 or 3, H, W)``; masks and depth are ``(H, W)``."""

_LEVELS = np.arange(256) / 255.0
_TO_LIGHT = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)

# Optical density of 8-bit intensities; a black pixel counts as level 1 of 255.
_TO_DENSITY = -np.log10(np.maximum(np.arange(256), 1) / 255.0)

# Absorption of haematoxylin, eosin and DAB in R, G, B (Ruifrok and Johnston 2001).
_STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])

# Subdivisions of a pixel that decide how much of it a disc covers.
_FINE = 16

# Where less than this share of a neighbourhood belongs to a layer, the layer fades out.
_FADE = 0.05


def decode(image: Image) -> Light:
    """Turn 8-bit sRGB into linear light."""
    light: Light = _TO_LIGHT[image]
    return light[None] if light.ndim == 2 else np.moveaxis(light, 2, 0)


def encode(light: Light) -> Image:
    """Turn linear light into 8-bit sRGB; what lies outside [0, 1] saturates."""
    clipped = np.clip(light, 0.0, 1.0)
    curve = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    levels = round_levels(255.0 * curve)
    return levels[0] if len(levels) == 1 else np.ascontiguousarray(np.moveaxis(levels, 0, 2))


def round_levels(levels: NDArray[np.float64]) -> Image:
    """Round grey levels in 0..255 to 8 bits, halves up.

    The demo's own rounding: its pixels must not follow a change of `fusebench.bench.images`. True
    halves occur (means of dark pixels, where sRGB is linear), and noise must not decide them.
    """
    return np.floor(levels + (0.5 + 1e-6)).astype(np.uint8)


def area_average(values: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Shrink the last two axes; every output pixel is the mean of the area it covers."""
    rows, columns = _overlap(values.shape[-2], height), _overlap(values.shape[-1], width)
    shrunk: NDArray[np.float64] = rows @ values @ columns.T
    return shrunk


def _overlap(before: int, after: int) -> NDArray[np.float64]:
    edges = np.arange(after + 1) * (before / after)
    low = np.maximum(edges[:-1, None], np.arange(before))
    high = np.minimum(edges[1:, None], np.arange(1, before + 1))
    weights: NDArray[np.float64] = np.maximum(high - low, 0.0) * (after / before)
    return weights


def disc(radius: float) -> NDArray[np.float64]:
    """Point-spread function of a defocused lens with a round aperture.

    Parameters
    ----------
    radius : float
        Radius of the circle of confusion in pixels; up to half a pixel leaves the image sharp.

    Returns
    -------
    array, shape (2 k + 1, 2 k + 1)
        Share of the disc in each pixel; the sum is 1.
    """
    if radius <= 0.5:
        return np.ones((1, 1))
    reach = int(np.ceil(radius - 0.5))
    fine = (np.arange((2 * reach + 1) * _FINE) + 0.5) / _FINE - (reach + 0.5)
    inside = fine[:, None] ** 2 + fine**2 <= radius**2
    covered = inside.reshape(2 * reach + 1, _FINE, 2 * reach + 1, _FINE).sum(axis=(1, 3))
    weights: NDArray[np.float64] = covered / covered.sum()
    return weights


def blur(planes: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Defocus planes ``(N, H, W)`` by a disc; the scene is mirrored at the border."""
    from scipy import fft

    kernel = disc(radius)
    reach = kernel.shape[0] // 2
    if reach == 0:
        return planes
    padded = np.pad(planes, ((0, 0), (reach, reach), (reach, reach)), mode="symmetric")
    size = [fft.next_fast_len(n, real=True) for n in padded.shape[1:]]
    spectrum = fft.rfft2(padded, size) * fft.rfft2(kernel, size)
    height, width = planes.shape[1:]
    whole = fft.irfft2(spectrum, size)
    # What wraps around lies in the first 2 * reach rows and columns, which are cut off here.
    valid = whole[:, 2 * reach : 2 * reach + height, 2 * reach : 2 * reach + width]
    blurred: NDArray[np.float64] = np.maximum(valid, 0.0)
    return blurred


@dataclass(frozen=True)
class Layer:
    """A part of the scene at one distance.

    Attributes
    ----------
    planes : array, shape (C + 1, H, W)
        Light times coverage, and the coverage in [0, 1] as last plane. Coverage goes on for some
        pixels behind nearer layers, so that a blurred edge has something to let through.
    disparity : float
        Its disparity, which is proportional to one over its distance.
    """

    planes: NDArray[np.float64]
    disparity: float


def layered(
    light: Light,
    masks: Sequence[NDArray[np.float64]],
    disparities: Sequence[float],
    reach: float,
) -> list[Layer]:
    """Cut a picture into layers, the nearest first, each going on behind the nearer ones.

    Parameters
    ----------
    light : Light
        The all-in-focus picture.
    masks : sequence of array, shape (H, W)
        Coverage of each layer; they add up to 1 everywhere.
    disparities : sequence of float
        Disparity of each layer, falling.
    reach : float
        How far a layer goes on behind nearer ones, in pixels; what is hidden there takes the
        mean of the layer's own light nearby.
    """
    nearer = np.zeros(light.shape[1:])
    layers = []
    for mask, disparity in zip(masks, disparities, strict=True):
        planes = np.concatenate([light * mask, mask[None]])
        around = blur(planes, reach)
        hidden = around / np.maximum(around[-1], _FADE)
        layers.append(Layer(planes + nearer * hidden, disparity))
        nearer = nearer + mask
    return layers


def photograph(layers: Sequence[Layer], focus: float, aperture: float) -> Image:
    """Photograph layers through a thin lens.

    A point images to a disc whose radius is proportional to the difference of its inverse distance
    from that in focus, and so to the difference of disparities. Layers are laid from near to far:
    each covers what nearer ones left open, which is the "over" operator for two layers and shows
    no seams where many layers make one slanted surface. Dividing by the coverage reached keeps
    edges free of dark halos.

    Parameters
    ----------
    layers : sequence of Layer
        The scene, nearest first.
    focus : float
        Disparity that is in focus.
    aperture : float
        Radius of the disc, in pixels, for one pixel of disparity out of focus.
    """
    total = np.zeros_like(layers[0].planes)
    for layer in layers:
        planes = blur(layer.planes, aperture * abs(layer.disparity - focus))
        coverage = planes[-1]
        seen = np.minimum(coverage, 1.0 - total[-1])
        total += planes * (seen / np.maximum(coverage, 1e-9))
    return encode(total[:-1] / np.maximum(total[-1], 1e-9))


def split_by_depth(
    disparity: NDArray[np.float64], count: int
) -> tuple[list[NDArray[np.float64]], list[float]]:
    """Cut a disparity map into slices of equal thickness: masks and mid disparities, near first."""
    low, high = float(disparity.min()), float(disparity.max())
    step = (high - low) / count
    slices = np.clip(np.floor((disparity - low) / step), 0, count - 1)
    order = range(count - 1, -1, -1)
    return [(slices == k).astype(np.float64) for k in order], [
        low + (k + 0.5) * step for k in order
    ]


def fill_disparity(disparity: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Fill unknown (infinite or NaN) disparities from the known ones left and right of them.

    What a stereo pair does not see is hidden behind something nearer, so the smaller disparity
    of the two is taken.
    """
    values = disparity.astype(np.float64)
    known = np.isfinite(values)
    columns = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    left = np.maximum.accumulate(np.where(known, columns, -1), axis=1)
    right = np.minimum.accumulate(np.where(known, columns, values.shape[1])[:, ::-1], axis=1)
    right = right[:, ::-1]
    padded = np.pad(np.where(known, values, np.inf), ((0, 0), (1, 1)), constant_values=np.inf)
    sides = [np.take_along_axis(padded, index + 1, axis=1) for index in (left, right)]
    filled: NDArray[np.float64] = np.minimum(*sides)
    return filled


def smooth_region(height: int, width: int, seed: int, share: float) -> NDArray[np.float64]:
    """Draw a smooth region with an antialiased edge.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    seed : int
        Chooses the region; the numbers are PCG64's raw integers, which never change.
    share : float
        Share of the picture inside.

    Returns
    -------
    array, shape (H, W)
        1 inside, 0 outside, between them within a pixel of the edge.
    """
    numbers = np.random.PCG64(seed).random_raw(18).astype(np.float64) / 2.0**64
    y, x = np.arange(height)[:, None] / height, np.arange(width) / width
    field = np.zeros((height, width))
    for down, right, phase in numbers.reshape(6, 3):
        # At most one and a half waves across the picture.
        field += np.cos(2 * np.pi * (1.5 * (2 * down - 1) * y + 1.5 * (2 * right - 1) * x + phase))
    field -= np.quantile(field, 1.0 - share)
    slope = np.hypot(*np.gradient(field))
    region: NDArray[np.float64] = np.clip(0.5 + field / np.maximum(slope, 1e-3), 0.0, 1.0)
    return region


def stain(image: Image, index: int) -> NDArray[np.float64]:
    """Separate one stain of a histology image by colour deconvolution.

    Parameters
    ----------
    image : uint8 array, shape (H, W, 3)
        Bright-field picture, RGB.
    index : int
        0 haematoxylin, 1 eosin, 2 DAB.

    Returns
    -------
    array, shape (H, W)
        Amount of the stain, at least 0.

    References
    ----------
    .. [1] A. C. Ruifrok, D. A. Johnston, "Quantification of histochemical staining by color
           deconvolution," Anal. Quant. Cytol. Histol. 23(4), 2001.
    """
    amounts = _TO_DENSITY[image] @ np.linalg.inv(_STAINS)
    amount: NDArray[np.float64] = np.maximum(amounts[..., index], 0.0)
    return amount


def hot_colours(amount: NDArray[np.float64]) -> Image:
    """Show an amount in [0, 1] from black over red and yellow to white, as scanners do."""
    planes = [np.clip(3.0 * amount - k, 0.0, 1.0) for k in range(3)]
    return round_levels(255.0 * np.stack(planes, axis=2))
