"""Answers in clusters: intervals of clusters, whatever the answers within."""

import math

import numpy as np
import pytest
from scipy import stats

from smoothlab.measures import (
    accuracy_estimate,
    augrc_estimate,
    aurc_estimate,
    brier_score_estimate,
    calibration_error_estimate,
    confidence_gap_estimate,
    excess_aurc_estimate,
    mean_estimate,
    negative_log_likelihood_estimate,
    top_label,
)
from smoothlab.measures.clusters import MOST, effective_size, numbered, sums_of
from smoothlab.measures.intervals import Moments, half_width, share_estimate

RANDOM = np.random.default_rng(0)
G, SIZE = 60, 20
CLUSTERS = np.repeat(np.arange(G), SIZE)
OF_LOGITS = (
    accuracy_estimate,
    negative_log_likelihood_estimate,
    brier_score_estimate,
    confidence_gap_estimate,
)
OF_ANSWERS = (aurc_estimate, excess_aurc_estimate, augrc_estimate, calibration_error_estimate)


def drawn(alike: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels that have a part in common within a cluster."""
    random = np.random.default_rng(seed)

    def normal() -> np.ndarray:
        own, shared = random.normal(size=(G * SIZE, 4)), random.normal(size=(G, 4))
        return math.sqrt(1 - alike) * own + math.sqrt(alike) * shared[CLUSTERS]

    logits = 2 * normal()
    return logits, (logits + normal()).argmax(1)


def estimates(logits: np.ndarray, labels: np.ndarray, clusters: np.ndarray | None) -> list:
    answers = top_label(logits, labels)
    return [
        *(estimate(logits, labels, clusters=clusters) for estimate in OF_LOGITS),
        *(estimate(*answers, clusters=clusters) for estimate in OF_ANSWERS),
    ]


def test_the_variance_of_a_mean_is_that_of_the_ratio_of_sums():
    values, clusters = RANDOM.normal(3, 1, 500), RANDOM.integers(0, 40, 500)
    sums, sizes = sums_of(values, clusters)
    moments = Moments.of_sums(sums, sizes)
    away = [sum(values[clusters == g] - values.mean()) for g in range(40)]
    variance = 40 / 39 * sum(each**2 for each in away) / 500**2
    kurtosis = moments.fourth / moments.square**2
    t = stats.t.ppf(0.975, min(39, 80 / (kurtosis - 1)))
    assert (moments.n, moments.mean) == (40, pytest.approx(values.mean(), rel=1e-14))
    assert half_width(moments) == pytest.approx(t * math.sqrt(variance), rel=1e-12)


def test_clusters_of_one_size_are_as_runs_of_their_means():
    values = RANDOM.normal(size=G * SIZE)
    sums, sizes = sums_of(values, CLUSTERS)
    found, want = Moments.of_sums(sums, sizes), Moments.of(values.reshape(G, SIZE).mean(1))
    assert found == pytest.approx(want, rel=1e-10)
    low = found.mean - stats.t.ppf(0.975, G - 1) * math.sqrt(found.square / (G - 1))
    assert low == pytest.approx(mean_estimate(values.reshape(G, SIZE).mean(1)).low, rel=1e-10)


@pytest.mark.parametrize("index", range(len(OF_LOGITS + OF_ANSWERS)))
def test_the_order_and_the_names_of_clusters_have_no_say(index):
    logits, labels = drawn(0.5)
    order = np.random.default_rng(1).permutation(len(labels))
    names = np.random.default_rng(2).permutation(10**6)[:G]
    one = estimates(logits, labels, CLUSTERS)[index]
    other = estimates(logits[order], labels[order], names[CLUSTERS[order]])[index]
    # the draws behind the ECE see the same covariance, but for rounding
    assert (other.low, other.high) == pytest.approx((one.low, one.high), rel=1e-6, abs=1e-9)
    assert one.n == G


@pytest.mark.parametrize("index", range(len(OF_LOGITS) + 3))
def test_repeating_every_answer_tells_nothing_new(index):
    logits, labels = drawn(0.0)
    alone = np.arange(G * SIZE)
    once = estimates(logits, labels, alone)[index]
    twice = estimates(np.repeat(logits, 2, 0), np.repeat(labels, 2), np.repeat(alone, 2))[index]
    # an area changes with the size of its steps, by less than 1 in n
    tolerance = 1e-9 if index < len(OF_LOGITS) else 1e-3
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), rel=tolerance)


@pytest.mark.parametrize("index", range(len(OF_LOGITS + OF_ANSWERS)))
def test_what_is_alike_has_a_wider_interval(index):
    logits, labels = drawn(0.8)
    naive, found = (estimates(logits, labels, clusters)[index] for clusters in (None, CLUSTERS))
    assert found.value == pytest.approx(naive.value, rel=1e-12)
    assert found.high - found.low > 1.3 * (naive.high - naive.low)


@pytest.mark.parametrize("index", range(len(OF_LOGITS + OF_ANSWERS)))
def test_one_cluster_says_nothing_of_others(index):
    logits, labels = drawn(0.0)
    found = estimates(logits, labels, np.zeros(G * SIZE, int))[index]
    widest = [(0, 1), (0, math.inf), (0, 2), (-1, 1), (0, 1), (0, math.log(2)), (0, 0.5), (0, 1)]
    assert (found.low, found.high) == pytest.approx(widest[index])


def test_where_all_are_right_a_cluster_counts_for_one():
    all_right = share_estimate(np.ones(G * SIZE, bool), clusters=CLUSTERS)
    t = stats.t.ppf(0.975, G - 1)
    assert all_right.low == pytest.approx(1 / (1 + t**2 / G))
    uneven = np.minimum(np.arange(200), 100) // 2 * 2  # half of the answers are one cluster
    assert share_estimate(np.ones(200, bool), clusters=uneven).low < 0.6
    assert float(effective_size(np.array([100, 1]))) < 1.03


def test_many_clusters_are_added_in_groups():
    clusters = np.arange(5 * MOST)
    assert np.array_equal(numbered(clusters, n=len(clusters)), clusters % MOST)
    hits = np.random.default_rng(3).random(5 * MOST) < 0.7
    alone, grouped = share_estimate(hits), share_estimate(hits, clusters=clusters)
    # with 1023 degrees of freedom a deviation is known to 1 in sqrt(2 * 1023), or 2.2 %
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.08)


@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_the_intervals_of_clusters_cover(alike):
    values, hits, repeats = np.random.default_rng(4), 0, 400
    for _ in range(repeats):
        own, shared = values.normal(size=(30, 10)), values.normal(size=(30, 1))
        right = (math.sqrt(1 - alike) * own + math.sqrt(alike) * shared < 0.5).ravel()
        found = share_estimate(right, clusters=np.repeat(np.arange(30), 10))
        hits += found.low <= stats.norm.cdf(0.5) <= found.high
    assert hits / repeats > 0.95 - 3 * math.sqrt(0.95 * 0.05 / repeats)


def test_there_is_a_cluster_for_each_answer():
    with pytest.raises(ValueError, match="`answers` has 3, `clusters` has 2"):
        numbered(np.zeros(2, int), n=3)


def test_a_single_bin_far_off_scatters_as_the_gap_does():
    logits, labels = drawn(0.8)
    found = calibration_error_estimate(*top_label(4 * logits, labels), bins=1, clusters=CLUSTERS)
    gap = confidence_gap_estimate(4 * logits, labels, clusters=CLUSTERS)
    # 4000 draws know a quantile to 3 %, and the gap's degrees of freedom are matched to its kurtosis
    assert (found.low, found.high) == pytest.approx((gap.low, gap.high), rel=0.1)
