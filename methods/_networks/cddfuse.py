"""The network of CDDFuse."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from fusebench.methods._networks.base import Conv, FusionNetwork, leaky, stretched
from fusebench.methods._networks.restormer import (
    PARTS,
    RULES,
    Block,
    ChannelAttention,
    Coupling,
    GatedPerceptron,
    base_block,
)
from fusebench.methods._weights import rewritten

_CHANNELS, _BLOCKS = 64, 4

Added = Literal["visible", "sum", "nothing"]
"""What is added to the decoded features: one source, both, or nothing."""


class CDDFuse(FusionNetwork):
    """Base and detail features of both sources, fused by one layer each, and an image of them.

    Parameters
    ----------
    added : {"visible", "sum", "nothing"}
        What is added to the decoded image.
    """

    def __init__(self, added: Added = "visible") -> None:
        super().__init__()
        self.added = added
        self.encoder = _Encoder()
        self.decoder = _Decoder()
        self.base_fuse = base_block(_CHANNELS)
        self.detail_fuse = nn.Sequential(Coupling(_CHANNELS))

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of an infrared and a visible source ``(N, 1, H, W)``."""
        infrared, visible = sources
        (base_a, detail_a), (base_b, detail_b) = self.encoder(infrared), self.encoder(visible)
        base, detail = base_b + base_a, detail_b + detail_a
        del base_a, base_b, detail_a, detail_b  # 450 MB of an image with 440,000 pixels
        added = {"visible": visible, "sum": infrared + visible, "nothing": None}[self.added]
        image: Tensor = self.decoder(added, self.base_fuse(base), self.detail_fuse(detail))
        return image

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch each image."""
        return stretched(fused)


class _Encoder(nn.Module):
    """Features of one source, and what of them is base and what detail."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = Conv(1, _CHANNELS, bias=False)
        self.blocks = _transformer()
        self.base = base_block(_CHANNELS)
        self.detail = nn.Sequential(*(Coupling(_CHANNELS) for _ in range(3)))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.blocks(self.embed(image))
        return self.base(features), self.detail(features)


class _Decoder(nn.Module):
    """An image of base and detail features, with another added before the sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce = Conv(2 * _CHANNELS, _CHANNELS, 1, bias=False)
        self.blocks = _transformer()
        self.output = nn.Sequential(
            Conv(_CHANNELS, 32, bias=False, after=leaky(0.01)), Conv(32, 1, bias=False)
        )

    def forward(self, added: Tensor | None, base: Tensor, detail: Tensor) -> Tensor:
        image = self.output(self.blocks(self.reduce(torch.cat((base, detail), dim=1))))
        return torch.sigmoid(image if added is None else image + added)


def _transformer() -> nn.Sequential:
    return nn.Sequential(
        *(
            Block(
                _CHANNELS,
                ChannelAttention(_CHANNELS, depthwise=True),
                GatedPerceptron(_CHANNELS, 2 * _CHANNELS, 4 * _CHANNELS),
            )
            for _ in range(_BLOCKS)
        )
    )


converted = rewritten(
    (
        *PARTS,
        *RULES,
        (r"detailFeature\.net", "detail"),
        (r"detail_fuse\.net", "detail_fuse"),
        (r"reduce_channel", "reduce"),
        (r"output\.2", "output.1"),
    )
)
"""Gives the authors' tensors their names here."""
