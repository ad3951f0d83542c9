"""Fusion by a hybrid multi-scale decomposition."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._bilateral import bilateral_grid
from fusebench.methods._checks import require_count, require_positive

# The paper's constants that its authors' code does not offer as options.
_SIGMA_SPACE, _SIGMA_RANGE = 2.0, 0.05
_CHOICE_SIGMA = 1.0


@method(
    slug="hybrid_msd",
    label="Hybrid-MSD",
    title="Hybrid multi-scale decomposition",
    reference="Z. Zhou, B. Wang, S. Li, M. Dong, Perceptual fusion of infrared and visible images "
    "through a hybrid multi-scale decomposition with Gaussian and bilateral filters, Inf. Fusion "
    "30, 2016",
    doi="10.1016/j.inffus.2015.11.003",
    origin="reimplemented",
    colour="per_channel",
    fidelity=(
        Fidelity(
            against="the authors' code run in MATLAB on one lossless TNO pair with the "
            "sources exchanged, cut to 8 bits instead of rounded",
            images=1,
            within_one=1.0,
            mean_abs=4.99e-1,
            max_abs=1.0,
        ),
        Fidelity(
            against="the authors' code run in Octave on lossless grey pairs (3 TNO, 1 "
            "RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=1.85e-5,
            max_abs=1.0,
        ),
    ),
    notes="Made for infrared-visible pairs: what source a (infrared) has beyond source b (visible) "
    "is injected into b. Some published images were made with the sources exchanged.",
)
def hybrid_msd(*, levels: int = 4, lam: float = 30.0) -> TensorFusion:
    """Gaussian and bilateral scales: infrared edges decide what is injected into the visible image.

    Parameters
    ----------
    levels : int
        Number of scales, at least 1. The spatial scale starts at 2 pixels and doubles.
    lam : float
        How soon a difference of edges counts in full, above 0; larger values inject more.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `levels` is below 1, or `lam` is not above 0.

    Notes
    -----
    Each scale of an image has texture, which a bilateral filter removes, and edges, which a
    Gaussian filter removes beyond that. The share of `a` in all parts of a scale grows with the
    lead of its edges over those of `b`; the share in the coarsest image is that of the last scale,
    smoothed widely; of the finest scale the stronger coefficient is taken [1]_. Where `a` leads
    nowhere its share is zero.

    The bilateral filter is the approximation of the authors' code, see
    `fusebench.methods._bilateral`; the exact filter gives another image. With one scale, whose
    shares nothing defines, the coarsest image is that of `b`. Fusing an image with itself gives the
    image back.

    References
    ----------
    .. [1] Z. Zhou, B. Wang, S. Li, M. Dong, "Perceptual fusion of infrared and visible images
       through a hybrid multi-scale decomposition with Gaussian and bilateral filters," Inf. Fusion
       30, 2016. doi:10.1016/j.inffus.2015.11.003
    """
    require_count("levels", levels)
    require_positive("lam", lam)

    def fuse(a: Plane, b: Plane) -> Plane:
        (texture_a, edges_a, base_a), (texture_b, edges_b, base_b) = (
            _decompose(x / 255.0, levels) for x in (a, b)
        )
        fused: Plane = _stronger(texture_a[0], texture_b[0]) + _stronger(edges_a[0], edges_b[0])
        share = np.zeros_like(a)
        for k in range(1, levels):
            share = _share(edges_a[k], edges_b[k], lam)
            smooth = _gaussian(share, _CHOICE_SIGMA)
            fused += smooth * (texture_a[k] + edges_a[k])
            fused += (1 - smooth) * (texture_b[k] + edges_b[k])
        share = _gaussian(share, _SIGMA_SPACE * 2 ** (levels + 1))
        fused += share * base_a + (1 - share) * base_b
        return fused * 255.0

    return on_planes(fuse)


def _decompose(plane: Plane, levels: int) -> tuple[list[Plane], list[Plane], Plane]:
    textures, edges = [], []
    sharp = plane
    for k in range(levels):
        sharp = bilateral_grid(sharp, _SIGMA_SPACE * 2**k, _SIGMA_RANGE / 2**k)
        textures.append(plane - sharp)
        plane = _gaussian(plane, _SIGMA_SPACE * 2**k)
        edges.append(sharp - plane)
    return textures, edges, plane


def _gaussian(plane: Plane, sigma: float) -> Plane:
    smooth: Plane = gaussian_filter(plane, sigma, radius=int(3 * sigma), mode="reflect")
    return smooth


def _stronger(a: Plane, b: Plane) -> Plane:
    return np.where(np.abs(a) > np.abs(b), a, b)


def _share(edges_a: Plane, edges_b: Plane, lam: float) -> Plane:
    lead = np.maximum(np.abs(edges_a) - np.abs(edges_b), 0.0)
    most = lead.max()
    share: Plane = np.arctan(lam * lead / (most if most > 0 else 1.0)) / np.arctan(lam)
    return share
