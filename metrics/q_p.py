"""Phase congruency preservation of Zhao et al."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from array_api_compat import device, is_torch_array
from numpy.typing import NDArray

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._primitives import (
    gaussian_taps,
    inverse_along,
    medians,
    smooth_in_blocks,
    whole_fourier,
)
from fusebench.metrics._triplet import STRIP, Name, Triplet

# Log-Gabor filters of Kovesi: wavelengths of the scales in pixels, and widths of the filters as
# ratios to the frequency and to the angle between two orientations.
WAVELENGTHS = tuple(3 * 2.1**scale for scale in range(4))
BANDWIDTH = 0.55
ORIENTATIONS = 6
ANGLE = math.pi / ORIENTATIONS / 1.2
# Low-pass filter that takes the corners off the spectrum.
CUTOFF, SHARPNESS = 0.45, 15
# Noise is cut off two deviations above its mean, and found to be overestimated by 1.7.
DEVIATIONS, OVERESTIMATED = 2.0, 1.7
# A feature on a single scale is discounted.
SPREAD, SPREAD_SLOPE = 0.5, 10.0
LITTLE, TINIEST = 1e-4, 1e-300

# A source pixel has a feature where its phase congruency is above this.
FEATURE = 0.1
# Features are correlated under this Gaussian window.
WINDOW, SIGMA = 11, 1.5
C = 1e-4


@dataclass(frozen=True)
class _Features:
    """Phase congruency of an image, and its largest and smallest moment over the directions."""

    congruency: Array
    edge: Array
    corner: Array


@dataclass(frozen=True)
class _Orientation:
    """Angular factor of the filters of one orientation, shape (H, W).

    It is real, but NumPy multiplies complex numbers by each other faster than by real ones.
    """

    angle: float
    angular: NDArray[np.complex128]
    # Noise threshold for an image whose median squared response on the finest scale is 1.
    threshold: float


@dataclass(frozen=True)
class _Bank:
    """Filters of all scales and orientations: products of a radial and an angular factor.

    They answer to one side of the spectrum, so that a response is complex: its real part is the
    one of an even filter, its imaginary part that of an odd one.
    """

    radial: list[NDArray[np.float64]]
    orientations: list[_Orientation]


@metric(
    slug="q_p",
    label="Q_P",
    title="Phase congruency preservation",
    direction="higher",
    bounds=(-1.0, 1.0),
    needs="sources",
    min_size=28,
    reference="J. Zhao, R. Laganiere, Z. Liu, Int. J. Innov. Comput. Inf. Control 3(6A), 2007",
    doi="",
    formula=(
        r"P_p\, P_M\, P_m, \quad P_k = \frac{1}{|\Omega|} \sum_{x,y \in \Omega} "
        r"\max\bigl(c_{AF}^k, c_{BF}^k, c_{SF}^k\bigr), \quad "
        r"c_{XF}^k = \frac{\sigma_{XF} + 10^{-4}}{\sigma_X \sigma_F + 10^{-4}},\ "
        r"S = \begin{cases} A & p_A > p_B \\ B & \text{else} \end{cases},\ "
        r"\Omega = \{p_A > 0.1 \text{ or } p_B > 0.1\}"
    ),
)
def q_p(t: Triplet) -> Array:
    """Correlation of the edges and corners of the fused image with those of the sources.

    Edges and corners are found by phase congruency, which does not depend on contrast.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [-1, 1], higher is better; symmetric in the sources. Three identical images give 0.92 to
        0.98, because weak features are left out of the sources only. NaN where the fused image is
        constant or no source has a feature.

    Raises
    ------
    ValueError
        If a side is below 28 pixels.

    Notes
    -----
    Product of three means: of phase congruency, its largest moment and its smallest. In each, the
    fused image is correlated with either source and with the more congruent of the two in every
    pixel, under a Gaussian window of 11x11 pixels, sigma 1.5, with zeros beyond the border, and
    the largest correlation counts. Phase congruency by Kovesi's log-Gabor filters (four scales
    from 3 pixels, six orientations) in the form of Liu et al. (2012), whose low-pass filter lies
    one frequency off in images of odd size; this changes values by up to 2e-4, of an image of
    101x103 pixels by 0.2 %.

    References
    ----------
    .. [1] J. Zhao, R. Laganiere, Z. Liu, "Performance assessment of combinative pixel-level image
       fusion based on an absolute feature measurement," Int. J. Innov. Comput. Inf. Control
       3(6A), 1433-1447, 2007.
    .. [2] P. Kovesi, "Image features from phase congruency," Videre 1(3), 1-26, 1999.
    .. [3] Z. Liu et al., "Objective assessment of multiresolution image fusion algorithms for
       context enhancement in night vision: a comparative study," IEEE Trans. Pattern Anal. Mach.
       Intell. 34(1), 94-109, 2012. doi:10.1109/TPAMI.2011.109
    """
    xp = t.xp
    features = t.once("features", lambda: _features(t))
    a, b, fused = features["a"], features["b"], features["fused"]
    of_a = a.congruency > b.congruency
    masks = [a.congruency > FEATURE, b.congruency > FEATURE]
    masks.append(masks[0] | masks[1])
    count = t.total(xp.astype(masks[2], xp.float64))
    none = count == 0
    value = 1.0
    for kind in ("congruency", "edge", "corner"):
        maps = [getattr(a, kind), getattr(b, kind)]
        maps.append(xp.where(of_a, *maps))
        total = _best_correlation(maps, masks, getattr(fused, kind), xp)
        value = value * total / xp.where(none, xp.ones_like(count), count)
    value = t.undefined_where(none, value, "no source has a feature")
    return t.undefined_where(t.constant("fused"), value, "the fused image is constant")


def _best_correlation(maps: list[Array], masks: list[Array], fused: Array, xp: Any) -> Array:
    """Largest local correlation of maps with the fused one, summed over the pixels in a mask."""
    taps, reach = gaussian_taps(WINDOW, SIGMA), WINDOW // 2
    count, height, width = fused.shape

    def surrounded(image: Array) -> Array:
        wide = xp.zeros(
            (count, height + 2 * reach, width + 2 * reach), dtype=image.dtype, device=device(image)
        )
        wide[:, reach:-reach, reach:-reach] = image
        return wide

    def mean(image: Array) -> Array:
        return smooth_in_blocks(image, taps)

    images = [surrounded(v * xp.astype(m, v.dtype)) for v, m in zip(maps, masks, strict=True)]
    fused = surrounded(fused)
    total = 0.0
    for rows in _strips(maps[0]):
        above_and_below = slice(rows.start, rows.stop + 2 * reach)
        f = fused[:, above_and_below]
        mean_f = mean(f)
        var_f = mean(f**2) - mean_f**2
        best = xp.zeros_like(mean_f)
        for index, (image, mask) in enumerate(zip(images, masks, strict=True)):
            s, inside = image[:, above_and_below], mask[:, rows]
            mean_s = mean(s)
            var_s = mean(s**2) - mean_s**2
            cov = mean(s * f) - mean_s * mean_f
            correlation = (cov + C) / (xp.sqrt(xp.abs(var_s * var_f)) + C)
            correlation = xp.where(inside, correlation, xp.zeros_like(correlation))
            best = correlation if index == 0 else xp.maximum(best, correlation)
        total = total + xp.sum(best, axis=(-2, -1))
    return total


def _strips(images: Array) -> Iterator[slice]:
    """Rows that are worked on at a time, to stay in the processor's cache."""
    count, height, width = images.shape
    step = height if is_torch_array(images) else max(1, STRIP // (count * width))
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


# -- phase congruency -----------------------------------------------------------------------------


def _features(t: Triplet) -> dict[Name, _Features]:
    """Features of all three images, which share the filters."""
    _, height, width = t.shape
    bank = _bank(height, width)
    names: tuple[Name, ...] = ("a", "b", "fused")
    # Room for the spectrum seen on all scales, and for the responses in one orientation. New memory
    # for each would cost as much time as filling it.
    shape = (2, len(bank.radial), *t.shape)
    room = t.xp.empty(shape, dtype=t.xp.complex128, device=device(t.a))
    return {name: _features_of(t[name], bank, room, t.xp) for name in names}


def _features_of(image: Array, bank: _Bank, room: Array, xp: Any) -> _Features:
    where = device(image)
    # The image less its first pixel: the spectrum of a constant one then is 0, without noise.
    spectrum = whole_fourier(image - image[:, :1, :1])
    scales, filtered = room[0], room[1]
    for scale, radial in zip(scales, bank.radial, strict=True):
        xp.multiply(spectrum, xp.asarray(radial, device=where), out=scale)
    length, power = xp.empty_like(image), xp.empty_like(image)
    sums = [xp.zeros_like(image) for _ in range(5)]
    for orientation in bank.orientations:
        angular = xp.asarray(orientation.angular, device=where)
        xp.multiply(scales, angular, out=filtered)
        columns = inverse_along(filtered, -2)
        finest = []
        for rows in _strips(image):
            finest.append(inverse_along(columns[0][:, rows], -1))
            xp.abs(finest[-1], out=length[:, rows])
            xp.square(length[:, rows], out=power[:, rows])
        noise = orientation.threshold * xp.sqrt(medians(power))
        for rows, first in zip(_strips(image), finest, strict=True):
            responses = [first, *(inverse_along(column[:, rows], -1) for column in columns[1:])]
            strips = [total[:, rows] for total in sums]
            _add(strips, responses, length[:, rows], noise[:, None, None], orientation.angle, xp)
    return _moments(sums, xp)


def _add(
    sums: list[Array], responses: list[Array], length: Array, noise: Array, angle: float, xp: Any
) -> None:
    """Add to the sums, in place, what the responses in one orientation contribute.

    Parameters
    ----------
    sums : list of float64 array, shape (N, H, W)
        Of the energy in phase above the noise, of the amplitude, and of their ratio's square as
        it is and times the cosine and the sine of twice the angle.
    responses : list of complex128 array, shape (N, H, W)
        From fine to coarse; the even response is the real part. Overwritten.
    length : float64 array, shape (N, H, W)
        Of the finest response.
    noise : float64 array, shape (N, 1, 1)
    angle : float
    xp : array namespace
    """
    first, length = length, xp.abs(responses[1])
    amplitude, strongest = first + length, xp.maximum(first, length)
    total = responses[0] + responses[1]
    for response in responses[2:]:
        xp.abs(response, out=length)
        amplitude += length
        xp.maximum(strongest, length, out=strongest)
        total += response
    # Each response is split along their mean direction and across it.
    size = xp.abs(total)
    energy = size**2
    turned = xp.conj(total)
    for response in responses:
        response *= turned
        energy -= xp.abs(xp.imag(response), out=length)
    size += LITTLE
    energy /= size
    energy -= noise
    strongest += LITTLE
    spread = xp.divide(amplitude, strongest, out=strongest)
    spread *= -SPREAD_SLOPE / len(WAVELENGTHS)
    spread += SPREAD_SLOPE * SPREAD
    steep = xp.exp(spread, out=spread)
    steep += 1
    energy *= energy > 0
    energy /= steep
    sums[0] += energy
    sums[1] += amplitude
    # Where nothing answers the ratio is 0; elsewhere the summand changes nothing.
    amplitude += TINIEST
    energy /= amplitude
    square = xp.square(energy, out=energy)
    sums[2] += square
    sums[3] += xp.multiply(square, math.cos(2 * angle), out=length)
    sums[4] += xp.multiply(square, math.sin(2 * angle), out=length)


def _moments(sums: list[Array], xp: Any) -> _Features:
    """Turn the sums into features, in place."""
    half = ORIENTATIONS / 2
    for rows in _strips(sums[0]):
        energy, amplitude, both, difference, mixed = (total[:, rows] for total in sums)
        energy /= amplitude + LITTLE
        both /= half
        difference /= half
        mixed /= 2 * ORIENTATIONS
        root = xp.sqrt(mixed**2 + difference**2) + LITTLE
        difference[...] = (both - root) / 2
        both += root
        both /= 2
    return _Features(congruency=sums[0], edge=sums[2], corner=sums[3])


# -- filters --------------------------------------------------------------------------------------


# The bank of one size takes as much memory as sixteen images.
@lru_cache(maxsize=1)
def _bank(height: int, width: int) -> _Bank:
    y, x, low_pass = _grid(height, width)
    radial = list(_radial(y, x, low_pass))
    summed = sum(radial)
    theta = np.arctan2(-y, x)
    orientations = []
    for index in range(ORIENTATIONS):
        angle = index * math.pi / ORIENTATIONS
        angular = _angular(theta, angle)
        # Noise power by the median of the squared response on the finest scale, and from it the
        # energy of noise on all scales together, by the even filters.
        power = float(((radial[0] * angular) ** 2).sum())
        one_side = summed * angular
        even = (one_side + np.roll(one_side[::-1, ::-1], 1, axis=(0, 1))) / 2
        deviation = math.sqrt(float((even**2).sum()) / (power * math.log(2)))
        mean = math.sqrt(math.pi / 2) + DEVIATIONS * math.sqrt(2 - math.pi / 2)
        threshold = deviation * mean / OVERESTIMATED
        orientations.append(_Orientation(angle, angular.astype(np.complex128), threshold))
    return _Bank(radial, orientations)


def _grid(
    height: int, width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies down and across of a Fourier transform, and their low-pass filter."""

    def centred(n: int) -> NDArray[np.float64]:
        return np.arange(n, dtype=np.float64) - n // 2

    # As in the code: the step of odd sizes is that of one pixel less, and their low-pass filter
    # is shifted to the corners one frequency too far.
    y, x = (np.fft.ifftshift(centred(n)) / (n - 1 if n % 2 else n) for n in (height, width))
    v, u = (np.fft.fftshift(centred(n)) / n for n in (height, width))
    square = (v[:, None] ** 2 + u**2) / CUTOFF**2
    return y[:, None], x, 1 / (1 + square**SHARPNESS)


def _radial(
    y: NDArray[np.float64], x: NDArray[np.float64], low_pass: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Log-Gabor filters of all scales, whatever the orientation."""
    square = y**2 + x**2
    square[0, 0] = 1
    log = np.log(square) / 2
    for wavelength in WAVELENGTHS:
        values = np.exp(-((log + math.log(wavelength)) ** 2) / (2 * math.log(BANDWIDTH) ** 2))
        values *= low_pass
        values[0, 0] = 0
        yield values


def _angular(theta: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Gaussian of the distance from an orientation."""
    distance = np.abs(theta - angle)
    distance = np.minimum(distance, 2 * math.pi - distance)
    return np.exp(-(distance**2) / (2 * ANGLE**2))
