"""Where in an image a score comes from: local values whose weighted mean is the score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusebench.bench.types import InputError
from fusebench.metrics._base import METRICS, why_not
from fusebench.metrics._score import triplet_of
from fusebench.metrics._triplet import Triplet, gradient_of, sobel_of_padded

# Metrics are imported where they are used: importing one registers it, and the order in which they
# are listed is that of the package.

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreMap:
    """Local values of a metric on a grid of pixels or windows.

    Attributes
    ----------
    values : float64 array, shape (H', W')
        On the scale of the score; NaN where the weight is 0.
    weights : float64 array, shape (H', W')
        How much each value counts.
    start, step : int
        Row and column of the pixel that the first value is about, and pixels between values.
    """

    values: Values
    weights: Values
    start: int
    step: int


def score_maps(
    metric: str,
    a: ArrayLike,
    b: ArrayLike,
    fused: ArrayLike,
    /,
    *,
    data_range: float | None = None,
) -> tuple[ScoreMap, ...]:
    """Say where in the image a score comes from, by the canonical definition of a metric.

    Parameters
    ----------
    metric : {"qabf", "ssim", "vif"}
        Q^{AB/F}: one value a pixel, weighted by the edge strength of the sources. SSIM: one a
        window, summed over the sources. VIF: one a window on each of four scales, summed over the
        sources, weighted by the share of each source's information.
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image; colour is scored on its BT.601 luma.
    data_range : float, optional
        White level of float images.

    Returns
    -------
    tuple of ScoreMap
        One, or for VIF one a scale from the finest; `pool_maps` of them is the score.

    Raises
    ------
    InputError
        If there are no maps of the metric, or the images do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fusebench import metrics
    >>> b, a = np.indices((64, 64), dtype=np.uint8)
    >>> maps = metrics.score_maps("ssim", a, b, a)
    >>> abs(metrics.pool_maps(maps) - metrics.ssim(a, b, a)) < 1e-12
    True
    """
    if metric not in _MAKERS:
        raise InputError(f"there are no maps of {metric!r}, only of {', '.join(_MAKERS)}")
    triplet = triplet_of(a, b, fused, None, data_range)
    refusal = why_not(METRICS[metric], triplet)
    if refusal:
        raise InputError(refusal)
    return tuple(_MAKERS[metric](triplet))


def pool_maps(maps: Sequence[ScoreMap]) -> float:
    """Average local values by their weights over all maps; NaN where none has any weight."""
    total = sum(float(m.weights.sum()) for m in maps)
    if total == 0:
        return float("nan")
    return sum(float(np.nansum(m.values * m.weights)) for m in maps) / total


def maps_on_pixels(maps: Sequence[ScoreMap], height: int, width: int) -> Values:
    """Lay maps over the image: the weighted mean of the values nearest to each pixel.

    Returns
    -------
    float64 array, shape (height, width)
        NaN where no map has a value.
    """
    kept, weight = np.zeros((height, width)), np.zeros((height, width))
    for m in maps:
        rows, columns = (
            (np.arange(side) - m.start + m.step // 2) // m.step for side in (height, width)
        )
        inside = np.ix_(
            (rows >= 0) & (rows < m.values.shape[0]),
            (columns >= 0) & (columns < m.values.shape[1]),
        )
        nearest = np.ix_(rows[inside[0].ravel()], columns[inside[1].ravel()])
        # A value of a coarse map stands for step x step pixels.
        share = m.weights[nearest] / m.step**2
        kept[inside] += np.nan_to_num(m.values[nearest]) * share
        weight[inside] += share
    return _ratio(kept, weight)


def _qabf(t: Triplet) -> Iterator[ScoreMap]:
    from fusebench.metrics.qabf import preservation

    kept, weight = [], []
    for strip in t.strips(3, "zero"):
        a, b, f = (
            gradient_of(*sobel_of_padded(image), t.xp) for image in (strip.a, strip.b, strip.fused)
        )
        kept.append(preservation(a, f, t.xp) * a.strength + preservation(b, f, t.xp) * b.strength)
        weight.append(a.strength + b.strength)
    weights = _joined(weight)
    yield ScoreMap(_ratio(_joined(kept), weights), weights, 0, 1)


def _ssim(t: Triplet) -> Iterator[ScoreMap]:
    from fusebench.metrics.ssim import SIGMA, WINDOW, similarity_map

    parts = [
        sum(
            similarity_map(strip.gaussian_moments(source, "fused", WINDOW, SIGMA))
            for source in ("a", "b")
        )
        for strip in t.strips(WINDOW)
    ]
    values = _joined(parts)
    yield ScoreMap(values, np.ones_like(values), WINDOW // 2, 1)


def _vif(t: Triplet) -> Iterator[ScoreMap]:
    from fusebench.metrics.vif import (
        SCALES,
        distortion,
        information_of,
        window_of,
        windows_at_scale,
    )

    maps = []
    for scale in range(SCALES):
        strips = list(windows_at_scale(t, scale))
        found = [
            [information_of(*distortion(strip, source, scale), t.xp) for strip in strips]
            for source in ("a", "b")
        ]
        maps.append([(_joined([k for k, _ in s]), _joined([w for _, w in s])) for s in found])
    wholes = [sum(float(pair[source][1].sum()) for pair in maps) for source in (0, 1)]
    # A constant source holds no information: the score is undefined, and so is every value.
    scales = [0.0 if min(wholes) == 0 else 1 / whole for whole in wholes]
    start, step = 0, 1
    for scale, (of_a, of_b) in enumerate(maps):
        kept = of_a[0] * scales[0] + of_b[0] * scales[1]
        # The shares of both sources add up to 2, which three identical images reach.
        weights = (of_a[1] * scales[0] + of_b[1] * scales[1]) / 2
        reach = window_of(scale)[0] // 2
        if scale:
            # Each halving keeps every second of the full windows.
            start, step = start + step * reach, 2 * step
        yield ScoreMap(_ratio(kept, weights), weights, start + step * reach, step)


_MAKERS: Mapping[str, Callable[[Triplet], Iterator[ScoreMap]]] = {
    "qabf": _qabf,
    "ssim": _ssim,
    "vif": _vif,
}

MAPPED = tuple(_MAKERS)
"""Slugs of the metrics that have maps."""


def _joined(strips: Sequence[Values]) -> Values:
    """Put strips of a single image under each other."""
    return np.concatenate([np.asarray(strip)[0] for strip in strips])


def _ratio(kept: Values, weights: Values) -> Values:
    empty = weights == 0
    values: Values = np.where(empty, np.nan, kept / np.where(empty, 1.0, weights))
    return values
