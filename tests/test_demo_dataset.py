"""The demo: the same pixels everywhere, and pictures that are what they claim to be."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fusebench.bench.images import luma
from fusebench.bench.types import Image, MissingDataError, Pair
from fusebench.datasets import DATASETS, Dataset, dataset_digest, export, load, verify
from fusebench.datasets import _optics as optics
from fusebench.datasets.demo import _RECIPES, _made

# Golden, from our own code (version 1). When this differs, pixels of the demo have changed:
# - after an edit, raise `version` in datasets/demo.py, write datasets/splits/demo.csv anew (see
#   `write_split` and `freeze` in datasets/_splits.py) and put the new digest here;
# - without one, `verify` below names the pairs. If only medical_retina and medical_hubble differ,
#   it is the JPEG decoder of Pillow; else NumPy or SciPy, by more than 1e-8 grey levels.
# The same digest was found with NumPy 2.0.0, SciPy 1.13.0, Pillow 10.4.0, scikit-image 0.24.0
# and with NumPy 2.4.6, SciPy 1.17.1, Pillow 13.0.0, scikit-image 0.26.0.
VERSION = 1
DIGEST = "5495cc4d5fb0e167b28279a3af2f3abb543e0c949968e47a61487f277d386906"

SIZES = {
    "mff_astronaut": (256, 256),
    "mff_camera": (320, 320),
    "mff_chelsea": (299, 413),
    "mff_coffee": (264, 396),
    "mff_coins": (303, 384),
    "mff_brick": (288, 288),
    "mff_motorcycle": (320, 461),
    "mff_motorcycle_engine": (240, 272),
    "mef_astronaut": (320, 320),
    "mef_camera": (256, 256),
    "mef_chelsea": (300, 451),
    "mef_coffee": (264, 396),
    "mef_motorcycle": (300, 444),
    "medical_ihc": (256, 256),
    "medical_ihc_hot": (256, 256),
    "medical_retina": (352, 352),
    "medical_hubble": (320, 480),
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test of the demo may reach for the network."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the demo reached for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    # scikit-image downloads through pooch where that is installed.
    if importlib.util.find_spec("pooch"):
        monkeypatch.setattr("pooch.Pooch.fetch", refuse)
        monkeypatch.setattr("pooch.retrieve", refuse)


@pytest.fixture(scope="module")
def demo() -> Dataset:
    return load("demo")


@pytest.fixture(scope="module")
def pairs(demo: Dataset) -> dict[str, Pair]:
    return {pair.key: pair for pair in demo}


def sharpness(image: Image) -> float:
    """Mean squared gradient."""
    down, right = np.gradient(luma(image).astype(float))
    return float(np.mean(down**2 + right**2))


def of_task(pairs: dict[str, Pair], task: str) -> list[Pair]:
    return [pair for pair in pairs.values() if pair.task == task]


def with_reference(pair: Pair) -> tuple[Image, Image, Image]:
    assert pair.reference is not None
    return pair.a, pair.b, pair.reference


def test_pixels_are_those_of_this_version(demo: Dataset) -> None:
    facts = demo.inspect()
    assert verify(demo, facts) == []
    assert DATASETS["demo"].version == VERSION
    assert dataset_digest(facts) == DIGEST


def test_no_pixel_hangs_on_the_last_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding has room to spare everywhere, so other libraries round the same way."""
    room = []

    def watch(levels: np.ndarray) -> Image:
        shifted = levels + (0.5 + 1e-6)
        room.append(np.abs(shifted - np.rint(shifted)).min())
        return np.floor(shifted).astype(np.uint8)

    monkeypatch.setattr(optics, "round_levels", watch)
    for recipe in _RECIPES.values():
        recipe.make()
    assert len(room) >= 2 * len(_RECIPES) - 3
    # Errors of the transforms are about 1e-13 grey levels.
    assert min(room) > 1e-8


