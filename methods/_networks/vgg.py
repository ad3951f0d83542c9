"""VGG19, trained to classify the photographs of ImageNet, up to the layer that a method needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fusebench.methods._weights import renamed

if TYPE_CHECKING:
    from fusebench.methods._weights import Converter, Tensors

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the photographs in [0, 1], red first: by these torchvision normalises."""

# Grey levels that Caffe takes off, red first; it divides by nothing.
_CAFFE_MEAN = (123.68, 116.779, 103.939)

_DEPTHS = (2, 2, 4, 4, 4)
_CAFFE_CLASSIFIER = {"fc6": "classifier.0", "fc7": "classifier.3", "fc8": "classifier.6"}


class VGG19(nn.Module):
    """VGG with 19 layers that learn; its tensors have the names that torchvision gives them.

    What an image is normalised by belongs to the weights, and is kept with them.

    Parameters
    ----------
    upto : str
        Last layer: "conv1_1" to "conv5_4", or "classes" for all there is.
    widths : tuple of int
        Channels of the five blocks.
    hidden, classes : int
        Outputs of the classifier's layers.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        upto: str = "classes",
        *,
        widths: tuple[int, ...] = (64, 128, 256, 512, 512),
        hidden: int = 4096,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        # Made in the end, so that no time goes into layers that are not wanted.
        layers: list[Callable[[], nn.Module]] = []
        self.places: dict[str, int] = {}
        inputs = 3
        for block, (width, depth) in enumerate(zip(widths, _DEPTHS, strict=True), start=1):
            for k in range(1, depth + 1):
                self.places[f"conv{block}_{k}"] = len(layers)
                layers += [partial(nn.Conv2d, inputs, width, 3, padding=1), nn.ReLU]
                inputs = width
            layers.append(partial(nn.MaxPool2d, 2))
        whole = upto == "classes"
        end = len(layers) if whole else self.places[upto] + 1
        self.features = nn.Sequential(*(make() for make in layers[:end]))
        if whole:
            self.classifier = nn.Sequential(
                nn.Linear(49 * inputs, hidden),
                nn.ReLU(),
                # Where torchvision's has dropout, which does nothing after training.
                nn.Identity(),
                nn.Linear(hidden, hidden),
                nn.ReLU(),
                nn.Identity(),
                nn.Linear(hidden, classes),
            )
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1))

    def normalised(self, image: Tensor) -> Tensor:
        """Turn images ``(N, 1 or 3, H, W)`` in [0, 1] into what the first layer takes."""
        return (image.expand(-1, 3, -1, -1) - self.mean) / self.std

    def classify(self, features: Tensor) -> Tensor:
        """Give the scores ``(N, classes)`` of what the last layer of `features` returned."""
        pooled = nn.functional.adaptive_avg_pool2d(features, 7).flatten(1)
        scores: Tensor = self.classifier(pooled)
        return scores


def converter(network: VGG19) -> Converter:
    """Give the converter for the files of torchvision, and of Caffe with its names.

    Caffe's network takes blue first and grey levels 0..255. Layers that `network` lacks are left
    aside.
    """
    layers = {name: f"features.{place}" for name, place in network.places.items()}

    def convert(tensors: Tensors) -> Tensors:
        if "conv1_1.weight" in tensors:
            tensors = renamed(layers | _CAFFE_CLASSIFIER)(tensors)
            first = "features.0.weight"
            mean, std = torch.tensor(_CAFFE_MEAN) / 255, torch.full((3,), 1 / 255)
            tensors = tensors | {first: tensors[first].flip(1)}
        else:
            mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
        tensors = tensors | {"mean": mean.view(3, 1, 1), "std": std.view(3, 1, 1)}
        return {name: tensors[name] for name in network.state_dict() if name in tensors}

    return convert
