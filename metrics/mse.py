"""Mean squared error against the sources, and its root."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Triplet
from fusebench.metrics.psnr import root_error, squared_error

Scale = Literal["levels", "unit"]
Form = Literal["mean of roots", "root of sums"]
_PAPER = "P. Jagalingam, A. V. Hegde, Aquat. Procedia 4, 2015"
_DOI = "10.1016/j.aqpro.2015.02.019"


@metric(
    slug="mse",
    label="MSE",
    title="Mean squared error against the sources",
    direction="lower",
    bounds=(0.0, 65025.0),
    needs="sources",
    identity=0.0,
    reference=_PAPER,
    doi=_DOI,
    formula=(
        r"\frac{1}{2} \sum_{S \in \{A, B\}} \frac{1}{MN} "
        r"\sum_{x,y} \bigl(S(x, y) - F(x, y)\bigr)^2"
    ),
)
def mse(t: Triplet, *, scale: Scale = "levels") -> Array:
    """Mean squared difference of the fused image from each source, averaged.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    scale : {"levels", "unit"}
        Grey levels 0..255, or [0, 1].

    Returns
    -------
    float
        In [0, 65025] squared grey levels, lower is better; symmetric in the sources; three
        identical images give 0. The plain average of the sources minimises it.

    References
    ----------
    .. [1] P. Jagalingam, A. V. Hegde, "A review of quality metrics for fused image," Aquat.
       Procedia 4, 133-142, 2015. doi:10.1016/j.aqpro.2015.02.019
    """
    require_choice("scale", scale, Scale)
    error = (squared_error(t, "a") + squared_error(t, "b")) / 2
    return error / (1.0 if scale == "levels" else 255.0**2)


@metric(
    slug="rmse",
    label="RMSE",
    title="Root mean squared error against the sources",
    direction="lower",
    bounds=(0.0, 255.0),
    needs="sources",
    identity=0.0,
    reference=_PAPER,
    doi=_DOI,
    formula=(
        r"\frac{1}{2} \sum_{S \in \{A, B\}} "
        r"\sqrt{\frac{1}{MN} \sum_{x,y} \bigl(S(x, y) - F(x, y)\bigr)^2}"
    ),
)
def rmse(t: Triplet, *, form: Form = "mean of roots", scale: Scale = "levels") -> Array:
    """Root mean squared difference of the fused image from each source, averaged.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    form : {"mean of roots", "root of sums"}
        The mean of two proper roots; or VIFB's sqrt(sum d^2) / MN, averaged.
    scale : {"levels", "unit"}
        Grey levels 0..255, or [0, 1].

    Returns
    -------
    float
        In [0, 255] grey levels, lower is better; symmetric in the sources; three identical images
        give 0.

    Notes
    -----
    VIFB divides the root of the summed squares by the number of pixels, so that its value falls
    with the size of the image.

    References
    ----------
    .. [1] P. Jagalingam, A. V. Hegde, "A review of quality metrics for fused image," Aquat.
       Procedia 4, 133-142, 2015. doi:10.1016/j.aqpro.2015.02.019
    """
    require_choice("form", form, Form)
    require_choice("scale", scale, Scale)
    return root_error(t, form) / (1.0 if scale == "levels" else 255.0)
