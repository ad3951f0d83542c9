"""Visual information fidelity in the pixel domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._primitives import correlate_mirrored, gaussian_taps, smooth
from fusebench.metrics._steerable import steerable_bands
from fusebench.metrics._triplet import Name, Triplet

Form = Literal["pixel", "saturated", "wavelet"]

SCALES = 4
NOISE = 2.0
# Variances below this are rounding noise of flat windows.
FLAT = 1e-10

# Wavelet domain: neighbourhoods of 3x3 coefficients, two of six orientations, noise on [0, 1].
LEVELS = 4
BLOCK = 3
BANDS = (3, 0)
WAVELET_NOISE = 0.4
# Below this a side has no complete block left at the coarsest level.
WAVELET_SIDE = 72


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
    formula=(
        r"\sum_{S \in \{A, B\}} "
        r"\frac{\sum_{k,w} \log\bigl(1 + g^2 \sigma_S^2 / (\sigma_v^2 + \sigma_n^2)\bigr)}"
        r"{\sum_{k,w} \log\bigl(1 + \sigma_S^2 / \sigma_n^2\bigr)}, \quad "
        r"g = \frac{\sigma_{SF}}{\sigma_S^2},\ \sigma_v^2 = \sigma_F^2 - g \sigma_{SF},\ "
        r"\sigma_n^2 = 2,\ k = 1..4"
    ),
)
def vif(t: Triplet, *, form: Form = "pixel") -> Array:
    """Information of each source that can be extracted from the fused image, summed.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    form : {"pixel", "saturated", "wavelet"}
        The canonical form; the same with products saturating at 255 in the finest scale, as on
        8-bit arrays in MATLAB; or the wavelet-domain form on [0, 1], averaged over the sources.

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
    require_choice("form", form, Form)
    if form == "wavelet":
        return _wavelet(t)
    (kept_a, whole_a), (kept_b, whole_b) = information(t, ("a", "b"), form == "saturated")
    empty = (whole_a == 0) | (whole_b == 0)
    one = t.xp.ones_like(whole_a)
    value = kept_a / t.xp.where(empty, one, whole_a) + kept_b / t.xp.where(empty, one, whole_b)
    return t.undefined_where(empty, value, "a source is constant and holds no information")


def information(
    t: Triplet, sources: Sequence[Name], saturated: bool = False
) -> list[tuple[Array, Array]]:
    """For each source its information kept in the fused image and in all, shape (N,) each."""
    xp = t.xp
    sums: list[tuple[Array, Array]] = [(0.0, 0.0) for _ in sources]
    for scale in range(SCALES):
        for strip in windows_at_scale(t, scale):
            for index, source in enumerate(sources):
                model = distortion(strip, source, scale, saturated and scale == 0)
                kept, whole = (t.total(part) for part in information_of(*model, xp))
                sums[index] = sums[index][0] + kept, sums[index][1] + whole
    return sums


def information_of(gain: Array, rest: Array, signal: Array, xp: Any) -> tuple[Array, Array]:
    """Information of a source kept in the fused image and in all, window by window."""
    return xp.log(1 + gain**2 * signal / (rest + NOISE)), xp.log(1 + signal / NOISE)


def windows_at_scale(t: Triplet, scale: int) -> Iterator[Triplet]:
    """Give strips of the images on one scale, whose windows `distortion` takes."""
    size, _ = window_of(scale)
    return _at_scale(t, scale).strips(size)


def distortion(
    t: Triplet, source: Name, scale: int, saturated: bool = False
) -> tuple[Array, Array, Array]:
    """Model of how windows of a source became those of the fused image.

    Parameters
    ----------
    t : Triplet
        Images on a scale, or a strip of them.
    source : Name
    scale : int
        From 0, the finest.
    saturated : bool

    Returns
    -------
    gain, rest, signal : float64 arrays, shape (N, H', W')
        Fused is gain times source plus noise of variance rest; signal is the source's variance.
    """
    xp = t.xp
    taps = gaussian_taps(*window_of(scale))
    mean_s, var_s = _moments(t, source, scale, saturated)
    mean_f, var_f = _moments(t, "fused", scale, saturated)
    cov = smooth(_saturate(t[source] * t.fused, saturated, xp), taps) - mean_s * mean_f
    flat = var_s < FLAT
    # A window that is turned into its negative keeps nothing.
    nothing = flat | (var_f < FLAT) | (cov < 0)
    gain = xp.where(nothing, 0.0, cov / (var_s + FLAT))
    rest = var_f - gain * cov
    rest = xp.where(rest <= FLAT, FLAT, rest)
    return gain, rest, xp.where(flat, 0.0, var_s)


