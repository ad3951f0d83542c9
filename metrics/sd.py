"""Standard deviation of the fused image."""

from __future__ import annotations

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Triplet


@metric(
    slug="sd",
    label="SD",
    title="Standard deviation",
    direction="higher",
    bounds=(0.0, 127.5),
    needs="fused",
    reference="Y.-J. Rao, Meas. Sci. Technol. 8(4), 1997",
    doi="10.1088/0957-0233/8/4/002",
)
def sd(t: Triplet) -> Array:
    """Spread of the grey levels of the fused image: their population standard deviation.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

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
    return t.xp.sqrt(t.mean((t.fused - t.mean(t.fused)[:, None, None]) ** 2))
