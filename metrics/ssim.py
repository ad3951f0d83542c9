"""Structural similarity, against the sources and against a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._primitives import gaussian_taps, smooth_to_border, window_sums
from fusebench.metrics._triplet import Moments, Name, Triplet

Form = Literal["gaussian", "matlab", "uniform"]
DynamicRange = Literal[255, 2, 1]

WINDOW, SIGMA = 11, 1.5
UNIFORM = 7
# Of the original paper; C = (K L)^2 with L the dynamic range.
K1, K2 = 0.01, 0.03


@metric(
    slug="ssim",
    label="SSIM",
    title="Structural similarity, summed over the sources",
    direction="higher",
    bounds=(-2.0, 2.0),
    needs="sources",
    identity=2.0,
    min_size=WINDOW,
    reference="Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, IEEE TIP 13(4), 2004",
    doi="10.1109/TIP.2003.819861",
    formula=(
        r"\sum_{S \in \{A, B\}} \frac{1}{|W|} \sum_{w \in W} \mathrm{SSIM}_w(S, F), \quad "
        r"\mathrm{SSIM}_w(S, F) = \frac{(2\mu_S\mu_F + c_1)(2\sigma_{SF} + c_2)}"
        r"{(\mu_S^2 + \mu_F^2 + c_1)(\sigma_S^2 + \sigma_F^2 + c_2)}, \quad "
        r"c_1 = (0.01 \cdot 255)^2,\ c_2 = (0.03 \cdot 255)^2"
    ),
)
def ssim(
    t: Triplet,
    *,
    form: Form = "gaussian",
    halved: bool = False,
    dynamic_range: DynamicRange = 255,
) -> Array:
    """Structural similarity of the fused image to each source, summed.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    form : {"gaussian", "matlab", "uniform"}
        Gaussian window of 11x11 pixels, full windows only; the same also across the border, where
        the outermost pixels are repeated, as in MATLAB; or a uniform window of 7x7 pixels with
        sample covariances, as in scikit-image.
    halved : bool
        Whether the mean of the two is given instead of their sum.
    dynamic_range : {255, 2, 1}
        Range of grey levels that the constants are made for. Only 255 is right; toolboxes hand
        levels 0..255 as floats to functions that then take 2 (scikit-image before 0.20) or 1
        (MATLAB).

    Returns
    -------
    float
        In [-2, 2], higher is better; symmetric in the sources; three identical images give 2.
        Halved, in [-1, 1], and 1.

    Raises
    ------
    ValueError
        If a side is below 11 pixels, or a parameter is not one of its choices.

    Notes
    -----
    Population moments in both Gaussian forms. On 13 triples, windows across the border change the
    sum by up to 0.04 and uniform ones by up to 0.07; a range of 1 or 2 lowers it by 0.08 to 0.52.

    References
    ----------
    .. [1] Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from
       error visibility to structural similarity," IEEE Trans. Image Process. 13(4), 600-612,
       2004. doi:10.1109/TIP.2003.819861
    """
    require_choice("form", form, Form)
    require_choice("dynamic_range", dynamic_range, DynamicRange)
    total = similarity(t, ("a", "b"), form, dynamic_range)
    return total / 2 if halved else total


@metric(
    slug="ssim_ref",
    label="SSIM_{ref}",
    title="Structural similarity to a reference",
    direction="higher",
    bounds=(-1.0, 1.0),
    needs="reference",
    identity=1.0,
    min_size=WINDOW,
    reference="Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, IEEE TIP 13(4), 2004",
    doi="10.1109/TIP.2003.819861",
    formula=(
        r"\frac{1}{|W|} \sum_{w \in W} \mathrm{SSIM}_w(R, F), \quad "
        r"\mathrm{SSIM}_w(R, F) = \frac{(2\mu_R\mu_F + c_1)(2\sigma_{RF} + c_2)}"
        r"{(\mu_R^2 + \mu_F^2 + c_1)(\sigma_R^2 + \sigma_F^2 + c_2)}, \quad "
        r"c_1 = (0.01 \cdot 255)^2,\ c_2 = (0.03 \cdot 255)^2"
    ),
)
def ssim_ref(t: Triplet) -> Array:
    """Structural similarity of the fused image to the ideal one.

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
        In [-1, 1], higher is better; 1 for an image equal to the reference.

    Raises
    ------
    ValueError
        If a side is below 11 pixels.

    References
    ----------
    .. [1] Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from
       error visibility to structural similarity," IEEE Trans. Image Process. 13(4), 600-612,
       2004. doi:10.1109/TIP.2003.819861
    """
    return similarity(t, ("reference",))


def similarity(
    t: Triplet, sources: Sequence[Name], form: Form = "gaussian", dynamic_range: float = 255
) -> Array:
    """Mean structural similarity of the fused image to each source, summed, shape (N,)."""

    def summed(images: Triplet, moments: Callable[[Triplet, Name], Moments]) -> Array:
        return sum(similarity_map(moments(images, source), dynamic_range) for source in sources)

    if form == "matlab":
        return t.mean(summed(t, _moments_to_border))
    if form == "uniform":
        return t.window_mean(UNIFORM, lambda strip: summed(strip, _uniform_moments))
    return t.window_mean(WINDOW, lambda strip: summed(strip, _gaussian_moments))


def similarity_map(m: Moments, dynamic_range: float = 255) -> Array:
    """Structural similarity in every window."""
    c1, c2 = (K1 * dynamic_range) ** 2, (K2 * dynamic_range) ** 2
    product = m.mean_x * m.mean_y
    luminance = (2 * product + c1) / (m.mean_x**2 + m.mean_y**2 + c1)
    return luminance * (2 * m.cov + c2) / (m.var_x + m.var_y + c2)


def contrast_map(m: Moments) -> Array:
    """Structural similarity without luminance in every window."""
    c2 = (K2 * 255) ** 2
    return (2 * m.cov + c2) / (m.var_x + m.var_y + c2)


def _gaussian_moments(t: Triplet, source: Name) -> Moments:
    """Moments of a source and the fused image under the Gaussian window, full windows only."""
    return t.gaussian_moments(source, "fused", WINDOW, SIGMA)


def _moments_to_border(t: Triplet, source: Name) -> Moments:
    """Moments under the Gaussian window around every pixel."""
    taps = gaussian_taps(WINDOW, SIGMA)

    def mean(name: Name) -> Array:
        key = ("mean to border", name)
        return t.once(key, lambda: smooth_to_border(t[name], taps, "replicate"))

    def variance(name: Name) -> Array:
        square = smooth_to_border(t.squared(name), taps, "replicate")
        return square - mean(name) ** 2

    cov = smooth_to_border(t[source] * t.fused, taps, "replicate") - mean(source) * mean("fused")
    return Moments(mean(source), mean("fused"), variance(source), variance("fused"), cov)


def _uniform_moments(t: Triplet, source: Name) -> Moments:
    """Means and sample moments of all full uniform windows."""
    pixels = UNIFORM**2
    sum_x, sum_y = t.window_total(source, UNIFORM), t.window_total("fused", UNIFORM)

    def sample(products: Array, sums: Array) -> Array:
        return (pixels * products - sums) / (pixels * (pixels - 1))

    return Moments(
        mean_x=sum_x / pixels,
        mean_y=sum_y / pixels,
        var_x=sample(t.window_total(source, UNIFORM, 2), sum_x**2),
        var_y=sample(t.window_total("fused", UNIFORM, 2), sum_y**2),
        cov=sample(window_sums(t[source] * t.fused, UNIFORM), sum_x * sum_y),
    )
