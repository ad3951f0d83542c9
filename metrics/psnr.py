"""Peak signal-to-noise ratio, against the sources and against a reference."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Triplet


@metric(
    slug="psnr",
    label="PSNR",
    title="Peak signal-to-noise ratio against the sources",
    direction="higher",
    bounds=(0.0, float("inf")),
    needs="sources",
    identity=float("inf"),
    reference="P. Jagalingam, A. V. Hegde, Aquat. Procedia 4, 2015",
    doi="10.1016/j.aqpro.2015.02.019",
)
def psnr(t: Triplet) -> Array:
    """Peak signal-to-noise ratio of the fused image against its sources, in decibels.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        10 log10(255^2 / MSE), with the mean of the two squared errors, in [0, inf) dB; higher is
        taken as better, although the plain average of the sources maximises it. Infinite where
        the fused image equals both sources.

    Notes
    -----
    Published code also mixes images in [0, 1] with a peak of 255 (48.13 dB too high), averages two
    ratios instead of two errors, or puts the maximum of the fused image for the peak.

    References
    ----------
    .. [1] P. Jagalingam, A. V. Hegde, "A review of quality metrics for fused image," Aquat.
       Procedia 4, 133-142, 2015. doi:10.1016/j.aqpro.2015.02.019
    """
    error = (t.mean((t.a - t.fused) ** 2) + t.mean((t.b - t.fused) ** 2)) / 2
    return decibels(error, t)


@metric(
    slug="psnr_ref",
    label="PSNR_{ref}",
    title="Peak signal-to-noise ratio against a reference",
    direction="higher",
    bounds=(0.0, float("inf")),
    needs="reference",
    identity=float("inf"),
    reference="Z. Wang, A. C. Bovik, IEEE Signal Process. Mag. 26(1), 2009",
    doi="10.1109/MSP.2008.930649",
)
def psnr_ref(t: Triplet) -> Array:
    """Peak signal-to-noise ratio of the fused image against the ideal one, in decibels.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images (not looked at) and fused image; colour is scored on its BT.601 luma.
    reference : array, same shape
        The ideal fused image.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        10 log10(255^2 / MSE) in [0, inf) dB, higher is better; infinite where the fused image
        equals the reference.

    References
    ----------
    .. [1] Z. Wang, A. C. Bovik, "Mean squared error: love it or leave it?" IEEE Signal Process.
       Mag. 26(1), 98-117, 2009. doi:10.1109/MSP.2008.930649
    """
    return decibels(t.mean((t["reference"] - t.fused) ** 2), t)


def decibels(error: Array, t: Triplet) -> Array:
    """Turn mean squared errors of 8-bit images into ratios; no error gives infinity."""
    xp = t.xp
    exact = error == 0
    ratio = 10 * xp.log10(255.0**2 / xp.where(exact, xp.ones_like(error), error))
    return xp.where(exact, xp.full_like(ratio, float("inf")), ratio)
