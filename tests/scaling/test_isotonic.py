"""Isotonic scaling beside scikit-learn's own, and where classes are masked or never right."""

import builtins

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from smoothlab._numerics import softmax
from smoothlab.measures import calibration_error, top_label
from smoothlab.scaling import Isotonic


def drawn(n, *, temperature=2.5, seed=0):
    random = np.random.default_rng(seed)
    logits = 4 * random.normal(size=(n, 4))
    return logits, (logits / temperature + random.gumbel(size=(n, 4))).argmax(1)


class Softmax(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are the softmax of its input."""

    classes_ = np.arange(4)

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return softmax(X)

    def predict(self, X):
        return X.argmax(1)

    def __sklearn_is_fitted__(self):
        return True


def test_the_probabilities_are_those_of_scikit_learn():
    logits, labels = drawn(1500)
    peer = CalibratedClassifierCV(FrozenEstimator(Softmax()), method="isotonic", ensemble=False, cv=2)
    want = peer.fit(logits, labels).predict_proba(logits)
    # it keeps the corners in float64, but interpolates what it has rounded to the type of the input
    np.testing.assert_allclose(Isotonic().fit(logits, labels).predict_proba(logits), want, atol=1e-7)


def test_overconfident_logits_become_calibrated_on_other_examples():
    fitted = Isotonic().fit(*drawn(5000))
    logits, labels = drawn(5000, seed=1)
    before = calibration_error(*top_label(logits, labels))
    after = calibration_error(*top_label(fitted.transform(logits), labels))
    assert before > 0.1
    assert after < 0.03  # 0.01 of a calibrated model, and as much for the fit's own error


@pytest.mark.parametrize("k", range(4))
def test_a_function_never_falls(k):
    places, heights = Isotonic().fit(*drawn(800)).steps_[k]
    assert (np.diff(places) > 0).all()
    assert (np.diff(heights) >= 0).all()
    assert heights.min() >= 0
    assert heights.max() <= 1


def test_a_masked_class_stays_masked_and_tells_nothing():
    logits, labels = drawn(500)
    masked = np.insert(logits, 1, -np.inf, axis=1)
    fitted, again = Isotonic().fit(logits, labels), Isotonic().fit(masked, labels + (labels >= 1))
    assert (again.transform(masked)[:, 1] == -np.inf).all()
    np.testing.assert_array_equal(np.delete(again.predict_proba(masked), 1, 1), fitted.predict_proba(logits))


def test_a_class_masked_in_some_rows_has_the_function_of_the_others():
    shown = np.tile([1.0, 0.0], (10, 1))
    hidden = np.tile([1.0, -np.inf], (40, 1))
    labels = np.concatenate([np.arange(10) < 6, np.zeros(40)]).astype(
        int
    )  # right 6 times of 10, where it takes part
    logits = np.vstack([shown, hidden])
    fitted = Isotonic().fit(logits, labels)
    assert [heights.tolist() for _, heights in fitted.steps_[1:]] == [[0.6]]
    np.testing.assert_allclose(fitted.predict_proba(logits[[0, 10]]), [[0.4, 0.6], [1, 0]], rtol=1e-14)


def test_where_no_class_was_ever_right_those_that_take_part_share_alike():
    logits = np.array([[5.0, 0.0, 0.0], [0.0, 0.0, 5.0]])
    fitted = Isotonic().fit(logits, np.array([0, 2]))
    assert fitted.predict_proba(np.array([[0.0, 50.0, -np.inf]])).tolist() == [[0.5, 0.5, 0.0]]


def test_without_scikit_learn_it_says_so(monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **named):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match="takes scikit-learn to fit, which is not installed"):
        Isotonic().fit(*drawn(10))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="row 0 holds nan"):
        Isotonic().fit(np.array([[np.nan, 0.0]]), np.array([0]))
    with pytest.raises(ValueError, match="row 0 has 2"):
        Isotonic().fit(np.zeros((1, 2)), np.array([2]))
