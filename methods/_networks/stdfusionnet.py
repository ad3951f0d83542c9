"""The network of STDFusionNet: residual blocks for each source and for the fused image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import elu

from fusebench.methods._networks.base import Activation, Conv, FusionNetwork, leaky, stretched

_relu = leaky(0.2)


class STDFusionNet(FusionNetwork):
    """Features of each source by three residual blocks, and an image of them by four."""

    # One layer of 5 x 5, and one of 3 x 3 in each of seven blocks.
    reach = 9

    def __init__(self) -> None:
        super().__init__()
        self.visible = _features()
        self.infrared = _features()
        self.decoder = _blocks((128, 64, 32, 16, 1), (elu, elu, _relu, torch.tanh))

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image in [-1, 1] of an infrared and a visible source ``(N, 1, H, W)``."""
        infrared, visible = (source * 2 - 1 for source in sources)
        features = torch.cat((self.visible(visible), self.infrared(infrared)), 1)
        fused: Tensor = self.decoder(features)
        return fused

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch."""
        return stretched(fused)


class _Block(nn.Module):
    """Three layers, and around them what came in, its channels mixed where their number changes."""

    def __init__(self, inputs: int, outputs: int, after: Activation) -> None:
        super().__init__()
        self.conv1 = Conv(inputs, inputs, 1, after=_relu)
        self.conv2 = Conv(inputs, inputs, after=_relu)
        self.conv3 = Conv(inputs, outputs, 1)
        self.around = nn.Identity() if inputs == outputs else Conv(inputs, outputs, 1, bias=False)
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.conv3(self.conv2(self.conv1(x))) + self.around(x))


def _blocks(channels: Sequence[int], after: Sequence[Activation]) -> nn.Sequential:
    return nn.Sequential(*map(_Block, channels[:-1], channels[1:], after))


def _features() -> nn.Sequential:
    return nn.Sequential(Conv(1, 16, 5, after=_relu), *_blocks((16, 16, 32, 64), (_relu,) * 3))
