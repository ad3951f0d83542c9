"""Networks whose weights cannot be had: official names, and tensors by a published rule.

The rule fills any tensor from its number in the official state dict. The official networks were run
on such tensors, so that outputs and intermediates can be compared without any weights. A method
that has no weights of its own here is tested on tensors of that kind too; users never see them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fusebench.methods import METHODS, LoadedMethod, load
from fusebench.methods._networks.cddfuse import CDDFuse
from fusebench.methods._networks.defusion import DeFusion
from fusebench.methods._networks.emma import EMMA
from fusebench.methods._networks.fusiongan import FusionGAN
from fusebench.methods._networks.msgfusion import MsgFusion
from fusebench.methods._networks.nestfuse import NestFuse
from fusebench.methods._networks.rfn_nest import RFNNest
from fusebench.methods._networks.smfnet import SMFNet
from fusebench.methods._networks.swinfusion import SwinFusion

STAND_INS: dict[str, Callable[[], nn.Module]] = {
    "cddfuse": CDDFuse,
    "defusion": lambda: DeFusion("auto"),
    "emma": EMMA,
    "fusiongan": FusionGAN,
    "msgfusion": lambda: MsgFusion("ct_mr"),
    "nestfuse": lambda: NestFuse("attention_avg"),
    "rfn_nest": RFNNest,
    "smfnet": SMFNet,
    "smfnet_mif": SMFNet,
    "swinfusion": SwinFusion,
}
"""Networks, by method, whose official weights nobody here has seen: filled by a rule, they are
compared with the authors', and stand in where the package has no weights of its own either."""

GAINS = {"swinfusion": 1.3}
"""Where images would be black with a gain of 0.5."""


def values(number: int, shape: tuple[int, ...], kind: str, gain: float = 1.0) -> Tensor:
    """Give the tensor of a number and kind ("matrix", "bias", "scale", "mean" or "var")."""
    count = int(np.prod(shape))
    z = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(number) * np.uint64(1 << 32)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    z ^= z >> np.uint64(31)
    noise = (z >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0
    fan_in = int(np.prod(shape[1:]))
    if kind == "matrix" and len(shape) == 3:
        noise = 1 + 0.5 * noise
    elif kind == "matrix" and shape[0] <= 3:
        noise = 2 * np.abs(noise) / fan_in
    elif kind == "matrix":
        noise = gain * noise * np.sqrt(6 / fan_in)
    else:
        offset, extent = {"bias": (0, 0.1), "scale": (1, 0.1), "mean": (0, 0.05), "var": (1, 0.1)}[
            kind
        ]
        noise = offset + extent * noise
    return torch.from_numpy(noise.reshape(shape).astype(np.float32))


def inputs(height: int, width: int, channels: int = 1) -> tuple[Tensor, Tensor]:
    """Give the two sources ``(1, C, H, W)`` of the rule."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    shift = 0.5 * np.arange(channels).reshape(-1, 1, 1)
    a = 0.5 + 0.5 * np.sin(0.11 * x + 0.07 * y + shift)
    b = 0.5 + 0.5 * np.cos(0.05 * x - 0.13 * y + shift)
    return torch.from_numpy(a[None]).float(), torch.from_numpy(b[None]).float()


@dataclass(frozen=True)
class Golden:
    """What the official network of a method returned.

    Attributes
    ----------
    tensors : dict
        The official state dict, filled by the rule. What the rule leaves alone is zero: a network
        computes such indices and masks itself.
    arrays : dict
        Outputs and intermediates by ``SIZE/NAME``; of an intermediate only some channels.
    kept : dict
        First channel and step of the channels kept, by the same names.
    """

    tensors: dict[str, Tensor]
    arrays: dict[str, NDArray[Any]]
    kept: dict[str, slice]

    def compare(self, name: str, found: Tensor) -> float:
        """Give the largest difference as a share of the golden array's range.

        Names that end in ``.chmean`` and ``.chstd`` are compared with the means and standard
        deviations of all channels.
        """
        wanted = self.arrays[name]
        whole = found.detach().double()
        if name.endswith((".chmean", ".chstd")):
            flat = whole[0].flatten(1)
            got = flat.mean(1) if name.endswith("mean") else flat.std(1, correction=0)
        else:
            got = whole[:, self.kept[name]]
        assert tuple(got.shape) == wanted.shape, (name, tuple(got.shape), wanted.shape)
        extent = float(wanted.max() - wanted.min())
        return float(np.abs(got.numpy() - wanted).max()) / extent


def golden(shared: Path, name: str) -> Golden:
    """Read what is known of an official network."""
    folder = shared / "golden" / "parity"
    facts = json.loads((folder / f"{name}.json").read_text())
    gain = facts.get("gain", 1.0)
    tensors: dict[str, Tensor] = {}
    for line in (folder / "keys" / f"{name}.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        number, key, shape, kind = line.split("\t")
        sides = tuple(int(side) for side in shape.split("x")) if shape[:1].isdigit() else ()
        if kind.startswith("alias of "):
            tensors[key] = tensors[kind.removeprefix("alias of ")]
        elif kind in ("matrix", "bias", "scale", "mean", "var"):
            tensors[key] = values(int(number), sides, kind, gain)
        else:
            tensors[key] = torch.zeros(sides)
    with np.load(folder / f"{name}.npz") as file:
        arrays = {key: file[key] for key in file.files}
    kept = {}
    for key, entry in facts.get("stats", {}).items():
        start, _, step = str(entry.get("saved_channels", "0::1")).partition("::")
        kept[key] = slice(int(start or 0), None, int(step or 1))
    return Golden(tensors, arrays, kept)


def filled(network: nn.Module, gain: float = 1.0) -> nn.Module:
    """Fill a network's tensors by the rule, in its own order."""
    for number, (name, tensor) in enumerate(_floats(network)):
        kind = {"running_mean": "mean", "running_var": "var"}.get(name.rsplit(".", 1)[-1])
        if kind is None and tensor.ndim >= 2:
            kind = "matrix"
        elif kind is None:
            kind = "bias" if name.endswith("bias") else "scale"
        with torch.no_grad():
            tensor.copy_(values(number, tuple(tensor.shape), kind, gain))
    return network


def _floats(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            yield name, tensor


def stand_in(slug: str, folder: Path) -> Path:
    """Write a file with a filled network of a method, for ``load(slug, weights=...)``."""
    path = folder / f"{slug}.pth"
    torch.save(filled(STAND_INS[slug](), GAINS.get(slug, 0.5)).state_dict(), path)
    return path


def load_any(slug: str, **options: Any) -> LoadedMethod:
    """Load a method; a filled network where the package has no weights."""
    if slug not in STAND_INS or METHODS[slug].origin == "retrained":
        return load(slug, device="cpu", **options)
    with TemporaryDirectory() as folder:
        weights = str(stand_in(slug, Path(folder)))
        return load(slug, device="cpu", weights=weights, **options)
