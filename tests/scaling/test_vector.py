"""Scalings with a bias for each class: the minimum, its uncertainty, and the cases without one."""

import math

import numpy as np
import pytest
from scipy import optimize, special

from smoothlab.scaling import BiasScaling, Status, Temperature, VectorScaling

BOTH = pytest.mark.parametrize("kind", [VectorScaling, BiasScaling])


def drawn(n, *, weights, biases, seed=0, scale=2.0):
    """Logits whose labels are drawn from softmax(weights * logits + biases)."""
    random = np.random.default_rng(seed)
    logits = scale * random.normal(size=(n, len(biases)))
    return logits, (weights * logits + biases + random.gumbel(size=logits.shape)).argmax(1)


def nll(logits, labels):
    return float(-special.log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


WEIGHTS, BIASES = np.array([0.5, 1.0, 1.5, 2.0]), np.array([1.0, -1.0, 0.5, -0.5])


def test_the_weights_and_biases_that_drew_the_labels_are_recovered():
    fitted = VectorScaling().fit(*drawn(20_000, weights=WEIGHTS, biases=BIASES))
    assert fitted.status_ is Status.OK
    assert abs(fitted.biases_.sum()) < 1e-12
    # eight standard normal numbers: the largest is above 3.5 once in 250 draws
    assert (abs(fitted.weights_ - WEIGHTS) < 3.5 * fitted.weight_standard_errors_).all()
    assert (abs(fitted.biases_ - BIASES) < 3.5 * fitted.bias_standard_errors_).all()
    assert fitted.weight_standard_errors_.max() < 0.05


def test_the_temperature_and_biases_that_drew_the_labels_are_recovered():
    fitted = BiasScaling().fit(*drawn(20_000, weights=1 / 2.5, biases=BIASES, scale=5.0))
    assert fitted.status_ is Status.OK
    assert abs(fitted.temperature_ - 2.5) < 3.5 * fitted.standard_error_
    assert (abs(fitted.biases_ - BIASES) < 3.5 * fitted.bias_standard_errors_).all()


@BOTH
def test_the_fit_is_the_minimum_that_scipy_finds(kind):
    logits, labels = drawn(800, weights=WEIGHTS, biases=BIASES, seed=1)
    fitted = kind().fit(logits, labels)

    def of(free):
        weights = free[:4] if kind is VectorScaling else free[:1]
        return nll(logits * weights + np.append(free[-3:], 0), labels)

    start = np.concatenate([np.ones(4 if kind is VectorScaling else 1), np.zeros(3)])
    want = optimize.minimize(of, start, method="BFGS", options={"gtol": 1e-9})
    weights = fitted.weights_ if kind is VectorScaling else 1 / np.array([fitted.temperature_])
    got = np.concatenate([weights, fitted.biases_[:3] - fitted.biases_[3]])
    np.testing.assert_allclose(got, want.x, atol=1e-5)  # it knows the slope to 1e-8 by differences
    np.testing.assert_allclose(fitted.nll_after_, nll(fitted.transform(logits), labels), rtol=1e-13)
    assert fitted.nll_after_ <= want.fun + 1e-13
    np.testing.assert_allclose(fitted.nll_before_, nll(logits, labels), rtol=1e-13)


@BOTH
def test_the_standard_errors_are_the_scatter_of_the_fits(kind):
    fits = [kind().fit(*drawn(400, weights=1.0, biases=BIASES[:3], seed=seed)) for seed in range(200)]
    # a standard deviation from 200 draws is known to 5 %; three of them, and 5 % for its own bias at n = 400
    for values, errors in [("biases_", "bias_standard_errors_")] + (
        [("weights_", "weight_standard_errors_")]
        if kind is VectorScaling
        else [("temperature_", "standard_error_")]
    ):
        scatter = np.std([getattr(fit, values) for fit in fits], axis=0, ddof=1)
        np.testing.assert_allclose(np.mean([getattr(fit, errors) for fit in fits], axis=0), scatter, rtol=0.2)


@BOTH
def test_more_parameters_never_fit_worse_than_a_temperature(kind):
    logits, labels = drawn(500, weights=WEIGHTS, biases=BIASES, seed=3)
    assert kind().fit(logits, labels).nll_after_ < Temperature().fit(logits, labels).nll_after_


def test_bias_scaling_is_vector_scaling_whose_weights_are_equal():
    logits, labels = drawn(600, weights=0.7, biases=BIASES, seed=4)
    one, each = BiasScaling().fit(logits, labels), VectorScaling().fit(logits, labels)
    assert each.nll_after_ < one.nll_after_ < each.nll_after_ + 4 / 600  # chi-square with 3 degrees, over 2 n


@BOTH
def test_units_and_offsets_of_a_column_are_taken_up_by_its_parameters(kind):
    logits, labels = drawn(300, weights=1.0, biases=BIASES, seed=5)
    moved = logits + np.array([1000.0, 0.0, -300.0, 5.0])
    fitted, again = kind().fit(logits, labels), kind().fit(100 * moved, labels)
    np.testing.assert_allclose(again.nll_after_, fitted.nll_after_, rtol=1e-10)
    # 1e5 is what the logits reach, and 1e-11 of it what float64 leaves of their differences
    np.testing.assert_allclose(
        special.softmax(again.transform(100 * moved), 1),
        special.softmax(fitted.transform(logits), 1),
        atol=1e-8,
    )


@BOTH
def test_a_masked_class_stays_masked_and_does_not_count(kind):
    logits, labels = drawn(400, weights=1.0, biases=BIASES, seed=6)
    masked = np.insert(logits, 2, -np.inf, axis=1)
    fitted, again = kind().fit(logits, labels), kind().fit(masked, labels + (labels >= 2))
    assert again.status_ is Status.OK
    scaled = again.transform(masked)
    assert (scaled[:, 2] == -np.inf).all()
    np.testing.assert_allclose(
        special.softmax(np.delete(scaled, 2, 1), 1), special.softmax(fitted.transform(logits), 1), atol=1e-9
    )
    # here and there: what is masked has no chance and tells nothing about its column
    logits[:200, 1] = np.where(labels[:200] == 1, logits[:200, 1], -np.inf)
    once = kind().fit(logits, labels)
    assert once.status_ is Status.OK
    np.testing.assert_allclose(once.nll_after_, nll(once.transform(logits), labels), rtol=1e-13)


@BOTH
def test_a_class_that_no_label_names_is_separable(kind):
    logits, labels = drawn(300, weights=1.0, biases=BIASES, seed=7)
    kept = labels != 3
    fitted = kind().fit(logits[kept], labels[kept])
    assert fitted.status_ is Status.SEPARABLE
    assert np.isnan(fitted.bias_standard_errors_).all()
    assert fitted.biases_[3] < -5  # on its way
    assert np.isfinite(fitted.biases_).all()
    assert fitted.nll_after_ < fitted.nll_before_


@BOTH
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_labels_that_are_never_beaten_are_separable(kind, scale):
    logits, _ = drawn(300, weights=1.0, biases=BIASES, seed=8, scale=scale)
    fitted = kind().fit(logits, logits.argmax(1))
    assert fitted.status_ is Status.SEPARABLE
    assert fitted.nll_after_ < 1e-6


def test_logits_that_speak_against_the_labels_leave_the_biases_alone():
    logits, labels = drawn(3000, weights=-1.0, biases=BIASES, seed=9)
    fitted = BiasScaling().fit(logits, labels)
    assert fitted.status_ is Status.UNINFORMATIVE
    assert fitted.temperature_ == math.inf
    shares = np.bincount(labels) / 3000  # what a bias alone can say
    np.testing.assert_allclose(fitted.predict_proba(logits), np.tile(shares, (3000, 1)), atol=1e-9)
    assert VectorScaling().fit(logits, labels).weights_.max() < -0.5  # which may turn logits round


def test_what_the_examples_cannot_tell_apart_has_no_standard_error():
    random = np.random.default_rng(10)
    half = random.normal(size=(500, 1))
    labels = (random.random(500) < special.expit(-3 * half[:, 0])).astype(int)
    fitted = VectorScaling().fit(np.hstack([half, -half]), labels)
    assert fitted.status_ is Status.OK
    assert np.isnan(fitted.weight_standard_errors_).all()  # only their sum is known
    assert np.isfinite(fitted.bias_standard_errors_).all()
    one = BiasScaling().fit(np.hstack([half, -half]), labels)
    np.testing.assert_allclose(fitted.weights_.sum(), 2 / one.temperature_, rtol=1e-8)
    assert np.isfinite(one.standard_error_)


@BOTH
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_logits_are_fitted_in_float64(kind, dtype):
    logits, labels = drawn(500, weights=1.0, biases=BIASES, seed=11)
    low = logits.astype(dtype)
    got, want = kind().fit(low, labels), kind().fit(low.astype(np.float64), labels)
    np.testing.assert_allclose(got.biases_, want.biases_, atol=1e-12)


@BOTH
def test_predictions_are_of_the_scaled_logits(kind):
    logits, labels = drawn(500, weights=1.0, biases=3 * BIASES, seed=12)
    fitted = kind().fit(logits, labels)
    assert (fitted.predict(logits) == labels).mean() > (logits.argmax(1) == labels).mean()
    np.testing.assert_array_equal(fitted.predict(logits), fitted.transform(logits).argmax(1))
    np.testing.assert_allclose(fitted.predict_proba(logits).sum(1), 1, rtol=1e-14)


@BOTH
def test_what_no_softmax_can_read_is_refused(kind):
    logits, labels = drawn(50, weights=1.0, biases=BIASES)
    logits[7, 1] = np.nan
    with pytest.raises(ValueError, match="row 7 holds nan"):
        kind().fit(logits, labels)
    with pytest.raises(ValueError, match="the label of row 1 is masked"):
        kind().fit(np.array([[0.0, 1.0], [0.0, -np.inf]]), np.array([0, 1]))
