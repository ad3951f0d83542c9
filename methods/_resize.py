"""Bicubic interpolation with MATLAB's conventions."""

from __future__ import annotations

import numpy as np

from fusebench.bench.images import to_8_bit
from fusebench.methods._base import Plane


def resize(plane: Plane, height: int, width: int, *, whole: bool = False) -> Plane:
    """Bring a plane to another size, as MATLAB's ``imresize`` does by default.

    Parameters
    ----------
    plane : array, shape (H, W)
    height, width : int
        The new size, at least 1.
    whole : bool
        Round to whole grey levels 0..255 after each direction, as MATLAB does with 8-bit images.

    Returns
    -------
    array, shape (height, width)
        Cubic convolution with a = -1/2 [1]_, stretched where the plane shrinks so that it smooths;
        the plane goes on as its mirror image. The direction that shrinks more comes first.

    References
    ----------
    .. [1] R. Keys, "Cubic convolution interpolation for digital image processing," IEEE Trans.
       Acoust. Speech Signal Process. 29(6), 1981. doi:10.1109/TASSP.1981.1163711
    """
    rows, columns = _weights(plane.shape[0], height), _weights(plane.shape[1], width)
    if height * plane.shape[1] <= width * plane.shape[0]:
        return _rounded(_rounded(rows @ plane, whole) @ columns.T, whole)
    return _rounded(rows @ _rounded(plane @ columns.T, whole), whole)


def _rounded(plane: Plane, whole: bool) -> Plane:
    return to_8_bit(plane).astype(np.float64) if whole else plane


def _weights(old: int, new: int) -> Plane:
    """Give the matrix of shape (new, old) that resizes a line of samples."""
    stretch = max(old / new, 1.0)
    centre = (np.arange(new) + 0.5) * (old / new) - 0.5
    taps = int(np.ceil(4 * stretch)) + 2
    place = np.floor(centre - 2 * stretch)[:, None] + np.arange(taps)
    weights = _cubic((centre[:, None] - place) / stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = np.append(np.arange(old), np.arange(old)[::-1])[place.astype(int) % (2 * old)]
    matrix = np.zeros((new, old))
    np.add.at(matrix, (np.arange(new)[:, None], mirrored), weights)
    return matrix


def _cubic(x: Plane) -> Plane:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
