r"""Sums of the first four powers of a value: its mean, and what the interval of that mean asks.

    S_j = sum_i x_i^j,   j = 1 .. 4        mean m = S_1/n        mean square distance S_2/n - m^2
    mean fourth power of the distance      S_4/n - 4 m S_3/n + 6 m^2 S_2/n - 3 m^4

A block is summed by NumPy, pairwise: for N values of one sign the sum is off by at most 2^-53 (log2 N + 8) of itself,
3e-15 for a block of a million. Block sums are added without rounding (`exact`), and differences are taken of exact
numbers, so that a stream is no worse than its blocks: of n values or of a billion, the mean is right to 3e-15 of it.
A mean square distance below 1e-12 of S_2/n is such rounding, and counts as 0: then all values are equal.
"""

from fractions import Fraction

import numpy as np
from jaxtyping import Float

from ..measures.intervals import Moments
from .accumulator import Accumulator
from .exact import DIGITS, digits, exact

_POWERS = 4
_MOST = 2.0**200  # its fourth power is a float; no loss in nats comes near it
_EQUAL = Fraction(1, 10**12)


class PowerSums(Accumulator):
    """Of values that may be +infinity, such as the loss of a label whose class is masked; those are counted apart.

    >>> import numpy as np
    >>> from smoothlab.accumulators import PowerSums
    >>> seen = PowerSums()
    >>> seen.update(np.array([1.0, 3.0])); seen.update(np.array([5.0]))
    >>> seen.moments().n, seen.moments().mean, seen.infinite
    (3, 3.0, 0)
    """

    def _zeros(self) -> dict[str, np.ndarray]:
        return {
            "n": np.zeros(1, np.int64),
            "infinite": np.zeros(1, np.int64),
            "powers": np.zeros((_POWERS, DIGITS), np.int64),
        }

    def update(self, values: Float[np.ndarray, " rows"]) -> None:
        """Add values; those of 2^200 or more count as infinite."""
        finite = np.abs(values) < _MOST
        if not finite.all():
            self.sums["infinite"] += len(values) - np.count_nonzero(finite)
            values = values[finite]
        self.sums["n"] += len(values)
        power = values
        for j in range(_POWERS):
            self.sums["powers"][j] += digits(float(power.sum()))
            power = power * values

    @property
    def infinite(self) -> int:
        """How many values were infinite."""
        return int(self.sums["infinite"][0])

    def moments(self) -> Moments:
        """Of the finite values. Raises `ValueError` before there is one."""
        n = int(self.sums["n"][0])
        if n == 0:
            raise ValueError(
                "There must be a value to take moments of, but none was added. Call `update` first."
            )
        first, second, third, fourth = (exact(sums) / n for sums in self.sums["powers"])
        square = second - first**2
        if square <= _EQUAL * second:
            return Moments(n, float(first), 0.0, 0.0)
        away = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
        return Moments(n, float(first), float(square), float(away))
