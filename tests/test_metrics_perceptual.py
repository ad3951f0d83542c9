"""Perceptual, structural and phase metrics against values that our code had no part in.

* ORACLE: scikit-image, run here.
* BY HAND: the formulas of the papers once more, with plain loops and full transforms.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import agreement
import numpy as np
import pytest
import torch
from conftest import as_triplet
from numpy.typing import NDArray
from scipy.signal import convolve2d
from skimage import data
from skimage.metrics import structural_similarity

from fusebench import explain, metrics
from fusebench.bench.images import luma
from fusebench.bench.types import Image, InputError
from fusebench.metrics import METRICS, Triplet

Images = tuple[Image, Image, Image]
Grey = NDArray[np.float64]

# -- tolerances, relative ---------------------------------------------------------------------

# Sums in float64, in another order.
FLOAT64 = 1e-9


# -- images -------------------------------------------------------------------------------------


@cache
def photographs(height: int = 48, width: int = 53) -> Images:
    """Two photographs from the scikit-image wheel and their mixture."""
    a = data.camera()[100 : 100 + height, 200 : 200 + width]
    b = luma(data.astronaut())[20 : 20 + height, 180 : 180 + width]
    return a, b, ((2 * a.astype(int) + b) // 3).astype(np.uint8)


@cache
def patched(height: int = 48, width: int = 53) -> Images:
    """Photographs with flat, black and inverted parts: windows flat in one, two or all images."""
    a, b, fused = (image.copy() for image in photographs(height, width))
    a[:20, :20], b[:12, :30], fused[:10, :12] = 255, 0, 90
    fused[30:, 30:] = 255 - a[30:, 30:]
    b[30:, 38:] = (255 - a[30:, 38:]) // 2 + 60
    return a, b, fused


def grey(planes: Images) -> tuple[Grey, Grey, Grey]:
    a, b, fused = (plane.astype(np.float64) for plane in planes)
    return a, b, fused


def gaussian(size: int, sigma: float) -> Grey:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    window: Grey = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return window / window.sum()


def local(x: Grey, y: Grey, window: Grey, mode: str = "valid") -> tuple[Grey, ...]:
    """Means, variances and covariance in every window."""
    mean_x, mean_y, xx, yy, xy = (
        convolve2d(image, window, mode=mode) for image in (x, y, x * x, y * y, x * y)
    )
    return mean_x, mean_y, xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y


# -- Q_CB and Q_CV ----------------------------------------------------------------------------


def stretch(image: Grey) -> Grey:
    low, high = image.min(), image.max()
    return np.array([[math.floor((x - low) / (high - low) * 255 + 0.5) for x in r] for r in image])


def radius(shape: tuple[int, int], divisor: int) -> Grey:
    """As freqspace gives it: -1 to 1, from the centre, times the size over the divisor."""
    axes = [(np.arange(n) - n // 2) * 2 / n * (n / divisor) for n in shape]
    return np.hypot(axes[0][:, None], axes[1])


def filtered(image: Grey, response: Grey) -> Grey:
    spectrum = np.fft.fftshift(np.fft.fft2(image)) * response
    return np.fft.ifft2(np.fft.ifftshift(spectrum)).real


@pytest.mark.parametrize("shape", [(40, 44), (41, 37)])
def test_contrast_preservation_from_the_paper(shape: tuple[int, int]) -> None:
    planes = photographs(*shape)
    r = radius(shape, 30)
    response = np.exp(-((r / 15.3870) ** 2)) - 0.7622 * np.exp(-((r / 1.3456) ** 2))
    y, x = np.mgrid[-15:16, -15:16]
    masked = []
    for image in grey(planes):
        seen = filtered(stretch(image), response)
        blurs = []
        for sigma in (2, 4):
            kernel = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
            blurs.append(convolve2d(seen, kernel, mode="same"))
        contrast = np.abs(blurs[0] / blurs[1] - 1)
        masked.append(contrast**3 / (contrast**2 + 1e-4))
    a, b, fused = masked
    total = 0.0
    for ca, cb, cf in zip(a.flat, b.flat, fused.flat, strict=True):
        share = ca**2 / (ca**2 + cb**2)
        total += share * min(ca, cf) / max(ca, cf) + (1 - share) * min(cb, cf) / max(cb, cf)
    assert metrics.q_cb(*planes) == pytest.approx(total / a.size, rel=FLOAT64)


@pytest.mark.parametrize("shape", [(48, 32), (41, 37), (9, 50)])
def test_visible_difference_from_the_paper(shape: tuple[int, int]) -> None:
    planes = photographs(*shape)
    a, b, fused = (stretch(image) for image in grey(planes))
    r = radius(shape, 8)
    response = 2.6 * (0.0192 + 0.144 * r) * np.exp(-((0.144 * r) ** 1.1))
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    visible = weight = 0.0
    for source in (a, b):
        gx, gy = (convolve2d(source, k, mode="same") for k in (kernel, kernel.T))
        edges = np.sqrt(gx**2 + gy**2) ** 5
        difference = filtered(source - fused, response) ** 2
        for top in range(0, shape[0], 16):
            for left in range(0, shape[1], 16):
                region = np.s_[top : top + 16, left : left + 16]
                # Also of a region cut by the border.
                visible += edges[region].sum() * difference[region].sum() / 256
                weight += edges[region].sum()
    assert metrics.q_cv(*planes) == pytest.approx(visible / weight, rel=FLOAT64)


def test_visible_difference_does_not_see_offset_and_contrast() -> None:
    # Levels 0..51, whose stretch is exact.
    levels = (stretch(grey(photographs())[0]) // 5).astype(np.uint8)
    assert metrics.q_cv(levels, levels, 2 * levels + 100) == 0
    assert metrics.q_cb(levels, levels, 2 * levels + 100) == pytest.approx(1, rel=FLOAT64)


# -- Q_Y and Q_C ------------------------------------------------------------------------------


def wang_bovik(x: Grey, y: Grey) -> tuple[Grey, Grey, Grey, Grey]:
    """Similarity with tiny constants, variances and covariance; flat windows exactly so."""
    mean_x, mean_y, var_x, var_y, cov = local(x, y, gaussian(7, 1.5))
    var_x, var_y = (np.where(v < 1e-9, 0, v) for v in (var_x, var_y))
    cov = np.where((var_x == 0) | (var_y == 0), 0, cov)
    c = 2e-16
    similar = (2 * mean_x * mean_y + c) * (2 * cov + c)
    similar /= (mean_x**2 + mean_y**2 + c) * (var_x + var_y + c)
    return similar, var_x, var_y, cov


@pytest.mark.parametrize("planes", [photographs(), patched()], ids=["photographs", "patched"])
def test_yang_from_the_paper(planes: Images) -> None:
    a, b, fused = grey(planes)
    between, var_a, var_b, _ = wang_bovik(a, b)
    of_a, of_b = wang_bovik(a, fused)[0], wang_bovik(b, fused)[0]
    total = 0.0
    for index in np.ndindex(between.shape):
        if between[index] >= 0.75:
            both = var_a[index] + var_b[index]
            share = var_a[index] / both if both else 0.5
            total += share * of_a[index] + (1 - share) * of_b[index]
        else:
            total += max(of_a[index], of_b[index])
    assert metrics.q_y(*planes) == pytest.approx(total / between.size, rel=FLOAT64)


@pytest.mark.parametrize("planes", [photographs(), patched()], ids=["photographs", "patched"])
def test_cvejic_in_the_form_of_liu(planes: Images) -> None:
    a, b, fused = grey(planes)
    of_a, _, _, cov_a = wang_bovik(a, fused)
    of_b, _, _, cov_b = wang_bovik(b, fused)
    total = 0.0
    for index in np.ndindex(of_a.shape):
        both = cov_a[index] + cov_b[index]
        share = cov_a[index] / both if both else 0.5
        if share < 0:
            continue
        total += 1 if share > 1 else share * of_a[index] + (1 - share) * of_b[index]
    expected = pytest.approx(total / of_a.size, rel=FLOAT64)
    assert metrics.q_c(*planes, flat="limit") == expected
    # Noise decides in flat windows only.
    assert (metrics.q_c(*planes) == expected) == (planes is photographs())


def test_noise_of_flat_windows_adds_to_cvejic_in_the_form_of_liu() -> None:
    a, b, fused = photographs()
    flat = np.full_like(b, 255)
    limit = metrics.q_c(a, flat, fused, flat="limit")
    # The weight of the first source is 1 in every window: its similarity is all that counts.
    expected = wang_bovik(*(image.astype(float) for image in (a, fused)))[0].mean()
    assert limit == pytest.approx(expected, rel=FLOAT64)
    assert 0.01 < metrics.q_c(a, flat, fused) - limit < 1


def test_flat_sources_count_alike_in_yang() -> None:
    a, b, fused = (np.full((9, 9), level, dtype=np.uint8) for level in (100, 120, 90))
    # Only the means count: 2xy / (x^2 + y^2).
    expected = (2 * 100 * 90 / (100**2 + 90**2) + 2 * 120 * 90 / (120**2 + 90**2)) / 2
    assert metrics.q_y(a, b, fused) == pytest.approx(expected, rel=1e-12)


def test_noise_decides_where_the_fused_image_is_flat() -> None:
    a, b, _ = photographs()
    flat = np.full_like(a, 90)
    assert 0 <= metrics.q_c(a, b, flat, flat="limit") < 1e-9
    assert 0.01 < metrics.q_c(a, b, flat) < 0.5


def test_covariances_that_cancel_leave_the_sign_of_the_first() -> None:
    a, _, _ = photographs()
    negative = 255 - a
    assert metrics.q_c(a, negative, negative, flat="limit") == 0
    assert metrics.q_c(negative, a, negative, flat="limit") == 1


def test_window_of_octave_is_the_gaussian() -> None:
    module = importlib.import_module("fusebench.metrics.q_c")
    window = np.array(module._octave_window())
    assert np.abs(window - gaussian(7, 1.5)).max() < 1e-17
    assert np.array_equal(window, window.T)
    assert np.array_equal(window, window[::-1])
    image = grey(photographs())[0]
    total = module._octave_sum(image[None], np)
    assert total[0] == pytest.approx(convolve2d(image, window, mode="valid"), rel=1e-14)


def test_cvejic_from_the_paper() -> None:
    planes = patched()
    total = 0.0
    blocks = [(top, left) for top in range(0, 45, 4) for left in range(0, 49, 4)]
    for top, left in blocks:
        a, b, fused = (image[top : top + 4, left : left + 4].ravel() for image in grey(planes))
        cov = [np.cov(source, fused) for source in (a, b)]
        both = cov[0][0, 1] + cov[1][0, 1]
        for source, c in zip((a, b), cov, strict=True):
            spread = (c[0, 0] + c[1, 1]) * (source.mean() ** 2 + fused.mean() ** 2)
            if spread and both:
                share = min(1, max(0, c[0, 1] / both))
                total += share * 4 * c[0, 1] * source.mean() * fused.mean() / spread
    value = metrics.q_c(*planes, form="cvejic")
    assert value == pytest.approx(total / len(blocks), rel=FLOAT64)
    a, b, fused = planes
    assert metrics.q_c(b, a, fused, form="cvejic") == pytest.approx(value, rel=FLOAT64)
    assert metrics.q_c(b, a, fused) != pytest.approx(metrics.q_c(a, b, fused), rel=0.01)


# -- Q_P --------------------------------------------------------------------------------------


def phase_congruency(image: Grey) -> tuple[Grey, Grey, Grey]:
    """Congruency and both moments as in phasecong2 of Kovesi, with complex filters."""
    rows, columns = image.shape
    y, x = ((np.arange(n) - n // 2) / (n - 1 if n % 2 else n) for n in image.shape)
    distance = np.hypot(y[:, None], x)
    distance[rows // 2, columns // 2] = 1
    distance = np.fft.ifftshift(distance)
    theta = np.fft.ifftshift(np.arctan2(-y[:, None], x))
    v, u = ((np.arange(n) - n // 2) / n for n in image.shape)
    low = np.fft.fftshift(1 / (1 + (np.hypot(v[:, None], u) / 0.45) ** 30))
    energy_sum, amplitude_sum = np.zeros(image.shape), np.zeros(image.shape)
    xx, yy, xy = (np.zeros(image.shape) for _ in range(3))
    for angle in np.arange(6) * np.pi / 6:
        sine = np.sin(theta) * np.cos(angle) - np.cos(theta) * np.sin(angle)
        cosine = np.cos(theta) * np.cos(angle) + np.sin(theta) * np.sin(angle)
        spread = np.exp(-(np.arctan2(sine, cosine) ** 2) / (2 * (np.pi / 6 / 1.2) ** 2))
        filters = []
        for scale in range(4):
            log = np.log(distance * 3 * 2.1**scale)
            filters.append(np.exp(-(log**2) / (2 * np.log(0.55) ** 2)) * low * spread)
            filters[-1][0, 0] = 0
        responses = [np.fft.ifft2(np.fft.fft2(image) * f) for f in filters]
        amplitude = sum(np.abs(r) for r in responses)
        mean = sum(responses) / (np.abs(sum(responses)) + 1e-4)
        energy = np.zeros(image.shape)
        for r in responses:
            turned = r * mean.conj()
            energy += turned.real - np.abs(turned.imag)
        power = np.median(np.abs(responses[0]) ** 2) / np.log(2) / (filters[0] ** 2).sum()
        kernels = [np.fft.ifft2(f).real * np.sqrt(image.size) for f in filters]
        noise = sum((k**2).sum() for k in kernels)
        noise += 2 * sum((k * m).sum() for i, k in enumerate(kernels) for m in kernels[i + 1 :])
        tau = np.sqrt(power * noise)
        threshold = (tau * np.sqrt(np.pi / 2) + 2 * np.sqrt(2 - np.pi / 2) * tau) / 1.7
        width = amplitude / (np.max([np.abs(r) for r in responses], axis=0) + 1e-4) / 4
        energy = np.maximum(energy - threshold, 0) / (1 + np.exp(10 * (0.5 - width)))
        energy_sum, amplitude_sum = energy_sum + energy, amplitude_sum + amplitude
        share = energy / amplitude
        xx += (share * np.cos(angle)) ** 2 / 3
        yy += (share * np.sin(angle)) ** 2 / 3
        xy += share**2 * np.cos(angle) * np.sin(angle) / 6
    root = np.sqrt(xy**2 + (xx - yy) ** 2) + 1e-4
    return energy_sum / (amplitude_sum + 1e-4), (xx + yy + root) / 2, (xx + yy - root) / 2


@pytest.mark.parametrize("shape", [(40, 44), (45, 52), (40, 37), (33, 39)])
def test_phase_congruency_from_the_papers(shape: tuple[int, int]) -> None:
    planes = photographs(*shape)
    a, b, fused = (phase_congruency(image) for image in grey(planes))
    first = a[0] > b[0]
    masks = [a[0] > 0.1, b[0] > 0.1]
    masks.append(masks[0] | masks[1])
    expected = 1.0
    for of_a, of_b, of_fused in zip(a, b, fused, strict=True):
        found = []
        for values, mask in zip((of_a, of_b, np.where(first, of_a, of_b)), masks, strict=True):
            _, _, var, var_f, cov = local(values * mask, of_fused, gaussian(11, 1.5), "same")
            found.append(mask * (cov + 1e-4) / (np.sqrt(np.abs(var * var_f)) + 1e-4))
        expected *= np.max(found, axis=0).sum() / masks[2].sum()
    assert metrics.q_p(*planes) == pytest.approx(expected, rel=FLOAT64)


def test_phase_congruency_does_not_see_contrast() -> None:
    # But for the constant beside amplitudes: low contrast counts a little less.
    a, b, fused = (image // 2 for image in photographs(96, 100))
    expected = metrics.q_p(a, b, fused)
    assert metrics.q_p(2 * a + 1, b, 2 * fused) == pytest.approx(expected, rel=1e-4)


# -- VIFF and VIF against a reference ---------------------------------------------------------


@pytest.mark.parametrize(
    "planes", [photographs(60, 64), patched(60, 64)], ids=["natural", "patched"]
)
def test_visual_information_for_fusion_from_the_paper(planes: Images) -> None:
    a, b, fused = grey(planes)
    sources = [a, b]
    expected = 0.0
    for scale, weight in enumerate((1, 0, 0.15, 1)):
        size = 2 ** (4 - scale) + 1
        window = gaussian(size, size / 5)
        if scale:
            sources = [convolve2d(s, window, mode="valid")[::2, ::2] for s in sources]
            fused = convolve2d(fused, window, mode="valid")[::2, ::2]
        models = []
        for source in sources:
            _, _, var_s, var_f, cov = local(source, fused, window)
            var_s, var_f = np.maximum(var_s, 0), np.maximum(var_f, 0)
            gain = cov / (var_s + 1e-10)
            rest = var_f - gain * cov
            flat_s, flat_f = var_s < 1e-10, var_f < 1e-10
            gain[flat_s], var_s[flat_s] = 0, 0
            rest[flat_s] = var_f[flat_s]
            gain[flat_f], rest[flat_f] = 0, 0
            rest[gain < 0] = var_f[gain < 0]
            gain[gain < 0] = 0
            noise = 0.005 * 255**2
            kept = np.log10(1 + gain**2 * var_s / (np.maximum(rest, 1e-10) + noise))
            models.append((gain, kept, np.log10(1 + var_s / noise)))
        kept = whole = 0.0
        for index in np.ndindex(models[0][0].shape):
            model = models[0] if models[0][0][index] < models[1][0][index] else models[1]
            kept += model[1][index] + 1e-7
            whole += model[2][index] + 1e-7
        expected += weight / 2.15 * kept / whole
    assert metrics.viff(*planes) == pytest.approx(expected, rel=FLOAT64)


def test_visual_information_for_fusion_depends_on_the_order() -> None:
    # Where the fused image inverts both sources, both gains are 0 and the second source counts.
    a, b, _ = photographs(60, 64)
    fused = (255 - (a // 2 + b // 2)).astype(np.uint8)
    assert metrics.viff(a, b, fused) != pytest.approx(metrics.viff(b, a, fused), rel=1e-3)


def test_visual_information_of_a_reference_is_that_of_one_source() -> None:
    a, b, fused = photographs(60, 64)
    parts = [metrics.vif_ref(a, b, fused, reference=source) for source in (a, b)]
    assert sum(parts) == pytest.approx(metrics.vif(a, b, fused), rel=FLOAT64)
    assert metrics.vif_ref(b, b, a, reference=a) == pytest.approx(1, rel=FLOAT64)


# -- N^{AB/F} ---------------------------------------------------------------------------------


def artefacts(a: Grey, b: Grey, fused: Grey, weak: float = 1e-3) -> float:
    """Pixel by pixel, with orientations as angles."""
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    strength, angle = [], []
    for image in (a, b, fused):
        padded = np.pad(image, 1, mode="reflect")
        gx, gy = (convolve2d(padded, np.flip(k), mode="valid") for k in (kernel, kernel.T))
        strength.append(np.hypot(gx, gy))
        angle.append(
            np.array(
                [
                    math.atan2(y, x) if x or y else np.pi / 2
                    for x, y in zip(gx.flat, gy.flat, strict=True)
                ]
            )
        )
    lost = whole = 0.0
    for k, f in enumerate(strength[2].flat):
        stronger = all(f > s.flat[k] for s in strength[:2])
        for s, theta in zip(strength[:2], angle[:2], strict=True):
            g = s.flat[k]
            ratio = min(g, f) / max(g, f) if g and f else 0
            turn = abs(abs((theta[k] - angle[2][k]) % np.pi) - np.pi / 2) * 2 / np.pi
            q = 0.9999 / (1 + math.exp(-19 * (ratio - 0.5)))
            q *= 0.9995 / (1 + math.exp(-22 * (turn - 0.5)))
            weight = g**1.5 if g >= 2 else weak
            lost += stronger * (1 - math.sqrt(q)) * weight
            whole += weight
    return lost / whole


@pytest.mark.parametrize("planes", [photographs(), patched()], ids=["photographs", "patched"])
def test_artefacts_from_the_paper(planes: Images) -> None:
    a, b, fused = grey(planes)
    left_out = metrics.nabf(*planes, weak_edges="left out")
    swapped = metrics.nabf(*planes, swapped=True)
    assert metrics.nabf(*planes) == pytest.approx(artefacts(a, b, fused), rel=FLOAT64)
    assert left_out == pytest.approx(artefacts(a, b, fused, weak=0), rel=FLOAT64)
    assert swapped == pytest.approx(artefacts(fused, b, a), rel=FLOAT64)


def test_artefacts_on_the_unit_scale_count_pixels_alike() -> None:
    # No rounding noise where all levels are 0 or 255: the formula on [0, 1], without noise.
    a, b, fused = (np.where(image > 110, 255, 0).astype(np.uint8) for image in photographs())
    expected = artefacts(*(image / 255 for image in grey((a, b, fused))))
    assert metrics.nabf(a, b, fused, scale="unit") == pytest.approx(expected, rel=FLOAT64)


def test_a_fused_image_without_edges_has_no_artefacts() -> None:
    a, b, _ = photographs()
    assert metrics.nabf(a, b, np.full_like(a, 77)) == 0


# -- MS-SSIM ----------------------------------------------------------------------------------


def halve(image: Grey) -> Grey:
    padded = np.pad(image, ((0, 1), (0, 1)), mode="edge")
    blocks = [
        padded[i : i + image.shape[0], j : j + image.shape[1]] for i in (0, 1) for j in (0, 1)
    ]
    return np.mean(blocks, axis=0)[::2, ::2]


def exposure_fusion(a: Grey, b: Grey, fused: Grey) -> float:
    """One scale of Ma et al., with every ideal window built."""
    weights = gaussian(11, 1.5).ravel()
    eps, c = np.finfo(float).eps, (0.03 * 255) ** 2
    total = []
    for top, left in np.ndindex(a.shape[0] - 10, a.shape[1] - 10):
        x, y, f = (image[top : top + 11, left : left + 11].ravel() for image in (a, b, fused))
        x, y = x - x.mean(), y - y.mean()
        norms = np.linalg.norm(x), np.linalg.norm(y)
        ratio = min((np.linalg.norm(x + y) + eps) / (sum(norms) + eps), 1 - eps)
        power = min(math.tan(math.pi / 2 * ratio), 10)
        strong = [norm + 0.001 for norm in norms]
        shares = [(s / 11) ** power + eps for s in strong]
        ideal = sum(s / sum(shares) * v / n for s, v, n in zip(shares, (x, y), strong, strict=True))
        norm = np.linalg.norm(ideal)
        # What is left of windows that cancel is noise.
        ideal = ideal / norm * max(strong) if norm > 1e-7 else 0 * ideal
        ideal, f = ideal - weights @ ideal, f - weights @ f
        cov, var_i, var_f = (weights @ v for v in (ideal * f, ideal**2, f**2))
        total.append((2 * cov + c) / (var_i + var_f + c))
    return float(np.mean(total))


@cache
def opposed(height: int, width: int) -> Images:
    """A part of the second source is the first one's negative, so that both cancel there."""
    a, b, fused = (image.copy() for image in photographs(height, width))
    b[:30, :30] = 255 - a[:30, :30]
    return a, b, fused


