"""The network of feature mutual mapping (Rao, Xu, Wu)."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

from fusebench.methods._networks.base import Conv, FusionNetwork, with_stride
from fusebench.methods._networks.tokens import attention

Fusion: TypeAlias = Literal["mapping", "concat", "add"]

# The paper names no numbers: channels of the first scale, doubled at each further one.
_CHANNELS = 16


class FMM(FusionNetwork):
    """An encoder for each source, a fusion at every scale, and a decoder that gathers the scales.

    Parameters
    ----------
    fusion : {"mapping", "concat", "add"}
        How features are fused: by maps of what each place of one source has to do with all places
        of the other, by a learned sum of both, or by adding.
    depth : int
        Number of scales, at least 2.
    """

    def __init__(self, fusion: Fusion = "mapping", depth: int = 3) -> None:
        super().__init__()
        channels = [_CHANNELS << level for level in range(depth)]
        self.stride = 1 << (depth - 1)
        self.a, self.b = _encoder(channels), _encoder(channels)
        fusions = {"mapping": _Mapping, "concat": _Concat, "add": _Add}
        self.fusion = fusions[fusion](channels)
        self.decoder = _Decoder(channels)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image of two grey sources ``(N, 1, H, W)``."""
        return with_stride(self._compute, sources, self.stride, "replicate")

    def _compute(self, a: Tensor, b: Tensor) -> Tensor:
        scales = _scales(self.a, a), _scales(self.b, b)
        fused: Tensor = self.decoder(self.fusion(*scales))
        return fused


class _Residual(nn.Module):
    """Two convolutions beside a shortcut that changes the number of channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = Conv(inputs, outputs, border="replicate", after=relu)
        self.second = Conv(outputs, outputs, border="replicate")
        self.shortcut = Conv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return relu(self.second(self.first(x)) + self.shortcut(x))


def _encoder(channels: list[int]) -> nn.ModuleList:
    first = Conv(1, channels[0], border="replicate", after=relu)
    others = [_Residual(*pair) for pair in pairwise(channels)]
    return nn.ModuleList([first, *others])


def _scales(encoder: nn.ModuleList, x: Tensor) -> list[Tensor]:
    found: list[Tensor] = []
    for block in encoder:
        found.append(block(max_pool2d(found[-1], 2) if found else x))
    return found


def _enlarged(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class _Mapping(nn.Module):
    """Maps from the attention of one source to the other, made finer from scale to scale.

    At the deepest scale the scalar products between the features of all places of `a` and of `b`,
    after a softmax, are applied to either source. At each finer scale the enlarged maps of all
    deeper ones are put beside the features and convolved.
    """

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.refine_a, self.refine_b = (
            nn.ModuleList(
                Conv(sum(channels[level:]), width, border="replicate", after=torch.sigmoid)
                for level, width in enumerate(channels[:-1])
            )
            for _ in range(2)
        )

    def forward(self, a: list[Tensor], b: list[Tensor]) -> list[Tensor]:
        maps = self.map(a[-1], b[-1])
        fused = [maps[0] * a[-1] + maps[1] * b[-1]]
        deeper = [[m] for m in maps]
        for level in range(len(a) - 2, -1, -1):
            sides = (a, self.refine_a), (b, self.refine_b)
            for known, (features, refine) in zip(deeper, sides, strict=True):
                known[:] = map(_enlarged, known)
                known.append(refine[level](torch.cat((*known, features[level]), dim=1)))
            fused.append(deeper[0][-1] * a[level] + deeper[1][-1] * b[level])
        return fused[::-1]

    def map(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Give the maps ``(N, C, h, w)`` of both sources at the deepest scale."""
        # (N, 1, places, C), side by side in memory: otherwise torch keeps a matrix of all pairs of
        # places, which has 3 GB for an image of 768x576 pixels.
        x, y = (t.flatten(2).transpose(1, 2)[:, None].contiguous() for t in (a, b))
        mapped = [attention(x, y, source) for source in (x, y)]
        first, second = (m[:, 0].transpose(1, 2).reshape(a.shape) for m in mapped)
        return first, second


class _Concat(nn.ModuleList):
    """A learned sum of the features of both sources at each scale."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__(Conv(2 * width, width, 1) for width in channels)

    def forward(self, a: list[Tensor], b: list[Tensor]) -> list[Tensor]:
        both = (torch.cat(pair, dim=1) for pair in zip(a, b, strict=True))
        return [layer(x) for layer, x in zip(self, both, strict=True)]


class _Add(nn.Module):
    """The sum of the features of both sources at each scale."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()

    def forward(self, a: list[Tensor], b: list[Tensor]) -> list[Tensor]:
        return [x + y for x, y in zip(a, b, strict=True)]


class _Decoder(nn.Module):
    """A triangle of convolutions: each sees all to its left and the one below its neighbour."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        self.columns = nn.ModuleList(
            nn.ModuleList(
                Conv(column * width + channels[level + 1], width, border="replicate", after=relu)
                for level, width in enumerate(channels[: len(channels) - column])
            )
            for column in range(1, len(channels))
        )
        self.last = Conv(channels[0], 1, border="replicate")

    def forward(self, scales: list[Tensor]) -> Tensor:
        rows = [[x] for x in scales]
        for column in self.columns:
            # The row below still ends with what the column before has made.
            for level, block in enumerate(column.children()):
                below = _enlarged(rows[level + 1][-1])
                rows[level].append(block(torch.cat((*rows[level], below), dim=1)))
        image: Tensor = self.last(rows[0][-1])
        return image
