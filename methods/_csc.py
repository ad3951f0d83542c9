"""Convolutional sparse coding, and the smooth base that is taken off an image before it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fusebench.bench.types import InputError
from fusebench.methods._weights import read_tensors

if TYPE_CHECKING:
    import torch

SIDE = 8
"""Height and width of a filter, and of the smallest image."""

# The published codes solve with SPORCO's cbpdn and leave these at its defaults.
_RELAXATION = 1.8
_RATIO = 1.2
_MOST_CHANGE = 100.0

# Pixels whose maps are updated together: 32 maps of them shall stay in the cache of a core.
_TOGETHER_ON_CPU = 4096


def read_filters(path: Path, name: str) -> torch.Tensor:
    """Read a dictionary of filters.

    Parameters
    ----------
    path : Path
        A file that `fusebench.methods._weights.read_tensors` reads.
    name : str
        Its array ``(8, 8, K)``.

    Returns
    -------
    Tensor, shape (K, 8, 8), float32

    Raises
    ------
    InputError
        If the file holds no such array, or its values are not finite.
    """
    tensors = read_tensors(path)
    if name not in tensors or tensors[name].ndim != 3 or tensors[name].shape[:2] != (SIDE, SIDE):
        found = ", ".join(f"{k} {tuple(v.shape)}" for k, v in tensors.items()) or "none"
        raise InputError(f"{path} holds no filters {name} (8, 8, K); its arrays: {found}")
    filters = tensors[name].float().permute(2, 0, 1).contiguous()
    if not bool(filters.isfinite().all()):
        raise InputError(f"{path} holds filters {name} that are not finite")
    return filters


def split_base(image: torch.Tensor, strength: float, margin: int = 16) -> torch.Tensor:
    """Give the smooth base of an image: least squares with a penalty on its differences.

    Parameters
    ----------
    image : Tensor, shape (H, W)
    strength : float
        Weight of the squared differences between neighbours.
    margin : int
        Pixels by which the image is mirrored on each side, since the solution is periodic.

    Returns
    -------
    Tensor, shape (H, W)
    """
    import torch

    height, width = image.shape
    # Mirrored with the outermost pixels doubled, and again where the margin exceeds the image.
    rows, columns = (
        torch.from_numpy(np.pad(np.arange(side), margin, mode="symmetric")).to(image.device)
        for side in (height, width)
    )
    wide = image[rows][:, columns]
    down, across = (
        2 - 2 * torch.cos(2 * math.pi * frequency(side, dtype=image.dtype, device=image.device))
        for side, frequency in (
            (wide.shape[0], torch.fft.fftfreq),
            (wide.shape[1], torch.fft.rfftfreq),
        )
    )
    spectrum = torch.fft.rfft2(wide) / (1 + strength * (down[:, None] + across))
    smooth = torch.fft.irfft2(spectrum, s=wide.shape)
    inner: torch.Tensor = smooth[margin : margin + height, margin : margin + width]
    return inner


def encode(
    image: torch.Tensor,
    filters: torch.Tensor,
    sparsity: float,
    *,
    rho: float,
    rounds: int,
    tolerance: float = 1e-3,
) -> torch.Tensor:
    """Code an image as a sum of few, periodically convolved filters.

    Minimises half the squared error plus `sparsity` times the sum of absolute coefficients by the
    alternating direction method of multipliers.

    Parameters
    ----------
    image : Tensor, shape (H, W), float32
        At least 8 pixels high and wide.
    filters : Tensor, shape (K, 8, 8), float32
    sparsity : float
    rho : float
        Penalty to start with; it is adapted from the second round on.
    rounds : int
        Rounds at most.
    tolerance : float
        Relative size of both residuals at which it ends.

    Returns
    -------
    Tensor, shape (K, H, W), float32
        The shrunk coefficients: most are exactly zero.

    Notes
    -----
    The iteration of [1]_ with the settings of its public code (relaxation 1.8; the penalty follows
    the ratio of the normalised residuals). There the linear system is solved for all maps in the
    Fourier domain. By the Sherman-Morrison formula only its residual, a single image, needs that:
    with maps v before the step, x = v + filters correlated with r, and r has the spectrum of image
    minus sum of filters convolved with v, divided by rho plus the filters' summed power. Both
    products with filters are matrix products of 8x8 windows here.

    References
    ----------
    .. [1] B. Wohlberg, "Efficient algorithms for convolutional sparse representations," IEEE Trans.
       Image Process. 25(1), 2016. doi:10.1109/TIP.2015.2495260
    """
    import torch

    number, (height, width) = filters.shape[0], image.shape
    atoms = filters.reshape(number, -1)
    spectrum = torch.fft.rfft2(image)
    power = torch.fft.rfft2(filters, s=(height, width)).abs().square().sum(0)
    target = 1 + 18.3 ** (math.log10(sparsity) + 1)
    rows = max(1, _TOGETHER_ON_CPU // width) if image.device.type == "cpu" else height
    strips = [(top, min(top + rows, height)) for top in range(0, height, rows)]
    # z is coefficients plus multipliers: what `threshold` cuts off are the multipliers, in units
    # of the penalty of the round before, by whose `change` they are divided.
    z, threshold, change = image.new_zeros(number, height, width), 0.0, 1.0
    for turn in range(rounds):
        pieces = (_parts(z[:, top:bottom], threshold, change) for top, bottom in strips)
        synthesis = _overlap_add((atoms.T @ (y - u) for y, u in pieces), strips, width)
        rest = torch.fft.irfft2(
            (spectrum - torch.fft.rfft2(synthesis)) / (power + rho), s=(height, width)
        )
        wide, shrink = _wrap(rest), sparsity / rho
        squares = image.new_zeros(5, dtype=torch.float64)
        for top, bottom in strips:
            part = z[:, top:bottom]
            y, u = _parts(part, threshold, change)
            x = torch.addmm(y - u, atoms, _windows(wide[top : bottom + SIDE - 1]))
            total = torch.lerp(y, x, _RELAXATION).add_(u)
            part.copy_(total.view(part.shape))
            dual = torch.clamp(total, -shrink, shrink)
            code = total.sub_(dual)
            measured = (x, code, dual, x.sub(code), y.sub_(code))
            squares += torch.stack([torch.linalg.vector_norm(m) for m in measured]).double() ** 2
        norm_x, norm_y, norm_u, primal, dual_residual = squares.sqrt().tolist()
        # Without anything to code the residuals are undefined (NaN in the public code, which ends).
        primal = primal / max(norm_x, norm_y) if norm_x or norm_y else 0.0
        dual_residual = dual_residual / norm_u if norm_u else 0.0
        threshold, change = shrink, 1.0
        if primal <= tolerance and dual_residual <= tolerance:
            break
        if turn > 0:
            change = _change(primal, dual_residual, target)
            rho *= change
    return z - z.clamp(-threshold, threshold)


def _change(primal: float, dual: float, target: float) -> float:
    """Give the factor by which the penalty follows the ratio of the residuals."""
    ratio = primal / (dual * target) if dual else math.inf
    step = min(math.sqrt(max(ratio, 1 / ratio if ratio else math.inf)), _MOST_CHANGE)
    if ratio > _RATIO:
        return step
    return 1 / step if ratio * _RATIO < 1 else 1.0


def _parts(z: torch.Tensor, threshold: float, change: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Split maps ``(K, h, W)`` into coefficients and multipliers, both ``(K, h * W)``."""
    flat = z.flatten(1)
    u = flat.clamp(-threshold, threshold)
    y = flat - u
    return y, (u if change == 1 else u.div_(change))


