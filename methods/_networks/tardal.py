"""The generator of TarDAL."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu_

from fusebench.methods._colour import join_luma, split_luma
from fusebench.methods._networks.base import Conv, Dense, FusionNetwork

_CHANNELS, _DEPTH = 32, 3


class TarDAL(FusionNetwork):
    """Dense features of both sources together, and an image made of them.

    Parameters
    ----------
    own_statistics : bool
        Whether layers are normalised by the statistics of the image at hand, or by those learned.
    """

    def __init__(self, *, own_statistics: bool) -> None:
        super().__init__()
        # Statistics of an image depend on all of it.
        self.reach = None if own_statistics else 1 + _DEPTH + 4

        def block(inputs: int, outputs: int) -> nn.Sequential:
            normal = Normalisation(outputs, own=own_statistics)
            return nn.Sequential(Conv(inputs, outputs), normal, nn.ReLU())

        self.first = block(2, _CHANNELS)
        self.dense = Dense([block(_CHANNELS * (k + 1), _CHANNELS) for k in range(_DEPTH)])
        width = _CHANNELS * (_DEPTH + 1)
        self.decoder = nn.Sequential(
            Conv(width, 4 * _CHANNELS, after=relu_),
            block(4 * _CHANNELS, 2 * _CHANNELS),
            block(2 * _CHANNELS, _CHANNELS),
            Conv(_CHANNELS, 1, after=torch.tanh),
        )

    def compute(self, *sources: Tensor) -> Tensor:
        """Fuse the luma of infrared and visible sources; colour is that of the visible one."""
        a, b = sources
        y, chroma = split_luma(b)
        fused: Tensor = self.decoder(
            self.dense(self.first(torch.cat((split_luma(a)[0], y), dim=1)))
        )
        return fused if b.shape[1] == 1 else join_luma(fused, chroma)


class Normalisation(nn.BatchNorm2d):
    """Batch normalisation by learned statistics, or by those of each image."""

    def __init__(self, channels: int, *, own: bool) -> None:
        super().__init__(channels)
        self.own = own

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(N, C, H, W)``."""
        if not self.own:
            return super().forward(x)
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        scale = self.weight[:, None, None] / (variance + self.eps).sqrt()
        return (x - mean) * scale + self.bias[:, None, None]
