"""Transformers without weights: the authors' networks gave the golden arrays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from parity import STAND_INS, Golden, filled, golden, inputs, stand_in
from torch import Tensor, nn

from fusebench.bench.types import InputError, MissingDataError
from fusebench.methods import load
from fusebench.methods._networks.base import FusionNetwork
from fusebench.methods._networks.cddfuse import CDDFuse
from fusebench.methods._networks.emma import EMMA, Sensor, converted_sensor
from fusebench.methods._networks.restormer import ChannelNorm, Coupling, attend_channels
from fusebench.methods._networks.smfnet import SMFNet, _Messages
from fusebench.methods._networks.swinfusion import SwinFusion
from fusebench.methods._networks.tokens import attention
from fusebench.methods._weights import load_network

TOLERANCE = 1e-5
"""As a share of the range of an array. Rounding explains 2e-6, and 1e-4 is asked for."""

SLUGS = ("cddfuse", "emma", "smfnet", "smfnet_mif", "swinfusion")
OFFICIAL = {
    "cddfuse": "CDDFuse",
    "emma": "EMMA",
    "smfnet": "SMFNet",
    "smfnet_mif": "SMFNet",
    "swinfusion": "SwinFusion",
}

# What the authors' programs call the parts in their files, each with the prefix of networks that
# ran on several GPUs.
PARTS = {
    "encoder": "DIDF_Encoder",
    "decoder": "DIDF_Decoder",
    "base_fuse": "BaseFuseLayer",
    "detail_fuse": "DetailFuseLayer",
    "graph": "GraphModel",
}


def network(slug: str, folder: Path, tensors: Mapping[str, Tensor], **options: str) -> nn.Module:
    """Load a checkpoint with official names as a user does."""
    path = folder / "official.pth"
    torch.save(dict(tensors), path)
    loaded = load(slug, device="cpu", weights=str(path), **options)
    assert loaded.origin == "user weights"
    return loaded._function  # type: ignore[return-value]


@contextmanager
def watched(net: nn.Module, modules: Mapping[str, str]) -> Iterator[dict[str, Tensor]]:
    """Keep the last output of modules, under the names of intermediates."""
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        return lambda _, __, output: seen.update({name: output})

    hooks = [
        net.get_submodule(module).register_forward_hook(keep(name))
        for name, module in modules.items()
    ]
    yield seen
    for hook in hooks:
        hook.remove()


def agree(known: Golden, size: str, found: Mapping[str, Tensor]) -> None:
    """Compare all arrays of a size that the golden file has, and nothing less."""
    names = [name for name in known.arrays if name.startswith(f"{size}/")]
    assert names
    for name in names:
        stem = name.removeprefix(f"{size}/").removesuffix(".chmean").removesuffix(".chstd")
        assert known.compare(name, found[stem]) <= TOLERANCE, name


def sides(size: str) -> tuple[int, int]:
    height, width = size.partition("_")[0].split("x")
    return int(height), int(width)


# What the hooks see last is the visible source, which is encoded after the infrared one.
CDDFUSE = {
    "vis_enc": "encoder.blocks",
    "vis_base": "encoder.base",
    "vis_detail": "encoder.detail",
    "fused_base": "base_fuse",
    "fused_detail": "detail_fuse",
}


@pytest.mark.shared
@pytest.mark.parametrize("size", ["64x64", "70x90"])
@pytest.mark.parametrize("slug", ["cddfuse", "smfnet", "smfnet_mif"])
def test_networks_of_two_branches(slug: str, size: str, shared: Path, tmp_path: Path) -> None:
    known = golden(shared, OFFICIAL[slug])
    net = network(slug, tmp_path, known.tensors)
    with torch.inference_mode(), watched(net, CDDFUSE) as seen:
        seen["out"] = net.compute(*inputs(*sides(size)))
        if slug != "cddfuse":
            seen["graph"] = net.graph(*(net.encoder(x)[2] for x in inputs(*sides(size))))[0]
    agree(known, size, seen)


@pytest.mark.shared
@pytest.mark.parametrize("added", ["sum", "none"])
def test_cddfuse_of_medical_images(added: str, shared: Path, tmp_path: Path) -> None:
    known = golden(shared, "CDDFuse")
    # With the weights of the other task, and with those of its own.
    options = {"sum": {"added": "sum"}, "none": {"task": "medical"}}[added]
    net = network("cddfuse", tmp_path, known.tensors, **options)
    with torch.inference_mode():
        agree(known, f"70x90_{added}", {"out": net.compute(*inputs(70, 90))})


@pytest.mark.shared
@pytest.mark.parametrize("slug", ["cddfuse", "smfnet"])
def test_files_of_several_parts(slug: str, shared: Path, tmp_path: Path) -> None:
    tensors = golden(shared, OFFICIAL[slug]).tensors
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts.setdefault(PARTS[part], {})[f"module.{rest}"] = tensor
    one = network(slug, tmp_path, tensors).state_dict()
    other = network(slug, tmp_path, parts).state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.shared
@pytest.mark.parametrize("size", ["64x64", "72x88"])
def test_emma(size: str, shared: Path, tmp_path: Path) -> None:
    known = golden(shared, "EMMA")
    net = network("emma", tmp_path, known.tensors)
    parts = {"ir_enc1": "infrared.levels.0", "fused1": "fuse.0", "fused4": "fuse.3"}
    with torch.inference_mode(), watched(net, parts) as seen:
        seen["out"] = net.compute(*inputs(*sides(size)))
    agree(known, size, seen)


@pytest.mark.shared
def test_emma_in_four_windows(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = golden(shared, "EMMA")
    net = network("emma", tmp_path, known.tensors)
    monkeypatch.setattr(EMMA, "save", lambda self, fused, *sources: fused)
    with torch.inference_mode():
        agree(known, "70x90_stitched", {"out": net(*inputs(70, 90))})


@pytest.mark.shared
@pytest.mark.parametrize("size", ["64x64", "64x96"])
def test_emma_sensor(size: str, shared: Path, tmp_path: Path) -> None:
    known = golden(shared, "EMMA-UNet5")
    path = tmp_path / "sensor.pth"
    torch.save(known.tensors, path)
    net = load_network(Sensor(), path, converted_sensor).eval()
    with torch.inference_mode():
        agree(known, size, {"out": net(inputs(*sides(size))[0])})


@pytest.mark.shared
@pytest.mark.parametrize("size", ["64x64", "70x90"])
def test_swinfusion(size: str, shared: Path, tmp_path: Path) -> None:
    known = golden(shared, "SwinFusion")
    net = network("swinfusion", tmp_path, known.tensors)
    parts = {"extract_A": "infrared", "extract_B": "visible", "fused": "merge"}
    with torch.inference_mode(), watched(net, parts) as seen:
        seen["out"] = net.compute(*inputs(*sides(size)))
    agree(known, size, seen)


@pytest.mark.shared
@pytest.mark.parametrize("size", ["64x64_testpad", "70x90_testpad"])
def test_swinfusion_of_the_test_program(
    size: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = golden(shared, "SwinFusion")
    net = network("swinfusion", tmp_path, known.tensors)
    monkeypatch.setattr(SwinFusion, "save", lambda self, fused, *sources: fused)
    with torch.inference_mode():
        agree(known, size, {"out": net(*inputs(*sides(size)))})


# Weights are the user's


@pytest.mark.parametrize("slug", SLUGS)
def test_without_weights_one_sentence_says_what_to_do(slug: str) -> None:
    with pytest.raises(MissingDataError, match=r"ask its authors, and give it with --weights PATH"):
        load(slug, weights="official")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not fit this network"):
        load("emma", weights=str(stand_in("cddfuse", tmp_path)))


def test_a_folder_has_a_file_for_each_task(tmp_path: Path) -> None:
    for name, gain in (("CDDFuse_IVF.pth", 0.5), ("CDDFuse_MIF.pth", 0.4)):
        torch.save(filled(CDDFuse(), gain).state_dict(), tmp_path / name)
    digests = {
        task: load("cddfuse", weights=str(tmp_path), task=task).weights_digest
        for task in ("auto", "ivif", "medical")
    }
    assert digests["auto"] == digests["ivif"] != digests["medical"]


# Training


def levels(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("slug", sorted(set(OFFICIAL) - {"smfnet_mif"}))
def test_every_tensor_is_trained(slug: str) -> None:
    net = filled(STAND_INS[slug](), 0.5).train()
    assert isinstance(net, FusionNetwork)
    torch.manual_seed(0)
    net.compute(*levels(2, 2, 1, 32, 32)).square().mean().backward()
    # Heads of one channel each: attention is 1 whatever the temperature is.
    idle = {name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()}
    assert {name.rpartition(".")[2] for name in idle} <= {"temperature"}
    assert len(idle) == (4 if slug == "emma" else 0)
    assert all(p.grad.isfinite().all() for p in net.parameters())  # type: ignore[union-attr]


def test_swinfusion_passes_some_images_by_in_training_only() -> None:
    net = filled(SwinFusion(), 0.5)
    a, b = levels(2, 1, 1, 16, 16)
    torch.manual_seed(0)
    with torch.inference_mode():
        assert torch.equal(net.eval().compute(a, b), net.compute(a, b))
        assert len({float(net.train().compute(a, b).sum()) for _ in range(20)}) > 1


# Attention


def plain(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, groups: Tensor) -> Tensor:
    products = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias
    apart = groups[:, None, :, None] != groups[:, None, None, :]
    return (products - 100 * apart).softmax(-1) @ v


def test_attention_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = levels(3, 7, 2, 12, 5).double() * 4
    bias = levels(2, 12, 12).double().requires_grad_()
    same = torch.zeros(7, 12)
    groups = (levels(7, 12) > 0.5).long()
    expected = plain(q, k, v, bias, groups)
    torch.testing.assert_close(attention(q, k, v, bias), plain(q, k, v, bias, same))
    torch.testing.assert_close(attention(q, k, v), plain(q, k, v, 0 * bias, same))
    # A few at a time, and one by one.
    for most in (2**24, 3 * 2 * 12**2, 1):
        monkeypatch.setattr("fusebench.methods._networks.tokens._MOST", most)
        found = attention(q, k, v, bias, groups)
        torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad(x.square().sum(), bias)[0] for x in (found, expected)]
    torch.testing.assert_close(*slopes)


def test_attention_holds_no_matrix_of_all_pairs() -> None:
    # An image of 768 x 576 pixels has 27,648 tokens of 4 x 4: the matrix would take 3 GB. In a
    # process of its own, where nothing has taken memory before.
    pytest.importorskip("resource")
    code = (
        "import resource, torch\n"
        "from fusebench.methods._networks.tokens import attention\n"
        "x = torch.rand(1, 1, 27648, 4)\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with torch.inference_mode():\n"
        "    attention(x[:, :, :64], x[:, :, :64], x[:, :, :64])\n"
        "    before = peak()\n"
        "    attention(x, x, x)\n"
        "print(peak() - before)\n"
    )
    source = Path(__file__).parent.parent / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    # In kilobytes, or in bytes on a Mac.
    assert int(run.stdout) / (1024 if sys.platform == "darwin" else 1) < 500_000


def test_channels_attend_to_each_other() -> None:
    q, k, v = levels(3, 2, 4, 3, 5).double() - 0.5
    temperature = torch.tensor([2.0, 0.5]).double().view(2, 1, 1)
    found = attend_channels(q, k, v, temperature)
    # Head 1 of the second image: channels 2 and 3.
    ones, others = (x[1, 2:].flatten(1) for x in (q, k))
    cosines = torch.nn.functional.cosine_similarity(ones[:, None], others[None], dim=2)
    weights = (cosines * 0.5).softmax(1)
    expected = torch.einsum("qk,khw->qhw", weights, v[1, 2:])
    torch.testing.assert_close(found[1, 2:], expected)


def test_channel_norm_is_of_each_pixel() -> None:
    x = levels(2, 6, 3, 4) * 3 + 1
    mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, correction=0)
    torch.testing.assert_close(ChannelNorm(6)(x), (x - mean) / (variance + 1e-5).sqrt())


def test_couplings_can_be_undone() -> None:
    step = filled(Coupling(8), 0.5).double()
    x = levels(1, 8, 6, 7).double()
    with torch.inference_mode():
        first, second = step(x).chunk(2, dim=1)
        first = (first - step.first_shift(second)) * torch.exp(-step.first_scale(second))
        second = second - step.second_shift(first)
        shuffled = torch.cat((first, second), dim=1) - step.shuffle.bias.view(1, -1, 1, 1)
        found = torch.einsum("oi,nihw->nohw", step.shuffle.weight[..., 0, 0].inverse(), shuffled)
    torch.testing.assert_close(found, x)


# Special to one network


def test_smfnet_spreads_edges_over_even_and_odd_channels() -> None:
    round_ = filled(_Messages())
    nodes = list(levels(3, 1, 64, 4, 4))
    seen = []
    round_.gates.register_forward_hook(lambda _, given, __: seen.append(given[0][:, :64]))
    with torch.inference_mode():
        round_(nodes)
        weight = round_.edges.weight[..., 0, 0]
        ones, others = (
            torch.sigmoid(torch.einsum("c,nchw->nhw", weight[n], nodes[1] - nodes[m]))
            for n, m in ((0, 0), (1, 2))
        )
    # The message to the middle node.
    torch.testing.assert_close(seen[1][:, 4], (nodes[0] + nodes[2])[:, 4] * ones)
    torch.testing.assert_close(seen[1][:, 5], (nodes[0] + nodes[2])[:, 5] * others)


@pytest.mark.parametrize(
    ("options", "fewer"),
    [
        # Six and two normalised convolutions, two rounds of messages, three small convolutions.
        ({"graph": "false"}, 6 * 36_992 + 2 * 110_720 + 2 * 24_897 + 2 * 64 + 8_256),
        ({"detail": "inn"}, 8 + 2_112 + 1_056 + 640 + 320 + 1_056),
        ({"base": "stacked"}, 36_928 + 2 * (9_232 + 272 + 9_280)),
        ({"swapped": "true"}, 0),
    ],
)
def test_ablations_of_smfnet_are_other_networks(
    options: dict[str, str], fewer: int, tmp_path: Path
) -> None:
    kwargs = {k: {"true": True, "false": False}.get(v, v) for k, v in options.items()}
    whole, part = filled(SMFNet(), 0.5), filled(SMFNet(**kwargs), 0.5)
    count, less = (sum(p.numel() for p in net.parameters()) for net in (whole, part))
    assert count - less == fewer
    paths = [tmp_path / "whole.pth", tmp_path / "part.pth"]
    for net, path in zip((whole, part), paths, strict=True):
        torch.save(net.state_dict(), path)
    a, b = levels(2, 1, 1, 16, 16)
    found = [
        load("smfnet", weights=str(paths[0])),
        load("smfnet", weights=str(paths[1]), **options),
    ]
    assert (found[0](a, b) - found[1](a, b)).abs().max() > 0.01
    if fewer:
        with pytest.raises(InputError, match="does not fit"):
            load("smfnet", weights=str(paths[0]), **options)


def test_tiles_of_swinfusion_begin_where_windows_do(tmp_path: Path) -> None:
    path = str(stand_in("swinfusion", tmp_path))
    a, b = levels(2, 1, 1, 12, 200)
    whole, tiled = (
        load("swinfusion", weights=path)(a, b),
        load("swinfusion", weights=path, tile=33)(a, b),
    )
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5)
    assert whole.std() > 0.01


def test_emma_leaves_no_pixel_open() -> None:
    net = filled(EMMA(), 0.5)
    x = levels(1, 1, 40, 70)
    with torch.inference_mode():
        fused = net(x, 1 - x)
        whole = net.compute(*(y[..., :32, :64] for y in (x, 1 - x)))
        corner = net.compute(*(y[..., 8:, 6:] for y in (x, 1 - x)))
    # Before the stretch, which is one straight line for the whole image.
    low, high = whole[..., 0, 0], whole[..., 31, 63]
    line = (fused[..., 31, 63] - fused[..., 0, 0]) / (high - low)
    torch.testing.assert_close(fused[..., :32, :64], fused[..., :1, :1] + (whole - low) * line)
    torch.testing.assert_close(
        fused[..., 32:, 64:], fused[..., :1, :1] + (corner[..., 24:, 58:] - low) * line
    )
