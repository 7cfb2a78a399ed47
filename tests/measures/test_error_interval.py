"""The interval of the ECE: it covers, for calibrated models too, and is never empty."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.measures import (
    Binning,
    calibration_error,
    calibration_error_estimate,
    calibration_test,
)

PAIRS = st.lists(
    st.tuples(st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0]), st.booleans()), min_size=1, max_size=60
)


@given(PAIRS, st.sampled_from([1, 15]), st.sampled_from(Binning))
def test_it_lies_in_the_unit_interval_holds_its_value_and_has_a_width(pairs, bins, binning):
    confidences, correct = (np.array(column) for column in zip(*pairs, strict=True))
    got = calibration_error_estimate(confidences, correct, bins=bins, binning=binning)
    assert 0 <= got.low <= got.value <= got.high <= 1
    assert got.high > 0
    assert got.n == len(pairs)


def test_its_value_is_the_debiased_error():
    random = np.random.default_rng(0)
    confidences = random.random(2000)
    for shift in (0.0, 0.1):
        correct = random.random(2000) < confidences - shift
        for binning in Binning:
            got = calibration_error_estimate(confidences, correct, binning=binning)
            want = calibration_error(confidences, correct, binning=binning, debiased=True)
            assert got.value == pytest.approx(want, rel=1e-12)  # the same terms, added in another order


def sample(random, n, shift):
    """Confidences from 1/2 to 1, whose answers are right less often by `shift`."""
    confidences = 0.5 + random.random(n) / 2
    return confidences, random.random(n) < confidences - shift


# the hardest shift is the one whose gaps are as large as their noise: 0.03 in bins of 1000/8 examples
@pytest.mark.parametrize("shift", [0.0, 0.03, 0.2, -0.03])
@pytest.mark.parametrize("binning", Binning)
def test_it_covers(shift, binning):
    random = np.random.default_rng(1)
    chances = shift if shift >= 0 else 0.03 - 0.0009  # above 0.97 nothing can be right 0.03 more often
    covered = []
    for _ in range(120):
        got = calibration_error_estimate(*sample(random, 1000, shift), binning=binning)
        covered.append(got.low <= chances <= got.high)
    # 3 standard deviations of a share of 120 are 6 %; benchmarks/coverage.py looks more closely
    assert np.mean(covered) > 0.95 - 0.06


def test_a_percentile_bootstrap_does_not_cover_a_calibrated_model_and_this_does():
    random = np.random.default_rng(2)
    bootstrap, ours = [], []
    for _ in range(40):
        confidences, correct = sample(random, 300, 0.0)
        rows = random.integers(0, 300, (50, 300))
        errors = [calibration_error(confidences[row], correct[row]) for row in rows]
        bootstrap.append(np.quantile(errors, 0.025) <= 0)
        ours.append(calibration_error_estimate(confidences, correct).low == 0)
    assert np.mean(bootstrap) == 0
    assert np.mean(ours) > 0.95 - 0.11  # 3 standard deviations of a share of 40


def test_it_leaves_0_about_where_the_null_band_is_left():
    random, agree = np.random.default_rng(3), []
    for shift in np.linspace(0, 0.1, 40):
        confidences, correct = sample(random, 600, shift)
        test = calibration_test(confidences, correct)
        agree.append(
            (calibration_error_estimate(confidences, correct).low > 0) == (test.error > test.null[1])
        )
    assert np.mean(agree) > 0.9


def test_a_large_error_gets_the_interval_of_a_mean():
    # all off to one side: the ECE is the mean of p - a, and so is its interval
    random = np.random.default_rng(4)
    confidences, correct = sample(random, 20_000, 0.3)
    got = calibration_error_estimate(confidences, correct)
    away = confidences - correct
    half = 1.96 * away.std() / np.sqrt(20_000)
    np.testing.assert_allclose([got.low, got.high], away.mean() + np.array([-half, half]), atol=0.1 * half)


def test_the_noise_of_counts_is_noise_too():
    # half are claimed with 0.6 and wrong, the others with 1 and right: the ECE is 0.6 times a share, and scatters as it
    random = np.random.default_rng(8)
    off = random.random(20_000) < 0.5
    got = calibration_error_estimate(np.where(off, 0.6, 1.0), ~off)
    np.testing.assert_allclose(got.high - got.low, 2 * 1.96 * 0.6 * 0.5 / np.sqrt(20_000), rtol=0.15)


def test_the_upper_end_takes_the_bias_of_noise_off():
    random = np.random.default_rng(9)
    saved = []
    for _ in range(20):
        confidences, correct = sample(random, 1000, 0.0)
        # a bound that holds without a word on bias: the plug-in and 1.96 standard deviations
        plain = calibration_error(confidences, correct) + 1.96 * np.sqrt(
            (confidences * (1 - confidences)).mean() / 1000
        )
        saved.append(plain - calibration_error_estimate(confidences, correct).high)
    assert np.mean(saved) > 0.003


def test_bins_without_a_surprise_take_nothing_off_the_upper_end():
    confidences, correct = np.full(1000, 0.7), np.arange(1000) < 550
    alone = calibration_error_estimate(confidences, correct).high
    certain = 1 - np.arange(1, 15).repeat(100) * 1e-9  # 14 bins of equal mass, all right
    both = calibration_error_estimate(
        np.concatenate([confidences, certain]),
        np.concatenate([correct, np.ones(1400, bool)]),
        bins=24,
        binning="mass",
    )
    assert both.high > 1000 / 2400 * alone


def test_luck_is_no_evidence():
    # 70 of 100 right where 70 % are claimed, in each of ten bins: an ECE of 0, which no calibrated model promises
    confidences = np.repeat(np.linspace(0.35, 0.95, 10).round(2), 1000)
    correct = np.tile(np.arange(1000), 10) < (confidences * 1000).round()
    assert calibration_error(confidences, correct) < 1e-12
    assert calibration_error_estimate(confidences, correct).high > 0.01


def test_certain_and_right_is_not_known_to_stay_so():
    got = calibration_error_estimate(np.ones(100), np.ones(100, bool))
    assert (got.value, got.low) == (0, 0)
    # Clopper and Pearson: no wrong answer in 100 is compatible with a rate of up to 3.6 %
    assert 0.02 < got.high < 0.06


def test_one_example_and_float16_are_taken():
    got = calibration_error_estimate(np.array([0.75]), np.array([True]))
    assert got.high - got.low > 0.5  # one example says little
    confidences, correct = sample(np.random.default_rng(5), 500, 0.1)
    low = confidences.astype(np.float16)
    assert calibration_error_estimate(low, correct) == calibration_error_estimate(
        low.astype(np.float64), correct
    )


def test_one_seed_gives_one_interval_and_another_nearly_the_same():
    answers = sample(np.random.default_rng(6), 500, 0.05)
    one, again, other = (calibration_error_estimate(*answers, seed=seed) for seed in (0, 0, 1))
    assert one == again
    np.testing.assert_allclose([one.low, one.high], [other.low, other.high], atol=0.005)


def test_a_higher_level_is_wider():
    answers = sample(np.random.default_rng(7), 500, 0.1)
    narrow, wide = (calibration_error_estimate(*answers, level=level) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_bad_arguments_get_one_sentence():
    with pytest.raises(ValueError, match=r"`level` must lie between 0 and 1, but got 95"):
        calibration_error_estimate(np.array([0.5]), np.array([True]), level=95.0)
    with pytest.raises(ValueError, match="`bins`"):
        calibration_error_estimate(np.array([0.5]), np.array([True]), bins=0)
    with pytest.raises(ValueError, match=r"row 0 has 1\.5"):
        calibration_error_estimate(np.array([1.5]), np.array([True]))
