"""What networks that fuse have in common: tiles, blocks, borders and the saving of 8-bit images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad, relu_

Border = Literal["zeros", "reflect", "replicate"]
Activation: TypeAlias = Callable[[Tensor], Tensor]

# What red, green and blue are multiplied with, and the bits that are cut off their sum.
_GREY = {"pillow": ((19595, 38470, 7471), 16), "opencv": ((9798, 19235, 3735), 15)}


class FusionNetwork(nn.Module):
    """A network that turns source images into a fused one.

    A subclass has `compute`; `save` where its authors' program does more than clip; and
    `compute_whole` where images larger than some size are put together otherwise than of tiles.

    Attributes
    ----------
    reach : int or None
        Furthest pixel, in rows or columns, that a value of `compute` depends on; None where it
        depends on the whole image. With strides it is a multiple of all of them together.
    tile : int
        Longest side that is computed at once where `reach` is known; a multiple of the strides.
    channels_last : bool
        Whether the channels of a pixel lie together in memory, which convolutions are faster with.
    precision : dtype
        What layers compute in; float32, or half of it.
    """

    reach: int | None = None
    tile: int = 1024
    channels_last: bool = True
    precision: torch.dtype = torch.float32

    def compute(self, *sources: Tensor) -> Tensor:
        """Give what the network returns for sources ``(N, C, H, W)`` in [0, 1]."""
        raise NotImplementedError

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Turn that into the images in [0, 1] that the authors' program writes."""
        return fused.clamp(0, 1)

    def forward(self, *sources: Tensor) -> Tensor:
        """Fuse sources ``(N, C, H, W)`` with values in [0, 1] to images of that kind."""
        with self.in_precision(sources[0].device):
            fused = self.compute_whole(*sources)
        return self.save(fused.to(sources[0].dtype), *sources)

    def compute_whole(self, *sources: Tensor) -> Tensor:
        """Give what `compute` does, of images of any size."""
        return in_tiles(self.compute, sources, self.tile, self.reach)

    def in_precision(self, device: torch.device) -> AbstractContextManager[object]:
        """Let layers compute in `precision`."""
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(device.type, self.precision)


def in_tiles(
    compute: Callable[..., Tensor], sources: Sequence[Tensor], tile: int, reach: int | None
) -> Tensor:
    """Compute an image tile by tile, each with as much around it as its values depend on.

    Parameters
    ----------
    compute : callable
        Takes tensors ``(N, C, H, W)`` and returns one of the same height and width.
    sources : sequence of Tensor
        Its arguments.
    tile : int
        Side of the tiles; images no larger are computed at once.
    reach : int or None
        Pixels of overlap on each side; None computes at once whatever the size.

    Returns
    -------
    Tensor
        What ``compute(*sources)`` returns, up to the rounding of float32.
    """
    height, width = sources[0].shape[2:]
    if reach is None or max(height, width) <= tile:
        return compute(*sources)
    whole: Tensor | None = None
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            above, before = max(top - reach, 0), max(left - reach, 0)
            window = (
                ...,
                slice(above, top + tile + reach),
                slice(before, left + tile + reach),
            )
            piece = compute(*(source[window] for source in sources))
            piece = piece[..., top - above :, left - before :][..., :tile, :tile]
            if whole is None:
                whole = piece.new_empty((*piece.shape[:2], height, width))
            whole[..., top : top + tile, left : left + tile] = piece
    assert whole is not None
    return whole


def with_stride(
    compute: Callable[..., Tensor], sources: Sequence[Tensor], stride: int, border: Border
) -> Tensor:
    """Compute with height and width made multiples of `stride`, below and to the right.

    Parameters
    ----------
    compute : callable
        Takes tensors ``(N, C, H, W)`` and returns one of the same height and width.
    sources : sequence of Tensor
        Its arguments.
    stride : int
        What the sides have to be multiples of.
    border : {"zeros", "reflect", "replicate"}
        What the new pixels are.

    Returns
    -------
    Tensor
        As large as the sources.
    """
    height, width = sources[0].shape[2:]
    margin = (0, -width % stride, 0, -height % stride)
    mode = "constant" if border == "zeros" else border
    padded = [pad(source, margin, mode) for source in sources] if any(margin) else sources
    return compute(*padded)[..., :height, :width]


def mirrored(image: Tensor, margin: tuple[int, int, int, int]) -> Tensor:
    """Mirror an image ``(N, C, H, W)`` at its borders, where the outermost pixels are doubled.

    Parameters
    ----------
    image : Tensor
    margin : tuple of int
        Pixels to add: left, right, above and below, as many as wanted.
    """
    left, right, above, below = margin
    height, width = image.shape[2:]
    rows = np.pad(np.arange(height), (above, below), mode="symmetric")
    columns = np.pad(np.arange(width), (left, right), mode="symmetric")
    return image[:, :, torch.from_numpy(rows)][..., torch.from_numpy(columns)]


