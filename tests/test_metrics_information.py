"""The metrics of information, against values that our code had no part in.

* ORACLE: PyWavelets and SciPy, run here.
* BY HAND: formulas written out for small images, or once more from the papers with plain loops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest
import pywt
import torch
from conftest import as_triplet
from numpy.typing import NDArray
from scipy import fft
from skimage import data

from fusebench import explain, metrics
from fusebench.bench.images import luma
from fusebench.bench.types import Image, InputError
from fusebench.metrics import METRICS, Triplet, _primitives, fmi

# -- tolerances, relative ---------------------------------------------------------------------

BY_HAND = 1e-12


# -- small images -----------------------------------------------------------------------------


@cache
def photographs(height: int = 24, width: int = 30) -> tuple[Image, Image, Image]:
    """Two photographs from the scikit-image wheel and a mixture of them."""
    a = data.camera()[150 : 150 + height, 210 : 210 + width]
    b = luma(data.astronaut())[20 : 20 + height, 190 : 190 + width]
    return a, b, ((2 * a.astype(int) + b) // 3).astype(np.uint8)


def joint(x: Image, y: Image) -> NDArray[np.float64]:
    counts = np.zeros((256, 256))
    for level_x, level_y in zip(x.ravel(), y.ravel(), strict=True):
        counts[level_x, level_y] += 1
    return counts / x.size


def bits(shares: NDArray[np.float64]) -> float:
    return -sum(p * math.log2(p) for p in shares.ravel() if p)


def information(shares: NDArray[np.float64]) -> float:
    return bits(shares.sum(axis=0)) + bits(shares.sum(axis=1)) - bits(shares)


def stretched(image: Image) -> Image:
    low, high = int(image.min()), int(image.max())
    levels = [math.floor((int(v) - low) / (high - low) * 255 + 0.5) for v in image.ravel()]
    return np.array(levels, dtype=np.uint8).reshape(image.shape)


# -- mutual information and its kin -----------------------------------------------------------


def test_mi_by_hand() -> None:
    # A is known from F up to one bit in half of the pixels; B is independent of F.
    a = np.array([[0, 0, 7, 9]], dtype=np.uint8)
    b = np.array([[5, 6, 5, 6]], dtype=np.uint8)
    fused = np.array([[1, 1, 2, 2]], dtype=np.uint8)
    assert metrics.mi(a, b, fused) == pytest.approx(1, rel=BY_HAND)
    assert metrics.mi(a, b, fused, unit="nats") == pytest.approx(math.log(2), rel=BY_HAND)
    assert metrics.mi(a, b, fused, twice_entropy=True) == pytest.approx(2, rel=BY_HAND)


def test_mi_with_the_highest_levels_merged() -> None:
    a = np.array([[254, 255, 254, 255]], dtype=np.uint8)
    fused = np.array([[254, 255, 253, 253]], dtype=np.uint8)
    # H(A) = 1, H(F) = 1.5, H(A, F) = 2; merged: 0, 1 and 1.
    assert metrics.mi(a, a, fused) == pytest.approx(2 * (1 + 1.5 - 2), rel=BY_HAND)
    assert metrics.mi(a, a, fused, merge="joint") == pytest.approx(2 * (1 + 1.5 - 1), rel=BY_HAND)
    assert metrics.mi(a, a, fused, merge="all") == 0
    # Stretched, levels 253 to 255 lie far apart.
    found = metrics.mi(a, a, fused, merge="all", stretch=True)
    assert found == pytest.approx(metrics.mi(a, a, fused), rel=BY_HAND)


def test_stretching_keeps_different_levels_apart() -> None:
    for low in range(0, 255, 12):
        for high in range(low + 1, 256, 7):
            levels = np.arange(low, high + 1, dtype=np.uint8)[None]
            found = as_triplet((levels,) * 3).stretched().a[0]
            assert len(np.unique(found)) == levels.size
            assert (found.min(), found.max()) == (0, 255)
            assert np.array_equal(found, stretched(levels))
    a, b, fused = photographs()
    expected = metrics.mi(a, b, fused)
    assert metrics.mi(a, b, fused, stretch=True) == pytest.approx(expected, rel=BY_HAND)
    grey = np.full_like(a, 77)
    assert not as_triplet((grey,) * 3).stretched().fused.any()


@pytest.mark.parametrize(
    ("slug", "parameters", "message"),
    [
        ("mi", {"unit": "dits"}, "unit is 'dits'; expected one of bits, nats"),
        ("mi", {"merge": "both"}, "merge is 'both'; expected one of none, joint, all"),
        ("q_te", {"form": "nava"}, "form is 'nava'; expected one of liu, paper"),
        ("q_te", {"order": 1}, "order is 1; expected a positive number other than 1"),
        ("q_te", {"order": 0}, "order is 0; expected a positive number other than 1"),
        ("q_te", {"order": math.nan}, "order is nan; expected a positive number other than 1"),
        ("fmi_pixel", {"feature": "edge"}, "feature is 'edge'; expected one of pixel, gradient"),
    ],
)
def test_unknown_conventions_are_refused(
    slug: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        getattr(metrics, slug)(*photographs(), **parameters)


def test_nmi_by_formula() -> None:
    a, b, fused = photographs()
    expected = sum(
        2 * information(pairs) / (bits(pairs.sum(axis=0)) + bits(pairs.sum(axis=1)))
        for pairs in (joint(a, fused), joint(b, fused))
    )
    assert metrics.nmi(a, b, fused) == pytest.approx(expected, rel=BY_HAND)


def test_nmi_with_one_constant_source_is_undefined_where_the_fused_image_is_too() -> None:
    varied, grey = photographs()[0], np.full((24, 30), 7, dtype=np.uint8)
    score = explain(grey, varied, grey, metrics="nmi")["nmi"]
    assert math.isnan(score.value)
    assert score.reason == "the fused image and a source are constant"
    assert math.isfinite(metrics.nmi(grey, varied, varied))


def test_q_ncie_by_formula() -> None:
    a, b, fused = photographs()
    ab, af, bf = (information(joint(*pair)) / 8 for pair in ((a, b), (a, fused), (b, fused)))
    matrix = np.array([[1, ab, af], [ab, 1, bf], [af, bf, 1]])
    # The eigenvalues as the roots of the characteristic polynomial.
    shares = np.roots(np.poly(matrix)).real / 3
    expected = 1 + sum(share * math.log(share, 256) for share in shares)
    assert metrics.q_ncie(a, b, fused) == pytest.approx(expected, rel=1e-10)


def test_q_ncie_reaches_its_upper_bound() -> None:
    every_level = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert metrics.q_ncie(every_level, every_level, 255 - every_level) == 1


def test_ce_by_hand() -> None:
    a = np.array([[1, 1, 1, 2]], dtype=np.uint8)
    b = np.array([[2, 2, 9, 9]], dtype=np.uint8)
    fused = np.array([[1, 2, 2, 2]], dtype=np.uint8)
    of_a = 3 / 4 * math.log2(3) + 1 / 4 * math.log2(1 / 3)
    # Level 9 is not in F and is skipped.
    of_b = 1 / 2 * math.log2(2 / 3)
    assert metrics.ce(a, b, fused) == pytest.approx((of_a + of_b) / 2, rel=BY_HAND)


def test_ce_without_common_levels_is_undefined() -> None:
    a, b, fused = (np.full((3, 3), level, dtype=np.uint8) for level in (1, 2, 1))
    score = explain(a, b, fused, metrics="ce")["ce"]
    assert math.isnan(score.value)
    assert score.reason == "the fused image has no grey level in common with a source"


def test_ce_comes_close_to_its_lower_bound() -> None:
    # A share of 1/e of each source has the only level of the fused image.
    source = np.zeros((100, 100), dtype=np.uint8)
    source.ravel()[: round(1e4 / math.e)] = 1
    value = metrics.ce(source, source, np.ones_like(source))
    low = METRICS["ce"].bounds[0]
    assert low <= value == pytest.approx(-math.log2(math.e) / math.e, rel=1e-6)
    assert value == pytest.approx(low, abs=1e-3)


# -- Tsallis ----------------------------------------------------------------------------------


def tsallis_information(x: Image, y: Image, order: float, exchanged: bool) -> float:
    pairs = joint(x, y)
    rows, columns = pairs.sum(axis=1), pairs.sum(axis=0)
    if exchanged:
        rows, columns = columns, rows
    total = 0.0
    for i, j in np.argwhere(pairs):
        if rows[i] and columns[j]:
            total += pairs[i, j] ** order / (rows[i] * columns[j]) ** (order - 1)
    return (1 - total) / (1 - order)


def tsallis_entropy(image: Image, order: float) -> float:
    shares = np.bincount(image.ravel()) / image.size
    return float((1 - sum(p**order for p in shares if p)) / (order - 1))


@pytest.mark.parametrize("order", [0.43137, 1.85])
def test_q_te_by_formula(order: float) -> None:
    a, b, fused = photographs()
    shared = sum(tsallis_information(x, fused, order, False) for x in (a, b))
    plain = metrics.q_te(a, b, fused, order=order, normalised=False, form="paper")
    assert plain == pytest.approx(shared, rel=BY_HAND)
    own = tsallis_entropy(a, order) + tsallis_entropy(b, order)
    whole = own - tsallis_information(a, b, order, False)
    found = metrics.q_te(a, b, fused, order=order, form="paper")
    assert found == pytest.approx(shared / whole, rel=BY_HAND)


@pytest.mark.parametrize("order", [0.43137, 1.85])
def test_q_te_as_in_the_code_of_liu(order: float) -> None:
    images = photographs()
    a, b, fused = (stretched(image) for image in images)
    shared = sum(tsallis_information(x, fused, order, True) for x in (a, b))
    plain = metrics.q_te(*images, order=order, normalised=False)
    assert plain == pytest.approx(shared, rel=BY_HAND)
    own = sum(bits(joint(x, x)) ** order for x in (a, b))
    whole = own + tsallis_information(a, b, order, True)
    assert metrics.q_te(*images, order=order) == pytest.approx(shared / whole, rel=BY_HAND)


def test_q_te_of_unrelated_images_is_not_negative() -> None:
    # One less a sum that comes to one but for rounding.
    a, b, _ = photographs()
    for side in range(2, 24):
        flat = np.full((side, side), 77, dtype=np.uint8)
        for order in (0.43137, 1.85):
            images = (a[:side, :side], b[:side, :side], flat)
            value = metrics.q_te(*images, order=order, normalised=False, form="paper")
            assert 0 <= value < 1e-13


def test_q_te_comes_to_mutual_information_near_order_1() -> None:
    images = photographs()
    nats = metrics.mi(*images, unit="nats")
    near = metrics.q_te(*images, order=1 + 1e-7, normalised=False, form="paper")
    assert near == pytest.approx(nats, rel=1e-5)


# -- spatial frequency and Haar details -------------------------------------------------------


def test_q_sf_by_hand() -> None:
    a = np.array([[0, 3], [0, 0]], dtype=np.uint8)
    b = np.array([[0, 0], [4, 0]], dtype=np.uint8)
    fused = np.array([[2, 0], [0, 0]], dtype=np.uint8)
    # Rows: 3 and 4; columns: 4 and 3; diagonals: 0 and 4 against 3.
    wanted = 3**2 + 4**2 + 4**2 + 3**2 + math.sqrt(0.5) * 4**2
    found = 2**2 + 2**2 + math.sqrt(0.5) * 2**2
    expected = math.sqrt(found / wanted) - 1
    assert metrics.q_sf(a, b, fused) == pytest.approx(expected, rel=BY_HAND)


@pytest.mark.parametrize("shape", [(24, 30), (25, 30), (27, 31)])
def test_q_m_by_the_haar_transform_of_pywavelets(shape: tuple[int, int]) -> None:
    images = [image.astype(float) for image in photographs(*shape)]
    expected = 1.0
    for exponent in (2 / 3, 1 / 3):
        even = [x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2] for x in images]
        steps = [pywt.dwt2(x, "haar") for x in even]
        images = [low for low, _ in steps]
        kept, weights = 0.0, 0.0
        for source in (0, 1):
            details = list(zip(steps[source][1], steps[2][1], strict=True))
            kept_here = sum(np.exp(-abs(s - f)) for s, f in details)
            weight = sum(s**2 for s, _ in details)
            kept, weights = kept + np.sum(kept_here * weight), weights + np.sum(weight)
        expected *= (kept / weights) ** exponent
    assert metrics.q_m(*photographs(*shape)) == pytest.approx(expected, rel=BY_HAND)


# -- feature mutual information ---------------------------------------------------------------


def window_agreement(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Twice the mutual information over the entropies, over all 81 pairs of positions."""
    if np.array_equal(x, y) or (np.ptp(x) == 0 and np.ptp(y) == 0):
        return 1.0
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    p, q = ((v - v.min()) / (v - v.min()).sum() for v in (x.T.ravel(), y.T.ravel()))
    correlation = np.corrcoef(p, q)[0, 1]
    ends_p, ends_q = np.cumsum(p)[:, None], np.cumsum(q)[None]
    upper, lower = np.minimum(ends_p, ends_q), np.maximum(ends_p + ends_q - 1, 0)
    bound = upper if correlation >= 0 else lower
    position = np.arange(9)
    deviations = [math.sqrt(max(v @ position**2 - (v @ position) ** 2, 0)) for v in (p, q)]
    weight = 0.0
    if min(deviations) > 0:
        # Hoeffding: the covariance is the sum of what the bound adds to the product of ends.
        weight = correlation * math.prod(deviations) / np.sum(bound - ends_p * ends_q)
    cells = np.diff(np.diff(np.pad(bound, ((1, 0), (1, 0))), axis=0), axis=1)
    mixture = weight * cells + (1 - weight) * np.outer(p, q)

    def entropy(shares: NDArray[np.float64]) -> float:
        present = shares[abs(shares) > 1e-15]
        return float(-np.sum(present * np.log2(abs(present))))

    both = entropy(p) + entropy(q)
    return 2 * (both - entropy(mixture)) / both if both > 1e-12 else 0.0


