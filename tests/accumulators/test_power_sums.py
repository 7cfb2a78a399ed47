from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.accumulators import PowerSums
from smoothlab.measures.intervals import Moments

VALUES = st.lists(st.floats(0, 50), min_size=2, max_size=30)


@given(values=VALUES, cut=st.integers(0, 30))
def test_moments_are_those_of_the_values_however_they_arrive(values, cut):
    values = np.array(values)
    seen = PowerSums()
    for part in (values[:cut], values[cut:]):
        seen.update(part)
    got, want = seen.moments(), Moments.of(values)
    assert (got.n, got.mean) == (want.n, pytest.approx(want.mean, rel=1e-14))
    # powers are rounded, so distances from a mean are known to 1e-15 of the powers themselves
    scale = float((values**2).mean())
    assert got.square == pytest.approx(want.square, rel=1e-9, abs=1e-11 * scale)
    assert got.fourth == pytest.approx(want.fourth, rel=1e-9, abs=1e-11 * float((values**4).mean()))


def test_a_long_stream_is_as_exact_as_its_blocks():
    block = np.random.default_rng(0).exponential(size=1000)
    seen = PowerSums()
    seen.update(block)
    for _ in range(20):  # a billion values
        seen = seen + seen
    n = 1000 * 2**20
    truth = sum(map(Fraction, block.tolist())) / 1000
    assert seen.moments().n == n
    # one pairwise sum of 1000 values: 18 roundings at most
    assert abs(Fraction(seen.moments().mean) / truth - 1) < Fraction(18, 2**53)


def test_many_small_updates_are_no_worse_than_one():
    values = np.random.default_rng(1).exponential(size=3000)
    seen = PowerSums()
    for value in values:
        seen.update(np.array([value]))
    assert seen.moments().mean == float(sum(map(Fraction, values.tolist())) / 3000)  # to the last bit


def test_equal_values_do_not_scatter():
    seen = PowerSums()
    for _ in range(7):
        seen.update(np.full(11, 0.1))
    assert seen.moments() == Moments(77, 0.1, 0.0, 0.0)


def test_infinite_values_are_counted_apart():
    seen = PowerSums()
    seen.update(np.array([1.0, np.inf, 3.0, 1e70]))
    assert (seen.infinite, seen.moments().n, seen.moments().mean) == (2, 2, 2.0)


def test_no_value_has_no_moments():
    with pytest.raises(ValueError, match="none was added"):
        PowerSums().moments()
