"""The contract of every registered method, and the parts that classical methods share."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from parity import load_any
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d
from skimage.filters import threshold_otsu

from fusebench.bench.types import Image, InputError, MissingDataError, UnknownNameError
from fusebench.methods import METHODS, LoadedMethod, dtcwt_accd, load, nsst_papcnn
from fusebench.methods._colour import fuse_chroma, join_luma, split_luma
from fusebench.methods._guided import box_mean, guided_filter
from fusebench.methods._pyramid import (
    choose_max,
    expand,
    fuse_pyramids,
    mirror,
    pad_to_even,
    reduce,
)

SLUGS = METHODS.slugs

# Methods that do not give an image back when they fuse it with itself, and why not.
_LEARNED = "what comes out of a network is near what went in, and no more"
_LOSSY = "what its codes leave out of the image is lost"
# With a tolerance of a fraction of a grey level dictionaries give patches back.
EXACT_DICTIONARIES = ("asr", "cvt_sr", "dtcwt_sr", "dwt_sr", "lp_sr", "nsct_sr", "rp_sr", "sr")
# Where nothing is to be gained over the sources, an optimisation stays where it starts.
OPTIMISATIONS = ("fm0", "fm1", "fm2", "fm3", "nst")
NOT_IDENTITY: dict[str, str] = {
    **{
        m.slug: _LEARNED
        for m in METHODS
        if m.weights and m.slug not in (*EXACT_DICTIONARIES, *OPTIMISATIONS)
    },
    "csmca": _LOSSY,
    "csr": _LOSSY,
    "gmc": "its result is stretched to the full range",
    "ifevip": "it adds the bright features of one source to the other",
    "latlrr": "it counts detail several times, as its authors' code does",
}

# Methods that put the strongest detail of either source into the result.
DETAIL_KEEPING = (
    *("lp", "rp", "dwt", "dtcwt", "dtcwt_accd", "cvt", "nsct"),
    *("sr", "lp_sr", "rp_sr", "dwt_sr", "dtcwt_sr", "cvt_sr", "nsct_sr"),
    *("gff", "mgff", "tif", "vsmwls", "cbf", "hybrid_msd"),
    *("fm0", "fm1"),
)

# A result of float32 in [0, 1] carries the rounding of that type and nothing else.
FLOAT32_NOISE = 1e-6
# Networks whose output is stretched to the full range carry a multiple of it.
STRETCHED_NOISE = 1e-5

# What holds for any number of iterations is tested with few.
QUICK: dict[str, dict[str, object]] = {"nst": {"iterations": 20}}

each_method = pytest.mark.parametrize("slug", SLUGS)


@cache
def loaded(slug: str) -> LoadedMethod:
    return load_any(slug, **QUICK.get(slug, {}))


def ready(slug: str, **options: object) -> LoadedMethod:
    try:
        return load(slug, device="cpu", **options) if options else loaded(slug)
    except MissingDataError as e:
        pytest.skip(str(e))


def picture(height: int, width: int, channels: int = 1, seed: int = 0) -> Image:
    """Soft shapes with some noise: edges, flat parts and texture as in a photograph."""
    rng = np.random.default_rng((seed, height, width, channels))
    shapes = gaussian_filter(rng.standard_normal((height, width, channels)), (3, 3, 0))
    levels = 128 + 400 * shapes + 4 * rng.standard_normal(shapes.shape)
    image: Image = np.clip(levels, 0, 255).astype(np.uint8)
    return image[..., 0] if channels == 1 else image


def size_of(slug: str) -> tuple[int, int]:
    """An odd size that the method accepts."""
    smallest = METHODS[slug].min_size
    return max(33, smallest + 1 - smallest % 2), max(47, smallest + 1 - smallest % 2)


# What comes back


@each_method
@pytest.mark.parametrize("channels", [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_bytes_give_bytes_in_colour_where_a_source_is(slug: str, channels: tuple[int, int]) -> None:
    size = size_of(slug)
    a, b = (picture(*size, channels=c, seed=i) for i, c in enumerate(channels))
    fused = ready(slug)(a, b)
    assert fused.dtype == np.uint8
    assert fused.shape == (size if channels == (1, 1) else (*size, 3))


@each_method
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floats_give_float32_in_the_unit_range(slug: str, kind: type) -> None:
    a, b = (picture(*size_of(slug), seed=i).astype(kind) / 255 for i in range(2))
    fused = ready(slug)(a, b)
    assert fused.dtype == np.float32
    assert fused.shape == a.shape
    assert fused.min() >= 0
    assert fused.max() <= 1


@each_method
def test_floats_and_bytes_agree(slug: str) -> None:
    a, b = (picture(*size_of(slug), seed=i) for i in range(2))
    fuse = ready(slug)
    as_floats = fuse(a / 255, b / 255) * 255.0
    # Half a level is lost by rounding to bytes, and ties may be rounded up from just below.
    assert np.abs(as_floats - fuse(a, b)).max() <= 0.5 + 2e-4


@each_method
def test_same_result_twice_and_sources_untouched(slug: str) -> None:
    a, b = (picture(*size_of(slug), seed=i) for i in range(2))
    before = a.copy(), b.copy()
    fuse = ready(slug)
    np.testing.assert_array_equal(fuse(a, b), fuse(a, b))
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])


@each_method
def test_batch_equals_one_by_one(slug: str) -> None:
    height, width = size_of(slug)
    batch_a, batch_b = (
        torch.from_numpy(np.stack([picture(height, width, 3, seed=10 * i + s) for i in range(3)]))
        .permute(0, 3, 1, 2)
        .float()
        / 255
        for s in range(2)
    )
    before = batch_a.clone()
    fuse = ready(slug)
    together = fuse(batch_a, batch_b)
    assert isinstance(together, torch.Tensor)
    assert together.dtype == torch.float32
    assert torch.equal(batch_a, before)
    for i in range(3):
        single = fuse(batch_a[i : i + 1], batch_b[i : i + 1])
        differs = (together[i] - single[0]).abs()
        if fuse.record.weights:
            # The order of sums differs in a batch, which can tip a value over the edge of a level.
            assert differs.max() <= 1.001 / 255
            assert (differs > STRETCHED_NOISE).float().mean() <= 1e-3
        else:
            assert differs.max() <= FLOAT32_NOISE


@pytest.mark.parametrize("slug", ["average", "lp", "ifcnn_max", "pmgi"])
def test_many_pairs_come_back_in_order_and_as_if_alone(slug: str) -> None:
    fuse = ready(slug)
    shapes = [(33, 47, 1)] * 3 + [(33, 47, 3), (40, 47, 1), (33, 47, 1)]
    pairs = [tuple(picture(*s, seed=9 * i + k) for k in range(2)) for i, s in enumerate(shapes)]
    pairs.append((pairs[0][0] / 255, pairs[0][1] / 255))
    pairs.append((pairs[0][0], pairs[3][1]))
    for batch in (1, 2, 8):
        fused = list(fuse.fuse_all(pairs, batch=batch))
        assert len(fused) == len(pairs)
        for pair, image in zip(pairs, fused, strict=True):
            alone = fuse(*pair)
            assert image.dtype == alone.dtype
            assert image.shape == alone.shape
            # The order of sums differs in a batch, which can tip a value over the edge of a level.
            differs = np.abs(image.astype(float) - alone) > FLOAT32_NOISE
            assert differs.mean() <= 1e-3
    with pytest.raises(InputError, match="batch is 0"):
        list(fuse.fuse_all(pairs, batch=0))


def test_pairs_of_equal_shape_are_fused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    average = load("average")
    monkeypatch.setattr(
        LoadedMethod, "fuse", lambda self, a, b: sizes.append(len(a)) or (a + b) / 2
    )
    small, large = (np.zeros((s, s), np.uint8) for s in (8, 9))
    pairs = [(small, small)] * 5 + [(large, large)] * 2 + [(small, small)]
    assert len(list(average.fuse_all(iter(pairs), batch=4))) == 8
    assert sizes == [4, 1, 2, 1]


@each_method
def test_grey_in_three_channels_stays_grey(slug: str) -> None:
    size = size_of(slug)
    a, b = (torch.from_numpy(picture(*size, seed=i) / 255.0).float()[None, None] for i in range(2))
    fuse = ready(slug)
    colour = fuse(a.expand(1, 3, *size), b.expand(1, 3, *size))
    assert (colour - fuse(a, b)).abs().max() <= FLOAT32_NOISE


@pytest.mark.parametrize("slug", [m.slug for m in METHODS if m.colour == "per_channel"])
def test_colour_is_fused_channel_by_channel(slug: str) -> None:
    a, b = picture(*size_of(slug)), picture(*size_of(slug), channels=3, seed=1)
    fuse = ready(slug)
    channels = [fuse(a, np.ascontiguousarray(b[..., c])) for c in range(3)]
    differs = fuse(a, b) != np.stack(channels, axis=2)
    # The channels are a batch, in which a network adds up in another order.
    assert differs.mean() <= (1e-3 if fuse.record.weights else 0)


@pytest.mark.parametrize("slug", [s for s in SLUGS if s not in NOT_IDENTITY])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_with_itself_gives_the_image(slug: str, channels: int) -> None:
    x = picture(*size_of(slug), channels=channels)
    assert np.abs(ready(slug)(x, x).astype(int) - x).max() <= 1


@each_method
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_size_and_content_is_fused(slug: str, data: st.DataObject) -> None:
    fuse = ready(slug)
    smallest = fuse.record.min_size
    sides = st.integers(smallest, smallest + 37)
    shape = data.draw(st.tuples(sides, sides))
    # Flat and black images are where ratios and shares are undefined.
    fill = st.sampled_from([0, 1, 128, 255])
    a, b = (data.draw(arrays(np.uint8, shape, fill=fill)) for _ in range(2))
    fused = fuse(a, b)  # raises where anything is not finite
    assert fused.shape == shape
    if slug not in NOT_IDENTITY:
        assert np.abs(fuse(a, a).astype(int) - a).max() <= 1


# Nothing outside of a neighbourhood plays a part, and a megapixel takes a few seconds at most.
LOCAL_AND_QUICK = ("average", "maximum", "lp", "rp", "dwt", "wavelet", "dtcwt", "tif", "gff")


@each_method
def test_long_sides_are_fused(slug: str) -> None:
    smallest = max(33, METHODS[slug].min_size)
    for size in ((smallest, 1023), (1024, smallest)):
        a, b = (picture(*size, seed=i) for i in range(2))
        fused = ready(slug)(a, b)
        assert fused.shape == size
        # Neither end is lost, however far it is from the start. (Stand-ins give faint images.)
        assert fused[:, -9:].std() > 0.2
        assert fused[-9:].std() > 0.2


@pytest.mark.parametrize("slug", LOCAL_AND_QUICK)
def test_a_megapixel_is_fused_as_its_parts_are(slug: str) -> None:
    a, b = (picture(1024, 1024, seed=i) for i in range(2))
    fuse = ready(slug)
    whole, part = fuse(a, b), fuse(a[:256, :256], b[:256, :256])
    assert whole.shape == (1024, 1024)
    # The coarsest level of a pyramid reaches far, and little of it is seen here.
    assert np.median(np.abs(whole[:160, :160].astype(float) - part[:160, :160])) <= 2


@pytest.mark.parametrize("slug", DETAIL_KEEPING)
def test_detail_of_both_sources_is_kept(slug: str) -> None:
    sharp = picture(96, 128)
    soft = gaussian_filter(sharp.astype(float), 3).astype(np.uint8)
    left = np.arange(128) < 64
    a, b = np.where(left, sharp, soft), np.where(left, soft, sharp)

    def error(image: Image) -> float:
        return float(np.mean((image.astype(float) - sharp) ** 2))

    # Either source has half of the detail; a method that keeps detail halves the loss at least.
    assert error(ready(slug)(a, b)) < 0.5 * error(load("average")(a, b))


# What is refused


@each_method
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (picture(64, 64), picture(64, 65), "same number, height and width"),
        (picture(64, 64).astype(np.uint16), picture(64, 64), "type uint16"),
        (picture(64, 64).astype(np.int64), picture(64, 64), "type int64"),
        (picture(64, 64).astype(float), picture(64, 64) / 255, r"in \[0, 1\]"),
        (picture(64, 64) / 255 - 0.6, picture(64, 64) / 255, r"in \[0, 1\]"),
        (np.full((64, 64), np.nan), picture(64, 64) / 255, "finite"),
        (picture(64, 64)[None, None], picture(64, 64), r"shape \(1, 1, 64, 64\)"),
        (np.zeros((64, 64, 2)), np.zeros((64, 64)), r"shape \(64, 64, 2\)"),
        (np.zeros((0, 64), np.uint8), np.zeros((0, 64), np.uint8), "empty"),
    ],
)
def test_wrong_sources_are_refused(slug: str, a: Image, b: Image, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ready(slug)(a, b)


@pytest.mark.parametrize("shape", [(64, 64), (1, 64, 64), (1, 2, 64, 64)])
def test_tensors_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected \(N, 1 or 3, H, W\)"):
        load("average")(torch.zeros(shape), torch.zeros(shape))


def test_images_below_the_smallest_size_are_refused() -> None:
    average = load("average")
    larger = replace(average, record=replace(average.record, min_size=9))
    assert larger(picture(9, 9), picture(9, 9)).shape == (9, 9)
    with pytest.raises(InputError, match="at least 9x9 pixels, got 9x8"):
        larger(picture(9, 8), picture(9, 8))


@each_method
def test_the_stated_smallest_size_is_in_force(slug: str) -> None:
    side = METHODS[slug].min_size
    smallest = picture(side, side)
    assert ready(slug)(smallest, smallest).shape == (side, side)
    if side > 1:
        with pytest.raises(InputError, match="needs images of at least"):
            ready(slug)(smallest[1:, 1:], smallest[1:, 1:])


@each_method
def test_unknown_option_is_refused(slug: str) -> None:
    with pytest.raises(InputError, match=f"{slug} has no option 'colour_of_the_sky'"):
        load(slug, colour_of_the_sky="blue")


@each_method
def test_weights_are_refused_by_methods_without(slug: str) -> None:
    if METHODS[slug].weights:
        with pytest.raises(InputError, match=r"has no weights 'best\.pth', and there is no"):
            load(slug, weights="best.pth")
        return
    with pytest.raises(InputError, match="has no weights"):
        load(slug, weights="best.pth")


@pytest.mark.parametrize(
    ("slug", "option", "value"),
    [
        ("lp", "levels", 0),
        ("lp", "levels", "-3"),
        ("lp", "levels", "2.5"),
        ("lp", "levels", 2.5),
        ("lp", "levels", True),
        ("lp", "levels", None),
        ("rp", "levels", 0),
        ("rp", "eps", 0.0),
        ("rp", "eps", "nan"),
        ("rp", "eps", "inf"),
        ("rp", "eps", "tiny"),
        ("cvt", "levels", 0),
        ("dtcwt", "levels", 0),
        ("dtcwt", "first", "haar"),
        ("dtcwt", "later", "qshift_07"),
        ("dwt", "levels", 0),
        ("dwt", "wavelet", "db0"),
        ("dwt", "wavelet", "morl"),
        ("gff", "r1", 0),
        ("gff", "eps1", 0.0),
        ("gff", "r2", -7),
        ("gff", "eps2", -1e-6),
        ("mgff", "r", 0),
        ("mgff", "eps", 0.0),
        ("mgff", "levels", 0),
        ("densefuse", "strategy", "max"),
        ("densefuse", "radius", -1),
        ("ifcnn_max", "normalisation", "yes"),
        ("pmgi", "task", "all"),
        ("sdnet", "task", "ir"),
        ("tardal", "mode", "dd"),
        ("gesenet", "masks", "soft"),
        ("gesenet", "seed", -1),
        ("adf", "iterations", 0),
        ("adf", "step", 0.0),
        ("adf", "kappa", "nan"),
        ("fpde", "iterations", 0),
        ("fpde", "step", -0.9),
        ("fpde", "k", 0.0),
        ("tif", "mean_window", 34),
        ("tif", "median_window", -1),
        ("vsmwls", "levels", 0),
        ("vsmwls", "smoothness", 0.0),
        ("cbf", "sigma_space", 0.0),
        ("cbf", "sigma_range", "inf"),
        ("cbf", "radius", 0),
        ("cbf", "detail_radius", 0),
        ("gtf", "lam", 0.0),
        ("gtf", "rounds", 0),
        ("msvd", "opposed", "1"),
        ("hybrid_msd", "levels", 0),
        ("mertens", "contrast", -1.0),
        ("mertens", "saturation", "inf"),
        ("mertens", "exposedness", "nan"),
        ("hybrid_msd", "lam", "nan"),
        ("ifevip", "smallest_block", 33),
        ("ifevip", "contrast", 0.0),
        ("ifevip", "brightest", 1.5),
        ("ifevip", "strength", "inf"),
        ("nsst_papcnn", "iterations", 0),
        ("wavelet", "levels", 0),
        ("wavelet", "wavelet", "db0"),
        ("wavelet", "low", "min"),
        ("wavelet", "high", "median"),
        ("dtcwt_accd", "levels", 0),
        ("dtcwt_accd", "clusters", 0),
        ("dtcwt_accd", "components", -1),
        ("dtcwt_accd", "overlap", 8),
        ("dtcwt_accd", "epsilon", 0.0),
        ("lp_sr", "levels", 0),
        ("lp_sr", "overlap", 8),
        ("lp_sr", "epsilon", 0.0),
        ("rp_sr", "levels", 0),
        ("rp_sr", "eps", 0.0),
        ("rp_sr", "overlap", -1),
        ("dwt_sr", "levels", 0),
        ("dtcwt_sr", "levels", 0),
        ("dtcwt_sr", "overlap", 8),
        ("cvt_sr", "levels", 0),
        ("cvt_sr", "epsilon", 0.0),
        ("nsct_sr", "epsilon", 0.0),
        ("dwt_sr", "wavelet", "db0"),
        ("sr", "overlap", 8),
        ("sr", "epsilon", "nan"),
        ("asr", "task", "cooking"),
        ("asr", "overlap", 8),
        ("asr", "epsilon", -0.1),
        ("asr", "sigma", -1.0),
        ("csr", "sparsity", 0.0),
        ("csr", "rounds", 0),
        ("csmca", "rounds", 0),
        ("gmc", "levels", 0),
        ("gmc", "sparsity", 0.0),
        ("gmc", "gamma", 1.0),
        ("gmc", "rounds", 0),
        ("latlrr", "levels", 0),
        ("latlrr", "side", 12),
        ("fm0", "layer", "conv1_2"),
        ("fm0", "solver", "sgd"),
        ("fm0", "damping", -0.5),
        ("fm0", "damping", "inf"),
        ("fm0", "epochs", 0),
        ("fm1", "iterations", 0),
        ("fm1", "rate", 0.0),
        ("fm2", "side", 31),
        ("fm2", "rate", "nan"),
        ("fm3", "side", 0),
        ("nst", "iterations", 0),
        ("nst", "rate", 0.0),
        ("nst", "ema", "perhaps"),
        ("nst", "side", -1),
    ],
)
def test_impossible_options_are_refused(slug: str, option: str, value: object) -> None:
    with pytest.raises(InputError, match=f"{option}.* is .*expected") as caught:
        load(slug, **{option: value})
    shown = float(value) if isinstance(value, str) and value in ("nan", "inf") else value
    assert str(shown) in str(caught.value)


@pytest.mark.parametrize(
    ("slug", "option", "text", "value"),
    [
        ("lp", "levels", "1", 1),
        ("rp", "levels", "2", 2),
        ("rp", "eps", "30", 30.0),
        ("cvt", "levels", "1", 1),
        ("dtcwt", "levels", "1", 1),
        ("dtcwt", "first", "near_sym_b", "near_sym_b"),
        ("dtcwt", "later", "qshift_b", "qshift_b"),
        ("dwt", "levels", "1", 1),
        ("dwt", "wavelet", "sym4", "sym4"),
        ("gff", "r1", "3", 3),
        ("gff", "eps1", "1e-6", 1e-6),
        ("gff", "r2", "1", 1),
        ("gff", "eps2", "0.3", 0.3),
        ("mgff", "r", "2", 2),
        ("mgff", "eps", "1", 1.0),
        ("mgff", "levels", "1", 1),
        ("densefuse", "strategy", "l1", "l1"),
        ("ifcnn_max", "normalisation", "none", "none"),
        ("pmgi", "task", "mff", "mff"),
        ("sdnet", "task", "mef", "mef"),
        ("tardal", "mode", "tt", "tt"),
        ("gesenet", "masks", "drawn", "drawn"),
        ("fm0", "layer", "conv1_1", "conv1_1"),
        ("fm1", "layer", "conv1_1", "conv1_1"),
        ("nst", "iterations", "5", 5),
        ("nst", "rate", "0.1", 0.1),
        ("nst", "ema", "no", False),
        ("nst", "side", "40", 40),
        ("adf", "iterations", "1", 1),
        ("adf", "step", "0.1", 0.1),
        ("adf", "kappa", "5", 5.0),
        ("fpde", "iterations", "1", 1),
        ("fpde", "step", "0.1", 0.1),
        ("fpde", "k", "100", 100.0),
        ("tif", "mean_window", "3", 3),
        ("tif", "median_window", "5", 5),
        ("vsmwls", "levels", "1", 1),
        ("vsmwls", "smoothness", "10", 10.0),
        ("cbf", "sigma_space", "9", 9.0),
        ("cbf", "sigma_range", "2", 2.0),
        ("cbf", "radius", "1", 1),
        ("cbf", "detail_radius", "1", 1),
        ("gtf", "lam", "1", 1.0),
        ("gtf", "rounds", "1", 1),
        ("msvd", "opposed", "24", "24"),
        ("hybrid_msd", "levels", "1", 1),
        ("mertens", "contrast", "0", 0.0),
        ("mertens", "exposedness", "3", 3.0),
        ("hybrid_msd", "lam", "3000", 3000.0),
        ("ifevip", "smallest_block", "8", 8),
        ("ifevip", "contrast", "0.9", 0.9),
        ("ifevip", "brightest", "0.5", 0.5),
        ("ifevip", "strength", "0.1", 0.1),
        ("nsst_papcnn", "iterations", "5", 5),
        ("wavelet", "low", "max", "max"),
        ("wavelet", "high", "max", "max"),
        ("dtcwt_accd", "levels", "2", 2),
        ("lp_sr", "levels", "1", 1),
        ("rp_sr", "eps", "30", 30.0),
        ("dwt_sr", "wavelet", "db2", "db2"),
        ("dtcwt_sr", "first", "near_sym_b", "near_sym_b"),
        ("cvt_sr", "levels", "1", 1),
        ("nsct_sr", "epsilon", "40", 40.0),
        ("sr", "overlap", "0", 0),
        ("sr", "epsilon", "40", 40.0),
        ("asr", "task", "ivif", "ivif"),
        ("asr", "overlap", "2", 2),
        ("asr", "sigma", "5", 5.0),
        ("csr", "task", "medical", "medical"),
        ("csr", "sparsity", "0.1", 0.1),
        ("csr", "rounds", "2", 2),
        ("csmca", "rounds", "1", 1),
        ("gmc", "levels", "2", 2),
        ("gmc", "sparsity", "0.1", 0.1),
        ("gmc", "gamma", "0.3", 0.3),
        ("gmc", "rounds", "2", 2),
        ("latlrr", "levels", "2", 2),
        ("latlrr", "side", "16", 16),
        ("latlrr", "accumulate", "no", False),
    ],
)
def test_options_are_read_from_text_and_change_the_result(
    slug: str, option: str, text: str, value: object
) -> None:
    a, b = picture(64, 64), picture(64, 64, seed=1)
    ready(slug)
    fuse = load(slug, **{option: text})
    fuse = ready(slug, **{option: text})
    assert fuse.options == {**METHODS[slug].options, option: value}
    fused = fuse(a, b)
    np.testing.assert_array_equal(fused, ready(slug, **{option: value})(a, b))
    assert (fused != ready(slug)(a, b)).any()


def test_device_is_checked() -> None:
    with pytest.raises(InputError, match="unknown device 'tpu'"):
        load("average", device="tpu")  # type: ignore[arg-type]
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="torch sees none"):
            load("lp", device="cuda")
    assert load("lp", device="auto").device == "cpu"


@pytest.mark.parametrize(
    ("name", "nearest"), [("lpp", "lp"), ("MGFF", "mgff"), ("averge", "average")]
)
def test_unknown_method_suggests_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{nearest}'"):
        load(name)


def test_a_slug_cannot_be_taken_twice() -> None:
    with pytest.raises(ValueError, match="'lp' is registered twice"):
        METHODS.add(METHODS["lp"])


# What the records say


@each_method
def test_record_is_complete(slug: str) -> None:
    record = METHODS[slug]
    assert record.tasks
    assert record.summary.endswith(".")
    assert record.doi == "" or record.doi.startswith("10.")
    documentation = record.factory.__doc__ or ""
    assert [name for name in record.options if f" {name}" not in documentation] == []
    assert record.doi in documentation
    for fidelity in record.fidelity:
        assert fidelity.images >= 1
        assert 0 <= fidelity.within_one <= 1
        assert 0 <= fidelity.mean_abs <= fidelity.max_abs


def test_listing_methods_does_not_import_torch() -> None:
    code = (
        "import sys; from fusebench.methods import METHODS; list(METHODS); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Values computed by hand


@pytest.mark.parametrize("slug", ["average", "lp", "rp", "dwt"])
def test_one_pixel_of_3_and_4_averages_to_4(slug: str) -> None:
    one = np.array([[3]], np.uint8), np.array([[4]], np.uint8)
    assert load(slug)(*one).tolist() == [[4]]


def test_dwt_adds_the_stronger_detail_to_the_mean() -> None:
    a, b = np.array([[40, 0], [0, 0]], np.uint8), np.zeros((2, 2), np.uint8)
    # Means 10 and 0 average to 5; the detail of a is (30, -10, -10, -10).
    assert load("dwt")(a, b).tolist() == [[35, 0], [0, 0]]


def test_dwt_takes_equal_detail_from_b() -> None:
    a, b = np.array([[90, 50], [50, 50]], np.uint8), np.array([[10, 50], [50, 50]], np.uint8)
    # Details (30, -10, -10, -10) and its negative have equal strength; means 60 and 40.
    for first, second in ((a, b), (b, a)):
        expected = 50 + second.astype(int) - int(second.mean())
        np.testing.assert_array_equal(load("dwt")(first, second), expected)


def test_wavelet_with_means_is_the_average() -> None:
    a, b = picture(33, 47), picture(33, 47, seed=1)
    np.testing.assert_array_equal(load("wavelet")(a, b), load("average")(a, b))


def test_wavelet_takes_the_larger_coefficient() -> None:
    # Haar, one level: the means are 10 and 2, the details of a (30, -10, -10, -10) and of b 0.
    a, b = np.array([[40, 0], [0, 0]], np.uint8), np.full((2, 2), 2, np.uint8)
    fuse = load("wavelet", wavelet="db1", levels=1, high="max")
    assert fuse(a, b).tolist() == [[36, 0], [0, 0]]
    assert load("wavelet", wavelet="db1", levels=1, low="max")(a, b).tolist() == [[25, 5], [5, 5]]


def slow_firings(stimulus: np.ndarray, threshold: float, steps: int) -> np.ndarray:
    """The network as its paper writes it, one neuron after the other."""
    ratio, alpha = stimulus.max() / threshold, np.log10(1 / stimulus.std(ddof=1))
    strength, jump = (ratio - 1) / 6, np.exp(-alpha) + ratio
    third = (1 - np.exp(-3 * alpha)) / (1 - np.exp(-alpha)) + (ratio - 1) * np.exp(-alpha)
    fade = np.exp(-np.log(jump / (threshold * third)))
    activity, level = np.zeros_like(stimulus), np.ones_like(stimulus)
    pulses, counts = np.zeros_like(stimulus), np.zeros_like(stimulus)
    links = np.array([[0.5, 1, 0.5], [1, 0, 1], [0.5, 1, 0.5]])
    for _ in range(steps):
        linking = convolve2d(pulses, links, "same")
        activity = np.exp(-alpha) * activity + stimulus * (1 + strength * linking)
        pulses = (activity > level).astype(float)
        level = fade * level + jump * pulses
        counts += pulses
    return counts


def test_networks_fire_as_their_paper_says() -> None:
    rng = np.random.default_rng(4)
    stimuli = np.abs(rng.standard_normal((3, 12, 15))) ** 3 / np.array([40, 60, 90])[:, None, None]
    stimuli[1] = 0.0019  # below half a grey level: silent
    found = nsst_papcnn._firings(stimuli, 40)
    for k in (0, 2):
        threshold = nsst_papcnn._otsu_threshold(stimuli[k])
        np.testing.assert_array_equal(found[k], slow_firings(stimuli[k], threshold, 40))
        assert len(np.unique(found[k])) > 5
    assert not found[1].any()


def test_threshold_splits_as_in_skimage() -> None:
    values = np.random.default_rng(5).integers(0, 256, (9, 9), dtype=np.uint8)
    split = values > nsst_papcnn._otsu_threshold(values / 255) * 255
    np.testing.assert_array_equal(split, values > threshold_otsu(values))


def test_equally_good_thresholds_give_their_mean() -> None:
    # Any grey level from 10 to 19 splits these values in the same way.
    threshold = nsst_papcnn._otsu_threshold(np.array([[10, 20], [10, 20]]) / 255)
    assert threshold * 255 == pytest.approx(14.5)


def test_clusters_part_what_differs() -> None:
    rng = np.random.default_rng(6)
    stripes = np.tile([1.0, -1.0], 32)
    steps = np.repeat([1.0, -1.0], 32)
    kinds = rng.integers(0, 2, 60)
    patches = np.where(kinds[:, None] == 1, stripes, steps) + 0.1 * rng.standard_normal((60, 64))
    labels = dtcwt_accd._cluster(patches, 2)
    assert (labels == kinds).all() or (labels == 1 - kinds).all()
    atoms = dtcwt_accd._dictionary(patches * 40, clusters=2, components=1)
    assert atoms.shape == (2, 64)
    np.testing.assert_allclose(np.sort(np.abs(atoms @ (stripes / 8))), [0, 1], atol=0.1)
    np.testing.assert_allclose(np.sort(np.abs(atoms @ (steps / 8))), [0, 1], atol=0.1)
    assert len(dtcwt_accd._dictionary(np.full((9, 64), 7.0), clusters=2, components=1)) == 0


def test_rp_prefers_the_larger_ratio() -> None:
    bright, dark = np.full((2, 32, 32), 100, np.uint8)
    bright[16, 16], dark[16, 16] = 150, 50
    fused = load("rp")(dark, bright)
    np.testing.assert_array_equal(fused, load("rp")(bright, dark))
    # The bright dot stands out by its full ratio, the dark one leaves no trace.
    assert fused[16, 16] > 140
    assert fused.min() >= 99


def test_rp_gives_an_image_back_whatever_eps_is() -> None:
    x = picture(33, 47)
    np.testing.assert_array_equal(load("rp", eps=30.0)(x, x), x)


def test_rp_marks_black_surroundings_with_white_as_the_published_code() -> None:
    a = np.zeros((64, 64), np.uint8)
    a[20:40, 20:40] = 200
    assert load("rp")(a, np.full((64, 64), 100, np.uint8)).max() == 255


def test_gff_takes_flat_regions_from_b() -> None:
    low, high = np.full((2, 40, 40), 100, np.uint8)
    high += 60
    assert (load("gff")(low, high) == 160).all()
    assert (load("gff")(high, low) == 100).all()


def test_gff_weights_of_colour_come_from_luma() -> None:
    rng = np.random.default_rng(3)
    grey, texture = picture(48, 48), picture(48, 48, seed=1) // 2 + 64
    # Green takes back what red adds to the luma, to less than half a level; blue is left alone.
    red = rng.integers(-40, 41, texture.shape)
    green = -np.rint(red * 0.298936 / 0.587043).astype(int)
    colour = np.stack([texture + red, texture + green, texture], axis=2).astype(np.uint8)
    blue = load("gff")(grey, colour)[..., 2]
    np.testing.assert_array_equal(blue, load("gff")(grey, texture))


def test_mgff_of_black_sources_is_black() -> None:
    black = np.zeros((24, 24), np.uint8)
    assert (load("mgff")(black, black) == 0).all()


def test_mgff_weights_details_by_their_share() -> None:
    # Windows that cover the whole image make the guided filter one straight line per image. These
    # sources differ by a constant, so that their covariance is their variance.
    a = np.array([[100.0, 140.0], [60.0, 100.0]])
    a = np.kron(a, np.ones((4, 4)))
    b = a + 50
    slope = a.var() / (a.var() + 1000.0)
    base_a = b.mean() + slope * (a - a.mean())
    base_b = a.mean() + slope * (b - b.mean())
    detail_a, detail_b = a - base_a, b - base_b
    share = np.abs(detail_a) / (np.abs(detail_a) + np.abs(detail_b))
    expected = (base_a + base_b) / 2 + share * detail_a + (1 - share) * detail_b
    fused = load("mgff", r=100, levels=1)(a / 255, b / 255) * 255.0
    np.testing.assert_allclose(fused, expected, atol=1e-4)


# The shared pyramid

PLANES = st.tuples(st.integers(1, 24), st.integers(1, 24)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(0, 255).map(float))
)


def test_mirror_leaves_its_corners_empty() -> None:
    plane = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert mirror(plane, 2).tolist() == [
        [0, 0, 7, 8, 9, 0, 0],
        [0, 0, 4, 5, 6, 0, 0],
        [3, 2, 1, 2, 3, 2, 1],
        [6, 5, 4, 5, 6, 5, 4],
        [9, 8, 7, 8, 9, 8, 7],
        [0, 0, 4, 5, 6, 0, 0],
        [0, 0, 1, 2, 3, 0, 0],
    ]


def test_odd_sides_are_padded_with_the_line_before_the_last() -> None:
    plane = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert pad_to_even(plane).tolist() == [[1, 2, 3, 2], [4, 5, 6, 5], [7, 8, 9, 8], [4, 5, 6, 5]]
    assert pad_to_even(np.array([[7.0]])).tolist() == [[7, 7], [7, 7]]
    assert pad_to_even(plane[:2, :2]).tolist() == [[1, 2], [4, 5]]


BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


@settings(max_examples=40, deadline=None)
@given(PLANES)
def test_reduce_is_a_filter_and_every_second_sample(plane: np.ndarray) -> None:
    even = pad_to_even(plane)
    direct = convolve2d(mirror(even, 2), BINOMIAL, "valid")[::2, ::2]
    np.testing.assert_allclose(reduce(even), direct, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(PLANES)
def test_expand_is_a_filter_between_stuffed_zeros(plane: np.ndarray) -> None:
    stuffed = np.zeros((2 * plane.shape[0], 2 * plane.shape[1]))
    stuffed[::2, ::2] = plane
    direct = convolve2d(mirror(stuffed, 2), 4 * BINOMIAL, "valid")
    np.testing.assert_allclose(expand(plane), direct, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(PLANES, st.integers(1, 7))
def test_what_the_pyramid_takes_apart_it_puts_together(plane: np.ndarray, levels: int) -> None:
    again = fuse_pyramids(plane, plane, levels=levels, split=np.subtract, merge=np.add)
    np.testing.assert_allclose(again, plane, atol=1e-10)


@pytest.mark.parametrize("slug", ["lp", "rp", "dwt"])
def test_levels_beyond_the_last_pixel_change_nothing(slug: str) -> None:
    a, b = picture(20, 13), picture(20, 13, seed=1)
    last = load(slug, levels=5)(a, b)
    np.testing.assert_array_equal(load(slug, levels=10**6)(a, b), last)
    assert (load(slug, levels=4)(a, b) != last).any()


def slow_choose_max(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Place by place, as the rule is worded."""
    height, width = a.shape

    def activity(band: np.ndarray, y: int, x: int) -> float:
        wide = mirror(np.abs(band), 1)
        window = wide[max(y, 0) : y + 3, max(x, 0) : x + 3]
        return float(window.max())

    chosen = b.copy()
    for y in range(height):
        for x in range(width):
            votes = sum(
                activity(a, y + dy, x + dx) > activity(b, y + dy, x + dx)
                for dy in (-1, 0, 1)
                for dx in (-1, 0, 1)
            )
            if votes >= 5:
                chosen[y, x] = a[y, x]
    return chosen


