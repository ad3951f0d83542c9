"""The network of YDTR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from fusebench.methods._networks.base import Conv, FusionNetwork, wrapped
from fusebench.methods._networks.tokens import RowTokens, from_authors
from fusebench.methods._weights import renamed

if TYPE_CHECKING:
    from fusebench.methods._weights import Tensors

_CHANNELS = 64


class YDTR(FusionNetwork):
    """One branch for both sources, the sum of its features through it again, and an image."""

    # The transformer takes channel by channel.
    channels_last = False

    def __init__(self) -> None:
        super().__init__()
        self.first = Conv(1, _CHANNELS, border="replicate")
        self.first_norm = nn.BatchNorm2d(_CHANNELS)
        self.spatial = nn.Sequential(Conv(_CHANNELS, 8), Conv(8, 1))
        self.channel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(_CHANNELS, 8, 1),
            nn.ReLU(),
            nn.Conv2d(8, _CHANNELS, 1),
        )
        self.tokens = RowTokens(_CHANNELS)
        self.last = nn.Conv2d(_CHANNELS, 1, 1)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of an infrared and a visible source ``(N, 1, H, W)``."""
        a, b = (self._transform(relu(self.first_norm(self.first(s)))) for s in sources)
        return torch.tanh(self.last(self._transform(a + b)))

    def _transform(self, x: Tensor) -> Tensor:
        x = x * self.spatial(x) + x * self.channel(x)
        transformed: Tensor = self.tokens(x)
        return transformed

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Cut down to 8 bits; what is below 0 becomes white."""
        return wrapped(fused)


_NAMES = {
    "convInput.conv": "first",
    "convInput.bn": "first_norm",
    "DDF.spatial_branch.body": "spatial",
    "DDF.channel_branch.fc.0": "channel.1",
    "DDF.channel_branch.fc.2": "channel.3",
    "convolutional_out.conv": "last",
}


def converted(tensors: Tensors) -> Tensors:
    """Give the authors' tensors their names here, and leave two layers aside that nothing uses."""
    unused = ("basicLayer", "patch_embed", "conv.", "conv64.")
    others = {k: v for k, v in tensors.items() if not k.startswith(unused)}
    return {**renamed(_NAMES)(others), **from_authors(tensors, "tokens")}
