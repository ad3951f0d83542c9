"""Fusion by the non-subsampled contourlet transform."""

from __future__ import annotations

from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._nsct import SPLITS, decompose, reconstruct
from fusebench.methods._pyramid import choose_max_in_bands


@method(
    slug="nsct",
    label="NSCT",
    title="Non-subsampled contourlet transform",
    reference="Q. Zhang, B. Guo, Multifocus image fusion using the nonsubsampled contourlet "
    "transform, Signal Process. 89(7), 2009",
    doi="10.1016/j.sigpro.2009.01.012",
    origin="reimplemented",
    colour="per_channel",
    fidelity=(
        Fidelity(
            against="nsct_fuse.m of the MST-SR toolbox run in Octave on lossless grey pairs (3 "
            "TNO, 1 RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=3.25e-5,
            max_abs=1.0,
            equal=0.999968,
            psnr=93.02,
        ),
    ),
)
def nsct() -> TensorFusion:
    """Contourlets: strongest directional detail of either source, mean of the rest.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Notes
    -----
    Transform [2]_, parameters and rule are those of the MST-SR toolbox that comparisons run: four
    scales of 4, 8, 8 and 16 directions, coarsest first, with the filters "pyrexc" and "vk"; each
    band is fused by choose-max in a 3x3 window with a consistency check, the coarsest plane by the
    mean. Fusing an image with itself gives the image back.

    The toolbox's compiled convolution exchanges rows and columns of sampling matrices. The 16
    directions of the finest scale are therefore not the wedges of the paper but unions of smaller
    pieces. That is kept, because the published results have it; with wedges 0.4 to 9 % of the
    pixels of the six images compared differ by more than one level.

    References
    ----------
    .. [1] Q. Zhang, B. Guo, "Multifocus image fusion using the nonsubsampled contourlet transform,"
       Signal Process. 89(7), 2009. doi:10.1016/j.sigpro.2009.01.012
    .. [2] A. L. da Cunha, J. Zhou, M. N. Do, "The nonsubsampled contourlet transform: theory,
       design, and applications," IEEE Trans. Image Process. 15(10), 2006.
       doi:10.1109/TIP.2006.877507
    """

    def fuse(a: Plane, b: Plane) -> Plane:
        (low_a, bands_a), (low_b, bands_b) = decompose(a, SPLITS), decompose(b, SPLITS)
        bands = choose_max_in_bands(bands_a, bands_b)
        return reconstruct((low_a + low_b) / 2, bands)

    return on_planes(fuse)
