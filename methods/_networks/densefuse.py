"""The network of DenseFuse, as its authors wrote it in PyTorch and in TensorFlow."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad, relu_

from fusebench.methods._networks.base import Conv, Dense, FusionNetwork, stretched, truncated


class DenseFuse(FusionNetwork):
    """An encoder for each source, a rule that merges their features, and a decoder.

    Parameters
    ----------
    strategy : {"addition", "l1"}
        How features are merged.
    radius : int
        Half the side of the window in which "l1" measures activity.
    tensorflow : bool
        Whether to do as the first of the two programs: new features first, no ReLU at the end,
        features added rather than averaged, and the image stretched when it is saved.
    """

    def __init__(self, strategy: str, radius: int, *, tensorflow: bool) -> None:
        super().__init__()
        self.strategy, self.radius, self.tensorflow = strategy, radius, tensorflow
        self.reach = 8 + (radius if strategy == "l1" else 0)
        self.first = _conv(1, 16)
        self.dense = Dense([_conv(16 * n, 16) for n in (1, 2, 3)], newest_first=tensorflow)
        self.decode1 = _conv(64, 64)
        self.decode2 = _conv(64, 32)
        self.decode3 = _conv(32, 16)
        self.decode4 = Conv(16, 1, border="reflect", after=None if tensorflow else relu_)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the image, in grey levels, of sources ``(N, 1, H, W)``."""
        a, b = (self.dense(self.first(source * 255)) for source in sources)
        x = self.merge(a, b)
        fused: Tensor = self.decode4(self.decode3(self.decode2(self.decode1(x))))
        return fused

    def merge(self, a: Tensor, b: Tensor) -> Tensor:
        """Merge the features of both sources."""
        if self.strategy == "addition":
            return a + b if self.tensorflow else (a + b) / 2
        activity_a, activity_b = (self._activity(x) for x in (a, b))
        total = activity_a + activity_b
        # Where no feature is active, nothing is merged and any weight does.
        share = torch.where(total > 0, activity_a / total, 0.5)
        return share * a + (1 - share) * b

    def _activity(self, x: Tensor) -> Tensor:
        norm = x.abs().sum(1, keepdim=True)
        if self.radius:
            norm = pad(norm, (self.radius,) * 4, "replicate")
            norm = avg_pool2d(norm, 2 * self.radius + 1, 1)
        return norm

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch, or cut to 8 bits."""
        return stretched(fused) if self.tensorflow else truncated(fused / 255)


def _conv(inputs: int, outputs: int) -> Conv:
    return Conv(inputs, outputs, border="reflect", after=relu_)
