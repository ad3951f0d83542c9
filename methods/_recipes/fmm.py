"""Training of feature mutual mapping."""

from __future__ import annotations

from fusebench.methods._losses import Choice, selected_ssim
from fusebench.methods._networks.fmm import FMM, Fusion
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage


def plan(
    budget: Budget, *, fusion: Fusion = "mapping", loss: Choice = "var", depth: int = 3
) -> Plan:
    """One network, one loss: similarity to the source that varies more in each window."""
    network = FMM(fusion, depth)

    def losses(batch: Batch) -> Losses:
        fused = network.compute(batch.a, batch.b)
        return {"ssim": selected_ssim(batch.a, batch.b, fused, by=loss)}

    return Plan(network, (Stage("all", (Move(network, losses, budget.rate),)),))


RECIPE = Recipe(
    slug="fmm",
    task="ivif",
    plan=plan,
    budgets={
        # 40,000 pairs of KAIST, 4 epochs; the paper does not tell its batches.
        "paper": Budget(steps=40_000, batch=4, crop=256, rate=1e-4),
        "cpu": Budget(steps=340, batch=8, crop=96, rate=1e-3, crops=16),
    },
)
