"""The smooth calibration error against its integral, kernel by kernel."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from smoothlab.measures import calibration_error, smooth_calibration_error


def by_hand(confidences, correct, bandwidth):
    """The integral over [0, 1] of |r|, with the Gaussian reflected at both ends by its images."""
    t = np.linspace(0, 1, 4001)
    images = range(-int(5 * bandwidth) - 2, int(5 * bandwidth) + 3)
    smoothed = np.zeros_like(t)
    for confidence, hit in zip(confidences, correct, strict=True):
        for image in images:
            for place in (2 * image + confidence, 2 * image - confidence):
                smoothed += (hit - confidence) * stats.norm.pdf(t, place, bandwidth)
    return integrate.trapezoid(np.abs(smoothed), t) / len(correct)


RANDOM = np.random.default_rng(0)
CONFIDENCES = np.sqrt(RANDOM.random(60))
CORRECT = RANDOM.random(60) < CONFIDENCES**2


@pytest.mark.parametrize("bandwidth", [0.01, 0.05, 0.3, 2.0])
@pytest.mark.parametrize("n", [1, 2, 60])
def test_at_a_given_bandwidth_it_is_its_integral(bandwidth, n):
    got = smooth_calibration_error(CONFIDENCES[:n], CORRECT[:n], bandwidth=bandwidth)
    # confidences move by up to 2^-15 into their cells, and kernels of one sign change by that over the bandwidth
    np.testing.assert_allclose(got, by_hand(CONFIDENCES[:n], CORRECT[:n], bandwidth), rtol=2e-4)


@pytest.mark.parametrize("power", [0.3, 1.0, 3.0])
def test_its_own_bandwidth_is_the_one_that_equals_the_error(power):
    random = np.random.default_rng(3)
    confidences = random.random(30)
    correct = random.random(30) < confidences**power
    got = smooth_calibration_error(confidences, correct)
    np.testing.assert_allclose(smooth_calibration_error(confidences, correct, bandwidth=got), got, rtol=1e-9)
    root = optimize.brentq(lambda width: by_hand(confidences, correct, width) - width, 0.02, 1, xtol=1e-5)
    np.testing.assert_allclose(got, root, rtol=2e-4)


def test_a_wider_kernel_never_shows_more():
    widths = np.geomspace(1e-3, 10, 40)
    errors = [smooth_calibration_error(CONFIDENCES, CORRECT, bandwidth=width) for width in widths]
    assert (np.diff(errors) < 1e-12).all()
    # in the end it is the distance of the two means
    np.testing.assert_allclose(errors[-1], abs(CORRECT.mean() - CONFIDENCES.mean()), rtol=1e-3)


def test_an_error_of_one_sign_is_seen_whole_at_every_bandwidth():
    confidences = 0.5 + RANDOM.random(5000) / 2
    correct = np.zeros(5000, bool)
    for width in (None, 0.01, 1.0):
        got = smooth_calibration_error(confidences, correct, bandwidth=width)
        np.testing.assert_allclose(got, confidences.mean(), rtol=1e-11)
    np.testing.assert_allclose(calibration_error(confidences, correct), confidences.mean(), rtol=1e-11)


def test_it_moves_little_where_an_ece_jumps():
    # one half is an edge: on it right and wrong cancel, and a hair to its two sides they do not
    correct = np.arange(1000) % 2 == 0
    on, beside = np.full(1000, 0.5), np.where(correct, 0.5 - 1e-6, 0.5 + 1e-6)
    assert calibration_error(on, correct, bins=2) == 0
    assert calibration_error(beside, correct, bins=2) > 0.499
    assert smooth_calibration_error(on, correct) == 0
    # residuals of +-1/2 a distance d apart show about d / (2 sqrt(2 pi) s) at the bandwidth s: equal at sqrt(d / 5)
    assert smooth_calibration_error(beside, correct) < np.sqrt((2e-6 + 2**-14) / 5) * 1.1


def test_a_calibrated_model_has_less_the_more_examples_there_are():
    random = np.random.default_rng(5)
    errors = []
    for n in (100, 10_000, 1_000_000):
        confidences = random.random(n)
        errors.append(smooth_calibration_error(confidences, random.random(n) < confidences))
    # noise of the size sqrt(1 / (n s)) meets s near n^(-1/3)
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.01


def test_certain_answers_right_or_wrong_are_0_or_their_share():
    certain = np.ones(40)
    assert smooth_calibration_error(certain, np.ones(40, bool)) == 0
    np.testing.assert_allclose(smooth_calibration_error(certain, np.arange(40) >= 10), 0.25, rtol=1e-10)
    np.testing.assert_allclose(smooth_calibration_error(certain, np.zeros(40, bool)), 1, rtol=1e-10)
    np.testing.assert_allclose(smooth_calibration_error(np.zeros(40), np.ones(40, bool)), 1, rtol=1e-10)


def test_a_batch_of_one_is_off_by_its_own_distance():
    for confidence in (0.0, 0.3, 1.0):
        got = smooth_calibration_error(np.array([confidence]), np.array([False]))
        np.testing.assert_allclose(got, confidence, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_confidences_are_taken_as_they_are(dtype):
    low = CONFIDENCES.astype(dtype)
    assert smooth_calibration_error(low, CORRECT) == smooth_calibration_error(low.astype(np.float64), CORRECT)


def test_the_order_of_rows_has_no_say():
    order = np.random.default_rng(1).permutation(60)
    got = smooth_calibration_error(CONFIDENCES[order], CORRECT[order])
    np.testing.assert_allclose(got, smooth_calibration_error(CONFIDENCES, CORRECT), rtol=1e-11)


def test_bad_arguments_get_one_sentence():
    with pytest.raises(ValueError, match="`bandwidth` must be a finite number above 0, but got 0"):
        smooth_calibration_error(CONFIDENCES, CORRECT, bandwidth=0.0)
    with pytest.raises(ValueError, match="row 0 has nan"):
        smooth_calibration_error(np.array([np.nan]), np.array([True]))
