"""The network of MATR."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, conv2d, relu

from fusebench.methods._networks.base import FusionNetwork, mirrored, truncated
from fusebench.methods._networks.tokens import RowTokens, from_authors
from fusebench.methods._weights import renamed

if TYPE_CHECKING:
    from fusebench.methods._weights import Tensors

_CHANNELS, _DEPTH, _BRANCHES = 16, 3, 3
_SIDE, _CODE = 3, 5


class MATR(FusionNetwork):
    """Three branches of adaptive convolutions around one transformer, added up."""

    # The transformer takes channel by channel.
    channels_last = False

    def __init__(self) -> None:
        super().__init__()
        self.first = _Adaptive(2, _CHANNELS)
        self.again = _Adaptive(_CHANNELS, _CHANNELS)
        self.tokens = RowTokens(_CHANNELS, _DEPTH)
        self.last = nn.Conv2d(_CHANNELS, 1, 1, bias=False)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of a functional source and MRI ``(N, 1, H, W)``.

        The authors' network takes square images only; others are mirrored to squares, on the right
        or below.
        """
        height, width = sources[0].shape[2:]
        side = max(height, width)
        margin = (0, side - width, 0, side - height)
        x = self.first(mirrored(torch.cat(sources, dim=1), margin))
        total = torch.zeros_like(x)
        for _ in range(_BRANCHES):
            x = self.again(x)
            total = total + self.again(self.tokens(x))
        return torch.tanh(self.last(total))[..., :height, :width]

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Cut down to 8 bits."""
        return truncated(fused)


class _Adaptive(nn.Module):
    """A convolution whose kernels depend on the image, normalised, and what is positive of it.

    Means over a grid of 3 x 3 parts of the image are coded in a few numbers for each channel; from
    these come gates for every tap of the kernel, by input and by output channel.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(outputs, inputs, _SIDE, _SIDE))
        self.code = nn.Linear(_SIDE**2, _CODE, bias=False)
        self.input_norm = nn.BatchNorm1d(inputs)
        self.input_gate = nn.Linear(_CODE, _SIDE**2, bias=False)
        self.mix_norm = nn.BatchNorm1d(inputs)
        self.mix = nn.Linear(inputs, outputs, bias=False)
        self.output_norm = nn.BatchNorm1d(outputs)
        self.output_gate = nn.Linear(_CODE, _SIDE**2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        code = self.code(adaptive_avg_pool2d(x, _SIDE).flatten(2))
        by_input = self.input_gate(relu(self.input_norm(code)))
        mixed = self.mix(relu(self.mix_norm(code)).transpose(1, 2)).transpose(1, 2)
        by_output = self.output_gate(relu(self.output_norm(mixed)))
        gates = torch.sigmoid(by_input[:, None] + by_output[:, :, None])
        kernels = self.kernel * gates.view(*gates.shape[:3], _SIDE, _SIDE)
        # One group an image, since each has kernels of its own.
        images = conv2d(x.flatten(0, 1)[None], kernels.flatten(0, 1), padding=1, groups=len(x))
        return relu(self.norm(images.view(len(x), -1, *x.shape[2:])))


_ADAPTIVE = {
    "conv1.weight": "kernel",
    "conv1.ce": "code",
    "conv1.ce_bn": "input_norm",
    "conv1.gd": "input_gate",
    "conv1.ci_bn2": "mix_norm",
    "conv1.ci": "mix",
    "conv1.ci_bn": "output_norm",
    "conv1.gd2": "output_gate",
    "bn1": "norm",
}
_NAMES = {
    f"{theirs}.{name}": f"{ours}.{ours_name}"
    for theirs, ours in (("convInput", "first"), ("conv", "again"))
    for name, ours_name in _ADAPTIVE.items()
} | {"convolutional_out.conv1": "last"}


def converted(tensors: Tensors) -> Tensors:
    """Give the authors' tensors their names here."""
    others = {k: v for k, v in tensors.items() if not k.startswith(("basicLayer", "patch_embed"))}
    return {**renamed(_NAMES)(others), **from_authors(tensors, "tokens")}
