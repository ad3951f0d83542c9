"""Bilateral filter on a coarse grid."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from fusebench.methods._base import Plane

# Cells around the image and its levels that smoothing can reach.
_MARGIN = 2
_PASSES = 2


def bilateral_grid(plane: Plane, sigma_space: float, sigma_range: float) -> Plane:
    """Smooth a plane by an approximation of the bilateral filter.

    Parameters
    ----------
    plane : array, shape (H, W)
    sigma_space : float
        Spatial scale in pixels.
    sigma_range : float
        Scale of differences, in the units of the plane.

    Returns
    -------
    array, shape (H, W)

    Notes
    -----
    Pixels are counted, and their values added, in the cells of a grid of place and level whose
    unit is one scale; both are smoothed by [1 2 1] / 4 twice in each direction, interpolated
    linearly and divided [1]_. The values of published methods depend on this approximation.

    References
    ----------
    .. [1] S. Paris, F. Durand, "A fast approximation of the bilateral filter using a signal
       processing approach," Int. J. Comput. Vis. 81, 2009. doi:10.1007/s11263-007-0110-8
    """
    y, x = np.indices(plane.shape)
    places = np.stack(
        [y / sigma_space, x / sigma_space, (plane - plane.min()) / sigma_range]
    ).reshape(3, -1)
    shape = tuple(places.max(axis=1).astype(int) + 1 + 2 * _MARGIN)
    cells = np.ravel_multi_index(tuple((places + 0.5).astype(int) + _MARGIN), shape)
    size = int(np.prod(shape))
    sums, counts = (
        map_coordinates(
            _smooth(np.bincount(cells, weights, size).astype(np.float64).reshape(shape)),
            places + _MARGIN,
            order=1,
        )
        for weights in (plane.ravel(), None)
    )
    smooth: Plane = (sums / counts).reshape(plane.shape)
    return smooth


def _smooth(grid: Plane) -> Plane:
    for axis in range(3):
        for _ in range(_PASSES):
            lines = np.moveaxis(grid, axis, 0)
            grid = np.zeros_like(grid)
            np.moveaxis(grid, axis, 0)[1:-1] = (lines[:-2] + 2 * lines[1:-1] + lines[2:]) / 4
    return grid
