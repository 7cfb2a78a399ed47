"""Null bands and p-values: what a calibrated model would show, for any binning, norm, class or measure."""

import numpy as np
import pytest

from smoothlab._numerics import softmax
from smoothlab.measures import (
    Binning,
    Norm,
    calibration_error,
    calibration_test,
    classwise_calibration_error,
    classwise_calibration_test,
    consistency_test,
    expected_calibration_error,
    reliability,
    smooth_calibration_error,
    top_label,
    within_top,
)
from smoothlab.measures.poisson_binomial import count_quantile, cumulative, quantile


def drawn(n, *, temperature=1.0, classes=10, scale=2.0, seed=0):
    random = np.random.default_rng(seed)
    logits = scale * random.normal(size=(n, classes))
    return logits, (logits / temperature + random.gumbel(size=(n, classes))).argmax(1)


def test_it_is_the_test_of_the_reliability_diagram():
    logits, labels = drawn(700)
    diagram, test = reliability(logits, labels, seed=3), calibration_test(*top_label(logits, labels), seed=3)
    assert (test.error, test.null, test.p_value, test.n) == (
        diagram.ece,
        diagram.null_ece,
        diagram.p_value,
        700,
    )


@pytest.mark.parametrize("binning", Binning)
@pytest.mark.parametrize("norm", Norm)
def test_drawing_the_number_right_in_each_bin_is_as_good_as_drawing_every_answer(binning, norm):
    confidences, correct = top_label(*drawn(300, seed=1))
    fast = calibration_test(confidences, correct, binning=binning, norm=norm, resamples=4000)
    slow = consistency_test(
        lambda c, a: calibration_error(c, a, binning=binning, norm=norm),
        confidences,
        correct,
        resamples=1000,
        seed=1,
    )
    assert fast.error == pytest.approx(slow.error, rel=1e-13)  # the same terms, added in another order
    # an end of the band of 1000 draws scatters by some 7 % of the distance between the ends
    np.testing.assert_allclose(fast.null, slow.null, atol=0.2 * (slow.null[1] - slow.null[0]))
    assert abs(fast.p_value - slow.p_value) < 4 * np.sqrt(0.25 / 1000)


@pytest.mark.parametrize("binning", Binning)
@pytest.mark.parametrize("norm", [Norm.ABSOLUTE, Norm.MAXIMUM])
def test_a_calibrated_model_is_called_miscalibrated_as_often_as_the_level_says(binning, norm):
    p_values = np.array(
        [
            calibration_test(
                *top_label(*drawn(200, seed=seed)), binning=binning, norm=norm, resamples=100
            ).p_value
            for seed in range(150)
        ]
    )
    # 3 standard deviations of a share of 150 are 5.3 % at 5 %, 12.2 % at one half
    assert (p_values <= 0.05).mean() < 0.05 + 0.053
    assert abs((p_values <= 0.5).mean() - 0.5) < 0.122


def test_within_the_top_k_a_calibrated_model_passes_and_an_overconfident_one_does_not():
    assert calibration_test(*within_top(*drawn(2000), k=3)).p_value > 0.05
    assert calibration_test(*within_top(*drawn(2000, temperature=2), k=3)).p_value == 1 / 1001


@pytest.mark.parametrize("binning", Binning)
def test_over_classes_the_null_is_that_of_labels_drawn_one_by_one(binning):
    logits, labels = drawn(150, classes=4, seed=2)
    test = classwise_calibration_test(logits, labels, binning=binning, resamples=2000)
    assert test.error == pytest.approx(
        classwise_calibration_error(logits, labels, binning=binning), rel=1e-14
    )
    random, chances = np.random.default_rng(8), softmax(logits)
    null = [
        classwise_calibration_error(
            logits, np.array([random.choice(4, p=row) for row in chances]), binning=binning
        )
        for _ in range(300)
    ]
    # the ends and the middle of 300 draws scatter by some 10 % of the distance between the ends
    np.testing.assert_allclose(test.null, np.quantile(null, [0.025, 0.975]), atol=0.3 * np.ptp(test.null))
    assert abs(test.p_value - np.mean(np.array(null) >= test.error)) < 4 * np.sqrt(0.25 / 300)


