"""The fusion network of ReCoNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusebench.methods._networks.base import Conv, FusionNetwork

_ROUNDS, _CHANNELS, _DILATIONS = 3, 64, (1, 2, 3)


class ReCoNet(FusionNetwork):
    """One small layer that improves the fused image three times."""

    # In each round: attention looks one pixel far, the widest dilation three, the last layer one.
    reach = _ROUNDS * (1 + _DILATIONS[-1] + 1)

    def __init__(self) -> None:
        super().__init__()
        self.attend_a = Conv(2, 1, bias=False, after=torch.sigmoid)
        self.attend_b = Conv(2, 1, bias=False, after=torch.sigmoid)
        self.dilated = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(3, _CHANNELS, 3, padding=d, dilation=d),
                nn.BatchNorm2d(_CHANNELS),
                nn.ReLU(),
            )
            for d in _DILATIONS
        )
        self.last = nn.Sequential(
            Conv(len(_DILATIONS) * _CHANNELS, 1), nn.BatchNorm2d(1), nn.Tanh()
        )

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of an infrared and a visible source ``(N, 1, H, W)``."""
        a, b = sources
        fused = torch.maximum(a, b)
        for _ in range(_ROUNDS):
            attended = (
                a * self.attend_a(_extremes(a, fused)),
                fused,
                b * self.attend_b(_extremes(b, fused)),
            )
            x = torch.cat(attended, dim=1)
            fused = self.last(torch.cat([layer(x) for layer in self.dilated], dim=1))
        return fused


def _extremes(source: Tensor, fused: Tensor) -> Tensor:
    """Give the larger of two images and their mean, as two channels."""
    return torch.cat((torch.maximum(source, fused), (source + fused) / 2), dim=1)
