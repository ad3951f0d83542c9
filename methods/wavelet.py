"""Fusion by averaged wavelet coefficients, the "Wavelet" of many comparisons."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import pywt

from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count
from fusebench.methods._wavelet import whole_filters

Rule: TypeAlias = Literal["mean", "max"]

# MATLAB's border: the outermost samples are doubled.
_MODE = "symmetric"


@method(
    slug="wavelet",
    label="Wavelet",
    title="Averaged wavelet coefficients",
    reference="L. J. Chipman, T. M. Orr, L. N. Graham, Wavelets and image fusion, "
    "Proc. IEEE Int. Conf. Image Process. 3, 1995",
    doi="10.1109/ICIP.1995.537627",
    origin="reimplemented",
    colour="per_channel",
    notes="With its published settings this is the plain average of the sources, because a mean of "
    "coefficients is the coefficient of a mean. The wavelet method that chooses is dwt.",
)
def wavelet(
    *, levels: int = 5, wavelet: str = "db2", low: Rule = "mean", high: Rule = "mean"
) -> TensorFusion:
    """Wavelets with one rule per coefficient; as published, the mean everywhere.

    Parameters
    ----------
    levels : int
        Number of scales, at least 1. They end early once planes no longer shrink.
    wavelet : str
        Name of a discrete wavelet of PyWavelets.
    low, high : {"mean", "max"}
        Rule for the coarsest plane and for details: the mean, or the coefficient of larger modulus
        (that of `a` where both are equal).

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `levels` is below 1, there is no such wavelet, or a rule is unknown.

    Notes
    -----
    Comparisons that stem from the code of gradient transfer fusion [2]_ have a "Wavelet" that is
    MATLAB's ``wfusimg(a, b, 'db2', 5, 'mean', 'mean')``: Daubechies' wavelet with two vanishing
    moments, five levels, means. The transform [1]_ is linear, so that the result is the average
    image but for rounding errors of 1e-13. Fusing an image with itself gives the image back,
    whatever the options are.

    References
    ----------
    .. [1] L. J. Chipman, T. M. Orr, L. N. Graham, "Wavelets and image fusion," Proc. IEEE
       ICIP 3, 248-251, 1995. doi:10.1109/ICIP.1995.537627
    .. [2] J. Ma, C. Chen, C. Li, J. Huang, "Infrared and visible image fusion via gradient transfer
       and total variation minimization," Inf. Fusion 31, 2016. doi:10.1016/j.inffus.2016.02.001
    """
    require_count("levels", levels)
    filters = whole_filters(wavelet)

    def fuse(a: Plane, b: Plane) -> Plane:
        details = []
        for _ in range(levels):
            low_a, bands_a = pywt.dwt2(a, filters, mode=_MODE)
            low_b, bands_b = pywt.dwt2(b, filters, mode=_MODE)
            if low_a.size >= a.size:
                break
            bands = [_fuse(high, x, y) for x, y in zip(bands_a, bands_b, strict=True)]
            details.append((a.shape, bands))
            a, b = low_a, low_b
        fused = _fuse(low, a, b)
        for (height, width), bands in reversed(details):
            fused = pywt.idwt2((fused, bands), filters, mode=_MODE)[:height, :width]
        return fused

    return on_planes(fuse)


def _fuse(rule: Rule, a: Plane, b: Plane) -> Plane:
    if rule == "mean":
        return (a + b) / 2
    return np.where(np.abs(a) >= np.abs(b), a, b)
