"""Universal image quality index."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._primitives import window_sums
from fusebench.metrics._triplet import Name, Triplet

WINDOW = 8


@metric(
    slug="q0",
    label="Q_0",
    title="Universal image quality index, mean over the sources",
    direction="higher",
    bounds=(-1.0, 1.0),
    needs="sources",
    identity=1.0,
    min_size=WINDOW,
    reference="Z. Wang, A. C. Bovik, IEEE Signal Process. Lett. 9(3), 2002",
    doi="10.1109/97.995823",
    formula=(
        r"\frac{1}{2} \sum_{S \in \{A, B\}} \frac{1}{|W|} \sum_{w \in W} "
        r"\frac{4\, \sigma_{SF}\, \mu_S\, \mu_F}{(\sigma_S^2 + \sigma_F^2)(\mu_S^2 + \mu_F^2)}"
    ),
)
def q0(t: Triplet) -> Array:
    """Universal quality index of the fused image against each source, averaged.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [-1, 1], higher is better; symmetric in the sources; three identical images give 1.

    Raises
    ------
    ValueError
        If a side is below 8 pixels.

    Notes
    -----
    Uniform 8x8 window sliding by one pixel, full windows only. Where both windows are flat only
    the means are compared; where both are black the index is 1. Flatness is decided exactly, on
    integer sums. One seed paper prints as "Q_0 (Wang)" another measure, the nonlinear correlation
    information entropy of Qiang Wang.

    References
    ----------
    .. [1] Z. Wang, A. C. Bovik, "A universal image quality index," IEEE Signal Process. Lett.
       9(3), 81-84, 2002. doi:10.1109/97.995823
    """
    total = t.window_mean(WINDOW, lambda strip: index_map(strip, "a") + index_map(strip, "b"))
    return total / 2


def index_map(t: Triplet, source: Name) -> Array:
    """Universal quality index of every full window of a source and the fused image."""
    xp = t.xp
    pixels = WINDOW**2
    sum_x, sum_y = t.window_total(source, WINDOW), t.window_total("fused", WINDOW)
    sum_xx, sum_yy = t.window_total(source, WINDOW, 2), t.window_total("fused", WINDOW, 2)
    sum_xy = window_sums(t[source] * t.fused, WINDOW)
    product = sum_x * sum_y
    squares = sum_x**2 + sum_y**2
    spread = pixels * (sum_xx + sum_yy) - squares
    one = xp.ones_like(product)
    contrast = xp.where(
        spread > 0,
        2 * (pixels * sum_xy - product) / xp.where(spread > 0, spread, one),
        one,
    )
    mean = xp.where(squares > 0, 2 * product / xp.where(squares > 0, squares, one), one)
    return contrast * mean