def window_average(x: NDArray[np.float64], fused: NDArray[np.float64]) -> float:
    height, width = x.shape
    return float(
        np.mean(
            [
                window_agreement(x[i : i + 3, j : j + 3], fused[i : i + 3, j : j + 3])
                for i in range(height - 2)
                for j in range(width - 2)
            ]
        )
    )


def meyer(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """The bands by PyWavelets, with our filter."""
    low = fmi.meyer_taps()
    high = low[::-1] * (-1.0) ** np.arange(1, low.size + 1)
    wavelet = pywt.Wavelet("meyer", filter_bank=(low, high, low[::-1], high[::-1]))
    approximation, (horizontal, vertical, diagonal) = pywt.dwt2(image, wavelet, "symmetric")
    return np.block([[approximation, horizontal], [vertical, diagonal]])


FEATURES = {
    "fmi_pixel": ({}, lambda x: x),
    "fmi_pixel gradient": ({"feature": "gradient"}, lambda x: np.gradient(x, axis=1)),
    "fmi_dct": ({}, lambda x: fft.dctn(x, norm="ortho")),
}


def awkward_images() -> Iterator[tuple[Image, Image, Image]]:
    """Photographs, images with much black, flat parts, isolated pixels, and noise."""
    a, b, fused = photographs(12, 14)
    yield a, b, fused
    rng = np.random.default_rng(3)
    sparse = rng.integers(0, 256, (3, 12, 14)) * (rng.random((3, 12, 14)) < 0.1)
    yield tuple(sparse.astype(np.uint8))  # type: ignore[misc]
    flat = fused.copy()
    flat[:6] = 200
    yield a, flat, flat
    yield tuple(rng.choice(np.array([0, 1, 255], dtype=np.uint8), (3, 12, 14)))  # type: ignore[misc]


@pytest.mark.parametrize("name", FEATURES)
def test_fmi_window_by_window(name: str) -> None:
    parameters, feature = FEATURES[name]
    for images in awkward_images():
        a, b, fused = (feature(image.astype(float)) for image in images)
        expected = (window_average(a, fused) + window_average(b, fused)) / 2
        found = getattr(metrics, name.split()[0])(*images, **parameters)
        # Transforms are rounded to 1e-9, and noise of flat parts to nothing.
        assert found == pytest.approx(expected, rel=1e-9 if name.startswith("fmi_p") else 1e-6)


def test_fmi_w_looks_at_windows_of_the_wavelet_bands() -> None:
    images = photographs()
    bands = {
        name: np.round(meyer(image.astype(float)) * 2**30)[None] / 2**30
        for name, image in zip(("a", "b", "fused"), images, strict=True)
    }
    (expected,) = fmi._mutual_information(as_triplet(images), bands.__getitem__)
    assert metrics.fmi_w(*images) == pytest.approx(expected, rel=1e-9)


ONE_PIXEL = np.zeros((3, 3), dtype=np.uint8)
ONE_PIXEL[1, 1] = 50


@pytest.mark.parametrize(
    ("source", "fused", "expected"),
    [
        (np.full((3, 3), 9), np.full((3, 3), 9), 1),
        (np.full((3, 3), 9), np.full((3, 3), 200), 1),
        (np.full((3, 3), 9), ONE_PIXEL, 0),
        (ONE_PIXEL, np.full((3, 3), 9), 0),
        (ONE_PIXEL, ONE_PIXEL, 1),
        (ONE_PIXEL, 2 * ONE_PIXEL, 0),
        (ONE_PIXEL, ONE_PIXEL + 1, 0),
        (ONE_PIXEL, np.roll(ONE_PIXEL, 1), 0),
        (np.arange(9).reshape(3, 3), np.arange(9).reshape(3, 3) * 10 + 7, 1),
    ],
)
def test_fmi_of_one_window(source: Image, fused: Image, expected: float) -> None:
    source, fused = source.astype(np.uint8), fused.astype(np.uint8)
    assert metrics.fmi_pixel(source, source, fused) == pytest.approx(expected, rel=BY_HAND)


def test_transforms_of_flat_areas_are_flat() -> None:
    # Of equal rows only the first row of the transform is more than noise of 1e-13, whose windows
    # would look like any other.
    a, b, fused = photographs(13, 21)
    rows = np.repeat(fused[:1], 13, axis=0)
    features = [fft.dctn(x.astype(float), norm="ortho") for x in (a, b)]
    of_rows = np.zeros((13, 21))
    of_rows[0] = fft.dct(rows[0].astype(float), norm="ortho") * math.sqrt(13)
    assert np.ptp(fft.dctn(rows.astype(float), norm="ortho")[1:]) > 0
    expected = sum(window_average(x, of_rows) for x in features) / 2
    assert metrics.fmi_dct(a, b, rows) == pytest.approx(expected, rel=1e-6)


def test_fmi_has_no_bounds() -> None:
    # Nearly one bright pixel at the same place, and next to nothing at opposite ends.
    a = np.array([[1, 227, 0], [0, 0, 0], [0, 0, 0]], dtype=np.uint8)
    fused = np.array([[0, 201, 0], [0, 0, 0], [0, 0, 1]], dtype=np.uint8)
    value = metrics.fmi_pixel(a, a, fused)
    assert value < -0.1
    assert value == pytest.approx(window_agreement(a.astype(float), fused.astype(float)), rel=1e-9)


def test_fmi_does_not_depend_on_how_windows_are_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [metrics.fmi_pixel(*photographs()), metrics.fmi_w(*photographs())]
    for windows in (1, 61, 10**6):
        monkeypatch.setattr(fmi, "windows_at_once", lambda images, n=windows: n)
        found = [metrics.fmi_pixel(*photographs()), metrics.fmi_w(*photographs())]
        assert found == pytest.approx(expected, rel=BY_HAND)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (57, 33), (128, 129)])
