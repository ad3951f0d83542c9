"""Statistics against SciPy, against arithmetic by hand, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, friedmanchisquare, kendalltau, wilcoxon

from fusebench.bench.stats import (
    can_separate,
    friedman,
    holm,
    kendall_table,
    mean_interval,
    paired_difference,
    redundant,
    standing,
    tie_groups,
    wilcoxon_matrix,
)
from fusebench.bench.types import InputError


def test_holm_by_hand() -> None:
    # Sorted .01, .02, .04 times 3, 2, 1 gives .03, .04, .04.
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])


def test_holm_is_monotone_capped_and_keeps_nan() -> None:
    corrected = holm([0.9, np.nan, 0.8, 0.001])
    assert corrected[0] == 1.0
    assert np.isnan(corrected[1])
    assert corrected[2] == 1.0
    assert corrected[3] == pytest.approx(0.003)


def test_holm_is_never_below_benjamini_hochberg() -> None:
    p = np.random.default_rng(0).random(20)
    assert (holm(p) >= false_discovery_control(p) - 1e-12).all()


def test_p_value_is_scipys() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.random(30), generator.random(30) + 0.1
    found = paired_difference(x, y, np.arange(30))
    assert found.p_value == wilcoxon(x - y).pvalue  # oracle: SciPy
    assert found.mean == pytest.approx(np.mean(x - y))
    assert (found.wins, found.ties, found.losses) == (
        (x > y).sum(),
        0,
        (x < y).sum(),
    )


def test_pairs_of_one_scene_move_together() -> None:
    """Copies of a scene bring no certainty: the interval is that of the scenes."""
    generator = np.random.default_rng(2)
    value = generator.normal(1, 1, 12)
    once = paired_difference(value, np.zeros(12), np.arange(12))
    many = paired_difference(np.repeat(value, 9), np.zeros(108), np.repeat(np.arange(12), 9))
    alone = paired_difference(np.repeat(value, 9), np.zeros(108), np.arange(108))
    assert many.scenes == 12
    assert (many.low, many.high) == pytest.approx((once.low, once.high), rel=0.05)
    assert alone.high - alone.low < 0.6 * (many.high - many.low)


@pytest.mark.parametrize("scenes", [8, 20, 40])
@pytest.mark.parametrize("skewed", [False, True])
def test_coverage_of_the_interval(scenes: int, skewed: bool) -> None:
    """The 95% interval covers the mean 93 to 97 times in 100, but for skewed values of few scenes.

    Scenes hold one to three pairs. The mean of a few exponential values is itself skewed: there
    any symmetric method falls short, and the figure is stated instead.
    """
    generator = np.random.default_rng(scenes)
    trials, hits = 1500, 0
    for seed in range(trials):
        draw = generator.exponential if skewed else generator.normal
        level = draw(1, size=scenes) - 1.0 if skewed else draw(0, 1, scenes)
        scene = np.repeat(np.arange(scenes), generator.integers(1, 4, scenes))
        values = level[scene] + generator.normal(0, 0.3, len(scene))
        found = mean_interval(values, scene, seed, resamples=800)
        hits += found.low <= 0 <= found.high
    at_least = {8: 0.86, 20: 0.90, 40: 0.92}[scenes] if skewed else 0.93
    assert at_least <= hits / trials <= 0.97


def test_degenerate_cases() -> None:
    same = paired_difference([1.0, 2.0], [1.0, 2.0], ["x", "y"])
    assert same.ties == 2
    assert np.isnan(same.p_value)
    one = paired_difference([1.0], [0.0], ["x"])
    assert np.isnan(one.low)
    none = paired_difference([np.nan], [0.0], ["x"])
    assert none.pairs == 0
    assert np.isnan(none.mean)


def test_kendall_is_the_mean_of_scipys() -> None:
    generator = np.random.default_rng(5)
    # Small integers tie often.
    scores = generator.integers(0, 4, (5, 6, 7)).astype(float)
    scores[0, 0, 2] = scores[1, 0, 3] = scores[1, 4, 6] = np.nan
    scores[2, 1] = 3.0
    table = kendall_table(scores)
    for i in range(5):
        for j in range(5):
            taus = []
            for x, y in zip(scores[i], scores[j], strict=True):
                both = ~(np.isnan(x) | np.isnan(y))
                taus.append(kendalltau(x[both], y[both]).statistic)
            assert table[i, j] == pytest.approx(np.nanmean(taus), abs=1e-12)


def test_kendall_by_hand() -> None:
    up, down, flat = [[1, 2, 3]], [[3, 2, 1]], [[2, 2, 2]]
    table = kendall_table([up, down, flat])
    assert table[:2, :2].tolist() == [[1, -1], [-1, 1]]
    assert np.isnan(table[2]).all()
    # Without error a ratio is infinite, which is better than anything; float noise is no order.
    ends = kendall_table([[[np.inf, 1.0, np.inf]], [[2.0, 1.0, 2.0 + 1e-12]]])
    assert ends[0, 1] == 1


def test_redundant_metrics_agree_with_each_other_one_by_one() -> None:
    tau = np.array(
        [
            [1, 0.95, 0.85, 0.1],
            [0.95, 1, 0.93, 0.1],
            [0.85, 0.93, 1, np.nan],
            [0.1, 0.1, np.nan, 1],
        ]
    )
    # The third is like the second but not like the first.
    assert redundant(tau) == [[0, 1]]
    assert redundant(tau, 0.8) == [[0, 1, 2]]
    # Exactly at the threshold is not above it.
    assert redundant([[1, 0.9], [0.9, 1]]) == []
    assert redundant([[1]]) == []


# Several methods at once


def simulated(means: list[float], scenes: int, seed: int, metrics: int = 1) -> np.ndarray:
    """Values of methods with these means: a scene's level, which they share, and noise."""
    generator = np.random.default_rng(seed)
    level = generator.normal(0, 3, (metrics, 1, scenes))
    noise = generator.normal(0, 1, (metrics, len(means), scenes))
    return np.asarray(means)[:, None] + level + noise


