"""The network of DeFusion: what two images have in common, what each has alone, and both."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, pad, relu

from fusebench.methods._colour import fuse_chroma, join_luma, split_luma
from fusebench.methods._networks.base import Conv, FusionNetwork, grey_where_sources_are, truncated
from fusebench.methods._weights import renamed

if TYPE_CHECKING:
    from fusebench.methods._weights import Tensors

# Pixels that the authors' program mirrors at each border.
_MARGIN = 16

# Outputs of a block for each of its planes, and the fewest values that its attention is made of.
_EXPANSION, _FEWEST = 4, 32

# Blocks of the decoder for what is common, in the authors' test program and in their training one.
_DEPTHS, _DEEP = (2, 2, 2, 2), (4, 4, 6, 6)


class DeFusion(FusionNetwork):
    """Two coded images, taken apart into a common part and one of each alone, and added up.

    Parameters
    ----------
    task : {"auto", "ivif", "mef", "mff"}
        What the authors' program does for this kind of fusion: for "ivif" it sees luma only, for
        "mef" the over-exposed image is the first. "auto" is "ivif".
    deep : bool
        Whether the decoder for what is common is the deeper one of the training program.
    """

    def __init__(self, task: str, *, deep: bool = False) -> None:
        super().__init__()
        self.task = task
        self.encoder = nn.Sequential(Conv(3, 16, after=relu), _stage(16, 8, 6, smooth=True))
        self.down = nn.ModuleList(
            (
                _stage(32, 16, 6),
                _stage(64, 32, 4, stride=2, smooth=True),
                _stage(128, 64, 4, stride=2, smooth=True),
            )
        )
        self.join = _stage(512, 256, 4)
        self.common = _decoder((1536, 512, 192, 16), (64, 16, 4, 4), _DEEP if deep else _DEPTHS)
        self.unique = _decoder((1280, 512, 192, 64), (96, 32, 16, 4), (4, 4, 6, 6))
        self.project = Conv(16, 3, after=relu)
        self.fuse = Conv(16, 3, after=relu)

    def encode(self, image: Tensor) -> list[Tensor]:
        """Give features of colour images ``(N, 3, H, W)`` at 1/2, 1/4 and 1/8 of their size."""
        x = max_pool2d(self.encoder(image), 3, 2, padding=1)
        features = []
        for stage in self.down:
            x = stage(x)
            features.append(x)
        return features

    def decompose(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Take two colour images ``(N, 3, H, W)`` apart.

        Returns
        -------
        tuple of Tensor
            What is common, what is in `a` only, what is in `b` only, and the fused image; each
            ``(N, 3, H, W)`` and not below 0.
        """
        size = a.shape[2:]
        of_a, of_b = self.encode(a), self.encode(b)
        both = self.join(torch.cat((of_a[-1], of_b[-1]), 1))
        shared = [torch.cat(pair, 1) for pair in zip(of_a, of_b, strict=True)]
        common = _decode(self.common, both, shared, size)
        only_a, only_b = (_decode(self.unique, both, own, size) for own in (of_a, of_b))
        parts = (self.project(x) for x in (common, only_a, only_b))
        return *parts, self.fuse(only_a + only_b + common)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the fused colour image of sources ``(N, 1 or 3, H, W)``."""
        wide = (pad(x.expand(-1, 3, -1, -1), (_MARGIN,) * 4, "reflect") for x in sources)
        fused = self.decompose(*wide)[-1]
        return fused[..., _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Cut down to 8 bits; grey sources give a grey image."""
        return grey_where_sources_are(truncated(fused), *sources)

    def forward(self, *sources: Tensor) -> Tensor:
        """Fuse sources ``(N, 1 or 3, H, W)`` in the order and colours of the authors' loaders."""
        if self.task == "mef":
            return super().forward(*reversed(sources))
        if self.task == "mff" or sources[0].shape[1] == 1:
            return super().forward(*sources)
        lumas, chromas = zip(*map(split_luma, sources), strict=True)
        return join_luma(super().forward(*lumas), fuse_chroma(*chromas))


def _decode(stages: nn.ModuleList, x: Tensor, skips: Sequence[Tensor], size: torch.Size) -> Tensor:
    """Go up from 1/8 of the size, with the features of each level beside what comes from below."""
    *upper, last = stages
    for stage, skip in zip(upper, reversed(skips), strict=True):
        x = stage(torch.cat((_enlarged(x, skip.shape[2:]), skip), 1))
    features: Tensor = last(_enlarged(x, size))
    return features


