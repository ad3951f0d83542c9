"""Fusion by the curvelet transform."""

from __future__ import annotations

from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count
from fusebench.methods._curvelet import decompose, reconstruct
from fusebench.methods._pyramid import choose_max_in_bands


@method(
    slug="cvt",
    label="CVT",
    title="Curvelet transform",
    reference="F. Nencini, A. Garzelli, S. Baronti, L. Alparone, Remote sensing image fusion using "
    "the curvelet transform, Inf. Fusion 8(2), 2007",
    doi="10.1016/j.inffus.2006.02.001",
    origin="reimplemented",
    colour="per_channel",
    fidelity=(
        Fidelity(
            against="curvelet_fuse.m of the MST-SR toolbox run in Octave on lossless grey pairs (3 "
            "TNO, 1 RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=4.17e-5,
            max_abs=1.0,
            equal=0.999958,
            psnr=91.93,
        ),
        Fidelity(
            against="images published without their settings, made in MATLAB, of 2 RoadScene pairs",
            images=2,
            within_one=1.0,
            mean_abs=1.86e-5,
            max_abs=1.0,
            equal=0.999981,
            psnr=95.44,
        ),
    ),
)
def cvt(*, levels: int = 4) -> TensorFusion:
    """Curvelets: strongest directional detail of either source, mean of the rest.

    Parameters
    ----------
    levels : int
        Number of scales of curvelets, at least 1. They end early where the shorter side has fewer
        than 4.5 * 2^levels pixels.

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
    The transform is the wrapping one of Candes and others [2]_. Its parameters and the rule are
    those of the MST-SR toolbox that comparisons run: curvelets up to the finest scale, 16 angles
    at the coarsest one, real coefficients; each wedge is fused by choose-max in a 3x3 window with
    a consistency check, the low-pass plane by the mean. The paper [1]_ sharpens multispectral
    images, with a rule of its own. Fusing an image with itself gives the image back.

    References
    ----------
    .. [1] F. Nencini, A. Garzelli, S. Baronti, L. Alparone, "Remote sensing image fusion using the
       curvelet transform," Inf. Fusion 8(2), 2007. doi:10.1016/j.inffus.2006.02.001
    .. [2] E. Candes, L. Demanet, D. Donoho, L. Ying, "Fast discrete curvelet transforms,"
       Multiscale Model. Simul. 5(3), 2006. doi:10.1137/05064182X
    """
    require_count("levels", levels)

    def fuse(a: Plane, b: Plane) -> Plane:
        (low_a, bands_a), (low_b, bands_b) = decompose(a, levels), decompose(b, levels)
        bands = choose_max_in_bands(bands_a, bands_b)
        return reconstruct((low_a + low_b) / 2, bands, a.shape)

    return on_planes(fuse)
