"""Visual information fidelity for fusion."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Triplet
from fusebench.metrics.vif import distortion, windows_at_scale

# Weight of each scale, finest first.
WEIGHTS = (1 / 2.15, 0.0, 0.15 / 2.15, 1 / 2.15)
NOISE = 0.005 * 255**2
# Added to the information of every window.
LITTLE = 1e-7


@metric(
    slug="viff",
    label="VIFF",
    title="Visual information fidelity for fusion",
    direction="higher",
    bounds=(0.0, float("inf")),
    needs="sources",
    identity=1.0,
    symmetric=False,
    min_size=41,
    reference="Y. Han, Y. Cai, Y. Cao, X. Xu, Inf. Fusion 14(2), 2013",
    doi="10.1016/j.inffus.2011.08.002",
    formula=(
        r"\sum_{k=1}^{4} p_k "
        r"\frac{\sum_w \log_{10}\bigl(1 + g^2 \sigma_S^2 / (\sigma_v^2 + \sigma_n^2)\bigr) "
        r"+ 10^{-7}}"
        r"{\sum_w \log_{10}\bigl(1 + \sigma_S^2 / \sigma_n^2\bigr) + 10^{-7}}, \quad "
        r"S = \begin{cases} A & g_A < g_B \\ B & g_A \ge g_B \end{cases},\ "
        r"p = \frac{(1, 0, 0.15, 1)}{2.15},\ \sigma_n^2 = 0.005 \cdot 255^2"
    ),
)
def viff(t: Triplet) -> Array:
    """Information of the sources that the fused image keeps, window by window from one source.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        At least 0 and usually below 1, higher is better; three identical images give 1. Not
        symmetric in the sources. NaN where a source is constant, because it holds no information.

    Raises
    ------
    ValueError
        If a side is below 41 pixels.

    Notes
    -----
    Models and windows as in VIF, with a noise variance of 325.125 (0.005 of 255^2). In every
    window the source with the smaller gain to the fused image counts, the second where gains are
    equal. Both are 0 where both sources turned into their negatives or one did and the other is
    flat; exchanging the sources changes values by up to 0.5 % on 13 triples, and not at all on
    nine of them. The four scales weigh 1, 0, 0.15 and 1, divided by 2.15. Single precision
    changes values by up to 0.6 %, in windows that are nearly flat. Of colour images the authors'
    code takes the lightness of CIELAB.

    References
    ----------
    .. [1] Y. Han, Y. Cai, Y. Cao, X. Xu, "A new image fusion performance metric based on visual
       information fidelity," Inf. Fusion 14(2), 127-135, 2013. doi:10.1016/j.inffus.2011.08.002
    """
    xp = t.xp
    value = 0.0
    for scale, weight in enumerate(WEIGHTS):
        if not weight:
            continue
        kept = whole = 0.0
        for strip in windows_at_scale(t, scale):
            of_a, of_b = distortion(strip, "a", scale), distortion(strip, "b", scale)
            first = of_a[0] < of_b[0]
            gain, rest, signal = (xp.where(first, x, y) for x, y in zip(of_a, of_b, strict=True))
            kept = kept + t.total(xp.log10(1 + gain**2 * signal / (rest + NOISE)) + LITTLE)
            whole = whole + t.total(xp.log10(1 + signal / NOISE) + LITTLE)
        value = value + weight * kept / whole
    flat = t.constant("a") | t.constant("b")
    return t.undefined_where(flat, value, "a source is constant and holds no information")
