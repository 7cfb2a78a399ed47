"""gamma: the smoothing that a model achieved, or that a teacher's temperature gives it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab._numerics import softmax
from smoothlab.measures import effective_smoothing, ideal_gap
from smoothlab.targets import teacher

LOGITS = arrays(np.float64, (6, 5), elements=st.floats(-20, 20))
LABELS = arrays(np.int64, 6, elements=st.integers(0, 4))


@pytest.mark.parametrize("alpha", [1e-9, 0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("classes", [2, 10, 100])
def test_a_model_that_fits_its_smoothed_labels_has_achieved_alpha(alpha, classes):
    labels = np.arange(3 * classes) % classes
    logits = 7.0 + ideal_gap(alpha, classes) * np.eye(classes)[labels]
    assert effective_smoothing(logits, labels) == pytest.approx(alpha, rel=1e-12)


@pytest.mark.parametrize("T", [0.5, 2.0, 16.0])
def test_at_a_temperature_the_gap_is_divided(T):
    # a gap of log 9 at T = 1 becomes 9^(1/T) : 1 for each of K - 1 = 3 wrong classes
    logits, labels = math.log(9) * np.eye(4), np.arange(4)
    wrong = 3 / (3 + 9 ** (1 / T))
    assert effective_smoothing(logits, labels, T) == pytest.approx(wrong * 4 / 3, rel=1e-12)


def test_a_temperature_that_gives_a_hard_teacher_a_known_gamma():
    gap = 12.0
    T = gap / ideal_gap(0.3, 10)
    assert effective_smoothing(gap * np.eye(10), np.arange(10), T) == pytest.approx(0.3, rel=1e-12)


@given(logits=LOGITS, labels=LABELS, T=st.floats(0.1, 30))
def test_it_is_the_papers_expectation(logits, labels, T):
    others = 1 - np.eye(5)[labels]
    want = (others * teacher(logits, T)).sum(1).mean() * 5 / 4
    np.testing.assert_allclose(effective_smoothing(logits, labels, T), want, rtol=1e-9, atol=1e-15)


@given(logits=LOGITS, labels=LABELS, T=st.floats(0.1, 10), more=st.floats(1.0, 10))
def test_it_does_not_fall_with_the_temperature_where_the_label_is_the_prediction(logits, labels, T, more):
    own = np.take_along_axis(logits, labels[:, None], 1)
    decided = np.minimum(logits, own)
    lower, higher = (effective_smoothing(decided, labels, each) for each in (T, T * more))
    assert higher >= lower * (1 - 1e-12)


def test_no_knowledge_is_one_and_a_sure_mistake_a_little_more():
    labels = np.zeros(3, np.int64)
    assert effective_smoothing(np.zeros((3, 10)), labels) == pytest.approx(1.0, rel=1e-15)
    assert effective_smoothing(np.eye(10)[[1, 2, 3]] * 1e3, labels) == pytest.approx(10 / 9, rel=1e-15)
    assert effective_smoothing(np.eye(10)[[0, 0, 0]] * 1e3, labels) == 0


def test_a_very_sure_teacher_keeps_its_digits():
    got = effective_smoothing(np.array([[60.0, 0.0]]), np.array([0]))
    assert got == pytest.approx(2 * math.exp(-60), rel=1e-12)  # 1 - p would be 0


def test_a_masked_class_is_not_there():
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(20, 4)), random.integers(0, 4, 20)
    masked = np.insert(logits, 4, -np.inf, axis=1)
    assert effective_smoothing(masked, labels) == pytest.approx(
        effective_smoothing(logits, labels), rel=1e-14
    )


def test_a_row_with_one_class_left_is_passed_over():
    lone = np.array([[1.0, -np.inf, -np.inf], [0.0, 0.0, 0.0]])
    assert effective_smoothing(lone, np.array([0, 1])) == pytest.approx(1.0)
    assert math.isnan(effective_smoothing(lone[:1], np.array([0])))


def test_it_is_the_mean_over_examples_however_they_lie_in_blocks():
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(20_000, 10)), random.integers(0, 10, 20_000)
    p = softmax(logits)[np.arange(20_000), labels]
    assert effective_smoothing(logits, labels) == pytest.approx((1 - p).mean() * 10 / 9, rel=1e-12)
    halves = [
        effective_smoothing(logits[half], labels[half]) for half in (slice(10_000), slice(10_000, None))
    ]
    assert np.mean(halves) == pytest.approx(effective_smoothing(logits, labels), rel=1e-12)
    assert effective_smoothing(logits.astype(np.float16), labels) == pytest.approx(
        effective_smoothing(logits.astype(np.float16).astype(float), labels), rel=1e-12
    )


def test_what_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0"):
        effective_smoothing(np.zeros((1, 2)), np.array([0]), 0.0)
    with pytest.raises(ValueError, match="`labels` must lie in"):
        effective_smoothing(np.zeros((1, 2)), np.array([2]))
    with pytest.raises(ValueError, match="`logits` must be finite"):
        effective_smoothing(np.full((1, 2), np.nan), np.array([0]))
