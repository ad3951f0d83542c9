"""What networks share: tiles, strides, blocks and the saving of 8-bit images."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from parity import STAND_INS, load_any
from PIL import Image as PillowImage
from skimage.morphology import disk
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from fusebench.bench.images import read_image
from fusebench.bench.runner import _entry
from fusebench.bench.suite import MethodChoice
from fusebench.bench.types import InputError, MissingDataError
from fusebench.methods import METHODS, LoadedMethod, load
from fusebench.methods._colour import fuse_chroma, split_luma
from fusebench.methods._guided import guided_filter
from fusebench.methods._networks import msgfusion
from fusebench.methods._networks.base import (
    Conv,
    Dense,
    FusionNetwork,
    grey_of,
    in_tiles,
    mirrored,
    stretched,
    truncated,
    with_stride,
    wrapped,
)
from fusebench.methods._networks.densefuse import DenseFuse
from fusebench.methods._networks.liu_cnn import fuse_with_weights
from fusebench.methods._networks.mefnet import guided_upsampling
from fusebench.methods._networks.msgfusion import MsgFusion
from fusebench.methods._networks.murf import MURF, converted
from fusebench.methods._networks.nestfuse import NestFuse, in_quarters, merge_places
from fusebench.methods._networks.sdnet import normalised
from fusebench.methods._networks.sesf import cleaned, smoothed
from fusebench.methods._networks.tardal import Normalisation

# Numbers of learned values, from the shapes in the official checkpoints.
PARAMETERS = {
    "auif": 11_631,
    "cddfuse": 1_188_272,
    # The file holds 10,760 values; 1,296 of them (queries, keys, a normalisation) have no effect.
    "datfuse": 10_760 - 1_296,
    "deepfuse": 316_976,
    # 435 belong to a layer that is never used.
    "defusion": 7_874_473 - 435,
    "deepfuse_li": 18_817,
    "densefuse": 74_193,
    "didfuse": 260_935,
    # Those of ours have a quarter of the authors' channels.
    "drpl": 73_970,
    "emfusion": 148_545,
    "emma": 1_517_657,
    "fm0": 1_792,
    "fm1": 1_792,
    "fm2": 143_667_240,
    "fm3": 143_667_240,
    "fmm": 275_889,
    "fusiongan": 924_673,
    # Two belong to a normalisation that is never applied.
    "gesenet": 240_587 - 2,
    "ifcnn_max": 83_587,
    "ifcnn_mean": 83_587,
    "ifcnn_sum": 83_587,
    # The file's two biases of the last layer are not used.
    "liu_cnn": 435_202 - 2,
    "lrrnet": 49_204,
    # The file has a normalisation that nothing uses, queries and keys.
    "matr": 13_422 - 1_848,
    "mefnet": 26_461,
    "mfeif": 371_140,
    # The rest is the discriminator.
    "mff_gan": 430_690 - 390_657,
    # All but what no output depends on.
    "msgfusion": 2_971_622 - 330_531,
    "murf": 26_265,
    "nestfuse": 2_732_761,
    "nst": 9_408 + 128,
    # All 42,401 variables but the 768 of batch normalisation, which the test program ignores.
    "pmgi": 42_401 - 768,
    "reconet": 7_527,
    "rfn_nest": 7_524_249,
    # Of 67,091 variables, 38,386 decompose.
    "sdnet": 67_091 - 38_386,
    # 226 belong to normalisations that are never applied.
    "seafusion": 166_883 - 226,
    # The rest decodes.
    "sesf": 74_803 - 60_387,
    # 28 tensors that nothing uses.
    "smfnet": 3_148_818 - 498_720,
    "smfnet_mif": 3_148_818 - 498_720,
    "stdfusionnet": 282_513,
    # Two convolutions that nothing uses.
    "swinfusion": 973_681 - 8_430,
    "tardal": 296_577,
    "u2fusion": 659_217,
    "vif_net": 268_193,
    # Two layers that nothing uses, queries and keys.
    "ydtr": 217_770 - 127_824,
}

# The furthest pixels of ten unrolled steps count by the product of ten small step sizes; those of
# MFEIF by an attention of 1e-7, which its weights make constant; those of STDFusionNet and DRPL by
# the corners of eight and of thirty kernels one after the other.
FAINT = {"auif", "drpl", "mfeif", "stdfusionnet"}

# Other methods with weights read a dictionary.
DICTIONARIES = {
    *("asr", "csmca", "csr", "cvt_sr", "dtcwt_sr", "dwt_sr", "latlrr", "lp_sr", "nsct_sr"),
    *("rp_sr", "sr"),
}
NETWORKS = [m.slug for m in METHODS if m.weights and m.slug not in DICTIONARIES]
# Methods that look for the image of least loss.
SEARCHES = ("fm0", "fm1", "fm2", "fm3", "nst")


def image(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def ready(slug: str, **options: object) -> LoadedMethod:
    try:
        return load_any(slug, **options)
    except MissingDataError as e:
        pytest.skip(str(e))


def network(slug: str, **options: object) -> FusionNetwork:
    return ready(slug, **options)._function  # type: ignore[return-value]


@pytest.mark.parametrize("slug", NETWORKS)
def test_parameters_are_as_many_as_in_the_checkpoint(slug: str) -> None:
    assert ready(slug).parameters == PARAMETERS[slug]
    assert load("lp").parameters is None


# Tiles


@pytest.mark.parametrize("border", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize("tile", [7, 16, 40])
def test_tiles_give_the_same_as_the_whole(border: str, tile: int) -> None:
    torch.manual_seed(1)
    net = nn.Sequential(*(Conv(2, 2, size, border=border) for size in (3, 5)))  # type: ignore[arg-type]
    a, b = image(2, 1, 45, 39), image(2, 1, 45, 39, seed=1)

    def compute(a: Tensor, b: Tensor) -> Tensor:
        return net(torch.cat((a, b), 1))  # type: ignore[no-any-return]

    whole = compute(a, b)
    torch.testing.assert_close(in_tiles(compute, (a, b), tile, 3), whole, rtol=0, atol=1e-5)
    # With less overlap the seams show, so the overlap is what is needed and the test can see it.
    if tile < 39:
        assert (in_tiles(compute, (a, b), tile, 2) - whole).abs().max() > 1e-3


@pytest.mark.parametrize("slug", NETWORKS)
def test_each_network_looks_no_further_than_it_states(slug: str) -> None:
    net = network(slug)
    if net.reach is None:
        return
    net.double()
    a, b = (image(1, 1, 90, 75, seed=s).double() for s in (1, 2))
    whole = net.compute(a, b)
    tiled = in_tiles(net.compute, (a, b), 40, net.reach)
    scale = whole.abs().max()
    torch.testing.assert_close(tiled / scale, whole / scale, rtol=0, atol=1e-13)
    closer = in_tiles(net.compute, (a, b), 40, net.reach - 1)
    assert slug in FAINT or (closer / scale - whole / scale).abs().max() > 1e-12


def test_load_takes_the_size_of_tiles() -> None:
    slug = "ifcnn_max"
    assert network(slug, tile=33).tile == 33
    a, b = image(1, 3, 50, 70), image(1, 3, 50, 70, seed=1)
    tiled, whole = load(slug, tile=33)(a, b), load(slug)(a, b)
    assert ((tiled - whole).abs() * 255).max() <= 1.001
    assert (tiled != whole).float().mean() < 1e-3
    with pytest.raises(InputError, match="tile is 0"):
        load(slug, tile=0)


# Precision


def test_less_precision_is_another_entry_of_nearly_the_same() -> None:
    slug = "ifcnn_max"
    network(slug)
    a, b = image(1, 1, 50, 70), image(1, 1, 50, 70, seed=1)
    lowered = load(slug, device="cpu", precision="bfloat16")
    assert lowered.options == {**load(slug).options, "precision": "bfloat16"}
    assert "precision" not in load(slug, precision="float32").options
    fused, exact = lowered(a, b), load(slug, device="cpu")(a, b)
    assert fused.dtype == exact.dtype == torch.float32
    assert 0 < ((fused - exact).abs() * 255).mean() < 1
    # Rows of both may stand in one table, so the label has to tell.
    entry, _ = _entry(MethodChoice(slug, options={"precision": "bfloat16"}), "cpu")
    assert entry.label == "IFCNN-MAX (bfloat16)"
    assert entry.digest != _entry(MethodChoice(slug), "cpu")[0].digest
    named, _ = _entry(MethodChoice(slug, "Half", {"precision": "bfloat16"}), "cpu")
    assert named.label == "Half"


@pytest.mark.parametrize("slug", [s for s in NETWORKS if s not in SEARCHES])
def test_every_network_computes_in_less_precision(slug: str) -> None:
    # Smooth, as images are: decisions between noise and noise could fall either way.
    a, b = (interpolate(image(1, 1, 6, 7, seed=s), (48, 56), mode="bicubic") for s in (1, 2))
    a, b = a.clamp(0, 1), b.clamp(0, 1)
    exact, lowered = ready(slug)(a, b), ready(slug, precision="bfloat16")(a, b)
    assert lowered.dtype == torch.float32
    # What a stand-in makes of images is faint, and stretched.
    assert 0 < ((lowered - exact).abs() * 255).mean() < (12 if slug in STAND_INS else 5)


def test_searches_keep_their_precision() -> None:
    ready("fm0")
    with pytest.raises(InputError, match="fm0 needs the gradients of float32"):
        load("fm0", precision="bfloat16")


def test_precision_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="average is no network; leave precision=bfloat16 out"):
        load("average", precision="bfloat16")
    network("ifcnn_max")
    with pytest.raises(InputError, match="'half'; expected one of float32, bfloat16, float16"):
        load("ifcnn_max", precision="half")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="float16 is for GPUs"):
        load("ifcnn_max", device="cpu", precision="float16")


# Strides


@pytest.mark.parametrize(("height", "width"), [(16, 24), (17, 23), (9, 8)])
def test_sides_become_multiples_and_come_back(height: int, width: int) -> None:
    seen = []

    def compute(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape[2:]))
        return avg_pool2d(x, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)

    x = image(1, 1, height, width)
    assert with_stride(compute, (x,), 8, "reflect").shape == x.shape
    assert seen == [(-(-height // 8) * 8, -(-width // 8) * 8)]


# Blocks


def test_mirrored_doubles_the_outermost_pixels_as_often_as_needed() -> None:
    x = torch.arange(3.0).view(1, 1, 1, 3)
    assert mirrored(x, (1, 5, 0, 1))[0, 0, 1].tolist() == [0, 0, 1, 2, 2, 1, 0, 0, 1]


def test_dense_blocks_put_channels_in_the_authors_order() -> None:
    blocks = [Conv(c, 1, 1, bias=False) for c in (1, 2)]
    with torch.no_grad():
        blocks[0].weight.fill_(10)
        blocks[1].weight.copy_(torch.tensor([1.0, 2.0]).view(1, 2, 1, 1))
    one = torch.ones(1, 1, 1, 1)
    assert Dense(blocks)(one).flatten().tolist() == [1, 10, 21]
    assert Dense(blocks, newest_first=True)(one).flatten().tolist() == [12, 10, 1]


# Saving


def test_truncated_cuts_off() -> None:
    levels = torch.tensor([-3.0, 0.0, 0.999, 1.0, 254.99, 255.0, 300.0])
    assert (truncated(levels / 255) * 255).round().tolist() == [0, 0, 0, 1, 254, 255, 255]


def test_wrapped_goes_round() -> None:
    levels = torch.tensor([-3.7, -0.9, 0.0, 0.999, 254.99, 256.5])
    assert (wrapped(levels / 255) * 255).round().tolist() == [253, 0, 0, 0, 254, 0]


def test_stretched_reaches_from_0_to_1_in_each_image() -> None:
    batch = torch.tensor([[-2.0, 0, 6], [5, 5, 5]]).view(2, 1, 1, 3)
    assert stretched(batch).flatten().tolist() == [0, 0.25, 1, 0, 0, 0]


def test_grey_of_opencv_is_luma_up_to_its_rounding() -> None:
    colour = image(1, 3, 60, 80).mul(255).round() / 255
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    exact = (colour * 255 * weights).sum(1)
    found, pillow = grey_of(colour, "opencv")[:, 0] * 255, grey_of(colour)[:, 0] * 255
    assert (found - exact).abs().max() <= 0.51
    # A level of difference where red is weighted more, blue less.
    assert 0 < (found != pillow).sum() < 10


def test_grey_is_that_of_pillow() -> None:
    colour = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    tensor = torch.from_numpy(colour).permute(2, 0, 1)[None] / 255
    grey = np.rint(grey_of(tensor)[0, 0].numpy() * 255)
    np.testing.assert_array_equal(grey, np.array(PillowImage.fromarray(colour).convert("L")))


# What is special about single networks


def test_densefuse_weights_features_by_their_share_of_the_activity() -> None:
    a = torch.tensor([3.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    b = torch.tensor([0.0, 12.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    for radius in (0, 1, 3):
        merged = DenseFuse("l1", radius, tensorflow=False).merge(a, b)
        expected = torch.tensor([3 * 0.25, -0.25 + 12 * 0.75]).view(1, 2, 1, 1)
        torch.testing.assert_close(merged, expected.expand_as(a))
    nothing = torch.zeros_like(a)
    assert (DenseFuse("l1", 1, tensorflow=False).merge(nothing, nothing) == 0).all()
    assert (DenseFuse("addition", 1, tensorflow=False).merge(a, b) == (a + b) / 2).all()
    assert (DenseFuse("addition", 1, tensorflow=True).merge(a, b) == a + b).all()


def test_densefuse_averages_activity_over_a_window() -> None:
    a = torch.zeros(1, 1, 5, 5)
    a[..., 2, 2] = 9
    b = torch.ones(1, 1, 5, 5)
    merged = DenseFuse("l1", 1, tensorflow=False).merge(a, b)
    # Around the dot the activity of a is 1, as is that of b.
    assert merged[0, 0, 2].tolist() == pytest.approx([1, 0.5, 5, 0.5, 1])


def test_pmgi_normalises_each_image_by_itself() -> None:
    x = image(2, 3, 9, 7) * 5 + 2
    normal = normalised(x)
    torch.testing.assert_close(normal.mean((2, 3)), torch.zeros(2, 3), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        normal.var((2, 3), correction=0), torch.ones(2, 3), rtol=0, atol=1e-4
    )


def test_sesf_cleans_its_decision_map() -> None:
    expected = np.zeros((100, 120), bool)
    expected[:, 60:] = True
    expected[40:70, 80:110] = False
    decision = expected.copy()
    decision[5, :50] = True  # thinner than the disk
    dot = disk(5).astype(bool)  # as large as the disk, but below 1% of the image
    decision[20:31, 20:31] |= dot
    decision[10:21, 90:101] &= ~dot
    differs = cleaned(decision) != expected
    # All that is left of the difference are the rounded corners of the square.
    assert 0 < differs.sum() < 60
    assert not differs[45:65].any()
    assert not differs[:, 85:105].any()
    assert not differs[:, :80].any()


def test_sesf_filters_with_the_slopes_of_all_channels() -> None:
    rng = np.random.default_rng(2)
    mask, guide = np.repeat([0.0, 1], 10) * np.ones((30, 1)), rng.uniform(0, 255, (3, 30, 20))
    flat = guided_filter(np.zeros_like(mask), mask, 4, 0.1)
    alone = [guided_filter(channel, mask, 4, 0.1) - flat for channel in guide]
    np.testing.assert_allclose(smoothed(mask, guide[:1]), flat + alone[0], atol=1e-9)
    np.testing.assert_allclose(smoothed(mask, guide), flat + sum(alone), atol=1e-9)
    assert np.abs(sum(alone)).max() > 0.1


def test_mefnet_fits_lines_in_windows_and_interpolates_them() -> None:
    # Where weights are a line of the guide, they are that line of the large guide too.
    small, large = image(1, 1, 9, 7).double() * 100, image(1, 1, 40, 33, seed=1).double() * 100
    line = guided_upsampling(small, 3 * small - 2, large)
    torch.testing.assert_close(line, 3 * large - 2, rtol=1e-4, atol=1e-3)
    # A flat guide tells nothing: the weights are averaged where there are pixels, corner on corner.
    weights, flat = image(1, 1, 4, 5).double(), torch.ones(1, 1, 4, 5).double()
    smooth = guided_upsampling(flat, weights, torch.ones(1, 1, 7, 9).double())
    assert smooth[0, 0, 0, 0] == pytest.approx(weights[0, 0, :2, :2].mean().item())
    assert smooth[0, 0, -1, 8] == pytest.approx(weights[0, 0, 2:, 3:].mean().item())
    assert smooth[0, 0, 2, 2] == pytest.approx(weights[0, 0, :3, :3].mean().item())


# Networks without an output of their authors: at least they do what their papers say.


@pytest.mark.shared
def test_stdfusionnet_puts_hot_targets_into_the_visible_image(shared: Path) -> None:
    net, (infrared, visible) = network("stdfusionnet"), inputs(shared, "tno_camp")
    fused = net.compute(infrared, visible) / 2 + 0.5
    hot = infrared > infrared.quantile(0.99)
    to_infrared, to_visible = ((fused - x).abs() for x in (infrared, visible))
    assert to_infrared[hot].mean() < to_visible[hot].mean() / 3
    rest = torch.stack([x[~hot] for x in (fused, visible, infrared)])
    with_visible, with_infrared = rest.corrcoef()[0, 1:].tolist()
    assert with_visible > 0.9 > with_infrared


@pytest.mark.shared
def test_mff_gan_takes_what_is_in_focus(shared: Path) -> None:
    near, far = inputs(shared, "mf_lytro01")
    sharp = load("sesf", device="cpu")(near, far)
    error = [
        (x - sharp).square().mean()
        for x in (network("mff_gan").compute(near, far) / 2 + 0.5, (near + far) / 2, near, far)
    ]
    assert error[0] < 0.6 * min(error[1:])


@pytest.mark.shared
def test_mefnet_shows_the_detail_of_all_exposures(shared: Path) -> None:
    exposures = inputs(shared, "me_u2d1")
    fused = network("mefnet")(*exposures)
    steps = [x.diff(dim=3).abs().mean().item() for x in (fused, *exposures)]
    assert steps[0] > 1.2 * max(steps[1:])
    dark, light = sorted(x.mean().item() for x in exposures)
    assert dark + 0.1 < fused.mean().item() < light - 0.1


def inputs(shared: Path, pair: str) -> list[Tensor]:
    folder = shared / "golden" / "deep" / "inputs"
    images = [read_image(folder / f"{pair}_{side}.png") for side in ("ir", "vi")]
    return [torch.from_numpy(x / np.float32(255))[None, None] for x in images]


@pytest.mark.parametrize(
    "slug", ["deepfuse", "fm0", "ifcnn_max", "ifcnn_mean", "ifcnn_sum", "mefnet", "nst"]
)
def test_order_of_the_sources_does_not_matter(slug: str) -> None:
    network(slug)
    a, b = image(1, 1, 20, 30), image(1, 1, 20, 30, seed=1)
    assert torch.equal(load(slug)(a, b), load(slug)(b, a))


@pytest.mark.parametrize("slug", ["u2fusion", "emfusion", "pmgi", "sdnet", "stdfusionnet"])
def test_order_of_the_sources_matters(slug: str) -> None:
    network(slug)
    a, b = image(1, 1, 20, 30), image(1, 1, 20, 30, seed=1)
    assert (load(slug)(a, b) - load(slug)(b, a)).abs().max() > 0.1


def test_deepfuse_does_not_see_the_scale_of_the_sources() -> None:
    network("deepfuse")
    a, b = image(1, 1, 20, 30), image(1, 1, 20, 30, seed=1)
    torch.testing.assert_close(load("deepfuse")(a / 3, b / 3), load("deepfuse")(a, b))


def test_gesenet_draws_masks_that_add_up_to_1() -> None:
    net = network("gesenet", masks="drawn", seed=4)
    logits = image(2, 2, 6, 5)
    draw = net._draw_with(net.generator())
    masks = draw(logits, 1)
    torch.testing.assert_close(masks.sum(1), torch.ones(2, 6, 5))
    # Each image of a batch has the same noise, and the next masks have another.
    same = logits[:1].expand(2, -1, -1, -1)
    first, second = net._draw_with(net.generator())(same, 1)
    assert torch.equal(first, second)
    assert not torch.equal(draw(logits, 1), masks)
    assert torch.equal(net._draw_with(None)(logits, 1), logits.softmax(1))


def test_matr_continues_images_to_squares() -> None:
    net = network("matr")
    a, b = image(1, 1, 20, 30), image(1, 1, 20, 30, seed=1)
    squares = (torch.cat((x, x.flip(2)[:, :, :10]), dim=2) for x in (a, b))
    assert torch.equal(net.compute(a, b), net.compute(*squares)[:, :, :20])


def test_tardal_normalises_each_image_by_itself() -> None:
    normalise = Normalisation(3, own=True)
    expected = nn.functional.instance_norm(image(2, 3, 9, 7))
    torch.testing.assert_close(normalise(image(2, 3, 9, 7)), expected)


@pytest.mark.shared
@pytest.mark.parametrize("size", [(64, 64), (70, 90)])
def test_murf_is_the_authors_network(size: tuple[int, int], shared: Path) -> None:
    golden = shared / "golden" / "parity"
    rule = runpy.run_path(str(golden / "rule.py"))
    tensors = {}
    for line in (golden / "keys" / "MURF.txt").read_text().splitlines():
        if not line.startswith("#"):
            k, name, shape, kind = line.split("\t")
            filled = rule["make_tensor"](int(k), tuple(map(int, shape.split("x"))), kind)
            # The rule fills tensors in the order of axes of PyTorch; the file has the other.
            axes = {4: (2, 3, 1, 0), 2: (1, 0)}.get(filled.ndim, (0,))
            tensors[name] = torch.from_numpy(filled.transpose(axes))
    net = MURF()
    net.load_state_dict(converted(tensors))
    visible, infrared = map(torch.from_numpy, rule["make_inputs"](*size, 3))
    with np.load(golden / "MURF.npz") as arrays:
        expected = arrays[f"{size[0]}x{size[1]}/rgb_out"]
    with torch.inference_mode():
        found = net.compute(infrared[:, :1], visible).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.ptp(expected))


def test_nest_computes_large_images_in_overlapping_quarters() -> None:
    rows, columns = torch.arange(600.0).view(600, 1), torch.arange(40.0)
    place = (rows * 100 + columns)[None, None]
    sizes = []

    def compute(x: Tensor) -> Tensor:
        sizes.append(tuple(x.shape[2:]))
        return x + len(sizes)

    quarter = in_quarters(compute, [place]) - place
    # Rows 298 to 302 and columns 18 to 22 are in two quarters, the middle is in four.
    assert sizes == [(303, 23), (303, 22), (302, 23), (302, 22)]
    assert quarter[0, 0, [297, 298, 302, 303], 0].tolist() == [1, 2, 2, 3]
    assert quarter[0, 0, 0, [17, 18, 22, 23]].tolist() == [1, 1.5, 1.5, 2]
    assert quarter[0, 0, 300, 20] == 2.5
    small = place[:, :, :512]
    assert torch.equal(in_quarters(compute, [small]) - small, torch.full_like(small, 5))


def test_nestfuse_weights_channels_by_their_activity() -> None:
    a, b = image(1, 3, 6, 5).double(), image(1, 3, 6, 5, seed=1).double()
    for attention, activity in (
        ("attention_avg", lambda x: x.mean()),
        ("attention_max", lambda x: x.max()),
        ("attention_nuclear", lambda x: torch.linalg.matrix_norm(x + 1e-5, "nuc")),
    ):
        merged = NestFuse(attention).merge(0, a, b)
        for k in range(3):
            of_a, of_b = (activity(x[0, k]) for x in (a, b))
            channel = (of_a * a[0, k] + of_b * b[0, k]) / (of_a + of_b + 1e-5)
            expected = (channel + merge_places(a, b)[0, k]) / 2
            torch.testing.assert_close(merged[0, k], expected)


def test_places_are_weighted_as_by_exponentials_that_overflow() -> None:
    a, b = image(1, 3, 6, 5).double() * 9 - 2, image(1, 3, 6, 5, seed=1).double() * 9 - 2
    of_a, of_b = (x.mean(1, keepdim=True).exp() for x in (a, b))
    torch.testing.assert_close(merge_places(a, b), (of_a * a + of_b * b) / (of_a + of_b + 1e-5))
    assert merge_places(a + 1e4, b + 1e4).isfinite().all()


def test_defusion_reads_sources_as_the_authors_do_for_each_task() -> None:
    a, b = image(1, 3, 20, 30), image(1, 3, 20, 30, seed=1)
    infrared, exposed, focused = (ready("defusion", task=t) for t in ("ivif", "mef", "mff"))
    assert torch.equal(exposed(a, b), focused(b, a))
    assert not torch.equal(focused(a, b), focused(b, a))
    (luma_a, chroma_a), (luma_b, chroma_b) = (split_luma(x) for x in (a, b))
    fused = infrared(luma_a, luma_b)
    assert torch.equal(fused, focused(luma_a, luma_b))
    luma, chroma = split_luma(infrared(a, b))
    # Colours that do not fit into [0, 1] are clipped.
    fits = (infrared(a, b).amin(1) > 0) & (infrared(a, b).amax(1) < 1)
    assert fits.any()
    assert ((luma - fused)[:, 0].abs() < 1e-6)[fits].all()
    both = (chroma - fuse_chroma(chroma_a, chroma_b)).abs().amax(1)
    assert (both < 1e-6)[fits].all()


def test_msgfusion_makes_light_of_the_second_source() -> None:
    # The sums of the channels exceed their maximum by 0, 100 and 250, and white by 0, 45 and 245.
    pixels = torch.tensor([[200.0, 0, 0], [200, 50, 50], [250, 250, 0]]) / 255
    colour = pixels.T.reshape(1, 3, 1, 3)
    for modalities, expected in (("mr_pet", [0, 100, 250]), ("ct_mr", [0, 45, 245])):
        light = MsgFusion(modalities).light(colour)
        assert light.shape == colour.shape
        for channel in light[0, :, 0]:
            assert channel.tolist() == pytest.approx([x / expected[2] for x in expected])


def test_msgfusion_exchanges_mri_and_pet() -> None:
    a, b = image(1, 3, 20, 30), image(1, 3, 20, 30, seed=1)
    nets = [network("msgfusion", modalities=m) for m in ("ct_mr", "mr_pet")]
    for net in nets:
        net.light = torch.zeros_like  # type: ignore[assignment]
    assert torch.equal(nets[0].compute(a, b), nets[1].compute(b, a))
    assert not torch.equal(nets[0].compute(a, b), nets[1].compute(a, b))


def test_msgfusion_computes_tiles_with_the_light_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = network("msgfusion").double()
    net.save = lambda fused, *sources: fused  # type: ignore[assignment]
    a, b = image(1, 3, 75, 54).double(), image(1, 3, 75, 54, seed=1).double()
    whole, net.tile = net.compute(a, b), 23
    torch.testing.assert_close(net(a, b), whole, rtol=0, atol=1e-12)
    monkeypatch.setattr(msgfusion, "_REACH", 8)
    assert (net(a, b) - whole).abs().max() > 1e-6


@pytest.mark.parametrize(("height", "width"), [(16, 21), (15, 40)])
def test_liu_cnn_fuses_equal_images_to_themselves(height: int, width: int) -> None:
    a, weight = image(1, 3, height, width).double(), image(1, 1, height, width, seed=1).double()
    torch.testing.assert_close(fuse_with_weights(a, a, weight), a, rtol=0, atol=1e-12)


def test_liu_cnn_takes_the_stronger_band_where_they_do_not_match() -> None:
    rng = np.random.default_rng(1)
    a = torch.from_numpy(rng.standard_normal((1, 1, 32, 32)))
    weight = torch.zeros_like(a)
    # Bands of opposite sign never match, and those of a are stronger.
    torch.testing.assert_close(fuse_with_weights(a, -0.5 * a, weight), a, rtol=0, atol=1e-12)
    # Bands that match are averaged.
    half = fuse_with_weights(a, 0.9 * a, weight + 0.5)
    torch.testing.assert_close(half, 0.95 * a, rtol=0, atol=1e-12)


@pytest.mark.parametrize("slug", ["pmgi", "sdnet"])
def test_each_task_has_weights_of_its_own(slug: str) -> None:
    network(slug)
    a, b = image(1, 1, 20, 30), image(1, 1, 20, 30, seed=1)
    tasks = ("ivif", "medical", "mef", "mff")
    found = [load(slug, task=task) for task in tasks]
    assert len({fuse.weights_digest for fuse in found}) == len(tasks)
    assert torch.equal(load(slug)(a, b), found[0](a, b))


# Any number of sources


@pytest.mark.parametrize("slug", ["fm0", "fm1", "ifcnn_max", "ifcnn_mean", "ifcnn_sum", "mefnet"])
def test_more_than_two_sources(slug: str) -> None:
    network(slug)
    fuse = load(slug, device="cpu")
    a, b, c = (image(1, 1, 20, 30, seed=s) for s in range(3))
    three = fuse(a, b, c)
    # Sums of weights are rounded otherwise in another order, before they are cut to 8 bits; so is
    # the mean that a search begins with.
    atol = {"mefnet": 1.001 / 255, "fm0": 1e-5}.get(slug, 0)
    # Three sources may be the largest equally often: then the first one counts.
    if slug != "fm1":
        torch.testing.assert_close(three, fuse(c, a, b), rtol=0, atol=atol)
    assert (three != fuse(a, b)).any()
    if slug == "ifcnn_max":
        assert torch.equal(fuse(a, b, a), fuse(a, b))
    levels = [(x[0, 0].numpy() * 255).astype(np.uint8) for x in (a, b, c)]
    assert fuse(*levels).shape == (20, 30)
    with pytest.raises(InputError, match="source 3 has shape"):
        fuse(a, b, c[:, :, 1:])


def test_two_means_two() -> None:
    x = np.zeros((8, 8), np.uint8)
    with pytest.raises(InputError, match="lp fuses two images, got 3"):
        load("lp")(x, x, x)


def test_three_equal_channels_are_grey() -> None:
    network("ifcnn_max")
    grey, colour = image(1, 1, 20, 30), image(1, 3, 20, 30, seed=1)
    fused = load("ifcnn_max")(
        torch.cat((grey.expand(1, 3, 20, 30), colour)), colour.expand(2, 3, 20, 30)
    )
    assert not torch.equal(fused[0, 0], fused[0, 1])
    three = grey.expand(1, 3, 20, 30)
    assert torch.equal(
        load("ifcnn_max")(three, three), load("ifcnn_max")(grey, grey).expand(1, 3, 20, 30)
    )
