import numpy as np
import pytest

from smoothlab.accumulators import ClassBins, class_bins
from smoothlab.measures import classwise_calibration_error, classwise_calibration_test


def said(n, classes=4, seed=0, sharpness=2.0):
    """Labels drawn from the softmax of the logits themselves."""
    random = np.random.default_rng(seed)
    logits = sharpness * random.standard_normal((n, classes), np.float32)
    return logits, (logits + random.gumbel(size=(n, classes))).argmax(1)


def seen(logits, labels, block=1000) -> ClassBins:
    bins = ClassBins(classes=logits.shape[1])
    for start in range(0, len(labels), block):
        bins.update(logits[start : start + block], labels[start : start + block])
    return bins


def test_the_error_is_that_of_the_whole():
    logits, labels = said(5000)
    # probabilities are single precision's, and a few may be in another bin, where they hardly differ
    want = classwise_calibration_error(logits, labels)
    assert seen(2 * logits, labels).test().error == pytest.approx(
        classwise_calibration_error(2 * logits, labels), abs=1e-6
    )
    assert seen(logits, labels).test().error == pytest.approx(want, abs=1e-6)


def test_the_first_rows_have_the_null_law_of_the_whole():
    logits, labels = said(5000)
    got, want = seen(logits, labels).test(), classwise_calibration_test(logits, labels)
    # both are ends of 200 draws: they scatter by some 3 % of themselves
    np.testing.assert_allclose(got.null, want.null, rtol=0.1)


def test_rows_that_are_drawn_here_and_there_leave_the_law_as_it_is(monkeypatch):
    monkeypatch.setattr(class_bins, "_DRAWN_IN_FULL", 0)
    for classes in (2, 4):  # of two classes one mirrors the other, and all of the law is covariance
        logits, labels = said(60_000, classes=classes)
        thinned, full = seen(logits, labels, block=10_000), classwise_calibration_test(logits, labels)
        got = np.abs(thinned.sums["drawn"] / class_bins._UNIT).sum(2).mean(1) / 60_000
        # an error of a calibrated model is above 0 by its scatter, whose scale 300 rows a draw know to some percent
        assert np.mean(got) == pytest.approx(np.mean(full.null), rel=0.06)
        np.testing.assert_allclose(thinned.test().null, full.null, rtol=0.2)


def test_a_miscalibrated_model_is_found_out():
    logits, labels = said(5000)
    assert seen(logits, labels).test().p_value > 0.01
    assert seen(3 * logits, labels).test().p_value < 0.01


def test_two_shards_of_other_rows_do_not_draw_alike():
    logits, labels = said(300)  # even of equal logits, which tell most
    one, other = seen(logits, labels), seen(logits, labels[::-1].copy())
    both = (one.sums["drawn"].astype(float).ravel(), other.sums["drawn"].astype(float).ravel())
    assert abs(np.corrcoef(*both)[0, 1]) < 0.05


def test_very_many_classes_have_fewer_draws_and_not_more_memory():
    assert ClassBins(classes=10).draws == 200
    assert ClassBins(classes=50_000).draws == 39
