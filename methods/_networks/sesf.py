"""The network of SESF-Fuse, whose features tell how sharp an image is, and its decision map."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, label
from skimage.morphology import disk
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad, relu

from fusebench.methods._base import Plane
from fusebench.methods._guided import box_mean
from fusebench.methods._networks.base import Conv, Dense, FusionNetwork
from fusebench.methods._tensors import levels

Mask: TypeAlias = NDArray[np.bool_]

# Grey levels of the photographs that the network was trained on.
_MEAN, _DEVIATION = 0.4500517361627943, 0.26465333914691797
# Luma as scikit-image has it, that of BT.709.
_LUMA = (0.2125, 0.7154, 0.0721)

# Radius of the window in which changes are added up.
_WINDOW = 5
# Radius of the disk that smooths outlines, and the share of the image below which regions go.
_DISK, _SMALL = 5, 0.01
# The guided filter, in pixels and squares of grey levels.
_RADIUS, _EPS = 4, 0.1


class SESF(FusionNetwork):
    """Takes each pixel from the source whose features change more around it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(_Block(1), Dense([_Block(inputs) for inputs in (16, 32, 48)]))

    def forward(self, *sources: Tensor) -> Tensor:
        """Fuse two sources ``(N, 1 or 3, H, W)`` with values in [0, 1]."""
        # One by one: sums are rounded otherwise in a batch, and a decision may turn.
        pairs = zip(*(source.chunk(len(source)) for source in sources), strict=True)
        return torch.cat([self._fuse(*pair) for pair in pairs])

    def _fuse(self, a: Tensor, b: Tensor) -> Tensor:
        shape = a.shape
        near, far = (levels(image)[0].cpu().numpy() for image in (a, b))
        if all((image == image[:1]).all() for image in (near, far)):
            # Three equal channels are a grey image.
            near, far, a, b = near[:1], far[:1], a[:, :1], b[:, :1]
        with self.in_precision(a.device):
            sharper = self.compute(_grey(a), _grey(b))[0, 0].cpu() > 0
        chosen = cleaned(sharper.numpy()).astype(np.float64)
        share = smoothed(chosen, near * chosen + far * (1 - chosen))
        fused = np.floor(np.clip(near * share + far * (1 - share), 0, 255)) / 255
        return torch.from_numpy(fused).to(a)[None].expand(shape)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give 1 where the first of two grey sources ``(N, 1, H, W)`` is sharper, else 0."""
        first, second = (self._activity((source - _MEAN) / _DEVIATION) for source in sources)
        return (first > second).to(first.dtype)

    def _activity(self, grey: Tensor) -> Tensor:
        features = self.encoder(grey)
        # Before the first row and column are zeros.
        wide = pad(features, (1, 0, 1, 0))
        across, along = wide[..., 1:, :-1] - features, wide[..., :-1, 1:] - features
        change = (across.square() + along.square()).sum(1, keepdim=True)
        # The mean over all places of the window, outside of the image too: its sum, up to a factor.
        return avg_pool2d(change, 2 * _WINDOW + 1, 1, _WINDOW)


class _Block(nn.Module):
    """A layer whose channels are weighted by what the whole image has of them."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = Conv(inputs, 16, after=relu)
        self.norm = nn.BatchNorm2d(16)
        self.squeeze = nn.Linear(16, 2, bias=False)
        self.excite = nn.Linear(2, 16, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        weights: Tensor = self.excite(relu(self.squeeze(x.mean((2, 3))))).sigmoid()
        return x * weights[..., None, None]


def _grey(image: Tensor) -> Tensor:
    if image.shape[1] == 1:
        return image
    red, green, blue = (w * c for w, c in zip(_LUMA, image.double().chunk(3, 1), strict=True))
    return (red + green + blue).to(image.dtype)


def cleaned(decision: Mask) -> Mask:
    """Smooth the outlines of a decision map ``(H, W)`` and do away with its small regions."""
    structure = disk(_DISK).astype(bool)
    smallest = _SMALL * decision.shape[0] * decision.shape[1]
    opened = binary_dilation(binary_erosion(decision, structure, border_value=1), structure)
    large = _without_small(opened, smallest)
    closed = binary_erosion(binary_dilation(large, structure), structure, border_value=1)
    return ~_without_small(~closed, smallest)


def _without_small(mask: Mask, smallest: float) -> Mask:
    regions, _ = label(mask)
    keep = np.bincount(regions.ravel()) >= smallest
    keep[0] = False
    kept: Mask = keep[regions]
    return kept


def smoothed(mask: Plane, guide: Plane) -> Plane:
    """Smooth a plane ``(H, W)`` along the edges of a guide ``(C, H, W)`` in grey levels.

    Each channel gives the slope that it would have as the only guide, and these are added up, as in
    the authors' program. With one channel this is the guided filter.
    """
    mean = box_mean(mask, _RADIUS)
    sloped, offset = np.zeros_like(mask), np.zeros_like(mask)
    for channel in guide:
        mean_channel = box_mean(channel, _RADIUS)
        covariance = box_mean(channel * mask, _RADIUS) - mean_channel * mean
        variance = box_mean(channel * channel, _RADIUS) - mean_channel * mean_channel
        slope = covariance / (variance + _EPS)
        sloped = sloped + box_mean(slope, _RADIUS) * channel
        offset = offset + slope * mean_channel
    return sloped + box_mean(mean - offset, _RADIUS)