@pytest.mark.parametrize("planes", [photographs(44, 46), patched(45, 47), opposed(46, 45)])
def test_exposure_fusion_from_the_paper(planes: Images) -> None:
    a, b, fused = grey(planes)
    exponents = np.array([0.0448, 0.2856, 0.3001])
    expected = 1.0
    for exponent in exponents / exponents.sum():
        expected *= exposure_fusion(a, b, fused) ** exponent
        a, b, fused = halve(a), halve(b), halve(fused)
    assert metrics.ms_ssim(*planes) == pytest.approx(expected, rel=1e-7)


def test_multiple_scales_from_the_paper() -> None:
    a, b, fused = photographs(165, 170)
    expected = 1.0
    x, y = a.astype(float), fused.astype(float)
    for scale, exponent in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mean_x, mean_y, var_x, var_y, cov = local(x, y, gaussian(11, 1.5))
        similar = (2 * cov + 58.5225) / (var_x + var_y + 58.5225)
        if scale == 4:
            similar *= (2 * mean_x * mean_y + 6.5025) / (mean_x**2 + mean_y**2 + 6.5025)
        expected *= similar.mean() ** exponent
        x, y = halve(x), halve(y)
    value = metrics.ms_ssim_ref(b, b, fused, reference=a)
    assert value == pytest.approx(expected, rel=FLOAT64)
    assert metrics.ms_ssim_ref(a, b, a, reference=a) == pytest.approx(1, rel=FLOAT64)


