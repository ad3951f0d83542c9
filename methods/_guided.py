"""Guided filter with box windows that end at the border of the image."""

from __future__ import annotations

import numpy as np

from fusebench.methods._base import Plane


def box_mean(plane: Plane, radius: int) -> Plane:
    """Mean over the window of ``2 * radius + 1`` pixels a side around each pixel.

    Parameters
    ----------
    plane : array, shape (H, W)
    radius : int
        May exceed the image: a window holds only the pixels that exist, and is divided by their
        number.

    Returns
    -------
    array, shape (H, W)
    """
    # Differences of running sums: the cost does not depend on the radius, and sums of whole grey
    # levels stay exact, so that a flat region has a variance of exactly zero.
    sums, rows = _window_sums(plane, radius)
    sums, columns = _window_sums(sums.T, radius)
    mean: Plane = sums.T / np.outer(rows, columns)
    return mean


def _window_sums(plane: Plane, radius: int) -> tuple[Plane, Plane]:
    length = plane.shape[0]
    radius = min(radius, length)
    place = np.arange(length)
    first = np.maximum(place - radius, 0)
    end = np.minimum(place + radius + 1, length)
    running = np.zeros((length + 1, plane.shape[1]))
    np.cumsum(plane, axis=0, out=running[1:])
    return running[end] - running[first], (end - first).astype(np.float64)


def guided_filter(guide: Plane, source: Plane, radius: int, eps: float) -> Plane:
    """Smooth a plane so that its edges follow those of a guide.

    In every window the result is the linear function of the guide that fits the source best; a
    pixel gets the mean of the functions of all windows that hold it.

    Parameters
    ----------
    guide, source : array, shape (H, W)
    radius : int
        Windows have ``2 * radius + 1`` pixels a side.
    eps : float
        Variance of the guide, in its own units squared, below which a window counts as flat.

    Returns
    -------
    array, shape (H, W)

    References
    ----------
    .. [1] K. He, J. Sun, X. Tang, "Guided image filtering," IEEE Trans. Pattern Anal. Mach. Intell.
       35(6), 2013. doi:10.1109/TPAMI.2012.213
    """
    mean_guide = box_mean(guide, radius)
    mean_source = box_mean(source, radius)
    variance = box_mean(guide * guide, radius) - mean_guide * mean_guide
    covariance = box_mean(guide * source, radius) - mean_guide * mean_source
    slope = covariance / (variance + eps)
    offset = mean_source - slope * mean_guide
    return box_mean(slope, radius) * guide + box_mean(offset, radius)
