"""Equidistance and scale of logits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab._numerics import log_softmax
from smoothlab.measures import gap_spread, ideal_gap, max_gap

LOGITS = arrays(np.float64, (6, 5), elements=st.floats(-20, 20))


@pytest.mark.parametrize(("classes", "gap"), [(10, 4.51), (100, 6.80), (1000, 9.11)])
def test_the_ideal_gap_at_a_tenth_is_the_published_one(classes, gap):
    assert round(ideal_gap(0.1, classes), 2) == gap


@given(alpha=st.floats(1e-6, 1), classes=st.integers(2, 2000))
def test_the_softmax_of_the_ideal_gap_is_the_smoothed_label(alpha, classes):
    logits = np.zeros((1, classes))
    logits[0, 0] = ideal_gap(alpha, classes)
    want = math.log(1 - alpha + alpha / classes), math.log(alpha / classes)
    np.testing.assert_allclose(log_softmax(logits)[0, [0, -1]], want, rtol=1e-12, atol=1e-13)


def test_the_ideal_gap_is_infinite_without_smoothing_and_zero_with_nothing_else():
    assert (ideal_gap(0.0, 10), ideal_gap(1.0, 10)) == (math.inf, 0)
    with pytest.raises(ValueError, match="`alpha` must lie in"):
        ideal_gap(-0.1, 10)
    with pytest.raises(ValueError, match="`classes` must be a whole number, at least 2"):
        ideal_gap(0.1, 1)


def test_a_perfectly_fitted_smoothed_net_is_equidistant_at_the_ideal_scale():
    labels = np.arange(40) % 10
    logits = 3.7 + ideal_gap(0.1, 10) * np.eye(10)[labels]
    assert gap_spread(logits, labels) < 1e-15
    np.testing.assert_allclose(max_gap(logits), ideal_gap(0.1, 10), rtol=1e-14)


@given(logits=LOGITS, labels=arrays(np.int64, 6, elements=st.integers(0, 4)))
def test_the_spread_is_the_mean_coefficient_of_variation_of_the_examples_that_are_right(logits, labels):
    ratios = []
    for row, label in zip(logits, labels, strict=True):
        gaps = row[label] - np.delete(row, label)
        if row.argmax() == label and gaps.mean() > 0:
            ratios.append(gaps.std() / gaps.mean())
    got = gap_spread(logits, labels)
    np.testing.assert_allclose(got, np.mean(ratios) if ratios else np.nan, rtol=1e-9, atol=1e-12)


@given(logits=LOGITS)
def test_the_scale_is_the_highest_logit_over_the_mean_of_the_others(logits):
    want = np.mean([max(row) - (sum(row) - max(row)) / 4 for row in logits])
    np.testing.assert_allclose(max_gap(logits), want, rtol=1e-12, atol=1e-12)


def test_the_spread_has_no_unit_and_the_scale_has_the_unit_of_the_logits():
    random = np.random.default_rng(0)
    logits = random.normal(size=(50, 6))
    labels = logits.argmax(1)
    np.testing.assert_allclose(gap_spread(7 * logits + 3, labels), gap_spread(logits, labels), rtol=1e-12)
    np.testing.assert_allclose(max_gap(7 * logits + 3), 7 * max_gap(logits), rtol=1e-12)


def test_a_masked_class_is_passed_over():
    logits = np.array([[5.0, 4.0, 2.0], [1.0, 3.0, 0.0]])
    masked = np.insert(logits, 1, -np.inf, axis=1)
    assert gap_spread(masked, np.array([0, 2])) == gap_spread(logits, np.array([0, 1]))
    assert max_gap(masked) == max_gap(logits)
    lone = np.array([[1.0, -np.inf]])
    assert math.isnan(max_gap(lone))
    assert math.isnan(gap_spread(lone, np.array([0])))


def test_there_is_no_spread_where_nothing_is_right_and_none_between_two_classes():
    assert math.isnan(gap_spread(np.array([[0.0, 1.0, 2.0]]), np.array([0])))
    assert gap_spread(np.array([[3.0, 1.0], [0.5, 0.2]]), np.array([0, 0])) == 0
