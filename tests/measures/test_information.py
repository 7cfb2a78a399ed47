"""Mutual information of figure 6: known information, known bias."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab._numerics import softmax
from smoothlab.measures import (
    fresh_information,
    left_out_information,
    mean_estimate,
    plug_in_information,
    probability_variance,
)

DRAWS = arrays(np.float64, (7, 3), elements=st.floats(-5, 5))


def drawn(*, clusters=2, n=600, draws=5, seed=0, apart=1000.0):
    """Collapsed clusters: all examples of one have one mean, and normal augmentation noise of variance 1."""
    random = np.random.default_rng(seed)
    means = apart * (np.arange(n) % clusters)[:, None]
    return means + random.normal(size=(n, draws)), means + random.normal(size=(n, draws))


def plug_in_bias(draws):
    return math.log(draws / (draws - 1)) / 2


def fresh_bias(draws):
    return math.log((draws + 2) / (draws + 1)) / 2 - 1 / (draws + 2)


def of(estimator, **what):
    draws, fresh = drawn(**what)
    return fresh_information(draws, fresh) if estimator is fresh_information else estimator(draws)


@pytest.mark.parametrize(
    ("estimator", "read"),
    [(plug_in_information, 0.805), (fresh_information, 0.627), (left_out_information, 0.618)],
)
def test_log_2_with_600_examples_of_5_draws_is_read_as_the_module_says(estimator, read):
    # a 99.9 % interval over seeds: one in a thousand correct readings would fall outside, and none of these does
    over_seeds = mean_estimate([of(estimator, seed=seed) for seed in range(10)], level=0.999)
    assert over_seeds.low < read < over_seeds.high
    assert over_seeds.high - over_seeds.low < 0.02
    assert not over_seeds.low < math.log(2) < over_seeds.high


@pytest.mark.parametrize(("clusters", "draws"), [(1, 5), (2, 2), (3, 10)])
def test_the_biases_of_collapsed_clusters_are_those_that_the_integrals_give(clusters, draws):
    for estimator, bias in (
        (plug_in_information, plug_in_bias(draws)),
        (fresh_information, fresh_bias(draws)),
        (left_out_information, fresh_bias(draws - 1)),
    ):
        read = np.mean([of(estimator, clusters=clusters, draws=draws, seed=seed) for seed in range(2)])
        # a reading scatters by 0.01 and is off by O(1/N), so their mean by less than 0.02
        assert abs(read - math.log(clusters) - bias) < 0.02


@pytest.mark.parametrize("estimator", [plug_in_information, fresh_information, left_out_information])
def test_distinct_far_points_tell_everything(estimator):
    assert of(estimator, clusters=40, n=40) == pytest.approx(math.log(40), abs=1e-12)


@pytest.mark.parametrize("estimator", [plug_in_information, fresh_information, left_out_information])
def test_no_information_is_read_as_about_none_with_many_draws(estimator):
    assert abs(of(estimator, clusters=1, n=200, draws=200)) < 0.01  # each bias is about 1/400


def test_the_formula_is_the_papers_written_out():
    draws, fresh = drawn(n=9, apart=1.5)
    means = draws.mean(1)
    variance = ((fresh - means[:, None]) ** 2).mean()
    want = np.mean(
        [
            -((fresh[x, i] - means[x]) ** 2) / (2 * variance)
            - math.log(np.mean([math.exp(-((fresh[x, i] - mean) ** 2) / (2 * variance)) for mean in means]))
            for x in range(9)
            for i in range(5)
        ]
    )
    assert fresh_information(draws, fresh) == pytest.approx(want, rel=1e-12)
    assert plug_in_information(draws) == pytest.approx(fresh_information(draws, draws), rel=1e-12)


@given(draws=DRAWS, unit=st.sampled_from([1e-6, 0.5, 1e6]), shift=st.floats(-3, 3))
def test_neither_unit_nor_origin_matters_and_log_n_is_the_most(draws, unit, shift):
    draws = np.round(draws, 3)  # draws a hair apart would become equal as they are shifted
    for estimator in (plug_in_information, left_out_information):
        got = estimator(draws)
        assert estimator(unit * draws) == pytest.approx(got, abs=1e-9)
        assert estimator(draws + round(shift, 3)) == pytest.approx(got, abs=1e-6)
        assert got <= math.log(7) + 1e-12


def test_without_noise_it_is_the_entropy_of_the_values():
    values = np.array([0.1, 0.1, 0.3, 0.7])  # of which the mean of five is not exact
    draws = np.repeat(values[:, None], 5, 1)
    for estimator in (plug_in_information, left_out_information):
        assert estimator(draws) == pytest.approx(1.5 * math.log(2), abs=1e-12)
        assert estimator(np.ones((4, 3))) == pytest.approx(0, abs=1e-12)


def test_blocks_give_what_one_matrix_would(monkeypatch):
    draws, fresh = drawn(n=50, apart=2.0)
    whole = fresh_information(draws, fresh)
    monkeypatch.setattr(
        "smoothlab.measures.information._AT_ONCE", 350
    )  # 7 rows at once, which do not divide 50
    assert fresh_information(draws, fresh) == pytest.approx(whole, rel=1e-12)


def test_float32_draws_are_read_in_float64():
    draws, _ = drawn(n=50, apart=2.0)
    low = draws.astype(np.float32)
    assert plug_in_information(low) == plug_in_information(low.astype(np.float64))


def test_shens_variance_is_the_mean_over_classes_of_the_squared_distance_to_the_class_mean():
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(60, 4)), np.repeat([0, 1, 2, 3], [5, 10, 15, 30])
    shares = softmax(logits)
    want = np.mean([shares[labels == c].var(0).sum() for c in range(4)])
    assert probability_variance(logits, labels) == pytest.approx(want, rel=1e-12)
    assert probability_variance(np.eye(4)[labels], labels) == pytest.approx(0, abs=1e-15)
    # temperature 10 flattens the probabilities, so it is no sign of anything erased
    assert probability_variance(logits / 10, labels) < want / 10


def test_too_few_draws_and_draws_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="`draws` must hold 2 draws or more of every example, but holds 1"):
        plug_in_information(np.ones((4, 1)))
    with pytest.raises(ValueError, match="`draws` must be finite"):
        left_out_information(np.array([[1.0, np.inf]]))
