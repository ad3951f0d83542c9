"""Discrete curvelet transform by wrapping, for real images, with curvelets at the finest scale.

A curvelet band is a wedge of the spectrum, weighted by smooth windows, wrapped periodically into a
rectangle and transformed back. All of that is one list of samples for each wedge: where they come
from, where they go, and their weight. The inverse uses the same lists: the squares of the weights
of all wedges add up to one everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, fftshift, ifft2, ifftshift

from fusebench.methods._base import Plane
from fusebench.methods._pyramid import Bands

_COARSE_ANGLES = 16
"""Number of wedges of the coarsest scale of curvelets; it doubles at every second scale."""


def decompose(plane: Plane, scales: int) -> tuple[Plane, Bands]:
    """Decompose a plane into a low-pass plane and real curvelet coefficients.

    Parameters
    ----------
    plane : array, shape (H, W)
        Any size.
    scales : int
        Number of scales of curvelets. They end early where the shorter side has fewer than
        4.5 * 2^scales samples.

    Returns
    -------
    low : array, shape about (4/3 H / 2^scales, 4/3 W / 2^scales)
        The plane itself where there is no scale at all.
    bands : list of lists of arrays
        Coarsest scale first. The second half of a scale's bands are the imaginary parts of the
        first half, which stand for wedges of the opposite direction.

    References
    ----------
    .. [1] E. Candes, L. Demanet, D. Donoho, L. Ying, "Fast discrete curvelet transforms,"
       Multiscale Model. Simul. 5(3), 2006. doi:10.1137/05064182X
    """
    # The coarsest window must fall from one to zero between two samples at least.
    while scales and min(plane.shape) < 4.5 * 2**scales:
        scales -= 1
    if scales == 0:
        return plane, []
    plan = _plan(plane.shape, scales)
    spectrum = fft2(ifftshift(plane), norm="ortho").ravel()
    bands: Bands = []
    for wedges in plan.scales:
        coefficients = [2**0.5 * _to_places(spectrum, wedge) for wedge in wedges]
        bands.append([c.real for c in coefficients] + [c.imag for c in coefficients])
    return _to_places(spectrum, plan.low).real, bands


def reconstruct(low: Plane, bands: Bands, shape: tuple[int, int]) -> Plane:
    """Undo `decompose` of a plane of this shape ``(H, W)``."""
    if not bands:
        return low
    plan = _plan(shape, len(bands))
    spectrum = np.zeros(shape[0] * shape[1], np.complex128)
    _add_to_spectrum(spectrum, low, plan.low)
    for wedges, parts in zip(plan.scales, bands, strict=True):
        for wedge, real, imaginary in zip(
            wedges, parts[: len(wedges)], parts[len(wedges) :], strict=True
        ):
            # Twice, for the wedge across the origin, whose part is the conjugate; the real part of
            # the result is what both give together.
            _add_to_spectrum(spectrum, 2**0.5 * (real + 1j * imaginary), wedge)
    plane: Plane = fftshift(ifft2(spectrum.reshape(shape), norm="ortho").real)
    return plane


Samples: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class _Wedge:
    """Samples of a spectrum that make up one band."""

    shape: tuple[int, int]
    source: Samples
    target: Samples
    weight: NDArray[np.float64]


@dataclass(frozen=True)
class _Plan:
    low: _Wedge
    scales: list[list[_Wedge]]


def _to_places(spectrum: NDArray[np.complex128], wedge: _Wedge) -> NDArray[np.complex128]:
    wrapped = np.zeros(wedge.shape, np.complex128)
    wrapped.ravel()[wedge.target] = spectrum[wedge.source] * wedge.weight
    places: NDArray[np.complex128] = fftshift(ifft2(wrapped, norm="ortho"))
    return places


def _add_to_spectrum(
    spectrum: NDArray[np.complex128], places: NDArray[np.generic], wedge: _Wedge
) -> None:
    wrapped = fft2(ifftshift(places), norm="ortho").ravel()
    # No sample of the spectrum lies in a wedge twice.
    spectrum[wedge.source] += wrapped[wedge.target] * wedge.weight


# One size at a time: the lists of a plan hold some four numbers per pixel.
@lru_cache(maxsize=1)
def _plan(shape: tuple[int, int], scales: int) -> _Plan:
    """Lay out all wedges for a size."""
    layout = []
    # Windows pass everything up to here, and nothing beyond twice that. At the finest scale they
    # reach over the highest frequency: samples beyond it are those of the spectrum's other side.
    passed = (shape[0] / 3, shape[1] / 3)
    outer = [_low_pass(p, int(2 * p), narrower=p == int(p)) for p in passed]
    for scale in reversed(range(scales)):
        passed = (passed[0] / 2, passed[1] / 2)
        inner = [_low_pass(p, int(4 * p)) for p in passed]
        radial = np.outer(*outer) * np.sqrt(1 - np.outer(*inner) ** 2)
        angles = _COARSE_ANGLES // 4 * 2 ** ((scale + 1) // 2)
        upper = _quadrant(radial, passed, angles)
        right = _quadrant(radial.T, passed[::-1], angles)
        layout.append(
            [_wrap(-depth, place, weights, shape) for depth, place, weights in upper]
            + [_wrap(place.T, depth.T, weights.T, shape) for depth, place, weights in right]
        )
        outer = [_low_pass(p, int(2 * p)) for p in passed]
    down, across = (np.arange(len(window)) - len(window) // 2 for window in outer)
    return _Plan(_wrap(down[:, None], across[None], np.outer(*outer), shape), layout[::-1])


def _quadrant(
    radial: Plane, passed: tuple[float, float], angles: int
) -> list[tuple[Samples, Samples, Plane]]:
    """Lay out the wedges of the upper quadrant of one scale.

    Parameters
    ----------
    radial : array, shape (2 * height + 1, 2 * width + 1)
        Window of the scale over all frequencies; symmetric.
    passed : tuple of float
        Vertical and horizontal frequency up to which the window of the next coarser scale is one.
    angles : int
        Number of wedges, even.

    Returns
    -------
    list of (depth, place, weights)
        For each wedge its samples: how far they are above the origin, and how far to its right.
    """
    height, width = (int(4 * p) for p in passed)
    ends = _ends(width, angles)
    # The end of the first wedge of the quadrant to the left, on the side that both share.
    corner = _round(np.array(height / angles + 1))
    wedges = []
    for k in range(angles):
        before, end, after = ends[k : k + 3]
        at_corner = k in (0, angles - 1)
        # Corner wedges are cut by the diagonal and reach further down.
        length = height - int(passed[0]) + (int(np.ceil(corner / 4)) if at_corner else 0)
        depth = height - np.arange(length)[:, None]
        # A parallelogram along the line from the end to the origin holds the wedge.
        slope = (width + 1 - end) / height
        left = _round(before + slope * (height - depth)).astype(np.int64) - width - 1
        place = left + np.arange(after - before + 1)
        weights = radial[height - depth, np.clip(place, -width, width) + width]
        weights = weights * (np.abs(place) <= width)
        # Windows overlap between the ends; samples are projected onto the quadrant's side.
        projected = width + 1 + height * place / depth
        rise, fall = (projected - before) / (end - before), (projected - end) / (after - end)
        if at_corner:
            # Across the diagonal windows depend on the place relative to both diagonals.
            x, y = place / width, depth / height
            own = 2 * width / (end - 1) - 1
            other = 2 * height / (corner - 1) - 1
            with np.errstate(divide="ignore", invalid="ignore"):
                if k == 0:
                    share = 1 / (1 / own + 1 / other)
                    rise = share / other + share * (y + x) / (y - x)
                else:
                    share = 1 / (own + 1 / other)
                    fall = share * own - share * (y - x) / (y + x)
        wedges.append((depth, place, weights * _rise(rise) * _rise(1 - fall)))
    return wedges


def _wrap(down: Samples, across: Samples, weights: Plane, shape: tuple[int, int]) -> _Wedge:
    """Wrap samples at these frequencies of a spectrum into a rectangle of their number."""
    height, width = weights.shape
    source = (down % shape[0]) * shape[1] + across % shape[1]
    target = (down % height) * width + across % width
    used = weights > 0
    return _Wedge((height, width), source[used], target[used], weights[used])


def _ends(width: int, angles: int) -> NDArray[np.int64]:
    """Give the columns, from 1 to 2 * width + 1, around which wedges lie on a quadrant's side.

    Two neighbours share what is between their columns. The first and last column are mirror images
    beyond the corners.
    """
    ticks = _round(np.arange(angles + 1) / (2 * angles) * 2 * width + 1)
    left = ticks[1::2]
    right = (2 * width + 2 - left)[::-1]
    outside = 2 - left[0], 4 * width + 2 - right[-1]
    return np.concatenate([outside[:1], left, right, outside[1:]]).astype(np.int64)


def _round(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round half away from zero."""
    return np.sign(values) * np.floor(np.abs(values) + 0.5)


def _low_pass(passed: float, reach: int, *, narrower: bool = False) -> NDArray[np.float64]:
    """Give the window that is one up to `passed` and zero from twice that, from -reach to reach.

    It may be narrower by a sample, where twice `passed` is a frequency and its mirror image too.
    """
    steps = int(2 * passed) - int(passed) - 1 - narrower
    return _rise(1 - (np.abs(np.arange(-reach, reach + 1)) - int(passed) - 1) / steps)


def _rise(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth step from 0 at 0 to 1 at 1, with rise(x)^2 + rise(1 - x)^2 = 1."""
    x = np.where(np.abs(x) < 2.0**-52, 0.0, x)
    inner = np.clip(x, 1e-3, 1 - 1e-3)

    def step(y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(1 - 1 / (1 - np.exp(1 - 1 / y)))

    up, down = step(1 - inner), step(inner)
    return np.where(x <= 0, 0.0, np.where(x >= 1, 1.0, up / np.hypot(up, down)))
