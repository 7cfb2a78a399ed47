"""Accuracy, likelihood, Brier score and confidence, each against its formula written out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab import _checks
from smoothlab.measures import accuracy, brier_score, confidence_gap, confidences, negative_log_likelihood
from smoothlab.measures.scores import brier_scores

LOGITS = arrays(np.float64, (5, 4), elements=st.floats(-50, 50))
LABELS = arrays(np.int64, 5, elements=st.integers(0, 3))


@given(logits=LOGITS, labels=LABELS)
def test_each_score_is_its_formula(logits, labels):
    chances = [[math.exp(z) / math.fsum(math.exp(other) for other in row) for z in row] for row in logits]
    right = [row.index(max(row)) == label for row, label in zip(logits.tolist(), labels, strict=True)]
    brier = [
        math.fsum((p - (k == label)) ** 2 for k, p in enumerate(row))
        for row, label in zip(chances, labels, strict=True)
    ]
    nll = [-math.log(row[label]) for row, label in zip(chances, labels, strict=True)]
    highest = [max(row) for row in chances]
    assert accuracy(logits, labels) == sum(right) / 5
    # a few roundings of numbers up to 100, relative to them
    np.testing.assert_allclose(negative_log_likelihood(logits, labels), np.mean(nll), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(brier_score(logits, labels), np.mean(brier), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(confidences(logits), highest, rtol=1e-13)
    np.testing.assert_allclose(
        confidence_gap(logits, labels), np.mean(highest) - np.mean(right), rtol=1e-13, atol=1e-14
    )


def test_the_gap_is_above_zero_for_an_overconfident_model_and_below_for_an_underconfident_one():
    labels = np.array([0, 0, 0, 1])
    sure, unsure = np.tile([9.0, 0.0], (4, 1)), np.tile([0.1, 0.0], (4, 1))
    assert confidence_gap(sure, labels) > 0.2
    assert confidence_gap(unsure, labels) < -0.2


def test_among_equal_logits_the_first_is_the_prediction():
    tied = np.zeros((2, 3), np.float32)
    assert accuracy(tied, np.array([0, 0])) == 1
    assert accuracy(tied, np.array([1, 2])) == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_logits_are_scored_in_float64(dtype):
    logits = np.random.default_rng(0).normal(0, 5, (300, 10)).astype(dtype)
    labels = np.arange(300) % 10
    exact = logits.astype(np.float64)
    for score in (accuracy, negative_log_likelihood, brier_score, confidence_gap):
        assert score(logits, labels) == score(exact, labels)


@pytest.mark.parametrize("classes", [2, 3, 5, 15, 30])
def test_equal_logits_have_the_confidence_that_lies_on_an_edge(classes):
    for dtype in (np.float32, np.float64):
        assert confidences(np.full((1, classes), 0.7, dtype))[0] == 1 / classes


def test_the_score_of_a_sure_prediction_keeps_its_digits():
    logits = np.array([[40.0, 0.0, 1.0]] * 3)
    small = math.exp(-40), math.exp(-39)
    others = sum(small)
    # all of them far below the last bit of 1
    right = (others**2 + small[0] ** 2 + small[1] ** 2) / (1 + others) ** 2
    got = brier_scores(logits, np.array([0, 1, 2]))
    np.testing.assert_allclose(got[0], right, rtol=1e-13)
    np.testing.assert_allclose(got[1:], 2, rtol=1e-15)
    np.testing.assert_allclose(negative_log_likelihood(logits, np.zeros(3, np.int64)), others, rtol=1e-13)


def test_logits_of_any_size_are_scored_without_overflow():
    huge = np.array([[3e4, -3e4, 0.0]], np.float32)
    assert negative_log_likelihood(huge, np.array([1])) == 6e4
    assert confidences(huge).tolist() == [1.0]
    assert brier_score(huge, np.array([1])) == 2


def test_the_score_of_many_rows_is_that_of_its_blocks_together():
    random = np.random.default_rng(1)
    logits, labels = random.normal(size=(15_000, 10)), random.integers(0, 10, 15_000)  # three blocks
    for score in (accuracy, negative_log_likelihood, brier_score, confidence_gap):
        parts = [score(logits[part], labels[part]) for part in (slice(0, 5000), slice(5000, 15_000))]
        np.testing.assert_allclose(score(logits, labels), (parts[0] + 2 * parts[1]) / 3, rtol=1e-12)
    assert confidences(logits)[7001] == confidences(logits[7001:7002])[0]


def test_a_masked_class_has_no_chance_and_an_infinite_loss():
    masked = np.array([[0.0, 0.0, -np.inf]])
    assert confidences(masked).tolist() == [0.5]
    assert brier_score(masked, np.array([0])) == 0.5
    assert negative_log_likelihood(masked, np.array([2])) == np.inf


@pytest.mark.parametrize("score", [accuracy, negative_log_likelihood, brier_score, confidence_gap])
def test_what_no_softmax_can_read_is_refused_with_its_row(score):
    labels = np.array([0, 0])
    with pytest.raises(ValueError, match=r"`logits` .* row 1 holds nan"):
        score(np.array([[0.0, 1.0], [np.nan, 0.0]]), labels)
    with pytest.raises(ValueError, match="row 0 holds inf"):
        score(np.array([[0.0, np.inf], [0.0, 0.0]]), labels)
    with pytest.raises(ValueError, match="row 1 masks every class"):
        score(np.array([[0.0, 0.0], [-np.inf, -np.inf]]), labels)
    with pytest.raises(ValueError, match=r"`labels` must lie in 0 to 1, .* row 1 has 2"):
        score(np.zeros((2, 2)), np.array([0, 2]))
    with pytest.raises(ValueError, match="row 0 has -100"):
        score(np.zeros((2, 2)), np.array([-100, 0]))
    with pytest.raises(ValueError, match="`logits` has 2, `labels` has 3"):
        _checks.logits_and_labels(np.zeros((2, 2)), np.array([0, 0, 0]))
    with pytest.raises(ValueError, match=r"shape is \(0, 2\)"):
        score(np.zeros((0, 2)), np.zeros(0, np.int64))


def test_what_is_no_array_of_class_indices_is_refused():  # at the door itself: tests check types before it
    with pytest.raises(TypeError, match="`logits` must be a NumPy array, but got list"):
        _checks.array("logits", [[0.0, 1.0]], axes=2)
    with pytest.raises(TypeError, match="`labels` must be whole numbers, but got float64"):
        _checks.logits_and_labels(np.zeros((1, 2)), np.array([0.0]))
