"""Piella and Heijmans' quality indices: plain, weighted and edge-dependent."""

from __future__ import annotations

from typing import Any

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Triplet, pad
from fusebench.metrics.ssim import SIGMA, WINDOW, similarity_map

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
    under a Gaussian window of 11x11 pixels, sigma 1.5, as in the code of Liu et al. (2012); other
    code takes the universal index under an 8x8 window.

    References
    ----------
    .. [1] G. Piella, H. Heijmans, "A new quality metric for image fusion," Proc. IEEE ICIP 3,
       173-176, 2003. doi:10.1109/ICIP.2003.1247209
    """
    quality, _, _ = _sums(t)
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
)
def piella_qw(t: Triplet) -> Array:
    """Piella's quality index with windows weighted by the variance of the livelier source.

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
    return _weighted(t, t)


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
)
def piella_qe(t: Triplet) -> Array:
    """Weighted quality index of the images times that of their edge images.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

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
    edges = t.once("prewitt", lambda: t.mapped(lambda image: _prewitt(image, t.xp)))
    return _weighted(t, t) * _weighted(edges, t)


def _weighted(images: Triplet, report: Triplet) -> Array:
    """Weighted index of a triplet; reasons for undefined values go to `report`."""
    _, weighted, weight = _sums(images)
    empty = weight <= FLAT
    value = weighted / images.xp.where(empty, images.xp.ones_like(weight), weight)
    return report.undefined_where(empty, value, "both sources are constant")


def _sums(t: Triplet) -> tuple[Array, Array, Array]:
    """Sum the quality, quality times weight, and the weight over all windows."""

    def make() -> tuple[Array, Array, Array]:
        quality = weighted = whole = 0.0
        for strip in t.strips(WINDOW):
            of_window, weight = _quality(strip)
            quality = quality + t.total(of_window)
            weighted = weighted + t.total(weight * of_window)
            whole = whole + t.total(weight)
        return quality, weighted, whole

    return t.once("piella", make)


def _quality(t: Triplet) -> tuple[Array, Array]:
    """Quality of every window and the larger of the two source variances."""
    xp = t.xp
    with_a = t.gaussian_moments("a", "fused", WINDOW, SIGMA)
    with_b = t.gaussian_moments("b", "fused", WINDOW, SIGMA)
    var_a, var_b = (
        xp.where(m.var_x < FLAT, xp.zeros_like(m.var_x), m.var_x) for m in (with_a, with_b)
    )
    both = var_a + var_b
    flat = both == 0
    share = xp.where(
        flat, xp.full_like(both, 0.5), var_a / xp.where(flat, xp.ones_like(both), both)
    )
    quality = share * similarity_map(with_a) + (1 - share) * similarity_map(with_b)
    return quality, xp.maximum(var_a, var_b)


def _prewitt(image: Array, xp: Any) -> Array:
    padded = pad(image, xp)
    columns = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    rows = padded[:, :, :-2] + padded[:, :, 1:-1] + padded[:, :, 2:]
    gx, gy = columns[:, :, 2:] - columns[:, :, :-2], rows[:, 2:] - rows[:, :-2]
    return xp.sqrt(gx**2 + gy**2)