def test_sizes_tasks_and_scenes(pairs: dict[str, Pair]) -> None:
    assert {key: pair.a.shape[:2] for key, pair in pairs.items()} == SIZES
    for pair in pairs.values():
        assert pair.key.startswith(f"{pair.task}_{pair.scene}")
        assert pair.a.shape[:2] == pair.b.shape[:2]
        assert pair.a.dtype == pair.b.dtype == np.uint8
        assert (pair.reference is None) == (pair.task == "medical")
        if pair.reference is not None:
            assert pair.a.shape == pair.b.shape == pair.reference.shape
    channels = {pair.a.ndim for pair in pairs.values()}
    assert channels == {2, 3}
    assert any(pair.a.ndim != pair.b.ndim for pair in pairs.values())
    assert any(size[0] % 2 and size[1] % 2 for size in SIZES.values())


def test_splits(demo: Dataset) -> None:
    info = DATASETS["demo"]
    assert info.tasks == ("mff", "mef", "medical")
    assert dict(info.splits) == {"": 17, "mff": 8, "mef": 5, "medical": 4}
    parts = [load(f"demo:{task}") for task in info.tasks]
    assert sum((part.keys for part in parts), ()) == demo.keys
    for part in parts:
        assert len(part) == info.splits[part.split]
        assert set(part.frozen) == set(part.keys)
        assert part.root is None


def test_every_pair_is_made_by_itself_and_the_same_twice(demo: Dataset) -> None:
    for key in ("mff_brick", "mef_coffee", "medical_ihc"):
        pair = demo[key]
        a, b, _ = _RECIPES[key].make()
        assert np.array_equal(pair.a, a)
        assert np.array_equal(pair.b, b)


def test_writing_into_a_pair_changes_no_other(demo: Dataset) -> None:
    pair = demo["mef_camera"]
    pair.a[:] = 0
    assert demo["mef_camera"].a.any()


def test_memory_is_bounded() -> None:
    assert _made.cache_info().maxsize is not None


def test_listing_datasets_imports_nothing_slow() -> None:
    code = (
        "import sys, fusebench.datasets as d; len(list(d.DATASETS)); d.load('demo');"
        "slow = {'skimage', 'scipy', 'torch', 'pandas', 'sqlalchemy', 'streamlit',"
        "'fusebench.metrics', 'fusebench.methods'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_photograph_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import fusebench.datasets.demo as module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingDataError, match="pip install scikit-image"):
        _RECIPES["mff_coins"].make()

    class Spec:
        origin = str(tmp_path / "__init__.py")

    monkeypatch.setattr(module, "find_spec", lambda name: Spec)
    with pytest.raises(MissingDataError, match=r"coins\.png does not exist.*reinstall"):
        _RECIPES["mff_coins"].make()


def test_export_comes_back_by_folder(tmp_path: Path, demo: Dataset) -> None:
    roots = export(demo, tmp_path)
    assert roots == [tmp_path / task for task in ("mff", "mef", "medical")]
    for root in roots:
        ours = load(f"demo:{root.name}")
        theirs = load(f"folder:{root.name}", root=root)
        assert dataset_digest(theirs.inspect()) == dataset_digest(ours.inspect())
    (single,) = export(load("demo:medical"), tmp_path / "single")
    assert sorted(p.name for p in single.iterdir()) == ["a", "b"]


# --- what the pictures show -----------------------------------------------------------------


def test_multi_focus_references_are_sharper_than_both_sources(pairs: dict[str, Pair]) -> None:
    for pair in of_task(pairs, "mff"):
        a, b, reference = with_reference(pair)
        assert sharpness(reference) > 1.1 * max(sharpness(a), sharpness(b)), pair.key


def test_multi_focus_sources_complete_each_other(pairs: dict[str, Pair]) -> None:
    """Nearly every pixel of the reference is in one source, and no source has them all."""
    for pair in of_task(pairs, "mff"):
        a, b, reference = (luma(image).astype(int) for image in with_reference(pair))
        off_a, off_b = np.abs(a - reference), np.abs(b - reference)
        assert np.mean(np.minimum(off_a, off_b) <= 12) > 0.9, pair.key
        for off in (off_a, off_b):
            assert np.mean(off > 5) > 0.05, pair.key


def test_near_focus_is_a(pairs: dict[str, Pair]) -> None:
    """The brick floor is near at the bottom; the motorcycle stands before the shelf."""
    brick = pairs["mff_brick"]
    low, high = np.s_[-60:], np.s_[:60]
    assert sharpness(brick.a[low]) > 1.5 * sharpness(brick.b[low])
    assert sharpness(brick.b[high]) > 1.5 * sharpness(brick.a[high])
    bike = pairs["mff_motorcycle"]
    engine, shelf = np.s_[170:240, 200:270], np.s_[0:40, 200:400]
    assert sharpness(bike.a[engine]) > 1.5 * sharpness(bike.b[engine])
    assert sharpness(bike.b[shelf]) > 1.5 * sharpness(bike.a[shelf])


def test_defocus_leaves_the_light_as_it_is(pairs: dict[str, Pair]) -> None:
    """Blur moves light and makes none: no dark seams, no halos."""
    for pair in of_task(pairs, "mff"):
        light = [optics.decode(image).mean() for image in with_reference(pair)]
        assert light == pytest.approx([light[2]] * 3, rel=0.02), pair.key


def test_multi_exposure_sources_lie_around_the_reference(pairs: dict[str, Pair]) -> None:
    for pair in of_task(pairs, "mef"):
        a, b, reference = with_reference(pair)
        assert a.mean() < reference.mean() - 30, pair.key
        assert b.mean() > reference.mean() + 30, pair.key
        assert 80 < reference.mean() < 150, pair.key
        assert np.mean(reference == 255) < 0.03, pair.key
        assert np.mean(b == 255) > 0.02, pair.key
        # Each source holds detail that the other has lost.
        assert np.all(a <= reference)
        assert np.all(reference <= b)


def test_an_exposure_is_a_power_of_two_in_linear_light(pairs: dict[str, Pair]) -> None:
    a, b, reference = (optics.decode(image) for image in with_reference(pairs["mef_astronaut"]))
    bright = reference > 0.1
    assert np.allclose(a[bright], reference[bright] / 4, rtol=0.03)
    assert np.allclose(b[bright], np.minimum(4 * reference[bright], 1), rtol=0.06)


def test_medical_stand_ins_complement_each_other(pairs: dict[str, Pair]) -> None:
    for pair in of_task(pairs, "medical"):
        a, b = luma(pair.a).astype(float), luma(pair.b).astype(float)
        assert min(a.std(), b.std()) > 15, pair.key
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] < 0.97, pair.key
    notes = DATASETS["demo"].notes
    assert "not clinical" in notes


