"""Mutual information between the sources and the fused image."""

from __future__ import annotations

import math
from typing import Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Name, Triplet
from fusebench.metrics.en import entropy

Unit = Literal["bits", "nats"]
Merge = Literal["none", "joint", "all"]


@metric(
    slug="mi",
    label="MI",
    title="Mutual information",
    direction="higher",
    bounds=(0.0, 16.0),
    needs="sources",
    reference="G. Qu, D. Zhang, P. Yan, Electron. Lett. 38(7), 2002",
    doi="10.1049/el:20020212",
    formula=(
        r"I(A; F) + I(B; F), \quad "
        r"I(S; F) = \sum_{i,j} p_{SF}(i, j) \log_2 \frac{p_{SF}(i, j)}{p_S(i)\, p_F(j)}"
    ),
)
def mi(
    t: Triplet,
    *,
    unit: Unit = "bits",
    stretch: bool = False,
    merge: Merge = "none",
    twice_entropy: bool = False,
) -> Array:
    """Information that the fused image shares with each source, summed, in bits.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    unit : {"bits", "nats"}
        Logarithms to base 2 or e.
    stretch : bool
        Whether each image is first stretched to 0..255 and rounded, as in VIFB.
    merge : {"none", "joint", "all"}
        Whether levels 254 and 255 count as one, as where 8-bit arithmetic saturates: not at all,
        in the joint histogram only, or in every histogram.
    twice_entropy : bool
        Twice the entropy of the fused image instead, which the code of two toolboxes comes to.

    Returns
    -------
    float
        I(A; F) + I(B; F) in [0, 16] bits, higher is better; symmetric in the sources. Three
        identical images give twice their entropy.

    Notes
    -----
    256 x 256 integer bins. Published code also reports nats (0.693 of this value), merges the
    two highest levels (up to 0.023 bits more in the joint histogram alone, 7e-4 less in all), or
    returns twice the entropy of the fused image. Stretching keeps different levels apart, so that
    it changes nothing but the order of summation (1e-15).

    References
    ----------
    .. [1] G. Qu, D. Zhang, P. Yan, "Information measure for performance of image fusion,"
       Electron. Lett. 38(7), 313-315, 2002. doi:10.1049/el:20020212
    """
    require_choice("unit", unit, Unit)
    require_choice("merge", merge, Merge)
    images = t.stretched() if stretch else t
    if twice_entropy:
        information = 2 * entropy(images.histogram("fused"), images)
    else:
        information = mutual_information(images, "a", "fused", merge)
        information = information + mutual_information(images, "b", "fused", merge)
    return information * math.log(2) if unit == "nats" else information


def mutual_information(t: Triplet, x: Name, y: Name, merge: Merge = "none") -> Array:
    """Mutual information of the grey levels of two images, in bits, shape (N,)."""

    def make() -> Array:
        pairs, levels_x, levels_y = t.joint_histogram(x, y), t.histogram(x), t.histogram(y)
        if merge != "none":
            pairs = _merged(t.xp.matrix_transpose(_merged(pairs, t)), t)
        if merge == "all":
            levels_x, levels_y = _merged(levels_x, t), _merged(levels_y, t)
        joint = entropy(pairs, t)
        shared = entropy(levels_x, t) + entropy(levels_y, t) - joint
        # Independent or constant images leave rounding noise of either sign around zero.
        return t.xp.clip(shared, 0.0, None)

    return t.once(("mutual information", x, y, merge), make)


def _merged(shares: Array, t: Triplet) -> Array:
    """Count the two highest levels of the last axis as one."""
    highest = shares[..., -2:-1] + shares[..., -1:]
    return t.xp.concat([shares[..., :-2], highest], axis=-1)
