"""Piella and Heijmans' quality indices: plain, weighted and edge-dependent."""

from __future__ import annotations

from typing import Any, Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Name, Triplet, pad, sobel_of_padded
from fusebench.metrics.q0 import WINDOW as BLOCK
from fusebench.metrics.q0 import index_map
from fusebench.metrics.ssim import SIGMA, WINDOW, similarity_map

Form = Literal["ssim", "bristol"]

_PAPER = "G. Piella, H. Heijmans, Proc. IEEE ICIP 3, 2003"
_DOI = "10.1109/ICIP.2003.1247209"
# Window variances below this are rounding noise: both sources are flat there and count alike.
FLAT = 1e-9


@metric(
    slug="piella_q",
    label="Q_S",
    title="Piella's fusion quality index",
    direction="higher",
    bounds=(-1.0, 1.0),
    needs="sources",
    identity=1.0,
    min_size=WINDOW,
    reference=_PAPER,
    doi=_DOI,
    formula=(
        r"\frac{1}{|W|} \sum_{w \in W} \bigl[ \lambda_w\, \mathrm{SSIM}_w(A, F) "
        r"+ (1 - \lambda_w)\, \mathrm{SSIM}_w(B, F) \bigr], \quad "
        r"\lambda_w = \frac{\sigma_A^2}{\sigma_A^2 + \sigma_B^2}"
    ),
)
def piella_q(t: Triplet) -> Array:
    """Local structural similarity to each source, weighted by which source varies more.

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
        If a side is below 11 pixels.

    Notes
    -----
    The saliency of a source is its local variance; every window counts alike. Similarity is SSIM
    under a Gaussian window of 11x11 pixels, sigma 1.5, as in the code of Liu et al. (2012).

    References
    ----------
    .. [1] G. Piella, H. Heijmans, "A new quality metric for image fusion," Proc. IEEE ICIP 3,
       173-176, 2003. doi:10.1109/ICIP.2003.1247209
    """
    quality, _, _ = _sums(t, "ssim")
    _, height, width = t.shape
    return quality / ((height - WINDOW + 1) * (width - WINDOW + 1))


@metric(
    slug="piella_qw",
    label="Q_W",
    title="Piella's weighted fusion quality index",
    direction="higher",
    bounds=(-1.0, 1.0),
    needs="sources",
    identity=1.0,
    min_size=WINDOW,
    reference=_PAPER,
    doi=_DOI,
    formula=(
        r"\frac{\sum_w c_w \bigl[ \lambda_w\, \mathrm{SSIM}_w(A, F) "
        r"+ (1 - \lambda_w)\, \mathrm{SSIM}_w(B, F) \bigr]}{\sum_w c_w}, \quad "
        r"\lambda_w = \frac{\sigma_A^2}{\sigma_A^2 + \sigma_B^2}"
        r",\ c_w = \max(\sigma_A^2, \sigma_B^2)"
    ),
)
def piella_qw(t: Triplet, *, form: Form = "ssim") -> Array:
    """Piella's quality index with windows weighted by the variance of the livelier source.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    form : {"ssim", "bristol"}
        SSIM under a Gaussian window of 11x11 pixels; or, as in the Bristol toolbox, the universal
        index under a uniform window of 8x8 pixels.

    Returns
    -------
    float
        In [-1, 1], higher is better; symmetric in the sources; three identical images give 1.
        NaN where both sources are constant, because no window has any weight.

    Raises
    ------
    ValueError
        If a side is below 11 pixels.

    References
    ----------
    .. [1] G. Piella, H. Heijmans, "A new quality metric for image fusion," Proc. IEEE ICIP 3,
       173-176, 2003. doi:10.1109/ICIP.2003.1247209
    """
    require_choice("form", form, Form)
    return _weighted(t, t, form)


