"""Ratio of spatial frequency error."""

from __future__ import annotations

import math

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Name, Triplet

# Diagonal neighbours are farther apart.
DIAGONAL = math.sqrt(0.5)


@metric(
    slug="q_sf",
    label="Q_{SF}",
    title="Ratio of spatial frequency error",
    direction="higher",
    bounds=(-1.0, float("inf")),
    needs="sources",
    identity=0.0,
    min_size=2,
    reference="Y. Zheng, E. A. Essock, B. C. Hansen, A. M. Haun, Inf. Fusion 8(2), 2007",
    doi="10.1016/j.inffus.2005.04.003",
    formula=(
        r"\frac{\mathrm{SF}_F - \mathrm{SF}_R}{\mathrm{SF}_R}, \quad "
        r"\mathrm{SF}_X^2 = \frac{1}{MN} \sum_{d=1}^{4} w_d \sum_{x,y} (\nabla_d X)^2,\ "
        r"|\nabla_d R| = \max(|\nabla_d A|, |\nabla_d B|),\ "
        r"w = \Bigl(1, 1, \tfrac{1}{\sqrt{2}}, \tfrac{1}{\sqrt{2}}\Bigr)"
    ),
)
def q_sf(t: Triplet) -> Array:
    """How far the spatial frequency of the fused image is from the most the sources offer.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        At least -1; symmetric in the sources; three identical images give 0, the ideal. Negative
        where detail was lost, as nearly always, so that higher is taken as better; positive where
        detail was invented. NaN where both sources are constant.

    Raises
    ------
    ValueError
        If a side is below 2 pixels.

    Notes
    -----
    Squared differences of neighbours in four directions, the diagonal ones weighted by 0.707,
    summed and divided by the number of pixels under a root. The reference takes the larger of the
    two sources' differences at every pixel and direction. The value is the frequency of the fused
    image less the reference, over the reference. One toolbox differs by up to 2 % of the value.

    References
    ----------
    .. [1] Y. Zheng, E. A. Essock, B. C. Hansen, A. M. Haun, "A new metric based on extended
       spatial frequency and its application to DWT based fusion algorithms," Inf. Fusion 8(2),
       177-192, 2007. doi:10.1016/j.inffus.2005.04.003
    """
    fused = wanted = 0.0
    sides = zip(_differences(t, "a"), _differences(t, "b"), _differences(t, "fused"), strict=True)
    for weight, (a, b, f) in zip((1.0, 1.0, DIAGONAL, DIAGONAL), sides, strict=True):
        fused = fused + weight * t.total(f**2)
        wanted = wanted + weight * t.total(t.xp.maximum(a**2, b**2))
    empty = wanted == 0
    ratio = fused / t.xp.where(empty, t.xp.ones_like(wanted), wanted)
    return t.undefined_where(empty, t.xp.sqrt(ratio) - 1, "both sources are constant")


def _differences(t: Triplet, name: Name) -> tuple[Array, Array, Array, Array]:
    """Differences of neighbours along rows, columns and both diagonals."""
    image = t[name]
    return (
        image[:, :, 1:] - image[:, :, :-1],
        image[:, 1:] - image[:, :-1],
        image[:, 1:, 1:] - image[:, :-1, :-1],
        image[:, 1:, :-1] - image[:, :-1, 1:],
    )
