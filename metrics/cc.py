"""Correlation of the fused image with its sources."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Triplet
from fusebench.metrics.scd import correlation


@metric(
    slug="cc",
    label="CC",
    title="Correlation coefficient",
    direction="higher",
    bounds=(-1.0, 1.0),
    needs="sources",
    identity=1.0,
    reference="J. Ma, Y. Ma, C. Li, Inf. Fusion 45, 2019",
    doi="10.1016/j.inffus.2018.02.004",
    formula=(
        r"\frac{r(A, F) + r(B, F)}{2}, \quad "
        r"r(X, Y) = \frac{\sum (X - \mu_X)(Y - \mu_Y)}"
        r"{\sqrt{\sum (X - \mu_X)^2 \sum (Y - \mu_Y)^2}}"
    ),
)
def cc(t: Triplet) -> Array:
    """Pearson correlation of the fused image with each source, averaged.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [-1, 1], higher is better; symmetric in the sources; three identical images give 1. NaN
        where an image is constant.

    Notes
    -----
    In floating point. Published code that multiplies 8-bit arrays saturates and differs by up to
    a few hundredths.

    References
    ----------
    .. [1] J. Ma, Y. Ma, C. Li, "Infrared and visible image fusion methods and applications: a
       survey," Inf. Fusion 45, 153-178, 2019. doi:10.1016/j.inffus.2018.02.004
    """
    value_a, flat_a = correlation(t, lambda strip: (strip.a, strip.fused))
    value_b, flat_b = correlation(t, lambda strip: (strip.b, strip.fused))
    return t.undefined_where(flat_a | flat_b, (value_a + value_b) / 2, "an image is constant")