# Blocks


class Conv(nn.Conv2d):
    """A convolution that keeps height and width, and the activation after it.

    Parameters
    ----------
    inputs, outputs, size : int
        Channels, and the odd side of the kernel.
    border : {"zeros", "reflect", "replicate"}
        What lies outside of the image.
    bias : bool
        Whether a constant is added.
    dilation : int
        Distance between the taps of the kernel.
    groups : int
        Parts of the channels that are convolved apart.
    after : callable, optional
        Activation.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int = 3,
        *,
        border: Border = "zeros",
        bias: bool = True,
        dilation: int = 1,
        groups: int = 1,
        after: Activation | None = None,
    ) -> None:
        super().__init__(
            inputs,
            outputs,
            size,
            padding=dilation * (size // 2),
            padding_mode=border,
            bias=bias,
            dilation=dilation,
            groups=groups,
        )
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(N, inputs, H, W)``."""
        x = super().forward(x)
        return x if self.after is None else self.after(x)


class Normalised(nn.Module):
    """A convolution of 3 x 3 pixels that sees the border again beyond it, normalised, and a ReLU.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = Conv(inputs, outputs, border="replicate", bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Turn ``(N, inputs, H, W)`` into ``(N, outputs, H, W)``."""
        return relu_(self.bn(self.conv(x)))


class Dense(nn.ModuleList):
    """Blocks that each see the input and all outputs before theirs.

    Parameters
    ----------
    blocks : sequence of Module
    newest_first : bool
        Whether a new output goes before the channels that were there, or after them.
    """

    def __init__(self, blocks: Sequence[nn.Module], *, newest_first: bool = False) -> None:
        super().__init__(blocks)
        self.newest_first = newest_first

    def forward(self, x: Tensor) -> Tensor:
        """Give the input and all outputs, put together along the channels."""
        for block in self:
            new = block(x)
            x = torch.cat((new, x) if self.newest_first else (x, new), dim=1)
        return x


def leaky(slope: float) -> Activation:
    """Give a leaky ReLU with a fixed slope below 0, which overwrites what it is given."""
    return lambda x: leaky_relu(x, slope, inplace=True)


# Saving: what authors' programs do between the network and the file


def truncated(image: Tensor) -> Tensor:
    """Cut images in [0, 1] down to whole grey levels, as a cast to 8 bits does."""
    return (image.clamp(0, 1) * 255).floor() / 255


def wrapped(image: Tensor) -> Tensor:
    """Cut images down to whole grey levels as NumPy's cast to uint8 does where it was not told to.

    Levels below 0 and above 255 are taken modulo 256, so that a little less than black is white.
    """
    return (image * 255).trunc().remainder(256) / 255


def stretched(image: Tensor, tiny: float = 0.0) -> Tensor:
    """Stretch each image ``(N, C, H, W)`` so that it reaches from 0 to 1, as old SciPy saved.

    An image of one value becomes black. Some programs add a `tiny` number to the extent.
    """
    low = image.amin((1, 2, 3), keepdim=True)
    extent = image.amax((1, 2, 3), keepdim=True) - low + tiny
    return (image - low) / torch.where(extent > 0, extent, 1)


def grey_of(image: Tensor, program: Literal["pillow", "opencv"] = "pillow") -> Tensor:
    """Turn colour images ``(N, 3, H, W)`` of whole grey levels in [0, 1] into grey ones.

    BT.601 luma in steps of 2**-16, as Pillow has it, or of 2**-15, as OpenCV has it; rounded.
    """
    weights, bits = _GREY[program]
    levels = (image * 255).round().to(torch.int32).unbind(1)
    red, green, blue = (w * channel for w, channel in zip(weights, levels, strict=True))
    luma = (red + green + blue + (1 << bits - 1)) >> bits
    return luma[:, None].to(image.dtype) / 255


def grey_where_sources_are(fused: Tensor, *sources: Tensor) -> Tensor:
    """Turn those of the colour images ``(N, 3, H, W)`` grey whose sources are all grey.

    One channel is left of them where the sources have one. Levels are whole; see `grey_of`.
    """
    if sources[0].shape[1] == 1:
        return grey_of(fused)
    stack = torch.stack(sources)
    grey = (stack == stack[:, :, :1]).flatten(2).all(2).all(0)
    return torch.where(grey[:, None, None, None], grey_of(fused), fused)
