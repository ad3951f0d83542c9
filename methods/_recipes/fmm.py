"""Training of feature mutual mapping."""

from __future__ import annotations

from fusebench.methods._losses import Choice, selected_ssim
from fusebench.methods._networks.fmm import FMM, Fusion
from fusebench.methods._recipes.base import (
    Ablation,
    Batch,
    Budget,
    Losses,
    Move,
    Plan,
    Recipe,
    Stage,
    Variant,
)


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
        "cpu": Budget(steps=2400, batch=4, crop=96, rate=1e-3, crops=16, decay=0.5),
    },
    ablation=Ablation(
        paper="rao2021fmm",
        tables=("4", "5", "6", "7"),
        protocol="jiangnan",
        variants={
            "vif_net": Variant("vif_net"),
            "fmm_concat_meanloss": Variant("fmm", {"fusion": "concat", "loss": "mean"}),
            "fmm_concat_varloss": Variant("fmm", {"fusion": "concat"}),
            "fmm_add_varloss": Variant("fmm", {"fusion": "add"}),
            "fmm": Variant("fmm"),
            "fmm_4layers": Variant("fmm", {"depth": 4}),
            "fmm_5layers": Variant("fmm", {"depth": 5}),
        },
    ),
)
