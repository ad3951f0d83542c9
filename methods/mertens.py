"""Exposure fusion."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import correlate1d, laplace

from fusebench.bench.images import LUMA_WEIGHTS
from fusebench.bench.types import InputError
from fusebench.methods._base import Plane, TensorFusion, method, on_images

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
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

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
    left out unless both sources have colour. Values outside 0..255 are clipped. Fusing an image
    with itself gives the image back.

    References
    ----------
    .. [1] T. Mertens, J. Kautz, F. Van Reeth, "Exposure fusion: a simple and practical alternative
       to high dynamic range photography," Comput. Graph. Forum 28(1), 2009.
       doi:10.1111/j.1467-8659.2008.01171.x
    """
    exponents = {"contrast": contrast, "saturation": saturation, "exposedness": exposedness}
    for option, value in exponents.items():
        if not (value >= 0 and math.isfinite(value)):
            raise InputError(f"{option} is {value}; expected a finite number of at least 0")

    def fuse(a: Plane, b: Plane) -> Plane:
        grey_a, grey_b = ((x == x[:1]).all() for x in (a, b))
        channels = 1 if grey_a and grey_b else len(a)
        coloured = not (grey_a or grey_b)
        x, y = a[:channels] / 255.0, b[:channels] / 255.0
        weight_x, weight_y = (
            _contrast(image) ** contrast
            * (_saturation(image) ** saturation if coloured else 1.0)
            * _exposedness(image) ** exposedness
            + _TINY
            for image in (x, y)
        )
        share = weight_x / (weight_x + weight_y)
        fused: Plane = np.broadcast_to(_blend(x, y, share) * 255.0, a.shape)
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


def _blend(a: Plane, b: Plane, share: Plane) -> Plane:
    levels = max(int(math.log2(min(share.shape))), 1)
    details = []
    for _ in range(levels - 1):
        coarse_a, coarse_b = _reduce(a), _reduce(b)
        detail_a, detail_b = a - _expand(coarse_a, a), b - _expand(coarse_b, b)
        details.append(share * detail_a + (1 - share) * detail_b)
        a, b, share = coarse_a, coarse_b, _reduce(share)
    fused: Plane = share * a + (1 - share) * b
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
    *_, height, width = like.shape
    wide = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    stuffed = np.zeros((len(planes), 2 * wide.shape[1], 2 * wide.shape[2]))
    stuffed[:, ::2, ::2] = 4 * wide
    return _smooth(stuffed, "constant")[:, 2 : 2 + height, 2 : 2 + width]
