"""The number of right answers among unequal chances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from smoothlab.measures.poisson_binomial import cumulative, quantile


@given(st.lists(st.floats(0, 1), max_size=40))
def test_it_is_the_convolution_of_its_answers(chances):
    want = np.ones(1)
    for p in chances:
        want = np.convolve(want, [1 - p, p])
    # one transform a round, each with an error of a few eps
    np.testing.assert_allclose(cumulative(np.array(chances)), np.cumsum(want), atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 64, 1000, 4097])
def test_equal_chances_are_binomial(n):
    got = cumulative(np.full(n, 0.3))
    np.testing.assert_allclose(got, stats.binom.cdf(np.arange(n + 1), n, 0.3), atol=1e-12)
    assert got.shape == (n + 1,)
    assert got[-1] == 1


def test_the_sums_never_fall_though_rounding_leaves_specks_below_zero():
    sums = cumulative(np.random.default_rng(0).uniform(0.9, 1, 3000))
    assert (np.diff(sums) >= 0).all()
    assert sums[0] >= 0


def test_a_level_that_is_a_sum_belongs_to_the_next_count():
    # so that a draw of u in [0, 1) is k on [P(count < k), P(count <= k)), and never a count of chance 0
    sums = np.array([0.0, 0.25, 1.0])
    assert quantile(sums, np.array([0.0, 0.25])).tolist() == [1, 2]


def test_certain_answers_are_all_right():
    assert quantile(cumulative(np.ones(500)), np.array([0.0001, 0.5, 0.9999])).tolist() == [500] * 3


def test_draws_have_its_distribution():
    chances = np.random.default_rng(0).uniform(0.5, 1, 30)
    draws = quantile(cumulative(chances), np.random.default_rng(1).random(100_000))
    simulated = (np.random.default_rng(2).random((100_000, 30)) < chances).sum(1)
    # both are 100 000 draws: their distribution functions differ by 1.95 sqrt(2/n) once in a thousand
    assert stats.ks_2samp(draws, simulated).statistic < 1.95 * np.sqrt(2 / 100_000)
