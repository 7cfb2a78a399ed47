"""The logit-norm score, and the choice of its power on held-out examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab.measures import LogitNorm, aurc, confidences, logit_norm, top_label

LOGITS = arrays(np.float64, (4, 5), elements=st.floats(-20, 20))


@given(LOGITS, st.integers(1, 12))
def test_it_is_the_highest_centred_logit_over_the_norm(logits, power):
    centred = logits - logits.mean(1, keepdims=True)
    length = np.linalg.norm(centred, ord=power, axis=1)
    shown = length > 1e-6  # of a row that is all but equal no digit is left in either formula
    want = centred.max(1)[shown] / length[shown]
    np.testing.assert_allclose(logit_norm(logits, power=power)[shown], want, rtol=1e-7, atol=1e-9)


@given(LOGITS, st.floats(0.1, 10), st.floats(-50, 50))
def test_neither_scale_nor_offset_changes_it(logits, scale, offset):
    moved = logit_norm(scale * logits + offset, power=3)
    shown = np.ptp(logits, axis=1) > 1e-3
    np.testing.assert_allclose(moved[shown], logit_norm(logits, power=3)[shown], rtol=1e-8)


def test_equal_logits_score_nothing_and_one_that_stands_out_most():
    for value in (0.0, 0.1, -7.3, 1e6):
        assert logit_norm(np.full((1, 7), value), power=2).tolist() == [0]
    clear, hesitant = np.array([[9.0, 0, 0, 0], [9.0, 8.9, 0, 0]])
    for power in (1, 2, 5):
        assert logit_norm(clear[None], power=power) > logit_norm(hesitant[None], power=power)


def test_a_masked_class_leaves_the_mean_and_the_norm():
    plain, masked = np.array([[3.0, 1.0, 0.0]]), np.array([[3.0, -np.inf, 1.0, 0.0]])
    np.testing.assert_allclose(logit_norm(masked, power=2), logit_norm(plain, power=2), rtol=1e-15)
    assert logit_norm(np.array([[3.0, -np.inf]]), power=2).tolist() == [
        0
    ]  # one class has nothing to stand out from


def test_huge_logits_and_high_powers_do_not_overflow():
    for dtype, size in ((np.float16, 6e4), (np.float32, 3e38), (np.float64, 1e300)):
        got = logit_norm(np.array([[size, 0, -size / 2]], dtype), power=200)
        assert 0 < got[0] <= 1


@pytest.mark.parametrize("power", [1, 2, 3, 8])
def test_two_classes_score_the_same_to_the_last_bit(power):
    logits = np.random.default_rng(0).normal(0, 5, (1000, 2))
    assert len(set(logit_norm(logits, power=power))) == 1


def test_with_two_classes_the_maximum_probability_remains():
    random = np.random.default_rng(1)
    logits = random.normal(0, 2, (500, 2))
    labels = (logits + random.gumbel(size=(500, 2))).argmax(1)
    fitted = LogitNorm().fit(logits, labels)
    assert fitted.power_ is None
    assert fitted.aurc_ == fitted.aurc_before_
    np.testing.assert_array_equal(fitted.score(logits), confidences(logits))


def loud_and_quiet(n, seed, classes=20):
    """Logits whose scale says nothing, and whose shape says how likely they are right."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n, classes))
    labels = random.integers(0, classes, n)
    logits[np.arange(n), labels] += 2.5
    return logits * np.exp(random.normal(0, 1.5, (n, 1))), labels


def test_the_chosen_power_is_the_best_one_and_helps_on_other_examples():
    fitted = LogitNorm().fit(*loud_and_quiet(2000, 0))
    confident, correct = top_label(*loud_and_quiet(2000, 0))
    areas = [aurc(logit_norm(loud_and_quiet(2000, 0)[0], power=p), correct) for p in range(1, 9)]
    assert fitted.aurc_ == min(areas) < fitted.aurc_before_ == aurc(confident, correct)
    assert fitted.power_ == 1 + areas.index(min(areas))

    logits, labels = loud_and_quiet(2000, 1)
    confident, correct = top_label(logits, labels)
    assert aurc(fitted.score(logits), correct) < 0.8 * aurc(confident, correct)


def test_a_thousand_classes_in_float16_are_taken_in_blocks():
    logits, labels = loud_and_quiet(300, 2, classes=1000)
    low = (logits / 10).astype(np.float16)
    fitted = LogitNorm(powers=(2, 5)).fit(low, labels)
    assert fitted.power_ in (None, 2, 5)
    assert len(fitted.score(low)) == 300
    np.testing.assert_array_equal(logit_norm(low, power=5), logit_norm(low.astype(np.float64), power=5))


def test_without_any_error_or_any_right_answer_the_maximum_probability_remains():
    logits = np.random.default_rng(3).normal(size=(50, 5))
    for labels in (logits.argmax(1), logits.argmin(1)):
        assert LogitNorm().fit(logits, labels).power_ is None


def test_an_unfitted_score_does_not_answer():
    unfitted = LogitNorm()
    for name in ("power_", "aurc_", "aurc_before_"):
        with pytest.raises(
            AttributeError, match=r"known only after a fit. Call `fit\(logits, labels\)` first"
        ):
            getattr(unfitted, name)
    with pytest.raises(AttributeError, match="`power_` is known only after a fit"):
        unfitted.score(np.zeros((1, 2)))
    with pytest.raises(AttributeError, match="has no attribute 'powe'"):
        unfitted.powe  # noqa: B018


def test_bad_arguments_get_one_sentence():
    with pytest.raises(ValueError, match="`powers` must hold a whole number"):
        LogitNorm(powers=())
    with pytest.raises(ValueError, match="`powers` must be a whole number, at least 1, but got 0"):
        LogitNorm(powers=(0, 1))
    with pytest.raises(ValueError, match="`power` must be a whole number, at least 1"):
        logit_norm(np.zeros((1, 2)), power=0)
    with pytest.raises(ValueError, match="row 0 holds nan"):
        logit_norm(np.array([[np.nan, 0.0]]), power=2)
