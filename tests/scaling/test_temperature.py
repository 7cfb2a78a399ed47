"""The temperature that is fitted, and the three cases in which there is none."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.scaling import Status, Temperature
from smoothlab.scaling.likelihood import sampled


def drawn(n, *, temperature, classes=10, scale=3.0, seed=0):
    """Logits whose labels are drawn from their softmax at this temperature."""
    random = np.random.default_rng(seed)
    logits = scale * random.normal(size=(n, classes))
    return logits, (logits / temperature + random.gumbel(size=(n, classes))).argmax(1)


def nll(logits, labels, temperature):
    z = logits / temperature
    return np.mean(
        np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1) - z[np.arange(len(z)), labels]
    )


@pytest.mark.parametrize("scale", [3.0, 30.0])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.8, 8.0])
def test_the_true_temperature_is_recovered(temperature, scale):
    fitted = Temperature().fit(*drawn(20_000, temperature=temperature, scale=scale))
    assert fitted.status_ is Status.OK
    assert abs(fitted.temperature_ - temperature) < 3 * fitted.standard_error_
    assert fitted.standard_error_ < 0.05 * temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 8.0])
def test_the_fit_is_the_minimum(temperature):
    logits, labels = drawn(1000, temperature=temperature)
    fitted = Temperature().fit(logits, labels)
    np.testing.assert_allclose(fitted.nll_after_, nll(logits, labels, fitted.temperature_), rtol=1e-13)
    np.testing.assert_allclose(fitted.nll_before_, nll(logits, labels, 1.0), rtol=1e-13)
    # the NLL is convex in 1/T, so a step of 1e-5 to either side must rise: by (1e-5)^2, far above rounding
    for factor in (1 - 1e-5, 1 + 1e-5):
        assert nll(logits, labels, fitted.temperature_ * factor) > fitted.nll_after_


@given(st.floats(0.02, 50), st.integers(0, 100))
def test_the_temperature_has_the_unit_of_the_logits(factor, seed):
    logits, labels = drawn(200, temperature=1.5, seed=seed)
    once, scaled = Temperature().fit(logits, labels), Temperature().fit(logits * factor, labels)
    np.testing.assert_allclose(scaled.temperature_, factor * once.temperature_, rtol=1e-8)
    np.testing.assert_allclose(scaled.standard_error_, factor * once.standard_error_, rtol=1e-7)
    np.testing.assert_allclose(scaled.nll_after_, once.nll_after_, rtol=1e-12)


def test_the_standard_error_is_the_scatter_of_the_fits():
    fits = [Temperature().fit(*drawn(400, temperature=1.8, seed=seed)) for seed in range(300)]
    scatter = np.std([fit.temperature_ for fit in fits], ddof=1)
    # a standard deviation from 300 draws is known to 4 %; three of them, and 3 % for its own bias at n = 400
    np.testing.assert_allclose(np.mean([fit.standard_error_ for fit in fits]), scatter, rtol=0.15)


def test_the_scaled_logits_need_no_second_temperature():
    logits, labels = drawn(2000, temperature=8.0)
    scaled = Temperature().fit(logits, labels).transform(logits)
    assert scaled.dtype == np.float64
    np.testing.assert_array_equal(scaled.argmax(1), logits.argmax(1))
    np.testing.assert_allclose(Temperature().fit(scaled, labels).temperature_, 1, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_logits_are_fitted_in_float64(dtype):
    logits, labels = drawn(2000, temperature=1.9)
    low = logits.astype(dtype)
    got, want = Temperature().fit(low, labels), Temperature().fit(low.astype(np.float64), labels)
    # the last step starts from elsewhere and leaves its square, below 1e-14; float32 is a million times worse
    np.testing.assert_allclose(got.temperature_, want.temperature_, rtol=1e-13)
    np.testing.assert_allclose(got.nll_after_, want.nll_after_, rtol=1e-15)
    assert abs(got.temperature_ - 1) > 0.5


def test_an_offset_a_thousand_times_the_logits_changes_nothing():
    logits, labels = drawn(500, temperature=2.0)
    moved = Temperature().fit(logits + 4096.0, labels)  # a power of 2, so that little is rounded away
    np.testing.assert_allclose(moved.temperature_, Temperature().fit(logits, labels).temperature_, rtol=1e-9)


def test_many_blocks_give_what_one_would():
    logits, labels = drawn(15_000, temperature=1.3)  # three blocks
    fitted = Temperature().fit(logits, labels)
    np.testing.assert_allclose(fitted.nll_after_, nll(logits, labels, fitted.temperature_), rtol=1e-12)


def test_labels_that_are_never_beaten_are_separable():
    logits, _ = drawn(300, temperature=1.0)
    fitted = Temperature().fit(logits, logits.argmax(1))
    assert fitted.status_ is Status.SEPARABLE
    assert fitted.temperature_ == 1e-3  # the bound: the likelihood grows all the way to 0
    assert fitted.nll_after_ < fitted.nll_before_
    assert math.isnan(fitted.standard_error_)
    # a single error ends it
    labels = logits.argmax(1)
    labels[0] = logits[0].argsort()[-2]
    assert Temperature().fit(logits, labels).status_ is Status.OK


def test_labels_that_the_logits_speak_against_are_uninformative():
    logits, _ = drawn(300, temperature=1.0)
    fitted = Temperature().fit(logits, logits.argmin(1))
    assert fitted.status_ is Status.UNINFORMATIVE
    assert fitted.temperature_ == 1e3
    np.testing.assert_allclose(fitted.nll_after_, math.log(10), rtol=0.01)  # nothing is left but to guess
    assert math.isnan(fitted.standard_error_)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_equal_logits_are_uninformative(value):
    assert Temperature().fit(np.full((9, 10), value), np.arange(9)).status_ is Status.UNINFORMATIVE


def test_one_class_is_uninformative():
    assert Temperature().fit(np.ones((3, 1)), np.zeros(3, np.int64)).status_ is Status.UNINFORMATIVE


@pytest.mark.parametrize(("bounds", "at"), [((2.0, 9.0), 2.0), ((0.1, 0.5), 0.5)])
def test_a_minimum_beyond_the_bounds_is_reported(bounds, at):
    logits, labels = drawn(500, temperature=1.0)
    fitted = Temperature(bounds=bounds).fit(logits, labels)
    assert (fitted.status_, fitted.temperature_) == (Status.AT_BOUND, at)
    assert math.isnan(fitted.standard_error_)


@pytest.mark.parametrize("unit", [1e-2, 1.0, 1e2])
def test_a_fit_from_far_away_arrives(unit):
    # one wrong answer by a hair among sure ones: Newton's first steps are wild, and the bracket must catch them
    logits = unit * np.array([[10.0, 0.0]] * 50 + [[0.5, 0.0]])
    fitted = Temperature().fit(logits, np.array([0] * 50 + [1]))
    z = logits[:, 0] / fitted.temperature_
    slope = logits[:, 0] @ (1 / (1 + np.exp(-z)) - np.array([1] * 50 + [0]))
    assert fitted.status_ is Status.OK
    np.testing.assert_allclose(slope / unit, 0, atol=1e-9)


def test_a_masked_class_stays_masked_and_does_not_count():
    logits, labels = drawn(500, temperature=2.0)
    masked = np.insert(logits, 3, -np.inf, axis=1)
    want, got = Temperature().fit(logits, labels), Temperature().fit(masked, labels + (labels >= 3))
    np.testing.assert_allclose(got.temperature_, want.temperature_, rtol=1e-12)
    np.testing.assert_allclose(got.standard_error_, want.standard_error_, rtol=1e-12)
    assert (got.transform(masked)[:, 3] == -np.inf).all()
    # at the end where every class has the same chance it has none: the label is above the mean of three, not of four
    assert Temperature().fit(np.array([[0.0, -3.0, -1.4, -np.inf]]), np.array([2])).status_ is Status.OK
    assert Temperature().fit(np.array([[0.0, -np.inf, 0.0]]), np.array([0])).status_ is Status.UNINFORMATIVE


def in_blocks(logits, labels, rows):
    """A file that is read from its start at each call."""
    return lambda: ((logits[i : i + rows], labels[i : i + rows]) for i in range(0, len(labels), rows))


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_blocks_of_a_file_are_fitted_as_the_whole(rows):
    logits, labels = drawn(1000, temperature=0.4)
    want, got = Temperature().fit(logits, labels), Temperature().fit_blocks(in_blocks(logits, labels, rows))
    np.testing.assert_allclose(got.temperature_, want.temperature_, rtol=1e-13)
    np.testing.assert_allclose(got.standard_error_, want.standard_error_, rtol=1e-7)
    np.testing.assert_allclose(got.nll_after_, want.nll_after_, rtol=1e-14)
    assert (got.status_, got.n_features_in_) == (Status.OK, 10)


@pytest.mark.parametrize("temperature", [0.5, 8.0])
@pytest.mark.parametrize("rows", [3000, 20_000])
def test_a_sample_of_the_examples_says_where_to_begin_and_all_of_them_where_to_end(
    temperature, rows, monkeypatch
):
    monkeypatch.setattr("smoothlab.scaling.likelihood._SAMPLE", 5000)  # 250 or 500 rows of 20 000
    passes = []
    logits, labels = drawn(20_000, temperature=temperature)

    def blocks():
        passes.append(1)
        return in_blocks(logits.astype(np.float32), labels, rows)()

    fitted = Temperature().fit_blocks(blocks)
    monkeypatch.undo()
    want = Temperature().fit(logits.astype(np.float32), labels)
    np.testing.assert_allclose(fitted.temperature_, want.temperature_, rtol=2e-8)  # two last steps, squared
    assert len(passes) <= 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_however_loosely_a_fit_begins_it_ends_at_the_same_temperature(dtype, monkeypatch):
    logits, labels = drawn(400, temperature=0.6)
    logits = logits.astype(dtype)
    want = Temperature().fit(logits, labels)
    monkeypatch.setattr("smoothlab.scaling.temperature._ON_SAMPLE", 1.0)
    monkeypatch.setattr("smoothlab.scaling.temperature._ROUGHLY", 1.0)
    fitted = Temperature().fit(logits, labels)
    # a last step below 1e-4, squared
    np.testing.assert_allclose(fitted.temperature_, want.temperature_, rtol=2e-8)


def test_the_sample_is_spread_evenly_and_bounded(monkeypatch):
    monkeypatch.setattr("smoothlab.scaling.likelihood._SAMPLE", 1000)
    for rows in (1, 3, 64, 5000):
        logits, labels = np.zeros((5000, 5)), np.arange(5000)
        whole, sample = sampled(in_blocks(logits, labels, rows))
        assert sum(len(labels) for _, labels in whole()) == 5000
        assert sum(len(labels) for _, labels in whole()) == 5000  # a second pass leaves no second sample
        kept = np.concatenate([labels for _, labels in sample()])
        assert kept.tolist() == list(
            range(0, 5000, 32)
        )  # 157 rows of 5, where 200 would do and 16 is too few apart


def test_blocks_that_cannot_be_read_again_are_refused():
    logits, labels = drawn(100, temperature=2.0)
    once = iter([(logits[:50], labels[:50]), (logits[50:], labels[50:])])
    with pytest.raises(ValueError, match="There must be an example to fit"):
        Temperature().fit_blocks(lambda: once)
    growing = [(logits[:50], labels[:50])]

    def blocks():
        growing.append((logits[50:], labels[50:]))
        return iter(growing)

    with pytest.raises(ValueError, match=r"`blocks` must begin anew .* the first pass had 100"):
        Temperature().fit_blocks(blocks)


def test_bad_blocks_are_refused():
    logits, labels = drawn(100, temperature=2.0)
    with pytest.raises(ValueError, match="There must be an example to fit"):
        Temperature().fit_blocks(lambda: iter([]))
    with pytest.raises(ValueError, match="one has 10 columns and one 9"):
        Temperature().fit_blocks(lambda: iter([(logits, labels), (logits[:, :9], np.zeros(100, np.int64))]))
    huge = np.array([[1e308, -1e308], [0.0, 1.0]])
    with pytest.raises(ValueError, match="closer together than the largest float64"):
        Temperature().fit(huge, np.array([0, 0]))


def test_every_label_wrong_by_the_logits_is_uninformative_and_never_a_negative_temperature():
    logits, _ = drawn(500, temperature=1.0)
    for labels in (logits.argmin(1), logits.argsort(1)[:, 0]):
        fitted = Temperature().fit(logits, labels)
        assert fitted.status_ is Status.UNINFORMATIVE
        assert fitted.temperature_ > 0


def test_masks_made_of_the_lowest_float_are_masks():
    logits, labels = drawn(300, temperature=2.0)
    low = np.insert(logits.astype(np.float32), 4, np.finfo(np.float32).min, axis=1)
    got, want = (
        Temperature().fit(low, labels + (labels >= 4)),
        Temperature().fit(logits.astype(np.float32), labels),
    )
    np.testing.assert_allclose(got.temperature_, want.temperature_, rtol=1e-12)


def test_a_label_whose_class_is_masked_is_refused():
    with pytest.raises(ValueError, match="the label of row 1 is masked"):
        Temperature().fit(np.array([[0.0, 1.0], [0.0, -np.inf]]), np.array([0, 1]))


def test_one_nan_logit_is_refused():
    logits, labels = drawn(100, temperature=1.0)
    logits[41, 3] = np.nan
    with pytest.raises(ValueError, match=r"`logits` must be finite, .* row 41 holds nan"):
        Temperature().fit(logits, labels)


def test_what_is_not_fitted_does_not_answer():
    scaler = Temperature()
    for ask in (lambda: scaler.transform(np.zeros((1, 2))), lambda: scaler.temperature_):
        with pytest.raises(AttributeError, match="`temperature_` is known only after a fit"):
            ask()
    with pytest.raises(AttributeError, match="has no attribute 'temperature'"):
        _ = scaler.temperature
    with pytest.raises(ValueError, match="`logits` must be finite"):
        scaler.fit(np.array([[np.nan]]), np.array([0]))
    assert not hasattr(scaler, "status_")


def test_bounds_must_be_two_rising_positive_numbers():
    with pytest.raises(ValueError, match="`bounds` must rise"):
        Temperature(bounds=(2.0, 1.0))
    with pytest.raises(ValueError, match="`bounds` must be a finite number above 0"):
        Temperature(bounds=(0.0, 1.0))
