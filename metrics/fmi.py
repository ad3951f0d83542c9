"""Feature mutual information of Haghighat et al., of pixels, cosines and wavelets."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from array_api_compat import device
from numpy.typing import NDArray

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._primitives import (
    cosine_transform,
    sum_of_products,
    windows_at_once,
)
from fusebench.metrics._triplet import Name, Triplet

Feature = Literal["pixel", "gradient"]

WINDOW = 3
PIXELS = WINDOW**2
# Stands for a share of 0, whose x log x is 0: so small that even a product of two changes nothing.
NOTHING = 1e-140
# Transforms are rounded to this, so that flat areas are flat, not noise whose range is stretched.
STEP = 2.0**-30
# Length of MATLAB's filter, whose first tap is 0.
MEYER_TAPS = 102
# Outputs of the wavelet filters that one matrix product gives.
BLOCK = 64

_PAPER = "M. B. A. Haghighat, A. Aghagolzadeh, H. Seyedarabi, Comput. Electr. Eng. 37(5), 2011"
_DOI = "10.1016/j.compeleceng.2011.07.012"


@metric(
    slug="fmi_pixel",
    label="FMI_{pixel}",
    title="Feature mutual information of pixels",
    direction="higher",
    bounds=(float("-inf"), float("inf")),
    needs="sources",
    identity=1.0,
    min_size=WINDOW,
    reference=_PAPER,
    doi=_DOI,
    formula=(
        r"\frac{1}{2|W|} \sum_{S \in \{A, B\}} \sum_{w \in W} "
        r"\frac{2\, I_w(S'; F')}{H_w(S') + H_w(F')}, \quad "
        r"X' = X"
    ),
)
def fmi_pixel(t: Triplet, *, feature: Feature = "pixel") -> Array:
    """Information that small windows of the fused image share with each source, averaged.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    feature : {"pixel", "gradient"}
        Grey levels, or their horizontal central differences.

    Returns
    -------
    float
        For natural images in [0, 1], higher is better; symmetric in the sources; three identical
        images give 1.

    Raises
    ------
    ValueError
        If a side is below 3 pixels.

    Notes
    -----
    The Fast-FMI of 2014. A window of 3 x 3 values, read column by column, less its minimum and
    over its sum, counts as a distribution over nine positions. Two such distributions are coupled
    by a mixture of independence and of the Frechet bound (the upper one where the windows
    correlate positively, else the lower one), weighted so that the positions correlate as the
    values do. The value of a window is twice the mutual information over the sum of entropies.
    Equal windows count 1, two flat ones too, a flat and another one 0, as do different windows of
    one bright pixel each. Windows at the border are left out.

    As in the published code nothing keeps the weight of the bound below 1. It is above in 7 % to
    23 % of the windows of natural images (cutting it would lower values by 0.2 % to 2 %), and
    windows with little but one bright pixel can then score below 0 or above 1 (-0.6 to 3.6 in
    trials), so that values of small images have no bounds. Two flat windows score 0 or 1 by
    rounding noise in published code, with a difference of up to 2e-4. Several toolboxes print as
    FMI_pixel what their code computes by default, on binary edges.

    References
    ----------
    .. [1] M. B. A. Haghighat, A. Aghagolzadeh, H. Seyedarabi, "A non-reference image fusion metric
       based on mutual information of image features," Comput. Electr. Eng. 37(5), 744-756, 2011.
       doi:10.1016/j.compeleceng.2011.07.012
    .. [2] M. Haghighat, M. A. Razian, "Fast-FMI: non-reference image fusion metric," 8th Int. Conf.
       Application of Information and Communication Technologies (AICT), 1-3, 2014.
    """
    require_choice("feature", feature, Feature)
    if feature == "pixel":
        return _mutual_information(t, lambda name: t[name])
    return _mutual_information(t, lambda name: _gradient(t[name], t.xp))


@metric(
    slug="fmi_dct",
    label="FMI_{dct}",
    title="Feature mutual information of cosine transforms",
    direction="higher",
    bounds=(float("-inf"), float("inf")),
    needs="sources",
    identity=1.0,
    min_size=WINDOW,
    reference=_PAPER,
    doi=_DOI,
    formula=(
        r"\frac{1}{2|W|} \sum_{S \in \{A, B\}} \sum_{w \in W} "
        r"\frac{2\, I_w(S'; F')}{H_w(S') + H_w(F')}, \quad "
        r"X' = \mathrm{DCT}(X)"
    ),
)
def fmi_dct(t: Triplet) -> Array:
    """Information that the cosine transforms of the fused image and each source share, averaged.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        For natural images in [0, 1], higher is better; symmetric in the sources; three identical
        images give 1.

    Raises
    ------
    ValueError
        If a side is below 3 pixels.

    Notes
    -----
    As `fmi_pixel`, on windows of the orthonormal cosine transform of the whole image. Coefficients
    are rounded to 1e-9, below which they are noise.

    References
    ----------
    .. [1] M. B. A. Haghighat, A. Aghagolzadeh, H. Seyedarabi, "A non-reference image fusion metric
       based on mutual information of image features," Comput. Electr. Eng. 37(5), 744-756, 2011.
       doi:10.1016/j.compeleceng.2011.07.012
    """
    return _mutual_information(t, lambda name: _rounded(cosine_transform(t[name]), t.xp))


@metric(
    slug="fmi_w",
    label="FMI_{w}",
    title="Feature mutual information of wavelets",
    direction="higher",
    bounds=(float("-inf"), float("inf")),
    needs="sources",
    identity=1.0,
    min_size=WINDOW,
    reference=_PAPER,
    doi=_DOI,
    formula=(
        r"\frac{1}{2|W|} \sum_{S \in \{A, B\}} \sum_{w \in W} "
        r"\frac{2\, I_w(S'; F')}{H_w(S') + H_w(F')}, \quad "
        r"X' = \mathrm{DWT}(X)"
    ),
)
def fmi_w(t: Triplet) -> Array:
    """Information that the wavelet bands of the fused image and each source share, averaged.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        For natural images in [0, 1], higher is better; symmetric in the sources; three identical
        images give 1.

    Raises
    ------
    ValueError
        If a side is below 3 pixels.

    Notes
    -----
    As `fmi_pixel`, on windows of one step of the discrete Meyer transform, its four bands laid in
    a square: approximation and horizontal details above vertical and diagonal ones. Images are
    mirrored at their edges. The filter is computed from Meyer's definition, with the 102 taps of
    MATLAB, whose own table agrees to 5 digits; PyWavelets has another one of 62 taps. Coefficients
    are rounded to 1e-9. No published value could be had to test this against.

    References
    ----------
    .. [1] M. B. A. Haghighat, A. Aghagolzadeh, H. Seyedarabi, "A non-reference image fusion metric
       based on mutual information of image features," Comput. Electr. Eng. 37(5), 744-756, 2011.
       doi:10.1016/j.compeleceng.2011.07.012
    """
    return _mutual_information(t, lambda name: _rounded(wavelet_bands(t[name], t.xp), t.xp))


# -- features ---------------------------------------------------------------------------------


def _gradient(images: Array, xp: Any) -> Array:
    """Central differences along rows, one-sided at both ends."""
    inner = (images[:, :, 2:] - images[:, :, :-2]) / 2
    first, last = images[:, :, 1:2] - images[:, :, :1], images[:, :, -1:] - images[:, :, -2:-1]
    return xp.concat([first, inner, last], axis=2)


def _rounded(features: Array, xp: Any) -> Array:
    return xp.round(features / STEP) * STEP


def wavelet_bands(images: Array, xp: Any) -> Array:
    """One step of the discrete Meyer transform, its four bands laid in a square.

    Parameters
    ----------
    images : float64 array, shape (N, H, W)
    xp : namespace

    Returns
    -------
    float64 array, shape (N, 2 * ((H + 101) // 2), 2 * ((W + 101) // 2))
        Approximation and horizontal details (high-pass along columns) above vertical and diagonal
        ones.
    """
    low, high = _filtered(images, xp)
    rows = [_filtered(xp.matrix_transpose(band), xp) for band in (low, high)]
    above = xp.concat([xp.matrix_transpose(pair[0]) for pair in rows], axis=2)
    below = xp.concat([xp.matrix_transpose(pair[1]) for pair in rows], axis=2)
    return xp.concat([above, below], axis=1)


def _filtered(images: Array, xp: Any) -> tuple[Array, Array]:
    """Filter columns, low and high-pass, and keep every second output."""
    length = images.shape[1]
    count = (length + MEYER_TAPS - 1) // 2
    span = 2 * BLOCK + MEYER_TAPS - 2
    blocks = -(-count // BLOCK)
    before = MEYER_TAPS - 2
    after = 2 * BLOCK * blocks + before - before - length
    mirrored = np.pad(np.arange(length), (before, max(after, 0)), mode="symmetric")
    where = device(images)
    longer = xp.take(images, xp.asarray(mirrored, device=where), axis=1)
    filters = xp.asarray(_meyer_matrix(), device=where)
    parts = [
        xp.matmul(filters, longer[:, start : start + span])
        for start in range(0, 2 * BLOCK * blocks, 2 * BLOCK)
    ]
    low = xp.concat([part[:, :BLOCK] for part in parts], axis=1)
    high = xp.concat([part[:, BLOCK:] for part in parts], axis=1)
    return low[:, :count], high[:, :count]


@lru_cache(maxsize=1)
def _meyer_matrix() -> NDArray[np.float64]:
    """Give both filters as a matrix, for `BLOCK` outputs of each from what they reach."""
    low = meyer_taps()
    high = low[::-1] * (-1.0) ** np.arange(1, MEYER_TAPS + 1)
    matrix = np.zeros((2, BLOCK, 2 * BLOCK + MEYER_TAPS - 2))
    for output in range(BLOCK):
        matrix[0, output, 2 * output : 2 * output + MEYER_TAPS] = low[::-1]
        matrix[1, output, 2 * output : 2 * output + MEYER_TAPS] = high[::-1]
    return matrix.reshape(2 * BLOCK, -1)


def meyer_taps() -> NDArray[np.float64]:
    """Low-pass filter of the Meyer wavelet, a 0 and the 101 taps about its centre."""
    samples = 2**14
    turns = np.abs(np.fft.fftfreq(samples))
    x = np.clip(6 * turns - 1, 0.0, 1.0)
    step = x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3)
    half = np.fft.ifft(np.sqrt(2) * np.cos(np.pi / 2 * step)).real[: MEYER_TAPS // 2]
    return np.concatenate([[0.0], half[:0:-1], half])


# -- mutual information of windows --------------------------------------------------------------


def _mutual_information(t: Triplet, feature: Callable[[Name], Array]) -> Array:
    """Agreement of the windows of two sources with those of the fused image, shape (N,)."""
    xp = t.xp
    features = xp.stack([feature("a"), feature("b"), feature("fused")])
    _, count, height, width = features.shape
    height, width = height - WINDOW + 1, width - WINDOW + 1
    total = xp.zeros_like(features[0, :, 0, 0])
    step = min(height, max(1, windows_at_once(features) // (count * width)))
    shape = (PIXELS, 3, count, step, width)
    room = xp.empty(shape, dtype=total.dtype, device=device(total))
    for top in range(0, height, step):
        rows = features[:, :, top : top + step + WINDOW - 1]
        shown = rows.shape[2] - WINDOW + 1
        # Read column by column, as MATLAB does.
        windows = room[:, :, :, :shown]
        for k in range(PIXELS):
            x, y = divmod(k, WINDOW)
            windows[k] = rows[:, :, y : y + shown, x : x + width]
        agreement = _agreement(xp.reshape(windows, (PIXELS, 3, -1)), xp)
        total = total + xp.sum(xp.reshape(agreement, (2, count, -1)), axis=(0, 2))
    return total / (2 * height * width)


def _agreement(windows: Array, xp: Any) -> Array:
    """Normalised mutual information of windows of the sources and the fused image.

    Parameters
    ----------
    windows : float64 array, shape (9, 3, n)
        The values of each window of A, B and F; overwritten.
    xp : namespace

    Returns
    -------
    float64 array, shape (2, n)
    """
    lowest = xp.min(windows, axis=0)
    shares = windows
    shares -= lowest
    rise = xp.sum(shares, axis=0)
    shares /= rise + (rise == 0)
    position = xp.arange(1.0, PIXELS + 1, dtype=windows.dtype, device=device(windows))
    powers = xp.stack([position, position**2])
    mean, square = xp.reshape(xp.matmul(powers, xp.reshape(shares, (PIXELS, -1))), (2, 3, -1))
    # Deviation of the positions over that of the values, which is not 0 but in flat windows.
    variance = square - mean**2
    variance *= variance > 0
    deviation = xp.sqrt(variance / xp.abs(sum_of_products(shares, shares) - 1 / PIXELS))
    shares += NOTHING
    entropy = -sum_of_products(shares, xp.log(shares))

    # Every source with the fused image.
    both = entropy[:2] + entropy[2]
    product = sum_of_products(shares[:, :2], shares[:, 2:]) - 1 / PIXELS
    opposed = product < 0
    # The lower bound is the upper one with the positions of one distribution in reverse.
    source = xp.where(opposed, xp.flip(shares[:, :2], axis=0), shares[:, :2])
    mean_source = xp.where(opposed, PIXELS + 1 - mean[:2], mean[:2])
    length, independent, mean_product = _upper_bound(source, shares[:, 2:], xp)
    covariance = mean_product - mean_source * mean[2]
    one = xp.ones_like(both)
    weight = xp.abs(product) / xp.where(covariance > 0, covariance, one)
    weight *= deviation[:2] * deviation[2]
    rest = 1 - weight

    # The mixture over what independence gives: `rest`, but for the pairs of positions that the
    # bound couples, no more than 17 of 81.
    ratio = length
    ratio /= independent
    ratio *= weight
    ratio += rest
    uncoupled = 1 - xp.sum(independent, axis=0)
    independent *= ratio
    # Weights above 1 make some of it negative; published code drops the imaginary part likewise.
    xp.abs(ratio, out=ratio)
    ratio += NOTHING
    shared = sum_of_products(independent, xp.log(ratio, out=ratio))
    shared = shared + uncoupled * rest * xp.log(xp.abs(rest) + NOTHING)

    # Without entropy both windows are flat, or hold one bright pixel each.
    simple = both < NOTHING**0.5
    equal = (rise[:2] == 0) | ((lowest[:2] == lowest[2]) & (product > 0))
    equal = equal & (rise[:2] == rise[2])
    return xp.where(simple, xp.astype(equal, both.dtype), 2 * shared / xp.where(simple, one, both))


def _upper_bound(source: Array, fused: Array, xp: Any) -> tuple[Array, Array, Array]:
    """Pairs of positions that the upper Frechet bound of two distributions couples.

    The ends of the shares, laid one after the other, cut [0, 1] into intervals, each within the
    share of one position of the source and of one of the fused image.

    Parameters
    ----------
    source : float64 array, shape (9, 2, n)
    fused : float64 array, shape (9, 1, n)
    xp : namespace

    Returns
    -------
    length, independent : float64 array, shape (18, 2, n)
        For each pair its share in the bound, and in independence. One pair only separates the two
        images: it has no share in the bound.
    mean_product : float64 array, shape (2, n)
        Mean of the product of the positions in the bound.
    """
    _, sources, count = source.shape
    where = device(source)
    last = 2 * PIXELS
    # Eight inner ends of the source after a 0, then nine of the fused image after another 0.
    shares = xp.empty((last + 1, sources, count), dtype=source.dtype, device=where)
    shares[:PIXELS], shares[PIXELS:last], shares[last] = source, fused, NOTHING
    ends = xp.empty_like(shares)
    ends[0], ends[PIXELS] = 0.0, 0.0
    for k in (*range(1, PIXELS), *range(PIXELS + 1, last + 1)):
        xp.add(ends[k - 1], shares[k - 1], out=ends[k])

    # The interval that ends at row k + 1 lies in share k of its own and in this one of the other.
    below = (ends[1:PIXELS, None] < ends[PIXELS + 1 :]).view(xp.int8)
    other = xp.empty((last, sources, count), dtype=xp.int8, device=where)
    other[: PIXELS - 1] = last - xp.sum(below, axis=1, dtype=xp.int8)
    other[PIXELS - 1] = last
    other[PIXELS:] = xp.sum(below, axis=0, dtype=xp.int8)
    index = xp.astype(other, xp.int64)
    index *= sources * count
    index += xp.reshape(xp.arange(sources * count, device=where), (sources, count))
    index = xp.reshape(index, (-1,))

    def of_other(table: Array) -> Array:
        return xp.reshape(xp.take(xp.reshape(table, (-1,)), index), (last, sources, count))

    start = of_other(ends)
    xp.maximum(start, ends[:-1], out=start)
    length = xp.subtract(ends[1:], start, out=start)
    independent = of_other(shares)
    independent *= shares[:-1]
    length[PIXELS - 1] = 0.0
    other[: PIXELS - 1] -= PIXELS
    other += 1
    own = [*range(1, PIXELS), 0, *range(1, PIXELS + 1)]
    own_position = xp.asarray(own, dtype=length.dtype, device=where)
    position = xp.astype(other, length.dtype)
    position *= length
    mean_product = xp.matmul(own_position, xp.reshape(position, (last, -1)))
    return length, independent, xp.reshape(mean_product, (sources, count))
