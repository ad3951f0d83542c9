"""Fusion by infrared feature extraction and visual information preservation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import gaussian_filter, minimum_filter

from fusebench.bench.images import to_8_bit
from fusebench.bench.types import Fidelity, InputError
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_positive
from fusebench.methods._resize import resize

# The paper's constants that its authors' code does not offer as options.
_SIDE = 512
_SMOOTHING_SIGMA, _SMOOTHING_RADIUS = 4.5, 4

# Cubic Bezier curves in powers of their parameter, the highest first.
_BEZIER = np.array([[-1, 3, -3, 1], [3, -6, 3, 0], [-3, 3, 0, 0], [1, 0, 0, 0]], float)


@method(
    slug="ifevip",
    label="IFEVIP",
    title="Infrared feature extraction and visual information preservation",
    reference="Y. Zhang, L. Zhang, X. Bai, L. Zhang, Infrared and visual image fusion through "
    "infrared feature extraction and visual information preservation, Infrared Phys. Technol. 83, "
    "2017",
    doi="10.1016/j.infrared.2017.05.007",
    origin="reimplemented",
    colour="per_channel",
    tasks=("ivif",),
    fidelity=(
        Fidelity(
            against="the authors' code run in MATLAB on one lossless TNO pair",
            images=1,
            within_one=1.0,
            mean_abs=4.52e-6,
            max_abs=1.0,
        ),
        Fidelity(
            against="the authors' code run in Octave on lossless grey pairs (3 TNO, 1 "
            "RoadScene, 1 Lytro, 1 MRI-CT), whose imresize differs from MATLAB's",
            images=6,
            within_one=1.0,
            mean_abs=6.55e-2,
            max_abs=2.0,
        ),
    ),
    notes="For infrared-visible pairs: it adds what is bright in source a (infrared) to source b "
    "(visible).",
)
def ifevip(
    *,
    smallest_block: int = 32,
    contrast: float = 0.2,
    brightest: float = 0.001,
    strength: float = 0.8,
) -> TensorFusion:
    """Infrared features against a Bezier background, added to the visible image.

    Parameters
    ----------
    smallest_block : int
        Side of the smallest blocks of the background, in pixels of an image of 512x512: 8, 16, 32,
        64, 128, 256 or 512. It is also the side of the window whose darkest pixel counts.
    contrast : float
        Range of grey levels, as a part of 255, above which a block is split in four; above 0.
    brightest : float
        Share of pixels, above 0 and at most 1, whose mean must not exceed white.
    strength : float
        Greatest factor of the features, above 0.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If an option is outside its range.

    Notes
    -----
    The infrared image is brought to 512x512 pixels and split into blocks of little contrast. Its
    background is a bicubic Bezier surface in each block through the darkest neighbours of 16
    points; what is brighter is a feature [1]_. To the features comes the difference of the sources
    times the ratio of their entropies, and the sum, held back so that it does not saturate, is
    added to the visible image.

    Traits of the authors' code that are kept: the inner points of a block lie at its half and three
    quarters (not at thirds); images outside their frame are black when the background is smoothed,
    so that features are stronger near it; the background and what is added are rounded to 8 bits.
    An image without entropy counts as one with an entropy of 1 bit, where that code divides by
    zero; of images below 1 / `brightest` pixels the brightest one is taken. Fusing an image with
    itself does not give it back: its bright features are added to it.

    References
    ----------
    .. [1] Y. Zhang, L. Zhang, X. Bai, L. Zhang, "Infrared and visual image fusion through infrared
       feature extraction and visual information preservation," Infrared Phys. Technol. 83, 2017.
       doi:10.1016/j.infrared.2017.05.007
    """
    if smallest_block not in (sides := [2**k for k in range(3, 10)]):
        raise InputError(f"smallest_block is {smallest_block}; expected one of {sides}")
    require_positive("contrast", contrast)
    require_positive("strength", strength)
    if not 0 < brightest <= 1:
        raise InputError(f"brightest is {brightest}; expected a share above 0 and at most 1")

    def fuse(infrared: Plane, visible: Plane) -> Plane:
        background = _background(infrared, smallest_block, 255.0 * contrast)
        features = np.maximum(infrared - _whole(background), 0.0)
        features += (infrared - visible) * (_entropy(infrared) / _entropy(visible))
        sums = np.sort((np.maximum(features, 0.0) + visible).ravel())
        white = sums[-max(int(sums.size * brightest), 1) :].mean()
        factor = min(255.0 / white, strength) if white > 0 else strength
        return visible + _whole(factor * features)

    return on_planes(fuse)


def _whole(plane: Plane) -> Plane:
    return to_8_bit(plane).astype(np.float64)


def _entropy(plane: Plane) -> float:
    shares = np.bincount(to_8_bit(plane).ravel(), minlength=256) / plane.size
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum()) or 1.0


def _background(plane: Plane, smallest: int, contrast: float) -> Plane:
    square = resize(plane, _SIDE, _SIDE, whole=True)
    # A window of an even side reaches one pixel further down and right.
    dark = minimum_filter(square, smallest, mode="nearest", origin=-1)
    # Neighbouring blocks share their edges; the last ones have a row and column of their own.
    dark = np.pad(dark, (0, 1), mode="edge")
    surface = np.zeros_like(dark)
    blocks = sorted(_split(square, smallest, contrast), key=lambda block: -block[2])
    for top, left, side in blocks:
        place = slice(top, top + side + 1), slice(left, left + side + 1)
        corners = np.array([0, side // 2 - 1, 3 * side // 4 - 1, side])
        curves = np.vander(np.linspace(0, 1, side + 1), 4) @ _BEZIER
        surface[place] = curves @ dark[place][np.ix_(corners, corners)] @ curves.T
    background = resize(surface[:_SIDE, :_SIDE], *plane.shape)
    smooth: Plane = gaussian_filter(
        background, _SMOOTHING_SIGMA, radius=_SMOOTHING_RADIUS, mode="constant"
    )
    return smooth


def _split(
    square: Plane, smallest: int, contrast: float, top: int = 0, left: int = 0, side: int = _SIDE
) -> Iterator[tuple[int, int, int]]:
    """Give top, left and side of square blocks that have little contrast or cannot be halved."""
    block = square[top : top + side, left : left + side]
    if side <= smallest or np.ptp(block) <= contrast:
        yield top, left, side
        return
    half = side // 2
    for down in (0, half):
        for right in (0, half):
            yield from _split(square, smallest, contrast, top + down, left + right, half)
