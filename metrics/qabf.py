"""Gradient-based fusion quality of Xydeas and Petrovic."""

from __future__ import annotations

from dataclasses import replace
from math import exp
from typing import Any, Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Gradient, Triplet, gradient_of, sobel_of_padded

Form = Literal["paper", "liu", "bristol"]
Scale = Literal["levels", "unit"]
Sigmoid = tuple[float, float, float]

# Gain, slope and midpoint of the sigmoids of edge strength and orientation.
_PAPER: tuple[Sigmoid, Sigmoid] = ((0.9994, -15.0, 0.5), (0.9879, -22.0, 0.8))
_LIU: tuple[Sigmoid, Sigmoid] = ((1.0, -10.0, 0.5), (1.0, -20.0, 0.75))
# Gains that make a perfectly kept edge count 1.
_BRISTOL: tuple[Sigmoid, Sigmoid] = (
    (1 + exp(-11.0 * 0.3), -11.0, 0.7),
    (1 + exp(-24.0 * 0.2), -24.0, 0.8),
)
# Stands for zero in the code of Liu et al.
_LIU_ZERO = 1e-5


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
    formula=(
        r"\frac{\sum_{x,y} \bigl(Q^{AF} g_A + Q^{BF} g_B\bigr)}{\sum_{x,y} (g_A + g_B)}, \quad "
        r"Q^{SF} = \frac{0.9994}{1 + e^{-15 (G - 0.5)}} "
        r"\cdot \frac{0.9879}{1 + e^{-22 (\Delta - 0.8)}}, \quad "
        r"G = \frac{\min(g_S, g_F)}{\max(g_S, g_F)},\ "
        r"\Delta = 1 - \frac{|\alpha_S - \alpha_F|}{\pi / 2}"
    ),
)
def qabf(t: Triplet, *, form: Form = "paper", scale: Scale = "levels") -> Array:
    """Share of the edges of the sources that the fused image keeps.

    Edge strength and orientation are compared pixel by pixel; pixels count by the edge strength
    of the source.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    form : {"paper", "liu", "bristol"}
        The constants of the paper, with one ratio of sums; those of Liu et al. (2012), with the
        mean of the ratios of all pixels and angles folded at a right angle; or those of the
        Bristol toolbox, normalised to 1, with folded angles and the geometric mean of both parts.
    scale : {"levels", "unit"}
        Whole grey levels, or [0, 1] with the rounding noise of MATLAB's conv2, by which the
        published values of several toolboxes can be had exactly.

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
    require_choice("form", form, Form)
    require_choice("scale", scale, Scale)
    xp = t.xp
    gradient = _sobel if scale == "levels" else _unit_sobel
    kept = total = 0.0
    for strip in t.strips(3, "zero"):
        a, b, f = (gradient(image, xp) for image in (strip.a, strip.b, strip.fused))
        total = total + t.total(a.strength + b.strength)
        if form == "liu":
            kept = kept + t.total(_liu(a, b, f, xp))
        else:
            keep = preservation if form == "paper" else _bristol
            kept = kept + t.total(keep(a, f, xp) * a.strength + keep(b, f, xp) * b.strength)
    empty = total == 0
    pixels = t.shape[1] * t.shape[2]
    # In the code of Liu et al. every pixel has a ratio of its own, of which this is the mean.
    weight = xp.full_like(total, float(pixels)) if form == "liu" else total
    quality = kept / xp.where(empty, xp.ones_like(total), weight)
    return t.undefined_where(empty, quality, "no source has an edge")


def preservation(s: Gradient, f: Gradient, xp: Any) -> Array:
    """How well each edge of a source is kept, shape (N, H, W)."""
    ratio, equal = _ratio(s, f, xp)
    ratio = xp.where(equal, s.strength, ratio)
    turn = 1 - xp.abs(s.orientation - f.orientation) * (2 / xp.pi)
    return _sigmoid(ratio, _PAPER[0], xp) * _sigmoid(turn, _PAPER[1], xp)


def _bristol(s: Gradient, f: Gradient, xp: Any) -> Array:
    ratio, equal = _ratio(s, f, xp)
    ratio = xp.where(equal, xp.ones_like(ratio), ratio)
    strength = _sigmoid(ratio, _BRISTOL[0], xp)
    return xp.sqrt(strength * _sigmoid(_folded(s, f, xp), _BRISTOL[1], xp))


def _liu(a: Gradient, b: Gradient, f: Gradient, xp: Any) -> Array:
    kept = weight = 0.0
    strength_f = f.strength
    for s in (a, b):
        weaker = s.strength > strength_f
        strength_s = _no_zero(s.strength, xp)
        below = strength_f / strength_s
        # The fused image keeps its replaced zeros for the second source, as in that code.
        strength_f = _no_zero(strength_f, xp)
        ratio = xp.where(weaker, below, strength_s / strength_f)
        turn = _folded(_steep(s, xp), _steep(f, xp), xp)
        kept = kept + strength_s * _sigmoid(ratio, _LIU[0], xp) * _sigmoid(turn, _LIU[1], xp)
        weight = weight + strength_s
    return kept / weight


def _steep(g: Gradient, xp: Any) -> Gradient:
    """Orientations of Liu et al.: a horizontal response of 0 counts as a tiny positive one."""
    slope = g.gy / xp.full_like(g.gx, _LIU_ZERO)
    return replace(g, orientation=xp.where(g.gx == 0, xp.atan(slope), g.orientation))


def _no_zero(x: Array, xp: Any) -> Array:
    return xp.where(x == 0, xp.full_like(x, _LIU_ZERO), x)


def _folded(s: Gradient, f: Gradient, xp: Any) -> Array:
    """Agreement of orientations, 1 for parallel and 0 for perpendicular edges."""
    return xp.abs(1 - xp.abs(s.orientation - f.orientation) / (xp.pi / 2))


def _ratio(s: Gradient, f: Gradient, xp: Any) -> tuple[Array, Array]:
    """Weaker over stronger edge, and where both are equal."""
    weaker, stronger = xp.minimum(s.strength, f.strength), xp.maximum(s.strength, f.strength)
    equal = weaker == stronger
    return weaker / xp.where(equal, 1.0, stronger), equal


def _sobel(padded: Array, xp: Any) -> Gradient:
    return gradient_of(*sobel_of_padded(padded), xp)


def _unit_sobel(padded: Array, xp: Any) -> Gradient:
    """Sobel gradients of an image in [0, 1], with sums in the order of MATLAB's conv2.

    Flat areas get responses around 1e-17 whose orientation depends on that order alone.
    """
    unit = padded / 255.0
    height, width = unit.shape[1] - 2, unit.shape[2] - 2
    responses = []
    for kernel in (
        ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0)),
        ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0)),
    ):
        total = xp.zeros_like(unit[:, :height, :width])
        for column in range(3):
            for row in range(3):
                part = unit[:, 2 - row : 2 - row + height, 2 - column : 2 - column + width]
                total = total + kernel[row][column] * part
        responses.append(total)
    return gradient_of(responses[0], responses[1], xp)


def _sigmoid(x: Array, constants: Sigmoid, xp: Any) -> Array:
    gain, slope, middle = constants
    return gain / (1 + xp.exp(slope * (x - middle)))
