"""Fusion by sparse codes of patches."""

from __future__ import annotations

from fusebench.bench.types import Fidelity
from fusebench.methods import _sparse
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._tensors import on_arrays
from fusebench.methods._weights import WeightFiles


@method(
    slug="sr",
    label="SR",
    title="Sparse representation",
    reference="B. Yang, S. Li, Multifocus image fusion and restoration with sparse "
    "representation, IEEE Trans. Instrum. Meas. 59(4), 2010",
    doi="10.1109/TIM.2009.2026612",
    origin="official weights",
    colour="per_channel",
    runs_on="any",
    weights=_sparse.WEIGHTS,
    fidelity=(
        Fidelity(
            against="sparse_fusion.m of the MST-SR toolbox run in Octave on a lossless grey pair "
            "of TNO",
            images=1,
            within_one=1.0,
            mean_abs=3.67e-4,
            max_abs=1.0,
        ),
    ),
)
def sr(files: WeightFiles, *, overlap: int = 6, epsilon: float = 0.1) -> TensorFusion:
    """Sparse representation: of every two patches, the one that needs more of its dictionary.

    Parameters
    ----------
    files : WeightFiles
        A dictionary of 8x8 patches.
    overlap : int
        Pixels that neighbouring patches share, 0 to 7.
    epsilon : float
        Norm of the error at which a patch counts as reached, in grey levels of 0..255.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `overlap` is not 0 to 7, or `epsilon` is not above 0.
    MissingDataError
        If the dictionary is not here.

    Notes
    -----
    The rule of [1]_ as the MST-SR toolbox runs it: patches without their means are approximated by
    orthogonal matching pursuit, and the one with the larger sum of absolute coefficients is taken
    with its mean (the first source's where they are equal). With so small an `epsilon` some 60 of
    64 possible atoms are used, so the choice is about the coefficients only: what comes back are
    the patches themselves. Where no patch lies, in a last odd row or column or an image below 8
    pixels, the sources are averaged. Fusing an image with itself gives the image back.

    References
    ----------
    .. [1] B. Yang, S. Li, "Multifocus image fusion and restoration with sparse representation,"
       IEEE Trans. Instrum. Meas. 59(4), 2010. doi:10.1109/TIM.2009.2026612
    """
    return on_arrays(_sparse.PatchFusion(files, overlap, epsilon))
