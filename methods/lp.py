"""Fusion by Laplacian pyramids."""

from __future__ import annotations

import numpy as np

from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count
from fusebench.methods._pyramid import fuse_pyramids


@method(
    slug="lp",
    label="LP",
    title="Laplacian pyramid",
    reference="P. J. Burt, E. H. Adelson, The Laplacian pyramid as a compact image code, "
    "IEEE Trans. Commun. 31(4), 1983",
    doi="10.1109/TCOM.1983.1095851",
    origin="reimplemented",
    colour="per_channel",
    fidelity=(
        Fidelity(
            against="lp_fuse.m of the MST-SR toolbox run in Octave on lossless grey pairs (3 TNO, "
            "1 RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=1.39e-5,
            max_abs=1.0,
        ),
        Fidelity(
            against="result that the MST-SR toolbox ships, made in MATLAB, on one multi-focus pair",
            images=1,
            within_one=1.0,
            mean_abs=0.0,
            max_abs=0.0,
        ),
    ),
)
def lp(*, levels: int = 4) -> TensorFusion:
    """Laplacian pyramid: strongest detail of either source at each scale, mean of the rest.

    Parameters
    ----------
    levels : int
        Number of scales, at least 1. Halving ends early once a single pixel is left.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `levels` is below 1.

    Notes
    -----
    The pyramid is the paper's [1]_, which codes single images. The fusion rule is that of
    Rockinger's toolbox, which comparisons call "LP": choose-max in a 3x3 window with a consistency
    check [2]_ for details, the mean for the coarsest scale. Fusing an image with itself gives the
    image back. Values outside 0..255, which the rule can produce, are clipped.

    References
    ----------
    .. [1] P. J. Burt, E. H. Adelson, "The Laplacian pyramid as a compact image code," IEEE Trans.
       Commun. 31(4), 1983. doi:10.1109/TCOM.1983.1095851
    .. [2] H. Li, B. S. Manjunath, S. K. Mitra, "Multisensor image fusion using the wavelet
       transform," Graph. Models Image Process. 57(3), 1995. doi:10.1006/gmip.1995.1022
    """
    require_count("levels", levels)

    def fuse(a: Plane, b: Plane) -> Plane:
        return fuse_pyramids(a, b, levels=levels, split=np.subtract, merge=np.add)

    return on_planes(fuse)
