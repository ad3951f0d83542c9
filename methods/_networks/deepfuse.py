"""Two networks that go by the name of DeepFuse."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu_

from fusebench.methods._networks.base import Conv, FusionNetwork, leaky, stretched


class DeepFuse(FusionNetwork):
    """Features of each source, added, and an image made of them; no constants anywhere."""

    reach = 13

    def __init__(self) -> None:
        super().__init__()
        self.c11 = _conv(1, 32, 3)
        self.c21 = _conv(32, 64, 5)
        self.c3 = _conv(64, 64, 7)
        self.c4 = _conv(64, 32, 5)
        self.c41 = _conv(32, 16, 5)
        self.c5 = _conv(16, 1, 7)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image, on a scale of its own, of sources ``(N, 1, H, W)``."""
        a, b = (self.c21(self.c11(source)) for source in sources)
        fused: Tensor = self.c5(self.c41(self.c4(self.c3(a + b))))
        return fused

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch."""
        return stretched(fused)


class DeepFuseLi(FusionNetwork):
    """The auto-encoder of Hui Li: features of each source, added, and decoded.

    It sees images with rows and columns exchanged, as its author's program gives them to it.
    """

    reach = 5

    def __init__(self) -> None:
        super().__init__()
        self.encode1 = Conv(1, 16, border="reflect", after=relu_)
        self.encode2 = Conv(16, 32, border="reflect")
        self.decode1 = Conv(32, 32, border="reflect", after=relu_)
        self.decode2 = Conv(32, 16, border="reflect", after=relu_)
        self.decode3 = Conv(16, 1, border="reflect")

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image, on a scale of its own, of sources ``(N, 1, H, W)``."""
        a, b = (self.encode2(self.encode1(source.mT * 255)) for source in sources)
        fused: Tensor = self.decode3(self.decode2(self.decode1(a + b)))
        return fused.mT

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch."""
        return stretched(fused)


def _conv(inputs: int, outputs: int, size: int) -> Conv:
    return Conv(inputs, outputs, size, bias=False, after=leaky(0.01))
