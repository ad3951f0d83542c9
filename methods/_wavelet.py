"""Fusion in the decimated wavelet transform, for the methods with other rules for its base."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pywt

from fusebench.bench.types import InputError
from fusebench.methods._base import Plane
from fusebench.methods._pyramid import choose_max, mean

_MODE = "periodization"


def whole_filters(name: str) -> pywt.Wavelet:
    """Give the filters of a wavelet, scaled to a largest tap of 1.

    Haar coefficients of grey levels are then whole numbers, and equal ones stay equal.

    Raises
    ------
    InputError
        If PyWavelets has no discrete wavelet of that name.
    """
    if name not in pywt.wavelist(kind="discrete"):
        raise InputError(
            f"wavelet is {name!r}; expected a discrete wavelet of PyWavelets, such as db1, db2, "
            "sym4 or bior2.2"
        )
    wavelet = pywt.Wavelet(name)
    low, high = np.max(np.abs(wavelet.dec_lo)), np.max(np.abs(wavelet.dec_hi))
    bank = (
        np.array(wavelet.dec_lo) / low,
        np.array(wavelet.dec_hi) / high,
        np.array(wavelet.rec_lo) * low,
        np.array(wavelet.rec_hi) * high,
    )
    return pywt.Wavelet(f"{name} with a largest tap of 1", filter_bank=bank)


def fuse_wavelets(
    a: Plane,
    b: Plane,
    *,
    levels: int,
    filters: pywt.Wavelet,
    base: Callable[[Plane, Plane], Plane] = mean,
) -> Plane:
    """Fuse two planes band by band; details are picked by `choose_max`.

    Parameters
    ----------
    a, b : array, shape (H, W)
        Any size; a side that is odd at some level repeats its last sample there.
    levels : int
        Number of halvings; they end early once a single sample is left.
    filters : Wavelet
        See `whole_filters`.
    base : callable
        ``base(a, b)`` fuses the coarsest bands, in the scale of orthonormal filters: each level
        doubles the grey levels.

    Returns
    -------
    array, shape (H, W)
    """
    sizes, details = [], []
    for _ in range(levels):
        if max(a.shape) == 1:
            break
        sizes.append(a.shape)
        a, details_a = pywt.dwt2(a, filters, mode=_MODE)
        b, details_b = pywt.dwt2(b, filters, mode=_MODE)
        details.append([choose_max(x, y) for x, y in zip(details_a, details_b, strict=True)])
    # What orthonormal filters would have added up to, whose low-pass taps have the sum sqrt(2).
    scale = (2.0 / sum(filters.dec_lo) ** 2) ** len(sizes)
    fused: Plane = base(a * scale, b * scale) / scale
    for (height, width), bands in zip(reversed(sizes), reversed(details), strict=True):
        fused = pywt.idwt2((fused, bands), filters, mode=_MODE)[:height, :width]
    return fused