BANDS = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda shape: st.tuples(
        *[arrays(np.float64, shape, elements=st.integers(-3, 3).map(float)) for _ in range(2)]
    )
)


@settings(max_examples=40, deadline=None)
@given(BANDS)
def test_choose_max_is_a_vote_of_nine_places(bands: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_array_equal(choose_max(*bands), slow_choose_max(*bands))


def test_choose_max_compares_complex_coefficients_by_modulus() -> None:
    a, b = np.full((4, 4), 3 + 4j), np.full((4, 4), -4.9 + 0j)
    assert (choose_max(a, b) == a).all()
    assert (choose_max(b, a) == a).all()


# The shared guided filter


def slow_box_mean(plane: np.ndarray, radius: int) -> np.ndarray:
    means = np.empty_like(plane)
    for y, x in np.ndindex(plane.shape):
        rows = slice(max(y - radius, 0), y + radius + 1)
        means[y, x] = plane[rows, max(x - radius, 0) : x + radius + 1].mean()
    return means


@settings(max_examples=40, deadline=None)
@given(
    plane=arrays(np.float64, (7, 5), elements=st.integers(0, 255).map(float)),
    radius=st.one_of(st.integers(1, 8), st.just(10**30)),
)
def test_box_mean_divides_by_the_pixels_that_exist(plane: np.ndarray, radius: int) -> None:
    expected = slow_box_mean(plane, min(radius, 99))
    np.testing.assert_allclose(box_mean(plane, radius), expected, rtol=1e-12)


@pytest.mark.parametrize(("radius", "eps"), [(1, 0.5), (2, 100.0), (9, 1e-6)])
def test_guided_filter_is_a_line_fitted_in_every_window(radius: int, eps: float) -> None:
    rng = np.random.default_rng(5)
    guide, source = rng.uniform(0, 255, (2, 9, 6))
    total, windows = np.zeros_like(guide), np.zeros_like(guide)
    for y, x in np.ndindex(guide.shape):
        window = np.s_[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
        g, s = guide[window], source[window]
        # Least squares of slope * g + offset against s, with eps * slope^2 per pixel on top.
        rows = np.column_stack([g.ravel(), np.ones(g.size)])
        rows = np.vstack([rows, [(eps * g.size) ** 0.5, 0]])
        slope, offset = np.linalg.lstsq(rows, np.append(s.ravel(), 0.0), rcond=None)[0]
        total[window] += slope * g + offset
        windows[window] += 1
    expected = total / windows
    np.testing.assert_allclose(guided_filter(guide, source, radius, eps), expected, rtol=1e-6)


def test_guided_filter_of_a_flat_guide_is_two_means() -> None:
    source = picture(20, 20).astype(float)
    smooth = guided_filter(np.full((20, 20), 77.0), source, 3, 1e-6)
    np.testing.assert_allclose(smooth, box_mean(box_mean(source, 3), 3), atol=1e-9)


# Colour


def test_luma_and_chroma_are_taken_apart_and_put_together() -> None:
    image = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(1))
    y, chroma = split_luma(image)
    assert (join_luma(y, chroma) - image).abs().max() < 1e-6
    expected = 0.299 * image[:, :1] + 0.587 * image[:, 1:2] + 0.114 * image[:, 2:]
    assert (y - expected).abs().max() < 1e-6
    assert chroma.abs().max() <= 0.5


def test_chroma_of_a_grey_source_does_not_count() -> None:
    chroma = torch.rand(1, 2, 5, 5, generator=torch.Generator().manual_seed(2)) - 0.5
    assert (fuse_chroma(torch.zeros_like(chroma), chroma) - chroma).abs().max() < 1e-6
    assert fuse_chroma(torch.tensor([0.3]), torch.tensor([-0.1])).item() == pytest.approx(0.2)
    assert fuse_chroma(torch.zeros(3), torch.zeros(3)).tolist() == [0, 0, 0]
