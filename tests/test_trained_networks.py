"""Networks that are trained here: their architecture, and what users' files become in them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import picture
from parity import filled, golden, inputs
from safetensors.torch import save_file
from torch import Tensor, nn

from fusebench.bench.types import InputError
from fusebench.methods import load
from fusebench.methods._networks.drpl import DRPL
from fusebench.methods._networks.fmm import FMM, Fusion
from fusebench.methods._networks.fusiongan import FusionGAN
from fusebench.methods._networks.vif_net import VIFNet
from fusebench.methods._recipes import RECIPES
from fusebench.methods._recipes.base import Batch, Budget
from fusebench.methods._recipes.fusiongan import Discriminator, plan

# The rule that says when two architectures are one: differences as a share of the range.
SAME = 1e-4


def values(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def image(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


# FusionGAN


@pytest.fixture
def official(shared: Path) -> dict[str, Tensor]:
    """Variables as TensorFlow has them: height, width, inputs, outputs."""
    tensors = golden(shared, "FusionGAN").tensors
    return {k: v.permute(2, 3, 1, 0) if v.ndim == 4 else v for k, v in tensors.items()}


@pytest.mark.shared
@pytest.mark.parametrize("size", ["64x64", "70x90"])
def test_fusiongan_is_the_official_graph(
    size: str, shared: Path, official: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file({k: v.contiguous() for k, v in official.items()}, tmp_path / "own.safetensors")
    net = load("fusiongan", device="cpu", weights=str(tmp_path / "own.safetensors"))._function
    assert isinstance(net, FusionGAN)
    known = golden(shared, "FusionGAN")
    height, width = map(int, size.split("x"))
    found = {"out": net.compute(*inputs(height, width))}
    assert found["out"].shape == (1, 1, height, width)
    # What comes after the activation of a layer goes into the next; every 32nd and 8th channel is
    # kept.
    for n, step in ((1, 32), (4, 8)):
        net.layers[n].register_forward_hook(
            lambda _, given, out, n=n, step=step: found.update({f"layer{n}": given[0][:, ::step]})
        )
    net.compute(*inputs(height, width))
    names = [name for name in known.arrays if name.startswith(size)]
    assert len(names) == 5
    for name in names:
        part = name.split("/")[1].removesuffix(".chmean")
        assert known.compare(name, found[part]) < SAME, name


def test_fusiongan_is_as_large_as_the_official_one() -> None:
    assert values(FusionGAN()) == 924_673
    # Patches of 120 pixels, which the strides leave 6 of.
    assert Discriminator(120).layers[-1].in_features == 6 * 6 * 256


def test_the_generator_of_fusiongan_is_moved_towards_labels_of_real_images() -> None:
    torch.manual_seed(0)
    made = plan(Budget(steps=1, batch=2, crop=43, rate=1e-3))
    discriminator, generator = made.stages[0].moves
    assert discriminator.times == 2
    assert generator.learns is made.network
    assert {*generator.learns.parameters()}.isdisjoint(discriminator.learns.parameters())


# Recipes of several stages


def test_blocks_of_rfn_nest_learn_while_its_auto_encoder_stays() -> None:
    made = RECIPES["rfn_nest"].plan(Budget(steps=2, batch=1, crop=24, rate=1e-3))
    (first,), (second,) = (stage.moves for stage in made.stages)
    coder, blocks = {*first.learns.parameters()}, {*second.learns.parameters()}
    assert coder.isdisjoint(blocks)
    assert coder | blocks == {*made.network.parameters()}
    batch = Batch(image(1, 1, 24, 24), image(1, 1, 24, 24, seed=1), None, None)
    losses = second.loss(batch)
    assert list(losses) == ["detail", *(f"features {level}" for level in (1, 2, 3, 4))]
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in blocks)


@pytest.mark.parametrize("slug", ["cddfuse", "smfnet"])
def test_layers_that_fuse_learn_in_the_second_stage_only(slug: str) -> None:
    made = RECIPES[slug].plan(Budget(steps=3, batch=1, crop=16, rate=1e-3))
    first, second = made.stages
    assert second.share == 2 * first.share
    early, late = ({*stage.moves[0].learns.parameters()} for stage in made.stages)
    assert late == {*made.network.parameters()}
    fusing = {*made.network.base_fuse.parameters(), *made.network.detail_fuse.parameters()}
    assert early.isdisjoint(fusing)
    batch = Batch(image(2, 1, 16, 16), image(2, 1, 16, 16, seed=1), None, None)
    for stage in made.stages:
        made.network.zero_grad()
        losses = stage.moves[0].loss(batch)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        assert any(p.grad is not None and bool(p.grad.any()) for p in fusing) == (stage is second)


def test_auto_encoders_begin_with_an_image_that_they_can_learn_from() -> None:
    for seed in range(3):
        torch.manual_seed(seed)
        made = RECIPES["nestfuse"].plan(Budget(steps=1, batch=1, crop=24, rate=1e-3))
        with torch.no_grad():
            found = made.network.coder(255 * image(1, 1, 24, 24, seed=seed))
        assert found.min() > 0


# FMM


@pytest.mark.parametrize("fusion", ["mapping", "concat", "add"])
@pytest.mark.parametrize("depth", [2, 3, 4, 5])
@pytest.mark.parametrize("size", [(1, 1), (37, 50)])
def test_fmm_fuses_any_size(fusion: Fusion, depth: int, size: tuple[int, int]) -> None:
    net = filled(FMM(fusion, depth), 0.5)
    with torch.no_grad():
        fused = net.compute(image(2, 1, *size), image(2, 1, *size, seed=1))
    assert fused.shape == (2, 1, *size)
    assert torch.isfinite(fused).all()


def test_fmm_maps_are_sums_over_all_places_by_their_products() -> None:
    a, b = image(1, 16, 3, 4) * 3, image(1, 16, 3, 4, seed=1) * 3
    maps = FMM().fusion.map(a, b)
    x, y = (t[0].flatten(1).T for t in (a, b))
    attention = torch.softmax(x @ y.T / 4, dim=1)
    for found, source in zip(maps, (x, y), strict=True):
        torch.testing.assert_close(found[0].flatten(1).T, attention @ source)


def test_fmm_adds_where_it_is_told_to() -> None:
    net = FMM("add", 2)
    scales = [
        [image(1, 16 << level, 8 >> level, 8 >> level, seed=s) for level in (0, 1)] for s in (0, 1)
    ]
    for found, x, y in zip(net.fusion(*scales), *scales, strict=True):
        assert torch.equal(found, x + y)


def test_weights_of_other_settings_of_fmm_are_given_by_their_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_file(filled(FMM("add", 4), 0.5).state_dict(), path)
    fuse = load("fmm", device="cpu", weights=str(path), fusion="add", depth=4)
    assert fuse(picture(1), picture(2)).shape == picture(1).shape
    with pytest.raises(InputError, match="does not fit this network"):
        load("fmm", weights=str(path))


# VIF-Net


def test_vif_net_is_as_large_as_described() -> None:
    assert values(VIFNet()) == 268_193


# DRPL


def test_drpl_reads_the_authors_names(tmp_path: Path) -> None:
    """Names as the authors' program gives them; only the layers it lists."""
    net = filled(DRPL())
    ours = net.state_dict()
    theirs: dict[str, Tensor] = {}
    places = {
        **{f"{n}": f"head.{n - 1}" for n in (1, 2, 3)},
        **{f"{n}": f"tail.{n - 4}" for n in (4, 5)},
    }
    for n, place in places.items():
        for kind, name in (("conv", "conv"), ("bn", "norm")):
            theirs.update(_of(ours, f"{place}.{name}.", f"{kind}{n}."))
    for block in range(12):
        for n in (1, 2):
            for kind, name in (("conv", "conv"), ("bn", "norm")):
                old = f"blocks.{block}.{name}{n}."
                theirs.update(_of(ours, old, f"residual_block{block + 1}.group1.{kind}{n}."))
    theirs.update(_of(ours, "last.", "conv6."))
    assert len(theirs) == len(ours)
    path = tmp_path / "40_net_params.pkl"
    torch.save(theirs, path)
    fuse = load("drpl", device="cpu", weights=str(path))
    a, b = image(1, 3, 20, 22), image(1, 3, 20, 22, seed=1)
    with torch.inference_mode():
        torch.testing.assert_close(fuse(a, b), net.eval()(a, b))
    assert fuse.parameters == values(net)


def _of(tensors: dict[str, Tensor], start: str, new: str) -> dict[str, Tensor]:
    return {new + k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def test_drpl_weighs_by_both_maps() -> None:
    net = DRPL(4)
    net.maps = lambda a, b: torch.tensor([0.9, 0.3]).view(1, 2, 1, 1)  # type: ignore[method-assign]
    a, b = torch.full((1, 3, 1, 1), 0.5), torch.full((1, 3, 1, 1), 0.1)
    # 0.9 says the first, 1 - 0.3 the second.
    assert net.compute(a, b).flatten().tolist() == pytest.approx([0.1 + 0.8 * 0.4] * 3)
