"""What networks share: tiles, strides, blocks and the saving of 8-bit images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from fusebench.bench.types import InputError, MissingDataError
from fusebench.methods import METHODS, load
from fusebench.methods._networks.base import (
    Conv,
    Dense,
    FusionNetwork,
    grey_of,
    in_tiles,
    stretched,
    truncated,
    with_stride,
)

# Numbers of learned values in the sheets of the methods.
PARAMETERS = {"ifcnn_max": 83_587, "ifcnn_mean": 83_587, "ifcnn_sum": 83_587}

NETWORKS = [m.slug for m in METHODS if m.weights]


def image(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def network(slug: str, **options: object) -> FusionNetwork:
    try:
        return load(slug, device="cpu", **options)._function  # type: ignore[arg-type, return-value]
    except MissingDataError as e:
        pytest.skip(str(e))


@pytest.mark.parametrize("slug", NETWORKS)
def test_parameters_are_as_many_as_in_the_paper(slug: str) -> None:
    try:
        assert load(slug, device="cpu").parameters == PARAMETERS[slug]
    except MissingDataError as e:
        pytest.skip(str(e))
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
    a, b = (image(1, 1, 90, 75, seed=s) for s in (1, 2))
    whole = net.compute(a, b)
    tiled = in_tiles(net.compute, (a, b), 40, net.reach)
    scale = whole.abs().max()
    torch.testing.assert_close(tiled / scale, whole / scale, rtol=0, atol=1e-5)
    closer = in_tiles(net.compute, (a, b), 40, net.reach - 1)
    assert (closer / scale - whole / scale).abs().max() > 1e-5


def test_load_takes_the_size_of_tiles() -> None:
    slug = "ifcnn_max"
    assert network(slug, tile=33).tile == 33
    a, b = image(1, 3, 50, 70), image(1, 3, 50, 70, seed=1)
    tiled, whole = load(slug, tile=33)(a, b), load(slug)(a, b)
    assert ((tiled - whole).abs() * 255).max() <= 1.001
    assert (tiled != whole).float().mean() < 1e-3
    with pytest.raises(InputError, match="tile is 0"):
        load(slug, tile=0)


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


def test_stretched_reaches_from_0_to_1_in_each_image() -> None:
    batch = torch.tensor([[-2.0, 0, 6], [5, 5, 5]]).view(2, 1, 1, 3)
    assert stretched(batch).flatten().tolist() == [0, 0.25, 1, 0, 0, 0]


def test_grey_is_that_of_pillow() -> None:
    colour = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    tensor = torch.from_numpy(colour).permute(2, 0, 1)[None] / 255
    grey = np.rint(grey_of(tensor)[0, 0].numpy() * 255)
    np.testing.assert_array_equal(grey, np.array(PillowImage.fromarray(colour).convert("L")))


# Any number of sources


@pytest.mark.parametrize("slug", ["ifcnn_max", "ifcnn_mean", "ifcnn_sum"])
def test_more_than_two_sources(slug: str) -> None:
    network(slug)
    fuse = load(slug, device="cpu")
    a, b, c = (image(1, 1, 20, 30, seed=s) for s in range(3))
    three = fuse(a, b, c)
    assert torch.equal(three, fuse(c, a, b))
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
