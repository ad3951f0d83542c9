"""Spatial frequency of the fused image."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Triplet


@metric(
    slug="sf",
    label="SF",
    title="Spatial frequency",
    direction="higher",
    bounds=(0.0, 360.7),
    needs="fused",
    min_size=2,
    reference="A. M. Eskicioglu, P. S. Fisher, IEEE Trans. Commun. 43(12), 1995",
    doi="10.1109/26.477498",
)
def sf(t: Triplet) -> Array:
    """Root mean square of the differences between neighbouring pixels of the fused image.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        sqrt(RF^2 + CF^2) in [0, 255 sqrt(2)] grey levels; 0 for a constant image. Higher is taken
        as better, although noise raises it.

    Raises
    ------
    ValueError
        If a side is below 2 pixels.

    Notes
    -----
    Each mean runs over its own number of differences, M(N-1) and (M-1)N. Published code also
    divides both by MN (0.1% lower at 640x480), or subtracts in saturating 8-bit arithmetic, which
    loses all falling edges.

    References
    ----------
    .. [1] A. M. Eskicioglu, P. S. Fisher, "Image quality measures and their performance," IEEE
       Trans. Commun. 43(12), 2959-2965, 1995. doi:10.1109/26.477498
    """
    f = t.fused
    rows = t.mean((f[:, :, 1:] - f[:, :, :-1]) ** 2)
    columns = t.mean((f[:, 1:] - f[:, :-1]) ** 2)
    return t.xp.sqrt(rows + columns)
