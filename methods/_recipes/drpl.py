"""Training of deep regression pair learning."""

from __future__ import annotations

import torch

from fusebench.methods._losses import gradient_error, one_minus_ssim, squared_error
from fusebench.methods._networks.drpl import DRPL
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage


def plan(budget: Budget, *, channels: int = 64) -> Plan:
    """One network: both maps, that they add up to one, and the image that they compose."""
    network = DRPL(channels)

    def losses(batch: Batch) -> Losses:
        assert batch.mask is not None
        assert batch.reference is not None
        of_a, of_b = network.maps(batch.a, batch.b).chunk(2, dim=1)
        fused = of_a * batch.a + of_b * batch.b
        return {
            "maps": squared_error(of_a, batch.mask) + squared_error(of_b, 1 - batch.mask),
            "pair": squared_error(of_a + of_b, torch.ones_like(of_a)),
            "ssim": one_minus_ssim(batch.reference, fused),
            "gradient": gradient_error(batch.reference, fused),
        }

    return Plan(network, (Stage("all", (Move(network, losses, budget.rate),)),))


RECIPE = Recipe(
    slug="drpl",
    task="mff",
    source="photographs",
    plan=plan,
    budgets={
        "paper": Budget(steps=20_000, batch=16, crop=128, rate=1e-3, crops=16),
        "cpu": Budget(steps=500, batch=4, crop=64, rate=2e-3, crops=16),
    },
    notes="amounts, rates and the weights of the losses are ours: of the paper only the summary "
    "was at hand, of the authors' programs only the network and what comes after it",
)
