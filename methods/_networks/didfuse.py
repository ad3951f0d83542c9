"""The network of DIDFuse."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusebench.methods._networks.base import Border, Conv, FusionNetwork

_CHANNELS = 64


class DIDFuse(FusionNetwork):
    """Base and detail of each source, added, and an image decoded from the sums."""

    reach = 6

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of grey sources ``(N, 1, H, W)``."""
        a, b = (self.encoder(source) for source in sources)
        fused: Tensor = self.decoder([x + y for x, y in zip(a, b, strict=True)])
        return fused


class Encoder(nn.Module):
    """Two layers of features, and base and detail made of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _layer(1, _CHANNELS, nn.PReLU(), border="reflect")
        self.second = _layer(_CHANNELS, _CHANNELS, nn.PReLU())
        self.base = _layer(_CHANNELS, _CHANNELS, nn.Tanh())
        self.detail = _layer(_CHANNELS, _CHANNELS, nn.Tanh())

    def forward(self, image: Tensor) -> list[Tensor]:
        """Give both layers, base and detail of ``(N, 1, H, W)``."""
        first = self.first(image)
        second = self.second(first)
        return [first, second, self.base(second), self.detail(second)]


class Decoder(nn.Module):
    """An image made of base and detail, with both layers put back in."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = _layer(2 * _CHANNELS, _CHANNELS, nn.PReLU())
        self.second = _layer(2 * _CHANNELS, _CHANNELS, nn.PReLU())
        self.first = _layer(2 * _CHANNELS, 1, nn.Sigmoid(), border="reflect")

    def forward(self, encoded: list[Tensor]) -> Tensor:
        """Decode what an encoder gave."""
        first, second, base, detail = encoded
        x = self.parts(torch.cat((base, detail), dim=1))
        x = self.second(torch.cat((x, second), dim=1))
        image: Tensor = self.first(torch.cat((x, first), dim=1))
        return image


def _layer(inputs: int, outputs: int, after: nn.Module, border: Border = "zeros") -> nn.Sequential:
    return nn.Sequential(Conv(inputs, outputs, border=border), nn.BatchNorm2d(outputs), after)
