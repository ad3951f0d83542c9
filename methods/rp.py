"""Fusion by ratio of low-pass pyramids."""

from __future__ import annotations

from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count, require_positive
from fusebench.methods._pyramid import fuse_ratios


@method(
    slug="rp",
    label="RP",
    title="Ratio of low-pass pyramid",
    reference="A. Toet, Image fusion by a ratio of low-pass pyramid, "
    "Pattern Recognit. Lett. 9(4), 1989",
    doi="10.1016/0167-8655(89)90003-2",
    origin="reimplemented",
    colour="per_channel",
    fidelity=(
        Fidelity(
            against="rp_fuse.m of the MST-SR toolbox run in Octave on lossless grey pairs (3 TNO, "
            "1 RoadScene, 1 Lytro, 1 MRI-CT)",
            images=6,
            within_one=1.0,
            mean_abs=9.27e-6,
            max_abs=1.0,
        ),
    ),
    notes="Black regions next to detail turn into white speckles, as in the published code: the "
    "ratio to a neighbourhood of nearly zero is very large.",
)
def rp(*, levels: int = 4, eps: float = 1e-6) -> TensorFusion:
    """Ratio of low-pass pyramid: largest ratio to the surroundings at each scale.

    Parameters
    ----------
    levels : int
        Number of scales, at least 1. Halving ends early once a single pixel is left.
    eps : float
        Added to the surroundings, in grey levels of 0..255, so that the ratio exists in black
        regions.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `levels` is below 1, or `eps` is not above 0.

    Notes
    -----
    The rule is that of Rockinger's toolbox, which comparisons call "RP" or "ROLP": choose-max in a
    3x3 window with a consistency check [2]_, applied to the ratio itself. Toet [1]_ compares the
    contrast, abs(ratio - 1), instead; here dark detail (ratio below 1) loses against an even
    surface. Fusing an image with itself gives the image back. Values above 255 are clipped.

    References
    ----------
    .. [1] A. Toet, "Image fusion by a ratio of low-pass pyramid," Pattern Recognit. Lett. 9(4),
       1989. doi:10.1016/0167-8655(89)90003-2
    .. [2] H. Li, B. S. Manjunath, S. K. Mitra, "Multisensor image fusion using the wavelet
       transform," Graph. Models Image Process. 57(3), 1995. doi:10.1006/gmip.1995.1022
    """
    require_count("levels", levels)
    require_positive("eps", eps)

    def fuse(a: Plane, b: Plane) -> Plane:
        return fuse_ratios(a, b, levels=levels, eps=eps)

    return on_planes(fuse)
