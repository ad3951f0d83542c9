"""Training of VIF-Net."""

from __future__ import annotations

from fusebench.methods._losses import selected_ssim, total_variation
from fusebench.methods._networks.vif_net import VIFNet
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage


def plan(budget: Budget, *, ssim: float = 1000.0, luminance: bool = True) -> Plan:
    """One network: similarity to the brighter source in each window, smooth difference to `b`.

    Without `luminance` no part of the loss sees how bright the image is as a whole.
    """
    network = VIFNet()

    def losses(batch: Batch) -> Losses:
        fused = network.compute(batch.a, batch.b)
        similarity = selected_ssim(batch.a, batch.b, fused, by="mean", with_luminance=luminance)
        return {"ssim": ssim * similarity, "tv": total_variation(batch.b - fused)}

    return Plan(network, (Stage("all", (Move(network, losses, budget.rate),)),))


RECIPE = Recipe(
    slug="vif_net",
    task="ivif",
    plan=plan,
    notes="the means of windows are compared too, because otherwise nothing in the loss tells how "
    "bright the fused image is",
    budgets={
        # 25,000 patches, 50 epochs.
        "paper": Budget(steps=20_000, batch=64, crop=64, rate=1e-4, crops=100),
        "cpu": Budget(steps=400, batch=4, crop=64, rate=1e-3, crops=16),
    },
)
