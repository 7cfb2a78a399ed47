"""Intervals of one model's measures: Wilson's, and means whose losses come from few errors."""

import math

import numpy as np
import pytest
from scipy import stats

from smoothlab.measures import (
    accuracy,
    accuracy_estimate,
    brier_score,
    brier_score_estimate,
    confidence_gap,
    confidence_gap_estimate,
    negative_log_likelihood,
    negative_log_likelihood_estimate,
)
from smoothlab.measures.intervals import half_width, positive_estimate, share_estimate

MEASURES = [
    (accuracy, accuracy_estimate),
    (negative_log_likelihood, negative_log_likelihood_estimate),
    (brier_score, brier_score_estimate),
    (confidence_gap, confidence_gap_estimate),
]


def drawn(n, *, temperature=1.0, classes=10, scale=3.0, seed=0):
    random = np.random.default_rng(seed)
    logits = scale * random.normal(size=(n, classes))
    return logits, (logits / temperature + random.gumbel(size=(n, classes))).argmax(1)


@pytest.mark.parametrize(("measure", "estimate"), MEASURES)
@pytest.mark.parametrize("n", [1, 2, 300])
def test_an_interval_is_about_the_measure_and_holds_it(measure, estimate, n):
    logits, labels = drawn(n, temperature=2)
    got = estimate(logits, labels, level=0.9)
    np.testing.assert_allclose(got.value, measure(logits, labels), rtol=1e-12, atol=1e-15)
    assert got.low <= got.value <= got.high
    assert (got.n, got.level) == (n, 0.9)


@pytest.mark.parametrize(("measure", "estimate"), MEASURES)
def test_it_narrows_with_the_root_of_n_and_widens_with_the_level(measure, estimate):
    few, many = (estimate(*drawn(n)) for n in (400, 40_000))
    assert 8 < (few.high - few.low) / (many.high - many.low) < 12.5
    wide = estimate(*drawn(400), level=0.99)
    assert wide.low < few.low < few.high < wide.high


@pytest.mark.parametrize("n", [1, 5, 50, 1000])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilsons_interval_is_the_set_of_rates_that_his_test_accepts(n, level):
    hits = np.arange(n) < n // 3
    got, t = share_estimate(hits, level=level), stats.norm.ppf((1 + level) / 2)
    want = stats.binomtest(int(hits.sum()), n).proportion_ci(level, method="wilson")
    np.testing.assert_allclose([got.low, got.high], [want.low, want.high], atol=1e-14)
    for end in (got.low, got.high):
        assert math.isclose(abs(hits.mean() - end), t * math.sqrt(end * (1 - end) / n), abs_tol=1e-9)


@pytest.mark.parametrize("n", [1, 10, 10_000])
def test_all_right_is_not_certain(n):
    square = stats.norm.ppf(0.975) ** 2
    right, wrong = share_estimate(np.ones(n, bool)), share_estimate(np.zeros(n, bool))
    assert right.high == 1
    assert wrong.low == 0
    np.testing.assert_allclose([right.low, wrong.high], [n / (n + square), square / (n + square)], rtol=1e-12)


def test_the_half_width_is_students_where_values_are_normal():
    values = np.random.default_rng(0).normal(size=20_000)
    want = stats.t.ppf(0.975, 19_999) * stats.sem(values)
    np.testing.assert_allclose(half_width(values), want, rtol=1e-4)


def test_the_degrees_of_freedom_are_those_of_a_variance_as_badly_known():
    # one value of n that stands out: kurtosis n, to within 1/n, hence two degrees of freedom
    values = np.zeros(1000)
    values[17] = 1
    np.testing.assert_allclose(half_width(values), stats.t.ppf(0.975, 2.004) * stats.sem(values), rtol=1e-3)


def test_two_values_are_judged_as_student_does():
    np.testing.assert_allclose(half_width(np.array([1.0, 3.0])), stats.t.ppf(0.975, 1) * 1.0, rtol=1e-12)
    assert half_width(np.array([1.0])) == math.inf
    assert half_width(np.full(7, 0.1)) == 0


