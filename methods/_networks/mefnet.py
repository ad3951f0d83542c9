"""The network of MEF-Net: weights of small images, brought to full size by a guided filter."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from fusebench.bench.images import to_8_bit
from fusebench.methods._colour import fuse_chroma, join_luma, split_luma
from fusebench.methods._networks.base import Conv, FusionNetwork, truncated
from fusebench.methods._tensors import levels

_CHANNELS = 24
# Shorter side of the small images.
_SIDE = 128
# Regularisation of the guided filter, in squares of [0, 1], and what keeps weights above 0.
_FLAT, _TINY = 1e-4, 1e-8


class MEFNet(FusionNetwork):
    """Weighs each pixel of two or more exposures by what a small copy of each image shows."""

    # On images so small it does not pay.
    channels_last = False

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(
                _Layer(_CHANNELS if k else 1, dilation)
                for k, dilation in enumerate((1, 2, 4, 8, 16, 1))
            ),
            Conv(_CHANNELS, 1, 1),
        )

    def forward(self, *sources: Tensor) -> Tensor:
        """Fuse sources ``(N, 1 or 3, H, W)`` with values in [0, 1]."""
        # The exposures of one image are a batch, as in the authors' program.
        return torch.cat([self._fuse(torch.stack(images)) for images in zip(*sources, strict=True)])

    def _fuse(self, exposures: Tensor) -> Tensor:
        luma, chroma = split_luma(exposures)
        small, _ = split_luma(_small(exposures))
        with self.in_precision(small.device):
            weights = self.layers(small).to(small.dtype)
        weights = guided_upsampling(small, weights, luma).abs() + _TINY
        fused = (weights / weights.sum(0) * luma).sum(0, keepdim=True).clamp(0, 1)
        if exposures.shape[1] == 3:
            fused = join_luma(fused, fuse_chroma(*chroma)[None])
        return truncated(fused)


class _Layer(nn.Module):
    """A dilated convolution, partly normalised by the statistics of the image."""

    def __init__(self, inputs: int, dilation: int) -> None:
        super().__init__()
        self.conv = Conv(inputs, _CHANNELS, bias=False, dilation=dilation)
        self.keep = nn.Parameter(torch.ones(1))
        self.share = nn.Parameter(torch.zeros(1))
        self.norm = nn.InstanceNorm2d(_CHANNELS, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return leaky_relu(self.keep * x + self.share * self.norm(x), 0.2)


def _small(images: Tensor) -> Tensor:
    """Bring images ``(N, C, H, W)`` to a shorter side of 128, as Pillow does with 8-bit images."""
    height, width = images.shape[2:]
    shorter = min(height, width)
    size = (_SIDE * width // shorter, _SIDE * height // shorter)
    planes = to_8_bit(levels(images).cpu().numpy()).reshape(-1, height, width)
    small = np.array(
        [PillowImage.fromarray(p).resize(size, PillowImage.Resampling.BILINEAR) for p in planes]
    ).reshape(*images.shape[:2], size[1], size[0])
    return torch.from_numpy(small).to(images) / 255


def guided_upsampling(guide: Tensor, weights: Tensor, large: Tensor) -> Tensor:
    """Bring small planes to the size of their guide's large version.

    Parameters
    ----------
    guide, weights : Tensor, shape (N, 1, h, w)
    large : Tensor, shape (N, 1, H, W)
        What `guide` is a small copy of.

    Returns
    -------
    Tensor, shape (N, 1, H, W)
        In 3 x 3 windows, cut off at the border, a linear function of the guide is fitted to the
        weights; its coefficients are interpolated, corner on corner, and applied to `large`.
    """
    mean_guide, mean_weights = _mean(guide), _mean(weights)
    variance = _mean(guide * guide) - mean_guide * mean_guide
    covariance = _mean(guide * weights) - mean_guide * mean_weights
    slope = covariance / (variance + _FLAT)
    offset = mean_weights - slope * mean_guide
    both = interpolate(
        torch.cat((slope, offset), 1), large.shape[2:], mode="bilinear", align_corners=True
    )
    return both[:, :1] * large + both[:, 1:]


def _mean(x: Tensor) -> Tensor:
    return avg_pool2d(x, 3, 1, 1, count_include_pad=False)
