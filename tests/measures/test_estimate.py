"""The interval of a mean over seeds, and how it reads."""

import math

import numpy as np
import pytest
from scipy import stats

from smoothlab.measures import Estimate, mean_estimate


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_interval_is_students(n, level):
    values = np.random.default_rng(n).normal(0.08, 0.01, n)
    got = mean_estimate(values, level=level)
    want = stats.t.interval(level, n - 1, loc=values.mean(), scale=stats.sem(values))
    np.testing.assert_allclose([got.low, got.high], want, rtol=1e-12)
    np.testing.assert_allclose(got.value, values.mean(), rtol=1e-15)
    assert (got.n, got.level) == (n, level)


def test_it_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = [
        estimate.low <= 3 <= estimate.high
        for estimate in (mean_estimate(random.normal(3, 2, 5)) for _ in range(2000))
    ]
    assert abs(np.mean(covered) - 0.95) < 0.015  # 3 standard deviations of a share of 2000


def test_one_run_has_an_infinite_interval_and_no_run_has_no_value():
    assert mean_estimate([0.1]) == Estimate(0.1, -math.inf, math.inf, 1)
    none = mean_estimate([])
    assert math.isnan(none.value)
    assert (none.low, none.high, none.n) == (-math.inf, math.inf, 0)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, -7.7])
@pytest.mark.parametrize("n", [2, 3, 7, 10])
def test_runs_that_agree_give_a_width_of_exactly_zero(value, n):
    assert mean_estimate(np.full(n, value)) == Estimate(value, value, value, n)


def test_a_failed_run_is_refused_and_so_is_a_level_in_percent():
    with pytest.raises(ValueError, match="run 1 has nan"):
        mean_estimate([0.1, math.nan])
    with pytest.raises(ValueError, match=r"`level` must lie between 0 and 1, but got 95"):
        mean_estimate([0.1, 0.2], level=95.0)


@pytest.mark.parametrize(
    ("estimate", "reads"),
    [
        (Estimate(0.0812, 0.0702, 0.0922, 10), "0.081 [0.070, 0.092], n = 10"),
        (Estimate(1234.4, 1100.2, 1368.6, 5), "1234 [1100, 1369], n = 5"),
        (Estimate(-0.5, -0.5, -0.5, 4), "-0.5 [-0.5, -0.5], n = 4"),
        (Estimate(0.08123, -math.inf, math.inf, 1), "0.0812 [-inf, inf], n = 1"),
        (Estimate(math.nan, -math.inf, math.inf, 0), "nan [-inf, inf], n = 0"),
        (Estimate(0.1, 0.05, 0.15, 10, 0.9), "0.100 [0.050, 0.150] (90 % interval), n = 10"),
    ],
)
def test_it_reads_with_two_digits_of_its_half_width(estimate, reads):
    assert str(estimate) == reads
    assert f"{estimate}" == reads


def test_a_format_is_applied_to_all_three_numbers():
    assert f"{Estimate(0.08, 0.07, 0.09, 10):+.1%}" == "+8.0% [+7.0%, +9.0%], n = 10"
