"""Structural similarity on several scales, for exposure fusion and against a reference."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._primitives import window_sums
from fusebench.metrics._triplet import Name, Triplet
from fusebench.metrics.ssim import SIGMA, WINDOW, contrast_map, similarity_map

Form = Literal["mef", "piq"]
Rest = Literal["first", "last"]

# Exponents of the scales, finest first; those of the first three are divided by their sum.
EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SCALES = 3
# Of five scales the coarsest still has to hold one window.
FIVE_SCALES = 161

C = (0.03 * 255) ** 2
# What the authors' code adds to norms, to ratios and weights.
LITTLE, EPSILON = 1e-3, 2.0**-52
# The sources share a direction: the stronger one counts alone.
STEEPEST = 10.0


@metric(
    slug="ms_ssim",
    label="MS-SSIM",
    title="Multi-exposure structural similarity on three scales",
    direction="higher",
    bounds=(0.0, 1.0),
    needs="sources",
    identity=1.0,
    min_size=44,
    reference="K. Ma, K. Zeng, Z. Wang, IEEE Trans. Image Process. 24(11), 2015",
    doi="10.1109/TIP.2015.2442920",
    formula=(
        r"\prod_{k=1}^{3} \left[ \frac{1}{|W_k|} \sum_{w \in W_k} "
        r"\frac{2 \sigma_{\hat{x}F} + c}{\sigma_{\hat{x}}^2 + \sigma_F^2 + c} "
        r"\right]^{\beta_k}, \quad "
        r"\hat{x} = \max(\lVert \tilde{a} \rVert, \lVert \tilde{b} \rVert) "
        r"\frac{\bar{s}}{\lVert \bar{s} \rVert},\ "
        r"\bar{s} = \frac{\sum_{s \in \{a, b\}} \lVert \tilde{s} \rVert^{p - 1} \tilde{s}}"
        r"{\sum_{s \in \{a, b\}} \lVert \tilde{s} \rVert^{p}},\ "
        r"p = \min\Bigl(\tan \frac{\pi \lVert \tilde{a} + \tilde{b} \rVert}"
        r"{2 (\lVert \tilde{a} \rVert + \lVert \tilde{b} \rVert)}, 10\Bigr), \quad "
        r"\beta = \frac{(0.0448, 0.2856, 0.3001)}{0.6305},\ c = (0.03 \cdot 255)^2"
    ),
)
def ms_ssim(t: Triplet, *, form: Form = "mef") -> Array:
    """Similarity of the fused image to the structure that the sources have together.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    form : {"mef", "piq"}
        The index for exposure fusion of Ma et al., or the multi-scale similarity of Wang et al.
        to each source, summed, as the library piq computes it.

    Returns
    -------
    float
        In [0, 1], with form "piq" in [0, 2], higher is better; symmetric in the sources; three
        identical images give 1, with form "piq" 2. NaN in form "piq" below 161 pixels.

    Raises
    ------
    ValueError
        If a side is below 44 pixels, or the form is not one of its choices.

    Notes
    -----
    The toolboxes of Linfeng Tang and Hui Li report this index under the name MS_SSIM, which
    elsewhere is that of Wang et al.; on 13 triples one gives 0.79 to 0.99, the other, summed over
    the sources, 0.75 to 1.89. Windows of 11x11 pixels, K = 0.03, three scales. Pixels are averaged
    in blocks of 2x2 between scales, an odd last row or column by itself (form "piq" repeats the
    first one instead). A scale with a negative mean makes the value 0. Rounding in the authors'
    code leaves noise where the sources cancel each other; here such windows have no structure.

    References
    ----------
    .. [1] K. Ma, K. Zeng, Z. Wang, "Perceptual quality assessment for multi-exposure image
       fusion," IEEE Trans. Image Process. 24(11), 3345-3356, 2015. doi:10.1109/TIP.2015.2442920
    .. [2] Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image
       quality assessment," Proc. Asilomar Conf. Signals Syst. Comput. 2, 1398-1402, 2003.
       doi:10.1109/ACSSC.2003.1292216
    """
    require_choice("form", form, Form)
    if form == "piq":
        return _summed(t)
    value = 1.0
    for scale in range(SCALES):
        mean = at_scale(t, scale, "last").window_mean(WINDOW, _fusion_map)
        value = value * t.xp.clip(mean, 0.0, None) ** (EXPONENTS[scale] / sum(EXPONENTS[:SCALES]))
    return value


@metric(
    slug="ms_ssim_ref",
    label="MS-SSIM_{ref}",
    title="Multi-scale structural similarity to a reference",
    direction="higher",
    bounds=(0.0, 1.0),
    needs="reference",
    identity=1.0,
    min_size=FIVE_SCALES,
    reference="Z. Wang, E. P. Simoncelli, A. C. Bovik, Asilomar Conf. Signals Syst. Comput., 2003",
    doi="10.1109/ACSSC.2003.1292216",
    formula=(
        r"\left[ \frac{1}{|W_5|} \sum_{w \in W_5} \mathrm{SSIM}_w(R, F) \right]^{\beta_5} "
        r"\prod_{k=1}^{4} \left[ \frac{1}{|W_k|} \sum_{w \in W_k} "
        r"\frac{2 \sigma_{RF} + c_2}{\sigma_R^2 + \sigma_F^2 + c_2} \right]^{\beta_k}, \quad "
        r"\beta = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)"
    ),
)
def ms_ssim_ref(t: Triplet) -> Array:
    """Structural similarity of the fused image to the ideal one on five scales.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images (not looked at) and fused image; colour is scored on its BT.601 luma.
    reference : array, same shape
        The ideal fused image.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [0, 1], higher is better; 1 for an image equal to the reference.

    Raises
    ------
    ValueError
        If a side is below 161 pixels.

    Notes
    -----
    Gaussian window 11x11 with sigma 1.5, full windows only, range 255; luminance counts on the
    coarsest scale. Pixels are averaged in blocks of 2x2 between scales, an odd last row or column
    by itself, as in the authors' code; piq repeats the first one instead, which changes the value
    of an image of 520x520 pixels by 2e-5. A scale with a negative mean makes the value 0.

    References
    ----------
    .. [1] Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image
       quality assessment," Proc. Asilomar Conf. Signals Syst. Comput. 2, 1398-1402, 2003.
       doi:10.1109/ACSSC.2003.1292216
    """
    return _similarity(t, "reference", "last")


# -- Wang et al. ----------------------------------------------------------------------------------


def _summed(t: Triplet) -> Array:
    _, height, width = t.shape
    if min(height, width) < FIVE_SCALES:
        nothing = t.mean(t.fused)
        reason = f"form piq needs images of at least {FIVE_SCALES}x{FIVE_SCALES} pixels"
        return t.undefined_where(nothing == nothing, nothing, reason)
    return _similarity(t, "a", "first") + _similarity(t, "b", "first")


def _similarity(t: Triplet, source: Name, rest: Rest) -> Array:
    """Multi-scale similarity of a source and the fused image, shape (N,)."""
    value = 1.0
    for scale, exponent in enumerate(EXPONENTS):
        images = at_scale(t, scale, rest)
        last = scale == len(EXPONENTS) - 1
        mean = images.window_mean(WINDOW, partial(_similar, source, last))
        value = value * t.xp.clip(mean, 0.0, None) ** exponent
    return value


def _similar(source: Name, with_luminance: bool, t: Triplet) -> Array:
    moments = t.gaussian_moments(source, "fused", WINDOW, SIGMA)
    return similarity_map(moments) if with_luminance else contrast_map(moments)


# -- scales ---------------------------------------------------------------------------------------


def at_scale(t: Triplet, scale: int, rest: Rest) -> Triplet:
    """Halve the images `scale` times.

    Parameters
    ----------
    t : Triplet
    scale : int
    rest : {"first", "last"}
        Which row or column is repeated where their number is odd. With "first" both are, even if
        only one number is odd, and what is too much then is cut off at the end.
    """
    if scale == 0:
        return t

    def make() -> Triplet:
        return at_scale(t, scale - 1, rest).mapped(lambda image: _halved(image, rest, t.xp))

    _, height, width = t.shape
    odd = (height | width) % 2**scale
    return t.once(("scale", scale, rest if odd else "none"), make)


def _halved(images: Array, rest: Rest, xp: Any) -> Array:
    odd = [length % 2 for length in images.shape[1:]]
    if rest == "first" and any(odd):
        images = xp.concat([images[:, :1], images], axis=1)
        images = xp.concat([images[:, :, :1], images], axis=2)
        images = images[:, : images.shape[1] // 2 * 2, : images.shape[2] // 2 * 2]
    elif rest == "last":
        images = xp.concat([images, images[:, -1:]], axis=1) if odd[0] else images
        images = xp.concat([images, images[:, :, -1:]], axis=2) if odd[1] else images
    rows = images[:, ::2] + images[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2]) / 4


# -- Ma et al. ------------------------------------------------------------------------------------


def _fusion_map(t: Triplet) -> Array:
    """Similarity of every window to that which the sources make together.

    The ideal window is a weighted sum of the source windows, both with their means removed and of
    norm 1, brought to the larger of their norms. It is never built: its variance and covariance
    follow from those of the sources.
    """
    xp = t.xp
    pixels = WINDOW**2
    sum_a, sum_b = t.window_total("a", WINDOW), t.window_total("b", WINDOW)

    def energy(products: Array, sums: Array) -> Array:
        """Sum of products of two windows with their means removed; flat windows give exactly 0."""
        return (pixels * products - sums) / pixels

    aa = energy(t.window_total("a", WINDOW, 2), sum_a**2)
    bb = energy(t.window_total("b", WINDOW, 2), sum_b**2)
    ab = energy(window_sums(t.a * t.b, WINDOW), sum_a * sum_b)
    norm_a, norm_b = xp.sqrt(aa), xp.sqrt(bb)
    together = xp.sqrt(xp.clip(aa + bb + 2 * ab, 0.0, None))
    consistency = (together + EPSILON) / (norm_a + norm_b + EPSILON)
    consistency = xp.clip(consistency, None, 1 - EPSILON)
    power = xp.clip(xp.tan(xp.pi / 2 * consistency), None, STEEPEST)
    norm_a, norm_b = norm_a + LITTLE, norm_b + LITTLE
    weight_a = (norm_a / WINDOW) ** power + EPSILON
    weight_b = (norm_b / WINDOW) ** power + EPSILON
    both = weight_a + weight_b
    # Factors of the source windows in their sum.
    of_a, of_b = weight_a / (both * norm_a), weight_b / (both * norm_b)
    square = of_a**2 * aa + of_b**2 * bb + 2 * of_a * of_b * ab
    none = square <= 0
    scale = xp.maximum(norm_a, norm_b) / xp.sqrt(xp.where(none, xp.ones_like(square), square))
    scale = xp.where(none, xp.zeros_like(scale), scale)
    with_a = t.gaussian_moments("a", "fused", WINDOW, SIGMA)
    with_b = t.gaussian_moments("b", "fused", WINDOW, SIGMA)
    between = t.gaussian_moments("a", "b", WINDOW, SIGMA)
    variance = of_a**2 * with_a.var_x + of_b**2 * with_b.var_x + 2 * of_a * of_b * between.cov
    covariance = of_a * with_a.cov + of_b * with_b.cov
    return (2 * scale * covariance + C) / (scale**2 * variance + with_a.var_y + C)