def test_opposite_structure_on_a_scale_gives_nothing() -> None:
    a, b, _ = photographs(165, 170)
    assert metrics.ms_ssim_ref(a, b, 255 - a, reference=a) == 0
    assert metrics.ms_ssim(a, a, 255 - a) == 0


def test_piq_without_odd_sizes_is_the_sum_of_both_references() -> None:
    a, b, fused = photographs(176, 192)
    parts = [metrics.ms_ssim_ref(a, b, fused, reference=source) for source in (a, b)]
    assert metrics.ms_ssim(a, b, fused, form="piq") == pytest.approx(sum(parts), rel=FLOAT64)
    a, b, fused = photographs(165, 170)
    parts = [metrics.ms_ssim_ref(a, b, fused, reference=source) for source in (a, b)]
    odd = metrics.ms_ssim(a, b, fused, form="piq")
    assert odd != pytest.approx(sum(parts), rel=1e-5)
    assert odd == pytest.approx(sum(parts), rel=0.05)


# -- SSIM in its published forms --------------------------------------------------------------


@pytest.mark.parametrize("dynamic_range", [255, 2, 1])
def test_uniform_similarity_is_that_of_scikit_image(dynamic_range: int) -> None:
    a, b, fused = grey(photographs())
    expected = sum(structural_similarity(s, fused, data_range=dynamic_range) for s in (a, b))
    value = metrics.ssim(*photographs(), form="uniform", dynamic_range=dynamic_range)
    assert value == pytest.approx(expected, rel=FLOAT64)


