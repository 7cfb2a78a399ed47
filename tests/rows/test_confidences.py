"""The probability of the largest logit, and whether it is the label's, against NumPy in extended precision."""

from typing import NamedTuple

import numpy as np
import pytest

from smoothlab import _rows

WIDTHS = [1, 2, 10, 128, 129, 136, 143, 144, 1000, 5003]

each_set = pytest.mark.parametrize("instructions", _rows.INSTRUCTIONS)
each_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Answers(NamedTuple):
    confidence: np.ndarray
    correct: np.ndarray


def answers(logits, **arguments):
    found = Answers(np.full(len(logits), -1.0), np.ones(len(logits), np.bool_))
    _rows.confidences(logits, confidence=found.confidence, correct=found.correct, **arguments)
    return found


def random_logits(classes, *, rows=37, scale=3.0):
    return (scale * np.random.default_rng(classes).normal(size=(rows, classes))).astype(np.float32)


def exact(logits):
    z = logits.astype(np.longdouble)
    return 1 / np.exp(z - z.max(1, keepdims=True)).sum(1)


@each_set
@each_type
@pytest.mark.parametrize("scale", [1e-3, 1.0, 5.0, 60.0, 1e3])
def test_they_are_what_numpy_finds(scale, dtype, instructions):
    for classes in WIDTHS:
        logits = random_logits(classes, scale=scale).astype(dtype)
        labels = np.where(
            np.arange(37) % 2, logits.argmax(1), np.random.default_rng(0).integers(classes, size=37)
        )
        got = answers(logits, labels=labels, instructions=instructions)
        np.testing.assert_allclose(got.confidence, exact(logits).astype(np.float64), rtol=3e-14)
        np.testing.assert_array_equal(got.correct, logits.argmax(1) == labels)


@each_set
def test_the_type_the_place_and_the_threads_change_no_bit(instructions):
    for classes in WIDTHS:
        logits = random_logits(classes, rows=1200, scale=20)
        logits[::7, classes // 3] = -np.inf
        logits[::5] += 1e4
        apart = np.full((2400, classes + 3), np.nan, np.float32)
        apart[::2, 1:-2] = logits
        labels = logits.argmax(1)
        want = answers(logits, labels=labels, instructions=instructions)
        for same in (logits.astype(np.float64), apart[::2, 1:-2]):
            for threads in (1, 3):
                got = answers(same, labels=labels, threads=threads, instructions=instructions)
                np.testing.assert_array_equal(got.confidence, want.confidence)
                np.testing.assert_array_equal(got.correct, want.correct)


@each_set
@each_type
@pytest.mark.parametrize("highest", [255.9, 256.0, 256.1, 700.0, 3e4, -256.0, -3e4])
def test_no_offset_and_no_spread_does_harm(highest, dtype, instructions):
    """Around the largest size that is summed as it stands, and far beyond."""
    for classes in WIDTHS[1:]:
        for below in (1.0, 511.8, 512.0, 800.0, 2100.0, 5e4):
            logits = random_logits(classes).astype(dtype)
            logits += dtype(highest) - logits.max(1, keepdims=True)
            logits[:, 0] = dtype(highest - below)
            got = answers(logits, instructions=instructions).confidence
            np.testing.assert_allclose(got, exact(logits).astype(np.float64), rtol=3e-14)


@each_set
@each_type
def test_classes_that_are_out_have_no_share(dtype, instructions):
    for classes in WIDTHS[1:]:
        logits = random_logits(classes).astype(dtype)
        logits[:, :-1][np.random.default_rng(classes).random((37, classes - 1)) < 0.5] = -np.inf
        labels = np.zeros(37, np.int64)
        got = answers(logits, labels=labels, instructions=instructions)
        np.testing.assert_allclose(got.confidence, exact(logits).astype(np.float64), rtol=3e-14)
        np.testing.assert_array_equal(got.correct, logits.argmax(1) == 0)


@each_set
@each_type
@pytest.mark.parametrize("masked", [-1e4, -1e9, -1e30, float(np.finfo(np.float32).min)])
def test_nor_have_those_that_are_as_good_as_out(masked, dtype, instructions):
    for classes in WIDTHS[1:]:
        logits = random_logits(classes).astype(dtype)
        logits[:, ::2] = masked
        got = answers(logits, instructions=instructions).confidence
        np.testing.assert_allclose(got, exact(logits).astype(np.float64), rtol=3e-14)


@each_set
@each_type
@pytest.mark.parametrize("value", [0.0, 0.3, -200.0, 1e30])
def test_equal_logits_have_their_probability_exactly(value, dtype, instructions):
    for classes in WIDTHS:
        got = answers(
            np.full((2, classes), value, dtype), labels=np.array([0, classes - 1]), instructions=instructions
        )
        assert got.confidence.tolist() == [1 / classes] * 2
        assert got.correct.tolist() == [True, classes == 1]


@each_set
@each_type
def test_a_confidence_is_never_above_one(dtype, instructions):
    for classes in WIDTHS[1:]:
        for gap in (1.0, 17.0, 36.0, 37.5, 40.0, 300.0):
            logits = np.zeros((1, classes), dtype)
            logits[0, classes // 2] = gap
            got = answers(logits, instructions=instructions).confidence
            assert got <= 1
            np.testing.assert_allclose(got, exact(logits).astype(np.float64), rtol=3e-14)


@each_set
@each_type
def test_the_first_of_equal_logits_is_right(dtype, instructions):
    for classes in WIDTHS:
        random = np.random.default_rng(classes)
        logits = random.integers(3, size=(200, classes)).astype(dtype)
        labels = np.where(random.random(200) < 0.5, logits.argmax(1), random.integers(classes, size=200))
        got = answers(logits, labels=labels, instructions=instructions)
        np.testing.assert_array_equal(got.correct, logits.argmax(1) == labels)


@each_set
@each_type
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_label_that_is_no_class_is_never_right(offset, dtype, instructions):
    for classes in WIDTHS:
        logits = random_logits(classes, rows=5).astype(dtype) + dtype(offset)
        labels = np.array([-1, classes, 2**62, -(2**63), 2**63 - 1])
        assert not answers(logits, labels=labels, instructions=instructions).correct.any()
        assert not answers(logits, instructions=instructions).correct.any()


@each_set
@each_type
def test_a_row_that_no_softmax_can_read_has_none(dtype, instructions):
    for classes in WIDTHS[1:]:
        logits = random_logits(classes, rows=6).astype(dtype)
        logits[0, classes // 2], logits[1, -1], logits[2] = np.nan, np.inf, -np.inf
        logits[3, 0] = logits[3, 1] = np.inf
        logits[4], logits[4, -1] = -np.inf, np.nan
        got = answers(logits, labels=np.zeros(6, np.int64), instructions=instructions).confidence
        assert np.isfinite(got).tolist() == [False] * 5 + [True]


def test_no_rows_have_none():
    got = answers(np.zeros((0, 5)), labels=np.zeros(0, np.int64))
    assert got.confidence.shape == got.correct.shape == (0,)


def test_half_precision_is_refused():
    with pytest.raises(ValueError, match="must be float32 or float64 here"):
        answers(np.zeros((1, 2), np.float16))


def test_there_must_be_a_place_for_every_row():
    with pytest.raises(ValueError, match="a place for each row"):
        _rows.confidences(np.zeros((2, 3)), confidence=np.empty(2), correct=np.empty(3, np.bool_))
