"""The network of MsgFusion, in which few layers serve at many places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from fusebench.methods._networks.base import (
    Conv,
    FusionNetwork,
    Normalised,
    grey_of,
    in_tiles,
    stretched,
    truncated,
    with_stride,
)
from fusebench.methods._networks.nestfuse import merge_places
from fusebench.methods._weights import renamed

if TYPE_CHECKING:
    from fusebench.methods._weights import Tensors


# Features are pooled by two; the furthest pixel, in rows or columns, that a fused one depends on
# once the light is known.
_STRIDE, _REACH = 2, 16


class MsgFusion(FusionNetwork):
    """Structure of one source, low frequencies of the other, and the light of the first.

    Parameters
    ----------
    modalities : {"ct_mr", "mr_pet"}
        What the sources are. MRI and PET come in the other order, and their light is made of
        another measure of brightness.

    Notes
    -----
    Layers are numbered as the authors number them. Their Fourier branch shifts the spectrum of a
    feature map, transforms it back and takes the modulus: it gives back what is not below 0, as all
    of the map is after its ReLU. It is left out.
    """

    # 384 channels at full size are what takes the memory.
    tile = 256

    def __init__(self, modalities: str) -> None:
        super().__init__()
        self.modalities = modalities
        self.conv1 = Conv(3, 64, 7, border="replicate", bias=False)
        self.conv2 = Normalised(64, 64)
        self.conv3 = Normalised(64, 128)
        self.conv4 = Normalised(128, 256)
        self.conv5 = Normalised(256, 64)
        self.conv6 = Conv(64, 3, 1, after=torch.tanh)
        self.conv7 = Normalised(256, 256)
        self.conv8 = Normalised(256, 128)
        self.conv9 = Normalised(128, 64)
        self.conv10 = Normalised(192, 128)
        self.conv11 = Normalised(384, 256)
        self.spectral = Normalised(3, 64)
        self.low = nn.Sequential(Conv(3, 64, 7), nn.BatchNorm2d(64), nn.LeakyReLU(0.2))

    def structure(self, image: Tensor) -> Tensor:
        """Give 64 features of colour images ``(N, 3, H, W)`` with even sides."""
        x = self.conv1(image)
        small = max_pool2d(x, 2)
        middle = self.conv2(small)
        coarse = torch.cat((self.conv3(middle), small, middle), 1)
        deep = self.conv7(interpolate(coarse, scale_factor=2))
        fine = self.conv2(x)
        strongest = self.conv5(torch.maximum(deep, self.conv4(self.conv3(fine))))
        upper = self.conv9(self.conv8(deep))
        for _ in range(2):
            upper = self.conv9(torch.cat((upper, strongest), 1))
        wider = self.conv3(self.conv9(torch.cat((x, fine), 1)))
        widest = self.conv4(self.conv10(torch.cat((fine, wider), 1)))
        lower = self.conv5(self.conv11(torch.cat((wider, widest), 1)))
        return torch.tanh(self.conv2(self.conv9(torch.cat((lower, upper), 1))))

    def merge(self, first: Tensor, second: Tensor, light: Tensor) -> Tensor:
        """Give the fused colour image of what the authors call first, second and light.

        All are ``(N, 3, H, W)`` in [0, 1], with even sides.
        """
        places = merge_places(self.spectral(first), self.low(first))
        fused = self.conv6(torch.maximum(self.structure(second), places))
        return torch.maximum(fused, merge_places(light, self.conv6(self.low(light))))

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the fused image, in colour, of a functional source and MRI ``(N, 1 or 3, H, W)``."""
        return self._with_even_sides(*self._in_order(*sources))

    def compute_whole(self, *sources: Tensor) -> Tensor:
        """Compute large images in tiles but for the light, which is of the whole image."""
        tile = self.tile + self.tile % _STRIDE
        return in_tiles(self._with_even_sides, self._in_order(*sources), tile, _REACH)

    def _in_order(self, *sources: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, b = (source.expand(-1, 3, -1, -1) for source in sources)
        first, second = (a, b) if self.modalities == "ct_mr" else (b, a)
        return first, second, self.light(second)

    def _with_even_sides(self, *images: Tensor) -> Tensor:
        return with_stride(self.merge, images, _STRIDE, "replicate")

    def light(self, image: Tensor) -> Tensor:
        """Give what the sum of the channels has beyond their maximum, stretched to [0, 1].

        For CT and MRI it is what the sum has beyond white. Either is clipped at white before.
        """
        total = image.sum(1, keepdim=True)
        most = image.amax(1, keepdim=True) if self.modalities == "mr_pet" else total.clamp_max(1)
        return stretched((total - most).clamp(0, 1)).expand_as(image)

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Cut down to 8 bits and turn to grey, as OpenCV does."""
        return grey_of(truncated(fused), "opencv").expand_as(sources[0])


_NAMES = {
    "SpT.conv1.0": "spectral.conv",
    "SpT.conv1.1": "spectral.bn",
    "pet_lf": "low",
}
# Parts of the authors' network that no output depends on.
_ASIDE = ("convfcout.", "FFC.", "SpT.fu.", "SpT.lfu.", "SpT.conv2.", "pet_hf.")


def converted(tensors: Tensors) -> Tensors:
    """Give the authors' tensors their names here."""
    return renamed(_NAMES)({k: v for k, v in tensors.items() if not k.startswith(_ASIDE)})
