"""The network of VIF-Net."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from fusebench.methods._networks.base import Conv, Dense, FusionNetwork


class VIFNet(FusionNetwork):
    """A dense branch for each source, and convolutions that make an image of both."""

    # Four layers in a branch and four after it, each one pixel far.
    reach = 8

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = _branch(), _branch()
        self.decoder = nn.Sequential(
            Conv(128, 128, after=relu),
            Conv(128, 64, after=relu),
            Conv(64, 32),
            Conv(32, 1),
        )

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image of an infrared and a visible source ``(N, 1, H, W)``."""
        a, b = sources
        fused: Tensor = self.decoder(torch.cat((self.a(a), self.b(b)), dim=1))
        return fused


def _branch() -> nn.Sequential:
    dense = Dense([Conv(inputs, 16, after=relu) for inputs in (16, 32, 48)])
    return nn.Sequential(Conv(1, 16, after=relu), dense)
