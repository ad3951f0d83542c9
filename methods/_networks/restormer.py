"""Blocks of Restormer, which attend among channels, and of invertible networks.

CDDFuse, SMFNet and EMMA are made of them. Attention among channels looks at the whole image, so
that none of the three can compute large images in tiles; its matrices are small at any size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, normalize, relu6

from fusebench.methods._networks.base import Border, Conv

HEADS = 8


class ChannelNorm(nn.LayerNorm):
    """Normalisation of the channels of each pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(N, C, H, W)``."""
        x = layer_norm(x.movedim(1, -1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.movedim(-1, 1)


def attend_channels(queries: Tensor, keys: Tensor, values: Tensor, temperature: Tensor) -> Tensor:
    """Mix the channels of each head by how much queries and keys look alike over the image.

    Parameters
    ----------
    queries, keys, values : Tensor, shape (N, C, H, W)
        Heads are runs of neighbouring channels.
    temperature : Tensor, shape (heads, 1, 1)
        What cosines are multiplied by before the softmax.
    """
    number, channels, height, width = values.shape
    shape = (number, len(temperature), channels // len(temperature), height * width)
    q, k, v = (x.reshape(shape) for x in (queries, keys, values))
    cosines = normalize(q, dim=-1) @ normalize(k, dim=-1).transpose(-1, -2)
    mixed: Tensor = (cosines * temperature).softmax(-1) @ v
    return mixed.reshape(values.shape)


class ChannelAttention(nn.Module):
    """Attention of the channels of an image among themselves.

    Parameters
    ----------
    channels : int
    depthwise : bool
        Whether queries, keys and values are gathered from the neighbourhood channel by channel, or
        from all channels.
    """

    def __init__(self, channels: int, *, depthwise: bool) -> None:
        super().__init__()
        all_three = 3 * channels
        self.temperature = nn.Parameter(torch.ones(HEADS, 1, 1))
        self.queries_keys_values = nn.Sequential(
            Conv(channels, all_three, 1, bias=False),
            Conv(all_three, all_three, bias=False, groups=all_three if depthwise else 1),
        )
        self.out = Conv(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Attend in ``(N, C, H, W)``."""
        q, k, v = self.queries_keys_values(x).chunk(3, dim=1)
        mixed: Tensor = self.out(attend_channels(q, k, v, self.temperature))
        return mixed


class GatedPerceptron(nn.Module):
    """A perceptron with a look around, half of whose hidden channels gate the other half.

    Parameters
    ----------
    channels, hidden : int
    groups : int
        Parts of the ``2 * hidden`` channels that look around apart.
    border : {"zeros", "reflect", "replicate"}
    """

    def __init__(self, channels: int, hidden: int, groups: int, border: Border = "zeros") -> None:
        super().__init__()
        self.first = Conv(channels, 2 * hidden, 1, bias=False)
        self.around = Conv(2 * hidden, 2 * hidden, border=border, bias=False, groups=groups)
        self.last = Conv(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``(N, C, H, W)``."""
        gates, x = self.around(self.first(x)).chunk(2, dim=1)
        changed: Tensor = self.last(gelu(gates) * x)
        return changed


class Block(nn.Module):
    """Attention and a perceptron, each after a normalisation and beside its input."""

    def __init__(self, channels: int, attention: nn.Module, perceptron: nn.Module) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.attention = attention
        self.norm2 = ChannelNorm(channels)
        self.perceptron = perceptron

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``(N, C, H, W)``."""
        x = x + self.attention(self.norm1(x))
        changed: Tensor = x + self.perceptron(self.norm2(x))
        return changed


def base_block(channels: int, border: Border = "zeros") -> Block:
    """Give the block of CDDFuse and EMMA for what is common to large parts of the image."""
    attention = ChannelAttention(channels, depthwise=False)
    return Block(channels, attention, GatedPerceptron(channels, channels, channels, border))


def bottleneck(channels: int) -> nn.Sequential:
    """Give the small network with which one half of the channels changes the other."""
    inner = 2 * channels
    return nn.Sequential(
        Conv(channels, inner, 1, bias=False, after=relu6),
        Conv(inner, inner, border="reflect", bias=False, groups=inner, after=relu6),
        Conv(inner, channels, 1, bias=False),
    )


class Coupling(nn.Module):
    """An invertible step: channels are mixed, and each half changed by means of the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.second_shift = bottleneck(half)
        self.first_scale = bottleneck(half)
        self.first_shift = bottleneck(half)
        self.shuffle = Conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``(N, C, H, W)``."""
        first, second = self.shuffle(x).chunk(2, dim=1)
        second = second + self.second_shift(first)
        first = first * torch.exp(self.first_scale(second)) + self.first_shift(second)
        return torch.cat((first, second), dim=1)


RULES = (
    # Checkpoints of networks that ran on several GPUs.
    (r"(^|\.)module\.", r"\1"),
    (r"norm(\d)\.body", r"norm\1"),
    (r"attn\.(temperature|scale)", "attention.temperature"),
    (r"attn\.qkv1?\.", "attention.queries_keys_values.0."),
    (r"attn\.(qkv2|qkv_dwconv)", "attention.queries_keys_values.1"),
    (r"attn\.(project_out|proj)", "attention.out"),
    (r"(ffn|mlp)\.project_in", "perceptron.first"),
    (r"(ffn|mlp)\.dwconv\.weight", "perceptron.around.weight"),
    (r"(ffn|mlp)\.project_out", "perceptron.last"),
    (r"theta_phi", "second_shift"),
    (r"theta_rho", "first_scale"),
    (r"theta_eta", "first_shift"),
    (r"bottleneckBlock\.3", "1"),
    (r"bottleneckBlock\.5", "2"),
    (r"bottleneckBlock\.0", "0"),
    (r"shffleconv", "shuffle"),
)
"""From the names in the authors' files to those of the blocks here; see `rewritten`."""

PARTS = (
    (r"^DIDF_Encoder\.", "encoder."),
    (r"^DIDF_Decoder\.", "decoder."),
    (r"^BaseFuseLayer\.", "base_fuse."),
    (r"^DetailFuseLayer\.", "detail_fuse."),
    (r"patch_embed\.proj", "embed"),
    (r"encoder_level[12]\.", "blocks."),
    (r"baseFeature\.", "base."),
)
"""The same for the parts of CDDFuse and SMFNet."""
