"""Training of NestFuse."""

from __future__ import annotations

import torch
from torch import nn

from fusebench.methods._losses import one_minus_ms_ssim, squared_error
from fusebench.methods._networks.nestfuse import AutoEncoder, NestFuse
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage

# The last layer ends in a ReLU, and would never learn anything where it begins below 0.
_GREY = 128.0


def auto_encoder(coder: AutoEncoder, budget: Budget, ssim: float) -> Stage:
    """Give the stage in which an auto-encoder learns to give both sources back, each by itself."""
    bias = coder.last.bias
    assert bias is not None
    nn.init.constant_(bias, _GREY)

    def losses(batch: Batch) -> Losses:
        images = torch.cat((batch.a, batch.b))
        found = coder(images * 255) / 255
        # The error is one of grey levels.
        return {
            "pixels": 255**2 * squared_error(found, images),
            "ms_ssim": ssim * one_minus_ms_ssim(images, found),
        }

    return Stage("auto-encoder", (Move(coder, losses, budget.rate),))


def plan(budget: Budget, *, ssim: float = 100.0) -> Plan:
    """One auto-encoder; how features are fused has nothing to learn."""
    network = NestFuse("attention_avg")
    return Plan(network, (auto_encoder(network.coder, budget, ssim),))


RECIPE = Recipe(
    slug="nestfuse",
    task="ivif",
    plan=plan,
    budgets={
        # 80,000 images of MS-COCO, four in a batch, 2 epochs.
        "paper": Budget(steps=40_000, batch=2, crop=256, rate=1e-4),
        "cpu": Budget(steps=1200, batch=2, crop=64, rate=1e-3, crops=16),
    },
    notes="learns from the images of registered pairs, two of each, in place of MS-COCO",
)
