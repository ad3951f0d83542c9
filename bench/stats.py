"""Statistics that say whether a difference between methods is real.

Pairs of one scene, sequence or patient are not independent. Intervals resample scenes, and tests
see one value a scene: the mean over its pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import friedmanchisquare, norm, rankdata, studentized_range
from scipy.stats import t as student

from fusebench.bench.types import InputError

RESAMPLES = 10_000
CONFIDENCE = 0.95
# Two metrics with a higher Kendall tau say the same.
REDUNDANT = 0.9

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean over pairs with its 95% interval; NaN where there are fewer than 2 scenes."""

    mean: float
    low: float
    high: float


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
        Wilcoxon signed-rank test over scenes, two-sided; NaN where all values are equal.
    rank_biserial : float
        Effect size that belongs to that test, in [-1, 1]: the share of the rank sum that favours
        the first minus the share that favours the second [1]_. NaN where all values are equal.
    standardised : float
        Mean difference in standard deviations of the differences (Cohen's d_z), over scenes; NaN
        below 2 scenes or without spread.

    References
    ----------
    .. [1] D. S. Kerby, "The simple difference formula," Comprehensive Psychology 3, 2014.
       doi:10.2466/11.IT.3.1
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
    rank_biserial: float
    standardised: float


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
    with np.errstate(invalid="ignore"):
        difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    known = np.isfinite(difference)
    difference = difference[known]
    found = mean_interval(difference, np.asarray(scenes, dtype=str)[known], seed)
    by_scene = scene_means(difference, np.asarray(scenes, dtype=str)[known])
    moved = by_scene[by_scene != 0]
    ranks = rankdata(np.abs(moved))
    spread = float(by_scene.std(ddof=1)) if len(by_scene) > 1 else 0.0
    return PairedDifference(
        pairs=len(difference),
        scenes=len(by_scene),
        mean=found.mean,
        low=found.low,
        high=found.high,
        wins=int((difference > 0).sum()),
        ties=int((difference == 0).sum()),
        losses=int((difference < 0).sum()),
        p_value=float(signed_rank_p_values(moved[None])[0]) if len(moved) else float("nan"),
        rank_biserial=(
            float((ranks * np.sign(moved)).sum() / ranks.sum()) if len(moved) else float("nan")
        ),
        standardised=float(by_scene.mean()) / spread if spread > 0 else float("nan"),
    )


def mean_interval(
    values: ArrayLike, scenes: ArrayLike, seed: int = 0, *, resamples: int = RESAMPLES
) -> Interval:
    """Give a mean over pairs with a bootstrap interval over scenes.

    The percentile interval is widened to what Student's t would ask for: plain percentiles of few
    scenes are too narrow (T. C. Hesterberg, "What teachers should know about the bootstrap," The
    American Statistician 69(4), 2015, section 4.3, doi:10.1080/00031305.2015.1089789).

    Parameters
    ----------
    values : array, shape (N,)
        One finite value a pair.
    scenes : array, shape (N,)
        Scene, sequence or patient of each pair.
    seed, resamples : int
        Of the bootstrap.
    """
    values = np.asarray(values, dtype=np.float64)
    _, scene = np.unique(np.asarray(scenes, dtype=str), return_inverse=True)
    mean = float(values.mean()) if len(values) else float("nan")
    count = int(scene.max()) + 1 if len(scene) else 0
    if count < 2:
        return Interval(mean, float("nan"), float("nan"))
    totals = np.bincount(scene, weights=values, minlength=count)
    sizes = np.bincount(scene, minlength=count)
    drawn = np.random.default_rng(seed).integers(count, size=(resamples, count))
    means = totals[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [100 * q for q in tails(count)])
    return Interval(mean, float(low), float(high))


def tails(scenes: int) -> tuple[float, float]:
    """Give the two percentiles, as shares, of a 95% interval from resamples of few scenes."""
    beyond = (1 - CONFIDENCE) / 2
    wide = np.sqrt(scenes / (scenes - 1)) * student.ppf(beyond, scenes - 1)
    low = float(norm.cdf(wide))
    return low, 1 - low


def scene_means(values: Values, scenes: NDArray[np.str_]) -> Values:
    """Average over the pairs of each scene, along the last axis; scenes in sorted order."""
    _, scene = np.unique(scenes, return_inverse=True)
    count = int(scene.max()) + 1 if len(scene) else 0
    member = np.zeros((len(scene), count))
    member[np.arange(len(scene)), scene] = 1
    means: Values = values @ (member / member.sum(axis=0)) if count else np.zeros(0)
    return means


@dataclass(frozen=True)
class Friedman:
    """All methods at once, by their ranks within each scene.

    Attributes
    ----------
    statistic, p_value : float
        Friedman's chi-squared, corrected for ties, and its p-value.
    mean_ranks : array, shape (M,)
        1 is best.
    critical_difference : float
        Mean ranks closer than this are not separable at 5% (Nemenyi).
    scenes : int
        Number of blocks.

    References
    ----------
    .. [1] J. Demsar, "Statistical comparisons of classifiers over multiple data sets," J. Mach.
       Learn. Res. 7, 2006.
    """

    statistic: float
    p_value: float
    mean_ranks: Values
    critical_difference: float
    scenes: int

    @cached_property
    def pairwise(self) -> Values:
        """Nemenyi's p-values ``(M, M)``, 1 on the diagonal."""
        methods = len(self.mean_ranks)
        # The tabulated constants of Nemenyi's test are the studentized range over the root of two.
        unit = _unit(methods, self.scenes) / np.sqrt(2)
        distance = np.abs(self.mean_ranks[:, None] - self.mean_ranks[None]) / unit
        p_values: Values = studentized_range.sf(distance, methods, np.inf)
        np.fill_diagonal(p_values, 1.0)
        return p_values


def friedman(badness: ArrayLike, scenes: ArrayLike) -> Friedman:
    """Test whether any of several methods differ, and which by Nemenyi's test.

    Parameters
    ----------
    badness : array, shape (M, N)
        One value a method and pair, smaller being better; finite.
    scenes : array, shape (N,)
        Scene, sequence or patient of each pair.

    Raises
    ------
    InputError
        If there are fewer than 3 methods or 2 scenes.
    """
    values = scene_means(np.asarray(badness, dtype=np.float64), np.asarray(scenes, dtype=str))
    methods, blocks = values.shape
    if methods < 3 or blocks < 2:
        raise InputError(
            f"got {methods} methods on {blocks} scenes; Friedman's test needs at least 3 on 2"
        )
    mean_ranks = rankdata(values, axis=0).mean(axis=1)
    limit = _limit(methods) * _unit(methods, blocks)
    if (values == values[:1]).all():
        return Friedman(0.0, 1.0, mean_ranks, limit, blocks)
    statistic, p_value = friedmanchisquare(*values)
    return Friedman(float(statistic), float(p_value), mean_ranks, limit, blocks)


def _unit(methods: int, scenes: int) -> float:
    """Give the standard error of a difference of mean ranks."""
    return float(np.sqrt(methods * (methods + 1) / (6 * scenes)))


@lru_cache
def _limit(methods: int) -> float:
    """Give the constant of Nemenyi's test at 5%."""
    return float(studentized_range.ppf(CONFIDENCE, methods, np.inf) / np.sqrt(2))


def signed_rank_p_values(differences: ArrayLike) -> Values:
    """Test by Wilcoxon's signed ranks whether differences are centred at zero, many tests at once.

    Zeros are left out. Up to 50 differences without ties in size, and up to 13 with ties, the
    distribution is exact; otherwise it is normal, corrected for ties. These are the choices of
    `scipy.stats.wilcoxon` 1.17, which takes one test at a time where numbers of zeros differ.

    Parameters
    ----------
    differences : array, shape (T, N)
        N differences for each of T tests; finite.

    Returns
    -------
    array, shape (T,)
        Two-sided p-values; 1 where all differences are zero.
    """
    values = np.asarray(differences, dtype=np.float64)
    p_values = np.ones(len(values))
    counts = np.count_nonzero(values, axis=1)
    for count in np.unique(counts[counts > 0]):
        tests = np.flatnonzero(counts == count)
        moved = values[tests]
        moved = moved[moved != 0].reshape(len(tests), count)
        plus, squares, tied = _signed_rank_sums(moved)
        exact = np.full(len(tests), count <= _EXACT_TIED) | ((count <= _EXACT) & ~tied)
        if exact.any():
            ranks = rankdata(np.abs(moved[exact]), axis=1)
            p_values[tests[exact]] = _exact_signed_ranks(ranks, plus[exact], tied[exact])
        if not exact.all():
            rest = ~exact
            # The sum of squared ranks holds the correction for ties.
            z = (plus[rest] - count * (count + 1) / 4) / np.sqrt(squares[rest] / 4)
            p_values[tests[rest]] = 2 * norm.sf(np.abs(z))
    return p_values


# Most differences for which all signs are counted, without ties and with them.
_EXACT, _EXACT_TIED = 50, 13


def _signed_rank_sums(moved: Values) -> tuple[Values, Values, NDArray[np.bool_]]:
    """Give the sum of positive ranks, the sum of squared ranks, and whether sizes tie.

    Parameters
    ----------
    moved : array, shape (T, N)
        Differences; finite and not zero.
    """
    tests, count = moved.shape
    # Sizes of float64 are in the order of their bits, of which the highest, the sign, moves to the
    # low end: so one sort of integers takes the signs along, ten times as fast as ranking.
    sizes = np.ascontiguousarray(np.abs(moved)).view(np.uint64) << np.uint64(1)
    ordered = np.sort(sizes | (moved > 0), axis=1)
    positive = (ordered & np.uint64(1)).astype(np.float64)
    size = ordered >> np.uint64(1)
    first = np.ones(moved.shape, dtype=bool)
    first[:, 1:] = size[:, 1:] != size[:, :-1]
    # Sizes that tie share the mean of their places.
    starts = np.flatnonzero(first)
    lengths = np.diff(starts, append=moved.size)
    test = starts // count
    ranks = starts - test * count + (lengths + 1) / 2
    shares = np.add.reduceat(positive.ravel(), starts)
    plus = np.asarray(np.bincount(test, ranks * shares, tests), dtype=np.float64)
    squares = np.asarray(np.bincount(test, ranks**2 * lengths, tests), dtype=np.float64)
    tied: NDArray[np.bool_] = ~np.logical_and.reduce(first, axis=1)
    return plus, squares, tied


def _exact_signed_ranks(ranks: Values, plus: Values, tied: NDArray[np.bool_]) -> Values:
    """Give two-sided p-values by the distribution of rank sums over all signs."""
    if not tied.any():
        # Without ties all tests have one distribution, and few sums.
        plus, test = np.unique(plus, return_inverse=True)
        shares = _rank_sums(ranks[:1])
        shares = np.broadcast_to(shares, (len(plus), shares.shape[1]))
    else:
        test = np.arange(len(plus))
        shares = _rank_sums(ranks)
    place = np.arange(shares.shape[1])
    reached = np.rint(2 * plus)[:, None]
    below = np.where(place <= reached, shares, 0.0).sum(axis=1)
    above = np.where(place >= reached, shares, 0.0).sum(axis=1)
    p_values: Values = np.minimum(1.0, 2 * np.minimum(below, above))[test]
    return p_values


def _rank_sums(ranks: Values) -> Values:
    """Give the probability of each sum of positive ranks; twice the sum is the index."""
    doubled = np.rint(2 * np.sort(ranks, axis=1)).astype(np.intp)
    count = ranks.shape[1]
    shares = np.zeros((len(ranks), count * (count + 1) + 1))
    shares[:, 0] = 1.0
    columns = np.arange(shares.shape[1])
    for step in doubled.T:
        source = columns - step[:, None]
        moved = np.take_along_axis(shares, np.maximum(source, 0), axis=1)
        shares = 0.5 * (shares + np.where(source >= 0, moved, 0.0))
    return shares


def wilcoxon_matrix(values: ArrayLike, scenes: ArrayLike) -> Values:
    """Test every two of several methods by Wilcoxon's signed ranks, corrected by Holm.

    Parameters
    ----------
    values : array, shape (M, N)
        One value a method and pair; finite.
    scenes : array, shape (N,)
        Scene, sequence or patient of each pair.

    Returns
    -------
    array, shape (M, M)
        Corrected p-values; 1 where two methods never differ.
    """
    means = scene_means(np.asarray(values, dtype=np.float64), np.asarray(scenes, dtype=str))
    first, second = np.triu_indices(len(means), 1)
    raw = np.ones(len(first))
    # In parts that stay in the cache of a core: twice as fast as all tests together.
    for part in np.array_split(np.arange(len(first)), 1 + len(first) * means.shape[1] // 10**5):
        raw[part] = signed_rank_p_values(means[first[part]] - means[second[part]])
    matrix = np.ones((len(means), len(means)))
    matrix[first, second] = matrix[second, first] = holm(raw)
    return matrix


def can_separate(methods: int, scenes: int) -> bool:
    """Whether Wilcoxon's test with Holm's correction can separate any two methods at 5%.

    The smallest p-value of n signed ranks is 2 / 2^n, and the first of all comparisons has to pass
    it times their number.
    """
    return methods * (methods - 1) / 2 * 2.0 ** (1 - scenes) < 1 - CONFIDENCE


def tie_groups(order: ArrayLike, p_values: ArrayLike) -> list[tuple[int, ...]]:
    """Group neighbours in a ranking that cannot be told apart.

    Parameters
    ----------
    order : array of int, shape (M,)
        Methods from best to worst.
    p_values : array, shape (M, M)
        Corrected p-values between them.

    Returns
    -------
    list of tuple of int
        The longest runs of neighbours in `order` in which no two differ at 5%; a method may be in
        several, and in one by itself.
    """
    order = np.asarray(order, dtype=np.intp)
    same = np.asarray(p_values)[np.ix_(order, order)] >= 1 - CONFIDENCE
    groups: list[tuple[int, ...]] = []
    reached = 0
    for start in range(len(order)):
        stop = start + 1
        while stop < len(order) and same[start:stop, stop].all():
            stop += 1
        if stop > reached:
            groups.append(tuple(int(i) for i in order[start:stop]))
            reached = stop
    return groups


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Correct p-values for their number by Holm's step-down procedure; NaN stays NaN."""
    p = np.asarray(p_values, dtype=np.float64)
    corrected = np.full_like(p, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return corrected


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
    values = _ten_digits(np.stack([np.asarray(s, dtype=np.float64) for s in scores]))
    above, below = np.triu_indices(values.shape[2], 1)
    total = np.zeros((len(values), len(values)))
    count = np.zeros((len(values), len(values)))
    # Kendall's definition for all metrics at once: scipy.stats.kendalltau, which takes two at a
    # time, would be called thousands of times. One image at a time, because a hundred competitors
    # make thousands of comparisons.
    for image in values.swapaxes(0, 1):
        first, second = image[:, above], image[:, below]
        there = (~(np.isnan(first) | np.isnan(second))).astype(np.float64)
        signs = (first > second).astype(np.float64) - (first < second)
        # How often one metric decides where the other has a value.
        decided = signs**2 @ there.T
        norm = np.sqrt(decided * decided.T)
        total += signs @ signs.T / np.where(norm > 0, norm, 1.0)
        count += norm > 0
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


@dataclass(frozen=True)
class Standing:
    """How sure a ranking by the mean of ranks over metrics is.

    Attributes
    ----------
    mean_ranks : array, shape (M,)
        Mean over the metrics of the rank among the methods, by means over pairs; 1 is best.
    borda : array, shape (M,)
        Every pair and metric is a ballot: mean share of the other methods that are beaten, half a
        share for a tie; in [0, 1], 1 is best.
    low, high : array of int, shape (M,)
        95% interval of the place, for all methods at once: a method stands behind those that are
        significantly better and before those that are significantly worse [1]_.
    first : array, shape (M,)
        Share of the resamples in which the method has the first place; methods that share it
        share the count.
    p_values : array, shape (M, M)
        Wilcoxon's signed ranks over scenes, corrected by Holm: for several metrics of the mean
        rank within each pair, for one metric of its values.
    groups : list of tuple of int
        See `tie_groups`.
    mean_low, mean_high : array, shape (K, M)
        95% interval of each mean over pairs (see `mean_interval`), of the given values; NaN where
        the mean may be infinite.
    overall : Friedman or None
        Friedman's and Nemenyi's tests on the same values as `p_values`; None for two methods.
    scenes : int
        Independent scenes.

    References
    ----------
    .. [1] D. Al Mohamad, J. J. Goeman, E. W. van Zwet, "Simultaneous confidence intervals for
       ranks with application to ranking institutions," Biometrics 78(1), 2022.
       doi:10.1111/biom.13419
    """

    mean_ranks: Values
    borda: Values
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    first: Values
    p_values: Values
    groups: list[tuple[int, ...]]
    mean_low: Values
    mean_high: Values
    overall: Friedman | None
    scenes: int


@dataclass(frozen=True)
class Resampled:
    """What one metric says of several methods, on the scenes as they are and on resamples.

    Attributes
    ----------
    ranks : array, shape (1 + R, M)
        By the mean over pairs, 1 being best: of all scenes, then of each resample.
    ballots : array, shape (M, N)
        Within each pair; NaN where the metric is undefined.
    low, high : array, shape (M,)
        95% interval of the mean; NaN where the mean may be infinite.
    """

    ranks: NDArray[np.float32]
    ballots: NDArray[np.float32]
    low: Values
    high: Values


def resampled(
    badness: ArrayLike, scenes: ArrayLike, *, resamples: int = 2000, seed: int = 0
) -> Resampled:
    """Rank several methods by one metric, on the scenes as they are and on resamples of them.

    Parameters
    ----------
    badness : array, shape (M, N)
        One value a method and pair, smaller being better. NaN is undefined on that pair, and then
        for every method.
    scenes : array, shape (N,)
        Scene, sequence or patient of each pair; at least 2.
    resamples, seed : int
        Of the bootstrap; equal ones draw the same scenes for every metric.
    """
    values = np.asarray(badness, dtype=np.float64)
    known = np.logical_and.reduce(~np.isnan(values), axis=0)
    if not known.any():
        raise InputError("got a metric that is undefined on every pair; leave it out")
    _, scene = np.unique(np.asarray(scenes, dtype=str), return_inverse=True)
    count = int(scene.max()) + 1
    member = np.zeros((len(scene), count))
    member[np.arange(len(scene)), scene] = known
    weights = _draws(count, resamples, seed)
    weight = (weights @ member.sum(axis=0))[:, None]
    total = np.where(known & np.isfinite(values), values, 0.0) @ member
    # A resample may hold no scene on which a metric is defined: there all methods tie.
    means = np.where(weight > 0, weights @ total.T, 0.0) / np.where(weight > 0, weight, 1.0)
    for end in (-np.inf, np.inf):
        # An infinite value makes every mean infinite that it is part of: sums cannot hold them.
        if (values == end).any():
            means = np.where(weights @ ((values == end) @ member).T > 0, end, means)
    defined = means[1:][weight[1:, 0] > 0]
    bounded = np.logical_and.reduce(np.isfinite(defined), axis=0)
    limits = np.full((2, len(values)), np.nan)
    limits[:, bounded] = np.percentile(defined[:, bounded], [100 * q for q in tails(count)], axis=0)
    return Resampled(
        # Ranks are halves, which 32 bits hold exactly.
        ranks=rankdata(_ten_digits(means), axis=1).astype(np.float32),
        ballots=np.where(known, rankdata(_ten_digits(values), axis=0), np.nan).astype(np.float32),
        low=limits[0],
        high=limits[1],
    )


@lru_cache(maxsize=8)
def _draws(scenes: int, resamples: int, seed: int) -> Values:
    """Say how often each scene counts: once, and then in each resample."""
    share = np.full(scenes, 1 / scenes)
    drawn = np.random.default_rng(seed).multinomial(scenes, share, resamples)
    weights = np.concatenate([np.ones((1, scenes)), drawn])
    weights.flags.writeable = False
    return weights


def standing(
    badness: ArrayLike, scenes: ArrayLike, *, resamples: int = 2000, seed: int = 0
) -> Standing | None:
    """Say how sure the order of several methods by several metrics is.

    Parameters
    ----------
    badness : array, shape (K, M, N)
        One value a metric, method and pair, smaller being better. NaN is undefined on that pair;
        a metric must leave the same pairs undefined for every method.
    scenes : array, shape (N,)
        Scene, sequence or patient of each pair.
    resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    Standing or None
        None where there are fewer than 2 methods or 2 scenes.
    """
    values = np.asarray(badness, dtype=np.float64)
    if not len(values) or values.shape[1] < 2 or len(np.unique(np.asarray(scenes))) < 2:
        return None
    parts = [resampled(v, scenes, resamples=resamples, seed=seed) for v in values]
    return standing_of(parts, scenes, values[0])


def standing_of(
    parts: Sequence[Resampled],
    scenes: ArrayLike,
    values: ArrayLike,
    methods: NDArray[np.intp] | None = None,
) -> Standing:
    """Say how sure the order by several metrics is, each of which was resampled; see `standing`.

    Parameters
    ----------
    parts : sequence of Resampled
        One for each metric, of the same methods, pairs, resamples and seed.
    scenes : array, shape (N,)
    values : array, shape (M, N)
        Badness by the first metric: where it is the only one, tests see values, not ranks.
    methods : array of int, shape (M,), optional
        Places in `parts` and `values` of the methods, in the order of the answer.
    """
    scene = np.asarray(scenes, dtype=str)
    count = parts[0].ranks.shape[1]
    order = np.arange(count) if methods is None else methods
    # Sums of ranks are halves, and so exact.
    ranks: Values = np.zeros(parts[0].ranks.shape)
    for part in parts:
        ranks += part.ranks
    ranks = np.ascontiguousarray(ranks[:, order])
    winners = ranks[1:] == ranks[1:].min(axis=1, keepdims=True)
    ranks /= len(parts)
    ballots = np.stack([part.ballots[order] for part in parts]).astype(np.float64)
    used = ~np.isnan(ballots[:, 0]).all(axis=0)
    ballots = ballots[..., used]
    if len(parts) == 1:
        tested = _with_ends(np.asarray(values, dtype=np.float64)[order][:, used])
    else:
        tested = np.nanmean(ballots, axis=0)
    p_values = wilcoxon_matrix(tested, scene[used])
    level = tested.mean(axis=1)
    worse = (p_values < 1 - CONFIDENCE) & (level[:, None] > level[None])
    return Standing(
        mean_ranks=ranks[0],
        borda=(count - np.nanmean(ballots, axis=(0, 2))) / (count - 1),
        low=1 + worse.sum(axis=1),
        high=count - worse.sum(axis=0),
        first=(winners / winners.sum(axis=1, keepdims=True)).mean(axis=0),
        p_values=p_values,
        groups=tie_groups(np.argsort(ranks[0], kind="stable"), p_values),
        mean_low=np.stack([part.low[order] for part in parts]),
        mean_high=np.stack([part.high[order] for part in parts]),
        overall=friedman(tested, scene[used]) if count > 2 else None,
        scenes=len(np.unique(scene)),
    )


def _with_ends(values: Values) -> Values:
    """Put numbers beyond all others in place of infinite ones, for tests of signed ranks."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    far = 10 * (high - low) or 1.0
    return np.clip(values, low - far, high + far)


def _ten_digits(values: Values) -> Values:
    """Round to ten digits: float noise must not separate methods that tie."""
    finite = np.where(np.isfinite(values), values, 0.0)
    size = np.abs(finite)
    # Below 1e-290 there are no ten digits to round to.
    unit = 10.0 ** np.maximum(np.floor(np.log10(np.where(size > 0, size, 1.0))) - 9, -300)
    rounded: Values = np.where(np.isfinite(values), np.rint(finite / unit) * unit, values)
    return rounded
