"""Sum of the correlations of differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Name, Triplet

Arithmetic = Literal["signed", "saturated"]


@metric(
    slug="scd",
    label="SCD",
    title="Sum of the correlations of differences",
    direction="higher",
    bounds=(-2.0, 2.0),
    needs="sources",
    reference="V. Aslantas, E. Bendes, AEU Int. J. Electron. Commun. 69(12), 2015",
    doi="10.1016/j.aeue.2015.09.004",
    formula=(
        r"r(F - B, A) + r(F - A, B), \quad "
        r"r(X, Y) = \frac{\sum (X - \mu_X)(Y - \mu_Y)}"
        r"{\sqrt{\sum (X - \mu_X)^2 \sum (Y - \mu_Y)^2}}"
    ),
)
def scd(t: Triplet, *, arithmetic: Arithmetic = "signed") -> Array:
    """Correlation of what the fused image adds to one source with the other source, summed.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    arithmetic : {"signed", "saturated"}
        Whether a negative difference keeps its sign, or becomes zero as in 8-bit arithmetic.

    Returns
    -------
    float
        corr(F - B, A) + corr(F - A, B) in [-2, 2], higher is better; symmetric in the sources.
        NaN where a source or a difference is constant, as for three identical images.

    Notes
    -----
    Differences are signed and in floating point. Published code on 8-bit arrays saturates negative
    differences at zero and gives other values.

    References
    ----------
    .. [1] V. Aslantas, E. Bendes, "A new image quality metric for image fusion: the sum of the
       correlations of differences," AEU Int. J. Electron. Commun. 69(12), 1890-1896, 2015.
       doi:10.1016/j.aeue.2015.09.004
    """
    require_choice("arithmetic", arithmetic, Arithmetic)

    def difference(strip: Triplet, source: Name) -> Array:
        values = strip.fused - strip[source]
        return values if arithmetic == "signed" else strip.xp.clip(values, 0.0, None)

    value_a, flat_a = correlation(t, lambda strip: (difference(strip, "b"), strip.a))
    value_b, flat_b = correlation(t, lambda strip: (difference(strip, "a"), strip.b))
    reason = "a source, or the difference of the fused image from one, is constant"
    return t.undefined_where(flat_a | flat_b, value_a + value_b, reason)


def correlation(
    t: Triplet, images: Callable[[Triplet], tuple[Array, Array]]
) -> tuple[Array, Array]:
    """Pearson correlation of two images of whole numbers, and where one of them is constant.

    Parameters
    ----------
    t : Triplet
    images : callable
        Gives both images of a strip.

    Returns
    -------
    value, flat : arrays, shape (N,)
    """
    xp = t.xp
    pixels = t.shape[1] * t.shape[2]
    sum_x: Array = 0.0
    sum_y: Array = 0.0
    for strip in t.strips():
        x, y = images(strip)
        sum_x, sum_y = sum_x + t.total(x), sum_y + t.total(y)
    mean_x, mean_y = ((total / pixels)[:, None, None] for total in (sum_x, sum_y))
    xx = xy = yy = 0.0
    for strip in t.strips():
        x, y = images(strip)
        dx, dy = x - mean_x, y - mean_y
        xx, xy, yy = xx + t.total(dx**2), xy + t.total(dx * dy), yy + t.total(dy**2)
    # Sums of whole numbers are exact, so that a constant image is nowhere off its mean.
    flat = (xx == 0) | (yy == 0)
    return xy / xp.sqrt(xp.where(flat, xp.ones_like(xx), xx * yy)), flat
