"""Visual information fidelity in the pixel domain."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._primitives import gaussian_taps, smooth
from fusebench.metrics._triplet import Name, Triplet

SCALES = 4
NOISE = 2.0
# Variances below this are rounding noise of flat windows.
FLAT = 1e-10


@metric(
    slug="vif",
    label="VIF",
    title="Visual information fidelity (pixel domain), summed over the sources",
    direction="higher",
    bounds=(0.0, float("inf")),
    needs="sources",
    identity=2.0,
    min_size=41,
    reference="H. R. Sheikh, A. C. Bovik, IEEE Trans. Image Process. 15(2), 2006",
    doi="10.1109/TIP.2005.859378",
)
def vif(t: Triplet) -> Array:
    """Information of each source that can be extracted from the fused image, summed.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        VIF(A, F) + VIF(B, F), at least 0 and usually below 2, higher is better; symmetric in the
        sources. Three identical images give 2; raising contrast can give more. NaN where a source
        is constant, because it holds no information.

    Raises
    ------
    ValueError
        If a side is below 41 pixels.

    Notes
    -----
    Pixel-domain form: four scales, Gaussian windows of 17, 9, 5 and 3 pixels with sigma = size/5,
    full windows only, noise variance 2 on grey levels 0..255. The wavelet-domain form, the VIFF of
    Han and images in [0, 1] give quite other numbers under the same name.

    References
    ----------
    .. [1] H. R. Sheikh, A. C. Bovik, "Image information and visual quality," IEEE Trans. Image
       Process. 15(2), 430-444, 2006. doi:10.1109/TIP.2005.859378
    """
    kept_a, whole_a = information(t, "a")
    kept_b, whole_b = information(t, "b")
    empty = (whole_a == 0) | (whole_b == 0)
    one = t.xp.ones_like(whole_a)
    value = kept_a / t.xp.where(empty, one, whole_a) + kept_b / t.xp.where(empty, one, whole_b)
    return t.undefined_where(empty, value, "a source is constant and holds no information")


def information(t: Triplet, source: Name) -> tuple[Array, Array]:
    """Information of a source kept in the fused image and in all, over all scales, shape (N,)."""
    xp = t.xp
    kept = whole = 0.0
    for scale in range(SCALES):
        taps = gaussian_taps(*_window(scale))
        s, f = _at_scale(t, source, scale), _at_scale(t, "fused", scale)
        mean_s, var_s = _moments(t, source, scale)
        mean_f, var_f = _moments(t, "fused", scale)
        cov = smooth(s * f, taps) - mean_s * mean_f
        flat_s, zero = var_s < FLAT, xp.zeros_like(cov)
        gain = xp.where(flat_s | (var_f < FLAT), zero, cov / (var_s + FLAT))
        # A window that is turned into its negative keeps nothing.
        gain = xp.where(gain < 0, zero, gain)
        rest = var_f - gain * cov
        rest = xp.where(rest <= FLAT, xp.full_like(rest, FLAT), rest)
        signal = xp.where(flat_s, zero, var_s)
        kept = kept + t.total(xp.log10(1 + gain**2 * signal / (rest + NOISE)))
        whole = whole + t.total(xp.log10(1 + signal / NOISE))
    return kept, whole


def _window(scale: int) -> tuple[int, float]:
    size = 2 ** (SCALES - scale) + 1
    return size, size / 5


def _at_scale(t: Triplet, name: Name, scale: int) -> Array:
    if scale == 0:
        return t[name]

    def make() -> Array:
        finer = _at_scale(t, name, scale - 1)
        return smooth(finer, gaussian_taps(*_window(scale)))[:, ::2, ::2]

    return t.once(("vif image", name, scale), make)


def _moments(t: Triplet, name: Name, scale: int) -> tuple[Array, Array]:
    def make() -> tuple[Array, Array]:
        image, taps = _at_scale(t, name, scale), gaussian_taps(*_window(scale))
        mean = smooth(image, taps)
        variance = smooth(image**2, taps) - mean**2
        return mean, t.xp.where(variance < 0, t.xp.zeros_like(variance), variance)

    return t.once(("vif moments", name, scale), make)