def window_of(scale: int) -> tuple[int, float]:
    """Size and sigma of the Gaussian window on a scale."""
    size = 2 ** (SCALES - scale) + 1
    return size, size / 5


def _at_scale(t: Triplet, scale: int) -> Triplet:
    if scale == 0:
        return t
    taps = gaussian_taps(*window_of(scale))

    def halve(image: Array) -> Array:
        return t.xp.asarray(smooth(image, taps, step=2), copy=True)

    return t.once(("vif scale", scale), lambda: _at_scale(t, scale - 1).mapped(halve))


def _moments(t: Triplet, name: Name, scale: int, cut: bool) -> tuple[Array, Array]:
    def make() -> tuple[Array, Array]:
        taps = gaussian_taps(*window_of(scale))
        mean = smooth(t[name], taps)
        variance = smooth(_saturate(t[name] ** 2, cut, t.xp), taps) - mean**2
        return mean, t.xp.where(variance < 0, 0.0, variance)

    return t.once(("vif moments", name, scale, cut), make)


def _saturate(product: Array, cut: bool, xp: Any) -> Array:
    return xp.clip(product, None, 255.0) if cut else product


# -- wavelet domain -------------------------------------------------------------------------------


def _wavelet(t: Triplet) -> Array:
    xp = t.xp
    _, height, width = t.shape
    if min(height, width) < WAVELET_SIDE:
        nothing = t.mean(t.fused)
        reason = f"the wavelet form needs images of at least {WAVELET_SIDE}x{WAVELET_SIDE} pixels"
        return t.undefined_where(nothing == nothing, nothing, reason)
    kept_a, whole_a = _wavelet_information(t, "a")
    kept_b, whole_b = _wavelet_information(t, "b")
    empty = (whole_a <= FLAT) | (whole_b <= FLAT)
    one = xp.ones_like(whole_a)
    value = kept_a / xp.where(empty, one, whole_a) + kept_b / xp.where(empty, one, whole_b)
    return t.undefined_where(empty, value / 2, "a source is constant and holds no information")


