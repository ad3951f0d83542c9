"""Statistics against SciPy, against arithmetic by hand, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, kendalltau, wilcoxon

from fusebench.bench.stats import holm, kendall_table, paired_difference, redundant


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


def test_coverage_of_the_interval() -> None:
    """The 95% percentile interval of a mean of 40 normal values covers it 92 to 97 times in 100."""
    generator = np.random.default_rng(3)
    hits = 0
    for seed in range(400):
        values = generator.normal(0.3, 1, 40)
        d = paired_difference(values, np.zeros(40), np.arange(40), seed)
        hits += d.low <= 0.3 <= d.high
    # 95% minus the known shortfall of the percentile interval at n = 40 (about 1.3%), with four
    # standard errors of 400 trials (1.1% each) around it.
    assert 0.893 <= hits / 400 <= 0.981


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
