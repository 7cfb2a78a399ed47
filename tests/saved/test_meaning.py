import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab._numerics import softmax
from smoothlab.saved import open_saved
from smoothlab.saved.meaning import TOLERANCE

LOGITS = np.array([[2.0, 0.5, -np.inf], [0.1, 0.3, 0.2]], np.float32)
LABELS = np.array([0, 2])
SHARES = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])


def logits_of(path, **declared):
    return open_saved(path, **declared).predictions().logits


@given(arrays(np.float64, 8, elements=st.floats(-30, 30)))
def test_a_binary_row_has_the_probability_of_its_logit(tmp_path_factory, z):
    path = tmp_path_factory.mktemp("z") / "z.npz"
    np.savez(path, logits=z, labels=np.zeros(8, int))
    # one rounding of the exponential and one of the quotient
    np.testing.assert_allclose(
        softmax(logits_of(path, task="binary"))[:, 1], 1 / (1 + np.exp(-z)), rtol=1e-14
    )


@given(arrays(np.float64, 8, elements=st.floats(0, 1)))
def test_the_softmax_of_a_binary_probability_is_that_probability(tmp_path_factory, p):
    path = tmp_path_factory.mktemp("p") / "p.npz"
    np.savez(path, probabilities=p, labels=np.zeros(8, int))
    got = softmax(logits_of(path, task="binary", kind="probabilities"))
    np.testing.assert_allclose(got, np.stack([1 - p, p], 1), atol=1e-15)


def test_the_softmax_of_probabilities_is_those_probabilities(npz):
    logits = logits_of(npz(probabilities=SHARES, labels=LABELS * 0), kind="probabilities")
    np.testing.assert_allclose(softmax(logits), SHARES, atol=1e-15)


def test_labels_of_one_example_stand_together(npz):
    z, truth = np.arange(6.0).reshape(2, 3), np.array([[0, 1, 1], [1, 0, 0]])
    said = open_saved(npz(logits=z, labels=truth), task="multilabel").predictions()
    assert said.logits[:, 1].tolist() == [0, 1, 2, 3, 4, 5]
    assert said.labels.tolist() == [0, 1, 1, 1, 0, 0]
    assert not said.logits[:, 0].any()
    assert np.array_equal(said.labels[2::3], truth[:, 2])  # every K-th row is label k


def test_padding_may_hold_anything(npz):
    logits = np.full((2, 3, 4), np.nan)
    labels = np.full((2, 3), -100)
    logits[0, 1], labels[0, 1] = [1, 2, 3, 4], 3
    said = open_saved(npz(logits=logits, labels=labels), ignore_index=-100).predictions()
    assert (said.logits.tolist(), said.labels.tolist()) == ([[1, 2, 3, 4]], [3])


def test_a_class_of_its_own_may_be_ignored(npz):
    saved = open_saved(npz(logits=np.eye(3), labels=np.array([0, 1, 0])), ignore_index=0)
    assert saved.predictions().labels.tolist() == [1]
    assert saved.ignored() == 2


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64, ">i4", np.float16, np.float64])
def test_labels_may_be_of_any_type_that_holds_whole_numbers(npz, dtype):
    saved = open_saved(npz(logits=LOGITS, labels=LABELS.astype(dtype)), ignore_index=-100)
    assert saved.predictions().labels.tolist() == [0, 2]


def test_truth_may_be_true_or_false(npz):
    path = npz(logits=np.array([0.5, -0.5]), labels=np.array([True, False]))
    assert open_saved(path, task="binary").predictions().labels.tolist() == [1, 0]


@pytest.mark.parametrize(("dtype", "classes"), [(np.float16, 1000), (np.float32, 1000), (np.float16, 2)])
def test_probabilities_may_be_rounded_to_their_type(npz, dtype, classes):
    shares = softmax(np.random.default_rng(0).normal(0, 4, (50, classes))).astype(dtype)
    assert len(logits_of(npz(probabilities=shares, labels=np.zeros(50, int)), kind="probabilities")) == 50


@pytest.mark.parametrize("miss", [TOLERANCE * 0.99, -TOLERANCE * 0.99, TOLERANCE * 1.01, -TOLERANCE * 1.01])
def test_a_sum_may_miss_one_by_the_tolerance_and_no_more(npz, miss):
    path = npz(probabilities=SHARES + np.array([[0, miss, 0], [0, 0, 0]]), labels=LABELS * 0)
    if abs(miss) < TOLERANCE:
        assert len(logits_of(path, kind="probabilities")) == 2
    else:
        with pytest.raises(ValueError, match=r"must sum to 1 within 0\.01, but row 0 has"):
            logits_of(path, kind="probabilities")


def test_logits_are_never_taken_for_probabilities(npz):
    # Rows that sum to 1 and lie in [0, 1] are logits all the same, if the caller says so.
    path = npz(logits=SHARES, probabilities=SHARES, labels=LABELS * 0)
    assert np.array_equal(logits_of(path), SHARES)


