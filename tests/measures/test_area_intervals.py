"""The influence of an example on an area, and the intervals made of it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.measures import (
    augrc,
    augrc_estimate,
    aurc,
    aurc_estimate,
    excess_aurc,
    excess_aurc_estimate,
)
from smoothlab.measures.area_intervals import augrc_influence, aurc_influence

ESTIMATES = [
    (aurc, aurc_estimate, 1.0),
    (excess_aurc, excess_aurc_estimate, math.log(2)),
    (augrc, augrc_estimate, 0.5),
]
PAIRS = st.lists(
    st.tuples(st.sampled_from([0.1, 0.4, 0.6, 0.9]) | st.floats(0, 1), st.booleans()), min_size=2, max_size=25
)


def weighed_areas(scores, correct, weight):
    """AURC and AUGRC of examples of unequal mass, as integrals over coverage, step by step."""
    weight = weight / weight.sum()
    covered = errors = aurc_sum = augrc_sum = 0.0
    for score in sorted(set(scores), reverse=True):
        here = scores == score
        mass, wrong = weight[here].sum(), weight[here & ~correct].sum()
        rate = wrong / mass
        # the integral of (errors + rate (c - covered)) / c and of the same times c, over the step
        if covered > 0:
            aurc_sum += (errors - rate * covered) * math.log((covered + mass) / covered)
        aurc_sum += wrong
        augrc_sum += mass * (errors + wrong / 2)
        covered, errors = covered + mass, errors + wrong
    return np.array([aurc_sum, augrc_sum])


@given(PAIRS)
def test_influence_is_the_derivative_in_the_weight_of_an_example(pairs):
    scores, correct = (np.array(column) for column in zip(*pairs, strict=True))
    n, small = len(pairs), 1e-5
    got = np.stack([aurc_influence(scores, correct), augrc_influence(scores, correct)], axis=1)
    for i in range(n):
        more, less = np.ones(n), np.ones(n)
        more[i] += small
        less[i] -= small
        # a unit of weight is 1/n of the mass
        slope = (
            n * (weighed_areas(scores, correct, more) - weighed_areas(scores, correct, less)) / (2 * small)
        )
        np.testing.assert_allclose(got[i], slope, atol=1e-6)  # central differences of functions of size n


@given(PAIRS)
def test_influences_sum_to_0(pairs):
    scores, correct = (np.array(column) for column in zip(*pairs, strict=True))
    for influence in (aurc_influence, augrc_influence):
        assert abs(influence(scores, correct).sum()) < 1e-12


def test_influences_are_close_to_leaving_examples_out():
    random = np.random.default_rng(0)
    scores = np.round(random.random(400), 2)  # with ties
    correct = random.random(400) < scores
    for area, influence in ((aurc, aurc_influence), (augrc, augrc_influence)):
        left_out = np.array([area(np.delete(scores, i), np.delete(correct, i)) for i in range(400)])
        jackknife = 399 * (area(scores, correct) - left_out)
        # they differ by second derivatives, which are of the size 1/n times a few
        np.testing.assert_allclose(influence(scores, correct), jackknife, atol=0.03)


def test_where_all_are_tied_the_area_is_an_error_rate_with_its_influence():
    correct = np.arange(10) > 2
    np.testing.assert_allclose(aurc_influence(np.ones(10), correct), ~correct - 0.3, atol=1e-15)
    np.testing.assert_allclose(augrc_influence(np.ones(10), correct), (~correct - 0.3) / 2, atol=1e-15)


@pytest.mark.parametrize(("area", "estimate", "most"), ESTIMATES)
@pytest.mark.parametrize("n", [1, 2, 3, 200])
def test_an_interval_holds_its_area_and_stays_within_its_range(area, estimate, most, n):
    random = np.random.default_rng(n)
    for _ in range(20):
        scores, correct = random.random(n), random.random(n) < 0.7
        got = estimate(scores, correct)
        assert got.value == area(scores, correct)
        assert 0 <= got.low <= got.value <= got.high <= most + 1e-12
        assert got.high > got.low
        assert got.n == n


@pytest.mark.parametrize(("area", "estimate", "most"), ESTIMATES)
def test_it_is_as_wide_as_leaving_examples_out_says(area, estimate, most):
    random = np.random.default_rng(6)
    scores = np.round(random.random(500), 2)
    correct = random.random(500) < 0.3 + 0.4 * scores
    left_out = [area(np.delete(scores, i), np.delete(correct, i)) for i in range(500)]
    value, half = area(scores, correct), 1.96 * np.std(left_out) * math.sqrt(499)
    got = estimate(scores, correct)
    width = math.log(got.high / (most - got.high)) - math.log(got.low / (most - got.low))
    # the two differ by a few in n
    np.testing.assert_allclose(width, 2 * half * (1 / value + 1 / (most - value)), rtol=0.03)


@pytest.mark.parametrize(("area", "estimate", "most"), ESTIMATES)
def test_it_covers(area, estimate, most):
    random = np.random.default_rng(3)
    scores = random.random(400_000)
    correct = random.random(400_000) < 0.6 + 0.4 * scores
    truth = area(scores, correct)
    covered = []
    for _ in range(400):
        rows = random.integers(0, 400_000, 250)
        got = estimate(scores[rows], correct[rows])
        covered.append(got.low <= truth <= got.high)
    assert np.mean(covered) > 0.95 - 0.033  # 3 standard deviations of a share of 400


@pytest.mark.parametrize(("area", "estimate", "most"), ESTIMATES)
def test_it_covers_where_scores_are_tied_and_errors_few(area, estimate, most):
    random = np.random.default_rng(4)
    scores = np.round(random.random(400_000) ** 0.3, 1)
    correct = random.random(400_000) < 0.9 + 0.1 * scores  # wrong in one of 40
    truth = area(scores, correct)
    covered = []
    for _ in range(400):
        rows = random.integers(0, 400_000, 300)
        got = estimate(scores[rows], correct[rows])
        covered.append(got.low <= truth <= got.high)
    assert np.mean(covered) > 0.95 - 0.033


@pytest.mark.parametrize(("area", "estimate", "most"), ESTIMATES)
def test_all_right_is_not_known_to_stay_so(area, estimate, most):
    got = estimate(np.linspace(0, 1, 1000), np.ones(1000, bool))
    assert got.value == got.low == 0
    # Wilson's upper end is 0.0038, and the worst order has 0.0038 (1 - log 0.0038) = 0.025 of it
    assert 0.003 < got.high < 0.026


def test_all_wrong_is_not_known_to_stay_so():
    scores, wrong = np.linspace(0, 1, 100), np.zeros(100, bool)
    for estimate, most in ((aurc_estimate, 1.0), (augrc_estimate, 0.5)):
        got = estimate(scores, wrong)
        assert got.value == got.high == most
        assert 0.8 * most < got.low < most
    excess = excess_aurc_estimate(scores, wrong)
    assert (excess.value, excess.low) == (0, 0)
    assert 0.1 < excess.high < 0.2  # the entropy of 3.7 %


def test_between_the_best_and_the_worst_order_lie_all():
    random = np.random.default_rng(5)
    for _ in range(50):
        correct = random.random(2000) < random.random()
        u = 1 - correct.mean()
        scores = random.random(2000)
        best = u + (1 - u) * math.log1p(-u)
        assert best - 1e-3 < aurc(scores, correct) < u - u * math.log(u) + 1e-3
        assert u**2 / 2 - 1e-3 < augrc(scores, correct) < u - u**2 / 2 + 1e-3
        ranks = np.where(correct, 1.0, 0.0)
        np.testing.assert_allclose(aurc(ranks, correct), best, atol=2e-3)
        np.testing.assert_allclose(aurc(-ranks, correct), u - u * math.log(u), atol=2e-3)
        np.testing.assert_allclose(
            [augrc(ranks, correct), augrc(-ranks, correct)], [u**2 / 2, u - u**2 / 2], atol=1e-3
        )


def test_bad_levels_get_one_sentence():
    for _, estimate, _ in ESTIMATES:
        for correct in (np.array([True, False]), np.array([True, True])):
            with pytest.raises(ValueError, match="`level` must lie between 0 and 1, but got 2"):
                estimate(np.array([0.5, 0.7]), correct, level=2.0)