@pytest.mark.parametrize("dynamic_range", [255, 1])
def test_similarity_across_the_border_is_that_of_a_larger_image(dynamic_range: int) -> None:
    a, b, fused = (np.pad(image, 5, mode="edge") for image in photographs())
    expected = metrics.ssim(a, b, fused, dynamic_range=dynamic_range)
    value = metrics.ssim(*photographs(), form="matlab", dynamic_range=dynamic_range, halved=True)
    assert value == pytest.approx(expected / 2, rel=FLOAT64)


# -- forms: engines, batches, identity, refusals ----------------------------------------------

SLUGS = (
    "nabf", "ms_ssim", "piella_q", "piella_qe", "piella_qw", "q_c", "q_cb", "q_cv", "q_p", "q_y",
    "ssim", "viff",
)  # fmt: skip
FORMS: list[tuple[str, dict[str, Any]]] = [
    *((form.slug, dict(form.parameters)) for form in agreement.FORMS if form.slug in SLUGS),
    ("q_c", {"flat": "limit"}),
    ("vif_ref", {}),
    ("ms_ssim_ref", {}),
]
FORMS = [form for index, form in enumerate(FORMS) if form not in FORMS[:index]]
each_form = pytest.mark.parametrize(
    ("slug", "parameters"), FORMS, ids=[f"{s}{p or ''}" for s, p in FORMS]
)


