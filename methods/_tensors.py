"""Adapters for methods that compute in torch, or in whatever their input is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fusebench.methods._base import TensorFusion, on_planes

if TYPE_CHECKING:
    import torch


def levels(image: torch.Tensor) -> torch.Tensor:
    """Give an image in [0, 1] as float64 grey levels of 0..255.

    Sources of 8 bits come back from float32 with noise in the sixth decimal; they become whole
    numbers again, because equal coefficients must stay equal where the larger one is chosen.
    """
    values = image.double() * 255.0
    whole = values.round()
    return whole.where((values - whole).abs() < 1e-4, values)


def on_levels(fuse: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> TensorFusion:
    """Adapt torch code for grey planes to the interface of methods.

    Parameters
    ----------
    fuse : callable
        Takes two float64 tensors ``(H, W)`` of grey levels in 0..255 and returns one, of any
        floating type. Its result may leave 0..255; it is clipped here.

    Returns
    -------
    callable
        Function of two tensors ``(N, C, H, W)`` in [0, 1].
    """

    def run(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        import torch

        planes = zip(levels(a).flatten(0, 1), levels(b).flatten(0, 1), strict=True)
        fused = torch.stack([fuse(x, y) for x, y in planes])
        return (fused / 255.0).clamp(0, 1).float().reshape(a.shape)

    return run


def on_arrays(fuse: Callable[[Any, Any], Any]) -> TensorFusion:
    """Adapt code for planes ``(H, W)`` of NumPy arrays and torch tensors alike; see `on_levels`.

    It gets NumPy arrays on the CPU, where those are faster, and tensors on a GPU.
    """
    on_cpu, on_gpu = on_planes(fuse), on_levels(fuse)

    def run(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return on_cpu(a, b) if a.device.type == "cpu" else on_gpu(a, b)

    return run
