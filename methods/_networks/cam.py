"""FM3: sources mixed by how much each pixel tells of the class that a network sees."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate, relu

from fusebench.methods._networks.base import FusionNetwork
from fusebench.methods._networks.vgg import VGG19

# The last layers of the three blocks with the coarsest features.
LAYERS = ("conv3_4", "conv4_4", "conv5_4")


class ClassMixture(FusionNetwork):
    """A mean of the sources, weighted by their class activation.

    Parameters
    ----------
    network : VGG19
        All of it.
    side : int
        Side of the square in which sources are classified.
    """

    def __init__(self, network: VGG19, side: int) -> None:
        super().__init__()
        self.network = network
        self.side = side

    def compute(self, *sources: Tensor) -> Tensor:
        """Fuse sources ``(N, C, H, W)`` in [0, 1]."""
        with torch.inference_mode(False), torch.enable_grad():
            maps = [
                torch.cat(
                    [
                        class_activation(self.network, x, self.side)
                        for x in torch.split(s.clone(), 1)
                    ]
                )
                for s in sources
            ]
        return sum(w * s for w, s in zip(mixing(maps), sources, strict=True))  # type: ignore[return-value]


def mixing(maps: Sequence[Tensor]) -> list[Tensor]:
    """Turn class activations in [0, 1] into shares of the sources, which add up to 1.

    For two sources equations 9 and 10. The fused image of more is the mean of those of every two.
    """
    count, total = len(maps), torch.stack(list(maps)).sum(0)
    return [(1 + p - (total - p) / (count - 1)) / count for p in maps]


def class_activation(network: VGG19, image: Tensor, side: int) -> Tensor:
    """Tell how much each pixel counts for the class that the network sees.

    Parameters
    ----------
    network : VGG19
        All of it.
    image : Tensor, shape (1, 1 or 3, H, W)
        In [0, 1].
    side : int
        The image is brought to this size before it is classified.

    Returns
    -------
    Tensor, shape (1, 1, H, W)
        The product of Grad-CAM [1]_ over `LAYERS` in [0, 1]; 0 where it is the same everywhere.

    References
    ----------
    .. [1] R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra, "Grad-CAM: Visual
       explanations from deep networks via gradient-based localization," ICCV 2017.
       doi:10.1109/ICCV.2017.74
    """
    small = interpolate(image, (side, side), mode="bilinear", antialias=True)
    activations, scores = _classified(network, network.normalised(small))
    gradients = torch.autograd.grad(scores.amax(1).sum(), activations)
    product = torch.ones_like(image[:, :1])
    for activation, gradient in zip(activations, gradients, strict=True):
        cam = relu((gradient.mean((2, 3), keepdim=True) * activation.detach()).sum(1, keepdim=True))
        # The scale is lost in the end; without it no product becomes too small for float32.
        cam = cam / cam.amax().clamp_min(torch.finfo(cam.dtype).tiny)
        product = product * interpolate(cam, image.shape[2:], mode="bilinear")
    low, extent = product.amin(), product.amax() - product.amin()
    return (product - low) / torch.where(extent > 0, extent, 1)


def _classified(network: VGG19, x: Tensor) -> tuple[list[Tensor], Tensor]:
    """Give the features after the activation that follows each of `LAYERS`, and the scores."""
    wanted = {network.places[name] + 1 for name in LAYERS}
    activations = []
    for place, layer in enumerate(network.features):
        x = layer(x)
        if place in wanted:
            # No weight needs a gradient, so nothing before the first of them is kept.
            x = x if x.requires_grad else x.requires_grad_()
            activations.append(x)
    return activations, network.classify(x)
