"""Networks whose weights nobody can download, against what the official ones return.

The oracle: the authors' PyTorch code, run on tensors and images of a published rule (`parity`). A
checkpoint with the official names goes the way that a user's goes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from parity import STAND_INS, Golden, filled, golden, inputs
from test_cli import Run, refused, run
from torch import Tensor
from torch.nn.functional import pad

from fusebench.bench.images import write_image
from fusebench.bench.types import InputError, MissingDataError
from fusebench.methods import METHODS, load
from fusebench.methods._networks.base import FusionNetwork
from fusebench.methods._networks.defusion import DeFusion
from fusebench.methods._networks.msgfusion import MsgFusion
from fusebench.methods._networks.nestfuse import Nest, merge_places
from fusebench.methods._weights import file_digest

__all__ = ["run"]

# Of the range of each array. The rule asks for 1e-4; single precision takes 2e-6, and 12e-6 in the
# deepest branch of MsgFusion.
TOLERANCE = 2e-5

Found = dict[str, Tensor]


def of_nest(network: Nest, height: int, width: int, variant: str) -> Found:
    a, b = inputs(height, width)
    of_a, of_b = (network.coder.encode(x) for x in (a, b))
    return {
        # The network takes grey levels; the rule gives it an image in [0, 1] in their place.
        "out": network.compute(a / 255, b / 255),
        "enc_a1": of_a[0],
        "enc_a4": of_a[3],
        "fused1": network.merge(0, of_a[0], of_b[0]),
        "fused4": network.merge(3, of_a[3], of_b[3]),
    }


def of_defusion(network: DeFusion, height: int, width: int, variant: str) -> Found:
    a, b = inputs(height, width, 3)
    parts = ("common", "upper", "lower", "out")
    if variant == "pad16":
        wide = (pad(x, (16,) * 4, "reflect") for x in (a, b))
        cut = (x[..., 16:-16, 16:-16] for x in network.decompose(*wide))
        return {**dict(zip(parts, cut, strict=True)), "out": network.compute(a, b)}
    modules = {
        "upper_encoder_upper": network.encoder,
        **{f"upper_encoder_layer{k + 1}": stage for k, stage in enumerate(network.down)},
        "common_encoder": network.join,
        "decoder_common_layer4": network.common[3],
        "decoder_upper_layer1": network.unique[0],
        "decoder_upper_layer4": network.unique[3],
    }
    # Both sources pass through the same layers, the first one first.
    outputs: dict[str, list[Tensor]] = {name: [] for name in modules}
    hooks = [
        module.register_forward_hook(lambda *call, kept=outputs[name]: kept.append(call[2]))
        for name, module in modules.items()
    ]
    found = dict(zip(parts, network.decompose(a, b), strict=True))
    for hook in hooks:
        hook.remove()
    return {**found, **{name: tensors[0] for name, tensors in outputs.items()}}


def of_msgfusion(network: MsgFusion, height: int, width: int, variant: str) -> Found:
    first, second = inputs(height, width, 3)
    y, x = np.mgrid[:height, :width]
    waves = 0.09 * x - 0.04 * y + 0.5 * np.arange(3).reshape(-1, 1, 1)
    light = torch.from_numpy(0.5 + 0.5 * np.sin(waves))[None].float()
    spectral, low = network.spectral(first), network.low(first)
    return {
        "out": network.merge(first, second, light),
        "channel_branch": network.structure(second),
        "pet_lf": low,
        "spectral": spectral,
        "spatial_fused": merge_places(spectral, low),
    }


# By the name of the golden file: the method, what computes its arrays, and the options for each
# entry of the file.
CASES: dict[str, tuple[str, Callable[..., Found], dict[str, dict[str, str]]]] = {
    "NestFuse": (
        "nestfuse",
        of_nest,
        {
            "64x64": {},
            "70x90": {},
            "70x90_max": {"attention": "attention_max"},
            "70x90_nuclear": {"attention": "attention_nuclear"},
        },
    ),
    "RFN-Nest": ("rfn_nest", of_nest, {"64x64": {}, "70x90": {}}),
    "DeFusion": ("defusion", of_defusion, {"64x64": {}, "70x90": {}, "70x90_pad16": {}}),
    "DeFusion-deep": ("defusion", of_defusion, {"64x64": {}, "70x90": {}, "70x90_pad16": {}}),
    "MsgFusion-CT-MR": ("msgfusion", of_msgfusion, {"64x64": {}, "72x88": {}}),
    "MsgFusion-MR-PET": (
        "msgfusion",
        of_msgfusion,
        {size: {"modalities": "mr_pet"} for size in ("64x64", "72x88")},
    ),
}
SLUGS = sorted({slug for slug, _, _ in CASES.values()})


@cache
def known(shared: Path, name: str) -> Golden:
    return golden(shared, name)


def saved(folder: Path, tensors: dict[str, Tensor], name: str = "theirs.pth") -> str:
    torch.save(tensors, folder / name)
    return str(folder / name)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "tag"), [(name, tag) for name, (_, _, tags) in CASES.items() for tag in tags]
)
def test_network_is_the_official_one(name: str, tag: str, shared: Path, tmp_path: Path) -> None:
    facts, (slug, compute, tags) = known(shared, name), CASES[name]
    fuse = load(slug, device="cpu", weights=saved(tmp_path, facts.tensors), **tags[tag])
    assert fuse.origin == "user weights"
    size, _, variant = tag.partition("_")
    height, width = map(int, size.split("x"))
    with torch.inference_mode():
        found = compute(fuse._function, height, width, variant)
    wanted = [key for key in facts.arrays if key.split("/")[0] == tag]
    assert f"{tag}/out" in wanted
    for key in wanted:
        assert facts.compare(key, found[key.split("/")[1].split(".")[0]]) <= TOLERANCE, key


@pytest.mark.shared
@pytest.mark.parametrize("name", CASES)
def test_every_entry_of_the_file_is_compared(name: str, shared: Path) -> None:
    assert {key.split("/")[0] for key in known(shared, name).arrays} == set(CASES[name][2])


@pytest.mark.shared
@pytest.mark.parametrize("name", CASES)
def test_checkpoint_has_to_fit(name: str, shared: Path, tmp_path: Path) -> None:
    tensors, (slug, _, tags) = known(shared, name).tensors, CASES[name]
    options: dict[str, Any] = next(iter(tags.values()))
    first = next(iter(tensors))
    for changed, words in (
        ({k: v for k, v in tensors.items() if k != first}, "1 missing"),
        ({**tensors, "another.weight": torch.ones(1)}, "1 unknown"),
        ({**tensors, first: torch.ones(1)}, "1 of another shape"),
    ):
        with pytest.raises(InputError, match=f"{words}.*is it of another method"):
            load(slug, weights=saved(tmp_path, changed), **options)


@pytest.mark.shared
def test_rfn_nest_takes_its_two_files_from_a_folder(shared: Path, tmp_path: Path) -> None:
    tensors = known(shared, "RFN-Nest").tensors
    whole = load("rfn_nest", device="cpu", weights=saved(tmp_path, tensors))
    (weights,) = METHODS["rfn_nest"].weights
    folder = tmp_path / "both"
    folder.mkdir()
    for file, part in zip(weights.files, ("autoencoder.", "rfn."), strict=True):
        with pytest.raises(MissingDataError, match=f"expected {file.name}"):
            load("rfn_nest", weights=str(folder))
        theirs = {k.removeprefix(part): v for k, v in tensors.items() if k.startswith(part)}
        saved(folder, theirs, file.name)
    parts = load("rfn_nest", device="cpu", weights=str(folder))
    a, b = inputs(33, 47)
    assert torch.equal(parts(a, b), whole(a, b))
    assert whole.weights_digest == file_digest(tmp_path / "theirs.pth") != parts.weights_digest


@pytest.mark.parametrize("slug", SLUGS)
def test_every_tensor_can_be_trained(slug: str) -> None:
    network = filled(STAND_INS[slug](), 0.5)
    assert isinstance(network, FusionNetwork)
    a, b = inputs(35, 42)
    if isinstance(network, DeFusion):
        results = network.decompose(a.expand(-1, 3, -1, -1), b.expand(-1, 3, -1, -1))
    else:
        results = (network.compute(a, b),)
    torch.stack([x.mean() for x in results]).sum().backward()
    for name, tensor in network.named_parameters():
        assert tensor.grad is not None, name
        assert tensor.grad.any(), name


@pytest.mark.shared
@pytest.mark.parametrize("slug", SLUGS)
def test_a_user_fuses_with_weights_of_their_own(
    slug: str, run: Run, shared: Path, tmp_path: Path
) -> None:
    name = next(name for name, (method, _, _) in CASES.items() if method == slug)
    weights = saved(tmp_path, known(shared, name).tensors)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, image in zip(paths, inputs(40, 50), strict=True):
        write_image(path, (image[0, 0].numpy() * 255).astype(np.uint8))
    command = ("fuse", slug, *paths, "-o", tmp_path / "fused.png")
    official = run(*command, "--weights", "official")
    refused(official, "is not to be had at a fixed address", "give it with --weights PATH")
    assert not (tmp_path / "fused.png").exists()
    done = run(*command, "--weights", weights)
    assert (done.status, done.err) == (0, "")
    assert (tmp_path / "fused.png").exists()
