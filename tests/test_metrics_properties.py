"""What holds for every registered metric, as its record says.

A new metric is tested here as soon as it is registered; the tables below hold the exceptions, each
with its reason, and a table entry that is not needed fails too.
"""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter
from skimage import data

from fusebench import explain, metrics
from fusebench.bench.images import luma
from fusebench.bench.types import Image, InputError, Metric
from fusebench.metrics import METRICS, Score, Triplet, compute_scores, load_protocol

Images = tuple[Image, Image, Image]

# Sums over the same pixels in another order.
ROUNDING = 1e-12
# What the documentation promises between devices. Filters do the same operations in the same order
# everywhere, unless SciPy was compiled with fused multiply-add, as for ARM; then the variance of a
# nearly flat window keeps fewer digits.
DEVICES = 1e-9
SAME_ARITHMETIC = platform.machine() in {"x86_64", "AMD64"}
NEARLY_FLAT = DEVICES if SAME_ARITHMETIC else 1e-6

each_metric = pytest.mark.parametrize("record", METRICS, ids=lambda record: record.slug)


# -- images -----------------------------------------------------------------------------------


@cache
def natural(height: int = 96, width: int = 100) -> Images:
    """Two photographs from the scikit-image wheel and their mixture."""
    a = data.camera()[100 : 100 + height, 200 : 200 + width]
    b = luma(data.astronaut())[20 : 20 + height, 180 : 180 + width]
    return a, b, ((2 * a.astype(int) + b) // 3).astype(np.uint8)


def natural_for(record: Metric) -> Images:
    """Natural images that are large enough for a metric."""
    side = max(96, record.min_size)
    return natural(side, side + 4)


@st.composite
def awkward(draw: st.DrawFn, smallest: int = 1) -> Images:
    """Small images of one size: noise, few levels, ramps, flat parts, constants."""
    shape = draw(st.tuples(*[st.integers(smallest, smallest + 12)] * 2))

    def image() -> Image:
        kind = draw(st.sampled_from(["any", "noise", "few", "ramp", "patch", "constant"]))
        level = draw(st.sampled_from([0, 1, 127, 254, 255]))
        pixels = np.full(shape, level, dtype=np.uint8)
        rng = np.random.default_rng(draw(st.integers(0, 999)))
        if kind == "any":
            return draw(arrays(np.uint8, shape, fill=st.just(level)))
        if kind == "noise":
            return rng.integers(0, 256, shape, dtype=np.uint8)
        if kind == "few":
            return rng.choice(np.array([0, 1, 255], dtype=np.uint8), shape)
        if kind == "ramp":
            return (np.arange(shape[1]) * 5 + np.arange(shape[0])[:, None]).astype(np.uint8)
        if kind == "patch":
            pixels[: shape[0] // 2, : shape[1] // 2] = draw(st.integers(0, 255))
        return pixels

    return image(), image(), image()


def one(record: Metric, a: Image, b: Image, fused: Image, reference: Image | None = None) -> Score:
    """Score by one metric; the first source stands for the reference unless one is given."""
    ideal = a if reference is None else reference
    return explain(a, b, fused, metrics=record.slug, reference=ideal)[record.slug]


def value(record: Metric, *images: Image) -> float:
    return one(record, *images).value


def triplet(images: list[Images] | Images, convert: Callable[..., object] = np.asarray) -> Triplet:
    """A batch on the grey scale, with the first source for the reference."""
    batch = images if isinstance(images, list) else [images]
    stacks = [np.stack(stack).astype(np.float64) for stack in zip(*batch, strict=True)]
    return Triplet(*(convert(stack) for stack in (*stacks, stacks[0])))


def compute(record: Metric, images: Triplet) -> list[Score]:
    return compute_scores(images, [record], load_protocol("canonical"))[record.slug]


def close(tolerance: float, expected: float) -> object:
    """The same value, where values around zero count as values around one."""
    return pytest.approx(expected, rel=tolerance, abs=tolerance, nan_ok=True)


# -- values -----------------------------------------------------------------------------------


@each_metric
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_value_is_within_bounds_or_explained(record: Metric, data: st.DataObject) -> None:
    a, b, fused = data.draw(awkward(smallest=record.min_size))
    score = one(record, a, b, fused)
    low, high = record.bounds
    assert math.isnan(score.value) == (score.reason is not None)
    if score.reason is None:
        # Rounding may carry a value over its bound, but not make a quantity negative.
        assert score.value >= (low - ROUNDING if low else 0)
        assert score.value <= high + ROUNDING
        assert math.isfinite(score.value) or high == math.inf


@each_metric
def test_natural_images_have_a_finite_value_within_bounds(record: Metric) -> None:
    low, high = record.bounds
    assert low < value(record, *natural_for(record)) < high


# Metrics without an identity value: what three identical images give instead. None: the metric
# looks at the fused image alone, so that identical sources are nothing special.
NO_IDENTITY: dict[str, str | None] = {
    "ag": None,
    "ei": None,
    "mg": None,
    "en": None,
    "sd": None,
    "sf": None,
    "mi": "twice the entropy",
    "scd": "undefined: the differences are constant",
    "q_ncie": "that of three correlations of entropy / 8",
    "q_te": "by formula",
    "q_p": "below 1: correlations of maps with a small constant beside the variance",
}
# The record gives the identity value of Q^{AB/F} to four digits, which depends on the image
# beyond the sixth; VIF adds 1e-10 to variances.
IDENTITY_TOLERANCE = {
    "qabf": 5e-5,
    "vif": 1e-9,
    "vif_ref": 1e-9,
    "viff": 1e-9,
    # Adds small constants to what it divides by.
    "ms_ssim": 1e-9,
}


@each_metric
@pytest.mark.parametrize("index", [0, 1])
def test_identical_images_give_the_identity_value(record: Metric, index: int) -> None:
    image = natural_for(record)[index]
    score = one(record, image, image, image)
    if record.identity is not None:
        assert record.slug not in NO_IDENTITY
        tolerance = IDENTITY_TOLERANCE.get(record.slug, ROUNDING)
        assert score.value == pytest.approx(record.identity, rel=tolerance)
    elif record.slug == "mi":
        assert score.value == pytest.approx(2 * metrics.en(image, image, image), rel=ROUNDING)
    elif record.slug == "scd":
        assert math.isnan(score.value)
        assert score.reason == FLAT_SCD
    elif record.slug == "q_ncie":
        correlation = metrics.en(image, image, image) / 8
        shares = np.array([1 + 2 * correlation, 1 - correlation, 1 - correlation]) / 3
        expected = 1 + np.sum(shares * np.log2(shares)) / 8
        assert score.value == pytest.approx(expected, rel=ROUNDING)
    elif record.slug == "q_te":
        order, bits = 0.43137, metrics.en(image, image, image)
        frequencies = np.unique(image, return_counts=True)[1] / image.size
        shared = (1 - np.sum(frequencies ** (2 - order))) / (1 - order)
        expected = 2 * shared / (2 * bits**order + shared)
        assert score.value == pytest.approx(expected, rel=ROUNDING)
    elif record.slug == "q_p":
        assert 0.9 < score.value < 1
    else:
        assert NO_IDENTITY[record.slug] is None
        assert record.needs == "fused"


@each_metric
def test_value_depends_on_what_the_record_says(record: Metric) -> None:
    a, b, fused = natural_for(record)
    before = one(record, a, b, fused, reference=a).value
    changes = {
        "sources": one(record, 255 - a[::-1], 255 - b[:, ::-1], fused, reference=a).value,
        "reference": one(record, a, b, fused, reference=b).value,
        "fused": one(record, a, b, a, reference=b).value,
    }
    assert (changes["sources"] != before) == (record.needs == "sources")
    assert (changes["reference"] != before) == (record.needs == "reference")
    assert changes["fused"] != before


# -- symmetries -------------------------------------------------------------------------------


SYMMETRIC = [record for record in METRICS if record.symmetric]


@pytest.mark.parametrize("record", SYMMETRIC, ids=lambda record: record.slug)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_exchange_of_the_sources(record: Metric, data: st.DataObject) -> None:
    a, b, fused = data.draw(awkward(smallest=record.min_size))
    expected = one(record, a, b, fused, reference=a).value
    assert one(record, b, a, fused, reference=a).value == close(ROUNDING, expected)


# VIFF takes the source that is kept better in a window, and the second one where neither is kept.
SELDOM_ORDERED = {"viff"}


@each_metric
def test_exchange_of_natural_sources(record: Metric) -> None:
    a, b, fused = natural_for(record)
    if record.slug in SELDOM_ORDERED:
        b, fused = a // 2, 255 - a
    expected = one(record, a, b, fused, reference=a).value
    exchanged = one(record, b, a, fused, reference=a).value
    assert (exchanged == close(ROUNDING, expected)) == record.symmetric


TURNS: dict[str, Callable[[Image], Image]] = {
    "left for right": np.fliplr,
    "upside down": np.flipud,
    "half turn": lambda image: image[::-1, ::-1],
    "transposed": np.transpose,
    "quarter turn": np.rot90,
    "transposed the other way": lambda image: image[::-1, ::-1].T,
}
# How far values of natural images move, relatively, where a metric does not stand a turn exactly.
# Qabf: a vertical edge counts as +90 degrees, and the difference of two orientations is not
# wrapped, so that -85 and +85 degrees are far apart but -5 and +5 are not. A half turn changes no
# orientation. VIF: every other pixel is kept from the first on, which is another half of the
# pixels seen from the other side; rows and columns are treated alike. FMI: windows are read column
# by column, from either end; transforms change the signs of some coefficients.
MOVES = {
    "fmi_pixel": {
        "left for right": 0.001,
        "upside down": 0.001,
        "transposed": 0.01,
        "quarter turn": 0.01,
        "transposed the other way": 0.01,
    },
    # Blocks of 16x16 pixels are laid from the first pixel on; heights here are whole blocks.
    "q_cv": {
        "left for right": 0.1,
        "half turn": 0.1,
        "quarter turn": 0.1,
        "transposed the other way": 0.1,
    },
    # The centre of an even spectrum is not its middle.
    "q_p": {
        "left for right": 1e-3,
        "upside down": 1e-3,
        "transposed": 1e-3,
        "quarter turn": 1e-4,
        "transposed the other way": 1e-3,
    },
    # Sampled as VIF is.
    "vif_ref": {
        "left for right": 0.01,
        "upside down": 0.01,
        "half turn": 0.01,
        "quarter turn": 0.01,
        "transposed the other way": 0.01,
    },
    # Halved four times: which pixels are kept depends on the side.
    "ms_ssim_ref": {
        "left for right": 0.02,
        "upside down": 0.02,
        "half turn": 0.02,
        "quarter turn": 0.02,
        "transposed the other way": 0.02,
    },
    "viff": {
        "left for right": 0.2,
        "upside down": 0.2,
        "half turn": 0.2,
        "quarter turn": 0.2,
        "transposed the other way": 0.2,
    },
    # Forward differences leave out the last row and column, which a turn makes the first.
    "mg": {
        "left for right": 0.01,
        "upside down": 0.01,
        "half turn": 0.01,
        "quarter turn": 0.01,
        "transposed the other way": 0.01,
    },
    "fmi_dct": dict.fromkeys(TURNS, 0.01),
    "fmi_w": dict.fromkeys(TURNS, 0.01),
    "qabf": {
        "left for right": 0.01,
        "upside down": 0.01,
        "transposed": 0.1,
        "quarter turn": 0.1,
        "transposed the other way": 0.1,
    },
    "vif": {
        "left for right": 0.01,
        "upside down": 0.01,
        "half turn": 0.01,
        "quarter turn": 0.01,
        "transposed the other way": 0.01,
    },
}


@each_metric
@pytest.mark.parametrize("turn", TURNS)
def test_turning_all_images(record: Metric, turn: str) -> None:
    expected = value(record, *natural_for(record))
    turned = value(record, *(TURNS[turn](image) for image in natural_for(record)))
    allowed = MOVES.get(record.slug, {}).get(turn)
    if allowed is None:
        assert turned == pytest.approx(expected, rel=ROUNDING)
    else:
        assert turned == pytest.approx(expected, rel=allowed)
        assert turned != pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("turn", TURNS)
def test_vif_stands_turns_where_its_sampling_does(turn: str) -> None:
    # With sides of 8k + 17 pixels the sampling keeps the first and the last pixel at each scale.
    images = natural(97, 105)
    expected = metrics.vif(*images)
    turned = metrics.vif(*(TURNS[turn](image) for image in images))
    assert turned == pytest.approx(expected, rel=ROUNDING)


# Metrics that do not look at where a pixel is, only at the levels that meet there.
POSITION_BLIND = {
    "cc",
    "mse",
    "rmse",
    "en",
    "sd",
    "mi",
    "scd",
    "psnr",
    "psnr_ref",
    "ce",
    "nmi",
    "q_ncie",
    "q_te",
}


@each_metric
def test_joint_shuffling_of_the_pixels(record: Metric) -> None:
    order = np.random.default_rng(0).permutation(natural_for(record)[0].size)
    shuffled = [image.ravel()[order].reshape(image.shape) for image in natural_for(record)]
    expected, after = value(record, *natural_for(record)), value(record, *shuffled)
    if record.slug in POSITION_BLIND:
        assert after == pytest.approx(expected, rel=ROUNDING)
    else:
        assert after != pytest.approx(expected, rel=0.01)


# Metrics that do not look at the levels themselves, only at which pixels share one.
LEVEL_BLIND = {"en", "mi", "nmi", "q_ncie"}


@each_metric
def test_relabelling_of_the_levels(record: Metric) -> None:
    rng = np.random.default_rng(0)
    relabelled = [rng.permutation(256).astype(np.uint8)[image] for image in natural_for(record)]
    expected, after = value(record, *natural_for(record)), value(record, *relabelled)
    if record.slug in LEVEL_BLIND:
        assert after == pytest.approx(expected, rel=ROUNDING)
    else:
        assert after != pytest.approx(expected, rel=0.01)


# -- purity -----------------------------------------------------------------------------------


@each_metric
def test_inputs_stay_as_they_were_and_the_value_too(record: Metric) -> None:
    images = [image.copy() for image in natural_for(record)]
    planes = triplet(natural_for(record))
    before = [planes[name].copy() for name in ("a", "b", "fused", "reference")]
    first = value(record, *images)
    assert value(record, *images) == first
    assert all(np.array_equal(x, y) for x, y in zip(images, natural_for(record), strict=True))
    # A second call finds the shared maps of the first, which must not have been changed either.
    assert [s.value for s in compute(record, planes)] == [first]
    assert [s.value for s in compute(record, planes)] == [first]
    names = ("a", "b", "fused", "reference")
    assert all(np.array_equal(planes[n], x) for n, x in zip(names, before, strict=True))


@each_metric
def test_sharing_maps_with_all_other_metrics_changes_nothing(record: Metric) -> None:
    a, b, fused = natural_for(record)
    together = explain(a, b, fused, reference=a)
    assert together[record.slug] == one(record, a, b, fused)


# -- batches and devices ----------------------------------------------------------------------


def batch() -> list[Images]:
    """Natural triples with undefined ones between them, all of one size."""
    a, b, fused = natural()
    grey, black = np.full_like(a, 128), np.zeros_like(a)
    return [(a, b, fused), (grey, grey, grey), (b, a, a), (black, black, black), (a, a, b)]


@each_metric
def test_batch_is_a_loop(record: Metric) -> None:
    scores = compute(record, triplet(batch()))
    assert len(scores) == len(batch())
    for score, images in zip(scores, batch(), strict=True):
        (expected,) = compute(record, triplet(images))
        assert score.value == close(ROUNDING, expected.value)
        assert score.reason == expected.reason


def nearly_flat(record: Metric) -> list[Images]:
    """Bright images as small as they may be, with a patch one level darker, here and there."""
    side = max(record.min_size, 11)
    rng = np.random.default_rng(0)
    images = np.full((60, 3, side, side + 2), 255, dtype=np.uint8)
    for image in images.reshape(-1, side, side + 2):
        image[: rng.integers(1, side), : rng.integers(1, side)] = 254
    return [(a, b, fused) for a, b, fused in images]


def compare_devices(
    record: Metric, images: list[Images], device: str, tolerance: float = DEVICES
) -> None:
    expected = compute(record, triplet(images))
    scores = compute(record, triplet(images, lambda x: torch.from_numpy(x).to(device)))
    for score, here in zip(scores, expected, strict=True):
        assert score.value == close(tolerance, here.value)
        assert score.reason == here.reason


@each_metric
def test_torch_gives_what_numpy_gives(record: Metric) -> None:
    compare_devices(record, batch(), "cpu")


@each_metric
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_torch_gives_what_numpy_gives_for_any_image(record: Metric, data: st.DataObject) -> None:
    images = data.draw(awkward(smallest=record.min_size))
    compare_devices(record, [images], "cpu", NEARLY_FLAT)


@each_metric
def test_torch_gives_what_numpy_gives_for_nearly_flat_images(record: Metric) -> None:
    compare_devices(record, nearly_flat(record), "cpu", NEARLY_FLAT)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@each_metric
def test_gpu_gives_what_numpy_gives(record: Metric) -> None:
    compare_devices(record, batch(), "cuda")
    compare_devices(record, nearly_flat(record), "cuda", NEARLY_FLAT)


@each_metric
def test_a_tensor_stays_a_tensor(record: Metric) -> None:
    values = record.compute(triplet(natural_for(record), torch.from_numpy))
    assert isinstance(values, torch.Tensor)
    assert values.dtype == torch.float64
    assert values.shape == (1,)


# -- kinds and sizes of images ----------------------------------------------------------------


@each_metric
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floats_score_like_the_8_bit_images_they_come_from(record: Metric, kind: type) -> None:
    a, b, fused = natural_for(record)
    scaled = [(image / 255).astype(kind) for image in (a, b, fused)]
    found = explain(*scaled, metrics=record.slug, data_range=1.0, reference=scaled[0])
    assert found[record.slug] == one(record, a, b, fused)


@each_metric
def test_every_size_scores_or_names_the_smallest(record: Metric) -> None:
    smallest, long = record.min_size, max(record.min_size, 50)
    sides = range(1, smallest + 2)
    shapes = [shape for n in sides for shape in ((n, n), (n, long), (long, n))]
    noise = np.random.default_rng(0).integers(0, 256, (3, long, long), dtype=np.uint8)
    for height, width in shapes:
        a, b, fused = noise[:, :height, :width]
        score = one(record, a, b, fused)
        if min(height, width) >= smallest:
            assert math.isnan(score.value) == (score.reason is not None)
            # The smallest size is not larger than it has to be. A few pixels of noise have no
            # grey level in common, and no cross entropy.
            few = (height, width) == (1, 1) or record.slug == "ce"
            assert not math.isnan(score.value) or few
            continue
        message = (
            f"{record.slug} needs images of at least {smallest}x{smallest} pixels, "
            f"got {height}x{width}"
        )
        assert math.isnan(score.value)
        assert score.reason == message
        with pytest.raises(InputError, match=re.escape(message)):
            getattr(metrics, record.slug)(a, b, fused, reference=a)


# -- what the numbers are for -----------------------------------------------------------------

# Metrics that compare the fused image with what it should keep.
COMPARING = [record for record in METRICS if record.identity is not None]


def blurred(image: Image, sigma: float) -> Image:
    return np.rint(gaussian_filter(image.astype(float), sigma)).astype(np.uint8)


def noisy(image: Image, sigma: float) -> Image:
    noise = np.random.default_rng(0).normal(0, sigma, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


# What some metrics do not tell from quality: blurring brings histograms closer again and takes
# artefacts away, a vanished detail is as far from all that is left of it, and noise adds spatial
# frequency.
TOLERATES = {("nabf", blurred), ("ce", blurred), ("q_m", blurred), ("q_sf", noisy)}


@pytest.mark.parametrize("record", COMPARING, ids=lambda record: record.slug)
@pytest.mark.parametrize(
    ("damage", "levels"), [(blurred, (0.0, 1.0, 2.0, 4.0, 8.0)), (noisy, (0.0, 4.0, 12.0, 36.0))]
)
@pytest.mark.parametrize("index", [0, 1])
def test_quality_falls_with_damage(
    record: Metric, damage: Callable[[Image, float], Image], levels: tuple[float, ...], index: int
) -> None:
    image = natural_for(record)[index]
    values = [value(record, image, image, damage(image, level)) for level in levels]
    falling = sorted(values, reverse=record.direction == "higher")
    if (record.slug, damage) in TOLERATES:
        # It still knows the undamaged image from a slightly damaged one, in its own sense.
        assert values[0] == pytest.approx(record.identity)
        assert values[1] != pytest.approx(record.identity, abs=0.001)
        return
    assert values == falling
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("slug", ["sd", "ag", "sf"])
@given(contrast=st.floats(0.01, 4))
@settings(max_examples=20, deadline=None)
def test_activity_grows_with_contrast(slug: str, contrast: float) -> None:
    a, b, fused = natural()
    (expected,) = METRICS[slug].compute(triplet(natural()))
    (found,) = METRICS[slug].compute(triplet((a, b, fused * contrast + 20)))
    assert found == pytest.approx(contrast * expected, rel=ROUNDING)


# -- traps ------------------------------------------------------------------------------------
#
# The cases in which published code returns 0, 1, 2, 1e-12, NaN or an exception at random. Numbers
# are limits that the definition has; text is the reason why there is no value.

FLAT_SCD = "a source, or the difference of the fused image from one, is constant"
FLAT_VIF = "a source is constant and holds no information"
FLAT_QABF = "no source has an edge"
FLAT_PIELLA = "both sources are constant"
FLAT_NMI = "the fused image and a source are constant"
FLAT_Q_M = "the sources have no detail on a scale"
FLAT_SOURCES = "both sources are constant"
UNRELATED = 1 - math.log(3, 256)
QABF_IDENTITY = 0.9994 * 0.9879 / (1 + math.exp(-22 * (1 - 0.8)))
INF = math.inf

Expected = float | str | None
TRAPS: dict[str, dict[str, Expected]] = {
    "constant": {
        "ms_ssim": 1,
        "ms_ssim_ref": "ms_ssim_ref needs images of at least 161x161 pixels, got 64x64",
        "nabf": 0,
        "q_y": 1,
        "q_c": 1,
        "q_cb": "an image is constant and cannot be stretched",
        "q_cv": "an image is constant and cannot be stretched",
        "q_p": "the fused image is constant",
        "vif_ref": "the reference is constant and holds no information",
        "viff": FLAT_VIF,
        "cc": "an image is constant",
        "ei": 0,
        "mg": 0,
        "mse": 0,
        "rmse": 0,
        "ce": 0,
        "nmi": FLAT_NMI,
        "q_m": FLAT_Q_M,
        "q_ncie": UNRELATED,
        "q_sf": FLAT_SOURCES,
        "q_te": FLAT_SOURCES,
        "fmi_pixel": 1,
        "fmi_dct": 1,
        "fmi_w": 1,
        "en": 0,
        "sd": 0,
        "sf": 0,
        "ag": 0,
        "mi": 0,
        "scd": FLAT_SCD,
        # The border of the image against the zeros around it is an edge.
        "qabf": QABF_IDENTITY,
        "vif": FLAT_VIF,
        "ssim": 2,
        "ssim_ref": 1,
        "psnr": INF,
        "psnr_ref": INF,
        "q0": 1,
        "piella_q": 1,
        "piella_qw": FLAT_PIELLA,
        "piella_qe": FLAT_PIELLA,
    },
    "black": {
        "ms_ssim": 1,
        "ms_ssim_ref": "ms_ssim_ref needs images of at least 161x161 pixels, got 64x64",
        "nabf": 0,
        "q_y": 1,
        "q_c": 1,
        "q_cb": "an image is constant and cannot be stretched",
        "q_cv": "an image is constant and cannot be stretched",
        "q_p": "the fused image is constant",
        "vif_ref": "the reference is constant and holds no information",
        "viff": FLAT_VIF,
        "cc": "an image is constant",
        "ei": 0,
        "mg": 0,
        "mse": 0,
        "rmse": 0,
        "ce": 0,
        "nmi": FLAT_NMI,
        "q_m": FLAT_Q_M,
        "q_ncie": UNRELATED,
        "q_sf": FLAT_SOURCES,
        "q_te": FLAT_SOURCES,
        "fmi_pixel": 1,
        "fmi_dct": 1,
        "fmi_w": 1,
        "en": 0,
        "sd": 0,
        "sf": 0,
        "ag": 0,
        "mi": 0,
        "scd": FLAT_SCD,
        "qabf": FLAT_QABF,
        "vif": FLAT_VIF,
        "ssim": 2,
        "ssim_ref": 1,
        "psnr": INF,
        "psnr_ref": INF,
        "q0": 1,
        "piella_q": 1,
        "piella_qw": FLAT_PIELLA,
        "piella_qe": FLAT_PIELLA,
    },
    "identical": {
        "ms_ssim": 1,
        "ms_ssim_ref": "ms_ssim_ref needs images of at least 161x161 pixels, got 64x64",
        "nabf": 0,
        "q_y": 1,
        "q_c": 1,
        "q_cb": 1,
        "q_cv": 0,
        "q_p": None,
        "vif_ref": 1,
        "viff": 1,
        "cc": 1,
        "ei": None,
        "mg": None,
        "mse": 0,
        "rmse": 0,
        "ce": 0,
        "nmi": 2,
        "q_m": 3,
        "q_ncie": None,
        "q_sf": 0,
        "q_te": None,
        "fmi_pixel": 1,
        "fmi_dct": 1,
        "fmi_w": 1,
        "en": None,
        "sd": None,
        "sf": None,
        "ag": None,
        "mi": None,
        "scd": FLAT_SCD,
        "qabf": QABF_IDENTITY,
        "vif": 2,
        "ssim": 2,
        "ssim_ref": 1,
        "psnr": INF,
        "psnr_ref": INF,
        "q0": 1,
        "piella_q": 1,
        "piella_qw": 1,
        "piella_qe": 1,
    },
    "constant fused image": {
        "ms_ssim": None,
        "ms_ssim_ref": "ms_ssim_ref needs images of at least 161x161 pixels, got 64x64",
        "nabf": 0,
        "q_y": None,
        "q_c": None,
        "q_cb": "an image is constant and cannot be stretched",
        "q_cv": "an image is constant and cannot be stretched",
        "q_p": "the fused image is constant",
        "vif_ref": 0,
        "viff": None,
        "cc": "an image is constant",
        "ei": 0,
        "mg": 0,
        "mse": None,
        "rmse": None,
        "ce": None,
        "nmi": 0,
        "q_m": None,
        "q_ncie": None,
        "q_sf": -1,
        "q_te": None,
        "fmi_pixel": 0,
        "fmi_dct": 0,
        # Where the bands meet even a constant image has steps.
        "fmi_w": None,
        "en": 0,
        "sd": 0,
        "sf": 0,
        "ag": 0,
        "mi": 0,
        # -2 corr(A, B), which the test computes.
        "scd": None,
        "qabf": None,
        "vif": 0,
        "ssim": None,
        "ssim_ref": None,
        "psnr": None,
        "psnr_ref": None,
        "q0": 0,
        "piella_q": None,
        "piella_qw": None,
        "piella_qe": None,
    },
    "one constant source": {
        "ms_ssim": 0,
        "ms_ssim_ref": "ms_ssim_ref needs images of at least 161x161 pixels, got 64x64",
        "nabf": None,
        "q_y": None,
        "q_c": None,
        "q_cb": "an image is constant and cannot be stretched",
        "q_cv": "an image is constant and cannot be stretched",
        "q_p": None,
        "vif_ref": None,
        "viff": FLAT_VIF,
        "cc": "an image is constant",
        "ei": None,
        "mg": None,
        "mse": None,
        "rmse": None,
        "ce": None,
        "nmi": None,
        "q_m": None,
        "q_ncie": None,
        "q_sf": None,
        "q_te": None,
        "fmi_pixel": None,
        "fmi_dct": None,
        "fmi_w": None,
        "en": None,
        "sd": None,
        "sf": None,
        "ag": None,
        "mi": None,
        "scd": FLAT_SCD,
        "qabf": None,
        "vif": FLAT_VIF,
        "ssim": None,
        "ssim_ref": None,
        "psnr": None,
        "psnr_ref": None,
        "q0": None,
        "piella_q": None,
        "piella_qw": None,
        "piella_qe": None,
    },
    "8x8 pixels": {
        "ms_ssim": "ms_ssim needs images of at least 44x44 pixels, got 8x8",
        "ms_ssim_ref": "ms_ssim_ref needs images of at least 161x161 pixels, got 8x8",
        "nabf": None,
        "q_y": None,
        "q_c": None,
        "q_cb": None,
        "q_cv": None,
        "q_p": "q_p needs images of at least 28x28 pixels, got 8x8",
        "vif_ref": "vif_ref needs images of at least 41x41 pixels, got 8x8",
        "viff": "viff needs images of at least 41x41 pixels, got 8x8",
        "cc": None,
        "ei": None,
        "mg": None,
        "mse": None,
        "rmse": None,
        "ce": None,
        "nmi": None,
        "q_m": None,
        "q_ncie": None,
        "q_sf": None,
        "q_te": None,
        "fmi_pixel": None,
        "fmi_dct": None,
        "fmi_w": None,
        "en": None,
        "sd": None,
        "sf": None,
        "ag": None,
        "mi": None,
        "scd": None,
        "qabf": None,
        "vif": "vif needs images of at least 41x41 pixels, got 8x8",
        "ssim": "ssim needs images of at least 11x11 pixels, got 8x8",
        "ssim_ref": "ssim_ref needs images of at least 11x11 pixels, got 8x8",
        "psnr": None,
        "psnr_ref": None,
        "q0": None,
        "piella_q": "piella_q needs images of at least 11x11 pixels, got 8x8",
        "piella_qw": "piella_qw needs images of at least 11x11 pixels, got 8x8",
        "piella_qe": "piella_qe needs images of at least 11x11 pixels, got 8x8",
    },
}


@cache
def trap(name: str) -> Images:
    a, b, fused = np.random.default_rng(7).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    # Not a power of two, whose squares and means would have no rounding noise.
    grey, black = np.full_like(a, 77), np.zeros_like(a)
    return {
        "constant": (grey, grey, grey),
        "black": (black, black, black),
        "identical": (a, a, a),
        "constant fused image": (a, b, grey),
        "one constant source": (a, grey, fused),
        "8x8 pixels": (a[:8, :8], b[:8, :8], fused[:8, :8]),
    }[name]


@each_metric
@pytest.mark.parametrize("name", TRAPS)
def test_trap(record: Metric, name: str) -> None:
    """A table entry of None stands for an ordinary value within the bounds."""
    expected = TRAPS[name][record.slug]
    score = one(record, *trap(name))
    if isinstance(expected, str):
        assert math.isnan(score.value)
        assert score.reason == expected
        return
    assert score.reason is None
    if expected is None:
        assert math.isfinite(score.value)
        assert record.bounds[0] <= score.value <= record.bounds[1]
    else:
        # Nothing is nothing, but for sums of logarithms.
        noise = 1e-14 if record.slug in {"mi", "nmi"} else 0
        assert score.value == pytest.approx(expected, rel=1e-9, abs=noise)
    # Not -0.0, which would be printed.
    assert score.value != 0 or math.copysign(1, score.value) > 0


def test_a_constant_fused_image_adds_the_negative_of_each_source() -> None:
    a, b, fused = trap("constant fused image")
    expected = -2 * np.corrcoef(a.ravel(), b.ravel())[0, 1]
    assert metrics.scd(a, b, fused) == pytest.approx(expected, rel=1e-9)


def test_information_is_never_negative() -> None:
    # The sum of two entropies less their joint entropy is rounding noise of either sign here.
    a, _, _ = trap("identical")
    for side in range(1, 30):
        image = a[:side, :side]
        value = metrics.mi(image, image, np.full_like(image, 77))
        assert 0 <= value < 1e-14


@pytest.mark.parametrize("level", range(0, 256, 5))
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy])
def test_a_flat_source_is_known_at_every_level(level: int, convert: Callable[..., object]) -> None:
    # Its local variances are rounding noise, which grows with the level.
    a, _, fused = (image[:48, :48] for image in natural())
    flat = np.full_like(a, level)
    (score,) = compute(METRICS["vif"], triplet((flat, a, fused), convert))
    assert score.reason == FLAT_VIF
    (score,) = compute(METRICS["piella_qw"], triplet((flat, flat, fused), convert))
    assert score.reason == FLAT_PIELLA
