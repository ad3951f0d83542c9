"""The network of LRRNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusebench.methods._networks.base import Conv, FusionNetwork, stretched, truncated

_CHANNELS = 128
_STEPS = 4
# What the program adds to an extent, on the scale 0..255 before and 0..1 after.
_TINY = 1e-5


class LRRNet(FusionNetwork):
    """Low-rank and sparse features of each source by unrolled shrinkage, and an image of them."""

    reach = 2 * _STEPS + 3
    # 256 channels at full size are what takes the memory.
    tile = 128

    def __init__(self) -> None:
        super().__init__()
        self.infrared = _Unrolled()
        self.visible = _Unrolled()
        self.low = nn.ModuleList(Conv(_CHANNELS, 1, border="reflect") for _ in range(2))
        self.sparse = nn.ModuleList(Conv(_CHANNELS, 1, border="reflect") for _ in range(2))
        self.join_low = Conv(2, 1, border="reflect")
        self.join_sparse = Conv(2, 1, border="reflect")

    def forward(self, *sources: Tensor) -> Tensor:
        """Fuse grey sources ``(N, 1, H, W)``, each stretched to [0, 1] first."""
        return super().forward(*(stretched(source, _TINY / 255) for source in sources))

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of an infrared and a visible source."""
        lows, sparses = [], []
        for i, (source, unrolled) in enumerate(
            zip(sources, (self.infrared, self.visible), strict=True)
        ):
            low, sparse = unrolled(source).chunk(2, dim=1)
            lows.append(self.low[i](low))
            sparses.append(self.sparse[i](sparse))
        fused: Tensor = self.join_low(torch.cat(lows, 1)) + self.join_sparse(torch.cat(sparses, 1))
        return fused

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch what is not below 0, and cut down to 8 bits."""
        return truncated(stretched(fused.clamp_min(0), _TINY))


class _Unrolled(nn.Module):
    """Learned iterative shrinkage: features that describe an image, most of them 0."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Conv(1, 2 * _CHANNELS, border="reflect")
        self.threshold = nn.Parameter(torch.zeros(1, 2 * _CHANNELS))
        self.keep = nn.Parameter(torch.zeros(1, 1))
        self.describe = nn.ModuleList(
            Conv(1, 2 * _CHANNELS, border="reflect") for _ in range(_STEPS)
        )
        self.restore = nn.ModuleList(
            Conv(2 * _CHANNELS, 1, border="reflect") for _ in range(_STEPS)
        )

    def forward(self, x: Tensor) -> Tensor:
        z = self._shrink(self.first(x))
        for describe, restore in zip(self.describe, self.restore, strict=True):
            z = self._shrink(self.keep * z + describe(x - restore(z)))
        return z

    def _shrink(self, z: Tensor) -> Tensor:
        return z.sign() * (z.abs() - self.threshold[..., None, None]).clamp_min(0)
