"""Fused images that are found by optimisation: pixels change until their features are as wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from fusebench.methods._networks.base import FusionNetwork
from fusebench.methods._tensors import levels

Watch: TypeAlias = Callable[[int, int, float], None]


class Optimisation(FusionNetwork):
    """A method that looks for the image of least loss.

    A subclass has `optimise`.

    Attributes
    ----------
    watch : callable or None
        Told of every iteration: its number, from 1; how many there will be, 0 where that depends on
        the image; and the loss before it.
    """

    watch: Watch | None = None

    def optimise(self, *sources: Tensor) -> Tensor:
        """Give the fused image ``(1, C, H, W)`` of such sources, in float32 grey levels 0..255.

        C is 1 where no source has colour.
        """
        raise NotImplementedError

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the fused images in [0, 1] of sources ``(N, C, H, W)``, each found by itself."""
        shape = sources[0].shape
        # Methods are called where gradients are switched off, which tensors made there remember.
        with torch.inference_mode(False), torch.enable_grad():
            whole = [levels(source).float() for source in sources]
            fused = [
                self.optimise(*without_colour(images))
                for images in zip(*(torch.split(x, 1) for x in whole), strict=True)
            ]
            return torch.cat([x.expand(1, *shape[1:]) for x in fused]).detach() / 255


def without_colour(images: Sequence[Tensor]) -> list[Tensor]:
    """Give one channel of each image ``(1, C, H, W)`` where all channels of all are equal."""
    grey = all(bool((image == image[:, :1]).all()) for image in images)
    return [image[:, :1] if grey else image for image in images]


def descend(
    image: Tensor,
    loss: Callable[[Tensor], Tensor],
    rates: Sequence[float],
    iterations: int,
    watch: Watch | None,
) -> tuple[Tensor, Tensor]:
    """Change an image by Adam so that a loss becomes small.

    Parameters
    ----------
    image : Tensor
        Where to start.
    loss : callable
        Gives a number for an image.
    rates : sequence of float
        Learning rate of each epoch, in the unit of the image.
    iterations : int
        Number of iterations in an epoch.
    watch : callable or None
        See `Optimisation`.

    Returns
    -------
    image : Tensor
        After the last iteration.
    average : Tensor
        Exponential moving average over the iterations, with a momentum of 0.99 and begun with the
        first, as Keras keeps it.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: A method for stochastic optimization," ICLR 2015.
    """
    image = image.clone().requires_grad_()
    average: Tensor | None = None
    adam = torch.optim.Adam([image])
    total = len(rates) * iterations
    for done in range(total):
        adam.param_groups[0]["lr"] = rates[done // iterations]
        adam.zero_grad()
        value = loss(image)
        value.backward()  # type: ignore[no-untyped-call]
        adam.step()
        now = image.detach()
        average = now.clone() if average is None else average.lerp_(now, 0.01)
        if watch is not None:
            watch(done + 1, total, value.item())
    assert average is not None
    return image.detach(), average