def changed(array, where, value):
    array = array.astype(float) if isinstance(value, float) else array.copy()
    array[where] = value
    return array


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("saved", "declared", "sentence"),
    [
        ({"logits": changed(LOGITS, (1, 2), NAN)}, {}, "for some masked classes, but row 1 has nan. Leave"),
        ({"logits": changed(LOGITS, (1, 2), INF)}, {}, "for some masked classes, but row 1 has inf. Leave"),
        ({"logits": changed(LOGITS, 1, -INF)}, {}, "but row 1 has -inf in every column. Leave"),
        ({"labels": [0, 3]}, {}, "A label must lie in 0 to 2, the classes there are, but row 1 has 3. Count"),
        ({"labels": [-1, 0]}, {}, "but row 0 has -1. Count classes from 0, and pass `ignore_index` if"),
        ({"labels": [0, 2**40]}, {}, "but row 1 has 1099511627776."),
        ({"labels": np.array([0, 2**64 - 1], np.uint64)}, {}, "but row 1 has 18446744073709551615."),
        ({"labels": [0.0, 1.5]}, {}, "A label must be a whole number, but row 1 has 1.5. Write the index"),
        ({"labels": [0.0, NAN]}, {}, "A label must be a whole number, but row 1 has nan."),
        ({"labels": [INF, 0.0]}, {}, "A label must be a whole number, but row 0 has inf."),
        (
            {"logits": [0.5, NAN], "labels": [0, 1]},
            {"task": "binary"},
            "A single logit must be finite, but row 1 has nan.",
        ),
        (
            {"logits": [-INF, 0.5], "labels": [0, 1]},
            {"task": "binary"},
            "A single logit must be finite, but row 0 has -inf.",
        ),
        (
            {"logits": [0.5, 1.0]},
            {"task": "binary"},
            "A label must lie in 0 to 1, the classes there are, but row 1",
        ),
        (
            {"logits": [[0.5, 1.0], [1, NAN]], "labels": np.eye(2)},
            {"task": "multilabel"},
            "A single logit must be finite, but row 1, label 1 has nan.",
        ),
        (
            {"logits": LOGITS[:, :2], "labels": [[0, 1], [2, 0]]},
            {"task": "multilabel"},
            "A label must lie in 0 to 1, the classes there are, but row 1, label 0 has 2.",
        ),
    ],
)
def test_a_number_that_breaks_a_rule_is_named_with_its_row(npz, saved, declared, sentence):
    path = npz(
        **{"logits": LOGITS, "labels": LABELS} | {name: np.asarray(array) for name, array in saved.items()}
    )
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: ')}.*{re.escape(sentence)}"):
        open_saved(path, **declared).predictions()


@pytest.mark.parametrize(
    ("shares", "task", "sentence"),
    [
        (
            SHARES * 1.1,
            "multiclass",
            "must sum to 1 within 0.01, but row 0 has 1.1. If these are logits, say kind='logits'",
        ),
        (SHARES * 100, "multiclass", "but row 0 has 100."),
        (changed(SHARES, (1, 2), NAN), "multiclass", "must sum to 1 within 0.01, but row 1 has nan."),
        (changed(SHARES, (1, 2), INF), "multiclass", "but row 1 has inf."),
        (
            SHARES + np.array([[0, 0, 0], [0, -0.1, 0.1]]),
            "multiclass",
            "must not be below 0, but row 1 has -0.1. If these are",
        ),
        (changed(SHARES, 0, [INF, -INF, 1]), "multiclass", "must not be below 0, but row 0 has -inf."),
        (np.full((2, 3), 1e308), "multiclass", "but row 0 has inf."),
        (np.array([0.5, 1.0001]), "binary", "A probability must lie in [0, 1], but row 1 has 1.0001."),
        (np.array([-1e-9, 1]), "binary", "A probability must lie in [0, 1], but row 0 has -1e-09."),
        (np.array([0.5, NAN]), "binary", "A probability must lie in [0, 1], but row 1 has nan."),
    ],
)
def test_what_are_no_probabilities_are_named_with_their_row(npz, shares, task, sentence):
    path = npz(probabilities=shares, labels=LABELS * 0)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        open_saved(path, kind="probabilities", task=task).predictions()


def test_rows_keep_their_number_when_others_are_ignored(npz):
    logits = np.eye(3).repeat(3, 0)
    logits[7] = np.nan
    path = npz(logits=logits, labels=[0, -1, 0, -1, -1, 1, 1, 2, 2])
    with pytest.raises(ValueError, match="but row 7 has nan"):
        open_saved(path, ignore_index=-1).predictions()


def test_a_position_in_a_sequence_is_named(npz):
    logits = np.random.default_rng(0).normal(size=(5, 3, 4))
    logits[3, 2, 1] = np.inf
    path = npz(logits=logits, labels=np.zeros((5, 3), int))
    for rows in (1, 4, 100):
        with pytest.raises(ValueError, match="but row 3, position 2 has inf"):
            list(open_saved(path).blocks(rows=rows))