@metric(
    slug="piella_qe",
    label="Q_E",
    title="Piella's edge-dependent fusion quality index",
    direction="higher",
    bounds=(-1.0, 1.0),
    needs="sources",
    identity=1.0,
    min_size=WINDOW,
    reference=_PAPER,
    doi=_DOI,
    formula=(
        r"Q_W(A, B, F) \cdot Q_W(A', B', F')^{\alpha}, \quad "
        r"X' = \sqrt{P_x^2 + P_y^2} \text{ (Prewitt)},\ \alpha = 1"
    ),
)
def piella_qe(t: Triplet, *, form: Form = "ssim", share: float = 0.2) -> Array:
    """Weighted quality index of the images times that of their edge images.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    form : {"ssim", "bristol"}
        SSIM under a Gaussian window of 11x11 pixels, and the product of both indices; or, as in
        the Bristol toolbox, the universal index under a uniform window of 8x8 pixels, edges by
        the Sobel operator, and a weighted geometric mean.
    share : float
        Weight of the edges in that mean, in [0, 1].

    Returns
    -------
    float
        Q_W(images) * Q_W(edges) in [-1, 1], higher is better; symmetric in the sources; three
        identical images give 1. NaN where both sources are constant.

    Raises
    ------
    ValueError
        If a side is below 11 pixels.

    Notes
    -----
    The exponent of the paper, alpha, is 1. Edge images are gradient magnitudes under the 3x3
    operator with equal weights (Prewitt) and zeros beyond the border.

    References
    ----------
    .. [1] G. Piella, H. Heijmans, "A new quality metric for image fusion," Proc. IEEE ICIP 3,
       173-176, 2003. doi:10.1109/ICIP.2003.1247209
    """
    require_choice("form", form, Form)
    images, edges = _weighted(t, t, form), _weighted(_edges(t, form), t, form)
    if form == "ssim":
        return images * edges
    xp = t.xp
    zero = xp.zeros_like(images)
    # A power of a negative number has no real value; such an image keeps nothing.
    images, edges = xp.maximum(images, zero), xp.maximum(edges, zero)
    return images ** (1 - share) * edges**share


def _edges(t: Triplet, form: Form) -> Triplet:
    """Edge images of a triplet."""
    edges = _sobel if form == "bristol" else _prewitt
    return t.once(("edges", form), lambda: t.mapped(lambda image: edges(image, t.xp)))


def _weighted(images: Triplet, report: Triplet, form: Form) -> Array:
    """Weighted index of a triplet; reasons for undefined values go to `report`."""
    _, weighted, weight = _sums(images, form)
    empty = weight <= FLAT
    value = weighted / images.xp.where(empty, images.xp.ones_like(weight), weight)
    return report.undefined_where(empty, value, "both sources are constant")


def _sums(t: Triplet, form: Form) -> tuple[Array, Array, Array]:
    """Sum the quality, quality times weight, and the weight over all windows."""

    def make() -> tuple[Array, Array, Array]:
        quality = weighted = whole = 0.0
        for strip in t.strips(BLOCK if form == "bristol" else WINDOW):
            of_window, weight = _quality(strip, form)
            quality = quality + t.total(of_window)
            weighted = weighted + t.total(weight * of_window)
            whole = whole + t.total(weight)
        return quality, weighted, whole

    return t.once(("piella", form), make)


def _quality(t: Triplet, form: Form) -> tuple[Array, Array]:
    """Quality of every window and the larger of the two source variances."""
    xp = t.xp
    (like_a, var_a), (like_b, var_b) = _compared(t, "a", form), _compared(t, "b", form)
    both = var_a + var_b
    flat = both == 0
    share = xp.where(
        flat, xp.full_like(both, 0.5), var_a / xp.where(flat, xp.ones_like(both), both)
    )
    quality = share * like_a + (1 - share) * like_b
    return quality, xp.maximum(var_a, var_b)


def _compared(t: Triplet, source: Name, form: Form) -> tuple[Array, Array]:
    """Similarity of every window of a source to the fused image, and the window's variance."""
    if form == "bristol":
        pixels = BLOCK**2
        total, squares = t.window_total(source, BLOCK), t.window_total(source, BLOCK, 2)
        similar, variance = index_map(t, source), squares / pixels - (total / pixels) ** 2
    else:
        moments = t.gaussian_moments(source, "fused", WINDOW, SIGMA)
        similar, variance = similarity_map(moments), moments.var_x
    return similar, t.xp.where(variance < FLAT, t.xp.zeros_like(variance), variance)


def _sobel(image: Array, xp: Any) -> Array:
    gx, gy = sobel_of_padded(pad(image, xp))
    return xp.sqrt(gx**2 + gy**2)


def _prewitt(image: Array, xp: Any) -> Array:
    padded = pad(image, xp)
    columns = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    rows = padded[:, :, :-2] + padded[:, :, 1:-1] + padded[:, :, 2:]
    gx, gy = columns[:, :, 2:] - columns[:, :, :-2], rows[:, 2:] - rows[:, :-2]
    return xp.sqrt(gx**2 + gy**2)