def size_of(slug: str, parameters: Mapping[str, Any]) -> tuple[int, int]:
    return (165, 170) if slug == "ms_ssim_ref" or parameters.get("form") == "piq" else (48, 53)


@each_form
def test_torch_and_batches_give_the_same(slug: str, parameters: dict[str, Any]) -> None:
    size = size_of(slug, parameters)
    stacks = [
        np.stack(s).astype(float) for s in zip(photographs(*size), patched(*size), strict=True)
    ]
    stacks.append(stacks[0])
    compute = METRICS[slug].compute
    together = compute(Triplet(*stacks), **parameters)
    tensors = compute(Triplet(*(torch.from_numpy(s) for s in stacks)), **parameters)
    assert together.shape == (2,)
    assert tensors.dtype == torch.float64
    # On [0, 1] edges that are equally strong differ by rounding, also in torch's square root.
    tolerance = 1e-3 if parameters.get("scale") == "unit" else FLOAT64
    assert tensors.numpy() == pytest.approx(together, rel=tolerance)
    for index in range(2):
        (alone,) = compute(Triplet(*(s[index : index + 1] for s in stacks)), **parameters)
        assert together[index] == pytest.approx(alone, rel=1e-12)


def test_forms_do_not_mix_their_maps() -> None:
    shared = as_triplet((*photographs(165, 170), photographs(165, 170)[0]))
    for slug, parameters in FORMS:
        fresh = as_triplet((*photographs(165, 170), photographs(165, 170)[0]))
        (expected,) = METRICS[slug].compute(fresh, **parameters)
        (value,) = METRICS[slug].compute(shared, **parameters)
        assert value == expected, (slug, parameters)


