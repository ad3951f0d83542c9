"""The few operations that choose their engine by device.

Everything else in this package is written once, against the array API, for NumPy arrays and torch
tensors alike. Filters and histograms are not: on a CPU thread one 17-tap float64 pass over
480x640 pixels costs 2.8 ms in SciPy, 1.6 ms as sums of shifted tensors, and 25 ms in torch's
convolution.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from array_api_compat import array_namespace, is_torch_array
from numpy.typing import NDArray
from scipy import fft, ndimage

from fusebench.bench.types import Array

LEVELS = 256

# Rows that `smooth_in_blocks` filters at a time.
_BLOCK = 16


@lru_cache(maxsize=32)
def gaussian_taps(size: int, sigma: float) -> NDArray[np.float64]:
    """Sample a Gaussian at `size` points around its centre and normalise it to sum 1."""
    x = np.arange(size) - (size - 1) / 2
    taps: NDArray[np.float64] = np.exp(-(x**2) / (2 * sigma**2))
    taps /= taps.sum()
    taps.setflags(write=False)
    return taps


def smooth(images: Array, taps: NDArray[np.float64], step: int = 1) -> Array:
    """Filter rows and columns with symmetric taps, keeping only full windows.

    Parameters
    ----------
    images : float64 array, shape (N, H, W)
    taps : float64 array, shape (K,)
        Symmetric, K odd.
    step : int
        Of how many windows in each direction one is kept, from the first.

    Returns
    -------
    float64 array, shape (N, (H - K + step) // step, (W - K + step) // step)
    """
    reach = len(taps) // 2
    rows = _weighted(images, taps, 1, step)
    if is_torch_array(images):
        return _weighted(rows, taps, 2, step)
    # SciPy goes along rows, where its reading is as good as its arithmetic.
    return ndimage.correlate1d(rows, taps, axis=2)[:, :, reach : images.shape[2] - reach : step]


def smooth_in_blocks(images: Array, taps: NDArray[np.float64]) -> Array:
    """Do what `smooth` does in half of the time, summed in another order.

    A matrix product filters the columns of so few rows that it has few zeros to multiply by.
    """
    if is_torch_array(images):
        return smooth(images, taps)
    count, height, width = images.shape
    lost = len(taps) - 1
    matrix = _banded(taps.tobytes())
    rows = np.empty((count, height - lost, width))
    for top in range(0, height - lost, _BLOCK):
        size = min(_BLOCK, height - lost - top)
        block = images[:, top : top + size + lost]
        np.matmul(matrix[:size, : size + lost], block, out=rows[:, top : top + size])
    reach = lost // 2
    return ndimage.correlate1d(rows, taps, axis=2)[:, :, reach : width - reach]


@lru_cache(maxsize=8)
def _banded(taps: bytes) -> NDArray[np.float64]:
    """Repeat taps in every row of a matrix, one further to the right each."""
    values = np.frombuffer(taps)
    matrix = np.zeros((_BLOCK, _BLOCK + len(values) - 1))
    for row, line in enumerate(matrix):
        line[row : row + len(values)] = values
    return matrix


def _weighted(images: Array, taps: NDArray[np.float64], axis: int, step: int = 1) -> Array:
    """Filter one axis with the operations of SciPy, in its order.

    The variance of a nearly flat window is a small difference of large sums. In another order it
    would differ in its sixth digit, and VIF of an over-exposed photograph in its ninth.
    """
    reach = len(taps) // 2
    last = images.shape[axis] - 2 * reach
    xp = array_namespace(images)

    def shifted(tap: int) -> Array:
        where = [slice(None)] * 3
        where[axis] = slice(tap, tap + last, step)
        return images[tuple(where)]

    total = shifted(reach) * float(taps[reach])
    pair = xp.empty_like(total)
    for tap in range(reach):
        xp.add(shifted(tap), shifted(2 * reach - tap), out=pair)
        pair *= float(taps[tap])
        total += pair
    return total


def smooth_to_border(
    images: Array, taps: NDArray[np.float64], border: Literal["replicate", "zero"]
) -> Array:
    """Filter rows and columns with symmetric taps, also across the border.

    Parameters
    ----------
    images : float64 array, shape (N, H, W)
    taps : float64 array, shape (K,)
        Symmetric, K odd.
    border : {"replicate", "zero"}
        What lies beyond the border: copies of the outermost pixels, or zeros.

    Returns
    -------
    float64 array, shape (N, H, W)
    """
    reach = len(taps) // 2
    if is_torch_array(images):
        import torch

        mode = "replicate" if border == "replicate" else "constant"
        padded = torch.nn.functional.pad(images[:, None], [reach] * 4, mode=mode)[:, 0]
        return _weighted(_weighted(padded, taps, 1), taps, 2)
    mode = "nearest" if border == "replicate" else "constant"
    rows = ndimage.correlate1d(images, taps, axis=1, mode=mode)
    return ndimage.correlate1d(rows, taps, axis=2, mode=mode)


def fourier(images: Array) -> Array:
    """Give the half of the Fourier transforms that real images need.

    Parameters
    ----------
    images : float64 array, shape (N, H, W)

    Returns
    -------
    complex128 array, shape (N, H, W // 2 + 1)
    """
    if is_torch_array(images):
        import torch

        return torch.fft.rfft2(images)
    return fft.rfft2(images)


def inverse_fourier(spectra: Array, height: int, width: int) -> Array:
    """Give the real images that have these transforms, the inverse of `fourier`."""
    if is_torch_array(spectra):
        import torch

        return torch.fft.irfft2(spectra, s=(height, width))
    return fft.irfft2(spectra, s=(height, width))


def whole_fourier(images: Array) -> Array:
    """Give the Fourier transforms of real images, complex128 of the same shape."""
    if is_torch_array(images):
        import torch

        return torch.fft.fft2(images)
    return fft.fft2(images)


def inverse_along(spectra: Array, axis: int) -> Array:
    """Transform back along one axis; NumPy's arrays are overwritten.

    New arrays would cost as much time as the transforms themselves.
    """
    if is_torch_array(spectra):
        import torch

        return torch.fft.ifft(spectra, dim=axis)
    return fft.ifft(spectra, axis=axis, overwrite_x=True)


def medians(images: Array) -> Array:
    """Give the median of each image, shape (N,)."""
    flat = images.reshape(images.shape[0], -1)
    if is_torch_array(images):
        # torch's own median is the lower of the two middle values.
        middle = flat.shape[1] // 2
        ordered = flat.sort(dim=1).values
        upper: Array = ordered[:, middle]
        return upper if flat.shape[1] % 2 else (ordered[:, middle - 1] + upper) / 2
    return np.array([_median(values) for values in flat])


def _median(values: NDArray[np.float64]) -> float:
    """Give the median of what a sample says is near it; ordering everything takes longer."""
    sample = np.sort(values[:: len(values) // 4096 + 1])
    low, high = sample[len(sample) * 47 // 100], sample[len(sample) * 53 // 100]
    under = values < low
    below = np.count_nonzero(under)
    near = np.compress((values <= high) ^ under, values)
    places = [(len(values) - 1) // 2 - below, len(values) // 2 - below]
    if not 0 <= places[0] <= places[1] < len(near):
        return float(np.median(values))
    near.partition(places)
    return float(near[places].mean())


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


def cosine_transform(images: Array) -> Array:
    """Orthonormal cosine transform (type II) of whole images.

    Parameters
    ----------
    images : float64 array, shape (N, H, W)

    Returns
    -------
    float64 array, shape (N, H, W)
    """
    if is_torch_array(images):
        import torch

        height, width = images.shape[1:]
        rows = torch.as_tensor(_cosines(height), device=images.device)
        columns = torch.as_tensor(_cosines(width), device=images.device)
        return rows @ images @ columns.T
    transform: Array = fft.dctn(images, axes=(1, 2), norm="ortho")
    return transform


@lru_cache(maxsize=8)
def _cosines(length: int) -> NDArray[np.float64]:
    """Sample the orthonormal cosines, one in each row."""
    frequency, x = np.arange(length)[:, None], np.arange(length) + 0.5
    waves: NDArray[np.float64] = np.cos(np.pi / length * frequency * x) * np.sqrt(2 / length)
    waves[0] = np.sqrt(1 / length)
    return waves


def sum_of_products(x: Array, y: Array) -> Array:
    """Sum `x * y` over the first axis, shape (K, ...) each, which may be broadcast."""
    if is_torch_array(x):
        return (x * y).sum(0)
    return np.einsum("k...,k...->...", x, y)


def windows_at_once(images: Array) -> int:
    """Windows of an image to take in one go, of which each needs some KiB.

    On a CPU they should stay near the core, and be little against the image: what is freed in
    larger pieces than that goes back to the system, and costs page faults each time.
    """
    if is_torch_array(images) and images.device.type != "cpu":
        return 2**18
    height, width = images.shape[-2:]
    return int(min(max(height * width // 64, 512), 3200))


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
    """
    count = codes.shape[0]
    flat = codes.reshape(count, -1)
    if is_torch_array(codes):
        import torch

        offset = torch.arange(count, device=codes.device)[:, None] * bins
        counts: Array = torch.bincount((flat + offset).reshape(-1), minlength=count * bins)
        return counts.reshape(count, bins).double()
    return np.stack([np.bincount(row, minlength=bins) for row in flat]).astype(np.float64)
