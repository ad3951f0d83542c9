"""What filter-based methods are made of, and values of theirs computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from scipy.ndimage import gaussian_filter
from test_methods import picture

from fusebench.methods import load
from fusebench.methods._base import Plane
from fusebench.methods._bilateral import bilateral_grid
from fusebench.methods._principal import principal_weights
from fusebench.methods._resize import resize
from fusebench.methods.adf import _diffuse
from fusebench.methods.cbf import _cross_bilateral, _significance
from fusebench.methods.gtf import _conjugate_gradients, _difference_adjoint, _percentile
from fusebench.methods.ifevip import _split
from fusebench.methods.mertens import _expand, _reduce
from fusebench.methods.tif import _mean_around
from fusebench.methods.vsmwls import _saliency


def plane(height: int, width: int, seed: int = 0) -> Plane:
    return picture(height, width, seed=seed).astype(np.float64)


# Weights of the principal component


def test_principal_weights_follow_the_contrast() -> None:
    x = plane(20, 30)
    assert principal_weights(x, 3 * x + 7) == pytest.approx((0.25, 0.75))
    assert principal_weights(x, x) == (0.5, 0.5)
    assert principal_weights(x, np.full_like(x, 9)) == pytest.approx((1, 0))


def test_principal_weights_are_one_half_where_there_are_none() -> None:
    x, flat = plane(20, 30), np.full((20, 30), 9.0)
    assert principal_weights(flat, flat) == (0.5, 0.5)
    assert principal_weights(x, 255 - x) == (0.5, 0.5)


def test_pca_weighs_by_contrast() -> None:
    a = np.array([[0, 100]], np.uint8)
    # Deviations 50 and 10: weights 5/6 and 1/6.
    assert load("pca")(a, a // 5 + 90).tolist() == [[15, 102]]


# Interpolation


def test_resize_has_the_weights_of_cubic_convolution() -> None:
    line = np.zeros((1, 9))
    line[0, 4] = 1
    # Keys' kernel at 7/4, 5/4, 3/4 and 1/4, by hand.
    half = [-0.0234375, -0.0703125, 0.2265625, 0.8671875]
    doubled = resize(line, 1, 18)[0]
    assert doubled[5:13] == pytest.approx([*half, *half[::-1]], abs=1e-15)
    assert not doubled[:5].any()
    assert not doubled[13:].any()


@pytest.mark.parametrize(("height", "width"), [(61, 130), (23, 31), (90, 40)])
def test_resize_agrees_with_pillow_away_from_the_border(height: int, width: int) -> None:
    x = plane(64, 96)
    theirs = np.asarray(
        PillowImage.fromarray(x.astype(np.float32)).resize(
            (width, height), PillowImage.Resampling.BICUBIC
        )
    )
    inside = slice(4, -4), slice(4, -4)
    # Pillow computes in float32.
    np.testing.assert_allclose(resize(x, height, width)[inside], theirs[inside], atol=1e-3)


def test_resize_keeps_constants_and_whole_levels() -> None:
    np.testing.assert_allclose(resize(np.full((5, 7), 9.0), 31, 3), 9)
    whole = resize(plane(20, 20), 31, 9, whole=True)
    np.testing.assert_array_equal(whole, np.rint(whole))
    assert np.abs(whole - np.clip(resize(plane(20, 20), 31, 9), 0, 255)).max() < 2
    assert resize(plane(1, 1), 4, 4).shape == (4, 4)


# Bilateral filters


def test_bilateral_grid_keeps_high_steps_and_smooths_low_ones() -> None:
    high = np.where(np.arange(64) < 32, 50.0, 200.0) * np.ones((64, 1))
    np.testing.assert_allclose(bilateral_grid(high, 4, 10), high, atol=1e-9)
    low = np.where(np.arange(64) < 32, 50.0, 52.0) * np.ones((64, 1))
    assert np.abs(np.diff(bilateral_grid(low, 4, 40))).max() < 0.5


def test_bilateral_grid_of_wide_range_is_a_gaussian_filter() -> None:
    x = plane(80, 80)
    # To the unit variance of the smoothed grid come 1/12 of its cells and 1/6 of interpolation;
    # cells are rounded half up, which moves the result by half a pixel.
    gaussian = gaussian_filter(x, 4 * (1 + 1 / 12 + 1 / 6) ** 0.5)
    inside = slice(16, -16), slice(16, -16)
    error, removed = bilateral_grid(x, 4, 1e4) - gaussian, x - gaussian
    assert np.abs(error[inside]).mean() < 0.15 * np.abs(removed[inside]).mean()


def test_cross_bilateral_filter_is_the_weighted_mean_of_its_window() -> None:
    x, guide = plane(9, 8), plane(9, 8, seed=1)
    radius, sigma_space, sigma_range = 2, 1.5, 30.0
    expected = np.empty_like(x)
    wide, wide_guide = (np.pad(p, radius, mode="reflect") for p in (x, guide))
    offset = np.arange(-radius, radius + 1) ** 2
    near = np.exp(-(offset[:, None] + offset) / (2 * sigma_space**2))
    for i, j in np.ndindex(x.shape):
        window = slice(i, i + 2 * radius + 1), slice(j, j + 2 * radius + 1)
        alike = np.exp(-((wide_guide[window] - guide[i, j]) ** 2) / (2 * sigma_range**2))
        expected[i, j] = np.average(wide[window], weights=near * alike)
    found = _cross_bilateral(x, guide, radius, sigma_space, sigma_range)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_significance_is_the_sum_of_eigenvalues_of_both_covariances() -> None:
    x = plane(9, 11)
    window = x[2:7, 3:8]
    eigenvalues = [*np.linalg.eigvalsh(np.cov(window)), *np.linalg.eigvalsh(np.cov(window.T))]
    assert _significance(x, 2)[4, 5] == pytest.approx(sum(eigenvalues))


# Diffusion


def test_diffusion_step_by_hand() -> None:
    x = np.zeros((5, 5))
    x[2, 2] = 30
    # Differences of kappa flow at 30 / e: four whole neighbours, four diagonal ones by half.
    flow = 0.1 * 30 * np.exp(-1)
    expected = x.copy()
    expected[1:4, 1:4] = [
        [flow / 2, flow, flow / 2],
        [flow, 30 - 6 * flow, flow],
        [flow / 2, flow, flow / 2],
    ]
    np.testing.assert_allclose(_diffuse(x, 1, 0.1, 30.0), expected, atol=1e-14)


def test_pixels_outside_are_black_to_diffusion() -> None:
    flow = 0.1 * 30 * np.exp(-1)
    found = _diffuse(np.full((4, 4), 30.0), 1, 0.1, 30.0)
    np.testing.assert_allclose(found[0], 30 - flow * np.array([3.5, 2, 2, 3.5]))
    np.testing.assert_allclose(found[1:-1, 1:-1], 30)


def test_fpde_rounds_the_halves_of_its_base() -> None:
    # Half of 101 is rounded to 51, and twice 51 is 102.
    for level, expected in ((100, 100), (101, 102), (255, 255)):
        flat = np.full((9, 9), level, np.uint8)
        assert (load("fpde")(flat, flat) == expected).all()


# Gradient transfer


def test_difference_adjoint_is_the_adjoint() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64, generator=generator)
    for d in (2, 3):
        y = torch.randn(x.diff(dim=d).shape, dtype=torch.float64, generator=generator)
        assert float((x.diff(dim=d) * y).sum()) == pytest.approx(
            float((x * _difference_adjoint(y, d)).sum())
        )


def test_percentile_is_the_bin_where_the_share_is_passed() -> None:
    values = torch.tensor([0.0] * 5 + [1.0] * 4 + [999.0], dtype=torch.float64).view(1, 1, 2, 5)
    for share, expected in ((0.3, 0), (0.5, 1), (0.8, 1), (0.9, 999)):
        centres, place = _percentile(values, share)
        assert int(place) == expected
        assert float(centres(place)) == expected
        assert float(centres(place + 1)) == min(expected + 1, 999)


def test_conjugate_gradients_stop_at_a_fifth_of_the_residual() -> None:
    # Powers of two, so that division is exact.
    weights = (2.0 ** (torch.arange(40, dtype=torch.float64) % 7)).view(1, 1, 5, 8)
    right = torch.ones_like(weights)
    found = _conjugate_gradients(lambda x: weights * x, right, torch.zeros_like(right))
    residual = float((right - weights * found).norm() / right.norm())
    assert 0.02 < residual <= 0.2
    # An exact start is left alone.
    exact = right / weights
    assert torch.equal(_conjugate_gradients(lambda x: weights * x, right, exact), exact)


def test_gtf_has_levels_of_a_and_gradients_of_b() -> None:
    a = np.where(np.arange(64) < 32, 60, 180).astype(np.uint8) * np.ones((64, 1), np.uint8)
    b = picture(64, 64) // 4 + 90
    fused = load("gtf")(a, b).astype(float)
    assert np.abs(fused - a).mean() < 0.5 * np.abs(fused - b).mean()
    gradients = (np.diff(x[:, 4:28].astype(float)).ravel() for x in (fused, b))
    assert np.corrcoef(*gradients)[0, 1] > 0.8


@pytest.mark.gpu
def test_gtf_is_the_same_on_a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    a, b = (np.stack([picture(64, 64, seed=i)] * 3, axis=2) for i in range(2))
    a[..., 0] //= 2
    difference = load("gtf", device="cuda")(a, b).astype(int) - load("gtf", device="cpu")(a, b)
    assert np.abs(difference).max() <= 1


# Others


def test_msvd_without_axes_is_the_nearest_image_of_equal_blocks() -> None:
    x = picture(12, 16).astype(float)
    blocks = x.reshape(6, 2, 8, 2).transpose(1, 3, 0, 2).reshape(4, -1)
    left, values, right = np.linalg.svd(blocks, full_matrices=False)
    nearest = values[0] * np.outer(left[:, 0], right[0])
    expected = nearest.reshape(2, 2, 6, 8).transpose(2, 0, 3, 1).reshape(12, 16)
    found = load("msvd", opposed="234")(x / 255, x / 255) * 255.0
    np.testing.assert_allclose(found, np.clip(expected, 0, 255), atol=1e-4)


def test_tif_mean_goes_on_at_the_opposite_side() -> None:
    x = plane(12, 9)
    shifts = range(-2, 3)
    expected = sum(np.roll(x, (i, j), (0, 1)) for i in shifts for j in shifts) / 25
    np.testing.assert_allclose(_mean_around(x, 5), expected)
    # A window wider than the image goes round more than once.
    assert _mean_around(plane(3, 2), 35).shape == (3, 2)


def test_tif_keeps_white_where_nothing_is_salient() -> None:
    white = np.full((80, 80), 255, np.uint8)
    white[:10] = 0
    assert (load("tif")(white, white)[40:50] == 255).all()


def test_vsmwls_saliency_is_the_distance_to_all_other_levels() -> None:
    # Sums of distances: 10 + 40 for 0, 10 + 30 for 10, 40 + 30 for 40; stretched to 0..1.
    np.testing.assert_allclose(_saliency(np.array([[0.0, 10.0, 40.0]])), [[1 / 3, 0, 1]])
    assert not _saliency(np.full((3, 3), 7.0)).any()


def test_ifevip_adds_nothing_to_flat_images_but_at_the_frame() -> None:
    flat = np.full((60, 60), 100, np.uint8)
    fused = load("ifevip")(flat, flat)
    assert (fused[4:-4, 4:-4] == 100).all()
    assert (fused[0] > 100).all()


def test_ifevip_adds_a_bright_spot_of_the_infrared_image() -> None:
    infrared, visible = np.full((2, 128, 128), 60, np.uint8)
    infrared[60:66, 60:66] = 200
    fused = load("ifevip")(infrared, visible)
    assert fused[62, 62] > 150
    assert (fused[20:50, 20:50] == 60).all()


def test_ifevip_splits_blocks_of_high_contrast() -> None:
    square = np.zeros((512, 512))
    square[10, 10] = 60
    sides = sorted(side for _, _, side in _split(square, 64, 51.0))
    assert sides == [64] * 4 + [128] * 3 + [256] * 3
    assert list(_split(square, 64, 60.0)) == [(0, 0, 512)]


def test_hybrid_msd_takes_all_of_a_where_only_a_has_edges() -> None:
    a, flat = picture(48, 64), np.full((48, 64), 90, np.uint8)
    assert np.abs(load("hybrid_msd", lam=1e12)(a, flat).astype(int) - a).max() <= 1


def test_hybrid_msd_injects_a_bright_object_of_a_into_b() -> None:
    a, b = np.full((96, 96), 40, np.uint8), picture(96, 96) // 4 + 80
    a[40:56, 40:56] = 220
    fused = load("hybrid_msd")(a, b).astype(float)
    assert fused[44:52, 44:52].mean() > b[44:52, 44:52].mean() + 40
    assert np.abs(fused[:16, :16] - b[:16, :16]).mean() < 20


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (16, 31)])
def test_mertens_pyramid_keeps_constants(size: tuple[int, int]) -> None:
    flat = np.full((2, *size), 0.7)
    np.testing.assert_allclose(_reduce(flat), 0.7)
    np.testing.assert_allclose(_expand(_reduce(flat), flat), 0.7)


def test_mertens_prefers_well_exposed_pixels() -> None:
    texture = picture(64, 64).astype(int)
    good, dark = (texture // 2 + 64).astype(np.uint8), (texture // 10).astype(np.uint8)
    fused = load("mertens")(dark, good).astype(int)
    assert np.abs(fused - good).mean() < 0.2 * np.abs(fused - dark).mean()


def test_mertens_saturation_counts_between_colour_images_only() -> None:
    rng = np.random.default_rng(1)
    pale = picture(48, 48, channels=3)
    vivid = np.clip(pale + rng.integers(-60, 60, (1, 1, 3)), 0, 255).astype(np.uint8)
    grey = picture(48, 48)
    with_it, without = load("mertens"), load("mertens", saturation=0.0)
    assert (with_it(pale, vivid) != without(pale, vivid)).any()
    np.testing.assert_array_equal(with_it(grey, vivid), without(grey, vivid))


def test_maximum_takes_the_brighter_pixel() -> None:
    a, b, c = (np.array([x], np.uint8) for x in ([1, 200], [5, 7], [3, 255]))
    assert load("maximum")(a, b).tolist() == [[5, 200]]
    assert load("maximum")(a, b, c).tolist() == [[5, 255]]


@pytest.mark.parametrize("slug", ["average", "maximum", "mertens"])
def test_any_number_of_sources_in_any_order(slug: str) -> None:
    a, b, c = (picture(40, 50, channels=3, seed=i) for i in range(3))
    fuse = load(slug)
    np.testing.assert_array_equal(fuse(a, b, c), fuse(c, a, b))
    assert (fuse(a, b, c) != fuse(a, b)).any()
    assert np.abs(fuse(a, a, a).astype(int) - a).max() <= 1