def _wavelet_information(t: Triplet, source: Name) -> tuple[Array, Array]:
    """Information of a source kept in the fused image and in all, over all bands, shape (N,)."""
    xp = t.xp
    kept = whole = 0.0
    for level in range(LEVELS):
        # The window grows with the resolution: 17 coefficients at the finest level, 3 at the last.
        size = 2 ** (LEVELS - level) + 1
        edge = -(-((size - 1) // 2) // BLOCK)
        inner = (slice(None), slice(edge, -edge), slice(edge, -edge))
        for band in range(len(BANDS)):
            s, f = _band(t, source, level, band), _band(t, "fused", level, band)
            gain, rest = _channel(s, f, size, xp)
            strength, eigenvalues = _mixture(s, xp)
            gain, rest, strength = gain[inner], rest[inner], strength[inner]
            for k in range(BLOCK**2):
                signal = strength * eigenvalues[:, k, None, None]
                kept = kept + t.total(xp.log2(1 + gain**2 * signal / (rest + WAVELET_NOISE)))
                whole = whole + t.total(xp.log2(1 + signal / WAVELET_NOISE))
    return kept, whole


def _band(t: Triplet, name: Name, level: int, band: int) -> Array:
    """One band of an image in [0, 1], cropped to whole blocks."""
    bands = t.once(("steerable", name), lambda: steerable_bands(t[name] / 255.0, LEVELS, BANDS))
    found = bands[level][band]
    _, height, width = found.shape
    return found[:, : height // BLOCK * BLOCK, : width // BLOCK * BLOCK]


def _channel(s: Array, f: Array, size: int, xp: Any) -> tuple[Array, Array]:
    """Gain and noise variance from source to fused band, one value per block."""
    tiny = 1e-15
    window = np.ones(size)
    count = size**2

    def total(values: Array) -> Array:
        rows = correlate_mirrored(values, window[:, None])
        start = BLOCK // 2
        return correlate_mirrored(rows, window[None])[:, start::BLOCK, start::BLOCK]

    mean_s, mean_f = total(s) / count, total(f) / count
    cov = total(s * f) - count * mean_s * mean_f
    var_s = xp.clip(total(s**2) - count * mean_s**2, 0.0, None)
    var_f = xp.clip(total(f**2) - count * mean_f**2, 0.0, None)
    gain = cov / (var_s + tiny)
    rest = (var_f - gain * cov) / count
    zero = xp.zeros_like(gain)
    flat_s, flat_f = var_s < tiny, var_f < tiny
    # The toolbox leaves the variances of flat and inverted blocks undivided by the window.
    rest = xp.where(flat_f, zero, xp.where(flat_s, var_f, rest))
    gain = xp.where(flat_s | flat_f, zero, gain)
    rest = xp.where(gain < 0, var_f, rest)
    gain = xp.where(gain < 0, zero, gain)
    return gain, xp.where(rest <= tiny, xp.full_like(rest, tiny), rest)


def _mixture(band: Array, xp: Any) -> tuple[Array, Array]:
    """Strength of each block, and eigenvalues of the covariance of all neighbourhoods."""
    count, height, width = band.shape
    last_row, last_column = height - BLOCK + 1, width - BLOCK + 1
    places = [(row, column) for column in range(BLOCK) for row in range(BLOCK)]
    sliding = xp.stack(
        [
            xp.reshape(band[:, r : r + last_row, c : c + last_column], (count, -1))
            for r, c in places
        ],
        axis=1,
    )
    centred = sliding - xp.mean(sliding, axis=2, keepdims=True)
    covariance = centred @ xp.matrix_transpose(centred) / sliding.shape[2]
    blocks = xp.stack(
        [xp.reshape(band[:, r::BLOCK, c::BLOCK], (count, -1)) for r, c in places], axis=1
    )
    values, vectors = xp.linalg.eigh(covariance)
    # Directions without variance hold no information; their inverse would be noise.
    used = values > 1e-14 * xp.max(values, axis=1, keepdims=True)
    inverse = xp.where(used, 1 / xp.where(used, values, xp.ones_like(values)), 0 * values)
    projected = xp.matrix_transpose(vectors) @ blocks
    strength = xp.sum(projected**2 * inverse[:, :, None], axis=1) / BLOCK**2
    shape = (count, height // BLOCK, width // BLOCK)
    return xp.reshape(strength, shape), xp.where(used, values, 0 * values)


# -- for other metrics, and against a reference ---------------------------------------------------


@metric(
    slug="vif_ref",
    label="VIF_{ref}",
    title="Visual information fidelity (pixel domain) to a reference",
    direction="higher",
    bounds=(0.0, float("inf")),
    needs="reference",
    identity=1.0,
    min_size=41,
    reference="H. R. Sheikh, A. C. Bovik, IEEE Trans. Image Process. 15(2), 2006",
    doi="10.1109/TIP.2005.859378",
    formula=(
        r"\frac{\sum_{k,w} \log\bigl(1 + g^2 \sigma_R^2 / (\sigma_v^2 + \sigma_n^2)\bigr)}"
        r"{\sum_{k,w} \log\bigl(1 + \sigma_R^2 / \sigma_n^2\bigr)}, \quad "
        r"g = \frac{\sigma_{RF}}{\sigma_R^2},\ \sigma_v^2 = \sigma_F^2 - g \sigma_{RF},\ "
        r"\sigma_n^2 = 2,\ k = 1..4"
    ),
)
def vif_ref(t: Triplet) -> Array:
    """Information of the ideal image that can be extracted from the fused one.

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
        At least 0 and usually below 1, higher is better; 1 for an image equal to the reference,
        and more where contrast is raised. NaN where the reference is constant.

    Raises
    ------
    ValueError
        If a side is below 41 pixels.

    Notes
    -----
    Pixel-domain form, as `vif`. The wavelet-domain form gives other numbers under the same name.

    References
    ----------
    .. [1] H. R. Sheikh, A. C. Bovik, "Image information and visual quality," IEEE Trans. Image
       Process. 15(2), 430-444, 2006. doi:10.1109/TIP.2005.859378
    """
    ((kept, whole),) = information(t, ("reference",))
    empty = whole == 0
    value = kept / t.xp.where(empty, t.xp.ones_like(whole), whole)
    return t.undefined_where(empty, value, "the reference is constant and holds no information")
