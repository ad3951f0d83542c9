"""The networks that fuse of PMGI, MFF-GAN and SDNet: two dense paths, and one convolution."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from fusebench.methods._networks.base import Conv, FusionNetwork, leaky, stretched

_relu = leaky(0.2)


class SDNet(FusionNetwork):
    """A path for each source in which every layer sees all before it."""

    reach = 5
    sides: ClassVar = ("ir", "vi")

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        for side in self.sides:
            self.layers[f"layer1_{side}"] = Conv(1, 16, 5, after=_relu)
            for n, inputs in ((2, 16), (3, 32), (4, 48)):
                self.layers[f"layer{n}_{side}"] = Conv(inputs, 16, after=_relu)
        self.last = Conv(128, 1, 1)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image in [-1, 1] of sources ``(N, 1, H, W)``."""
        paths = [
            self._path(side, source * 2 - 1)
            for side, source in zip(self.sides, sources, strict=True)
        ]
        layers = [x for pair in zip(*paths, strict=True) for x in pair]
        fused: Tensor = self.last(torch.cat(layers, dim=1)).tanh()
        return fused

    def _path(self, side: str, x: Tensor) -> list[Tensor]:
        found = [self.layers[f"layer1_{side}"](x)]
        for n in (2, 3, 4):
            found.append(self.layers[f"layer{n}_{side}"](torch.cat(found, dim=1)))
        return found

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch."""
        return stretched(fused)


class PMGI(FusionNetwork):
    """A path for gradients and one for intensities, which tell each other what they have found.

    Every layer is normalised by the statistics of the image at hand, so that each pixel depends on
    all others.
    """

    sides: ClassVar = ("", "_vi")
    inputs: ClassVar = 3

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        for side in self.sides:
            self.layers["layer1" + side] = Conv(self.inputs, 16, 5)
            for n, inputs in ((2, 16), (3, 48), (4, 64)):
                self.layers[f"layer{n}{side}"] = Conv(inputs, 16)
            for between in ("2_3", "3_4"):
                self.layers[f"layer{between}{side}"] = Conv(32, 16, 1)
        self.last = Conv(128, 1, 1)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image in [-1, 1] of sources ``(N, 1, H, W)``."""
        a, b = (source * 2 - 1 for source in sources)
        one = self._layer("1", *self._first(a, b))
        two = self._layer("2", *one)
        both = torch.cat(two, 1)
        told = self._layer("2_3", both, both)
        three = self._layer("3", *_along(one, two, told))
        both = torch.cat(three, 1)
        told = self._layer("3_4", both, both)
        four = self._layer("4", *_along(one, two, three, told))
        fused: Tensor = self.last(torch.cat((*one, *two, *three, *four), 1)).tanh()
        return fused

    def _first(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return torch.cat((a, a, b), 1), torch.cat((b, b, a), 1)

    def _layer(self, number: str, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            _relu(self._normalise(self.layers[f"layer{number}{side}"](x)))
            for side, x in zip(self.sides, inputs, strict=True)
        )

    def _normalise(self, x: Tensor) -> Tensor:
        return normalised(x)

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch."""
        return stretched(fused)


class MFFGAN(PMGI):
    """The same with a path for each source, and nothing normalised."""

    reach = 5
    sides: ClassVar = ("", "_far")
    inputs: ClassVar = 1

    def _first(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return a, b

    def _normalise(self, x: Tensor) -> Tensor:
        return x


def _along(*layers: tuple[Tensor, ...]) -> list[Tensor]:
    return [torch.cat(path, dim=1) for path in zip(*layers, strict=True)]


def normalised(x: Tensor) -> Tensor:
    """Give each channel of each image ``(N, C, H, W)`` mean 0 and variance 1."""
    # Faster than var_mean, which does not use the vector units of the processor.
    centred = x - x.mean((2, 3), keepdim=True)
    variance = centred.square().mean((2, 3), keepdim=True)
    return centred * (variance + 1e-5).rsqrt()