# --- optics ---------------------------------------------------------------------------------


def test_srgb_comes_back() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(optics.encode(optics.decode(levels)), levels)
    # IEC 61966-2-1: 18 % grey, white and the end of the linear part.
    assert optics.encode(np.array([[[0.18, 1.0, 0.0031308, 2.0, -1.0]]])).tolist() == [
        [118, 255, 10, 255, 0]
    ]


def test_area_average_by_hand() -> None:
    values = np.array([[[0.0, 3.0, 6.0], [3.0, 6.0, 9.0]]])
    assert optics.area_average(values, 1, 3).tolist() == [[[1.5, 4.5, 7.5]]]
    # 3 -> 2 columns: (0 + 3/2) / 1.5 and (3/2 + 6) / 1.5.
    assert np.allclose(optics.area_average(values[:, :1], 1, 2), [[[1.0, 5.0]]])
    assert np.allclose(optics.area_average(values, 2, 3), values)


@pytest.mark.parametrize("radius", [0.0, 0.5, 0.51, 0.8, 1.0, 2.3, 5.0])
def test_disc_has_the_moments_of_a_disc(radius: float) -> None:
    kernel = optics.disc(radius)
    size = kernel.shape[0]
    assert kernel.shape == (size, size)
    assert size % 2 == 1
    assert kernel.sum() == pytest.approx(1)
    assert np.array_equal(kernel, kernel[::-1])
    assert np.array_equal(kernel, kernel.T)
    offset = np.arange(size) - size // 2
    variance = float((kernel.sum(axis=0) * offset**2).sum())
    # A disc has r^2 / 4; spreading it over pixels adds up to 1 / 6.
    assert abs(variance - radius**2 / 4) <= 1 / 6


