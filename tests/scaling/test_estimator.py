"""Scalers as estimators of scikit-learn."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from smoothlab.measures import negative_log_likelihood
from smoothlab.scaling import BiasScaling, Isotonic, Temperature, VectorScaling

KINDS = (BiasScaling, Isotonic, Temperature, VectorScaling)
EACH = pytest.mark.parametrize("kind", KINDS)

LABELS_ARE_COLUMNS = "labels are the indices of logits' columns, and here they are something else"
ARRAYS_ALONE = "arguments are NumPy arrays of numbers; nothing is converted on the way in"
OWN_WORDS = "refused, in a sentence of ours"
NO_FEATURES = "one column of logits leaves nothing to decide, so it is no mistake"
TYPES_FIRST = "holds, but in these tests the types in signatures are checked before"
NOT_APPLICABLE = {
    "check_estimators_dtypes": TYPES_FIRST,
    "check_fit1d": TYPES_FIRST,
    "check_fit_score_takes_y": "the second argument of fit is called labels",
    "check_estimators_overwrite_params": LABELS_ARE_COLUMNS,
    "check_estimators_fit_returns_self": LABELS_ARE_COLUMNS,
    "check_readonly_memmap_input": LABELS_ARE_COLUMNS,
    "check_classifiers_classes": LABELS_ARE_COLUMNS,
    "check_classifiers_regression_target": OWN_WORDS,
    "check_supervised_y_no_nan": OWN_WORDS,
    "check_supervised_y_2d": "labels have one axis",
    "check_do_not_raise_errors_in_init_or_set_params": "arguments are judged where they are given",
    "check_n_features_in_after_fitting": OWN_WORDS,
    "check_estimators_empty_data_messages": OWN_WORDS,
    "check_estimators_nan_inf": "-inf is a masked class; NaN and inf are refused, in a sentence of ours",
    "check_complex_data": OWN_WORDS,
    "check_dtype_object": ARRAYS_ALONE,
    "check_estimator_sparse_tag": ARRAYS_ALONE,
    "check_estimator_sparse_array": ARRAYS_ALONE,
    "check_estimator_sparse_matrix": ARRAYS_ALONE,
    "check_classifier_data_not_an_array": ARRAYS_ALONE,
    "check_transformer_data_not_an_array": ARRAYS_ALONE,
    "check_classifiers_train": ARRAYS_ALONE,
    "check_classifiers_one_label": "a class that no label names has a column all the same",
    "check_transformer_general": "no fit_transform: the examples of the fit are not to be scaled and measured",
    "check_transformer_preserve_dtypes": "scaled logits are float64; no fit_transform",
    "check_fit2d_1feature": NO_FEATURES,
    "check_fit2d_predict1d": OWN_WORDS,
    "check_requires_y_none": OWN_WORDS,
}


def drawn(n, *, temperature=2.0, seed=0):
    random = np.random.default_rng(seed)
    logits = 3 * random.normal(size=(n, 4))
    return logits, (logits / temperature + random.gumbel(size=(n, 4))).argmax(1)


@EACH
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_rules_hold_where_they_are_not_about_features(kind):
    results = check_estimator(kind(), on_fail=None, on_skip=None, expected_failed_checks=NOT_APPLICABLE)
    failed = {
        result["check_name"]: str(result["exception"]) for result in results if result["status"] == "failed"
    }
    assert failed == {}
    assert sum(result["status"] == "passed" for result in results) >= 30


@EACH
def test_a_clone_has_the_arguments_and_nothing_of_the_fit(kind):
    fitted = kind().fit(*drawn(200))
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    assert not hasattr(again, "classes_")
    check_is_fitted(fitted)
    with pytest.raises(NotFittedError):
        check_is_fitted(again)


def test_arguments_are_judged_when_they_are_set():
    scaler = clone(Temperature(bounds=(0.5, 2.0)))
    assert scaler.get_params() == {"bounds": (0.5, 2.0)}
    assert repr(scaler.set_params(bounds=(0.1, 2.0))) == "Temperature(bounds=(0.1, 2.0))"
    assert scaler.set_params() is scaler
    with pytest.raises(ValueError, match="`bounds` must rise"):
        scaler.set_params(bounds=(2.0, 1.0))
    with pytest.raises(ValueError, match="`parameter` must be one of 'bounds'"):
        scaler.set_params(bound=(1.0, 2.0))


@EACH
def test_before_the_fit_nothing_answers(kind):
    logits, _ = drawn(3)
    for ask in (kind().transform, kind().predict, kind().predict_proba):
        with pytest.raises(NotFittedError, match="is known only after a fit"):
            ask(logits)
    with pytest.raises(AttributeError, match="has no attribute 'temperatur_'"):
        _ = kind().temperatur_


def test_without_scikit_learn_an_unfitted_scaler_raises_an_attribute_error():
    code = (
        "import sys, smoothlab.scaling as s\n"
        "try: s.VectorScaling().weights_\n"
        "except AttributeError as error: print(type(error).__name__, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["AttributeError", "False"]


@EACH
def test_a_fitted_scaler_knows_its_classes(kind):
    logits, labels = drawn(300)
    fitted = kind().fit(logits, labels)
    assert fitted.classes_.tolist() == [0, 1, 2, 3]
    assert fitted.n_features_in_ == 4
    np.testing.assert_allclose(fitted.predict_proba(logits).sum(1), 1, rtol=1e-14)
    np.testing.assert_array_equal(fitted.predict(logits), fitted.predict_proba(logits).argmax(1))
    with pytest.raises(ValueError, match="must have the 4 columns of the fit, but has 3"):
        fitted.transform(logits[:, :3])


@EACH
def test_it_ends_a_pipeline_and_is_cross_validated(kind):
    logits, labels = drawn(600)
    pipeline = make_pipeline(FunctionTransformer(np.ascontiguousarray), kind())
    chances = cross_val_predict(pipeline, logits, labels, method="predict_proba", cv=3)
    assert chances.shape == (600, 4)
    held_out = -np.log(np.maximum(chances[np.arange(600), labels], 1e-6)).mean()
    assert held_out < negative_log_likelihood(logits, labels)
    np.testing.assert_array_equal(
        pipeline.fit(logits, labels).predict(logits), kind().fit(logits, labels).predict(logits)
    )


def test_it_stands_before_another_step_and_is_searched():
    logits, labels = drawn(400)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn's own solvers
        behind = make_pipeline(Temperature(), LogisticRegression()).fit(logits, labels)
        search = GridSearchCV(
            Temperature(), {"bounds": [(0.9, 1.1), (1e-3, 1e3)]}, scoring="neg_log_loss", cv=3
        ).fit(logits, labels)
    assert behind.predict_proba(logits).shape == (400, 4)
    assert search.best_params_ == {"bounds": (1e-3, 1e3)}  # the truth is 2
