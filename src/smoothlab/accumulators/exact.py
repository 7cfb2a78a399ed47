r"""Sums of floats without rounding: a float64 is a whole number of the smallest unit there is.

    x = m 2^-1074,      m = sum_i d_i 2^(32 i),      |d_i| < 2^32,      i = 0 .. 65

The digits d_i carry the sign of x, and add as whole numbers: 2^31 floats can be added before a digit leaves int64, and
no carry is ever needed. Read back, the digits are one whole number, and only its quotient is rounded, to a float. So a
sum does not depend on the order of its terms, nor on who added which of them.

Source: Neal 2015, arXiv:1505.05571 (superaccumulators; his have the same digits, and carries).
"""

import math
from fractions import Fraction

import numpy as np
from jaxtyping import Int64

DIGITS = 66
_BITS, _UNIT = 32, 1074
_MASK = 2**_BITS - 1


def digits(value: float) -> Int64[np.ndarray, " digits"]:
    """A finite float, digit by digit.

    >>> from smoothlab.accumulators.exact import digits, exact
    >>> float(exact(digits(0.1) + digits(1e300) - digits(1e300)))
    0.1
    """
    found = np.zeros(DIGITS, np.int64)
    share, exponent = math.frexp(abs(value))
    shift = exponent - 53 + _UNIT
    # below the smallest normal number the last digits of the share are 0, and the shift may be negative
    first, turn = divmod(max(shift, 0), _BITS)
    whole = int(math.ldexp(share, 53)) << turn >> max(-shift, 0)
    for i in range(3):
        if part := whole >> (_BITS * i) & _MASK:
            found[first + i] = part
    return -found if value < 0 else found


def exact(sums: Int64[np.ndarray, " digits"]) -> Fraction:
    """The number that added digits stand for."""
    whole = sum(int(digit) << (_BITS * i) for i, digit in enumerate(sums) if digit)
    return Fraction(whole, 1 << _UNIT)
