"""Training of SwinFusion."""

from __future__ import annotations

from fusebench.methods._losses import (
    gradient_of_stronger,
    intensity_of_brighter,
    one_minus_gaussian_ssim,
    sobel,
)
from fusebench.methods._networks.swinfusion import SwinFusion
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage


def plan(
    budget: Budget, *, intensity: float = 20.0, gradient: float = 20.0, ssim: float = 10.0
) -> Plan:
    """One network: the brighter pixel, the stronger gradient, and similarity to both sources.

    The sources' shares of the similarity are those of their gradients.
    """
    network = SwinFusion()

    def losses(batch: Batch) -> Losses:
        fused = network.compute(batch.a, batch.b)
        edges_a, edges_b = (sobel(x).mean() for x in (batch.a, batch.b))
        share = edges_a / (edges_a + edges_b)
        unlike_a, unlike_b = (one_minus_gaussian_ssim(x, fused) for x in (batch.a, batch.b))
        return {
            "intensity": intensity * intensity_of_brighter(batch.a, batch.b, fused),
            "gradient": gradient * gradient_of_stronger(batch.a, batch.b, fused),
            "ssim": ssim * (share * unlike_a + (1 - share) * unlike_b),
        }

    return Plan(network, (Stage("all", (Move(network, losses, budget.rate),)),))


RECIPE = Recipe(
    slug="swinfusion",
    task="ivif",
    plan=plan,
    budgets={
        "paper": Budget(steps=10_000, batch=12, crop=128, rate=2e-5),
        "cpu": Budget(steps=450, batch=2, crop=64, rate=5e-4, crops=16),
    },
    notes="the weights are those of the last step, where the authors average them over steps; "
    "windows of similarity lie inside the image",
)
