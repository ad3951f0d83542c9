"""Entropy of the fused image."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Triplet


@metric(
    slug="en",
    label="EN",
    title="Entropy",
    direction="higher",
    bounds=(0.0, 8.0),
    needs="fused",
    reference="J. W. Roberts, J. A. van Aardt, F. B. Ahmed, J. Appl. Remote Sens. 2(1), 2008",
    doi="10.1117/1.2945910",
    formula=r"H(F) = -\sum_{i=0}^{255} p_F(i) \log_2 p_F(i)",
)
def en(t: Triplet) -> Array:
    """Shannon entropy of the grey levels of the fused image, in bits.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [0, 8] bits; 0 for a constant image. Higher is taken as better, although noise raises it.

    Notes
    -----
    256 bins, one for each integer level. Every published toolbox examined agrees to 1e-14, but
    for one that merges levels 0 and 1.

    References
    ----------
    .. [1] J. W. Roberts, J. A. van Aardt, F. B. Ahmed, "Assessment of image fusion procedures
       using entropy, image quality, and multispectral classification," J. Appl. Remote Sens.
       2(1), 023522, 2008. doi:10.1117/1.2945910
    """
    return entropy(t.histogram("fused"), t)


def entropy(shares: Array, t: Triplet) -> Array:
    """Entropy in bits of distributions laid along all axes but the first."""
    xp = t.xp
    flat = xp.reshape(shares, (shares.shape[0], -1))
    logarithm = xp.log2(xp.where(flat > 0, flat, xp.ones_like(flat)))
    # Adding zero turns the -0.0 of a constant image into 0.0.
    return -xp.sum(flat * logarithm, axis=1) + 0.0
