"""Statistics against SciPy, against arithmetic by hand, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control, wilcoxon

from fusebench.bench.stats import holm, paired_difference


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