def test_wavelet_bands_are_those_of_pywavelets(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape).astype(float)
    found = fmi_bands(image)
    assert found.shape == (2 * ((shape[0] + 101) // 2), 2 * ((shape[1] + 101) // 2))
    assert found == pytest.approx(meyer(image), abs=1e-10)


def fmi_bands(image: NDArray[np.float64]) -> NDArray[np.float64]:
    bands: NDArray[np.float64] = fmi.wavelet_bands(image[None], xp)[0]
    return bands


def test_meyer_filter_is_nearly_orthonormal() -> None:
    taps = fmi.meyer_taps()
    assert taps.size == 102
    assert taps[0] == 0
    assert np.array_equal(taps[1:], taps[:0:-1])
    assert taps.sum() == pytest.approx(math.sqrt(2), rel=1e-5)
    for shift in range(0, 102, 2):
        product = taps[: 102 - shift] @ taps[shift:]
        assert product == pytest.approx(float(shift == 0), abs=1e-5)
    # The shorter and coarser filter of PyWavelets, around the same centre.
    assert taps[20:82] == pytest.approx(pywt.Wavelet("dmey").dec_lo, abs=1e-3)


@pytest.mark.parametrize("length", [1, 2, 7, 64])
def test_cosine_transform_on_tensors(length: int) -> None:
    images = np.random.default_rng(0).random((2, length, 9))
    expected = _primitives.cosine_transform(images)
    assert expected[0] == pytest.approx(fft.dctn(images[0], norm="ortho"), abs=1e-14)
    found = _primitives.cosine_transform(torch.from_numpy(images)).numpy()
    assert found == pytest.approx(expected, abs=1e-13)


# -- parameters on tensors and batches --------------------------------------------------------

VARIANTS = [
    ("mi", {"unit": "nats", "stretch": True}),
    ("mi", {"merge": "joint"}),
    ("mi", {"merge": "all"}),
    ("mi", {"twice_entropy": True}),
    ("q_te", {"form": "paper"}),
    ("q_te", {"order": 1.85, "normalised": False}),
    ("fmi_pixel", {"feature": "gradient"}),
]


@pytest.mark.parametrize(("slug", "parameters"), VARIANTS)
def test_variants_on_tensors_and_batches(slug: str, parameters: dict[str, Any]) -> None:
    compute = METRICS[slug].compute
    a, b, fused = (image[None].astype(np.float64) for image in photographs())
    first = compute(Triplet(a, b, fused), **parameters)
    second = compute(Triplet(b, fused, a), **parameters)
    stacks = [np.concatenate(pair) for pair in ((a, b), (b, fused), (fused, a))]
    both = compute(Triplet(*stacks), **parameters)
    assert both == pytest.approx(np.concatenate([first, second]), rel=BY_HAND)
    tensors = compute(Triplet(*map(torch.from_numpy, stacks)), **parameters)
    assert tensors.numpy() == pytest.approx(both, rel=1e-9)
