"""The fusion network of MURF for infrared and visible images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from fusebench.methods._colour import split_luma
from fusebench.methods._networks.base import Conv, FusionNetwork, leaky, stretched

if TYPE_CHECKING:
    from fusebench.methods._weights import Tensors

# Colour as the authors' code has it, with coefficients of four digits: luma, Cb and Cr of RGB, and
# what blue and red difference add to red, green and blue.
_TO_YCC = ((0.299, 0.587, 0.114), (-0.1687, -0.3313, 0.5), (0.5, -0.4187, -0.0813))
_TO_RGB = ((0.0, 1.402), (-0.34414, -0.71414), (1.772, 0.0))


class MURF(FusionNetwork):
    """Features of both sources, weighted by the strength of their edges, and an image of both."""

    laplace: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.visible = _encoder(3)
        self.infrared = _encoder(1)
        self.mean = nn.Sequential(nn.Linear(32, 4), nn.Linear(4, 32))
        self.peak = nn.Sequential(nn.Linear(32, 4), nn.Linear(4, 32))
        self.decoder = nn.Sequential(
            nn.Conv2d(64, 32, 3, padding=1, groups=2),
            nn.LeakyReLU(0.2),
            Conv(32, 16, after=leaky(0.2)),
            Conv(16, 1, after=torch.tanh),
        )
        kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
        self.register_buffer("laplace", kernel.repeat(32, 1, 1, 1), persistent=False)

    def compute(self, *sources: Tensor) -> Tensor:
        """Fuse infrared and visible sources; colour is that of the visible one."""
        infrared, visible = sources
        a = self.visible(visible.expand(-1, 3, -1, -1))
        b = self.infrared(split_luma(infrared)[0])
        edges = [conv2d(x, self.laplace, padding=1, groups=32).abs() for x in (a, b)]
        mean = sum(x.mean((2, 3)) for x in edges)
        peak = sum(x.amax((2, 3)) for x in edges)
        attention = torch.sigmoid(self.mean(mean) + self.peak(peak))[:, :, None, None]
        fused = self.decoder(torch.cat((a * attention, b * attention), dim=1)) / 2 + 0.5
        return fused if visible.shape[1] == 1 else _coloured(fused, visible)

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch over all channels together, as old SciPy saved."""
        return stretched(fused)


def _encoder(channels: int) -> nn.Sequential:
    return nn.Sequential(
        Conv(channels, 8, 1, after=leaky(0.2)),
        Conv(8, 16, after=leaky(0.2)),
        Conv(16, 32, after=leaky(0.2)),
    )


def _coloured(y: Tensor, rgb: Tensor) -> Tensor:
    """Give luma the colour of an image; the result may leave [0, 1]."""
    chroma = conv2d(rgb, rgb.new_tensor(_TO_YCC[1:])[:, :, None, None])
    return y + conv2d(chroma, rgb.new_tensor(_TO_RGB)[:, :, None, None])


def converted(tensors: Tensors) -> Tensors:
    """Give the authors' TensorFlow variables the names and the order of axes here."""
    tensors = {name.removeprefix("f2m_net/"): tensor for name, tensor in tensors.items()}
    found = {}
    layers = [
        *((f"visible.{i}", f"_a{i + 1}") for i in range(3)),
        *((f"infrared.{i}", f"_b{i + 1}") for i in range(3)),
        *((f"decoder.{place}", f"f{i + 1}") for i, place in enumerate((0, 2, 3))),
    ]
    for ours, theirs in layers:
        found[f"{ours}.weight"] = tensors[f"w{theirs}"].permute(3, 2, 0, 1).contiguous()
        found[f"{ours}.bias"] = tensors[f"b{theirs}"]
    dense = ("dense", "dense_1", "dense_2", "dense_3")
    for ours, theirs in zip(("mean.0", "mean.1", "peak.0", "peak.1"), dense, strict=True):
        found[f"{ours}.weight"] = tensors[f"{theirs}/kernel"].T.contiguous()
        found[f"{ours}.bias"] = tensors[f"{theirs}/bias"]
    return found
