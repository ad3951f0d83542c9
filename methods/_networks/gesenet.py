"""The network of GeSeNet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from fusebench.methods._colour import split_luma
from fusebench.methods._networks.base import (
    Conv,
    FusionNetwork,
    leaky,
    stretched,
    truncated,
    with_stride,
)
from fusebench.methods._networks.seafusion import GradientDense

_CHANNELS, _LAYERS = 32, 4

_Masks: TypeAlias = Callable[[Tensor, int], Tensor]


class GeSeNet(FusionNetwork):
    """Features of each source with edges, refined where masks say so, and an image of both.

    Parameters
    ----------
    drawn : bool
        Whether masks are drawn at random, or are what they would be without noise.
    seed : int
        Start of the random numbers.
    """

    def __init__(self, *, drawn: bool, seed: int) -> None:
        super().__init__()
        self.drawn = drawn
        self.seed = seed
        self.functional = _Encoder()
        self.anatomical = _Encoder()
        self.guide = _Guide()
        self.decoder = nn.Sequential(
            Conv(3 * _CHANNELS, _CHANNELS, after=leaky(0.2)), Conv(_CHANNELS, 1, after=torch.tanh)
        )

    def compute(self, *sources: Tensor) -> Tensor:
        """Fuse the luma of a functional source and MRI; colour is that of the functional one."""
        a = sources[0]
        lumas = [split_luma(source)[0] for source in sources]
        # Masks of places are computed at half the size.
        fused = with_stride(self._fuse, lumas, 2, "replicate")
        return fused if a.shape[1] == 1 else _coloured(fused, a, lumas[0])

    def _fuse(self, a: Tensor, b: Tensor) -> Tensor:
        draw = self._draw_with(self.generator() if self.drawn else None)
        edges_a, features_a = self.functional(a, draw)
        edges_b, features_b = self.anatomical(b, draw)
        features = self.guide(torch.cat((features_a, features_b), dim=1), edges_b)
        fused: Tensor = self.decoder(torch.cat((features, edges_a), dim=1)) / 2 + 0.5
        return fused

    def generator(self) -> torch.Generator:
        """Give the random numbers for one image; in a batch, each image gets the same."""
        return torch.Generator().manual_seed(self.seed % 2**63)

    @staticmethod
    def _draw_with(generator: torch.Generator | None) -> _Masks:
        """Give the function that makes masks, which add up to 1 along an axis, of logits."""

        def draw(logits: Tensor, dim: int) -> Tensor:
            if generator is not None:
                uniform = torch.zeros(1)
                # The logarithm of 0 is infinite; so all are drawn again, as the authors do it.
                while bool((uniform == 0).any()):
                    uniform = torch.rand(1, *logits.shape[1:], generator=generator)
                logits = logits - (-uniform.log()).log().to(logits)
            return logits.softmax(dim)

        return draw

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch over all channels together, and cut down to 8 bits."""
        return truncated(stretched(fused.clamp(0, 1)))


def _coloured(y: Tensor, rgb: Tensor, luma: Tensor) -> Tensor:
    """Give `y` the colour of an image with a luma, by the authors' coefficients of three digits."""
    cb, cr = (rgb[:, 2:] - luma) * 0.564, (rgb[:, :1] - luma) * 0.713
    return torch.cat((y + 1.403 * cr, y - 0.714 * cr - 0.344 * cb, y + 1.773 * cb), dim=1)


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = Conv(1, 16, after=leaky(0.2))
        self.edges = GradientDense(16, _CHANNELS)
        self.masked = _Masked()

    def forward(self, image: Tensor, draw: _Masks) -> tuple[Tensor, Tensor]:
        edges = self.edges(self.first(image))
        return edges, self.masked(edges, draw)


class _Masked(nn.Module):
    """Four convolutions whose channels are computed everywhere, or only where a mask says so."""

    channels: Tensor

    def __init__(self) -> None:
        super().__init__()
        hidden = _CHANNELS // 4
        self.places = nn.Sequential(
            Conv(_CHANNELS, hidden, after=relu),
            nn.AvgPool2d(2),
            Conv(hidden, hidden, after=relu),
            nn.ConvTranspose2d(hidden, 2, 3, 2, 1, output_padding=1),
        )
        self.channels = nn.Parameter(torch.zeros(1, _CHANNELS, _LAYERS, 2))
        self.layers = nn.ModuleList(Conv(_CHANNELS, _CHANNELS, bias=False) for _ in range(_LAYERS))
        self.collect = Conv(_LAYERS * _CHANNELS, _CHANNELS, 1)
        self.attend = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            Conv(_CHANNELS, 2, 1, after=relu),
            Conv(2, _CHANNELS, 1, after=torch.sigmoid),
        )

    def forward(self, x: Tensor, draw: _Masks) -> Tensor:
        place = draw(self.places(x), 1)[:, 1:]
        channels = draw(self.channels, 3)
        found = []
        features = x
        everywhere: Tensor | None = None
        for i, layer in enumerate(self.layers):
            full, sparse = channels[:, :, i, :1, None], channels[:, :, i, 1:, None]
            # What a full channel gets from full ones needs no mask.
            if everywhere is None:
                features = layer(features) * (full + sparse * place)
            else:
                from_full = layer(features * everywhere)
                from_sparse = layer(features * (1 - everywhere))
                features = from_full * (full + sparse * place) + from_sparse * place
            features = relu(features)
            everywhere = full
            found.append(features)
        refined: Tensor = self.collect(torch.cat(found, dim=1))
        return x + refined * self.attend(refined)


class _Guide(nn.Module):
    """Features of both sources, scaled and shifted by the edges of one."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Sequential(
            Conv(_CHANNELS, _CHANNELS, after=leaky(0.1)), Conv(_CHANNELS, 2 * _CHANNELS)
        )
        self.shift = nn.Sequential(
            Conv(_CHANNELS, _CHANNELS, 1, after=leaky(0.1)), Conv(_CHANNELS, 2 * _CHANNELS, 1)
        )
        self.join = Conv(4 * _CHANNELS, 2 * _CHANNELS)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        scaled = leaky_relu(self.join(torch.cat((x, self.scale(edges)), dim=1)), 0.01)
        shift: Tensor = self.shift(edges)
        return scaled + shift


_ENCODER = {
    "conv.conv": "first",
    "eem.dense.conv1.conv": "edges.dense.0",
    "eem.dense.conv2.conv": "edges.dense.1",
    "eem.convdown.conv": "edges.down",
    "eem.sobelconv.convx": "edges.across",
    "eem.sobelconv.convy": "edges.along",
    "eem.convup.conv": "edges.up",
    "rmm.spa_mask.0": "masked.places.0",
    "rmm.spa_mask.3": "masked.places.2",
    "rmm.spa_mask.5": "masked.places.3",
    "rmm.body.ch_mask": "masked.channels",
    "rmm.body.body": "masked.layers",
    "rmm.body.collect": "masked.collect",
    "rmm.ca.conv_du.0": "masked.attend.1",
    "rmm.ca.conv_du.2": "masked.attend.2",
}
NAMES = {
    **{
        f"{theirs}_{name}": f"{ours}.{ours_name}"
        for theirs, ours in (("vis", "functional"), ("inf", "anatomical"))
        for name, ours_name in _ENCODER.items()
    },
    **{
        f"sft.SFT_{part}_conv{i}": f"guide.{part}.{i}"
        for part in ("scale", "shift")
        for i in (0, 1)
    },
    "sft.SFT2": "guide.join",
    "decoder2.conv": "decoder.0",
    "decoder1.conv": "decoder.1",
}
