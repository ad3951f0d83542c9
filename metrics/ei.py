"""Edge intensity of the fused image."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import Array
from fusebench.metrics._base import metric, require_choice
from fusebench.metrics._triplet import Triplet, sobel_of_padded

Border = Literal["replicate", "zero"]


@metric(
    slug="ei",
    label="EI",
    title="Edge intensity",
    direction="higher",
    bounds=(0.0, 1442.5),
    needs="fused",
    reference="X. Zhang, P. Ye, G. Xiao, Proc. IEEE CVPR Workshops, 2020",
    doi="10.1109/CVPRW50498.2020.00060",
    formula=(
        r"\frac{1}{MN} \sum_{x,y} \sqrt{S_x^2 + S_y^2}, \quad "
        r"S_x = F * \begin{pmatrix} -1 & 0 & 1 \\ -2 & 0 & 2 \\ -1 & 0 & 1 \end{pmatrix},\ "
        r"S_y = F * \begin{pmatrix} -1 & 0 & 1 \\ -2 & 0 & 2 \\ -1 & 0 & 1 \end{pmatrix}^{T}"
    ),
)
def ei(t: Triplet, *, border: Border = "replicate") -> Array:
    """Mean magnitude of the Sobel response of the fused image.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.
    border : {"replicate", "zero"}
        What lies beyond the border: copies of the outermost pixels, or zeros.

    Returns
    -------
    float
        At least 0; 0 for a constant image under the canonical border. Higher is taken as better,
        although noise raises it.

    Notes
    -----
    The 3x3 operator with weights 1, 2, 1, not divided by 8. A zero border makes an edge of the
    frame of the image, which raises the value of bright images.

    References
    ----------
    .. [1] X. Zhang, P. Ye, G. Xiao, "VIFB: a visible and infrared image fusion benchmark," Proc.
       IEEE CVPR Workshops, 468-478, 2020. doi:10.1109/CVPRW50498.2020.00060
    """
    require_choice("border", border, Border)
    return t.window_mean(3, _strength, border)


def _strength(padded: Triplet) -> Array:
    gx, gy = sobel_of_padded(padded.fused)
    return padded.xp.sqrt(gx**2 + gy**2)
