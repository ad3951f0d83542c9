"""Two-scale fusion by saliency."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from fusebench.bench.types import Fidelity, InputError
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count
from fusebench.methods._guided import box_mean


@method(
    slug="tif",
    label="TIF",
    title="Two-scale image fusion",
    reference="D. P. Bavirisetti, R. Dhuli, Two-scale image fusion of visible and infrared images "
    "using saliency detection, Infrared Phys. Technol. 76, 2016",
    doi="10.1016/j.infrared.2016.01.009",
    origin="reimplemented",
    colour="per_channel",
    fidelity=(
        Fidelity(
            against="the authors' code run in Octave on lossless grey pairs (3 TNO, 1 "
            "RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=1.11e-4,
            max_abs=1.0,
        ),
        Fidelity(
            against="VIFB's published colour images, made in MATLAB and saved as JPEG",
            images=21,
            within_one=0.99986,
            mean_abs=9.64e-4,
            max_abs=5.0,
        ),
    ),
)
def tif(*, mean_window: int = 35, median_window: int = 3) -> TensorFusion:
    """Two scales: mean of the smoothed sources, details weighted by their saliency.

    Parameters
    ----------
    mean_window, median_window : int
        Side, in pixels, of the window of the mean that gives the base, and of the median; odd.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If a window is even or below 1.

    Notes
    -----
    Saliency is the squared difference between the mean and the median around a pixel, and a
    source's weight is its share of the two saliencies [1]_. As in the authors' code the image goes
    on at the opposite side for the mean, and is surrounded by black for the median.

    Where both saliencies are zero the share has no value (NaN in the authors' code, drawn black);
    here it is one half. Fusing an image with itself gives the image back.

    References
    ----------
    .. [1] D. P. Bavirisetti, R. Dhuli, "Two-scale image fusion of visible and infrared images using
       saliency detection," Infrared Phys. Technol. 76, 2016. doi:10.1016/j.infrared.2016.01.009
    """
    _require_odd("mean_window", mean_window)
    _require_odd("median_window", median_window)

    def fuse(a: Plane, b: Plane) -> Plane:
        base_a, base_b = _mean_around(a, mean_window), _mean_around(b, mean_window)
        saliency_a, saliency_b = (
            np.square(base - median_filter(x, median_window, mode="constant"))
            for base, x in ((base_a, a), (base_b, b))
        )
        total = saliency_a + saliency_b
        share = np.divide(saliency_a, total, out=np.full_like(total, 0.5), where=total > 0)
        details = share * (a - base_a) + (1 - share) * (b - base_b)
        fused: Plane = details + (base_a + base_b) / 2
        return fused

    return on_planes(fuse)


def _require_odd(option: str, value: int) -> None:
    require_count(option, value)
    if value % 2 == 0:
        raise InputError(f"{option} is {value}; expected an odd number of pixels")


def _mean_around(plane: Plane, window: int) -> Plane:
    radius = window // 2
    wide = box_mean(np.pad(plane, radius, mode="wrap"), radius)
    inside: Plane = wide[radius:, radius:][: plane.shape[0], : plane.shape[1]]
    return inside
