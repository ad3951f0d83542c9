"""Mutual information between the sources and the fused image."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Name, Triplet
from fusebench.metrics.en import entropy


@metric(
    slug="mi",
    label="MI",
    title="Mutual information",
    direction="higher",
    bounds=(0.0, 16.0),
    needs="sources",
    reference="G. Qu, D. Zhang, P. Yan, Electron. Lett. 38(7), 2002",
    doi="10.1049/el:20020212",
)
def mi(t: Triplet) -> Array:
    """Information that the fused image shares with each source, summed, in bits.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        I(A; F) + I(B; F) in [0, 16] bits, higher is better; symmetric in the sources. Three
        identical images give twice their entropy.

    Notes
    -----
    256 x 256 integer bins. Published code also reports nats (0.693 of this value), merges the
    two highest levels in the joint histogram, or returns twice the entropy of the fused image.

    References
    ----------
    .. [1] G. Qu, D. Zhang, P. Yan, "Information measure for performance of image fusion,"
       Electron. Lett. 38(7), 313-315, 2002. doi:10.1049/el:20020212
    """
    return mutual_information(t, "a", "fused") + mutual_information(t, "b", "fused")


def mutual_information(t: Triplet, x: Name, y: Name) -> Array:
    """Mutual information of the grey levels of two images, in bits, shape (N,)."""

    def make() -> Array:
        joint = entropy(t.joint_histogram(x, y), t)
        shared = entropy(t.histogram(x), t) + entropy(t.histogram(y), t) - joint
        # Independent or constant images leave rounding noise of either sign around zero.
        return t.xp.clip(shared, 0.0, None)

    return t.once(("mutual information", x, y), make)
