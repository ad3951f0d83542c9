"""Laplacian-type pyramids and the rule that picks their coefficients.

All of it follows the conventions of Rockinger's fusion toolbox, which the published comparisons
run. Its mirror border leaves the corners black; that is visible in the corners of a fused image, so
it is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from fusebench.methods._base import Plane

Coefficients: TypeAlias = NDArray[Any]
"""Real or complex coefficients of one band, shape (H, W)."""

Bands: TypeAlias = list[list[Coefficients]]
"""What a directional transform gives: for each scale its bands, which may differ in size."""

# A 3x3 neighbourhood votes; the first source needs more than half of its nine places.
_MAJORITY = 4


def mirror(plane: Plane, width: int) -> Plane:
    """Extend a plane by mirroring it about its outermost samples, with corners of zeros.

    Parameters
    ----------
    plane : array, shape (H, W)
    width : int
        Samples to add on each side. A side of one sample is repeated.

    Returns
    -------
    array, shape (H + 2 * width, W + 2 * width)
        The outermost samples themselves are not doubled. The four corner blocks are zero.
    """
    wide = np.pad(plane, width, mode="reflect")
    for rows in (slice(None, width), slice(-width, None)):
        wide[rows, :width] = 0
        wide[rows, -width:] = 0
    return wide


def pad_to_even(plane: Plane) -> Plane:
    """Append the row and column before the last where a side is odd (a side of one is doubled)."""
    height, width = plane.shape
    return np.pad(plane, ((0, height % 2), (0, width % 2)), mode="reflect")


def reduce(plane: Plane) -> Plane:
    """Smooth a plane with [1 4 6 4 1] / 16 both ways and keep every second row and column.

    Parameters
    ----------
    plane : array, shape (2 * H, 2 * W)

    Returns
    -------
    array, shape (H, W)
    """
    return _halve(_halve(mirror(plane, 2)).T).T


def _halve(x: Plane) -> Plane:
    # Only the rows that are kept are computed.
    return (
        (x[0:-4:2] + x[4::2]) * (1 / 16) + (x[1:-3:2] + x[3:-1:2]) * (1 / 4) + x[2:-2:2] * (3 / 8)
    )


def expand(plane: Plane) -> Plane:
    """Double a plane: zeros between its samples, then smoothing with [1 4 6 4 1] / 8 both ways.

    Parameters
    ----------
    plane : array, shape (H, W)

    Returns
    -------
    array, shape (2 * H, 2 * W)
    """
    height, width = plane.shape
    # The mirror of the zero-stuffed plane, without its zeros: it ends with a row of zeros, so that
    # the last sample lies inside and comes back doubled, while the first one does not.
    wide = np.zeros((height + 2, width + 2))
    wide[1:-1, 1:-1] = plane
    wide[0, 1:-1] = plane[min(1, height - 1)]
    wide[-1, 1:-1] = plane[-1]
    wide[1:-1, 0] = plane[:, min(1, width - 1)]
    wide[1:-1, -1] = plane[:, -1]
    return _double(_double(wide).T).T


def _double(x: Plane) -> Plane:
    doubled = np.empty((2 * (x.shape[0] - 2), x.shape[1]))
    doubled[0::2] = (x[:-2] + x[2:]) * (1 / 8) + x[1:-1] * (3 / 4)
    doubled[1::2] = (x[1:-1] + x[2:]) * (1 / 2)
    return doubled


def choose_max(a: Coefficients, b: Coefficients) -> Coefficients:
    """Pick the coefficients of the source that is stronger in most of their neighbourhood.

    The activity of a place is the greatest modulus in the 3x3 window around it. A coefficient comes
    from `a` where `a` is the more active source in at least five of the nine places around it, and
    from `b` otherwise; equal activity counts for `b`.

    Parameters
    ----------
    a, b : real or complex array, shape (H, W)

    Returns
    -------
    array, shape (H, W)

    References
    ----------
    .. [1] H. Li, B. S. Manjunath, S. K. Mitra, "Multisensor image fusion using the wavelet
       transform," Graph. Models Image Process. 57(3), 1995. doi:10.1006/gmip.1995.1022
    """
    votes = (_activity(a) > _activity(b)).astype(np.int8)
    votes = votes[:-2] + votes[1:-1] + votes[2:]
    votes = votes[:, :-2] + votes[:, 1:-1] + votes[:, 2:]
    return np.where(votes > _MAJORITY, a, b)


def choose_max_in_bands(a: Bands, b: Bands) -> Bands:
    """Apply `choose_max` to every band of every scale of two transformed planes."""
    return [
        [choose_max(x, y) for x, y in zip(scale_a, scale_b, strict=True)]
        for scale_a, scale_b in zip(a, b, strict=True)
    ]


def _activity(band: Coefficients) -> Plane:
    # One place more on each side than the band has, because the places outside vote too.
    strongest: Plane = maximum_filter(mirror(np.abs(band), 1), size=3, mode="constant")
    return strongest


def mean(a: Plane, b: Plane) -> Plane:
    """Average two planes."""
    return (a + b) / 2


def fuse_pyramids(
    a: Plane,
    b: Plane,
    *,
    levels: int,
    split: Callable[[Plane, Plane], Plane],
    merge: Callable[[Plane, Plane], Plane],
    base: Callable[[Plane, Plane], Plane] = mean,
) -> Plane:
    """Fuse two planes band by band in a pyramid of low-pass planes.

    Details are picked by `choose_max`.

    Parameters
    ----------
    a, b : array, shape (H, W)
        Any size; odd sides are padded at their level and cropped again.
    levels : int
        Number of halvings; they end early once a single sample is left.
    split : callable
        ``split(plane, low)`` gives the detail of a plane against its low-pass version.
    merge : callable
        ``merge(low, detail)`` undoes it.
    base : callable
        ``base(a, b)`` fuses the coarsest planes.

    Returns
    -------
    array, shape (H, W)
    """
    sizes, details = [], []
    for _ in range(levels):
        if max(a.shape) == 1:
            break
        sizes.append(a.shape)
        a, b = pad_to_even(a), pad_to_even(b)
        coarse_a, coarse_b = reduce(a), reduce(b)
        details.append(choose_max(split(a, expand(coarse_a)), split(b, expand(coarse_b))))
        a, b = coarse_a, coarse_b
    fused = base(a, b)
    for (height, width), detail in zip(reversed(sizes), reversed(details), strict=True):
        fused = merge(expand(fused), detail)[:height, :width]
    return fused


def fuse_ratios(
    a: Plane,
    b: Plane,
    *,
    levels: int,
    eps: float,
    base: Callable[[Plane, Plane], Plane] = mean,
) -> Plane:
    """Fuse two planes in the pyramid of ratios to their low-pass planes; see `fuse_pyramids`."""
    return fuse_pyramids(
        a,
        b,
        levels=levels,
        split=lambda plane, low: plane / (low + eps),
        merge=lambda low, ratio: (low + eps) * ratio,
        base=base,
    )
