"""Spiegelhalter's Z against its formula, and its level under the null."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.measures import spiegelhalter

PAIRS = st.lists(st.tuples(st.floats(0.01, 0.99), st.booleans()), min_size=1, max_size=30)


@given(PAIRS)
def test_z_is_its_formula(pairs):
    over = math.fsum((a - p) * (1 - 2 * p) for p, a in pairs)
    under = math.sqrt(math.fsum((1 - 2 * p) ** 2 * p * (1 - p) for p, _ in pairs))
    confidences, correct = (np.array(column) for column in zip(*pairs, strict=True))
    if under > 1e-6:
        np.testing.assert_allclose(spiegelhalter(confidences, correct).z, over / under, rtol=1e-9, atol=1e-9)


@given(PAIRS)
def test_z_is_the_distance_of_the_squared_error_from_its_mean_in_standard_deviations(pairs):
    # E and Var of the sum of squared errors over all outcomes, weighed with their probabilities
    pairs = pairs[:8]
    confidences, correct = (np.array(column) for column in zip(*pairs, strict=True))
    outcomes = np.array(list(itertools.product([0, 1], repeat=len(pairs))))
    weight = np.where(outcomes, confidences, 1 - confidences).prod(1)
    error = ((outcomes - confidences) ** 2).sum(1)
    mean = weight @ error
    variance = weight @ (error - mean) ** 2
    if variance > 1e-9:
        want = (((correct - confidences) ** 2).sum() - mean) / math.sqrt(variance)
        np.testing.assert_allclose(spiegelhalter(confidences, correct).z, want, rtol=1e-6, atol=1e-6)


def test_above_0_is_overconfident_and_below_0_underconfident():
    random = np.random.default_rng(0)
    confidences = 0.6 + 0.4 * random.random(2000)
    for shift, sign in ((-0.1, 1), (0.1, -1)):
        got = spiegelhalter(confidences, random.random(2000) < confidences + shift)
        assert sign * got.z > 4
        assert got.p_value < 1e-4


@pytest.mark.parametrize("resamples", [0, 199])
def test_a_calibrated_model_is_called_miscalibrated_as_often_as_the_level_says(resamples):
    p_values = []
    for seed in range(500):
        random = np.random.default_rng([seed, 9])
        confidences = 1 - random.random(200) ** 4 / 2  # mostly near 1, where the normal law is worst
        correct = random.random(200) < confidences
        p_values.append(spiegelhalter(confidences, correct, resamples=resamples, seed=seed).p_value)
    # 3 standard deviations of a share of 500
    assert abs(np.mean(np.array(p_values) <= 0.05) - 0.05) < 0.03
    assert abs(np.mean(np.array(p_values) <= 0.5) - 0.5) < 0.067


def test_the_drawn_p_value_is_the_sum_over_all_outcomes():
    confidences, correct = np.array([0.9, 0.8, 0.95, 0.7, 0.6]), np.array([True, False, True, True, False])
    outcomes = np.array(list(itertools.product([False, True], repeat=5)))
    weight = np.where(outcomes, confidences, 1 - confidences).prod(1)
    every = np.array([spiegelhalter(confidences, outcome).z for outcome in outcomes])
    exact = weight[np.abs(every) >= abs(spiegelhalter(confidences, correct).z) - 1e-9].sum()
    drawn = spiegelhalter(confidences, correct, resamples=20_000)
    assert abs(drawn.p_value - exact) < 4 * math.sqrt(exact * (1 - exact) / 20_000) + 1e-4
    assert drawn.z == spiegelhalter(confidences, correct).z


def test_confidences_that_say_nothing_say_nothing():
    for confidences in (np.full(9, 0.5), np.ones(9)):
        assert spiegelhalter(confidences, np.ones(9, bool))[:2] == (0, 1)
    assert spiegelhalter(np.ones(9), np.arange(9) > 0)[:2] == (math.inf, 0)  # certain, and wrong
    assert spiegelhalter(np.zeros(9), np.arange(9) > 7)[:2] == (math.inf, 0)


def test_one_example_and_float16_are_taken():
    assert spiegelhalter(np.array([0.75]), np.array([True])).z == pytest.approx(
        -0.125 / math.sqrt(0.25 * 0.1875)
    )
    low = np.random.default_rng(1).random(100).astype(np.float16)
    correct = np.arange(100) % 3 == 0
    assert spiegelhalter(low, correct) == spiegelhalter(low.astype(np.float64), correct)


def test_draws_in_blocks_are_the_same_draws():
    confidences, correct = np.full(30_000, 0.9), np.arange(30_000) % 10 > 0  # 139 draws fit one block
    few, many = (spiegelhalter(confidences, correct, resamples=r, seed=2) for r in (100, 300))
    assert abs(few.p_value - many.p_value) < 0.15
    assert few.z == many.z


def test_bad_arguments_get_one_sentence():
    with pytest.raises(ValueError, match="`resamples` must be a whole number, at least 0"):
        spiegelhalter(np.array([0.5]), np.array([True]), resamples=-1)
    with pytest.raises(ValueError, match="row 0 has 7"):
        spiegelhalter(np.array([7.0]), np.array([True]))