@each_form
def test_identical_images(slug: str, parameters: dict[str, Any]) -> None:
    image = photographs(*size_of(slug, parameters))[0]
    value = getattr(metrics, slug)(image, image, image, reference=image, **parameters)
    expected = METRICS[slug].identity
    if slug == "q_p":
        assert expected is None
        assert 0.9 < value < 1
        return
    if parameters.get("form") == "piq":
        expected = 2.0
    if parameters.get("halved"):
        expected = 1.0
    # The code of Ma et al. adds 1e-3 to norms, that of Han et al. 1e-10 to variances.
    assert value == pytest.approx(expected, rel=1e-9)


CHOICES = {
    "q_c": {"form": "cvejic, liu", "flat": "limit, octave"},
    "nabf": {"scale": "levels, unit", "weak_edges": "counted, left out"},
    "ms_ssim": {"form": "mef, piq"},
    "ssim": {"form": "gaussian, matlab, uniform", "dynamic_range": "255, 2, 1"},
}


@pytest.mark.parametrize(
    ("slug", "name"), [(slug, name) for slug, names in CHOICES.items() for name in names]
)
def test_unknown_choices_are_refused(slug: str, name: str) -> None:
    message = f"{name} is 'neither'; expected one of {CHOICES[slug][name]}"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        getattr(metrics, slug)(*photographs(), **{name: "neither"})


