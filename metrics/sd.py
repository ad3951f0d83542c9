"""Standard deviation of the fused image."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Triplet

Form = Literal["population", "sample", "frobenius", "saturated"]


@metric(
    slug="sd",
    label="SD",
    title="Standard deviation",
    direction="higher",
    bounds=(0.0, 127.5),
    needs="fused",
    reference="Y.-J. Rao, Meas. Sci. Technol. 8(4), 1997",
    doi="10.1088/0957-0233/8/4/002",
    formula=r"\sqrt{\frac{1}{MN} \sum_{x,y} \bigl(F(x, y) - \mu_F\bigr)^2}",
)
def sd(t: Triplet, *, form: Form = "population") -> Array:
    """Spread of the grey levels of the fused image: their population standard deviation.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    form : {"population", "sample", "frobenius", "saturated"}
        Divided by the number of pixels; by one less; not at all, on [0, 1]; or by the number of
        pixels, in saturating 8-bit arithmetic.

    Returns
    -------
    float
        In [0, 127.5] grey levels; 0 for a constant image. Higher is taken as better, although
        noise and contrast stretching raise it.

    Notes
    -----
    Divided by the number of pixels. Published code also divides by one less, does not divide at
    all (values of 50 to 120 on [0, 1] pixels), or computes in saturating 8-bit arithmetic (values
    around 10).

    References
    ----------
    .. [1] Y.-J. Rao, "In-fibre Bragg grating sensors," Meas. Sci. Technol. 8(4), 355-375, 1997.
       doi:10.1088/0957-0233/8/4/002 (the source that fusion papers cite for it)
    """
    require_choice("form", form, Form)
    xp = t.xp
    pixels = t.shape[1] * t.shape[2]
    mean = t.mean(t.fused)[:, None, None]
    if form == "saturated":

        def square(strip: Triplet) -> Array:
            rounded = xp.floor(xp.clip(strip.fused - mean, 0.0, None) + 0.5)
            return xp.clip(rounded**2, None, 255.0)

        return xp.sqrt(t.window_mean(1, square))
    squares = sum(t.total((strip.fused - mean) ** 2) for strip in t.strips())
    if form == "frobenius":
        return xp.sqrt(squares) / 255.0
    if form == "sample" and pixels == 1:
        return t.undefined_where(squares >= 0, squares, "one pixel has no sample deviation")
    return xp.sqrt(squares / (pixels - 1 if form == "sample" else pixels))
