"""Non-subsampled pyramids, by multiplication in the cosine domain.

Filters that are even in both directions, applied to a plane that is mirrored with its edge doubled,
multiply the plane's DCT-II. Filtering is therefore exact at any size and for any stretched filter.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from scipy.fft import dctn, idctn

from fusebench.methods._base import Plane

Design: TypeAlias = Literal["pyrexc", "maxflat"]


def decompose(plane: Plane, levels: int, design: Design) -> tuple[Plane, list[Plane]]:
    """Split a plane into a low-pass plane and details, all of its own size.

    Parameters
    ----------
    plane : array, shape (H, W)
    levels : int
        Number of details, at least 1. From one to the next the filters are stretched by two.
    design : {"pyrexc", "maxflat"}
        Filters: a 5x5 analysis pair with 7x7 synthesis, or 13x13 and 19x19.

    Returns
    -------
    low : array, shape (H, W)
    details : list of arrays (H, W), finest first

    References
    ----------
    .. [1] A. L. da Cunha, J. Zhou, M. N. Do, "The nonsubsampled contourlet transform: theory,
       design, and applications," IEEE Trans. Image Process. 15(10), 2006.
       doi:10.1109/TIP.2006.877507
    """
    spectrum = dctn(plane, norm="ortho")
    details = []
    for level in range(levels):
        low, high, _, _ = _responses(plane.shape, level, design)
        details.append(idctn(spectrum * high, norm="ortho"))
        spectrum = spectrum * low
    return idctn(spectrum, norm="ortho"), details


def reconstruct(low: Plane, details: list[Plane], design: Design) -> Plane:
    """Undo `decompose`."""
    spectrum = dctn(low, norm="ortho")
    for level in reversed(range(len(details))):
        _, _, low_back, high_back = _responses(low.shape, level, design)
        spectrum = spectrum * low_back + dctn(details[level], norm="ortho") * high_back
    plane: Plane = idctn(spectrum, norm="ortho")
    return plane


# Enough for four levels at one size.
@lru_cache(maxsize=4)
def _responses(shape: tuple[int, int], level: int, design: Design) -> tuple[Plane, ...]:
    """Give the responses of low and high analysis, low and high synthesis filters."""
    # Both designs are polynomials in one mapping of the plane of frequencies to -1..1, built from a
    # maximally flat half-band filter of one or two vanishing derivatives.
    across, down = (np.cos(2.0**level * np.pi * np.arange(side) / side) for side in reversed(shape))
    if design == "pyrexc":
        across, down = (1 + across) / 2, (1 + down) / 2
    else:
        across, down = (2 + 3 * across - across**3) / 4, (2 + 3 * down - down**3) / 4
    t = 2 * np.outer(down, across) - 1
    if design == "pyrexc":
        return _short(t), _short(-t), _long(t), _long(-t)
    return _short(t), _long(-t), _long(t), _short(-t)


def _short(t: Plane) -> Plane:
    return 2**-0.5 + t / 2 + (0.5 - 2**-0.5) * t**2


def _long(t: Plane) -> Plane:
    # The shortest complement: _short(t) * _long(t) + _short(-t) * _long(-t) = 1.
    return 2**-0.5 + (2 - 2**0.5) * t + (0.5 - 2**-0.5) * t**2 - (1.5 - 2**0.5) * t**3
