"""Fusion by visual saliency and weighted least squares."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from fusebench.bench.images import to_8_bit
from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count, require_positive
from fusebench.methods._guided import guided_filter

# The paper's constants that its authors' code does not offer as options.
_FLATNESS = 0.05**2  # of the guided filter, a variance on the 0..1 scale
_GUIDED_PASSES = 4
_BASE_SIGMA = 2.0
_CHOICE_SIGMA, _CHOICE_RADIUS = 2.0, 6
_DETAIL_WINDOW = 7
_TINY = 1e-6


@method(
    slug="vsmwls",
    label="VSM-WLS",
    title="Visual saliency map and weighted least squares",
    reference="J. Ma, Z. Zhou, B. Wang, H. Zong, Infrared and visible image fusion based on visual "
    "saliency map and weighted least square optimization, Infrared Phys. Technol. 82, 2017",
    doi="10.1016/j.infrared.2017.02.005",
    origin="reimplemented",
    colour="per_channel",
    fidelity=(
        Fidelity(
            against="the authors' code run in Octave on lossless grey pairs (3 TNO, 1 "
            "RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=1.39e-5,
            max_abs=1.0,
        ),
        Fidelity(
            against="VIFB's published colour images, made in MATLAB and saved as JPEG, of its"
            " 7 smallest pairs",
            images=7,
            within_one=0.99998,
            mean_abs=1.48e-4,
            max_abs=2.0,
        ),
    ),
    notes="Made for infrared-visible pairs: coarse details of source b (visible) are held to those "
    "of source a where b is flat.",
)
def vsmwls(*, levels: int = 4, smoothness: float = 0.01) -> TensorFusion:
    """Visual saliency for the base of rolling guidance, weighted least squares for its details.

    Parameters
    ----------
    levels : int
        Number of scales of detail, at least 1. The spatial scale of the filter starts at 2 pixels
        and doubles.
    smoothness : float
        Weight, above 0, of the term that holds coarse details to source `a` where source `b` is
        flat.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `levels` is below 1, or `smoothness` is not above 0.

    Notes
    -----
    The authors' code [1]_ differs from a reader's expectation in two ways that are kept: its
    rolling guidance [2]_ runs on guided filters, and the least-squares problem has no term between
    neighbours, so that its solution is a weighted mean at each pixel. Saliency is the mean distance
    of a grey level to all others of the image [3]_; the saliency of a constant image is zero.
    Fusing an image with itself gives the image back.

    References
    ----------
    .. [1] J. Ma, Z. Zhou, B. Wang, H. Zong, "Infrared and visible image fusion based on visual
       saliency map and weighted least square optimization," Infrared Phys. Technol. 82, 2017.
       doi:10.1016/j.infrared.2017.02.005
    .. [2] Q. Zhang, X. Shen, L. Xu, J. Jia, "Rolling guidance filter," ECCV, 2014.
       doi:10.1007/978-3-319-10578-9_53
    .. [3] Y. Zhai, M. Shah, "Visual attention detection in video sequences using spatiotemporal
       cues," ACM Multimedia, 2006. doi:10.1145/1180639.1180824
    """
    require_count("levels", levels)
    require_positive("smoothness", smoothness)

    def fuse(a: Plane, b: Plane) -> Plane:
        saliency = 0.5 + 0.5 * (_saliency(a) - _saliency(b))
        *details_a, base_a = _decompose(a / 255.0, levels)
        *details_b, base_b = _decompose(b / 255.0, levels)
        fused = saliency * base_a + (1 - saliency) * base_b
        for scale, (x, y) in enumerate(zip(details_a, details_b, strict=True)):
            take_b = np.abs(x) < np.abs(y)
            if scale == 0:
                fused += np.where(take_b, y, x)
            else:
                fused += _weighted_least_squares(x, y, take_b.astype(np.float64), smoothness)
        return fused * 255.0

    return on_planes(fuse)


def _decompose(plane: Plane, levels: int) -> list[Plane]:
    parts = []
    for level in range(1, levels):
        smooth = _rolling_guidance(plane, 2**level)
        parts.append(plane - smooth)
        plane = smooth
    base = _gaussian(plane, _BASE_SIGMA)
    return [*parts, plane - base, base]


def _rolling_guidance(plane: Plane, scale: int) -> Plane:
    guide = _gaussian(plane, scale)
    for _ in range(_GUIDED_PASSES):
        guide = guided_filter(guide, plane, scale, _FLATNESS)
    return guide


def _gaussian(plane: Plane, sigma: float) -> Plane:
    smooth: Plane = gaussian_filter(plane, sigma, radius=round(3 * sigma), mode="nearest")
    return smooth


def _saliency(plane: Plane) -> Plane:
    image = to_8_bit(plane)
    counts = np.bincount(image.ravel(), minlength=256)
    grey = np.arange(256)
    distance = np.abs(grey[:, None] - grey) @ counts
    saliency = distance[image].astype(np.float64)
    low, high = saliency.min(), saliency.max()
    return (saliency - low) / (high - low) if high > low else np.zeros_like(plane)


def _weighted_least_squares(a: Plane, b: Plane, take_b: Plane, smoothness: float) -> Plane:
    share = gaussian_filter(take_b, _CHOICE_SIGMA, radius=_CHOICE_RADIUS, mode="reflect")
    chosen = share * b + (1 - share) * a
    pull = smoothness / (np.abs(uniform_filter(b, _DETAIL_WINDOW, mode="nearest")) + _TINY)
    solution: Plane = (chosen + pull * a) / (1 + pull)
    return solution
