"""Bins of equal width and of equal mass: who belongs where, ties included."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.measures import Binning
from smoothlab.measures.binning import binned, bins_of, totals, width_edges

# few different values, so that ties are everywhere, and the edges themselves
CONFIDENCES = st.lists(
    st.sampled_from([i / 30 for i in range(31)]) | st.floats(0, 1), min_size=1, max_size=60
)


@given(CONFIDENCES, st.integers(1, 20))
def test_a_bin_of_equal_width_holds_what_lies_above_its_lower_edge_and_not_above_its_upper(confidences, bins):
    got, edges = bins_of(np.array(confidences), bins=bins), width_edges(bins)
    for confidence, b in zip(confidences, got, strict=True):
        assert edges[b] < confidence or b == 0
        assert confidence <= edges[b + 1]


@given(CONFIDENCES, st.integers(1, 20))
def test_a_bin_of_equal_mass_ends_at_the_smallest_confidence_that_reaches_its_share(confidences, bins):
    n, ranked = len(confidences), sorted(confidences)
    edges = [ranked[max(1, math.ceil(n * b / bins)) - 1] for b in range(1, bins)]
    got = bins_of(np.array(confidences), bins=bins, binning=Binning.MASS)
    for confidence, b in zip(confidences, got, strict=True):
        assert b == sum(edge < confidence for edge in edges)


@given(CONFIDENCES, st.integers(1, 20), st.sampled_from(Binning))
def test_equal_confidences_share_a_bin_and_higher_ones_are_never_in_a_lower_one(confidences, bins, binning):
    got = bins_of(np.array(confidences), bins=bins, binning=binning)
    assert got.min() >= 0
    assert got.max() < bins
    order = np.argsort(confidences)
    assert (np.diff(got[order]) >= 0).all()
    assert len({(c, b) for c, b in zip(confidences, got.tolist(), strict=True)}) == len(set(confidences))


@pytest.mark.parametrize(("n", "bins"), [(1000, 15), (1005, 10), (7, 7), (10**6, 15)])
def test_without_ties_no_mass_differs_by_more_than_one(n, bins):
    confidences = np.random.default_rng(n).permutation(n) / n
    count = np.bincount(bins_of(confidences, bins=bins, binning=Binning.MASS), minlength=bins)
    assert count.sum() == n
    assert np.ptp(count) <= 1


def test_more_bins_than_examples_are_one_example_each_and_the_rest_empty():
    # a third of 50 is 16.7, so that (q_16, q_17] is the first bin that reaches the second example
    assert bins_of(np.array([0.3, 0.9, 0.6]), bins=50, binning=Binning.MASS).tolist() == [0, 33, 16]


def test_confidences_that_are_all_tied_are_one_bin():
    for binning in Binning:
        assert len(set(bins_of(np.ones(100), bins=15, binning=binning))) == 1


def test_the_rank_of_an_edge_is_not_lost_to_rounding():
    # 1000 * (7 / 10) is below 700 in floats, and 1000 * 0.29 above 290
    confidences = np.arange(1, 1001) / 1000
    got = bins_of(confidences, bins=10, binning=Binning.MASS)
    assert np.bincount(got).tolist() == [100] * 10


def test_totals_count_sum_and_hit():
    sums = totals(np.array([2, 0, 2]), np.array([0.5, 0.25, 0.75]), np.array([True, False, True]), bins=4)
    assert sums.count.tolist() == [1, 0, 2, 0]
    assert sums.confidences.tolist() == [0.25, 0, 1.25, 0]
    assert sums.hits.tolist() == [0, 0, 2, 0]


@given(
    CONFIDENCES,
    st.integers(1, 40),
    st.sampled_from(Binning),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_one_pass_is_to_find_the_bins_and_to_add_up(confidences, bins, binning, dtype):
    confidences = np.repeat(np.array(confidences, dtype), 2)[::2]  # not side by side in memory
    correct = np.repeat(confidences > 0.4, 2)[::2]
    exact = confidences.astype(np.float64)
    want = totals(bins_of(exact, bins=bins, binning=binning), exact, correct, bins=bins)
    got = binned(confidences, correct, bins=bins, binning=binning)
    np.testing.assert_array_equal(got.count, want.count)
    np.testing.assert_array_equal(got.hits, want.hits)
    np.testing.assert_allclose(got.confidences, want.confidences, rtol=1e-14)  # 60 additions in another order


@pytest.mark.parametrize("binning", Binning)
@pytest.mark.parametrize("bad", [math.nan, -1e-9, 1.0000001, math.inf])
def test_a_confidence_that_is_none_is_named(bad, binning):
    confidences = np.full(1000, 0.5)
    confidences[600] = bad
    with pytest.raises(ValueError, match=r"`confidences` must lie in \[0, 1\], but row 600 has"):
        binned(confidences, np.ones(1000, np.bool_), bins=15, binning=binning)


def test_more_bins_than_the_one_pass_takes_are_bins_all_the_same(monkeypatch):
    monkeypatch.setattr("smoothlab.measures.binning._MOST_BINS", 4)
    assert binned(np.array([0.3, 1.0]), np.array([True, False]), bins=5).count.tolist() == [0, 1, 0, 0, 1]


def test_an_unknown_word_gets_the_nearest():
    with pytest.raises(ValueError, match=r"`binning` must be one of 'width', 'mass'.*Did you mean 'mass'"):
        Binning("masss")
