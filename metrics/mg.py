"""Mean gradient of the fused image, by forward differences."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Triplet

Divisor = Literal["differences", "pixels"]


@metric(
    slug="mg",
    label="MG",
    title="Mean gradient",
    direction="higher",
    bounds=(0.0, 360.7),
    needs="fused",
    min_size=2,
    reference="J. Ma, Y. Ma, C. Li, Inf. Fusion 45, 2019",
    doi="10.1016/j.inffus.2018.02.004",
    formula=(
        r"\frac{1}{(M-1)(N-1)} \sum_{x=1}^{M-1} \sum_{y=1}^{N-1} "
        r"\sqrt{\frac{\bigl(F(x+1, y) - F(x, y)\bigr)^2 + \bigl(F(x, y+1) - F(x, y)\bigr)^2}{2}}"
    ),
)
def mg(t: Triplet, *, divisor: Divisor = "differences", halved: bool = True) -> Array:
    """Mean of sqrt((dx^2 + dy^2) / 2) over the fused image, with forward differences.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    divisor : {"differences", "pixels"}
        The sum over (M-1)(N-1) pixels is divided by their number, or by MN.
    halved : bool
        Whether the sum of squares is halved under the root.

    Returns
    -------
    float
        At least 0, in grey levels per pixel; 0 for a constant image. Higher is taken as better,
        although noise raises it.

    Raises
    ------
    ValueError
        If a side is below 2 pixels.

    Notes
    -----
    The last row and column have no forward difference and are left out. Some papers print this
    measure as "AG"; it is larger than the average gradient by central differences.

    References
    ----------
    .. [1] J. Ma, Y. Ma, C. Li, "Infrared and visible image fusion methods and applications: a
       survey," Inf. Fusion 45, 153-178, 2019. doi:10.1016/j.inffus.2018.02.004
    """
    require_choice("divisor", divisor, Divisor)

    def strength(strip: Triplet) -> Array:
        f = strip.fused
        dx = f[:, :-1, 1:] - f[:, :-1, :-1]
        dy = f[:, 1:, :-1] - f[:, :-1, :-1]
        return t.xp.sqrt((dx**2 + dy**2) / (2 if halved else 1))

    _, height, width = t.shape
    share = 1.0 if divisor == "differences" else (height - 1) * (width - 1) / (height * width)
    return t.window_mean(2, strength) * share
