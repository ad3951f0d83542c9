"""Cross entropy of the grey levels."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Name, Triplet


@metric(
    slug="ce",
    label="CE",
    title="Cross entropy",
    direction="lower",
    # -log2(e) / e, where the common levels hold 1/e of a source and all of the fused image.
    bounds=(-0.531, float("inf")),
    needs="sources",
    identity=0.0,
    reference="D. M. Bulanon, T. F. Burks, V. Alchanatis, Biosyst. Eng. 103(1), 2009",
    doi="10.1016/j.biosystemseng.2009.02.009",
    formula=(
        r"\frac{1}{2} \sum_{S \in \{A, B\}} \ \sum_{i:\, p_S(i)\, p_F(i) > 0} "
        r"p_S(i) \log_2 \frac{p_S(i)}{p_F(i)}"
    ),
)
def ce(t: Triplet) -> Array:
    """Divergence of the grey levels of the fused image from those of each source, averaged.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        Mean of the Kullback-Leibler divergences of A and of B from F, in bits, lower is better;
        symmetric in the sources; three identical images give 0. NaN where the fused image has no
        grey level in common with a source.

    Notes
    -----
    Levels that only one of the two images has are skipped, as in all published code, although the
    divergence would be infinite. The value can therefore fall below 0, but not below -0.531, and
    says little where histograms hardly overlap.

    References
    ----------
    .. [1] D. M. Bulanon, T. F. Burks, V. Alchanatis, "Image fusion of visible and thermal images
       for fruit detection," Biosyst. Eng. 103(1), 12-22, 2009.
       doi:10.1016/j.biosystemseng.2009.02.009
    """
    divergence_a, apart_a = _divergence(t, "a")
    divergence_b, apart_b = _divergence(t, "b")
    value = (divergence_a + divergence_b) / 2
    reason = "the fused image has no grey level in common with a source"
    return t.undefined_where(apart_a | apart_b, value, reason)


def _divergence(t: Triplet, source: Name) -> tuple[Array, Array]:
    """Divergence over the common grey levels in bits, and whether there are none, shape (N,)."""
    xp = t.xp
    s, f = t.histogram(source), t.histogram("fused")
    common = (s > 0) & (f > 0)
    ratio = xp.where(common, s, xp.ones_like(s)) / xp.where(common, f, xp.ones_like(f))
    return xp.sum(s * xp.log2(ratio), axis=1), xp.logical_not(xp.any(common, axis=1))
