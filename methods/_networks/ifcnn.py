"""The network of IFCNN."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from fusebench.methods._networks.base import (
    Conv,
    FusionNetwork,
    Normalised,
    grey_where_sources_are,
    truncated,
)

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
        self.conv2 = Normalised(64, 64)
        self.conv3 = Normalised(64, 64)
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
        return grey_where_sources_are(truncated(fused * self.std + self.mean), *sources)