@pytest.mark.parametrize("heavy", [False, True])
def test_friedman_and_nemenyi_are_those_of_scikit_posthocs(heavy: bool) -> None:
    posthocs = pytest.importorskip("scikit_posthocs", reason="oracle of the development extras")
    values = simulated([0, 0.3, 0.6, 2], 15, seed=4)[0]
    values = np.round(values) if heavy else values  # with ties within a block
    found = friedman(values, np.arange(15))
    oracle = friedmanchisquare(*values)
    assert found.statistic == pytest.approx(oracle.statistic)
    assert found.p_value == pytest.approx(oracle.pvalue)
    nemenyi = posthocs.posthoc_nemenyi_friedman(values.T).to_numpy()
    assert found.pairwise == pytest.approx(nemenyi, abs=1e-6)


def test_critical_difference_is_demsars() -> None:
    """q(0.05) is 2.343 for 3 methods and 3.164 for 10 (Demsar 2006, table 5a)."""
    for methods, q in ((3, 2.343), (10, 3.164)):
        found = friedman(simulated([0.0] * methods, 14, seed=5)[0], np.arange(14))
        unit = np.sqrt(methods * (methods + 1) / (6 * 14))
        assert found.critical_difference == pytest.approx(q * unit, rel=3e-4)


def test_wilcoxon_matrix_is_scipys_with_holm() -> None:
    posthocs = pytest.importorskip("scikit_posthocs", reason="oracle of the development extras")
    values = simulated([0, 0.5, 1, 1], 20, seed=6)[0]
    oracle = posthocs.posthoc_wilcoxon(list(values), p_adjust="holm").to_numpy()
    assert wilcoxon_matrix(values, np.arange(20)) == pytest.approx(oracle)


def test_tests_see_one_value_a_scene() -> None:
    values = simulated([0, 0.4, 0.8], 12, seed=7)[0]
    copies, scenes = np.repeat(values, 5, axis=1), np.repeat(np.arange(12), 5)
    assert friedman(copies, scenes).p_value == pytest.approx(friedman(values, range(12)).p_value)
    alone = wilcoxon_matrix(values, range(12))
    assert wilcoxon_matrix(copies, scenes) == pytest.approx(alone)
    difference = paired_difference(copies[0], copies[1], scenes)
    assert difference.p_value == pytest.approx(wilcoxon(values[0] - values[1]).pvalue)


def test_too_few_for_friedman_is_said() -> None:
    with pytest.raises(InputError, match="2 methods on 5 scenes"):
        friedman(np.zeros((2, 5)), np.arange(5))
    assert friedman(np.zeros((3, 5)), np.arange(5)).p_value == 1


def test_effect_sizes_by_hand() -> None:
    found = paired_difference([1.0, 2.0, -3.0, 4.0], np.zeros(4), list("wxyz"))
    # Ranks 1, 2, 3, 4: seven of ten favour the first.
    assert found.rank_biserial == pytest.approx(0.4)
    assert found.standardised == pytest.approx(1.0 / np.std([1, 2, -3, 4], ddof=1))


