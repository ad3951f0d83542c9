"""NST: an image whose summed features are the larger of the sources'."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fusebench.methods._networks.optimisation import Optimisation, descend
from fusebench.methods._networks.resnet import ResNet50Stem


class NST(Optimisation):
    """The mean of the sources, changed by Adam until its summed features are the larger ones.

    Parameters
    ----------
    stem : ResNet50Stem
        Gives the features.
    iterations : int
    rate : float
        Learning rate, for images in [0, 1].
    averaged : bool
        Whether the image is the moving average over the iterations, or that of the last one.
    side : int
        Side of the square that sources are brought to before, 0 where they stay as they are.
    """

    def __init__(
        self, stem: ResNet50Stem, *, iterations: int, rate: float, averaged: bool, side: int
    ) -> None:
        super().__init__()
        self.stem = stem
        self.iterations, self.rate, self.averaged = iterations, rate, averaged
        self.side = side

    def optimise(self, *sources: Tensor) -> Tensor:
        """Fuse images ``(1, C, H, W)`` of grey levels."""
        shape = sources[0].shape[2:]
        images = [source / 255 for source in sources]
        if self.side:
            images = [_resized(image, (self.side, self.side)) for image in images]
        with torch.no_grad():
            target = torch.stack([self._summed(image) for image in images]).amax(0)

        def loss(image: Tensor) -> Tensor:
            return (target - self._summed(image)).square().sum()

        mean = torch.stack(images).mean(0)
        last, average = descend(mean, loss, [self.rate], self.iterations, self.watch)
        fused = average if self.averaged else last
        return 255 * (_resized(fused, shape) if self.side else fused)

    def _summed(self, image: Tensor) -> Tensor:
        features: Tensor = self.stem(image)
        return features.sum(1, keepdim=True)


def _resized(image: Tensor, shape: tuple[int, int] | torch.Size) -> Tensor:
    return interpolate(image, tuple(shape), mode="bilinear", antialias=True)
