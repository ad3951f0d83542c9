"""Peak signal-to-noise ratio, against the sources and against a reference."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Name, Triplet

Form = Literal["mean of errors", "mean of ratios", "root of sums"]
Peak = Literal["white", "fused maximum"]
Scale = Literal["levels", "unit"]


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
    formula=(
        r"10 \log_{10} \frac{255^2}{\mathrm{MSE}}, \quad "
        r"\mathrm{MSE} = \frac{1}{2} \sum_{S \in \{A, B\}} \frac{1}{MN} "
        r"\sum_{x,y} \bigl(S(x, y) - F(x, y)\bigr)^2"
    ),
)
def psnr(
    t: Triplet,
    *,
    form: Form = "mean of errors",
    peak: Peak = "white",
    scale: Scale = "levels",
) -> Array:
    """Peak signal-to-noise ratio of the fused image against its sources, in decibels.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    form : {"mean of errors", "mean of ratios", "root of sums"}
        The ratio of the mean of the two squared errors; the mean of two ratios; or VIFB's
        20 log10(255 / sqrt(RMSE)), with the RMSE of its form "root of sums".
    peak : {"white", "fused maximum"}
        255, or the largest level of the fused image.
    scale : {"levels", "unit"}
        Errors on grey levels 0..255, or on [0, 1] while the peak stays 255.

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
    for name, value, choices in (
        ("form", form, Form),
        ("peak", peak, Peak),
        ("scale", scale, Scale),
    ):
        require_choice(name, value, choices)
    xp = t.xp
    unit = 1.0 if scale == "levels" else 255.0**2
    errors = [squared_error(t, source) / unit for source in ("a", "b")]
    white = xp.full_like(errors[0], 255.0**2)
    if peak == "fused maximum":
        white = xp.max(t.fused, axis=(-2, -1)) ** 2
    if form == "mean of ratios":
        return (decibels(errors[0], t, white) + decibels(errors[1], t, white)) / 2
    if form == "root of sums":
        return decibels(root_error(t, "root of sums"), t, white)
    return decibels((errors[0] + errors[1]) / 2, t, white)


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
    formula=r"10 \log_{10} \frac{255^2}{\frac{1}{MN} \sum_{x,y} \bigl(R(x, y) - F(x, y)\bigr)^2}",
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
    return decibels(squared_error(t, "reference"), t)


def squared_error(t: Triplet, name: Name) -> Array:
    """Mean squared difference of the fused image from another, shape (N,)."""
    return t.once(("squared error", name), lambda: t.mean((t[name] - t.fused) ** 2))


def root_error(t: Triplet, form: Literal["mean of roots", "root of sums"]) -> Array:
    """Root mean squared error to each source, averaged; see `fusebench.metrics.rmse`."""
    xp = t.xp
    roots = xp.sqrt(squared_error(t, "a")) + xp.sqrt(squared_error(t, "b"))
    # sqrt(sum d^2) / MN, as VIFB has it, is the proper root over sqrt(MN).
    pixels = t.shape[1] * t.shape[2]
    return roots / 2 / (1.0 if form == "mean of roots" else pixels**0.5)


def decibels(error: Array, t: Triplet, white: Array | None = None) -> Array:
    """Turn mean squared errors of 8-bit images into ratios; no error gives infinity."""
    xp = t.xp
    exact = error == 0
    power = xp.full_like(error, 255.0**2) if white is None else white
    dark = power == 0
    one = xp.ones_like(error)
    ratio = 10 * xp.log10(xp.where(dark, one, power) / xp.where(exact, one, error))
    ratio = xp.where(exact, xp.full_like(ratio, float("inf")), ratio)
    return t.undefined_where(dark & ~exact, ratio, "the fused image is black, so its peak is 0")