def _enlarged(x: Tensor, size: torch.Size) -> Tensor:
    if x.shape[2:] == size:
        return x
    return interpolate(interpolate(x, scale_factor=2, mode="bilinear"), size)


def _decoder(inputs: Sequence[int], planes: Sequence[int], blocks: Sequence[int]) -> nn.ModuleList:
    """Make the stages of a decoder, from the coarsest; see `_stage`."""
    stages = zip(inputs, planes, blocks, strict=True)
    return nn.ModuleList(_stage(*stage, plain=True) for stage in stages)


# Blocks of a residual network with split attention, without any normalisation.


def _stage(
    inputs: int,
    planes: int,
    blocks: int,
    *,
    stride: int = 1,
    smooth: bool = False,
    plain: bool = False,
) -> nn.Sequential:
    """Make blocks of which the first changes the number of channels, and the size if asked to.

    Parameters
    ----------
    inputs, planes, blocks : int
        Channels of the input, a quarter of those of the output, and number of blocks.
    stride : int
        How much smaller the output is.
    smooth : bool
        Whether the first block averages over 3 x 3 pixels.
    plain : bool
        Whether its shortcut is a layer without pooling, as in decoders.
    """
    outputs = _EXPANSION * planes
    pool = [] if plain else [nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)]
    shortcut = nn.Sequential(*pool, nn.Conv2d(inputs, outputs, 1, bias=False))
    first = _Block(
        inputs,
        planes,
        smooth=nn.AvgPool2d(3, stride, padding=1) if smooth else None,
        shortcut=shortcut if stride > 1 or inputs != outputs else None,
    )
    return nn.Sequential(first, *(_Block(outputs, planes) for _ in range(blocks - 1)))


class _Block(nn.Module):
    """A bottleneck around split attention, beside a shortcut."""

    def __init__(
        self,
        inputs: int,
        planes: int,
        *,
        smooth: nn.Module | None = None,
        shortcut: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = Conv(inputs, planes, 1, bias=False, after=relu)
        self.conv2 = _SplitAttention(planes)
        self.smooth = smooth
        self.conv3 = nn.Conv2d(planes, _EXPANSION * planes, 1, bias=False)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        if self.smooth is not None:
            y = self.smooth(y)
        return relu(self.conv3(y) + (x if self.downsample is None else self.downsample(x)))


class _SplitAttention(nn.Module):
    """Two filterings of an image, weighted for each channel by what the whole image has of it."""

    def __init__(self, planes: int) -> None:
        super().__init__()
        inner = max(planes // 2, _FEWEST)
        self.conv = nn.Conv2d(planes, 2 * planes, 3, padding=1, groups=2, bias=False)
        self.fc1 = Conv(planes, inner, 1, after=relu)
        self.fc2 = nn.Conv2d(inner, 2 * planes, 1)

    def forward(self, x: Tensor) -> Tensor:
        splits = torch.stack(relu(self.conv(x)).chunk(2, 1))
        mean = splits.sum(0).mean((2, 3), keepdim=True)
        weights = torch.stack(self.fc2(self.fc1(mean)).chunk(2, 1)).softmax(0)
        return (weights * splits).sum(0)


# The authors' checkpoints

_LEVELS = range(1, 5)
_NAMES = {
    "encoder_upper.0": "encoder.0",
    "encoder_upper.2.layer": "encoder.1",
    **{f"upper_encoder_layer{k}.layer": f"down.{k - 1}" for k in _LEVELS[:-1]},
    "common_encoder.0.layer": "join",
    **{
        f"decoder_{theirs}_layer{k}.{'0.' if k == _LEVELS[-1] else ''}layer": f"{ours}.{k - 1}"
        for theirs, ours in (("common", "common"), ("upper", "unique"))
        for k in _LEVELS
    },
    "decoder_upper_projection_layer.0": "project",
    "fusion_rule.0": "fuse",
}
# The second image has the layers of the first, and one layer is never used.
_ASIDE = (
    "encoder_lower",
    "lower_encoder_layer",
    "decoder_lower_",
    "decoder_common_projection_layer",
)


def converted(tensors: Tensors) -> Tensors:
    """Give the authors' tensors their names here."""
    return renamed(_NAMES)({k: v for k, v in tensors.items() if not k.startswith(_ASIDE)})


def is_deep(names: Collection[str]) -> bool:
    """Tell by the names of a checkpoint, the authors' or ours, which decoder it is of."""
    return any(
        f"{stage}.{_DEPTHS[0]}.conv1.weight" in names
        for stage in ("common.0", "decoder_common_layer1.layer")
    )
