"""Training of MsgFusion."""

from __future__ import annotations

from typing import Literal

from fusebench.methods._losses import one_minus_gaussian_ssim, squared_error
from fusebench.methods._networks.msgfusion import MsgFusion
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage


def plan(
    budget: Budget, *, modalities: Literal["ct_mr", "mr_pet"] = "ct_mr", similarity: float = 0.8
) -> Plan:
    """One network: as similar to both sources as can be, and as near to them."""
    network = MsgFusion(modalities)

    def losses(batch: Batch) -> Losses:
        fused = network.compute(batch.a, batch.b)
        sources = [x.expand_as(fused) for x in (batch.a, batch.b)]
        unlike = [one_minus_gaussian_ssim(x, fused) for x in sources]
        errors = [squared_error(x, fused) for x in sources]
        return {
            "ssim": similarity * (unlike[0] + unlike[1]) / 2,
            "pixels": (1 - similarity) * (errors[0] + errors[1]) / 2,
        }

    return Plan(network, (Stage("all", (Move(network, losses, budget.rate),)),))


RECIPE = Recipe(
    slug="msgfusion",
    task="medical",
    plan=plan,
    budgets={
        # 555 pairs, two in a batch, 251 epochs.
        "paper": Budget(steps=70_000, batch=2, crop=256, rate=1e-3),
        "cpu": Budget(steps=200, batch=2, crop=48, rate=1e-3, crops=16, decay=0.5),
    },
    notes="the first layer is learned too, which the authors take from a network trained on "
    "ImageNet; images are not stretched before; sources are luma, so PET has no colour; the rate "
    "is not divided by ten every 50 epochs, as the authors' is",
)
