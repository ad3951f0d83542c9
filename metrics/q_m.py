"""Multi-scale fusion metric of Wang and Liu."""

from __future__ import annotations

from dataclasses import dataclass

from fusebench.bench.types import Array
from fusebench.metrics._base import metric
from fusebench.metrics._triplet import Name, Triplet

# Weight of each scale, finest first.
SCALES = (2 / 3, 1 / 3)


@dataclass(frozen=True)
class _Haar:
    """One step of the Haar transform: what is left, and details in three directions."""

    low: Array
    details: tuple[Array, Array, Array]


@metric(
    slug="q_m",
    label="Q_M",
    title="Multi-scale edge preservation",
    direction="higher",
    bounds=(0.0, 3.0),
    needs="sources",
    identity=3.0,
    min_size=4,
    reference="P.-W. Wang, B. Liu, Int. Conf. Signal Process. (ICSP), 2008",
    doi="10.1109/ICOSP.2008.4697288",
    formula=(
        r"\prod_{k=1}^{2} \left[ \frac{\sum_{x,y} \bigl(E_k^{AF} w_k^A + E_k^{BF} w_k^B\bigr)}"
        r"{\sum_{x,y} (w_k^A + w_k^B)} \right]^{\alpha_k}, \quad "
        r"E_k^{SF} = \sum_{d=1}^{3} e^{-|S_{k,d} - F_{k,d}|},\ w_k^S = \sum_{d=1}^{3} S_{k,d}^2,\ "
        r"\alpha = \Bigl(\tfrac{2}{3}, \tfrac{1}{3}\Bigr)"
    ),
)
def q_m(t: Triplet) -> Array:
    """How closely the fused image keeps the wavelet details of the sources, on two scales.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    float
        In [0, 3], higher is better; symmetric in the sources; three identical images give 3. NaN
        where the sources have no detail on a scale.

    Raises
    ------
    ValueError
        If a side is below 4 pixels.

    Notes
    -----
    Haar transform, two scales; an odd last row or column is left out. Every pixel counts by its
    squared details, all three directions together. Preservation falls by e with every grey level
    by which a detail changes, so that the value depends on the grey scale: images in [0, 1] give
    values near 3. The two scales are multiplied with exponents 2/3 and 1/3.

    References
    ----------
    .. [1] P.-W. Wang, B. Liu, "A novel image fusion metric based on multi-scale analysis," 9th
       Int. Conf. Signal Process. (ICSP), 965-968, 2008. doi:10.1109/ICOSP.2008.4697288
    """
    xp = t.xp
    value = xp.ones_like(t.a[:, 0, 0])
    empty = value == 0
    for scale, exponent in enumerate(SCALES):
        kept_a, weight_a = _preservation(t, "a", scale)
        kept_b, weight_b = _preservation(t, "b", scale)
        kept = t.total(kept_a * weight_a + kept_b * weight_b)
        whole = t.total(weight_a + weight_b)
        value = value * (kept / xp.where(whole == 0, xp.ones_like(whole), whole)) ** exponent
        empty = empty | (whole == 0)
    return t.undefined_where(empty, value, "the sources have no detail on a scale")


def _preservation(t: Triplet, source: Name, scale: int) -> tuple[Array, Array]:
    """How well the details of a source are kept, and their squares, over all directions."""
    kept = weight = 0.0
    pairs = zip(_haar(t, source, scale).details, _haar(t, "fused", scale).details, strict=True)
    for s, f in pairs:
        kept = kept + t.xp.exp(-t.xp.abs(s - f))
        weight = weight + s**2
    return kept, weight


def _haar(t: Triplet, name: Name, scale: int) -> _Haar:
    def make() -> _Haar:
        image = t[name] if scale == 0 else _haar(t, name, scale - 1).low
        height, width = image.shape[1] // 2 * 2, image.shape[2] // 2 * 2
        upper, lower = image[:, 0:height:2, :width], image[:, 1:height:2, :width]
        total, rise = upper + lower, upper - lower
        left, right = total[:, :, ::2], total[:, :, 1::2]
        rise_left, rise_right = rise[:, :, ::2], rise[:, :, 1::2]
        details = ((left - right) / 2, (rise_left + rise_right) / 2, (rise_left - rise_right) / 2)
        return _Haar((left + right) / 2, details)

    return t.once(("haar", name, scale), make)
