"""Training of CDDFuse."""

from __future__ import annotations

from torch import Tensor, nn

from fusebench.methods._losses import (
    decomposition,
    gradient_of_stronger,
    intensity_of_brighter,
    one_minus_gaussian_ssim,
    slope_error,
    squared_error,
)
from fusebench.methods._networks.cddfuse import CDDFuse
from fusebench.methods._recipes.base import Batch, Budget, Losses, Move, Plan, Recipe, Stage

# Longest gradient.
_CLIP = 0.01


def plan(
    budget: Budget,
    *,
    ssim: float = 5.0,
    slope: float = 5.0,
    apart: float = 2.0,
    gradient: float = 10.0,
) -> Plan:
    """Two stages: encoder and decoder give each source back; then all layers learn to fuse.

    In both, bases of the sources are to be correlated, and details not to be.
    """
    network = CDDFuse()
    encoder, decoder = network.encoder, network.decoder

    def unlike(image: Tensor, rebuilt: Tensor) -> Tensor:
        # The program halves what one lacks in similarity.
        return ssim / 2 * one_minus_gaussian_ssim(image, rebuilt) + squared_error(image, rebuilt)

    def rebuild(batch: Batch) -> Losses:
        of_a, of_b = encoder(batch.a), encoder(batch.b)
        visible = decoder(batch.b, *of_b)
        return {
            "infrared": unlike(batch.a, decoder(batch.a, *of_a)),
            "visible": unlike(batch.b, visible),
            "slope": slope * slope_error(batch.b, visible),
            "apart": apart * decomposition(of_a[0], of_b[0], of_a[1], of_b[1]),
        }

    def fuse(batch: Batch) -> Losses:
        (base_a, detail_a), (base_b, detail_b) = encoder(batch.a), encoder(batch.b)
        base, detail = network.base_fuse(base_a + base_b), network.detail_fuse(detail_a + detail_b)
        fused = decoder(batch.b, base, detail)
        return {
            "intensity": intensity_of_brighter(batch.a, batch.b, fused),
            "gradient": gradient * gradient_of_stronger(batch.a, batch.b, fused),
            "apart": apart * decomposition(base_a, base_b, detail_a, detail_b),
        }

    first = Move(nn.ModuleList((encoder, decoder)), rebuild, budget.rate, clip=_CLIP)
    second = Move(network, fuse, budget.rate, clip=_CLIP)
    return Plan(network, (Stage("images", (first,)), Stage("fusion", (second,), 2.0)))


RECIPE = Recipe(
    slug="cddfuse",
    task="ivif",
    plan=plan,
    budgets={
        # 40 and 80 epochs of the patches of MSRS, eight in a batch.
        "paper": Budget(steps=60_000, batch=8, crop=128, rate=1e-4),
        "cpu": Budget(steps=700, batch=2, crop=48, rate=5e-4, crops=16, decay=0.5),
    },
    notes="rates are not halved every 20 epochs, as the authors' are; gradients are "
    "shortened over all layers together; patches without contrast are not left out",
)
