"""The family of calibration errors, each against its formula written out in exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from smoothlab._numerics import softmax
from smoothlab.measures import (
    Binning,
    Norm,
    calibration_error,
    classwise_calibration_error,
    expected_calibration_error,
    within_top,
)
from smoothlab.measures.binning import bins_of
from smoothlab.measures.errors import folded_normal_mean

PAIRS = st.lists(
    st.tuples(st.floats(0, 1) | st.sampled_from([i / 15 for i in range(16)]), st.booleans()), min_size=1
)


def gaps_by_hand(confidences, correct, bins, binning):
    """Per bin that is not empty: its size, its accuracy and its gap, as exact fractions."""
    bin_of = bins_of(confidences, bins=bins, binning=binning)
    for b in sorted(set(bin_of)):
        inside = [i for i in range(len(confidences)) if bin_of[i] == b]
        accuracy = Fraction(sum(int(correct[i]) for i in inside), len(inside))
        claimed = sum(Fraction(float(confidences[i])) for i in inside) / len(inside)
        yield len(inside), accuracy, accuracy - claimed


def drawn(n, *, temperature=1.0, classes=10, scale=2.0, seed=0):
    """Logits and labels of a model whose logits divided by `temperature` are exactly calibrated."""
    random = np.random.default_rng(seed)
    logits = scale * random.normal(size=(n, classes))
    return logits, (logits / temperature + random.gumbel(size=(n, classes))).argmax(1)


@given(PAIRS, st.sampled_from([1, 4, 15]), st.sampled_from(Binning))
def test_each_norm_is_its_formula(pairs, bins, binning):
    confidences, correct = (np.array(column) for column in zip(*pairs, strict=True))
    parts, n = list(gaps_by_hand(confidences, correct, bins, binning)), len(pairs)
    want = {
        Norm.ABSOLUTE: float(sum(Fraction(m, n) * abs(gap) for m, _, gap in parts)),
        Norm.SQUARE: math.sqrt(sum(Fraction(m, n) * gap**2 for m, _, gap in parts)),
        Norm.MAXIMUM: float(max(abs(gap) for _, _, gap in parts)),
    }
    for norm, value in want.items():
        got = calibration_error(confidences, correct, bins=bins, binning=binning, norm=norm)
        np.testing.assert_allclose(got, value, atol=1e-14)  # sums of at most some 50 numbers below 1


@given(PAIRS, st.sampled_from([1, 4, 15]), st.sampled_from(Binning))
def test_each_debiased_norm_is_its_formula(pairs, bins, binning):
    confidences, correct = (np.array(column) for column in zip(*pairs, strict=True))
    parts, n = list(gaps_by_hand(confidences, correct, bins, binning)), len(pairs)
    square = sum(Fraction(m, n) * (gap**2 - a * (1 - a) / (m - 1)) for m, a, gap in parts if m > 1)
    got = calibration_error(confidences, correct, bins=bins, binning=binning, norm="square", debiased=True)
    np.testing.assert_allclose(got**2, max(0.0, float(square)), atol=1e-14)

    absolute = 0.0
    for m, a, gap in parts:
        deviation = math.sqrt(a * (1 - a) / m)
        mean = stats.foldnorm.mean(abs(gap) / deviation, scale=deviation) if deviation else abs(gap)
        absolute += m / n * (2 * abs(gap) - mean)
    got = calibration_error(confidences, correct, bins=bins, binning=binning, debiased=True)
    np.testing.assert_allclose(got, max(0.0, float(absolute)), atol=1e-14)


def test_the_mean_of_a_folded_normal_is_that_of_draws():
    normal = np.random.default_rng(0).normal(size=10**6)
    means, deviations = np.array([0.0, 0.5, -2.0, 7.0]), np.array([1.0, 2.0, 0.5, 1.0])
    want = [
        np.abs(mean + deviation * normal).mean() for mean, deviation in zip(means, deviations, strict=True)
    ]
    np.testing.assert_allclose(folded_normal_mean(means, deviations), want, atol=4 * 2e-3)  # 4 x 2/1000
    assert folded_normal_mean(np.array([-0.25]), np.zeros(1)).tolist() == [0.25]


def test_the_usual_ece_is_the_default_of_the_family():
    confidences, correct = np.random.default_rng(1).random(999), np.arange(999) % 3 == 0
    assert calibration_error(confidences, correct) == expected_calibration_error(confidences, correct)


@pytest.mark.parametrize("binning", Binning)
def test_debiasing_takes_the_bias_of_a_calibrated_model_away(binning):
    plain, square, absolute = [], [], []
    for seed in range(300):
        random = np.random.default_rng(seed)
        confidences = np.sqrt(random.random(400))
        correct = random.random(400) < confidences
        plain.append(calibration_error(confidences, correct, binning=binning, norm="square") ** 2)
        # the mean of max(0, .) would not be 0: the estimate before the root is, as it is unbiased
        parts = list(gaps_by_hand(confidences, correct, 15, binning))
        square.append(sum(m / 400 * float(g**2 - a * (1 - a) / (m - 1)) for m, a, g in parts if m > 1))
        absolute.append(calibration_error(confidences, correct, binning=binning, debiased=True))
    standard_error = np.std(square) / math.sqrt(300)
    assert abs(np.mean(square)) < 4 * standard_error < np.mean(plain) / 4
    assert np.mean(absolute) < 0.6 * np.mean(np.sqrt(plain))


def test_the_errors_are_ordered_as_norms_are():
    confidences, correct = np.random.default_rng(2).random(500), np.random.default_rng(3).random(500) < 0.4
    for binning in Binning:
        one, two, most = (
            calibration_error(confidences, correct, binning=binning, norm=norm) for norm in Norm
        )
        assert one < two < most


@pytest.mark.parametrize("classes", [2, 5, 1000])
@pytest.mark.parametrize("binning", Binning)
def test_over_classes_it_is_the_mean_of_each_classes_own(classes, binning):
    logits, labels = drawn(300, classes=classes)
    labels[labels == 1] = 0  # a class without examples
    chances = softmax(logits)
    own = [calibration_error(chances[:, j], labels == j, binning=binning) for j in range(classes)]
    squares = [
        calibration_error(chances[:, j], labels == j, binning=binning, norm="square", debiased=True)
        for j in range(classes)
    ]
    got = classwise_calibration_error(logits, labels, binning=binning)
    # a probability that falls on an edge may fall to its other side in another sum of the softmax: none here does
    np.testing.assert_allclose(got, np.mean(own), rtol=1e-11)
    got = classwise_calibration_error(logits, labels, binning=binning, norm="square", debiased=True)
    np.testing.assert_allclose(got, math.sqrt(np.mean(np.square(squares))), rtol=1e-9, atol=1e-12)
    got = classwise_calibration_error(logits, labels, binning=binning, norm="maximum")
    most = max(
        calibration_error(chances[:, j], labels == j, binning=binning, norm="maximum") for j in range(classes)
    )
    np.testing.assert_allclose(got, most, rtol=1e-11)


def test_two_classes_have_the_same_error_each():
    logits, labels = drawn(400, classes=2, temperature=2)
    chances = softmax(logits)[:, 1]
    np.testing.assert_allclose(
        classwise_calibration_error(logits, labels, bins=10),
        calibration_error(chances, labels == 1, bins=10),
        rtol=1e-9,
    )


def test_all_right_and_certain_is_0_and_all_wrong_and_certain_is_1():
    certain = np.ones(50)
    for norm in Norm:
        for binning in Binning:
            assert calibration_error(certain, np.ones(50, bool), binning=binning, norm=norm) == 0
            assert calibration_error(certain, np.zeros(50, bool), binning=binning, norm=norm) == 1
    for debiased in (False, True):
        assert calibration_error(certain, np.zeros(50, bool), norm="square", debiased=debiased) == 1
        assert calibration_error(certain, np.zeros(50, bool), debiased=debiased) == 1


def test_a_batch_of_one_has_its_own_distance_as_error():
    for norm in Norm:
        assert calibration_error(np.array([0.75]), np.array([True]), norm=norm) == 0.25
    # one answer has no variance that could be taken off: the square leaves it out, the absolute value keeps it
    assert calibration_error(np.array([0.75]), np.array([True]), norm="square", debiased=True) == 0
    assert calibration_error(np.array([0.75]), np.array([True]), debiased=True) == 0.25
    assert classwise_calibration_error(np.zeros((1, 4)), np.array([2])) == (3 * 0.25 + 0.75) / 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_is_summed_in_float64(dtype):
    logits, labels = drawn(500)
    logits = logits.astype(dtype)
    exact = logits.astype(np.float64)
    assert classwise_calibration_error(logits, labels) == classwise_calibration_error(exact, labels)
    confidences = np.random.default_rng(4).random(500).astype(dtype)
    correct = np.arange(500) % 2 == 0
    for norm in Norm:
        got = calibration_error(confidences, correct, norm=norm, binning="mass")
        assert got == calibration_error(confidences.astype(np.float64), correct, norm=norm, binning="mass")


def test_the_error_within_the_top_k_falls_to_0_where_k_is_all():
    logits, labels = drawn(2000, temperature=2)
    errors = [calibration_error(*within_top(logits, labels, k=k)) for k in (1, 3, 10)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-15


def test_bad_arguments_get_one_sentence():
    confidences, correct = np.array([0.5, 0.7]), np.array([True, False])
    with pytest.raises(ValueError, match=r"`confidences` must lie in \[0, 1\], but row 1 has 1.5"):
        calibration_error(np.array([0.5, 1.5]), correct)
    with pytest.raises(ValueError, match="`bins` must be a whole number, at least 1"):
        calibration_error(confidences, correct, bins=0)
    with pytest.raises(ValueError, match="`norm` must be one of 'absolute', 'square', 'maximum'"):
        calibration_error(confidences, correct, norm="l2")
    with pytest.raises(ValueError, match="`debiased` must be False for the maximum"):
        calibration_error(confidences, correct, norm="maximum", debiased=True)
    with pytest.raises(ValueError, match="row 0 has 2"):
        classwise_calibration_error(np.zeros((1, 2)), np.array([2]))
