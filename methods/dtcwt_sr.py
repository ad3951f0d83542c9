"""Fusion by dual-tree complex wavelets whose coarsest planes are fused by sparse codes."""

from __future__ import annotations

from fusebench.methods import _sparse
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count
from fusebench.methods._dtcwt import First, Later, decompose, reconstruct
from fusebench.methods._pyramid import choose_max_in_bands
from fusebench.methods._weights import WeightFiles


@method(
    slug="dtcwt_sr",
    label="DTCWT-SR",
    title="Dual-tree complex wavelets with a sparse representation of its base",
    reference="Y. Liu, S. Liu, Z. Wang, A general framework for image fusion based on "
    "multi-scale transform and sparse representation, Inf. Fusion 24, 2015",
    doi="10.1016/j.inffus.2014.09.004",
    origin="official weights",
    colour="per_channel",
    weights=_sparse.WEIGHTS,
    notes="The variant that its authors recommend for infrared and visible images.",
)
def dtcwt_sr(
    files: WeightFiles,
    *,
    levels: int = 4,
    first: First = "legall",
    later: Later = "qshift_06",
    overlap: int = 6,
    epsilon: float = 0.1,
) -> TensorFusion:
    """Dual-tree complex wavelets: strongest detail of either source, sparse codes for the rest.

    Parameters
    ----------
    files : WeightFiles
        A dictionary of 8x8 patches.
    levels : int
        Number of scales, at least 1. Halving ends early once 2x2 samples are left.
    first : {"legall", "near_sym_b"}
        Biorthogonal filters of the first level.
    later : {"qshift_06", "qshift_b"}
        Quarter-shift filters of the other levels.
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
        If `levels` is below 1, a filter is unknown, `overlap` is not 0 to 7, or `epsilon` is
        not above 0.
    MissingDataError
        If the dictionary is not here.

    Notes
    -----
    The method ``dtcwt``
    with another rule for the coarsest plane: that of the method ``sr`` [1]_, in the scale of the
    transform. Where the coarsest plane is below 8 samples no patch lies; there this is ``dtcwt``.
    Fusing an image with itself gives the image back.

    References
    ----------
    .. [1] Y. Liu, S. Liu, Z. Wang, "A general framework for image fusion based on multi-scale
       transform and sparse representation," Inf. Fusion 24, 2015.
       doi:10.1016/j.inffus.2014.09.004
    """
    require_count("levels", levels)
    base = _sparse.PatchFusion(files, overlap, epsilon)

    def fuse(a: Plane, b: Plane) -> Plane:
        low_a, bands_a = decompose(a, levels, first, later)
        low_b, bands_b = decompose(b, levels, first, later)
        bands = choose_max_in_bands(bands_a, bands_b)
        return reconstruct(base(low_a, low_b), bands, a.shape, first, later)

    return on_planes(fuse)
