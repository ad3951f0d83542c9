"""Gradient-based fusion quality of Xydeas and Petrovic."""

from __future__ import annotations

from typing import Any

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Name, Triplet

# Gain, slope and midpoint of the two sigmoids, as in the paper.
STRENGTH = (0.9994, -15.0, 0.5)
ORIENTATION = (0.9879, -22.0, 0.8)


@metric(
    slug="qabf",
    label="Q^{AB/F}",
    title="Gradient-based fusion quality",
    direction="higher",
    bounds=(0.0, 1.0),
    needs="sources",
    identity=0.9753,
    min_size=3,
    reference="C. S. Xydeas, V. Petrovic, Electron. Lett. 36(4), 2000",
    doi="10.1049/el:20000267",
)
def qabf(t: Triplet) -> Array:
    """Share of the edges of the sources that the fused image keeps.

    Edge strength and orientation are compared pixel by pixel; pixels count by the edge strength
    of the source.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [0, 1), higher is better; symmetric in the sources. Three identical images give 0.9753,
        not 1, by the constants. NaN where no source has an edge.

    Raises
    ------
    ValueError
        If a side is below 3 pixels.

    Notes
    -----
    Sobel operator with zeros beyond the border, on whole grey levels. On images scaled to [0, 1]
    the responses of flat areas are rounding noise of random orientation, which changes published
    values by up to 3e-2. Where source and fused image are equally strong, their strength itself
    stands for the ratio, as in all published code.

    References
    ----------
    .. [1] C. S. Xydeas, V. Petrovic, "Objective image fusion performance measure," Electron.
       Lett. 36(4), 308-309, 2000. doi:10.1049/el:20000267
    """
    kept_a, weight_a = preservation(t, "a")
    kept_b, weight_b = preservation(t, "b")
    kept = t.total(kept_a * weight_a) + t.total(kept_b * weight_b)
    weight = t.total(weight_a) + t.total(weight_b)
    flat = weight == 0
    quality = kept / t.xp.where(flat, t.xp.ones_like(weight), weight)
    return t.undefined_where(flat, quality, "no source has an edge")


def preservation(t: Triplet, source: Name) -> tuple[Array, Array]:
    """How well the edges of a source are kept, and their strengths, shape (N, H, W)."""
    xp = t.xp
    s, f = t.sobel(source), t.sobel("fused")
    weaker, stronger = xp.minimum(s.strength, f.strength), xp.maximum(s.strength, f.strength)
    equal = weaker == stronger
    ratio = xp.where(equal, weaker, weaker / xp.where(equal, xp.ones_like(stronger), stronger))
    turn = 1 - xp.abs(s.orientation - f.orientation) / (xp.pi / 2)
    kept = _sigmoid(ratio, STRENGTH, xp) * _sigmoid(turn, ORIENTATION, xp)
    return kept, s.strength


def _sigmoid(x: Array, constants: tuple[float, float, float], xp: Any) -> Array:
    gain, slope, middle = constants
    return gain / (1 + xp.exp(slope * (x - middle)))
