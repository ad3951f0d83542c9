"""The network of IFCNN."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn.functional import relu_

from fusebench.methods._networks.base import Conv, FusionNetwork, grey_of, truncated

# Of the photographs of ImageNet, by which inputs are normalised.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class IFCNN(FusionNetwork):
    """Features of each source, merged element by element, and an image made of them.

    Parameters
    ----------
    rule : {"max", "mean", "sum"}
        How features are merged.
    normalisation : {"imagenet", "none"}
        What is taken off the sources and given back to the fused image.
    """

    reach = 5
    mean: Tensor
    std: Tensor

    def __init__(self, rule: str, normalisation: str) -> None:
        super().__init__()
        self.rule = rule
        self.conv1 = Conv(3, 64, 7, border="replicate", bias=False)
        self.conv2 = _Normalised(64)
        self.conv3 = _Normalised(64)
        self.conv4 = nn.Conv2d(64, 3, 1)
        mean, std = (_MEAN, _STD) if normalisation == "imagenet" else ((0.0,) * 3, (1.0,) * 3)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the normalised colour image of sources ``(N, 1 or 3, H, W)``."""
        features = [
            self.conv2(self.conv1((source.expand(-1, 3, -1, -1) - self.mean) / self.std))
            for source in sources
        ]
        if self.rule == "max":
            merged = reduce(torch.maximum, features)
        else:
            merged = reduce(torch.add, features)
            if self.rule == "mean":
                merged = merged / len(features)
        fused: Tensor = self.conv4(self.conv3(merged))
        return fused

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Undo the normalisation and cut to 8 bits; grey sources give a grey image."""
        colour = truncated(fused * self.std + self.mean)
        if sources[0].shape[1] == 1:
            return grey_of(colour)
        stack = torch.stack(sources)
        grey = (stack == stack[:, :, :1]).flatten(2).all(2).all(0)
        return torch.where(grey[:, None, None, None], grey_of(colour), colour)


class _Normalised(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv(channels, channels, border="replicate", bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return relu_(self.bn(self.conv(x)))
