"""Training of DeFusion: single images, of which parts are hidden, are taken apart and put together.

Nothing is fused in training: the two inputs are one image, in each of which other parts are noise.
What both show is common, what one shows alone is its own, and all together is the image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from fusebench.methods._losses import absolute_error
from fusebench.methods._networks.defusion import DeFusion
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage

# Side of the coarser patches that are hidden, in pixels: 13 of them across 256. The finer ones are
# half as large.
_PATCH = 256 / 13

# Least brightness and contrast that images are brought to at random.
_DIMMEST = 0.1

# Longest gradient.
_CLIP = 1.0

# Share of the images whose channels differ.
_COLOURED = 0.5

# What images begin as, in [0, 1]: below 0 their last layer would learn nothing.
_GREY = 0.3

# Weights of that layer at first, as a share of what keeps the extent of values: the image is to be
# grey everywhere, since pixels that begin below 0 may never come back.
_FAINT = 0.1


def plan(budget: Budget, *, deep: bool = False, outside: float = 0.015) -> Plan:
    """Two stages: the parts alone; then the parts and the image that they make.

    In the second, `outside` is how much a part counts where it is to show nothing.
    """
    network = DeFusion("mff", deep=deep)
    _begin(network)

    def losses(batch: Batch, alpha: float) -> Losses:
        images = _dimmed(_coloured(batch.a, batch.b))
        first, second = _masks(len(images), images.shape[-1], images.device)
        a, b = (x * images + (1 - x) * _noise(images) for x in (first, second))
        *parts, fused = network.decompose(a, b)
        shown = {
            "common": first * second,
            "first alone": first * (1 - second),
            "second alone": second * (1 - first),
        }
        found = {
            name: absolute_error(mask * images, part * (alpha + (1 - alpha) * mask))
            for (name, mask), part in zip(shown.items(), parts, strict=True)
        }
        return found | {"image": absolute_error(images, fused)}

    def take_apart(batch: Batch) -> Losses:
        found = losses(batch, 0.0)
        del found["image"]
        return found

    def put_together(batch: Batch) -> Losses:
        return losses(batch, outside)

    alone = Move(network, take_apart, budget.rate, clip=_CLIP)
    together = Move(network, put_together, budget.rate, clip=_CLIP)
    return Plan(network, (Stage("parts", (alone,)), Stage("image", (together,), 9.0)))


def _begin(network: DeFusion) -> None:
    """Let every block begin as what it is given: nothing here keeps values in bounds otherwise."""
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            if name.endswith(".conv3"):
                nn.init.zeros_(layer.weight)
    for last in (network.project, network.fuse):
        assert last.bias is not None
        nn.init.constant_(last.bias, _GREY)
        with torch.no_grad():
            last.weight.mul_(_FAINT)


def _coloured(a: Tensor, b: Tensor) -> Tensor:
    """Make colour images of two grey ones: each alone, or mixed otherwise in each channel.

    Pairs are read as luma, and a network that has only seen grey images would make all others grey.
    """
    size = (len(a), 3, 1, 1)
    grey = torch.randint(0, 2, (len(a), 1, 1, 1)).float().expand(size)
    weights = torch.where(torch.rand(len(a), 1, 1, 1) < _COLOURED, torch.rand(size), grey).to(a)
    mixed: Tensor = weights * a + (1 - weights) * b
    return mixed


def _dimmed(images: Tensor) -> Tensor:
    """Lower brightness and contrast of each image at random."""
    factors = _DIMMEST + (1 - _DIMMEST) * torch.rand(2, len(images), 1, 1, 1)
    brightness, contrast = factors.to(images)
    images = images * brightness
    mean = images.mean((1, 2, 3), keepdim=True)
    dimmed: Tensor = mean + contrast * (images - mean)
    return dimmed


def _noise(images: Tensor) -> Tensor:
    return torch.randn_like(images).abs().clamp(max=1.0)


def _masks(count: int, side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Draw for each image what its two copies show: patches of two sizes; every pixel is in one.

    Returns
    -------
    first, second : Tensor, shape (N, 1, side, side)
        1 where the image is shown, 0 where it is hidden.
    """
    patches = max(2, round(side / _PATCH))

    def grid(chance: Tensor, cells: int) -> Tensor:
        shown = (torch.rand(count, 1, cells, cells) < chance).float()
        return interpolate(shown, size=(side, side))

    def mask() -> Tensor:
        chance = 0.1 + torch.rand(count, 1, 1, 1) / 1.12
        return grid(chance, patches) * grid(chance, 2 * patches)

    first, second = mask(), mask()
    neither = (1 - first) * (1 - second)
    to_first = neither * grid(torch.tensor(0.5), patches)
    first, second = first + to_first, second + neither - to_first
    return first.to(device), second.to(device)


RECIPE = Recipe(
    slug="defusion",
    task="ivif",
    plan=plan,
    budgets={
        # 50 epochs of 50,000 images of MS-COCO, four in a batch.
        "paper": Budget(steps=625_000, batch=4, crop=256, rate=1e-3),
        "cpu": Budget(steps=600, batch=4, crop=64, rate=1e-3, crops=16, decay=0.5),
    },
    notes="images are those of registered pairs, and mixtures of them as colours, in place of "
    "MS-COCO; blocks begin as what they are given, since without normalisation the authors' start "
    "does not always learn; gradients are shortened; parts are learned alone for a tenth of the "
    "steps and all else counts in full from then on, where the authors raise it in turns; the rate "
    "is not halved four times, as theirs is",
)
