"""Training of RFN-Nest."""

from __future__ import annotations

import torch

from fusebench.methods._losses import one_minus_ms_ssim, squared_error
from fusebench.methods._networks.rfn_nest import RFNNest
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage
from fusebench.methods._recipes.nestfuse import auto_encoder

# How much the features of each scale count, from the finest.
_SCALES = (1.0, 10.0, 100.0, 1000.0)

# What the program adds to the extent of the fused images.
_TINY = 1e-5 / 255


def plan(
    budget: Budget,
    *,
    ssim: float = 100.0,
    detail: float = 700.0,
    infrared: float = 6.0,
    visible: float = 3.0,
) -> Plan:
    """Two stages: the auto-encoder; then, while it stays as it is, the blocks that merge features.

    These keep the structure of the visible image and, in features, `infrared` parts of one source
    to `visible` parts of the other.
    """
    network = RFNNest()
    coder = network.coder

    def losses(batch: Batch) -> Losses:
        with torch.no_grad():
            of_a, of_b = (coder.encode(x * 255) for x in (batch.a, batch.b))
        merged = [
            network.merge(level, *pair) for level, pair in enumerate(zip(of_a, of_b, strict=True))
        ]
        fused = coder.decode(merged) / 255
        # All images of the batch are stretched together.
        fused = (fused - fused.min()) / (fused.max() - fused.min() + _TINY)
        found = {"detail": detail * one_minus_ms_ssim(batch.b, fused)}
        for level, (weight, m, a, b) in enumerate(zip(_SCALES, merged, of_a, of_b, strict=True)):
            wanted = infrared * a + visible * b
            found[f"features {level + 1}"] = weight * squared_error(m, wanted)
        return found

    return Plan(
        network,
        (
            auto_encoder(coder, budget, ssim),
            Stage("blocks", (Move(network.blocks, losses, budget.rate),)),
        ),
    )


RECIPE = Recipe(
    slug="rfn_nest",
    task="ivif",
    plan=plan,
    budgets={
        # 80,000 images of MS-COCO, then 80,000 pairs of KAIST, four in a batch, 2 epochs each.
        "paper": Budget(steps=80_000, batch=4, crop=256, rate=1e-4),
        "cpu": Budget(steps=1400, batch=2, crop=64, rate=1e-3, crops=16),
    },
    notes="the auto-encoder learns from the images of registered pairs in place of MS-COCO",
)
