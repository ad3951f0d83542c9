"""Non-subsampled contourlet transform: a pyramid whose details are split by direction.

The directional filter bank has periodic borders, so that each of its bands is the product of the
plane's Fourier transform with one response. Responses are real: all filters are symmetric.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.fft import irfft2, rfft2

from fusebench.methods import _atrous
from fusebench.methods._base import Plane
from fusebench.methods._pyramid import Bands

SPLITS = (2, 3, 3, 4)
"""Times that the detail of each scale is split in two by direction, coarsest first."""


def decompose(plane: Plane, splits: Sequence[int]) -> tuple[Plane, Bands]:
    """Decompose a plane into a low-pass plane and directional bands, all of its own size.

    Parameters
    ----------
    plane : array, shape (H, W)
    splits : sequence of int
        For each scale, coarsest first, the number of times its detail is split in two: n for 2^n
        directions.

    Returns
    -------
    low : array, shape (H, W)
    bands : list of lists of arrays (H, W)
        Coarsest scale first.

    References
    ----------
    .. [1] A. L. da Cunha, J. Zhou, M. N. Do, "The nonsubsampled contourlet transform: theory,
       design, and applications," IEEE Trans. Image Process. 15(10), 2006.
       doi:10.1109/TIP.2006.877507
    """
    low, details = _atrous.decompose(plane, len(splits), "pyrexc")
    bands: Bands = []
    for count, detail in zip(splits, reversed(details), strict=True):
        spectrum = rfft2(detail)
        analysis, _ = _responses(plane.shape, count)
        bands.append([irfft2(spectrum * r, plane.shape) for r in analysis])
    return low, bands


def reconstruct(low: Plane, bands: Bands) -> Plane:
    """Undo `decompose`."""
    details = []
    for directional in bands:
        _, synthesis = _responses(low.shape, len(directional).bit_length() - 1)
        spectrum = sum(r * rfft2(band) for r, band in zip(synthesis, directional, strict=True))
        details.append(irfft2(spectrum, low.shape))
    return _atrous.reconstruct(low, details[::-1], "pyrexc")


# Enough for the three counts of splits that a fusion uses, at one size.
@lru_cache(maxsize=3)
def _responses(shape: tuple[int, int], splits: int) -> tuple[list[Plane], list[Plane]]:
    """Give the responses of all directions of the analysis and of the synthesis."""
    down = 2 * np.pi * np.arange(shape[0])[:, None] / shape[0]
    across = 2 * np.pi * np.arange(shape[1] // 2 + 1)[None] / shape[1]
    one = np.ones((shape[0], shape[1] // 2 + 1))
    analysis, synthesis = [one], [one]
    for split in range(1, splits + 1):
        maps = [_mapping(down, across, split, channel) for channel in range(len(analysis))]
        analysis = [r * f(s) for r, s in zip(analysis, maps, strict=True) for f in (_low, _high)]
        synthesis = [
            r * f(s) for r, s in zip(synthesis, maps, strict=True) for f in (_low_back, _high_back)
        ]
    return analysis, synthesis


def _mapping(down: Plane, across: Plane, split: int, channel: int) -> Plane:
    """Give the mapping of one split of one channel: cosines, sheared and stretched.

    The stretches are those of the published toolbox. Its compiled convolution exchanges rows
    and columns of the sampling matrices, which no split up to the third minds; from the fourth on
    the channels are unions of pieces instead of wedges.
    """
    if split == 1:
        return _fan(down, across)
    if split == 2:
        return _fan(down - across, down + across)
    quarter = 2 ** (split - 3)
    half, channel = divmod(channel, 2 * quarter)
    u, v = (across, down) if half else (down, across)
    shear = 2 * (channel // 2) - quarter + 1
    u, v = 2 * u, 2 * (quarter * v - shear * u)
    return _fan(u, v + u) if channel % 2 else _fan(v - u, u)


def _fan(u: Plane, v: Plane) -> Plane:
    return (np.cos(u) - np.cos(v)) / 2


# The "vk" filters as polynomials in the mapping: _low * _low_back + _high * _high_back = 1.


def _low(s: Plane) -> Plane:
    return (1 + s) / 8**0.5


def _high(s: Plane) -> Plane:
    return (1 - s) * (2 + s) / 2**0.5


def _low_back(s: Plane) -> Plane:
    return (1 + s) * (2 - s) / 2**0.5


def _high_back(s: Plane) -> Plane:
    return (1 - s) / 8**0.5