def test_the_scale_is_the_one_on_which_the_ends_are_as_far():
    values = np.random.default_rng(1).random(50)
    got = positive_estimate(0.3, values, most=2.0)
    on_scale = [math.log(end / (2 - end)) for end in (got.low, 0.3, got.high)]
    half = half_width(values) * (1 / 0.3 + 1 / 1.7)
    np.testing.assert_allclose(np.diff(on_scale), [half, half], rtol=1e-12)
    log = positive_estimate(0.3, values, most=math.inf)
    np.testing.assert_allclose(
        [log.low, log.high], 0.3 * np.exp([-1, 1] * np.array(half_width(values) / 0.3)), rtol=1e-12
    )


def test_no_end_leaves_the_range_of_the_measure():
    for n in (1, 2, 3):
        for seed in range(20):
            logits, labels = drawn(n, seed=seed, scale=30.0)
            assert negative_log_likelihood_estimate(logits, labels).low >= 0
            brier, gap = brier_score_estimate(logits, labels), confidence_gap_estimate(logits, labels)
            assert 0 <= brier.low <= brier.high <= 2
            assert -1 <= gap.low <= gap.high <= 1


def test_certain_and_right_is_not_known_to_stay_so():
    logits, labels = np.tile([2000.0, 0.0], (50, 1)), np.zeros(50, int)
    assert brier_score_estimate(logits, labels).value == 0
    np.testing.assert_allclose(brier_score_estimate(logits, labels).high, 2 * 0.0713, atol=1e-3)
    np.testing.assert_allclose(brier_score_estimate(logits, 1 - labels).low, 2 - 2 * 0.0713, atol=1e-3)
    likelihood = negative_log_likelihood_estimate(logits, labels)
    assert (likelihood.value, likelihood.low, likelihood.high) == (0, 0, math.inf)


def test_a_masked_label_makes_the_likelihood_infinite():
    got = negative_log_likelihood_estimate(np.array([[0.0, -np.inf], [0.0, 1.0]]), np.array([1, 1]))
    assert (got.value, got.low, got.high, got.n) == (math.inf, math.inf, math.inf, 2)


@pytest.mark.parametrize(("measure", "estimate"), MEASURES)
def test_float16_and_a_thousand_classes_are_taken(measure, estimate):
    logits, labels = drawn(200, classes=1000)
    low = logits.astype(np.float16)
    assert estimate(low, labels) == estimate(low.astype(np.float64), labels)


# logits of a model that is wrong in one case of thirty, and then mostly sure of it: 17 errors in 500 examples
@pytest.mark.parametrize(("measure", "estimate"), MEASURES)
def test_the_intervals_cover_where_errors_are_few_and_sure(measure, estimate):
    random = np.random.default_rng(2)
    labels = np.zeros(400_000, int)
    margin = np.where(
        random.random(400_000) < 1 / 30, -random.exponential(2, 400_000), random.exponential(6, 400_000)
    )
    logits = np.column_stack([margin, np.zeros(400_000)])
    truth = measure(logits, labels)
    covered = []
    for _ in range(400):
        rows = random.integers(0, 400_000, 500)
        interval = estimate(logits[rows], labels[rows])
        covered.append(interval.low <= truth <= interval.high)
    # 3 standard deviations of a share of 400 are 3.3 %
    assert np.mean(covered) > 0.95 - 0.033


def test_bad_levels_get_one_sentence():
    for _, estimate in MEASURES:
        with pytest.raises(ValueError, match=r"`level` must lie between 0 and 1, but got 95"):
            estimate(*drawn(5), level=95.0)
    with pytest.raises(ValueError, match="`level`"):
        negative_log_likelihood_estimate(np.array([[0.0, -np.inf]]), np.array([1]), level=0.0)
    with pytest.raises(ValueError, match="row 0 has 2"):
        accuracy_estimate(np.zeros((1, 2)), np.array([2]))
