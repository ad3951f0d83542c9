"""Fusion by wavelets whose coarsest bands are fused by sparse codes."""

from __future__ import annotations

from fusebench.methods import _sparse
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count
from fusebench.methods._wavelet import fuse_wavelets, whole_filters
from fusebench.methods._weights import WeightFiles


@method(
    slug="dwt_sr",
    label="DWT-SR",
    title="Discrete wavelet transform with a sparse representation of its base",
    reference="Y. Liu, S. Liu, Z. Wang, A general framework for image fusion based on "
    "multi-scale transform and sparse representation, Inf. Fusion 24, 2015",
    doi="10.1016/j.inffus.2014.09.004",
    origin="official weights",
    colour="per_channel",
    weights=_sparse.WEIGHTS,
)
def dwt_sr(
    files: WeightFiles,
    *,
    levels: int = 4,
    wavelet: str = "db1",
    overlap: int = 6,
    epsilon: float = 0.1,
) -> TensorFusion:
    """Discrete wavelet transform: strongest detail of either source, sparse codes for the rest.

    Parameters
    ----------
    files : WeightFiles
        A dictionary of 8x8 patches.
    levels : int
        Number of scales, at least 1. Halving ends early once a single sample is left.
    wavelet : str
        Name of a discrete wavelet of PyWavelets; "db1" is Haar's.
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
        If `levels` is below 1, there is no such wavelet, `overlap` is not 0 to 7, or `epsilon` is
        not above 0.
    MissingDataError
        If the dictionary is not here.

    Notes
    -----
    The method ``dwt`` with another rule for the coarsest band: that of the method ``sr`` [1]_, on
    the scale of orthonormal filters. An image below 128 pixels has a coarsest band below 8, where
    no patch lies; there this is ``dwt``. Fusing an image with itself gives the image back.

    References
    ----------
    .. [1] Y. Liu, S. Liu, Z. Wang, "A general framework for image fusion based on multi-scale
       transform and sparse representation," Inf. Fusion 24, 2015.
       doi:10.1016/j.inffus.2014.09.004
    """
    require_count("levels", levels)
    filters = whole_filters(wavelet)
    base = _sparse.PatchFusion(files, overlap, epsilon)

    def fuse(a: Plane, b: Plane) -> Plane:
        return fuse_wavelets(a, b, levels=levels, filters=filters, base=base)

    return on_planes(fuse)
