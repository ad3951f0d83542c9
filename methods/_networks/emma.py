"""The networks of EMMA: one that fuses, and one that tells what a sensor would see."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from fusebench.methods._networks.base import Conv, FusionNetwork, stretched
from fusebench.methods._networks.restormer import RULES, base_block
from fusebench.methods._weights import rewritten

_WIDTHS = (8, 16, 32, 32)
_WINDOW = 32


class EMMA(FusionNetwork):
    """A pyramid of features for each source, and of fused ones, from the smallest to the image."""

    def __init__(self) -> None:
        super().__init__()
        self.visible = _Encoder()
        self.infrared = _Encoder()
        self.fuse = nn.ModuleList(_Mixed(2 * width, width) for width in _WIDTHS)
        self.decode = nn.ModuleList(
            _Mixed(inputs, width) for inputs, width in zip((16, 32, 64, 32), _WIDTHS, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(width, smaller, 4, stride=2, padding=1, bias=False)
            for smaller, width in pairwise(_WIDTHS)
        )
        self.last = Conv(_WIDTHS[0], 1, border="reflect", after=torch.sigmoid)

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of an infrared and a visible source ``(N, 1, H, W)``.

        Height and width have to be multiples of 8.
        """
        infrared, visible = sources
        pairs = zip(self.fuse, self.infrared(infrared), self.visible(visible), strict=True)
        fused = [fuse(torch.cat((a, b), dim=1)) for fuse, a, b in pairs]
        x = self.decode[-1](fused[-1])
        for level in reversed(range(len(self.up))):
            x = self.decode[level](torch.cat((relu(self.up[level](x)), fused[level]), dim=1))
        image: Tensor = self.last(x)
        return image

    def compute_whole(self, *sources: Tensor) -> Tensor:
        """Compute an image of windows.

        As in the authors' test program, their sides are multiples of 32; those on the right
        and below overlap others and give what these leave open.
        """
        height, width = sources[0].shape[2:]
        fused = sources[0].new_empty((len(sources[0]), 1, height, width))
        for top, skipped, tall in _spans(height):
            for left, passed, wide in _spans(width):
                window = (..., slice(top, top + tall), slice(left, left + wide))
                piece = self.compute(*(source[window] for source in sources))
                fused[window][..., skipped:, passed:] = piece[..., skipped:, passed:]
        return fused

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch each image."""
        return stretched(fused)


def _spans(side: int) -> list[tuple[int, int, int]]:
    """Give start, lines that another span has given already, and length of the spans of a side."""
    rest = side % _WINDOW
    length = side - rest
    return [(0, 0, length), (rest, length - rest, length)] if rest else [(0, 0, length)]


class _Encoder(nn.Module):
    """Features of a source at four sizes, each half the one before."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (1, *_WIDTHS)
        self.levels = nn.ModuleList(map(_Mixed, inputs, _WIDTHS))
        self.down = nn.ModuleList(
            nn.Conv2d(w, w, 3, stride=2, padding=1, padding_mode="reflect", bias=False)
            for w in _WIDTHS[:-1]
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        found = [self.levels[0](image)]
        for level, down in zip(self.levels[1:], self.down, strict=True):
            found.append(level(down(found[-1])))
        return found


class _Mixed(nn.Module):
    """A transformer block and two residual blocks side by side, merged."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.embed = Conv(inputs, outputs, border="reflect", bias=False)
        self.wide = base_block(outputs, "reflect")
        self.near = nn.Sequential(_Residual(outputs), _Residual(outputs))
        self.merge = Conv(2 * outputs, outputs, border="reflect", bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        merged: Tensor = self.merge(torch.cat((self.wide(x), self.near(x)), dim=1))
        return merged


class _Residual(nn.Sequential):
    def __init__(self, channels: int) -> None:
        super().__init__(
            Conv(channels, channels, border="reflect", after=relu),
            Conv(channels, channels, border="reflect"),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = x + self[1](self[0](x))
        return changed


class Sensor(nn.Module):
    """The U-Net that turns a fused image into what the sensor of one source would see.

    EMMA is trained through two of them, which stay as they are. Sides are multiples of 16.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (64, 128, 256, 512, 1024)
        self.down = nn.ModuleList(map(_twice, (1, *widths[:-1]), widths))
        self.rise = nn.ModuleList(
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False)
            for width in widths[:-1]
        )
        self.up = nn.ModuleList(_twice(2 * width, width) for width in widths[:-1])
        self.last = Conv(widths[0], 1, after=torch.sigmoid)

    def forward(self, x: Tensor) -> Tensor:
        """Give the source of fused images ``(N, 1, H, W)``."""
        found = [self.down[0](x)]
        for down in self.down[1:]:
            found.append(down(max_pool2d(found[-1], 2)))
        x = found.pop()
        for level in reversed(range(len(self.up))):
            x = self.up[level](torch.cat((relu(self.rise[level](x)), found[level]), dim=1))
        image: Tensor = self.last(x)
        return image


def _twice(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        *(Conv(inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU()),
        *(Conv(outputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU()),
    )


def _counted(pattern: str, ours: str, numbers: range) -> list[tuple[str, str]]:
    """Give rules for numbered names: ours are counted from 0."""
    return [(pattern.format(n), ours.format(n - numbers[0])) for n in numbers]


converted = rewritten(
    (
        *_counted(r"^V_en_{}\.", "visible.levels.{}.", range(1, 5)),
        *_counted(r"^I_en_{}\.", "infrared.levels.{}.", range(1, 5)),
        *_counted(r"^V_down{}\.", "visible.down.{}.", range(1, 4)),
        *_counted(r"^I_down{}\.", "infrared.down.{}.", range(1, 4)),
        *_counted(r"^f_{}\.", "fuse.{}.", range(1, 5)),
        *_counted(r"^de_{}\.", "decode.{}.", range(1, 5)),
        *_counted(r"^up{}\.0\.", "up.{}.", range(2, 5)),
        (r"^last\.0\.", "last."),
        (r"GlobalFeature", "wide"),
        (r"LocalFeature\.Extraction\.(\d)\.conv\.0", r"near.\1.0"),
        (r"LocalFeature\.Extraction\.(\d)\.conv\.2", r"near.\1.1"),
        (r"FFN", "merge"),
        *RULES,
    )
)
"""Gives the authors' tensors of EMMA their names here."""

converted_sensor = rewritten(
    (
        *_counted(r"^down{}\.conv\.", "down.{}.", range(1, 6)),
        *_counted(r"^up_sample{}\.0\.", "rise.{}.", range(2, 6)),
        *_counted(r"^up{}\.conv\.", "up.{}.", range(1, 5)),
        (r"^last\.0\.", "last."),
    )
)
"""Gives the authors' tensors of a sensor their names here."""
