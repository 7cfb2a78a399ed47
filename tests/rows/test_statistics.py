"""The numbers that decide a row, against NumPy in float64."""

import numpy as np
import pytest

from smoothlab import _rows
from smoothlab._numerics import softmax

WIDTHS = [1, 2, 3, 10, 16, 31, 128, 129, 1000, 2048, 5003]

each_set = pytest.mark.parametrize("instructions", _rows.INSTRUCTIONS)
each_type = pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])


def tolerance(dtype):
    return 1e-13 if dtype == np.float64 else 2e-6


def random_logits(rows, classes, dtype, scale=3.0):
    return (np.random.default_rng(classes).normal(size=(rows, classes)) * scale).astype(dtype)


@each_set
@each_type
@pytest.mark.parametrize("inverse_temperature", [0.01, 0.7, 1.0, 20.0])
def test_they_are_what_numpy_finds_at_every_temperature(inverse_temperature, dtype, instructions):
    for classes in WIDTHS:
        logits = random_logits(21, classes, dtype)
        labels = np.random.default_rng(0).integers(classes, size=21)
        got = _rows.statistics(
            logits,
            labels=labels,
            inverse_temperature=inverse_temperature,
            moments=True,
            instructions=instructions,
        )
        z = logits.astype(np.float64)
        below = z - z.max(1, keepdims=True)
        p = softmax(below * inverse_temperature)
        mean = (p * below).sum(1)
        near = {"rtol": tolerance(dtype), "atol": tolerance(dtype)}
        np.testing.assert_array_equal(got.highest, z.max(1))
        np.testing.assert_array_equal(got.argmax, z.argmax(1))
        np.testing.assert_array_equal(got.count, classes)
        np.testing.assert_array_equal(got.label, below[np.arange(21), labels])
        np.testing.assert_allclose(got.log_sum, np.log(np.exp(below * inverse_temperature).sum(1)), **near)
        np.testing.assert_allclose(got.background, below.mean(1), **near)
        np.testing.assert_allclose(got.mean, mean, **near)
        # a difference of squares some tens of times larger than itself
        spread = {"rtol": 20 * tolerance(dtype), "atol": 20 * tolerance(dtype)}
        np.testing.assert_allclose(got.variance, (p * (below - mean[:, None]) ** 2).sum(1), **spread)


@each_set
@each_type
def test_classes_that_are_out_count_nowhere(dtype, instructions):
    for classes in WIDTHS[1:]:
        logits = random_logits(21, classes, dtype)
        random = np.random.default_rng(classes)
        logits[random.random(logits.shape) < 0.3] = -np.inf
        logits[:, -1] = 1.0
        class_mask = random.random(classes) < 0.7
        class_mask[-1] = True
        background = random.random(classes).astype(np.float64 if dtype == np.float64 else np.float32)
        got = _rows.statistics(
            logits,
            background=background,
            class_mask=class_mask,
            inverse_temperature=0.5,
            moments=True,
            instructions=instructions,
        )
        for i, row in enumerate(logits.astype(np.float64)):
            kept = class_mask & (row > -np.inf)
            z, v = row[kept], background[kept].astype(np.float64)
            below, p = z - z.max(), softmax(0.5 * z[None])[0]
            mean = p @ below
            near = {"rtol": 20 * tolerance(dtype), "atol": 20 * tolerance(dtype)}
            assert got.count[i] == len(z)
            assert got.argmax[i] == np.flatnonzero(kept)[z.argmax()]
            np.testing.assert_allclose(got.log_sum[i], np.log(np.exp(0.5 * below).sum()), **near)
            np.testing.assert_allclose(got.background[i], v @ below / v.sum(), **near)
            np.testing.assert_allclose(got.mean[i], mean, **near)
            np.testing.assert_allclose(got.variance[i], p @ (below - mean) ** 2, **near)


@each_set
@each_type
def test_the_first_of_equal_logits_is_the_argmax(dtype, instructions):
    for classes in WIDTHS:
        logits = np.random.default_rng(classes).integers(3, size=(40, classes)).astype(dtype)
        got = _rows.statistics(logits, instructions=instructions).argmax
        np.testing.assert_array_equal(got, logits.argmax(1))


@each_set
@pytest.mark.parametrize("classes", [2, 10, 128, 129, 5000])
@pytest.mark.parametrize("gap", [5.0, 20.0, 40.0, 80.0])
def test_a_confidence_near_one_keeps_its_digits(gap, classes, instructions):
    logits = np.zeros((1, classes), np.float32)
    logits[0, classes // 2] = gap
    log_sum = _rows.statistics(logits, instructions=instructions).log_sum[0]
    # odds of the others, of which a float32 sum keeps nothing from a gap of 17 on
    np.testing.assert_allclose(np.expm1(log_sum), (classes - 1) * np.exp(-gap), rtol=2e-6)


@each_set
@pytest.mark.parametrize("classes", [10, 1000, 5000])
@pytest.mark.parametrize("order", ["rising", "falling"])
def test_the_order_of_a_row_changes_nothing(order, classes, instructions):
    logits = np.sort(random_logits(5, classes, np.float32, scale=20), axis=1)
    if order == "falling":
        logits = logits[:, ::-1].copy()
    got = _rows.statistics(logits, moments=True, instructions=instructions)
    z = logits.astype(np.float64)
    below = z - z.max(1, keepdims=True)
    p = softmax(z)
    np.testing.assert_allclose(got.log_sum, np.log(np.exp(below).sum(1)), rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(got.mean, (p * below).sum(1), rtol=2e-6)
    np.testing.assert_allclose(got.background, below.mean(1), rtol=2e-6)


@each_set
@pytest.mark.parametrize("classes", [10, 1000])
def test_a_row_that_no_softmax_can_read_has_no_finite_log_sum(classes, instructions):
    logits = np.zeros((4, classes), np.float32)
    logits[0, 3], logits[1, 3], logits[2] = np.nan, np.inf, -np.inf
    got = _rows.statistics(logits, instructions=instructions)
    assert np.isfinite(got.log_sum).tolist() == [False, False, False, True]
    assert ((got.argmax >= 0) & (got.argmax < classes)).all()


@each_set
def test_a_label_that_is_no_class_is_out(instructions):
    for classes in (10, 1000):
        labels = np.array([-100, classes, 1])
        got = _rows.statistics(
            np.zeros((3, classes), np.float32), labels=labels, instructions=instructions
        ).label
        assert got.tolist() == [-np.inf, -np.inf, 0]


def test_what_nobody_asked_for_is_none():
    got = _rows.statistics(np.zeros((2, 3), np.float32))
    assert got.label is got.mean is got.variance is None
