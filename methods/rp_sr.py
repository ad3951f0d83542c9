"""Fusion by ratio pyramids whose coarsest planes are fused by sparse codes."""

from __future__ import annotations

from fusebench.bench.types import Fidelity
from fusebench.methods import _sparse
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count, require_positive
from fusebench.methods._pyramid import fuse_ratios
from fusebench.methods._weights import WeightFiles


@method(
    slug="rp_sr",
    label="RP-SR",
    title="Ratio of low-pass pyramid with a sparse representation of its base",
    reference="Y. Liu, S. Liu, Z. Wang, A general framework for image fusion based on "
    "multi-scale transform and sparse representation, Inf. Fusion 24, 2015",
    doi="10.1016/j.inffus.2014.09.004",
    origin="official weights",
    colour="per_channel",
    weights=_sparse.WEIGHTS,
    notes="Black regions next to detail turn into white speckles; see the method rp.",
    fidelity=(
        Fidelity(
            against="rp_sr_fuse.m of the MST-SR toolbox run in Octave on lossless grey pairs (3 "
            "TNO, 1 RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=2.32e-5,
            max_abs=1.0,
        ),
        Fidelity(
            against="VIFB's colour images, made in MATLAB",
            images=21,
            within_one=0.999961,
            mean_abs=2.29e-4,
            max_abs=3.0,
        ),
        Fidelity(
            against="images 'RP_SR' that MFIFB publishes of Lytro 01 to 08, made in MATLAB",
            images=8,
            within_one=0.99997,
            mean_abs=2.11e-4,
            max_abs=3.0,
        ),
    ),
)
def rp_sr(
    files: WeightFiles,
    *,
    levels: int = 4,
    eps: float = 1e-6,
    overlap: int = 6,
    epsilon: float = 0.1,
) -> TensorFusion:
    """Ratio of low-pass pyramid: largest ratio at each scale, sparse codes for the rest.

    Parameters
    ----------
    files : WeightFiles
        A dictionary of 8x8 patches.
    levels : int
        Number of scales, at least 1. Halving ends early once a single pixel is left.
    eps : float
        Added to the surroundings; see the method ``rp``.
    overlap : int
        Pixels that neighbouring patches of the coarsest plane share, 0 to 7.
    epsilon : float
        Norm of the error at which a patch counts as reached, in the scale of the coarsest plane.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `levels` is below 1, `eps` is not above 0, `overlap` is not 0 to 7, or `epsilon` is not
        above 0.
    MissingDataError
        If the dictionary is not here.

    Notes
    -----
    The method ``rp`` with another rule for the coarsest plane: that of the method ``sr`` [1]_. An
    image below 128 pixels has a coarsest plane below 8, where no patch lies; there this is ``rp``.
    Fusing an image with itself gives the image back.

    References
    ----------
    .. [1] Y. Liu, S. Liu, Z. Wang, "A general framework for image fusion based on multi-scale
       transform and sparse representation," Inf. Fusion 24, 2015.
       doi:10.1016/j.inffus.2014.09.004
    """
    require_count("levels", levels)
    require_positive("eps", eps)
    base = _sparse.PatchFusion(files, overlap, epsilon)

    def fuse(a: Plane, b: Plane) -> Plane:
        return fuse_ratios(a, b, levels=levels, eps=eps, base=base)

    return on_planes(fuse)
