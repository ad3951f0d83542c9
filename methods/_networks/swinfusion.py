"""The network of SwinFusion for infrared and visible images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fusebench.methods._networks.base import (
    Conv,
    FusionNetwork,
    in_tiles,
    leaky,
    mirrored,
    with_stride,
)
from fusebench.methods._networks.tokens import attention
from fusebench.methods._weights import rewritten

if TYPE_CHECKING:
    from fusebench.methods._weights import Tensors

_CHANNELS, _HEADS, _WINDOW = 60, 6, 8
_SHIFT = _WINDOW // 2
_DROPPED = (0.0, 0.1 / 3, 0.2 / 3, 0.1)


class SwinFusion(FusionNetwork):
    """Features of each source, features of each in the light of the other, and an image of both."""

    # Three convolutions, 4 blocks, one convolution, 8 and 4 blocks, two convolutions. From one
    # block to the next windows move by half their side.
    reach = 72

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            Conv(1, _CHANNELS // 2, after=leaky(0.2)),
            Conv(_CHANNELS // 2, _CHANNELS, after=leaky(0.2)),
        )
        # One for every stage.
        self.norm = nn.LayerNorm(_CHANNELS)
        self.infrared = _Stage()
        self.visible = _Stage()
        self.fusion = nn.Sequential(_Exchange(_DROPPED[:2]), _Exchange(_DROPPED[2:]))
        self.infrared_norm = nn.LayerNorm(_CHANNELS)
        self.visible_norm = nn.LayerNorm(_CHANNELS)
        self.merge = Conv(2 * _CHANNELS, _CHANNELS, after=leaky(0.2))
        self.rebuild = _Stage()
        self.last = nn.Sequential(
            Conv(_CHANNELS, _CHANNELS // 2, after=leaky(0.2)),
            Conv(_CHANNELS // 2, _CHANNELS // 4, after=leaky(0.2)),
            Conv(_CHANNELS // 4, 1),
        )

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of an infrared and a visible source ``(N, 1, H, W)``.

        Sides that are no multiples of the windows are mirrored.
        """
        return with_stride(self._compute, sources, _WINDOW, "reflect")

    def _compute(self, infrared: Tensor, visible: Tensor) -> Tensor:
        # The first layers of the infrared branch serve both; those of the other are never applied.
        a = self._tokens(self.infrared(self._tokens(self.first(infrared))))
        b = self._tokens(self.visible(self._tokens(self.first(visible))))
        a, b = self.fusion((a, b))
        both = _image(torch.cat((self.infrared_norm(a), self.visible_norm(b)), dim=-1))
        image: Tensor = self.last(self.rebuild(self._tokens(self.merge(both))))
        return image

    def _tokens(self, x: Tensor) -> Tensor:
        tokens: Tensor = self.norm(x.movedim(1, -1))
        return tokens

    def compute_whole(self, *sources: Tensor) -> Tensor:
        """Compute an image of any size.

        As the authors' test program does, sides are continued by their mirror image to the next
        multiple of the windows, also where they are multiples already.
        """
        height, width = sources[0].shape[2:]
        margin = (0, _WINDOW - width % _WINDOW, 0, _WINDOW - height % _WINDOW)
        larger = [mirrored(source, margin) for source in sources]
        # Tiles that a user chooses, too, have to begin where windows do.
        tile = max(self.tile // _WINDOW, 1) * _WINDOW
        fused = in_tiles(self.compute, larger, tile, self.reach)
        return fused[..., :height, :width]


def _image(tokens: Tensor) -> Tensor:
    return tokens.movedim(-1, 1)


class _Stage(nn.Module):
    """Four blocks and a normalisation: from tokens ``(N, H, W, C)`` to an image of them."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = _blocks(_DROPPED)
        self.norm = nn.LayerNorm(_CHANNELS)

    def forward(self, tokens: Tensor) -> Tensor:
        return _image(self.norm(self.blocks(tokens)))


def _blocks(dropped: Sequence[float]) -> nn.Sequential:
    return nn.Sequential(*(_Block(n % 2 == 1, rate) for n, rate in enumerate(dropped)))


class _Exchange(nn.Module):
    """Two blocks for each source by itself, and two in which it asks the other."""

    def __init__(self, dropped: Sequence[float]) -> None:
        super().__init__()
        self.infrared = _blocks(dropped)
        self.visible = _blocks(dropped)
        self.cross = nn.Sequential(*(_Cross(n % 2 == 1, rate) for n, rate in enumerate(dropped)))

    def forward(self, both: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        exchanged: tuple[Tensor, Tensor] = self.cross(
            (self.infrared(both[0]), self.visible(both[1]))
        )
        return exchanged


class _Cross(nn.Module):
    """A block for each source, both of which ask what the other source was before."""

    def __init__(self, shifted: bool, dropped: float) -> None:
        super().__init__()
        self.infrared = _Block(shifted, dropped)
        self.visible = _Block(shifted, dropped)

    def forward(self, both: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        a, b = both
        of_a, of_b = self.infrared.norm1(a), self.visible.norm1(b)
        return self.infrared.update(a, of_a, of_b), self.visible.update(b, of_b, of_a)


class _Block(nn.Module):
    """Attention in windows and a perceptron, each after a normalisation and beside its input.

    Parameters
    ----------
    shifted : bool
        Whether windows begin half a window further on.
    dropped : float
        How often, in training, an image passes by without being changed.
    """

    def __init__(self, shifted: bool, dropped: float) -> None:
        super().__init__()
        self.dropped = dropped
        self.norm1 = nn.LayerNorm(_CHANNELS)
        self.attention = _WindowAttention(shifted)
        self.norm2 = nn.LayerNorm(_CHANNELS)
        self.perceptron = nn.Sequential(
            nn.Linear(_CHANNELS, 2 * _CHANNELS), nn.GELU(), nn.Linear(2 * _CHANNELS, _CHANNELS)
        )

    def forward(self, x: Tensor) -> Tensor:
        normal = self.norm1(x)
        return self.update(x, normal, normal)

    def update(self, x: Tensor, own: Tensor, other: Tensor) -> Tensor:
        """Change tokens by what they, normalised, find among others."""
        x = x + self._kept(self.attention(own, other))
        return x + self._kept(self.perceptron(self.norm2(x)))

    def _kept(self, change: Tensor) -> Tensor:
        if not (self.training and self.dropped):
            return change
        kept = 1 - self.dropped
        return change * (torch.rand(len(change), 1, 1, 1, device=change.device) < kept) / kept


class _WindowAttention(nn.Module):
    """Attention among the tokens of a window, which know how far they are from each other."""

    places: Tensor

    def __init__(self, shifted: bool) -> None:
        super().__init__()
        self.shift = _SHIFT if shifted else 0
        self.bias = nn.Parameter(torch.zeros((2 * _WINDOW - 1) ** 2, _HEADS))
        self.queries = nn.Linear(_CHANNELS, _CHANNELS)
        self.keys_values = nn.Linear(_CHANNELS, 2 * _CHANNELS)
        self.out = nn.Linear(_CHANNELS, _CHANNELS)
        y, x = torch.arange(_WINDOW**2) // _WINDOW, torch.arange(_WINDOW**2) % _WINDOW
        rows, columns = (place[:, None] - place + _WINDOW - 1 for place in (y, x))
        self.register_buffer("places", rows * (2 * _WINDOW - 1) + columns, persistent=False)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        _, height, width, _ = own.shape
        queries = self._windows(self.queries(own))
        keys, values = (self._windows(x) for x in self.keys_values(other).chunk(2, dim=-1))
        bias = self.bias[self.places].movedim(-1, 0)
        groups = self._groups(height, width, own.device).repeat(len(own), 1) if self.shift else None
        x = attention(queries, keys, values, bias, groups).transpose(1, 2).flatten(2)
        found: Tensor = self.out(self._whole(x, height, width))
        return found

    def _windows(self, x: Tensor) -> Tensor:
        """Turn ``(N, H, W, C)`` into ``(N * windows, heads, tokens, C / heads)``."""
        x = x.roll((-self.shift, -self.shift), (1, 2)) if self.shift else x
        number, height, width, _ = x.shape
        sides = (height // _WINDOW, _WINDOW, width // _WINDOW, _WINDOW)
        x = x.reshape(number, *sides, _HEADS, -1).permute(0, 1, 3, 5, 2, 4, 6)
        return x.reshape(-1, _HEADS, _WINDOW**2, _CHANNELS // _HEADS)

    def _whole(self, x: Tensor, height: int, width: int) -> Tensor:
        """Turn ``(N * windows, tokens, C)`` into ``(N, H, W, C)``."""
        x = x.reshape(-1, height // _WINDOW, width // _WINDOW, _WINDOW, _WINDOW, _CHANNELS)
        x = x.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, _CHANNELS)
        return x.roll((self.shift, self.shift), (1, 2)) if self.shift else x

    def _groups(self, height: int, width: int, device: torch.device) -> Tensor:
        """Give, for tokens in windows, numbers that tell opposite borders of the image apart."""
        numbers = [torch.zeros(side, dtype=torch.long, device=device) for side in (height, width)]
        for side in numbers:
            side[-_WINDOW:] += 1
            side[-_SHIFT:] += 1
        x = 3 * numbers[0][:, None] + numbers[1]
        x = x.reshape(height // _WINDOW, _WINDOW, width // _WINDOW, _WINDOW)
        return x.transpose(1, 2).reshape(-1, _WINDOW**2)


_named = rewritten(
    (
        (r"^conv_first1_A", "first.0"),
        (r"^conv_first2_A", "first.1"),
        (r"^conv_after_body_Fusion", "merge"),
        (r"^conv_last1", "last.0"),
        (r"^conv_last2", "last.1"),
        (r"^conv_last3", "last.2"),
        (r"^patch_embed\.", ""),
        (r"^(layers|norm)_Ex_A", "infrared"),
        (r"^(layers|norm)_Ex_B", "visible"),
        (r"^(layers|norm)_Re", "rebuild"),
        (r"^(infrared|visible|rebuild)\.0\.residual_group\.", r"\1."),
        (r"^(infrared|visible|rebuild)\.(weight|bias)", r"\1.norm.\2"),
        (r"^norm_Fusion_A", "infrared_norm"),
        (r"^norm_Fusion_B", "visible_norm"),
        (r"^layers_Fusion\.(\d)\.residual_group_A\.blocks", r"fusion.\1.infrared"),
        (r"^layers_Fusion\.(\d)\.residual_group_B\.blocks", r"fusion.\1.visible"),
        # Blocks that ask the other source hold the layers of both.
        (
            r"^layers_Fusion\.(\d)\.residual_group\.blocks\.(\d)\.(\w+)_A\.",
            r"fusion.\1.cross.\2.infrared.\3.",
        ),
        (
            r"^layers_Fusion\.(\d)\.residual_group\.blocks\.(\d)\.(\w+)_B\.",
            r"fusion.\1.cross.\2.visible.\3.",
        ),
        (r"attn\.relative_position_bias_table", "attention.bias"),
        (r"attn\.q\.", "attention.queries."),
        (r"attn\.kv\.", "attention.keys_values."),
        (r"attn\.proj", "attention.out"),
        (r"mlp\.fc1", "perceptron.0"),
        (r"mlp\.fc2", "perceptron.2"),
    ),
    # Layers that are never applied, and what follows from the size of windows and images.
    unused=r"^conv_first[12]_B|relative_position_index|attn_mask",
)


def converted(tensors: Tensors) -> Tensors:
    """Give the authors' tensors their names here, and leave aside what the network does not use."""
    found = {}
    for name, tensor in _named(tensors).items():
        layer, _, kind = name.rpartition(".attn.qkv.")
        if layer:
            # Queries, keys and values stand one above the other.
            found[f"{layer}.attention.queries.{kind}"] = tensor[:_CHANNELS]
            found[f"{layer}.attention.keys_values.{kind}"] = tensor[_CHANNELS:]
        else:
            found[name] = tensor
    return found
