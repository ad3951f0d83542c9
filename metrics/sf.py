"""Spatial frequency of the fused image."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Triplet

Divisor = Literal["differences", "pixels"]
Scale = Literal["levels", "unit"]
Channels = Literal["apart", "side by side"]


@metric(
    slug="sf",
    label="SF",
    title="Spatial frequency",
    direction="higher",
    bounds=(0.0, 360.7),
    needs="fused",
    min_size=2,
    reference="A. M. Eskicioglu, P. S. Fisher, IEEE Trans. Commun. 43(12), 1995",
    doi="10.1109/26.477498",
    formula=(
        r"\sqrt{\frac{1}{M(N-1)} \sum_{x,y} \bigl(F(x, y+1) - F(x, y)\bigr)^2"
        r" + \frac{1}{(M-1)N} \sum_{x,y} \bigl(F(x+1, y) - F(x, y)\bigr)^2}"
    ),
)
def sf(
    t: Triplet,
    *,
    divisor: Divisor = "differences",
    scale: Scale = "levels",
    channels: Channels = "apart",
) -> Array:
    """Root mean square of the differences between neighbouring pixels of the fused image.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    divisor : {"differences", "pixels"}
        Whether each sum is divided by the number of its differences, or both by that of pixels.
    scale : {"levels", "unit"}
        Grey levels 0..255, or [0, 1].
    channels : {"apart", "side by side"}
        For protocols that score colour channels: each by itself, or laid beside each other as one
        wide image, with differences across the seams.

    Returns
    -------
    float
        sqrt(RF^2 + CF^2) in [0, 255 sqrt(2)] grey levels; 0 for a constant image. Higher is taken
        as better, although noise raises it.

    Raises
    ------
    ValueError
        If a side is below 2 pixels.

    Notes
    -----
    Each mean runs over its own number of differences, M(N-1) and (M-1)N. Published code also
    divides both by MN (0.1% lower at 640x480), or subtracts in saturating 8-bit arithmetic, which
    loses all falling edges.

    References
    ----------
    .. [1] A. M. Eskicioglu, P. S. Fisher, "Image quality measures and their performance," IEEE
       Trans. Commun. 43(12), 2959-2965, 1995. doi:10.1109/26.477498
    """
    require_choice("divisor", divisor, Divisor)
    require_choice("scale", scale, Scale)
    require_choice("channels", channels, Channels)
    xp = t.xp
    f = t.fused if channels == "apart" else t.side_by_side("fused")
    _, height, width = f.shape
    rows = t.total((f[:, :, 1:] - f[:, :, :-1]) ** 2)
    columns = t.total((f[:, 1:] - f[:, :-1]) ** 2)
    if divisor == "differences":
        power = rows / (height * (width - 1)) + columns / ((height - 1) * width)
    else:
        power = (rows + columns) / (height * width)
    value = xp.sqrt(power) / (1.0 if scale == "levels" else 255.0)
    # The one value of a wide image stands for each of its channels.
    return value if channels == "apart" else xp.repeat(value, t.channels)
