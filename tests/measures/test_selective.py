"""Risk and coverage: every order of tied examples counts the same, and no other order counts."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab import _checks
from smoothlab.measures import augrc, aurc, excess_aurc, risk_coverage

# three scores for up to seven examples: ties everywhere, and few enough orders to go through all of them
TIED = st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), min_size=1, max_size=7)
ANY = st.lists(st.tuples(st.floats(-1e3, 1e3), st.booleans()), min_size=1, max_size=40)


def columns(pairs):
    scores, correct = zip(*pairs, strict=True)
    return np.array(scores), np.array(correct)


def over_every_order(pairs, area):
    """The mean of an area over all orders of the rows that keep scores from high to low, exactly."""
    groups = [
        [not hit for _, hit in group]
        for _, group in itertools.groupby(sorted(pairs, key=lambda p: -p[0]), lambda p: p[0])
    ]
    orders = [
        sum(order, ()) for order in itertools.product(*(tuple(itertools.permutations(g)) for g in groups))
    ]
    return sum(area(order) for order in orders) / len(orders)


def area_of_selective_risk(wrong):
    return sum(Fraction(sum(wrong[:k]), k) for k in range(1, len(wrong) + 1)) / len(wrong)


def area_of_generalised_risk(wrong):
    n = len(wrong)
    return sum(Fraction(sum(wrong[: k - 1]) + sum(wrong[:k]), 2 * n) for k in range(1, n + 1)) / n


@given(TIED)
def test_the_areas_are_the_means_over_every_order_of_tied_examples(pairs):
    scores, correct = columns(pairs)
    # sums of at most 7 numbers, of at most 1
    assert math.isclose(aurc(scores, correct), over_every_order(pairs, area_of_selective_risk), abs_tol=1e-15)
    assert math.isclose(
        augrc(scores, correct), over_every_order(pairs, area_of_generalised_risk), abs_tol=1e-15
    )


@given(ANY)
def test_the_excess_is_what_the_best_order_would_save(pairs):
    scores, correct = columns(pairs)
    best = area_of_selective_risk(sorted(not hit for hit in correct.tolist()))
    want = aurc(scores, correct) - float(best)
    assert math.isclose(excess_aurc(scores, correct), want, abs_tol=1e-14)
    assert excess_aurc(scores, correct) >= -1e-15


@given(ANY, st.randoms(use_true_random=False))
def test_the_order_of_rows_has_no_say(pairs, random):
    one = [area(*columns(pairs)) for area in (aurc, excess_aurc, augrc)]
    random.shuffle(pairs)
    assert [area(*columns(pairs)) for area in (aurc, excess_aurc, augrc)] == one


@given(ANY)
def test_only_the_order_of_scores_counts(pairs):
    scores, correct = columns(pairs)
    ranks = np.unique(scores, return_inverse=True)[1].astype(float)
    for area in (aurc, excess_aurc, augrc):
        assert area(scores, correct) == area(ranks * 1e200, correct)


@pytest.mark.parametrize("order", ["right first", "wrong first", "mixed"])
def test_all_tied_is_the_error_rate_in_whatever_order_the_rows_come(order):
    correct = (
        np.arange(1000) >= 100
    )  # the truth is 0.100, where a peer says 0.038, 0.104 or 0.116, by row order
    correct = {"right first": correct[::-1], "wrong first": correct, "mixed": np.roll(correct, 437)}[order]
    tied = np.full(1000, 0.7)
    np.testing.assert_allclose(aurc(tied, correct), 0.1, rtol=1e-14)
    np.testing.assert_allclose(augrc(tied, correct), 0.05, rtol=1e-14)
    curve = risk_coverage(tied, correct)
    assert (curve.threshold.tolist(), curve.coverage.tolist(), curve.risk.tolist()) == ([0.7], [1.0], [0.1])


def test_the_curve_has_a_point_for_each_score_and_answers_what_reaches_it():
    scores, correct = (
        np.round(np.random.default_rng(0).random(500), 1),
        np.random.default_rng(1).random(500) < 0.7,
    )
    curve = risk_coverage(scores, correct)
    assert curve.threshold.tolist() == sorted(set(scores), reverse=True)
    for threshold, coverage, risk in zip(*curve, strict=True):
        answered = scores >= threshold
        assert coverage == answered.mean()
        np.testing.assert_allclose(risk, 1 - correct[answered].mean(), atol=1e-15)
    assert curve.coverage[-1] == 1


def test_all_right_has_no_risk_and_all_wrong_nothing_else():
    scores = np.random.default_rng(2).random(300)
    right, wrong = np.ones(300, bool), np.zeros(300, bool)
    assert [area(scores, right) for area in (aurc, excess_aurc, augrc)] == [0, 0, 0]
    assert [area(scores, wrong) for area in (aurc, excess_aurc, augrc)] == [1, 0, 0.5]
    for scores in (np.array([0.3]), np.array([np.inf])):
        assert aurc(scores, np.array([False])) == 1
        assert augrc(scores, np.array([False])) == 0.5


def test_the_best_order_has_no_excess_and_the_worst_has_most():
    correct = np.arange(200) >= 50
    ranks = np.arange(200.0)
    assert excess_aurc(ranks, correct) == 0
    # in the limit of many examples the two are the entropy of the error rate apart
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    np.testing.assert_allclose(excess_aurc(-ranks, correct), entropy, atol=0.02)


def test_infinite_scores_are_only_the_first_and_the_last():
    correct = np.array([True, False, True, False])
    assert aurc(np.array([np.inf, -np.inf, 3.0, np.inf]), correct) == aurc(
        np.array([9.0, 0.0, 3.0, 9.0]), correct
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_scores_tie_where_they_are_equal(dtype):
    random = np.random.default_rng(3)
    scores, correct = random.random(2000).astype(dtype), random.random(2000) < 0.8
    for area in (aurc, excess_aurc, augrc):
        assert area(scores, correct) == area(scores.astype(np.float64), correct)


def test_a_million_scores_are_summed_without_losing_digits():
    n = 10**6
    scores, correct = np.random.default_rng(4).permutation(n) / n, np.arange(n) % 8 > 0
    wrong = ~correct[np.argsort(-scores)]
    cumulative = np.cumsum(wrong)
    want = math.fsum(cumulative / np.arange(1, n + 1)) / n
    np.testing.assert_allclose(aurc(scores, correct), want, rtol=1e-13)
    # cumulative sums of whole numbers are exact
    np.testing.assert_allclose(
        augrc(scores, correct), (2 * int(cumulative.sum()) - int(wrong.sum())) / (2 * n * n), rtol=1e-13
    )


def test_bad_arguments_get_one_sentence():
    correct = np.array([True, False])
    for area in (aurc, excess_aurc, augrc, risk_coverage):
        with pytest.raises(ValueError, match="`scores` must be numbers, but row 1 has nan"):
            area(np.array([0.5, np.nan]), correct)
        with pytest.raises(ValueError, match="hold something"):
            area(np.zeros(0), np.zeros(0, bool))
    # at the door itself: tests check shapes and types before it
    with pytest.raises(ValueError, match="`scores` has 3, `correct` has 2"):
        _checks.answers("scores", np.ones(3), correct)
    with pytest.raises(TypeError, match="`correct` must be boolean"):
        _checks.answers("scores", np.ones(2), np.ones(2))
