"""Training of FusionGAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusebench.methods._losses import adversarial, laplacian_error, squared_error
from fusebench.methods._networks.fusiongan import MARGIN, FusionGAN
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage

# Labels: what passes for a visible image, and what for a fused one.
_REAL, _FAKE = (0.7, 1.2), (0.0, 0.3)


class Discriminator(nn.Module):
    """Says how much a patch is like one of a visible image.

    Parameters
    ----------
    side : int
        Height and width of the patches, at least 31 pixels.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 32), (32, 64), (64, 128), (128, 256)):
            layers.append(nn.Conv2d(inputs, outputs, 3, stride=2))
            if inputs > 1:
                layers.append(nn.BatchNorm2d(outputs))
            layers.append(nn.LeakyReLU(0.2))
            side = (side - 1) // 2
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(256 * side * side, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Judge patches ``(N, 1, side, side)`` in [-1, 1]."""
        verdict: Tensor = self.layers(x)
        return verdict


def plan(budget: Budget, *, content: float = 100.0, gradient: float = 5.0) -> Plan:
    """Pit a generator, near the infrared image and with visible detail, against a discriminator."""
    generator, discriminator = FusionGAN(), Discriminator(budget.crop - 2 * MARGIN)

    def inner(x: Tensor) -> Tensor:
        return x[..., MARGIN:-MARGIN, MARGIN:-MARGIN] * 2 - 1

    def generate(batch: Batch) -> Tensor:
        return generator.generate(torch.cat((batch.a, batch.b), dim=1) * 2 - 1)

    def judge(patches: Tensor, labels: tuple[float, float]) -> Tensor:
        verdict = discriminator(patches)
        return adversarial(verdict, *labels, torch.rand_like(verdict))

    def of_discriminator(batch: Batch) -> Losses:
        with torch.no_grad():
            fake = generate(batch)
        return {"real": judge(inner(batch.b), _REAL), "fake": judge(fake, _FAKE)}

    def of_generator(batch: Batch) -> Losses:
        fused, infrared, visible = generate(batch), inner(batch.a), inner(batch.b)
        return {
            "adversarial": judge(fused, _REAL),
            "intensity": content * squared_error(fused, infrared),
            "gradient": content * gradient * laplacian_error(fused, visible),
        }

    moves = (
        Move(discriminator, of_discriminator, budget.rate, times=2),
        Move(generator, of_generator, budget.rate),
    )
    return Plan(generator, (Stage("all", moves),), (discriminator,))


RECIPE = Recipe(
    slug="fusiongan",
    task="ivif",
    plan=plan,
    budgets={
        # Some 64,000 patches of 45 pairs, 10 epochs; the patches overlap.
        "paper": Budget(steps=20_000, batch=32, crop=132, rate=1e-4, crops=1_400),
        "cpu": Budget(steps=400, batch=4, crop=56, rate=1e-3, crops=64, decay=0.5),
    },
    notes="images are normalised one by one, as in the test program, where the paper normalises "
    "batches; weights have no spectral normalisation, which that undoes in all layers but the last",
)
