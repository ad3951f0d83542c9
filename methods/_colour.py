"""Luma and chroma: how methods that fuse luma only get their colour back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# BT.601, full range, as JPEG has it and as the published codes of this field convert.
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114
_CB, _CR = 0.5 / (1 - _BLUE), 0.5 / (1 - _RED)

# Chroma below this is grey: float32 sources of 8 bits carry noise of 1e-7.
_GREY = 1e-6


def split_luma(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Split images ``(N, 1 or 3, H, W)`` in [0, 1] into luma and chroma.

    Returns
    -------
    y : Tensor, shape (N, 1, H, W)
        Luma in [0, 1].
    chroma : Tensor, shape (N, 2, H, W)
        Cb and Cr around 0, in [-0.5, 0.5]; zero for grey images.
    """
    import torch

    if image.shape[1] == 1:
        return image, torch.zeros_like(image).expand(-1, 2, -1, -1)
    red, green, blue = image[:, :1], image[:, 1:2], image[:, 2:]
    # Equal channels must give themselves, which rounded weights that add up to 1 do not quite.
    y = green + _RED * (red - green) + _BLUE * (blue - green)
    return y, torch.cat(((blue - y) * _CB, (red - y) * _CR), dim=1)


def join_luma(y: torch.Tensor, chroma: torch.Tensor) -> torch.Tensor:
    """Give the colour images of luma ``(N, 1, H, W)`` and chroma ``(N, 2, H, W)``, clipped."""
    import torch

    cb, cr = chroma[:, :1], chroma[:, 1:]
    red, blue = y + cr / _CR, y + cb / _CB
    green = y - (_RED * (red - y) + _BLUE * (blue - y)) / _GREEN
    return torch.cat((red, green, blue), dim=1).clamp(0, 1)


def fuse_chroma(*sources: torch.Tensor) -> torch.Tensor:
    """Average the chroma of the sources, each weighted by its distance from grey.

    The rule of the multi-exposure codes (K. R. Prabhakar, V. S. Srikar, R. V. Babu, "DeepFuse",
    ICCV 2017, equation 4). Beside grey sources it keeps the colour of the other.
    """
    import torch

    chroma = torch.stack(sources)
    strength = chroma.abs().sum(0)
    mean = (chroma * chroma.abs()).sum(0) / strength.clamp_min(_GREY)
    return torch.where(strength > _GREY, mean, torch.zeros_like(mean))