def test_blur_is_convolution_with_a_mirrored_border() -> None:
    from scipy import ndimage

    planes = np.random.default_rng(0).random((2, 21, 34))
    for radius in (0.3, 1.7, 4.0):
        expected = [ndimage.convolve(p, optics.disc(radius), mode="reflect") for p in planes]
        assert np.allclose(optics.blur(planes, radius), expected, atol=1e-12)


def test_a_pinhole_sees_the_picture_itself() -> None:
    light = np.random.default_rng(0).random((3, 40, 50))
    region = optics.smooth_region(40, 50, 1, 0.5) > 0.5
    masks = [region.astype(float), 1.0 - region]
    layers = optics.layered(light, masks, [1.0, 0.0], reach=5.0)
    assert np.array_equal(optics.photograph(layers, 0.5, 0.0), optics.encode(light))


@pytest.mark.parametrize("grey", [0.02, 0.5, 1.0])
def test_an_even_scene_stays_even(grey: float) -> None:
    """Whatever the depths, a scene of one colour has no edges to blur: no seams between layers."""
    light = np.full((1, 60, 70), grey)
    depth = np.add.outer(np.linspace(0, 9, 60), np.linspace(0, 5, 70))
    depth[20:40, 30:50] += 12
    masks, middles = optics.split_by_depth(depth, 9)
    layers = optics.layered(light, masks, middles, reach=8.0)
    for focus in (0.0, 12.0, 26.0):
        assert np.unique(optics.photograph(layers, focus, 0.25)).tolist() == [
            optics.encode(light)[0, 0]
        ]


def test_a_near_edge_spreads_over_a_sharp_background() -> None:
    """Across a straight edge, a defocused white layer lets the black ground show by the disc."""
    white = np.zeros((41, 41))
    white[:, 21:] = 1.0
    layers = optics.layered(white[None], [white, 1.0 - white], [1.0, 0.0], reach=12.0)
    row = optics.decode(optics.photograph(layers, 0.0, 6.0))[0, 20]
    spread = optics.blur(white[None], 6.0)[0, 20]
    # In front of the black ground alone: white in the share of the disc that is over it.
    assert np.allclose(row[:21], spread[:21], atol=0.005)
    assert row[14] == 0
    assert 0.3 < row[20] < 0.5


def test_disparity_is_filled_from_the_farther_neighbour() -> None:
    inf, nan = np.inf, np.nan
    row = np.array([[inf, 5.0, inf, nan, 3.0, inf], [inf, inf, 1.0, inf, 4.0, 2.0]])
    assert optics.fill_disparity(row.astype(np.float32)).tolist() == [
        [5.0, 5.0, 3.0, 3.0, 3.0, 3.0],
        [1.0, 1.0, 1.0, 1.0, 4.0, 2.0],
    ]


def test_depth_slices_cover_everything_once() -> None:
    depth = np.random.default_rng(0).random((20, 30))
    masks, middles = optics.split_by_depth(depth, 7)
    assert np.array_equal(sum(masks), np.ones((20, 30)))
    assert middles == sorted(middles, reverse=True)
    nearest = depth[masks[0] == 1]
    assert nearest.min() > depth[masks[-1] == 1].max()


@pytest.mark.parametrize("seed", range(4))
def test_region_has_its_share_and_a_soft_edge(seed: int) -> None:
    region = optics.smooth_region(80, 100, seed, 0.4)
    assert region.mean() == pytest.approx(0.4, abs=0.01)
    assert region.min() == 0
    assert region.max() == 1
    assert 0 < np.mean((region > 0) & (region < 1)) < 0.1


def test_stains_are_those_of_scikit_image() -> None:
    """Oracle: skimage.color.rgb2hed, which scales all amounts by one constant."""
    from skimage.color import rgb2hed

    image = np.random.default_rng(0).integers(1, 256, (20, 20, 3), dtype=np.uint8)
    theirs = rgb2hed(image)
    for index in range(3):
        ours = optics.stain(image, index)
        positive = ours > 1e-3
        ratio = theirs[..., index][positive] / ours[positive]
        assert np.allclose(ratio, ratio[0], rtol=1e-6)
