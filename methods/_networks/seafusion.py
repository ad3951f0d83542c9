"""The network of SeAFusion."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from fusebench.methods._colour import join_luma, split_luma
from fusebench.methods._networks.base import (
    Conv,
    Dense,
    FusionNetwork,
    leaky,
    stretched,
    truncated,
)


class SeAFusion(FusionNetwork):
    """Gradient residual dense features of each source, and an image made of both."""

    reach = 9

    def __init__(self) -> None:
        super().__init__()
        self.infrared = _Encoder()
        self.visible = _Encoder()
        self.decoder = nn.Sequential(
            Conv(96, 64, after=leaky(0.2)),
            Conv(64, 32, after=leaky(0.2)),
            Conv(32, 16, after=leaky(0.2)),
            Conv(16, 1, after=torch.tanh),
        )

    def compute(self, *sources: Tensor) -> Tensor:
        """Fuse the luma of infrared and visible sources; colour is that of the visible one."""
        a, b = sources
        y, chroma = split_luma(b)
        features = torch.cat((self.visible(y), self.infrared(split_luma(a)[0])), dim=1)
        fused = self.decoder(features) / 2 + 0.5
        return fused if b.shape[1] == 1 else join_luma(fused, chroma)

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch over all channels together, and cut down to 8 bits."""
        return truncated(stretched(fused.clamp(0, 1)))


class _Encoder(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            Conv(1, 16, after=leaky(0.2)), GradientDense(16, 32), GradientDense(32, 48)
        )


class GradientDense(nn.Module):
    """Dense features beside the Sobel gradients of the input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = Dense(
            [Conv(inputs * k, inputs, after=leaky(0.2)) for k in (1, 2)],
        )
        self.down = Conv(3 * inputs, outputs, 1)
        self.across = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.along = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.up = Conv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        gradient = self.across(x).abs() + self.along(x).abs()
        return leaky_relu(self.down(self.dense(x)) + self.up(gradient), 0.1)
