"""Training of SMFNet, on infrared and visible images and on medical ones."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from fusebench.methods._losses import (
    decomposition,
    gradient_error,
    gradient_of_stronger,
    gram_error,
    intensity_of_brighter,
    one_minus_gaussian_ssim,
    slope_error,
)
from fusebench.methods._networks.smfnet import Base, Detail, SMFNet
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage

# Longest gradient.
_CLIP = 0.01


def plan(
    budget: Budget,
    *,
    base: Base = "residual",
    detail: Detail = "cai",
    graph: bool = True,
    swapped: bool = False,
    ssim: float = 8.0,
    gradient: float = 10.0,
    slope: float = 5.0,
    apart: float = 2.0,
) -> Plan:
    """Two stages: each source is given back from features of its own; then both are fused.

    In both, bases of the sources are to be correlated, and details not to be.
    """
    network = SMFNet(base, detail, graph=graph, swapped=swapped)
    encoder, decoder = network.encoder, network.decoder

    def unlike(image: Tensor, rebuilt: Tensor) -> Tensor:
        # The program halves what one lacks in similarity.
        similarity = ssim / 2 * one_minus_gaussian_ssim(image, rebuilt)
        return similarity + gradient * gradient_error(image, rebuilt)

    def rebuild(batch: Batch) -> Losses:
        base_a, detail_a, features_a = encoder(batch.a)
        base_b, detail_b, features_b = encoder(batch.b)
        of_a, of_b = base_a + detail_a, base_b + detail_b
        if network.graph is not None:
            _, graph_a, graph_b = network.graph(features_a, features_b)
            of_a, of_b = of_a + graph_a, of_b + graph_b
        infrared, visible = decoder(of_a), decoder(of_b)
        return {
            "infrared": unlike(batch.a, infrared),
            "visible": unlike(batch.b, visible),
            "gram": gram_error(batch.a, infrared),
            "slope": slope * slope_error(batch.b, visible),
            "apart": apart * decomposition(base_a, base_b, detail_a, detail_b),
        }

    def fuse(batch: Batch) -> Losses:
        base_a, detail_a, features_a = encoder(batch.a)
        base_b, detail_b, features_b = encoder(batch.b)
        base, detail = base_a + base_b, detail_a + detail_b
        fused = decoder(network.merge(base, detail, features_a, features_b))
        return {
            "intensity": intensity_of_brighter(batch.a, batch.b, fused),
            "gradient": gradient * gradient_of_stronger(batch.a, batch.b, fused),
            # Its weight is doubled in this stage.
            "apart": 2 * apart * decomposition(base_a, base_b, detail_a, detail_b),
        }

    learning = [encoder, decoder] if network.graph is None else [encoder, decoder, network.graph]
    first = Move(nn.ModuleList(learning), rebuild, budget.rate, clip=_CLIP)
    second = Move(network, fuse, budget.rate, clip=_CLIP)
    return Plan(network, (Stage("images", (first,)), Stage("fusion", (second,), 2.0)))


RECIPE = Recipe(
    slug="smfnet",
    task="ivif",
    plan=plan,
    budgets={
        # 40 and 80 epochs of the patches of MSRS, six in a batch.
        "paper": Budget(steps=80_000, batch=6, crop=128, rate=1e-4),
        "cpu": Budget(steps=900, batch=2, crop=48, rate=5e-4, crops=16),
    },
    notes="the semantic loss is left out, which in the authors' program is constant; correlations "
    "are those of channels and have gradients, which there they have not; rates are not halved "
    "every 20 epochs, as the authors' are; gradients are shortened over all layers "
    "together",
)

MEDICAL_RECIPE = replace(
    RECIPE,
    slug="smfnet_mif",
    task="medical",
    budgets={
        # 270 pairs of 256x256, of which the paper does not say how many patches it cuts.
        "paper": RECIPE.budgets["paper"],
        "cpu": Budget(steps=330, batch=2, crop=48, rate=5e-4, crops=16, decay=0.5),
    },
)
