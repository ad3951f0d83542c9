"""The network of NestFuse, and the auto-encoder that it shares with RFN-Nest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, pad, relu

from fusebench.methods._networks.base import Conv, FusionNetwork, stretched, truncated

# Channels of the four scales, each half as large as the one before.
WIDTHS = (64, 112, 160, 208)
_FIRST = 16

# Longest side that the authors compute at once; larger images are computed in quarters, which
# reach over the middle by so many pixels from above or the left, and from below or the right.
_LARGEST, _OVER, _BACK = 512, 3, 2

# What the program adds to the sum of two weights, and to maps before their singular values.
_TINY = 1e-5


class AutoEncoder(nn.Module):
    """Codes an image at four scales, and makes an image of such features by a nest of blocks.

    The blocks make a triangle: ``LEVEL_0`` codes a level; ``LEVEL_STEP`` sees all blocks of its
    level before it, and of the level below the block of the step before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = conv(1, _FIRST, 1)
        self.nodes = nn.ModuleDict()
        for step in range(len(WIDTHS)):
            for level, width in enumerate(WIDTHS[: len(WIDTHS) - step]):
                inputs = step * width + WIDTHS[level + 1] if step else (_FIRST, *WIDTHS)[level]
                self.nodes[_node(level, step)] = nn.Sequential(
                    conv(inputs, inputs // 2), conv(inputs // 2, width, 1)
                )
        self.last = conv(WIDTHS[0], 1, 1)

    def encode(self, image: Tensor) -> list[Tensor]:
        """Give the features at four scales of grey levels ``(N, 1, H, W)``, 0..255."""
        x = self.first(image)
        features = []
        for level in range(len(WIDTHS)):
            x = self.nodes[_node(level, 0)](max_pool2d(x, 2) if level else x)
            features.append(x)
        return features

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Give the grey levels that features at four scales stand for."""
        rows = [[x] for x in features]
        for step in range(1, len(rows)):
            for level, row in enumerate(rows[:-step]):
                below = _enlarged(rows[level + 1][step - 1], row[0])
                row.append(self.nodes[_node(level, step)](torch.cat((*row, below), 1)))
        image: Tensor = self.last(rows[0][-1])
        return image

    def forward(self, image: Tensor) -> Tensor:
        """Give an image back, as training asks for."""
        return self.decode(self.encode(image))


class Nest(FusionNetwork):
    """Sources that are coded, merged at each scale, and decoded. A subclass has `merge`."""

    def __init__(self) -> None:
        super().__init__()
        self.coder = AutoEncoder()

    def merge(self, level: int, a: Tensor, b: Tensor) -> Tensor:
        """Merge the features of both sources at a level, 0 for the finest."""
        raise NotImplementedError

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image, in grey levels, of infrared and visible sources ``(N, 1, H, W)``."""
        pairs = zip(*(self.coder.encode(source * 255) for source in sources), strict=True)
        return self.coder.decode([self.merge(level, a, b) for level, (a, b) in enumerate(pairs)])

    def compute_whole(self, *sources: Tensor) -> Tensor:
        """Compute large images in quarters, as the authors do."""
        return in_quarters(self.compute, sources)


class NestFuse(Nest):
    """Features weighted by channel and by place, half each.

    Parameters
    ----------
    attention : {"attention_avg", "attention_max", "attention_nuclear"}
        What the weight of a channel is made of: its mean, its maximum or its nuclear norm.
    """

    def __init__(self, attention: str) -> None:
        super().__init__()
        self.attention = attention

    def merge(self, level: int, a: Tensor, b: Tensor) -> Tensor:
        """Merge features, at all levels alike."""
        activity_a, activity_b = (self._activity(x)[..., None, None] for x in (a, b))
        channels = (activity_a * a + activity_b * b) / (activity_a + activity_b + _TINY)
        return (channels + merge_places(a, b)) / 2

    def _activity(self, x: Tensor) -> Tensor:
        if self.attention == "attention_avg":
            return x.mean((2, 3))
        if self.attention == "attention_max":
            return x.amax((2, 3))
        norm: Tensor = torch.linalg.svdvals(x + _TINY).sum(-1)
        return norm

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch, and cut down to 8 bits."""
        return truncated(stretched(fused))


def merge_places(a: Tensor, b: Tensor) -> Tensor:
    """Add up features ``(N, C, H, W)``, weighted by the softmax of their means over channels.

    The tiny number in its denominator is the authors'. Their exponentials of the means themselves
    overflow from 89 on; these do not, and give the same otherwise.
    """
    mean_a, mean_b = (x.mean(1, keepdim=True) for x in (a, b))
    top = torch.maximum(mean_a, mean_b)
    weight_a, weight_b = ((mean - top).exp() for mean in (mean_a, mean_b))
    return (weight_a * a + weight_b * b) / (weight_a + weight_b + _TINY * (-top).exp())


def in_quarters(compute: Callable[..., Tensor], sources: Sequence[Tensor]) -> Tensor:
    """Compute images with a side above 512 pixels in four parts, averaged where they overlap."""
    height, width = sources[0].shape[2:]
    if max(height, width) <= _LARGEST:
        return compute(*sources)
    total, count = (torch.zeros_like(sources[0]) for _ in range(2))
    for rows in _halves(height):
        for columns in _halves(width):
            part = (..., rows, columns)
            total[part] += compute(*(source[part] for source in sources))
            count[part] += 1
    return total / count


def _halves(side: int) -> tuple[slice, slice]:
    return slice(0, side // 2 + _OVER), slice(side // 2 - _BACK, side)


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    """Double an image, and mirror the row or column that pooling left out of the larger one."""
    x = interpolate(x, scale_factor=2)
    margin = (0, like.shape[3] - x.shape[3], 0, like.shape[2] - x.shape[2])
    return pad(x, margin, "reflect") if any(margin) else x


def _node(level: int, step: int) -> str:
    return f"{level + 1}_{step}"


def conv(inputs: int, outputs: int, size: int = 3) -> Conv:
    """Make a layer as both networks have them throughout, the last one too."""
    return Conv(inputs, outputs, size, border="reflect", after=relu)


# From the authors' names to those of the auto-encoder.
NAMES = {
    "conv0.conv2d": "first",
    "conv_out.conv2d": "last",
    **{
        f"DB{node}.denseblock.{layer}.conv2d": f"nodes.{node}.{layer}"
        for step in range(len(WIDTHS))
        for node in (_node(level, step) for level in range(len(WIDTHS) - step))
        for layer in (0, 1)
    },
}
