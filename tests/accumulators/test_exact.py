import math
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.accumulators.exact import digits, exact

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(value=FLOATS)
def test_the_digits_are_the_float(value):
    assert exact(digits(value)) == Fraction(value)


@pytest.mark.parametrize("value", [5e-324, -5e-324, sys.float_info.min, sys.float_info.max, -0.0])
def test_the_ends_of_the_floats_too(value):
    assert exact(digits(value)) == Fraction(value)


@given(values=st.lists(FLOATS, max_size=20))
def test_a_sum_is_exact_and_has_no_order(values):
    total = sum((digits(value) for value in values), np.zeros(66, np.int64))
    backwards = sum((digits(value) for value in reversed(values)), np.zeros(66, np.int64))
    assert exact(total) == sum(map(Fraction, values))
    assert np.array_equal(total, backwards)


def test_what_a_float_sum_loses_is_kept():
    sums = digits(1e16) + sum(digits(1.0) for _ in range(100)) - digits(1e16)
    assert (float(exact(sums)), math.fsum([1e16, *[1.0] * 100, -1e16])) == (100.0, 100.0)
