"""The networks of U2Fusion and EMFusion: dense blocks over both sources at once, and a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from fusebench.methods._networks.base import Conv, Dense, FusionNetwork, leaky, stretched


class DenseStack(FusionNetwork):
    """One convolution, dense ones, and a chain down to one channel.

    Parameters
    ----------
    width : int
        Channels that the first and each dense convolution give.
    dense : int
        Number of dense convolutions.
    widths : sequence of int
        Channels of the chain, without the last.
    reverse : bool
        Whether the last source goes in first.
    output : {"stretched", "scaled", "kept"}
        What becomes 0 and 255: the darkest and the brightest value, black and the brightest value,
        or black and white.
    """

    def __init__(
        self,
        width: int,
        dense: int,
        widths: Sequence[int],
        *,
        reverse: bool = False,
        output: Literal["stretched", "scaled", "kept"] = "stretched",
    ) -> None:
        super().__init__()
        self.reverse, self.output = reverse, output
        self.first = _conv(2, width)
        self.dense = Dense(
            [_conv(width * n, width) for n in range(1, dense + 1)], newest_first=True
        )
        inputs = (width * (dense + 1), *widths[:-1])
        self.chain = torch.nn.Sequential(
            *(_conv(i, o) for i, o in zip(inputs, widths, strict=True)),
            Conv(widths[-1], 1, border="reflect"),
        )
        self.reach = 1 + dense + len(self.chain)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image in [0, 1] of sources ``(N, 1, H, W)``."""
        x = self.dense(self.first(torch.cat(sources[::-1] if self.reverse else sources, dim=1)))
        fused: Tensor = self.chain(x).tanh() / 2 + 0.5
        return fused

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Bring the image to the range that the output shall have."""
        if self.output == "kept":
            return fused
        if self.output == "scaled":
            top = fused.amax((1, 2, 3), keepdim=True)
            return fused / torch.where(top > 0, top, 1)
        return stretched(fused)


def _conv(inputs: int, outputs: int) -> Conv:
    return Conv(inputs, outputs, border="reflect", after=leaky(0.2))
