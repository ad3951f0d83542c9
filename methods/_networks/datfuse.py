"""The network of DATFuse."""

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

_CHANNELS = 16


class DATFuse(FusionNetwork):
    """Attended features of both sources, transformed, attended once more, and made an image."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Conv(2, _CHANNELS, 5, border="replicate")
        self.first_norm = nn.BatchNorm2d(_CHANNELS)
        self.again = Conv(_CHANNELS, _CHANNELS, border="replicate")
        self.again_norm = nn.BatchNorm2d(_CHANNELS)
        self.channel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(_CHANNELS, 4, 1),
            nn.ReLU(),
            nn.Conv2d(4, _CHANNELS, 1),
            nn.Sigmoid(),
        )
        self.spatial = nn.Sequential(
            Conv(_CHANNELS, 4),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            Conv(4, 1),
            nn.BatchNorm2d(1),
            nn.Sigmoid(),
        )
        self.tokens = RowTokens(_CHANNELS)
        self.last = nn.Conv2d(_CHANNELS, 1, 1)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of an infrared and a visible source ``(N, 1, H, W)``."""
        x = relu(self.first_norm(self.first(torch.cat(sources, dim=1))))
        _, attended = self._attend(x)
        features, attended = self._attend(self.tokens(relu(x + attended)))
        return torch.tanh(self.last(features + attended))

    def _attend(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give residual features, and the same weighted by channel plus weighted by place."""
        # The same convolution and normalisation twice.
        features = self.again_norm(self.again(relu(self.again_norm(self.again(x)))))
        return features, features * self.channel(features) + features * self.spatial(features)

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Cut down to 8 bits; what is below 0 becomes white."""
        return wrapped(fused)


_NAMES = {
    "convolutional.conv": "first",
    "convolutional.bn": "first_norm",
    "fem.conv": "again",
    "fem.bn": "again_norm",
    "cam.fc.0": "channel.1",
    "cam.fc.2": "channel.3",
    "sam.body": "spatial",
    "convolutional_out.conv": "last",
}


def converted(tensors: Tensors) -> Tensors:
    """Give the authors' tensors their names here."""
    others = {k: v for k, v in tensors.items() if not k.startswith(("basicLayer", "patch_embed"))}
    return {**renamed(_NAMES)(others), **from_authors(tensors, "tokens")}
