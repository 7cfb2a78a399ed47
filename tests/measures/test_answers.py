"""What is claimed, and whether it came true: top label, within the top k, and class by class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab._numerics import softmax
from smoothlab.measures import (
    accuracy,
    brier_decomposition,
    classwise_calibration_error,
    classwise_calibration_test,
    confidences,
    of_each_class,
    reliability,
    top_label,
    within_top,
)

# whole logits, so that ties are everywhere; one class may be masked
LOGITS = arrays(np.float64, (6, 5), elements=st.integers(-3, 3).map(float))
LABELS = arrays(np.int64, 6, elements=st.integers(0, 4))


@given(LOGITS, LABELS, st.integers(1, 5))
def test_the_top_k_are_the_first_k_of_the_classes_sorted_by_logit_and_then_by_place(logits, labels, k):
    got = within_top(logits, labels, k=k)
    for row, label, confidence, correct in zip(logits, labels, *got, strict=True):
        ranking = sorted(range(5), key=lambda j: (-row[j], j))[:k]
        chances = softmax(row[None])[0]
        assert correct == (label in ranking)
        np.testing.assert_allclose(confidence, chances[ranking].sum(), rtol=1e-14)


@given(LOGITS, LABELS)
def test_the_top_one_is_the_top_label_to_the_last_bit_and_the_top_all_is_certain(logits, labels):
    for got, want in zip(within_top(logits, labels, k=1), top_label(logits, labels), strict=True):
        np.testing.assert_array_equal(got, want)
    everything = within_top(logits, labels, k=5)
    assert everything.correct.all()
    assert (everything.confidences <= 1).all()
    np.testing.assert_allclose(everything.confidences, 1, rtol=1e-15)


@pytest.mark.parametrize("classes", [2, 10, 16, 17, 1000])
def test_each_class_gets_its_column_of_the_softmax(classes):
    random = np.random.default_rng(0)
    logits, labels = random.normal(0, 3, (90, classes)).astype(np.float32), random.integers(0, classes, 90)
    chances = softmax(logits)
    seen = list(of_each_class(logits, labels))
    assert len(seen) == classes
    for j, (confident, correct) in enumerate(seen):
        np.testing.assert_allclose(confident, chances[:, j], rtol=1e-14)
        np.testing.assert_array_equal(correct, labels == j)


def test_a_masked_class_is_claimed_with_probability_0():
    logits, labels = np.array([[0.0, 0.0, -np.inf]]), np.array([2])
    assert [answers.confidences[0] for answers in of_each_class(logits, labels)] == [0.5, 0.5, 0]
    assert within_top(logits, labels, k=2) == (np.array([1.0]), np.array([False]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_logits_are_judged_in_float64(dtype):
    random = np.random.default_rng(1)
    logits, labels = random.normal(0, 9, (200, 7)).astype(dtype), random.integers(0, 7, 200)
    exact = logits.astype(np.float64)
    for k in (1, 3):
        for got, want in zip(within_top(logits, labels, k=k), within_top(exact, labels, k=k), strict=True):
            np.testing.assert_array_equal(got, want)
    for got, want in zip(of_each_class(logits, labels), of_each_class(exact, labels), strict=True):
        np.testing.assert_array_equal(got.confidences, want.confidences)


def test_the_top_label_is_what_confidences_and_accuracy_say():
    random = np.random.default_rng(2)
    logits, labels = random.normal(size=(500, 4)), random.integers(0, 4, 500)
    confident, correct = top_label(logits, labels)
    np.testing.assert_array_equal(confident, confidences(logits))
    assert correct.mean() == accuracy(logits, labels)


def test_bad_arguments_get_one_sentence():
    logits = np.zeros((2, 3))
    for k in (0, 4):
        with pytest.raises(ValueError, match="`k` must be a whole number from 1 to 3"):
            within_top(logits, np.array([0, 1]), k=k)
    with pytest.raises(ValueError, match="row 1 has 3"):
        within_top(logits, np.array([0, 3]), k=1)
    with pytest.raises(ValueError, match="row 0 has -1"):
        next(of_each_class(logits, np.array([-1, 0])))


@pytest.mark.parametrize(
    "measure",
    [reliability, classwise_calibration_error, classwise_calibration_test, brier_decomposition],
)
@pytest.mark.parametrize(
    ("row", "label", "sentence"),
    [
        ([0.0, np.nan], 0, "`logits` must be finite, or -inf for a masked class, but row 1 holds nan"),
        ([0.0, np.inf], 0, "`logits` must be finite, or -inf for a masked class, but row 1 holds inf"),
        ([-np.inf, -np.inf], 0, "but row 1 masks every class with -inf"),
        ([0.0, 1.0], 2, "`labels` must lie in 0 to 1, the classes there are, but row 1 has 2"),
        ([0.0, 1.0], -100, "`labels` must lie in 0 to 1, the classes there are, but row 1 has -100"),
    ],
)
def test_measures_of_answers_need_no_judge_but_the_pass_that_reads_them(measure, row, label, sentence):
    with pytest.raises(ValueError, match=sentence):
        measure(np.array([[1.0, 2.0], row]), np.array([1, label]))
