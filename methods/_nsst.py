"""Non-subsampled shearlet transform: a pyramid whose details are split by small shear filters."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2

from fusebench.methods import _atrous
from fusebench.methods._base import Plane
from fusebench.methods._pyramid import Bands

Responses = NDArray[np.complex128]

# For each scale, coarsest first: times its detail is split in two, and side of the shear filters.
_SPLITS, _SIZES = (3, 3, 4, 4), (8, 8, 16, 16)


def decompose(plane: Plane) -> tuple[Plane, Bands]:
    """Decompose a plane into a low-pass plane and directional bands, all of its own size.

    Parameters
    ----------
    plane : array, shape (H, W)

    Returns
    -------
    low : array, shape (H, W)
    bands : list of lists of arrays (H, W)
        Four scales of 8, 8, 16 and 16 directions, coarsest first. Bands lie half a filter below and
        to the right of what they show, and wrap around.

    References
    ----------
    .. [1] G. Easley, D. Labate, W.-Q. Lim, "Sparse directional image representations using the
       discrete shearlet transform," Appl. Comput. Harmon. Anal. 25(1), 2008.
       doi:10.1016/j.acha.2007.09.003
    """
    low, details = _atrous.decompose(plane, len(_SPLITS), "maxflat")
    bands: Bands = []
    for responses, detail in zip(_all_responses(plane.shape), details[::-1], strict=True):
        spectrum = rfft2(detail)
        bands.append([irfft2(spectrum * r, plane.shape) for r in responses])
    return low, bands


def reconstruct(low: Plane, bands: Bands) -> Plane:
    """Undo `decompose`."""
    details = []
    for responses, scale in zip(_all_responses(low.shape), bands, strict=True):
        spectrum = sum(r.conj() * rfft2(band) for r, band in zip(responses, scale, strict=True))
        details.append(irfft2(spectrum, low.shape))
    return _atrous.reconstruct(low, details[::-1], "maxflat")


def _all_responses(shape: tuple[int, int]) -> list[Responses]:
    return [_responses(shape, s, size) for s, size in zip(_SPLITS, _SIZES, strict=True)]


# Enough for the two kinds of scales at one size.
@lru_cache(maxsize=2)
def _responses(shape: tuple[int, int], splits: int, size: int) -> Responses:
    """Give the responses of all shear filters, whose squared moduli add up to one."""
    down, across = (
        np.exp(-2j * np.pi / side * np.outer(np.arange(count), np.arange(size)))
        for side, count in zip(shape, (shape[0], shape[1] // 2 + 1), strict=True)
    )
    responses = np.stack([down @ taps @ across.T for taps in _shear_filters(splits, size)])
    tight: Responses = responses / np.sqrt((np.abs(responses) ** 2).sum(axis=0))
    return tight


def _shear_filters(splits: int, size: int) -> NDArray[np.float64]:
    """Give filters of one wedge each, shape (2^splits, size, size), their origin in the middle.

    A wedge's window is smooth on a pseudo-polar grid, whose lines go through the origin: `size` of
    them are rather vertical and as many rather horizontal. Each pixel of the filter's spectrum is
    the mean of all grid points that fall on it.
    """
    line, step = np.mgrid[: size + 1, :size]
    crossing = np.floor(line + (size - 2 * line) * step / size + 0.5).astype(int)
    steep = step[:-1], crossing[:-1][::-1]
    flat = np.minimum(crossing[1:], size - 1), step[:-1]
    filters = []
    for window in _windows(splits, size):
        total, count = np.zeros((size, size)), np.zeros((size, size))
        for places, values in ((steep, window[:size]), (flat, window[size:])):
            np.add.at(total, places, values[:, None])
            np.add.at(count, places, 1)
        spectrum = np.fft.fftshift(total / count)
        filters.append(np.fft.fftshift(np.fft.ifft2(spectrum).real))
    return np.stack(filters)


def _windows(splits: int, size: int) -> NDArray[np.float64]:
    """Give Meyer's windows, squared, over the 2 * size lines of the grid, which are a circle."""
    wedges = 2**splits
    width = 2 * size // wedges
    offsets = np.arange(-width // 2, width + width // 2)
    distance = np.abs(offsets / width - 0.5)
    w = np.clip(3 * distance - 1, 0.0, 1.0)
    profile = np.cos(np.pi / 2 * w**4 * (35 - 84 * w + 70 * w**2 - 20 * w**3)) ** 2
    windows = np.zeros((wedges, 2 * size))
    for wedge in range(wedges):
        windows[wedge, (offsets + wedge * width) % (2 * size)] = profile
    return windows