def test_small_images_have_no_value_in_the_form_of_piq(tmp_path: Path) -> None:
    protocol = tmp_path / "piq.toml"
    protocol.write_text('[metrics.ms_ssim]\nform = "piq"\n')
    score = explain(*photographs(160, 170), protocol=str(protocol))["ms_ssim"]
    assert math.isnan(score.value)
    assert score.reason == "form piq needs images of at least 161x161 pixels"


def undefined(slug: str, *planes: Image, **parameters: Any) -> str | None:
    triplet = as_triplet(planes)
    (value,) = METRICS[slug].compute(triplet, **parameters)
    (reason,) = triplet.take_reasons()
    assert math.isnan(value) == (reason is not None)
    return reason


def test_constant_images() -> None:
    a, b, fused = photographs()
    for level in (0, 77, 255):
        flat = np.full_like(a, level)
        for planes in ((flat, b, fused), (a, flat, fused), (a, b, flat), (flat, flat, flat)):
            for slug in ("q_cb", "q_cv"):
                assert undefined(slug, *planes) == "an image is constant and cannot be stretched"
        assert undefined("q_p", a, b, flat) == "the fused image is constant"
        assert undefined("q_p", flat, flat, fused) == "no source has a feature"
        # Half of the sources is enough to have features.
        assert undefined("q_p", a, flat, fused) is None
        for planes in ((flat, b, fused), (a, flat, fused)):
            reason = undefined("viff", *planes)
            assert reason == "a source is constant and holds no information"
        assert undefined("viff", a, b, flat) is None
        left_out = undefined("nabf", flat, flat, fused, weak_edges="left out")
        assert left_out == "no source has a strong edge"
        assert undefined("nabf", flat, flat, fused) is None
        for slug in ("q_y", "q_c", "ms_ssim"):
            assert undefined(slug, flat, flat, flat) is None
            assert undefined(slug, a, b, flat) is None
    large = photographs(165, 170)[0]
    reason = "the reference is constant and holds no information"
    assert undefined("vif_ref", large, large, large, np.full_like(large, 9)) == reason
