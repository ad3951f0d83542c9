"""Maps of scores: their weighted mean is the score, and they lie where the image is."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import picture
from numpy.testing import assert_allclose, assert_array_equal

from fusebench import metrics
from fusebench.bench.types import Image, InputError
from fusebench.metrics import MAPPED, METRICS, ScoreMap, maps_on_pixels, pool_maps, score_maps

# Sums in another order.
ROUNDING = 1e-12

Triple = tuple[Image, Image, Image]


def triple(height: int, width: int) -> Triple:
    a, b = picture(1, height, width), picture(2, height, width)
    return a, b, np.uint8((a.astype(float) + 2 * b) / 3)


def metric_of(slug: str, images: Triple) -> float:
    return metrics.score(*images, metrics=slug)[slug]


@pytest.mark.parametrize("slug", MAPPED)
# The large one is cut into strips on its way.
@pytest.mark.parametrize("size", [(41, 53), (64, 64), (300, 401)])
def test_maps_average_to_the_score(slug: str, size: tuple[int, int]) -> None:
    images = triple(*size)
    maps = score_maps(slug, *images)
    assert pool_maps(maps) == pytest.approx(metric_of(slug, images), rel=ROUNDING)
    assert len(maps) == (4 if slug == "vif" else 1)
    for m in maps:
        assert m.values.shape == m.weights.shape
        assert (m.weights >= 0).all()
        assert_array_equal(np.isnan(m.values), m.weights == 0)


@pytest.mark.parametrize("slug", MAPPED)
def test_colour_is_mapped_on_its_luma(slug: str) -> None:
    a, b, fused = (np.stack([x, np.roll(x, 3), x[::-1]], axis=2) for x in triple(60, 70))
    score = metric_of(slug, (a, b, fused))
    assert pool_maps(score_maps(slug, a, b, fused)) == pytest.approx(score, rel=ROUNDING)


@pytest.mark.parametrize("slug", MAPPED)
def test_identical_images_have_the_best_value_everywhere(slug: str) -> None:
    image = picture(3, 64, 80)
    best = METRICS[slug].identity
    assert best is not None
    for m in score_maps(slug, image, image, image):
        # Where a source hardly varies, VIF's model takes its rounding for noise.
        known = m.values[m.weights > 1e-9 * m.weights.max()]
        assert_allclose(known, best, atol=1e-4)


@pytest.mark.parametrize("slug", ["qabf", "vif"])
def test_where_the_score_is_undefined_the_maps_are(slug: str) -> None:
    # Beyond the border lie zeros, so that no other level is without an edge.
    flat = np.zeros((64, 64), np.uint8)
    maps = score_maps(slug, flat, flat, picture(5, 64, 64))
    assert np.isnan(pool_maps(maps))
    assert np.isnan(metric_of(slug, (flat, flat, picture(5, 64, 64))))
    assert np.isnan(maps_on_pixels(maps, 64, 64)).all()


def test_one_constant_source_leaves_no_vif() -> None:
    flat, image = np.full((64, 64), 9, np.uint8), picture(5, 64, 64)
    assert np.isnan(metric_of("vif", (flat, image, image)))
    assert np.isnan(pool_maps(score_maps("vif", flat, image, image)))


@pytest.mark.parametrize("slug", MAPPED)
@pytest.mark.parametrize("place", [(30, 100), (90, 40), (64, 64)])
def test_damage_is_found_where_it_is(slug: str, place: tuple[int, int]) -> None:
    image = picture(4, 128, 144)
    row, column = place
    damaged = image.copy()
    damaged[row - 4 : row + 5, column - 4 : column + 5] = image[:9, :9][::-1, ::-1]
    good = maps_on_pixels(score_maps(slug, image, image, image), *image.shape)
    bad = maps_on_pixels(score_maps(slug, image, image, damaged), *image.shape)
    lost = np.nan_to_num(good - bad)
    rows, columns = np.indices(image.shape)
    centre = [float((lost * x).sum() / lost.sum()) for x in (rows, columns)]
    assert_allclose(centre, place, atol=2.5)


def test_laying_maps_over_pixels_by_hand() -> None:
    fine = ScoreMap(np.full((2, 2), 1.0), np.full((2, 2), 3.0), 1, 1)
    coarse = ScoreMap(np.array([[5.0]]), np.array([[4.0]]), 1, 2)
    assert_array_equal(
        maps_on_pixels([fine], 4, 4)[1:3, 1:3], np.ones((2, 2)), "nothing is shifted"
    )
    assert np.isnan(maps_on_pixels([fine], 4, 4)).sum() == 12
    # The coarse value is about pixels 0 and 1 of each side, with a quarter of its weight.
    both = maps_on_pixels([fine, coarse], 4, 4)
    assert both[0, 0] == both[0, 1] == 5
    assert both[1, 1] == (1 * 3 + 5 * 1) / 4
    assert both[2, 2] == 1
    assert np.isnan(both[3, 3])


def test_refusals() -> None:
    images = triple(64, 64)
    with pytest.raises(InputError, match="no maps of 'en', only of qabf, ssim, vif"):
        score_maps("en", *images)
    with pytest.raises(InputError, match="41x41"):
        score_maps("vif", *(image[:40] for image in images))
    with pytest.raises(InputError, match="size 63x64"):
        score_maps("ssim", images[0], images[1], images[2][:-1])
