"""The network of deep regression pair learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, silu

from fusebench.methods._networks.base import FusionNetwork

if TYPE_CHECKING:
    from fusebench.methods._weights import Tensors

_BLOCKS = 12


class DRPL(FusionNetwork):
    """Residual blocks that turn a pair of colour images into where each of them is in focus.

    Parameters
    ----------
    channels : int
        Of all layers; the authors have 64.
    """

    # Nine rows of the first kernel, then two, two for each block and three more layers.
    reach = 4 + 2 + 2 * _BLOCKS + 3

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.head = nn.Sequential(
            _Layer(6, channels, 9), _Layer(channels, channels), _Layer(channels, channels)
        )
        self.blocks = nn.Sequential(*(_Residual(channels) for _ in range(_BLOCKS)))
        self.tail = nn.Sequential(_Layer(channels, channels), _Layer(channels, channels))
        self.last = nn.Conv2d(channels, 2, 3, padding=1)

    def compute(self, *sources: Tensor) -> Tensor:
        """Weigh two sources ``(N, 1 or 3, H, W)`` by what both maps say of the first."""
        a, b = sources
        of_a, of_b = self.maps(a, b).chunk(2, dim=1)
        return b + (of_a + 1 - of_b) / 2 * (a - b)

    def maps(self, a: Tensor, b: Tensor) -> Tensor:
        """Give where `a` and where `b` is in focus, in [0, 1], as two channels."""
        x = torch.cat([source.expand(-1, 3, -1, -1) for source in (a, b)], dim=1)
        focus: Tensor = self.last(self.tail(self.blocks(self.head(x)))).sigmoid()
        return focus


class _Layer(nn.Module):
    """A convolution, normalised, with ReLU and then the swish function."""

    def __init__(self, inputs: int, outputs: int, size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, padding=size // 2)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return silu(relu(self.norm(self.conv(x))))


class _Residual(nn.Module):
    """Two normalised convolutions beside their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.norm1, self.norm2 = (nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return relu(x + self.norm2(self.conv2(relu(self.norm1(self.conv1(x))))))


def channels_of(tensors: Tensors) -> int:
    """Give the number of channels of the network that a file is of, whoever named its tensors."""
    first = next((tensors[n] for n in ("head.0.conv.bias", "conv1.bias") if n in tensors), None)
    return 64 if first is None else len(first)


def converted(tensors: Tensors) -> Tensors:
    """Give the tensors of the authors' file the names here."""
    names = {
        "conv6": "last",
        **{f"{kind}{n}": f"head.{n - 1}.{ours}" for n in (1, 2, 3) for kind, ours in _KINDS},
        **{f"{kind}{n}": f"tail.{n - 4}.{ours}" for n in (4, 5) for kind, ours in _KINDS},
    }
    for block in range(_BLOCKS):
        for n in (1, 2):
            for kind, ours in _KINDS:
                theirs = f"residual_block{block + 1}.group1.{kind}{n}"
                names[theirs] = f"blocks.{block}.{ours}{n}"
    found = {}
    for name, tensor in tensors.items():
        layer, _, leaf = name.removeprefix("module.").rpartition(".")
        found[f"{names.get(layer, layer)}.{leaf}"] = tensor
    return found


_KINDS = (("conv", "conv"), ("bn", "norm"))