def test_known_ties_are_found() -> None:
    """Three groups of two, ten metrics: neighbours tie within a group, and not across groups."""
    found = standing(simulated([0, 0, 2, 2, 5, 5], 25, seed=8, metrics=10), np.arange(25))
    assert found is not None
    assert [set(g) for g in found.groups] == [{0, 1}, {2, 3}, {4, 5}]
    assert found.first[:2].sum() == pytest.approx(1)
    assert (found.first[2:] == 0).all()
    assert found.low.tolist() == [1, 1, 3, 3, 5, 5]
    assert found.high.tolist() == [2, 2, 4, 4, 6, 6]
    assert (np.argsort(np.argsort(-found.borda))[[2, 4]] >= [2, 4]).all()


def test_equal_methods_are_rarely_told_apart() -> None:
    """Of 200 tables of five equal methods, at most 10% have any significant difference."""
    false = 0
    for seed in range(200):
        found = standing(
            simulated([0.0] * 5, 25, seed, metrics=4), np.arange(25), resamples=400, seed=seed
        )
        assert found is not None
        false += len(found.groups) > 1
    assert false <= 20


def test_mean_ranks_and_borda_by_hand() -> None:
    badness = np.array([[[1.0, 1.0], [2.0, 2.0], [3.0, 0.0]], [[5.0, 5.0], [5.0, 5.0], [9.0, 9.0]]])
    found = standing(badness, ["x", "y"])
    assert found is not None
    # Means 1, 2, 1.5 and 5, 5, 9.
    assert found.mean_ranks == pytest.approx([(1 + 1.5) / 2, (3 + 1.5) / 2, (2 + 3) / 2])
    # Ballots: 2 1 0, 1 0 2, 1.5 1.5 0 twice, out of 2 others.
    assert found.borda == pytest.approx([6 / 8, 4 / 8, 2 / 8])


def test_undefined_pairs_are_left_out_for_all_methods() -> None:
    badness = np.array([[[1.0, np.nan, 1.0], [2.0, 0.0, 2.0]]])
    found = standing(badness, ["x", "y", "z"])
    assert found is not None
    assert found.mean_ranks.tolist() == [1, 2]
    assert found.borda.tolist() == [1, 0]


def test_infinite_values_are_the_best_or_worst() -> None:
    """As PSNR is of equal images: the mean is infinite, and has no interval."""
    badness = np.random.default_rng(3).normal(size=(2, 3, 12))
    badness[0, 1, 4] = -np.inf
    badness[1, 2] = np.inf
    found = standing(badness, np.arange(12).astype(str))
    assert found is not None
    first = standing(badness[:1], np.arange(12).astype(str))
    assert first is not None
    assert first.mean_ranks[1] == 1.0
    # It is first in every resample that holds the scene, and three in eight do not.
    assert first.first[1] > 0.6
    assert np.isfinite(first.p_values).all()
    second = standing(badness[1:], np.arange(12).astype(str))
    assert second is not None
    assert second.mean_ranks[2] == 3.0
    assert second.p_values[2, 0] < 0.05
    assert np.isnan(found.mean_low[0, 1])
    assert np.isnan(found.mean_high[1, 2])
    assert np.isfinite(found.mean_low[:, 0]).all()
    assert np.isfinite(found.p_values).all()
    everywhere = standing(np.full((1, 2, 5), np.inf), np.arange(5).astype(str))
    assert everywhere is not None
    assert everywhere.p_values[0, 1] == 1.0


def test_standing_needs_two_of_each() -> None:
    assert standing(np.zeros((1, 1, 5)), np.arange(5)) is None
    assert standing(np.zeros((1, 3, 5)), np.zeros(5)) is None
    assert standing(np.zeros((0, 3, 5)), np.arange(5)) is None


def test_copies_of_a_method_share_their_places() -> None:
    badness = np.repeat(simulated([0.0], 9, seed=9, metrics=3), 3, axis=1)
    found = standing(badness, np.arange(9))
    assert found is not None
    assert found.first == pytest.approx([1 / 3] * 3)
    assert found.groups == [(0, 1, 2)]


@pytest.mark.parametrize(("methods", "scenes", "possible"), [(2, 5, False), (2, 6, True)])
def test_few_scenes_cannot_separate(methods: int, scenes: int, possible: bool) -> None:
    smallest = wilcoxon_matrix(
        np.outer(np.arange(methods), np.arange(1.0, scenes + 1)), range(scenes)
    )
    assert (smallest.min() < 0.05) == possible
    assert can_separate(methods, scenes) == possible


def test_tie_groups_may_overlap() -> None:
    p = np.ones((3, 3))
    p[0, 2] = p[2, 0] = 0.01
    assert tie_groups([0, 1, 2], p) == [(0, 1), (1, 2)]
    assert tie_groups([2, 1, 0], p) == [(2, 1), (1, 0)]
