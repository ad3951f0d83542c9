"""Fusion artefacts of Petrovic and Xydeas, as modified by Shreyamsha Kumar."""

from __future__ import annotations

import math
from typing import Any, Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Name, Triplet

Scale = Literal["levels", "unit"]
WeakEdges = Literal["counted", "left out"]

# Gain, slope and midpoint of the two sigmoids.
STRENGTH = (0.9999, -19.0, 0.5)
ORIENTATION = (0.9995, -22.0, 0.5)
# Edges from this strength on count by its power of 1.5, all others by little.
STRONG = 2.0
WEAK_WEIGHT = 0.001


@metric(
    slug="nabf",
    label="N^{AB/F}",
    title="Fusion artefacts",
    direction="lower",
    bounds=(0.0, 1.0),
    needs="sources",
    identity=0.0,
    min_size=2,
    reference="B. K. Shreyamsha Kumar, Signal Image Video Process. 7(6), 2013",
    doi="10.1007/s11760-012-0361-x",
    formula=(
        r"\frac{\sum_{x,y:\, g_F > \max(g_A, g_B)} "
        r"\bigl[(1 - Q^{AF}) w_A + (1 - Q^{BF}) w_B\bigr]}{\sum_{x,y} (w_A + w_B)}, \quad "
        r"Q^{SF} = \sqrt{\frac{0.9999}{1 + e^{-19 (g_S / g_F - 0.5)}} "
        r"\cdot \frac{0.9995}{1 + e^{-22 (\Delta - 0.5)}}}, \quad "
        r"w_S = \begin{cases} g_S^{1.5} & g_S \ge 2 \\ 0.001 & g_S < 2 \end{cases}"
    ),
)
def nabf(
    t: Triplet,
    *,
    scale: Scale = "levels",
    weak_edges: WeakEdges = "counted",
    swapped: bool = False,
) -> Array:
    """Share of edges that the fused image has and the sources have not.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    scale : {"levels", "unit"}
        Grey levels 0..255, or [0, 1], where no edge is strong and all pixels count alike.
    weak_edges : {"counted", "left out"}
        Whether pixels with an edge strength below 2 count a little, or nothing.
    swapped : bool
        Whether the first source is taken for the fused image, and the fused image and the second
        source for the sources: a toolbox calls it so.

    Returns
    -------
    float
        In [0, 1], LOWER is better; symmetric in the sources unless swapped; three identical images
        give 0. NaN where weak edges are left out and no source has another.

    Raises
    ------
    ValueError
        If a side is below 2 pixels, or a parameter is not one of its choices.

    Notes
    -----
    Artefacts lie where the fused image has a stronger edge than either source, and count by how
    little of each source it preserves there. Sobel operator divided by 8, mirrored at the
    outermost pixels. On 13 triples weak edges make up less than 0.1 % of the value; on [0, 1] it
    is 2.7 to 26 times as high; swapped arguments multiply it by 0.1 to 6.5.

    References
    ----------
    .. [1] B. K. Shreyamsha Kumar, "Multifocus and multispectral image fusion based on pixel
       significance using discrete cosine harmonic wavelet transform," Signal Image Video Process.
       7(6), 1125-1143, 2013. doi:10.1007/s11760-012-0361-x
    .. [2] V. Petrovic, C. Xydeas, "Objective image fusion performance characterisation," Proc.
       IEEE Int. Conf. Comput. Vis. (ICCV), 1866-1871, 2005. doi:10.1109/ICCV.2005.175
    """
    require_choice("scale", scale, Scale)
    require_choice("weak_edges", weak_edges, WeakEdges)
    xp = t.xp
    roles: tuple[Name, Name, Name] = ("a", "b", "fused")
    if swapped:
        roles = ("fused", "b", "a")
    lost = total = 0.0
    for strip in t.strips(3, "mirror"):
        f, fx, fy = _edges(strip[roles[2]], scale, xp)
        edges = [_edges(strip[name], scale, xp) for name in roles[:2]]
        artefact = (f > edges[0][0]) & (f > edges[1][0])
        for s, sx, sy in edges:
            strong = s >= STRONG
            weak = WEAK_WEIGHT if weak_edges == "counted" else 0.0
            weight = xp.where(strong, s * xp.sqrt(s), xp.full_like(s, weak))
            # Where there is an artefact the fused image has the stronger edge.
            ratio = s / xp.where(artefact, f, xp.ones_like(f))
            # Angle between two lines, as the share of a right angle that is missing.
            turn = xp.atan2(xp.abs(sx * fx + sy * fy), xp.abs(sx * fy - sy * fx)) * (2 / math.pi)
            kept = xp.sqrt(_sigmoid(ratio, STRENGTH, xp) * _sigmoid(turn, ORIENTATION, xp))
            lost = lost + t.total(xp.where(artefact, (1 - kept) * weight, xp.zeros_like(weight)))
            total = total + t.total(weight)
    empty = total == 0
    value = lost / xp.where(empty, xp.ones_like(total), total)
    return t.undefined_where(empty, value, "no source has a strong edge")


def _edges(padded: Array, scale: Scale, xp: Any) -> tuple[Array, Array, Array]:
    """Strength of every edge and its direction, rightwards and downwards; flat is downwards."""
    # On [0, 1] rounding decides: a GPU would multiply by the reciprocal of a plain number, and
    # another order of the sums would not leave flat areas flat.
    image = (padded if scale == "levels" else padded / xp.full_like(padded, 255.0)) / 8
    columns = image[:, :-2] + 2 * image[:, 1:-1] + image[:, 2:]
    gx = columns[:, :, 2:] - columns[:, :, :-2]
    down = image[:, 2:] - image[:, :-2]
    gy = down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]
    strength = xp.sqrt(gx**2 + gy**2)
    return strength, gx, xp.where(strength == 0, xp.ones_like(gy), gy)


def _sigmoid(x: Array, constants: tuple[float, float, float], xp: Any) -> Array:
    gain, slope, middle = constants
    return gain / (1 + xp.exp(slope * (x - middle)))
