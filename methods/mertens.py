"""Exposure fusion."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import correlate1d, laplace

from fusebench.bench.images import LUMA_WEIGHTS
from fusebench.methods._base import Plane, TensorFusion, method, on_images
from fusebench.methods._checks import require_not_negative

_SMOOTHING = np.array([1, 4, 6, 4, 1]) / 16
_GOOD_LEVEL, _TOLERANCE = 0.5, 0.2

# Keeps a weight where all measures are zero; the value is that of the authors' code.
_TINY = 1e-12


@method(
    slug="mertens",
    label="Mertens",
    title="Exposure fusion",
    reference="T. Mertens, J. Kautz, F. Van Reeth, Exposure fusion: a simple and practical "
    "alternative to high dynamic range photography, Comput. Graph. Forum 28(1), 2009",
    doi="10.1111/j.1467-8659.2008.01171.x",
    origin="reimplemented",
    colour="native",
    any_number=True,
)
def mertens(
    *, contrast: float = 1.0, saturation: float = 1.0, exposedness: float = 1.0
) -> TensorFusion:
    """Exposure fusion: blend by contrast, saturation and well-exposedness at every scale.

    Parameters
    ----------
    contrast, saturation, exposedness : float
        Exponents of the three measures, at least 0; 0 leaves a measure out.

    Returns
    -------
    callable
        Function of two or more source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If an exponent is below 0 or not finite.

    Notes
    -----
    A pixel weighs by the product of the modulus of its Laplacian, the standard deviation of its
    three channels, and the nearness of each channel to mid-grey. The Laplacian pyramids of the
    sources are averaged with Gaussian pyramids of their normalised weights, all by the filters and
    borders of the authors' code [1]_. All channels share the weights.

    A grey image has no saturation, and would never be taken beside a colour one: the measure is
    left out unless all sources have colour. Values outside 0..255 are clipped. Fusing an image
    with itself gives the image back.

    References
    ----------
    .. [1] T. Mertens, J. Kautz, F. Van Reeth, "Exposure fusion: a simple and practical alternative
       to high dynamic range photography," Comput. Graph. Forum 28(1), 2009.
       doi:10.1111/j.1467-8659.2008.01171.x
    """
    exponents = {"contrast": contrast, "saturation": saturation, "exposedness": exposedness}
    for option, value in exponents.items():
        require_not_negative(option, value)

    def fuse(*sources: Plane) -> Plane:
        grey = [bool((x == x[:1]).all()) for x in sources]
        channels = 1 if all(grey) else len(sources[0])
        images = np.stack([x[:channels] for x in sources]) / 255.0
        weights = np.stack(
            [
                _contrast(image) ** contrast
                * (1.0 if any(grey) else _saturation(image) ** saturation)
                * _exposedness(image) ** exposedness
                + _TINY
                for image in images
            ]
        )
        shares = weights / weights.sum(axis=0)
        fused: Plane = np.broadcast_to(_blend(images, shares) * 255.0, sources[0].shape)
        return fused

    return on_images(fuse)


def _contrast(image: Plane) -> Plane:
    grey = image[0] if len(image) == 1 else np.tensordot(LUMA_WEIGHTS, image, 1)
    contrast: Plane = np.abs(laplace(grey, mode="nearest"))
    return contrast


def _saturation(image: Plane) -> Plane:
    deviation: Plane = image.std(axis=0)
    return deviation


def _exposedness(image: Plane) -> Plane:
    nearness: Plane = np.exp(-0.5 * np.square((image - _GOOD_LEVEL) / _TOLERANCE)).prod(axis=0)
    return nearness


def _blend(images: Plane, shares: Plane) -> Plane:
    """Average Laplacian pyramids of images by Gaussian pyramids of their shares ``(N, H, W)``."""
    shares = shares[:, None]
    details = []
    for _ in range(int(math.log2(min(shares.shape[2:]))) - 1):
        coarse = _reduce(images)
        details.append((shares * (images - _expand(coarse, images))).sum(axis=0))
        images, shares = coarse, _reduce(shares)
    fused: Plane = (shares * images).sum(axis=0)
    for detail in reversed(details):
        fused = detail + _expand(fused, detail)
    return fused


def _smooth(planes: Plane, mode: str) -> Plane:
    smooth: Plane = correlate1d(
        correlate1d(planes, _SMOOTHING, axis=-1, mode=mode), _SMOOTHING, axis=-2, mode=mode
    )
    return smooth


def _reduce(planes: Plane) -> Plane:
    return _smooth(planes, "reflect")[..., ::2, ::2]


def _expand(planes: Plane, like: Plane) -> Plane:
    """Double planes to the height and width of others: zeros between samples, then smoothing."""
    *outer, height, width = planes.shape
    wide = np.zeros((*outer, 2 * height + 4, 2 * width + 4))
    borders = [(0, 0)] * len(outer) + [(1, 1), (1, 1)]
    wide[..., ::2, ::2] = 4 * np.pad(planes, borders, mode="edge")
    return _smooth(wide, "constant")[..., 2 : 2 + like.shape[-2], 2 : 2 + like.shape[-1]]
