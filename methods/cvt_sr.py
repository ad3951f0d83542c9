"""Fusion by curvelets whose coarsest planes are fused by sparse codes."""

from __future__ import annotations

from fusebench.methods import _sparse
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count
from fusebench.methods._curvelet import decompose, reconstruct
from fusebench.methods._pyramid import choose_max_in_bands
from fusebench.methods._weights import WeightFiles


@method(
    slug="cvt_sr",
    label="CVT-SR",
    title="Curvelets with a sparse representation of its base",
    reference="Y. Liu, S. Liu, Z. Wang, A general framework for image fusion based on "
    "multi-scale transform and sparse representation, Inf. Fusion 24, 2015",
    doi="10.1016/j.inffus.2014.09.004",
    origin="official weights",
    colour="per_channel",
    weights=_sparse.WEIGHTS,
)
def cvt_sr(
    files: WeightFiles, *, levels: int = 4, overlap: int = 6, epsilon: float = 0.1
) -> TensorFusion:
    """Curvelets: strongest directional detail of either source, sparse codes for the rest.

    Parameters
    ----------
    files : WeightFiles
        A dictionary of 8x8 patches.
    levels : int
        Number of scales of curvelets, at least 1; see the method ``cvt``.
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
        If `levels` is below 1, `overlap` is not 0 to 7, or `epsilon` is not above 0.
    MissingDataError
        If the dictionary is not here.

    Notes
    -----
    The method ``cvt``
    with another rule for the coarsest plane: that of the method ``sr`` [1]_, in the scale of the
    transform. Where the coarsest plane is below 8 samples no patch lies; there this is ``cvt``.
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
        (low_a, bands_a), (low_b, bands_b) = decompose(a, levels), decompose(b, levels)
        bands = choose_max_in_bands(bands_a, bands_b)
        return reconstruct(base(low_a, low_b), bands, a.shape)

    return on_planes(fuse)
