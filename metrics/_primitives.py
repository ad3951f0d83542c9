"""The few operations that choose their engine by device.

Everything else in this package is written once, against the array API, for NumPy arrays and torch
tensors alike. Filters and histograms are not: on a CPU thread one 17-tap float64 pass over
480x640 pixels costs 2.8 ms in SciPy, 1.6 ms as sums of shifted tensors, and 25 ms in torch's
convolution.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from array_api_compat import is_torch_array
from numpy.typing import NDArray
from scipy import ndimage

from fusebench.bench.types import Array

LEVELS = 256


@lru_cache(maxsize=32)
def gaussian_taps(size: int, sigma: float) -> NDArray[np.float64]:
    """Sample a Gaussian at `size` points around its centre and normalise it to sum 1."""
    x = np.arange(size) - (size - 1) / 2
    taps: NDArray[np.float64] = np.exp(-(x**2) / (2 * sigma**2))
    taps /= taps.sum()
    taps.setflags(write=False)
    return taps


def smooth(images: Array, taps: NDArray[np.float64]) -> Array:
    """Filter rows and columns with symmetric taps, keeping only full windows.

    Parameters
    ----------
    images : float64 array, shape (N, H, W)
    taps : float64 array, shape (K,)
        Symmetric, K odd.

    Returns
    -------
    float64 array, shape (N, H - K + 1, W - K + 1)
    """
    reach = len(taps) // 2
    if is_torch_array(images):
        return _weighted(_weighted(images, taps, 1), taps, 2)
    # The second pass runs on the rows that the first one completes, not on the border.
    rows = ndimage.correlate1d(images, taps, axis=1)[:, reach : images.shape[1] - reach]
    return ndimage.correlate1d(rows, taps, axis=2)[:, :, reach : images.shape[2] - reach]


def _weighted(images: Array, taps: NDArray[np.float64], axis: int) -> Array:
    """Filter one axis of tensors with the operations of SciPy, in its order.

    The variance of a nearly flat window is a small difference of large sums. In another order it
    would differ in its sixth digit, and VIF of an over-exposed photograph in its ninth.
    """
    reach = len(taps) // 2
    length = images.shape[axis] - 2 * reach
    total = images.narrow(axis, reach, length) * float(taps[reach])
    for tap in range(reach):
        left = images.narrow(axis, tap, length)
        right = images.narrow(axis, 2 * reach - tap, length)
        total += (left + right) * float(taps[tap])
    return total


def correlate_mirrored(images: Array, kernel: NDArray[np.float64]) -> Array:
    """Correlate with an odd-sized kernel; beyond the border images are mirrored at its pixels.

    Parameters
    ----------
    images : float64 array, shape (N, H, W)
        Sides longer than half the kernel's.
    kernel : float64 array, shape (K, L)

    Returns
    -------
    float64 array, shape (N, H, W)
    """
    if is_torch_array(images):
        import torch

        weights = torch.as_tensor(kernel.copy(), dtype=images.dtype, device=images.device)
        rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
        padded = torch.nn.functional.pad(
            images[:, None], (columns, columns, rows, rows), mode="reflect"
        )
        return torch.nn.functional.conv2d(padded, weights[None, None])[:, 0]
    return ndimage.correlate(images, kernel[None], mode="mirror")


def window_sums(images: Array, size: int) -> Array:
    """Sum every full ``size x size`` window.

    Sums of integers are exact: they stay below 2**53, so that a flat window has a variance of
    exactly zero on every device.

    Parameters
    ----------
    images : float64 array, shape (N, H, W)
        Integer values.
    size : int

    Returns
    -------
    float64 array, shape (N, H - size + 1, W - size + 1)
    """
    if is_torch_array(images):
        import torch

        total: Array = torch.nn.functional.pad(images.cumsum(1).cumsum(2), (1, 0, 1, 0))
    else:
        total = np.zeros((images.shape[0], images.shape[1] + 1, images.shape[2] + 1))
        np.cumsum(images, axis=1, out=total[:, 1:, 1:])
        np.cumsum(total[:, 1:, 1:], axis=2, out=total[:, 1:, 1:])
    high = total[:, size:] - total[:, :-size]
    return high[:, :, size:] - high[:, :, :-size]


def histograms(codes: Array, bins: int) -> Array:
    """Count the codes of each image.

    Parameters
    ----------
    codes : int array, shape (N, H, W)
        Values in 0..bins - 1.
    bins : int

    Returns
    -------
    float64 array, shape (N, bins)
        Shares, which sum to 1 for each image.
    """
    count = codes.shape[0]
    flat = codes.reshape(count, -1)
    if is_torch_array(codes):
        import torch

        offset = torch.arange(count, device=codes.device)[:, None] * bins
        counts: Array = torch.bincount((flat + offset).reshape(-1), minlength=count * bins)
        return counts.reshape(count, bins).double() / flat.shape[1]
    counts = np.stack([np.bincount(row, minlength=bins) for row in flat])
    return counts / flat.shape[1]
