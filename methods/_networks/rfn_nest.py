"""The network of RFN-Nest: the auto-encoder of NestFuse, and blocks that learned to merge."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusebench.methods._networks.base import stretched, truncated
from fusebench.methods._networks.nestfuse import WIDTHS, Nest, conv

# What the program adds to the extent of the fused image, in grey levels.
_TINY = 1e-5


class RFNNest(Nest):
    """Features merged by a residual block at each scale."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(map(_Residual, WIDTHS))

    def merge(self, level: int, a: Tensor, b: Tensor) -> Tensor:
        """Merge infrared and visible features by the block of their level."""
        merged: Tensor = self.blocks[level](a, b)
        return merged

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch, and cut down to 8 bits."""
        return truncated(stretched(fused, _TINY))


class _Residual(nn.Module):
    """A merging of both, and what the detail of both adds to it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.merge = conv(2 * channels, channels)
        self.infrared = conv(channels, channels)
        self.visible = conv(channels, channels)
        self.detail = nn.Sequential(
            conv(2 * channels, channels, 1), conv(channels, channels), conv(channels, channels)
        )

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        both = torch.cat((self.infrared(infrared), self.visible(visible)), 1)
        merged: Tensor = self.merge(torch.cat((infrared, visible), 1)) + self.detail(both)
        return merged


# From the authors' names to those of the blocks.
NAMES = {
    f"fusion_block{level + 1}.{theirs}.conv2d": f"{level}.{ours}"
    for level in range(len(WIDTHS))
    for theirs, ours in (
        ("conv_fusion", "merge"),
        ("conv_ir", "infrared"),
        ("conv_vi", "visible"),
        *((f"bottelblock.{k}", f"detail.{k}") for k in range(3)),
    )
}
