"""Contrast preservation of Chen and Blum."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from array_api_compat import device
from numpy.typing import NDArray

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._primitives import inverse_fourier, smooth_to_border
from fusebench.metrics._triplet import Name, Triplet

# Contrast sensitivity: two Gaussians of the frequency, in the unit of the line below.
F0, F1, A = 15.387, 1.3456, 0.7622
# Cycles per image in one unit of frequency, whatever the size of the image.
CYCLES = 15.0
# Contrast: one blur over another, each under a window of 31x31 pixels.
FINE, COARSE, REACH = 2.0, 4.0, 15
# Masking: contrast^3 / (contrast^2 + Z).
Z = 1e-4


@metric(
    slug="q_cb",
    label="Q_{CB}",
    title="Contrast preservation",
    direction="higher",
    bounds=(0.0, 1.0),
    needs="sources",
    identity=1.0,
    min_size=2,
    reference="Y. Chen, R. S. Blum, Image Vis. Comput. 27(10), 2009",
    doi="10.1016/j.imavis.2007.12.002",
    formula=(
        r"\frac{1}{MN} \sum_{x,y} \bigl( \lambda Q_{AF} + (1 - \lambda) Q_{BF} \bigr), \quad "
        r"Q_{SF} = \frac{\min(C'_S, C'_F)}{\max(C'_S, C'_F)},\ "
        r"\lambda = \frac{{C'_A}^2}{{C'_A}^2 + {C'_B}^2},\ "
        r"C' = \frac{C^3}{C^2 + 10^{-4}},\ C = \left| \frac{G_2 * h * X}{G_4 * h * X} - 1 \right|, "
        r"\quad \hat{h}(r) = e^{-(r / 15.387)^2} - 0.7622\, e^{-(r / 1.3456)^2}"
    ),
)
def q_cb(t: Triplet) -> Array:
    """Share of the visible local contrast of the sources that the fused image has.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [0, 1], higher is better; symmetric in the sources; three identical images give 1. NaN
        where an image is constant, because it cannot be stretched.

    Raises
    ------
    ValueError
        If a side is below 2 pixels.

    Notes
    -----
    Each image is stretched to 0..255 and rounded, then filtered by the contrast sensitivity of the
    eye, a difference of Gaussians (15.387, 1.3456, 0.7622) with 30 cycles per unit across the
    image, as in the code of Liu et al. (2012). Contrast is the ratio of blurs with sigma 2 and 4,
    less 1; zeros lie beyond the border, and the windows of 31x31 are not normalised, which raises
    the ratio by 2e-4. Pixels count by the squared contrast of the source.

    Large black parts leave a ratio of two nearly vanishing blurs, where digits depend on the
    Fourier transform: 1e-7 of the value of a medical image. A library that does not round, in
    single precision, differs by up to 2 % and gives NaN on one of three triples. Without the
    stretch values change by up to 6 %.

    References
    ----------
    .. [1] Y. Chen, R. S. Blum, "A new automated quality assessment algorithm for image fusion,"
       Image Vis. Comput. 27(10), 1421-1432, 2009. doi:10.1016/j.imavis.2007.12.002
    .. [2] Z. Liu et al., "Objective assessment of multiresolution image fusion algorithms for
       context enhancement in night vision: a comparative study," IEEE Trans. Pattern Anal. Mach.
       Intell. 34(1), 94-109, 2012. doi:10.1109/TPAMI.2011.109
    """
    xp = t.xp
    images = t.stretched()
    fused = _contrast(images, "fused")
    kept, weights = [], []
    for name in ("a", "b"):
        source = _contrast(images, name)
        larger = xp.maximum(source, fused)
        none = larger == 0
        one = xp.ones_like(larger)
        kept.append(xp.where(none, one, xp.minimum(source, fused) / xp.where(none, one, larger)))
        weights.append(source**2)
    both = weights[0] + weights[1]
    none = both == 0
    mixed = (weights[0] * kept[0] + weights[1] * kept[1]) / xp.where(none, xp.ones_like(both), both)
    quality = t.mean(xp.where(none, (kept[0] + kept[1]) / 2, mixed))
    flat = t.constant("a") | t.constant("b") | t.constant("fused")
    return t.undefined_where(flat, quality, "an image is constant and cannot be stretched")


def sensitive_frequencies(height: int, width: int) -> NDArray[np.float64]:
    """Distance of each coefficient of a half transform from the constant one, in cycles."""
    rows = np.fft.fftfreq(height, 1 / height)[:, None]
    distance: NDArray[np.float64] = np.hypot(rows, np.arange(width // 2 + 1))
    return distance


def _contrast(images: Triplet, name: Name) -> Array:
    """Visible contrast of every pixel, after masking."""

    def make() -> Array:
        xp = images.xp
        _, height, width = images.shape
        sensitivity = xp.asarray(_sensitivity(height, width), device=device(images.a))
        seen = inverse_fourier(images.spectrum(name) * sensitivity, height, width)
        fine = smooth_to_border(seen, _blur(FINE), "zero")
        coarse = smooth_to_border(seen, _blur(COARSE), "zero")
        dark = coarse == 0
        one = xp.ones_like(coarse)
        contrast = xp.abs(xp.where(dark, one, fine / xp.where(dark, one, coarse)) - 1)
        square = contrast**2
        return contrast * square / (square + Z)

    return images.once(("visible contrast", name), make)


def _sensitivity(height: int, width: int) -> NDArray[np.float64]:
    square = (sensitive_frequencies(height, width) / CYCLES) ** 2
    return np.exp(-square / F0**2) - A * np.exp(-square / F1**2)


@lru_cache(maxsize=2)
def _blur(sigma: float) -> NDArray[np.float64]:
    """Sample a Gaussian density; its taps sum up to a little less than 1."""
    x = np.arange(-REACH, REACH + 1)
    return np.exp(-(x**2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
