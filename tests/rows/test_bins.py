"""What answers add up to in bins, against exact sums over the definition of each bin."""

import math

import numpy as np
import pytest

from smoothlab import _rows

each_set = pytest.mark.parametrize("instructions", _rows.INSTRUCTIONS)
each_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def edges_of(bins):
    return np.arange(bins + 1) / bins


def on_and_beside_edges(bins, dtype):
    """Every edge, its two neighbours among the numbers of a type, and 0 and 1."""
    edges = edges_of(bins).astype(dtype)
    beside = [np.nextafter(edges, dtype(to)) for to in (0, 1)]
    return np.concatenate([edges, *beside, np.array([0, 1], dtype)])


@each_set
@each_type
@pytest.mark.parametrize("bins", [1, 2, 3, 7, 10, 15, 49, 100, 1000])
def test_a_confidence_is_in_the_bin_whose_edges_enclose_it(bins, dtype, instructions):
    edges = edges_of(bins)
    for c in on_and_beside_edges(bins, dtype):
        got = _rows.bin_totals(np.array([c]), np.array([True]), edges=edges, instructions=instructions)
        b = int(got.count.argmax())
        assert edges[b] < c <= edges[b + 1] or (b == 0 and c == 0)
        assert got.count.sum() == got.hits.sum() == 1
        assert got.confidences[b] == c


@each_set
@each_type
@pytest.mark.parametrize("size", [0, 1, 511, 513, 70_001, 200_001])
def test_the_totals_are_those_of_the_definition(size, dtype, instructions):
    random = np.random.default_rng(size)
    confidences, correct = random.random(size, dtype), random.random(size) < 0.3
    got = _rows.bin_totals(confidences, correct, edges=edges_of(15), threads=2, instructions=instructions)
    exact = confidences.astype(np.float64)
    bin_of = np.searchsorted(edges_of(15)[1:-1], exact)
    np.testing.assert_array_equal(got.count, np.bincount(bin_of, minlength=15))
    np.testing.assert_array_equal(got.hits, np.bincount(bin_of[correct], minlength=15))
    # some ten thousand additions of float64, split over four sums
    sums = [math.fsum(exact[bin_of == b]) for b in range(15)]
    np.testing.assert_allclose(got.confidences, sums, rtol=1e-13)
    assert got.readable


@each_set
def test_the_number_of_threads_changes_no_bit(instructions):
    random = np.random.default_rng(0)
    confidences, correct = random.random(1_000_003), random.random(1_000_003) < 0.5
    first, *others = (
        _rows.bin_totals(confidences, correct, edges=edges_of(20), threads=threads, instructions=instructions)
        for threads in (1, 2, 7)
    )
    for other in others:
        for name in ("count", "hits", "confidences"):
            np.testing.assert_array_equal(getattr(first, name), getattr(other, name))


@each_set
@each_type
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1e-30, 1.0000001, 1e30])
def test_one_confidence_that_is_none_is_seen_wherever_it_stands(bad, dtype, instructions):
    for place in (0, 700, 150_000):
        confidences = np.full(150_001, 0.5, dtype)
        confidences[place] = bad
        got = _rows.bin_totals(
            confidences, np.ones(150_001, np.bool_), edges=edges_of(15), instructions=instructions
        )
        assert not got.readable


def test_arrays_that_do_not_fit_are_refused():
    one, right = np.zeros(1), np.ones(1, np.bool_)
    with pytest.raises(ValueError, match="a bool for each"):
        _rows.bin_totals(np.zeros(2), right, edges=edges_of(2))
    with pytest.raises(ValueError, match="two at least"):
        _rows.bin_totals(one, right, edges=np.zeros(1))
    with pytest.raises(ValueError, match="float32 or float64"):
        _rows.bin_totals(np.zeros(1, np.float16), right, edges=edges_of(2))
    with pytest.raises(TypeError):
        _rows.bin_totals(np.zeros(4)[::2], np.ones(2, np.bool_), edges=edges_of(2))
