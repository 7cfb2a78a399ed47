"""The Kolmogorov-Smirnov calibration error, and the law of a Brownian motion's height."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from smoothlab.measures import consistency_test, kolmogorov_smirnov, smooth_calibration_error
from smoothlab.measures.kolmogorov import share_below

PAIRS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]) | st.floats(0, 1), st.booleans()), min_size=1
)


@given(PAIRS)
def test_it_is_the_largest_distance_between_what_was_right_and_what_was_promised(pairs):
    confidences, correct = (np.array(column) for column in zip(*pairs, strict=True))
    # every threshold there is, by definition: all examples at or below it
    want = max(abs((correct - confidences)[confidences <= t].sum()) for t in confidences) / len(pairs)
    np.testing.assert_allclose(kolmogorov_smirnov(confidences, correct).error, want, atol=1e-15)


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_rows_has_no_say_however_many_are_tied(pairs, random):
    one = kolmogorov_smirnov(*(np.array(column) for column in zip(*pairs, strict=True)))
    random.shuffle(pairs)
    other = kolmogorov_smirnov(*(np.array(column) for column in zip(*pairs, strict=True)))
    np.testing.assert_allclose([one.error, one.p_value], [other.error, other.p_value], atol=1e-12)


@pytest.mark.parametrize(
    ("height", "share"), [(1.0, 0.370777), (1.9600, 0.900020), (2.2414, 0.95), (2.8070, 0.99)]
)
def test_the_law_is_the_one_in_tables(height, share):
    np.testing.assert_allclose(share_below(height), share, atol=2e-5)


def test_the_law_is_that_of_the_images_too():
    # the same probability by reflection: sum_k (-1)^k [Phi((2k + 1) x) - Phi((2k - 1) x)]
    for height in (0.3, 0.7, 1.5, 3.0, 6.0):
        k = np.arange(-60, 61)
        images = (
            (-1.0) ** k * (stats.norm.cdf((2 * k + 1) * height) - stats.norm.cdf((2 * k - 1) * height))
        ).sum()
        np.testing.assert_allclose(share_below(height), images, atol=1e-13)
    assert share_below(0.0) == share_below(1e-9) == 0
    assert share_below(50.0) == 1


def test_the_p_value_is_close_to_the_drawn_one_and_not_below_it():
    random = np.random.default_rng(0)
    confidences = 0.3 + 0.7 * random.random(1000)
    for shift in (0.0, 0.03):
        correct = random.random(1000) < confidences - shift
        limit = kolmogorov_smirnov(confidences, correct)
        drawn = consistency_test(
            lambda c, a: kolmogorov_smirnov(c, a).error, confidences, correct, resamples=500
        )
        assert limit.error == drawn.error
        # 4 standard deviations of a share of 500, and the height that a walk misses between its steps
        assert -4 * np.sqrt(0.25 / 500) < limit.p_value - drawn.p_value < 4 * np.sqrt(0.25 / 500) + 0.03
        np.testing.assert_allclose(limit.null, drawn.null, rtol=0.15)


def test_a_calibrated_model_is_called_miscalibrated_as_often_as_the_level_says():
    p_values = []
    for seed in range(500):
        random = np.random.default_rng(seed)
        confidences = random.random(300)
        p_values.append(kolmogorov_smirnov(confidences, random.random(300) < confidences).p_value)
    # 3 standard deviations of a share of 500 are 2.9 % at 5 % and 6.7 % at one half; the limit is a little cautious
    assert 0.01 < np.mean(np.array(p_values) <= 0.05) < 0.05 + 0.029
    assert 0.5 - 0.067 - 0.05 < np.mean(np.array(p_values) <= 0.5) < 0.5 + 0.067


def test_certain_answers_have_no_scatter():
    certain = np.ones(20)
    right, wrong = (kolmogorov_smirnov(certain, np.full(20, hit)) for hit in (True, False))
    assert (right.error, right.null, right.p_value) == (0, (0, 0), 1)
    assert (wrong.error, wrong.null, wrong.p_value) == (1, (0, 0), 0)


def test_one_example_is_off_by_its_own_distance():
    assert kolmogorov_smirnov(np.array([0.75]), np.array([True])).error == 0.25


def test_it_is_no_larger_than_the_smooth_error_whose_sign_may_change():
    random = np.random.default_rng(2)
    confidences = random.random(3000)
    correct = random.random(3000) < np.where(confidences < 0.5, confidences + 0.2, confidences - 0.2)
    got = kolmogorov_smirnov(confidences, correct).error
    assert 0.08 < got < 0.12  # 0.2 of the lower half
    assert smooth_calibration_error(confidences, correct, bandwidth=0.01) > 0.18  # 0.2 of both


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_is_summed_in_float64(dtype):
    low = np.random.default_rng(3).random(5000).astype(dtype)
    correct = np.arange(5000) % 2 == 0
    assert kolmogorov_smirnov(low, correct) == kolmogorov_smirnov(low.astype(np.float64), correct)


def test_bad_arguments_get_one_sentence():
    with pytest.raises(ValueError, match=r"row 1 has -0\.5"):
        kolmogorov_smirnov(np.array([0.5, -0.5]), np.array([True, True]))
