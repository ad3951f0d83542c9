"""Normalised mutual information."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Triplet
from fusebench.metrics.en import entropy
from fusebench.metrics.mi import mutual_information


@metric(
    slug="nmi",
    label="NMI",
    title="Normalised mutual information",
    direction="higher",
    bounds=(0.0, 2.0),
    needs="sources",
    identity=2.0,
    reference="M. Hossny, S. Nahavandi, D. Creighton, Electron. Lett. 44(18), 2008",
    doi="10.1049/el:20081754",
    formula=r"2 \left( \frac{I(A; F)}{H(A) + H(F)} + \frac{I(B; F)}{H(B) + H(F)} \right)",
)
def nmi(t: Triplet) -> Array:
    """Mutual information of the fused image with each source over their mean entropy, summed.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        2 I(A; F) / (H(A) + H(F)) + 2 I(B; F) / (H(B) + H(F)) in [0, 2], higher is better;
        symmetric in the sources; three identical images give 2. NaN where the fused image and a
        source are both constant.

    Notes
    -----
    256 x 256 integer bins. Published code stretches each image to 0..255 first, which keeps
    different levels apart and so changes nothing. One toolbox estimates other histograms, with
    values 0.99 to 1.55 times these.

    References
    ----------
    .. [1] M. Hossny, S. Nahavandi, D. Creighton, "Comments on 'Information measure for
       performance of image fusion'," Electron. Lett. 44(18), 1066-1067, 2008.
       doi:10.1049/el:20081754
    """
    fused = entropy(t.histogram("fused"), t)
    sum_a = entropy(t.histogram("a"), t) + fused
    sum_b = entropy(t.histogram("b"), t) + fused
    empty = (sum_a == 0) | (sum_b == 0)
    one = t.xp.ones_like(fused)
    share_a = mutual_information(t, "a", "fused") / t.xp.where(empty, one, sum_a)
    share_b = mutual_information(t, "b", "fused") / t.xp.where(empty, one, sum_b)
    value = 2 * (share_a + share_b)
    return t.undefined_where(empty, value, "the fused image and a source are constant")
