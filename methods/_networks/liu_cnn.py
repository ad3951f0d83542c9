"""The network of Liu et al. for infrared and visible images, and the pyramids behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, max_pool2d, pad, relu_

from fusebench.methods._colour import split_luma
from fusebench.methods._networks.base import Conv, FusionNetwork, mirrored
from fusebench.methods._tensors import levels

if TYPE_CHECKING:
    from fusebench.methods._weights import Tensors

# Side of the patches that the network compares, and the step from one to the next.
PATCH, STEP = 16, 2

# Bands that match better than this are averaged.
_MATCH = 0.6

_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


class LiuCNN(FusionNetwork):
    """How much of each source to take, pixel by pixel, for Laplacian pyramids."""

    # A patch's other end, and three convolutions: two of one pixel, one of two after the pooling.
    reach = PATCH - 1 + 5

    def __init__(self) -> None:
        super().__init__()
        self.first = Conv(1, 64, after=relu_)
        self.second = Conv(64, 128, after=relu_)
        self.third = Conv(128, 256, after=relu_)
        self.last = nn.Conv2d(512, 2, PATCH // STEP, bias=False)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the weight of the first source, ``(N, 1, H, W)`` in [0, 1]."""
        lumas = (split_luma(source)[0] for source in sources)
        features = torch.cat([self._features(luma) for luma in lumas], dim=1)
        share = self.last(features).softmax(dim=1)[:, 1:]
        return _spread(share, *sources[0].shape[2:])

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Fuse the sources channel by channel with these weights."""
        a, b = (levels(source) / 255 for source in sources)
        return fuse_with_weights(a, b, fused.double()).clamp(0, 1).to(fused.dtype)

    def _features(self, luma: Tensor) -> Tensor:
        x = self.second(self.first(luma))
        x = pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))
        features: Tensor = self.third(max_pool2d(x, 2))
        return features


def _spread(share: Tensor, height: int, width: int) -> Tensor:
    """Give each pixel the mean of the values ``(N, 1, h, w)`` of the patches that it is in."""
    patch = share.new_ones(1, 1, PATCH, PATCH)
    total, number = (
        conv_transpose2d(x, patch, stride=STEP) for x in (share, torch.ones_like(share))
    )
    return (total / number)[..., :height, :width]


def fuse_with_weights(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """Fuse images ``(N, C, H, W)`` by Laplacian pyramids, with the Gaussian one of a weight.

    Where the bands of both match, they are averaged by the weight ``(N, 1, H, W)`` of the first;
    elsewhere the one with more energy in the 3x3 pixels around is taken.
    """
    number = min(a.shape[2:]).bit_length() - 1
    details = []
    for _ in range(number - 1):
        coarse_a, coarse_b = _halved(a), _halved(b)
        size = a.shape[2:]
        details.append(_merged(a - _doubled(coarse_a, size), b - _doubled(coarse_b, size), weight))
        a, b, weight = coarse_a, coarse_b, _halved(weight)
    fused = _merged(a, b, weight)
    for detail in reversed(details):
        fused = detail + _doubled(fused, detail.shape[2:])
    return fused


def _merged(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    energy_a, energy_b = _around(a * a), _around(b * b)
    match = 2 * _around(a * b) / (energy_a + energy_b + torch.finfo(torch.float64).eps)
    average = weight * a + (1 - weight) * b
    return torch.where(match > _MATCH, average, torch.where(energy_a > energy_b, a, b))


def _around(x: Tensor) -> Tensor:
    """Sum over the 3x3 pixels around each: mirrored at borders, nothing beyond corners."""
    wide = pad(x, (1, 1, 1, 1), "reflect")
    wide[..., :: wide.shape[2] - 1, :: wide.shape[3] - 1] = 0
    return _filtered(wide, (1.0, 1.0, 1.0))


def _halved(x: Tensor) -> Tensor:
    return _filtered(mirrored(x, (2, 2, 2, 2)), _BINOMIAL)[..., ::2, ::2]


def _doubled(x: Tensor, size: torch.Size) -> Tensor:
    x = pad(x, (1, 1, 1, 1), "replicate")
    wide = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    wide[..., ::2, ::2] = 4 * x
    return _filtered(wide, _BINOMIAL)[..., : size[0], : size[1]]


def _filtered(x: Tensor, kernel: tuple[float, ...]) -> Tensor:
    """Convolve rows and columns with a symmetric kernel, where it fits."""
    taps = x.new_tensor(kernel).view(1, 1, 1, -1)
    planes = conv2d(x.flatten(0, 1)[:, None], taps)
    planes = conv2d(planes, taps.transpose(2, 3))
    return planes.view(*x.shape[:2], *planes.shape[2:])


def converted(tensors: Tensors) -> Tensors:
    """Give the tensors of the MATLAB file the names and the order of axes here."""
    found = {}
    for ours, theirs in (("first", "b1_1"), ("second", "b1_2"), ("third", "b1_3")):
        kernels = tensors[f"weights_{theirs}"]
        found[f"{ours}.weight"] = _kernels(kernels[None] if kernels.ndim == 2 else kernels)
        found[f"{ours}.bias"] = tensors[f"biases_{theirs}"].flatten()
    found["last.weight"] = _kernels(tensors["weights_output"])
    return found


def _kernels(packed: Tensor) -> Tensor:
    """Unpack ``(inputs, side ** 2, outputs)``; MATLAB goes down the columns first."""
    inputs, area, outputs = packed.shape
    side = round(area**0.5)
    return packed.permute(2, 0, 1).reshape(outputs, inputs, side, side).transpose(2, 3).contiguous()
