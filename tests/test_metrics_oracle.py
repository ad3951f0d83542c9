"""The metrics against values that our code had no part in.

Two kinds of source, named in each section; published toolboxes are in test_agreement.py.

* ORACLE: scikit-image and SciPy, run here.
* BY HAND: formulas written out for small images, or once more from the paper with plain loops.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy import stats
from scipy.signal import convolve2d
from skimage import data
from skimage.measure import shannon_entropy
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from fusebench import metrics
from fusebench.bench.images import luma
from fusebench.bench.types import Image
from fusebench.metrics import score

# -- tolerances, relative unless said otherwise -----------------------------------------------

# Sums in float64 in another order.
FLOAT64 = 1e-9
# Formulas for a handful of pixels.
BY_HAND = 1e-12


# -- scikit-image and SciPy -------------------------------------------------------------------


@cache
def photographs() -> tuple[Image, Image, Image]:
    """Two photographs from the scikit-image wheel and their mixture."""
    a = data.camera()[100:196, 200:300]
    b = luma(data.astronaut())[20:116, 180:280]
    return a, b, ((2 * a.astype(int) + b) // 3).astype(np.uint8)


def sides() -> list[tuple[Image, Image]]:
    a, b, fused = photographs()
    return [(a, fused), (b, fused)]


def test_entropy_is_that_of_scikit_image() -> None:
    a, b, fused = photographs()
    assert metrics.en(a, b, fused) == pytest.approx(shannon_entropy(fused, base=2), rel=FLOAT64)


def test_similarity_is_that_of_scikit_image() -> None:
    expected = []
    for source, fused in sides():
        _, similarity = structural_similarity(
            source,
            fused,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
            full=True,
        )
        # Full 11x11 windows only: the rest is filled by reflection.
        expected.append(similarity[5:-5, 5:-5].mean())
    a, b, fused = photographs()
    assert metrics.ssim(a, b, fused) == pytest.approx(sum(expected), rel=FLOAT64)
    assert metrics.ssim_ref(a, b, fused, reference=b) == pytest.approx(expected[1], rel=FLOAT64)


def test_signal_to_noise_is_that_of_scikit_image() -> None:
    a, b, fused = photographs()
    error = np.mean([mean_squared_error(source, fused) for source in (a, b)])
    assert metrics.psnr(a, b, fused) == pytest.approx(10 * np.log10(255**2 / error), rel=FLOAT64)
    expected = peak_signal_noise_ratio(b, fused, data_range=255)
    assert metrics.psnr_ref(a, b, fused, reference=b) == pytest.approx(expected, rel=FLOAT64)


def test_information_is_that_of_scipy() -> None:
    expected = 0.0
    for source, fused in sides():
        joint = np.histogram2d(source.ravel(), fused.ravel(), bins=256, range=[[0, 256]] * 2)[0]
        joint /= joint.sum()
        independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
        expected += float(stats.entropy(joint.ravel(), independent.ravel(), base=2))
    a, b, fused = photographs()
    assert metrics.mi(a, b, fused) == pytest.approx(expected, rel=FLOAT64)


def test_correlations_of_differences_are_those_of_scipy() -> None:
    a, b, fused = (image.ravel().astype(float) for image in photographs())
    expected = stats.pearsonr(fused - b, a)[0] + stats.pearsonr(fused - a, b)[0]
    assert metrics.scd(*photographs()) == pytest.approx(expected, rel=FLOAT64)


# -- by hand: a few pixels --------------------------------------------------------------------

BLANK = np.zeros((4, 4), dtype=np.uint8)
RAMP = np.tile(np.array([0, 10, 20, 30], dtype=np.uint8), (4, 1))
HALVES = np.repeat(np.array([[0, 0, 8, 8]], dtype=np.uint8), 4, axis=0)
STRIPES = np.repeat(np.array([[0], [8], [0], [8]], dtype=np.uint8), 4, axis=1)
# One white pixel in the corner of a 5x5 image.
CORNER = np.zeros((5, 5), dtype=np.uint8)
CORNER[0, 0] = 100


def test_entropy_by_hand() -> None:
    assert metrics.en(BLANK, BLANK, RAMP) == 2  # Four levels, equally often.
    assert metrics.en(BLANK, BLANK, HALVES) == 1
    assert metrics.en(BLANK, BLANK, BLANK) == 0
    # One pixel of 25, and 24 of 25.
    expected = math.log2(25) - 24 / 25 * math.log2(24)
    assert metrics.en(CORNER, CORNER, CORNER) == pytest.approx(expected, rel=BY_HAND)


def test_standard_deviation_by_hand() -> None:
    # Deviations of 15, 5, 5, 15: sqrt((225 + 25) / 2).
    assert metrics.sd(BLANK, BLANK, RAMP) == pytest.approx(math.sqrt(125), rel=BY_HAND)
    assert metrics.sd(BLANK, BLANK, HALVES) == 4


def test_spatial_frequency_by_hand() -> None:
    # All 12 horizontal differences are 10, all 12 vertical ones 0.
    assert metrics.sf(BLANK, BLANK, RAMP) == 10
    # All 12 vertical differences are 8.
    assert metrics.sf(BLANK, BLANK, STRIPES) == 8
    # One of 20 differences is 100 in each direction.
    expected = math.sqrt(2 * 100**2 / 20)
    assert metrics.sf(CORNER, CORNER, CORNER) == pytest.approx(expected, rel=BY_HAND)


def test_average_gradient_by_hand() -> None:
    # The gradient is 10 everywhere, also one-sidedly on the border.
    assert metrics.ag(BLANK, BLANK, RAMP) == pytest.approx(10 / math.sqrt(2), rel=BY_HAND)
    # Rows: 8 and 8 on the border, 0 inside, where the neighbours are equal.
    assert metrics.ag(BLANK, BLANK, STRIPES) == pytest.approx(8 / math.sqrt(2) / 2, rel=BY_HAND)
    # (100, 100) in the corner, (50, 0) and (0, 50) beside it; 25 pixels.
    expected = (100 + 2 * math.sqrt(50**2 / 2)) / 25
    assert metrics.ag(CORNER, CORNER, CORNER) == pytest.approx(expected, rel=BY_HAND)


def test_mutual_information_by_hand() -> None:
    # The ramp tells which half; the stripes are independent of it.
    assert metrics.mi(HALVES, STRIPES, RAMP) == pytest.approx(1, rel=BY_HAND)
    assert metrics.mi(HALVES, STRIPES, STRIPES) == pytest.approx(1, rel=BY_HAND)
    assert metrics.mi(HALVES, HALVES, RAMP) == pytest.approx(2, rel=BY_HAND)
    assert metrics.mi(RAMP, RAMP, RAMP) == pytest.approx(4, rel=BY_HAND)


def test_correlations_of_differences_by_hand() -> None:
    # What the sum adds to each source is the other source.
    both = HALVES + STRIPES
    assert metrics.scd(HALVES, STRIPES, both) == pytest.approx(2, rel=BY_HAND)
    # corr(F - B, A) with F = A is corr(A - B, A): cov = 16, variances 32 and 16; F - A is flat.
    assert math.isnan(metrics.scd(HALVES, STRIPES, HALVES))
    # F = 2A + B gives corr(2A, A) = 1 and corr(A + B, B) = 16 / sqrt(32 * 16).
    twice = 2 * HALVES + STRIPES
    expected = 1 + 1 / math.sqrt(2)
    assert metrics.scd(HALVES, STRIPES, twice) == pytest.approx(expected, rel=BY_HAND)


def test_signal_to_noise_by_hand() -> None:
    # Squared errors: 0 to the halves, (0 + 0 + 64 + 64) / 4 = 32 to the blank; their mean is 16.
    expected = 10 * math.log10(255**2 / 16)
    assert metrics.psnr(HALVES, BLANK, HALVES) == pytest.approx(expected, rel=BY_HAND)
    white = np.full((4, 4), 255, dtype=np.uint8)
    assert metrics.psnr(BLANK, BLANK, white) == 0


def test_universal_index_of_one_window() -> None:
    a, b, fused = (image[40:48, 30:38] for image in photographs())

    def index(x: Image, y: Image) -> float:
        mx, my = x.mean(), y.mean()
        cov = ((x - mx) * (y - my)).mean()
        return float(4 * cov * mx * my / ((x.var() + y.var()) * (mx**2 + my**2)))

    expected = (index(a, fused) + index(b, fused)) / 2
    assert metrics.q0(a, b, fused) == pytest.approx(expected, rel=BY_HAND)


def test_universal_index_of_flat_windows() -> None:
    dark, light = np.full((8, 8), 10, dtype=np.uint8), np.full((8, 8), 30, dtype=np.uint8)
    # Only the means count: 2 * 10 * 30 / (10^2 + 30^2) = 0.6, and 1 with itself.
    assert metrics.q0(dark, light, light) == pytest.approx((0.6 + 1) / 2, rel=BY_HAND)


def test_edge_preservation_of_an_image_in_itself() -> None:
    # The ratio is the strength itself, so large that the first sigmoid is at its gain.
    expected = 0.9994 * 0.9879 / (1 + math.exp(-22 * (1 - 0.8)))
    a, _, _ = photographs()
    white = np.full((5, 5), 255, dtype=np.uint8)
    assert metrics.qabf(white, white, white) == pytest.approx(expected, rel=BY_HAND)
    # Weak edges of a photograph are a little below it.
    assert metrics.qabf(a, a, a) == pytest.approx(expected, rel=1e-6)


def test_edge_preservation_of_a_step_at_right_angles() -> None:
    # Zeros all around a single white pixel: eight edges of strength 2, sqrt(2), 2, ... times 100,
    # at angles of 0, 45 and 90 degrees. A fused image without edges keeps none of the strength:
    # ratio 0, and its orientation counts as 90 degrees, as that of all flat areas.
    source, fused = np.zeros((5, 5), dtype=np.uint8), np.zeros((5, 5), dtype=np.uint8)
    source[2, 2] = 100
    strength = 0.9994 / (1 + math.exp(15 * 0.5))

    def orientation(turn: float) -> float:
        return 0.9879 / (1 + math.exp(-22 * (turn - 0.8)))

    diagonal = math.sqrt(2)
    # Left and right: gy = 0, angle 0, turned by 90 degrees. Above and below: gx = 0, turned by 0.
    # Two corners lie at +45 degrees, two at -45 degrees, which is 135 degrees away.
    kept = 2 * (2 * orientation(0) + 2 * orientation(1))
    kept += diagonal * (2 * orientation(0.5) + 2 * orientation(-0.5))
    expected = strength * kept / (4 * 2 + 4 * diagonal)
    assert metrics.qabf(source, source, fused) == pytest.approx(expected, rel=BY_HAND)


# -- by hand: the formulas of the papers once more, with plain loops --------------------------

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def edges(image: Image) -> tuple[np.ndarray, np.ndarray]:
    # The sense of the vertical axis is that of the published code, where conv2 turns the kernel.
    gx = convolve2d(image.astype(float), np.flip(SOBEL), mode="same")
    gy = convolve2d(image.astype(float), SOBEL.T, mode="same")
    angle = np.empty(image.shape)
    for pixel in np.ndindex(image.shape):
        angle[pixel] = math.atan(gy[pixel] / gx[pixel]) if gx[pixel] else math.pi / 2
    return np.hypot(gx, gy), angle


def test_edge_preservation_from_the_paper() -> None:
    a, b, fused = photographs()
    strength_f, angle_f = edges(fused)
    kept = weight = 0.0
    for source in (a, b):
        strength, angle = edges(source)
        for pixel in np.ndindex(source.shape):
            weaker, stronger = sorted((strength[pixel], strength_f[pixel]))
            ratio = weaker / stronger if weaker != stronger else weaker
            turn = 1 - abs(angle[pixel] - angle_f[pixel]) * 2 / math.pi
            q = 0.9994 / (1 + math.exp(-15 * (ratio - 0.5)))
            q *= 0.9879 / (1 + math.exp(-22 * (turn - 0.8)))
            kept += q * strength[pixel]
            weight += strength[pixel]
    assert metrics.qabf(a, b, fused) == pytest.approx(kept / weight, rel=FLOAT64)


def gaussian(size: int, sigma: float) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    window = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return window / window.sum()


def local(x: np.ndarray, y: np.ndarray, window: np.ndarray) -> tuple[np.ndarray, ...]:
    """Means, variances and covariance in every full window."""
    mean_x, mean_y, xx, yy, xy = (
        convolve2d(image, window, mode="valid") for image in (x, y, x * x, y * y, x * y)
    )
    return mean_x, mean_y, xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y


def fidelity(source: np.ndarray, fused: np.ndarray) -> float:
    """Visual information fidelity, as in vifp_mscale.m of its authors."""
    kept = whole = 0.0
    for scale in range(1, 5):
        size = 2 ** (4 - scale + 1) + 1
        window = gaussian(size, size / 5)
        if scale > 1:
            source = convolve2d(source, window, mode="valid")[::2, ::2]
            fused = convolve2d(fused, window, mode="valid")[::2, ::2]
        _, _, var_s, var_f, cov = local(source, fused, window)
        for vs, vf, c in zip(var_s.flat, var_f.flat, cov.flat, strict=True):
            vs, vf = max(vs, 0.0), max(vf, 0.0)
            gain, rest = c / (vs + 1e-10), vf
            rest = vf - gain * c
            if vs < 1e-10:
                gain, rest, vs = 0.0, vf, 0.0
            if vf < 1e-10:
                gain, rest = 0.0, 0.0
            if gain < 0:
                gain, rest = 0.0, vf
            kept += math.log10(1 + gain**2 * vs / (max(rest, 1e-10) + 2))
            whole += math.log10(1 + vs / 2)
    return kept / whole


def test_visual_information_from_the_paper() -> None:
    a, b, fused = (image[:60, :64].astype(float) for image in photographs())
    # Flat parts take the branches that a photograph does not.
    b[:30] = 90
    fused[20:, :30] = 17
    expected = fidelity(a, fused) + fidelity(b, fused)
    value = metrics.vif(a, b, fused, data_range=255)
    assert value == pytest.approx(expected, rel=FLOAT64)


def piella(a: np.ndarray, b: np.ndarray, fused: np.ndarray) -> tuple[float, float]:
    """Plain and weighted index of Piella and Heijmans with SSIM as local quality."""
    window, c1, c2 = gaussian(11, 1.5), 6.5025, 58.5225
    quality, saliency = [], []
    for source in (a, b):
        mean_s, mean_f, var_s, var_f, cov = local(source, fused, window)
        similar = (2 * mean_s * mean_f + c1) * (2 * cov + c2)
        similar /= (mean_s**2 + mean_f**2 + c1) * (var_s + var_f + c2)
        quality.append(similar)
        # What is below is rounding noise of a flat window.
        saliency.append(np.where(var_s < 1e-9, 0, var_s))
    both = saliency[0] + saliency[1]
    share = np.where(both > 0, saliency[0] / np.where(both > 0, both, 1), 0.5)
    mixed = share * quality[0] + (1 - share) * quality[1]
    weight = np.maximum(*saliency)
    return float(mixed.mean()), float((mixed * weight).sum() / weight.sum())


def prewitt(image: np.ndarray) -> np.ndarray:
    kernel = np.array([[1, 0, -1]] * 3)
    return np.hypot(
        convolve2d(image, kernel, mode="same"), convolve2d(image, kernel.T, mode="same")
    )


def test_piella_from_the_paper() -> None:
    a, b, fused = (image.astype(float) for image in photographs())
    # A dark part with one lighter pixel in each source: windows that are flat in both, in one, and
    # nearly so.
    a[:40, :40], b[:40, :40] = 0, 3
    a[12, 12], b[20, 25] = 1, 4
    plain, weighted = piella(a, b, fused)
    _, of_edges = piella(prewitt(a), prewitt(b), prewitt(fused))
    values = score(a, b, fused, metrics="piella_q,piella_qw,piella_qe", data_range=255)
    assert values["piella_q"] == pytest.approx(plain, rel=FLOAT64)
    assert values["piella_qw"] == pytest.approx(weighted, rel=FLOAT64)
    assert values["piella_qe"] == pytest.approx(weighted * of_edges, rel=FLOAT64)
