"""Our scores, diagrams and temperatures beside the peers that are right, and where other peers fail."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import optimize, special, stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from smoothlab.measures import (
    accuracy,
    brier_score,
    confidences,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
)
from smoothlab.measures.poisson_binomial import cumulative
from smoothlab.scaling import Status, Temperature


def drawn(n, *, temperature=1.0, classes=10, scale=3.0, seed=0):
    random = np.random.default_rng(seed)
    logits = scale * random.normal(size=(n, classes))
    return logits, (logits / temperature + random.gumbel(size=(n, classes))).argmax(1)


LOGITS, LABELS = drawn(3000, temperature=1.7)


def test_the_scores_are_those_of_scikit_learn():
    chances, classes = special.softmax(LOGITS, axis=1), np.arange(10)
    assert accuracy(LOGITS, LABELS) == accuracy_score(LABELS, LOGITS.argmax(1))
    np.testing.assert_allclose(
        negative_log_likelihood(LOGITS, LABELS), log_loss(LABELS, chances, labels=classes), rtol=1e-12
    )
    want = brier_score_loss(LABELS, chances, labels=classes, scale_by_half=False)
    np.testing.assert_allclose(brier_score(LOGITS, LABELS), want, rtol=1e-12)


def test_the_diagram_is_that_of_scikit_learn_where_it_has_points():
    diagram = reliability(LOGITS, LABELS)
    rates, means = calibration_curve(LOGITS.argmax(1) == LABELS, confidences(LOGITS), n_bins=15)
    shown = diagram.count > 0
    np.testing.assert_allclose(diagram.accuracy[shown], rates, rtol=1e-12)
    np.testing.assert_allclose(diagram.confidence[shown], means, rtol=1e-12)


class AsItIs(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose decision function is its input."""

    classes_ = np.arange(10)

    def fit(self, X, y):
        return self

    def decision_function(self, X):
        return X

    def predict(self, X):
        return X.argmax(1)

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.parametrize("temperature", [0.5, 1.7, 8.0])
def test_the_temperature_is_that_of_scikit_learn(temperature):
    logits, labels = drawn(3000, temperature=temperature)
    peer = CalibratedClassifierCV(FrozenEstimator(AsItIs()), method="temperature", ensemble=False, cv=2)
    beta = peer.fit(logits, labels).calibrated_classifiers_[0].calibrators[0].beta_
    # it minimises the NLL by golden section, which cannot resolve T below the root of the NLL's last bit, 1e-8
    np.testing.assert_allclose(Temperature().fit(logits, labels).temperature_, 1 / beta, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.7, 8.0])
def test_the_temperature_is_the_root_that_brent_finds(temperature):
    logits, labels = drawn(3000, temperature=temperature)

    def slope(inverse):
        return np.mean(
            (special.softmax(inverse * logits, 1) * logits).sum(1) - logits[np.arange(3000), labels]
        )

    root = optimize.brentq(slope, 1e-3, 1e3, xtol=1e-15, rtol=1e-15)
    np.testing.assert_allclose(Temperature().fit(logits, labels).temperature_, 1 / root, rtol=1e-11)


@pytest.mark.parametrize("bounds", [(0.5, 1.2), (1.2, 2.5), (2.5, 9.0)], ids=["below", "around", "above"])
def test_between_bounds_the_temperature_is_the_least_that_scipy_finds_there(bounds):
    def nll(temperature):
        return -special.log_softmax(LOGITS / temperature, 1)[np.arange(3000), LABELS].mean()

    want = optimize.minimize_scalar(nll, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    fitted = Temperature(bounds=bounds).fit(LOGITS, LABELS)
    # it searches by golden section, as above, and stays inside by a few of its tolerances
    np.testing.assert_allclose(fitted.temperature_, want.x, rtol=1e-6)
    np.testing.assert_allclose(fitted.nll_after_, want.fun, rtol=1e-7)
    inside = bounds[0] < 1.7 < bounds[1]
    assert (fitted.temperature_ in bounds, fitted.status_) == (
        not inside,
        Status.OK if inside else Status.AT_BOUND,
    )


def test_the_distribution_of_right_answers_is_that_of_scipy():
    chances = confidences(LOGITS)[:300]
    want = stats.poisson_binom.cdf(np.arange(301), chances)
    np.testing.assert_allclose(cumulative(chances), want, atol=1e-12)


# Where peers fail; each test is one of their measured failures, turned round.


@pytest.mark.parametrize("temperature", [0.5, 8.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_under_and_a_very_overconfident_net_get_their_true_temperature(temperature, dtype):
    # gpleiss/temperature_scaling: -2.98 and 3.61; torch-uncertainty: near 0 at 8; netcal in float32: always 1
    logits, labels = drawn(5000, temperature=temperature)
    fitted = Temperature().fit(logits.astype(dtype), labels)
    assert fitted.status_ is Status.OK
    np.testing.assert_allclose(fitted.temperature_, temperature, rtol=0.1)  # 3 standard errors of the worse
    assert fitted.nll_after_ <= fitted.nll_before_


def test_a_nan_logit_stops_the_fit():  # probmetrics: 1.1e-7
    logits = LOGITS.copy()
    logits[17, 2] = np.nan
    with pytest.raises(ValueError, match="row 17 holds nan"):
        Temperature().fit(logits, LABELS)


def test_separable_data_are_called_separable():  # all peers: a temperature near 0, without a word
    assert Temperature().fit(LOGITS, LOGITS.argmax(1)).status_ is Status.SEPARABLE


def test_many_confidences_are_summed_exactly_enough():  # torchmetrics at 1e7: 0.00631 for 0.000354
    confident = np.random.default_rng(0).random(1_000_000, np.float32)
    correct = np.random.default_rng(1).random(1_000_000) < confident
    bin_of = np.ceil(confident.astype(np.float64) * 15).astype(int).clip(1) - 1
    exact = sum(
        abs(Fraction(int(correct[bin_of == b].sum())) - Fraction(math.fsum(confident[bin_of == b])))
        for b in range(15)
    )
    # 1e6 additions in float64, each with half an ulp of a sum below 1e5
    np.testing.assert_allclose(
        expected_calibration_error(confident, correct), float(exact / 1_000_000), atol=1e-11
    )


def test_a_batch_of_one_is_not_mistaken_for_probabilities():  # torchmetrics: 0.134 for 0.0213
    one = np.array([[0.2, 0.8]])  # a row of logits that looks like probabilities
    np.testing.assert_allclose(confidences(one), 1 / (1 + math.exp(-0.6)))


def test_certain_predictions_are_in_the_last_bin():  # torchmetrics: in a hidden bin after it
    certain = np.array([[200.0, 0.0]] * 4, np.float32)
    assert reliability(certain, np.array([0, 0, 0, 1])).count[-1] == 4


def test_a_label_that_does_not_exist_is_refused():  # torchmetrics: its check never fires for float predictions
    with pytest.raises(ValueError, match="row 1 has 10"):
        reliability(LOGITS[:2], np.array([0, 10]))


def test_a_calibrated_model_is_within_the_band_that_a_bootstrap_interval_misses():
    # the plug-in ECE of a calibrated model is not near 0, and the band knows it
    diagrams = [reliability(*drawn(500, scale=1.0, seed=seed), resamples=200) for seed in range(100)]
    inside = np.mean([diagram.null_ece[0] <= diagram.ece <= diagram.null_ece[1] for diagram in diagrams])
    assert min(diagram.null_ece[0] for diagram in diagrams) > 0.01
    assert inside > 0.95 - 3 * 0.022  # a share of 100
