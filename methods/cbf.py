"""Fusion by cross bilateral filtering."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count, require_positive

# Stands for a weight of zero, as in the authors' code.
_TINY = 2.220446049250313e-16


@method(
    slug="cbf",
    label="CBF",
    title="Cross bilateral filter fusion",
    reference="B. K. Shreyamsha Kumar, Image fusion based on pixel significance using cross "
    "bilateral filter, Signal Image Video Process. 9, 2015",
    doi="10.1007/s11760-013-0556-9",
    origin="reimplemented",
    colour="per_channel",
    fidelity=(
        Fidelity(
            against="the author's result, made in MATLAB, on two lossless RoadScene pairs",
            images=2,
            within_one=1.0,
            mean_abs=2.55e-5,
            max_abs=1.0,
        ),
        Fidelity(
            against="the author's code run in Octave on one lossless TNO pair",
            images=1,
            within_one=1.0,
            mean_abs=1.83e-5,
            max_abs=1.0,
        ),
        Fidelity(
            against="MFIFB's published colour images, made in MATLAB and saved as JPEG, of "
            "the first 8 Lytro pairs",
            images=8,
            within_one=1.0,
            mean_abs=1.39e-5,
            max_abs=1.0,
        ),
        Fidelity(
            against="VIFB's published colour images, made in MATLAB and saved as JPEG, of its"
            " 7 smallest pairs",
            images=7,
            within_one=1.0,
            mean_abs=2.01e-4,
            max_abs=1.0,
        ),
    ),
)
def cbf(
    *,
    sigma_space: float = 1.8,
    sigma_range: float = 25.0,
    radius: int = 5,
    detail_radius: int = 2,
) -> TensorFusion:
    """Cross bilateral filter: sources weighted by the variation of what the other does not explain.

    Parameters
    ----------
    sigma_space : float
        Spatial scale of the filter in pixels, above 0.
    sigma_range : float
        Its scale of differences, in grey levels of 0..255, above 0.
    radius : int
        The filter's window has ``2 * radius + 1`` pixels a side; at least 1.
    detail_radius : int
        The window that measures detail has ``2 * detail_radius + 1`` pixels a side; at least 1.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If a scale is not above 0 or a radius is below 1.

    Notes
    -----
    Each source is smoothed with weights that look at the other one, and its detail is what that
    removes. The weight of a source at a pixel is the sum of the eigenvalues of the covariances of
    rows and of columns in a window of its detail [1]_; the sum of eigenvalues is the trace, so it
    is the sum of the variances of all rows and columns of the window. Images go on as their mirror
    image. Fusing an image with itself gives the image back.

    References
    ----------
    .. [1] B. K. Shreyamsha Kumar, "Image fusion based on pixel significance using cross bilateral
       filter," Signal Image Video Process. 9, 2015. doi:10.1007/s11760-013-0556-9
    """
    require_positive("sigma_space", sigma_space)
    require_positive("sigma_range", sigma_range)
    require_count("radius", radius)
    require_count("detail_radius", detail_radius)

    def fuse(a: Plane, b: Plane) -> Plane:
        detail_a = a - _cross_bilateral(a, b, radius, sigma_space, sigma_range)
        detail_b = b - _cross_bilateral(b, a, radius, sigma_space, sigma_range)
        weight_a, weight_b = (
            np.maximum(_significance(detail, detail_radius), _TINY)
            for detail in (detail_a, detail_b)
        )
        fused: Plane = (weight_a * a + weight_b * b) / (weight_a + weight_b)
        return fused

    return on_planes(fuse)


def _cross_bilateral(
    plane: Plane, guide: Plane, radius: int, sigma_space: float, sigma_range: float
) -> Plane:
    height, width = plane.shape
    wide, guide = (np.pad(x, radius, mode="reflect") for x in (plane, guide))
    total, weights = plane.copy(), np.ones_like(plane)
    # Two pixels weigh as much for each other, so that half of the window gives the other half:
    # `first` and `second` hold all pairs at one distance of which at least one pixel is inside.
    for down in range(radius + 1):
        for right in range(-radius if down else 1, radius + 1):
            start, end = radius - max(right, 0), radius + width - min(right, 0)
            first = guide[radius - down : radius + height, start:end]
            second = guide[radius : radius + height + down, start + right : end + right]
            weight = np.exp(np.square(second - first) * (-0.5 / sigma_range**2))
            weight *= np.exp((down**2 + right**2) * (-0.5 / sigma_space**2))
            for top, left, side in ((down, max(right, 0), 1), (0, max(-right, 0), -1)):
                of_neighbour = weight[top : top + height, left : left + width]
                row, column = radius + side * down, radius + side * right
                total += of_neighbour * wide[row : row + height, column : column + width]
                weights += of_neighbour
    smooth: Plane = total / weights
    return smooth


def _significance(detail: Plane, radius: int) -> Plane:
    wide = np.pad(detail, radius, mode="reflect")
    side = 2 * radius + 1
    significance: Plane = np.zeros_like(detail)
    for axis in (0, 1):
        variance = sliding_window_view(wide, side, axis=axis).var(axis=-1, ddof=1)
        significance += sliding_window_view(variance, side, axis=1 - axis).sum(axis=-1)
    return significance
