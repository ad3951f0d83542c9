"""Structural similarity, against the sources and against a reference."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Moments, Name, Triplet

WINDOW, SIGMA = 11, 1.5
# (K L)^2 of the original paper for K1 = 0.01, K2 = 0.03 and 8-bit images.
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


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
)
def ssim(t: Triplet) -> Array:
    """Structural similarity of the fused image to each source, summed.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [-2, 2], higher is better; symmetric in the sources; three identical images give 2.

    Raises
    ------
    ValueError
        If a side is below 11 pixels.

    Notes
    -----
    Gaussian window 11x11 with sigma 1.5, full windows only, population moments, range 255. Other
    code uses a uniform 7x7 window, half the sum, or a range of 1 or 2 for images in 0..255, which
    lowers or raises values by up to 0.5.

    References
    ----------
    .. [1] Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from
       error visibility to structural similarity," IEEE Trans. Image Process. 13(4), 600-612,
       2004. doi:10.1109/TIP.2003.819861
    """
    return similarity(t, "a", "fused") + similarity(t, "b", "fused")


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
    return similarity(t, "reference", "fused")


def similarity(t: Triplet, x: Name, y: Name) -> Array:
    """Mean structural similarity of two images, shape (N,)."""
    moments = t.gaussian_moments(x, y, WINDOW, SIGMA)
    return t.once(("ssim", x, y), lambda: t.mean(similarity_map(moments)))


def similarity_map(m: Moments) -> Array:
    """Structural similarity in every window."""
    product = m.mean_x * m.mean_y
    luminance = (2 * product + C1) / (m.mean_x**2 + m.mean_y**2 + C1)
    return luminance * (2 * m.cov + C2) / (m.var_x + m.var_y + C2)
