"""The network of MFEIF: features at three scales, attention that starts from edges, a decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad, relu_

from fusebench.methods._networks.base import Conv, FusionNetwork

# The authors' program weighs the paths of the deep features so.
_SHARES = (0.1, 0.1, 1.0)


class MFEIF(FusionNetwork):
    """Deep features of both sources weighted by attention, and shallow ones beside them."""

    # Attention looks 11 pixels far, the decoder four.
    reach = 15
    tile = 512

    def __init__(self) -> None:
        super().__init__()
        self.features = _Features()
        self.attention = nn.Sequential(
            *_pair(1, 32, 32), *_pair(32, 64, 128), *_pair(128, 64, 32), Conv(32, 1, 1)
        )
        self.decoder = nn.ModuleList(
            _block(inputs, outputs) for inputs, outputs in ((64, 16), (64, 32), (64, 16), (16, 1))
        )

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of two grey sources ``(N, 1, H, W)``; it may exceed 1."""
        found = [self.features(source) for source in sources]
        weighted = [
            deep * self.attention(source + _edges(source))
            for source, (deep, *_) in zip(sources, found, strict=True)
        ]
        deep = torch.stack(weighted).sum(0).softmax(1)
        # What both have in common counts once more.
        middle, shallow = (
            (a + b + torch.minimum(a, b)) / 3 for a, b in zip(*(f[1:] for f in found), strict=True)
        )
        first, second, third, last = self.decoder
        x = torch.cat((first(deep), middle), 1)
        x = torch.cat((second(x), shallow), 1)
        fused: Tensor = last(third(x))
        return fused


class _Features(nn.Module):
    """Three paths of three layers, which differ in the dilation of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _block(1, 16)
        self.paths = nn.ModuleList(
            nn.Sequential(_block(16, 32, dilation), _block(32, 48), _block(48, 64))
            for dilation in (1, 2, 3)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Give deep, middle and shallow features of ``(N, 1, H, W)``."""
        layers = [self.first(x)] * len(self.paths)
        found: list[Tensor] = []
        paths = [path.children() for path in self.paths]
        for shares, *blocks in zip(((1.0,) * 3, (1.0,) * 3, _SHARES), *paths, strict=True):
            layers = [block(y) for block, y in zip(blocks, layers, strict=True)]
            one, two, three = (share * y for share, y in zip(shares, layers, strict=True))
            found.append(one + two + three)
        return found[::-1]


def _block(inputs: int, outputs: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        Conv(inputs, outputs, dilation=dilation), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def _pair(inputs: int, between: int, outputs: int) -> tuple[Conv, Conv]:
    return Conv(inputs, between, after=relu_), Conv(between, outputs, dilation=2)


def _edges(image: Tensor) -> Tensor:
    """Give the largest length of the gradient, by central differences, within 3 x 3 pixels."""
    wide = pad(image, (1, 1, 1, 1), mode="replicate")
    across = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2
    along = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2
    return max_pool2d((across.square() + along.square()).sqrt(), 3, 1, 1)
