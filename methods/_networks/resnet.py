"""The first layers of ResNet50, trained to classify the photographs of ImageNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from fusebench.methods._networks.vgg import IMAGENET_MEAN, IMAGENET_STD

if TYPE_CHECKING:
    from fusebench.methods._weights import Tensors


class ResNet50Stem(nn.Module):
    """Convolution, batch normalisation and ReLU; tensors have the names torchvision gives them."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Give features ``(N, 64, ceil(H / 2), ceil(W / 2))`` of images in [0, 1]."""
        normal = (image.expand(-1, 3, -1, -1) - self.mean) / self.std
        return relu(self.bn1(self.conv1(normal)))


def converted(tensors: Tensors) -> Tensors:
    """Take the first layers out of a file of torchvision."""
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    found = {name: t for name, t in tensors.items() if name.partition(".")[0] in ("conv1", "bn1")}
    return found | {"mean": mean.view(3, 1, 1), "std": std.view(3, 1, 1)}