def test_over_classes_a_calibrated_model_is_called_miscalibrated_as_often_as_the_level_says():
    p_values = np.array(
        [
            classwise_calibration_test(*drawn(100, classes=5, seed=seed), resamples=99).p_value
            for seed in range(250)
        ]
    )
    assert (p_values <= 0.05).mean() < 0.05 + 0.041
    assert abs((p_values <= 0.5).mean() - 0.5) < 0.095


def test_over_classes_an_error_that_the_top_label_hides_is_seen():
    # the first class is claimed with its true 1/2, but the others, equally likely, are claimed unequally
    logits = np.log(np.tile([0.5, 0.4, 0.1], (600, 1)))
    labels = np.array([0, 1, 0, 2] * 150)
    assert calibration_test(*top_label(logits, labels)).p_value == 1
    assert classwise_calibration_test(logits, labels).p_value < 0.01


def test_a_thousand_classes_are_tested_block_by_block():
    logits, labels = drawn(5000, classes=1000, scale=3.0)  # more rows than a block of draws holds
    test = classwise_calibration_test(logits, labels, resamples=20)
    assert test.null[0] < test.error < 1.2 * test.null[1]


def test_a_masked_class_is_never_drawn():
    logits = np.tile([0.0, 0.0, -np.inf], (50, 1))
    test = classwise_calibration_test(logits, np.arange(50) % 2, resamples=50)
    assert test.error == 0
    assert test.null[1] < 0.2  # a label of the masked class would be an error of 1/50 each time
    assert test.p_value == 1


def test_any_measure_gets_a_null_band_and_an_over_and_underconfident_model_leave_it():
    random = np.random.default_rng(5)
    confidences = 0.5 + random.random(500) / 2
    for chances, inside in ((confidences, True), (confidences - 0.2, False), (confidences**0.1, False)):
        test = consistency_test(
            smooth_calibration_error, confidences, random.random(500) < chances, resamples=50
        )
        assert (test.error <= test.null[1]) == inside
        assert (test.p_value > 1 / 51) == inside


def test_one_seed_gives_one_result():
    answers = top_label(*drawn(300))
    assert calibration_test(*answers) == calibration_test(*answers)
    assert calibration_test(*answers).null != calibration_test(*answers, seed=1).null
    assert classwise_calibration_test(*drawn(50)) == classwise_calibration_test(*drawn(50))


def test_certain_answers_have_no_scatter():
    assert calibration_test(np.ones(30), np.ones(30, bool)).p_value == 1
    one_wrong = calibration_test(np.ones(30), np.arange(30) > 0)
    assert (one_wrong.error, one_wrong.null, one_wrong.p_value) == (1 / 30, (0, 0), 1 / 1001)


def test_the_law_of_many_answers_is_close_to_the_exact_one():
    chances = np.random.default_rng(6).random(100_000)  # variance 16 667: the normal law is used
    levels = np.array([0.001, 0.025, 0.5, 0.975, 0.999])
    got, exact = count_quantile(chances, levels), quantile(cumulative(chances), levels)
    np.testing.assert_allclose(got, exact, atol=2)  # of a standard deviation of 129
    rare = np.full(100_000, 1e-5)  # variance 1: a normal law would be far off, so it is not used
    np.testing.assert_array_equal(count_quantile(rare, levels), quantile(cumulative(rare), levels))


def test_a_million_confidences_are_tested_in_a_moment():
    random = np.random.default_rng(7)
    confidences = random.random(10**6)
    test = calibration_test(confidences, random.random(10**6) < confidences)
    want = expected_calibration_error(
        confidences, np.random.default_rng(7).random(2 * 10**6)[10**6 :] < confidences
    )
    assert test.error == pytest.approx(want, rel=1e-11)  # a million terms, added in another order
    assert test.null[0] < test.error < test.null[1]


def test_bad_arguments_get_one_sentence():
    for test in (calibration_test, lambda *a, **k: consistency_test(calibration_error, *a, **k)):
        with pytest.raises(ValueError, match="`resamples` must be a whole number, at least 1"):
            test(np.array([0.5]), np.array([True]), resamples=0)
        with pytest.raises(ValueError, match=r"row 0 has 2\.0"):
            test(np.array([2.0]), np.array([True]))
    with pytest.raises(ValueError, match="`resamples`"):
        classwise_calibration_test(np.zeros((1, 2)), np.array([0]), resamples=0)
    with pytest.raises(ValueError, match="`binning` must be one of"):
        classwise_calibration_test(np.zeros((1, 2)), np.array([0]), binning="equal")
