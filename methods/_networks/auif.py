"""The networks of AUIF: ten unrolled steps of two optimisations, and a decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from fusebench.methods._networks.base import FusionNetwork

_STEPS = 10
# Sides of the filters that part an image into base and detail before the first step.
_MEAN_SIDE, _LAPLACE_SIDE = 11, 19


class AUIF(FusionNetwork):
    """Base and detail of each source by unrolled descent, added, and an image made of the sum."""

    reach = _LAPLACE_SIDE // 2 + 2 * _STEPS + 1
    mean: Tensor
    laplace: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.base = Descent()
        self.detail = Descent()
        self.decoding = Decoding()
        mean = torch.full((1, 1, _MEAN_SIDE, _MEAN_SIDE), _MEAN_SIDE**-2)
        laplace = torch.ones(1, 1, _LAPLACE_SIDE, _LAPLACE_SIDE)
        laplace[..., _LAPLACE_SIDE // 2, _LAPLACE_SIDE // 2] -= _LAPLACE_SIDE**2
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("laplace", laplace / laplace.abs().sum(), persistent=False)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of grey sources ``(N, 1, H, W)``."""
        total = torch.zeros_like(sources[0])
        for source in sources:
            total = total + self.base(_mirrored(source, self.mean), source)
            total = total + self.detail(_mirrored(source, self.laplace), source)
        fused: Tensor = self.decoding(total)
        return fused


class Decoding(nn.Module):
    """An image made of the sum of all parts."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(1, 1, 3, bias=False), nn.BatchNorm2d(1), nn.Sigmoid()
        )

    def forward(self, total: Tensor) -> Tensor:
        """Decode ``(N, 1, H, W)``."""
        fused: Tensor = self.decoder(total)
        return fused


class Descent(nn.Module):
    """Ten steps of gradient descent with learned filters, step sizes and weights."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList(_Step() for _ in range(_STEPS))

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        """Improve the first guess `x` at a part of `source`."""
        for step in self.steps:
            x = step(x, source)
        return x


class _Step(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(64, 1, 3, 3))
        self.eta = nn.Parameter(torch.zeros(1))
        self.theta = nn.Parameter(torch.zeros(1))
        self.rest = nn.Sequential(nn.BatchNorm2d(1), nn.PReLU())

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        filtered = _mirrored(x, self.kernel)
        back = _mirrored(filtered, self.kernel.flip(2, 3).transpose(0, 1))
        step: Tensor = self.eta * (self.rest(back) + self.theta * (x - source))
        return x - step


def _mirrored(x: Tensor, kernel: Tensor) -> Tensor:
    side = kernel.shape[-1] // 2
    return conv2d(pad(x, [side] * 4, mode="reflect"), kernel)
