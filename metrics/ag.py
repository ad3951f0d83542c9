"""Average gradient of the fused image."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Triplet

Divisor = Literal["pixels", "inner"]


@metric(
    slug="ag",
    label="AG",
    title="Average gradient",
    direction="higher",
    bounds=(0.0, 255.0),
    needs="fused",
    min_size=2,
    reference="G. Cui, H. Feng, Z. Xu, Q. Li, Y. Chen, Opt. Commun. 341, 2015",
    doi="10.1016/j.optcom.2014.12.032",
    formula=(
        r"\frac{1}{MN} \sum_{x,y} \sqrt{\frac{F_x^2 + F_y^2}{2}}, \quad "
        r"F_x(x, y) = \frac{F(x+1, y) - F(x-1, y)}{2},\ "
        r"F_y(x, y) = \frac{F(x, y+1) - F(x, y-1)}{2}"
    ),
)
def ag(t: Triplet, *, divisor: Divisor = "pixels", halved: bool = True) -> Array:
    """Mean of sqrt((gx^2 + gy^2) / 2) over the fused image, with central differences.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    divisor : {"pixels", "inner"}
        The sum over all pixels is divided by MN, or by (M-1)(N-1).
    halved : bool
        Whether the sum of squares is halved under the root.

    Returns
    -------
    float
        In [0, 255] grey levels per pixel; 0 for a constant image. Higher is taken as better,
        although noise raises it.

    Raises
    ------
    ValueError
        If a side is below 2 pixels.

    Notes
    -----
    Central differences inside, one-sided ones on the border, mean over all pixels. Published code
    also divides by (M-1)(N-1), leaves the 1/2 out, or uses forward differences (that one is `mg`
    in the literature: another measure).

    References
    ----------
    .. [1] G. Cui, H. Feng, Z. Xu, Q. Li, Y. Chen, "Detail preserved fusion of visible and infrared
       images using regional saliency extraction and multi-scale image decomposition," Opt.
       Commun. 341, 199-209, 2015. doi:10.1016/j.optcom.2014.12.032
    """
    require_choice("divisor", divisor, Divisor)

    def strength(padded: Triplet) -> Array:
        f = padded.fused
        gx = (f[:, 1:-1, 2:] - f[:, 1:-1, :-2]) / 2
        gy = (f[:, 2:, 1:-1] - f[:, :-2, 1:-1]) / 2
        return t.xp.sqrt((gx**2 + gy**2) / (2 if halved else 1))

    _, height, width = t.shape
    share = 1.0 if divisor == "pixels" else height * width / ((height - 1) * (width - 1))
    # Continued in a straight line, the image has central differences that are one-sided there.
    return t.window_mean(3, strength, "extrapolate") * share
