"""The generator of FusionGAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad

from fusebench.methods._networks.base import FusionNetwork, stretched
from fusebench.methods._networks.sdnet import normalised

_CHANNELS = (2, 256, 128, 64, 32, 1)
_SIZES = (5, 5, 3, 3, 1)

MARGIN = sum(size // 2 for size in _SIZES)
"""Pixels that the layers take away on each side."""


class FusionGAN(FusionNetwork):
    """Five convolutions; after each but the last, every image is normalised by itself.

    The authors train with batch normalisation, but their test program knows neither its scales and
    offsets nor its running statistics: it normalises each image by its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, outputs, size)
            for inputs, outputs, size in zip(_CHANNELS, _CHANNELS[1:], _SIZES, strict=False)
        )

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image in [-1, 1] of an infrared and a visible source ``(N, 1, H, W)``."""
        x = torch.cat(sources, dim=1) * 2 - 1
        return self.generate(pad(x, (MARGIN,) * 4, "replicate"))

    def generate(self, x: Tensor) -> Tensor:
        """Give the image of sources in [-1, 1] as two channels, `MARGIN` smaller on each side."""
        *others, last = self.layers
        for layer in others:
            x = leaky_relu(normalised(layer(x)), 0.2)
        fused: Tensor = last(x).tanh()
        return fused

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch."""
        return stretched(fused)
