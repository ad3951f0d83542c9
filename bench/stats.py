"""Statistics that say whether a difference between two methods is real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import wilcoxon

RESAMPLES = 10_000
# Relative differences below this are float noise: such scores tie.
TIE = 1e-10
# Two metrics with a higher Kendall tau say the same.
REDUNDANT = 0.9


@dataclass(frozen=True)
class PairedDifference:
    """How two methods differ on the same pairs.

    Attributes
    ----------
    pairs, scenes : int
        Number of pairs with a value for both, and of independent scenes among them.
    mean : float
        Mean of first minus second.
    low, high : float
        95% bootstrap interval of the mean, resampling scenes; NaN below 2 scenes.
    wins, ties, losses : int
        Pairs on which the first value is larger, equal, smaller.
    p_value : float
        Wilcoxon signed-rank test, two-sided; NaN where all values are equal.
    """

    pairs: int
    scenes: int
    mean: float
    low: float
    high: float
    wins: int
    ties: int
    losses: int
    p_value: float


def paired_difference(
    first: ArrayLike, second: ArrayLike, scenes: ArrayLike, seed: int = 0
) -> PairedDifference:
    """Compare two methods pair by pair.

    Parameters
    ----------
    first, second : array, shape (N,)
        Scores on the same pairs; pairs where one is not finite are left out.
    scenes : array, shape (N,)
        Scene, sequence or patient of each pair: pairs that share one are resampled together.
    seed : int
        Of the bootstrap.

    Returns
    -------
    PairedDifference
    """
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    known = np.isfinite(difference)
    difference = difference[known]
    _, scene = np.unique(np.asarray(scenes, dtype=str)[known], return_inverse=True)
    low, high = _interval(difference, scene, np.random.default_rng(seed))
    moved = difference[difference != 0]
    return PairedDifference(
        pairs=len(difference),
        scenes=int(scene.max()) + 1 if len(scene) else 0,
        mean=float(difference.mean()) if len(difference) else float("nan"),
        low=low,
        high=high,
        wins=int((difference > 0).sum()),
        ties=int((difference == 0).sum()),
        losses=int((difference < 0).sum()),
        p_value=float(wilcoxon(moved).pvalue) if len(moved) else float("nan"),
    )


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Correct p-values for their number by Holm's step-down procedure; NaN stays NaN."""
    p = np.asarray(p_values, dtype=np.float64)
    corrected = np.full_like(p, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return corrected


def _interval(
    values: NDArray[np.float64], scene: NDArray[np.intp], generator: np.random.Generator
) -> tuple[float, float]:
    """Percentile interval of the mean over resampled scenes."""
    count = int(scene.max()) + 1 if len(scene) else 0
    if count < 2:
        return float("nan"), float("nan")
    totals = np.bincount(scene, weights=values, minlength=count)
    sizes = np.bincount(scene, minlength=count)
    drawn = generator.integers(count, size=(RESAMPLES, count))
    means = totals[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def kendall_table(scores: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Say how alike metrics rank: Kendall's tau-b between each two, averaged over images.

    Parameters
    ----------
    scores : sequence of arrays, shape (P, E)
        For each metric its scores of E competitors on P pairs, larger being better; NaN where
        there is none.

    Returns
    -------
    array, shape (M, M)
        Mean over the pairs on which tau is defined, in [-1, 1]; NaN where it is on none.
    """
    values = np.stack([np.asarray(s, dtype=np.float64) for s in scores])
    first, second = (values[..., index] for index in np.triu_indices(values.shape[2], 1))
    known = ~(np.isnan(first) | np.isnan(second))
    with np.errstate(invalid="ignore"):
        order = np.where(np.isclose(first, second, rtol=TIE, atol=0), 0.0, np.sign(first - second))
    # Kendall's definition for all metrics at once: scipy.stats.kendalltau, which takes two at a
    # time, would be called thousands of times.
    signs, there = np.where(known, order, 0.0), known.astype(np.float64)
    agree = np.einsum("aps,bps->abp", signs, signs)
    # How often one metric decides where the other has a value.
    decided = np.einsum("aps,bps->abp", signs**2, there)
    norm = np.sqrt(decided * decided.swapaxes(0, 1))
    count = (norm > 0).sum(axis=2)
    total = (agree / np.where(norm > 0, norm, 1.0)).sum(axis=2)
    mean: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def redundant(tau: ArrayLike, threshold: float = REDUNDANT) -> list[list[int]]:
    """Group metrics that say the same: within a group every two have tau above a threshold.

    Parameters
    ----------
    tau : array, shape (M, M)
        As `kendall_table` gives it.
    threshold : float
        In (0, 1).

    Returns
    -------
    list of list of int
        Groups of two and more, by index; complete linkage decides where several are possible.
    """
    table = np.nan_to_num(np.asarray(tau, dtype=np.float64))
    if len(table) < 2:
        return []
    distance = np.clip(1 - (table + table.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "complete")
    # A distance of exactly 1 - threshold is not above it.
    labels = fcluster(tree, np.nextafter(1 - threshold, 0), "distance")
    groups = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    return sorted(group for group in groups if len(group) > 1)