def _wrap(image: torch.Tensor) -> torch.Tensor:
    """Continue an image periodically for the windows that begin in it."""
    import torch

    image = torch.cat((image, image[: SIDE - 1]))
    return torch.cat((image, image[:, : SIDE - 1]), dim=1)


def _windows(image: torch.Tensor) -> torch.Tensor:
    """Give all windows of an image as columns ``(64, number of windows)``."""
    return image.unfold(0, SIDE, 1).unfold(1, SIDE, 1).permute(2, 3, 0, 1).reshape(SIDE**2, -1)


def _overlap_add(
    columns: Iterable[torch.Tensor], strips: Sequence[tuple[int, int]], width: int
) -> torch.Tensor:
    """Add windows ``(64, h * W)`` of each strip of rows up to an image that is periodic."""
    height, total = strips[-1][1], None
    for (top, bottom), windows in zip(strips, columns, strict=True):
        shape = (SIDE, bottom - top, width + SIDE - 1)
        if total is None:
            total = windows.new_zeros(height + SIDE - 1, shape[2])
        lines = windows.new_zeros(shape)
        for x, pixels in enumerate(windows.view(SIDE, SIDE, -1, width).unbind(1)):
            lines[:, :, x : x + width] += pixels
        for y, line in enumerate(lines):
            total[top + y : bottom + y] += line
    assert total is not None
    total[: SIDE - 1] += total[height:]
    total[:, : SIDE - 1] += total[:, width:]
    return total[:height, :width]


def synthesise(maps: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    """Give the image ``(H, W)`` of maps ``(K, H, W)``: the sum of the convolved filters."""
    height, width = maps.shape[1:]
    columns = filters.reshape(filters.shape[0], -1).T @ maps.flatten(1)
    return _overlap_add([columns], [(0, height)], width)


def gradient(maps: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    """Give the filters ``(K, 8, 8)`` that describe best what is left of an image, to first order.

    They are the correlations of the maps ``(K, H, W)`` with the rest ``(H, W)``.
    """
    return (maps.flatten(1) @ _windows(_wrap(rest)).T).reshape(-1, SIDE, SIDE)


def activity(maps: torch.Tensor, radius: int) -> torch.Tensor:
    """Give the mean, over windows of ``2 * radius + 1``, of the summed absolute coefficients.

    Outside the image they count as zero.

    Parameters
    ----------
    maps : Tensor, shape (K, H, W)
    radius : int

    Returns
    -------
    Tensor, shape (H, W), float64
    """
    from torch.nn.functional import avg_pool2d

    total = maps.abs().sum(0).double()
    return avg_pool2d(total[None, None], 2 * radius + 1, stride=1, padding=radius)[0, 0]
