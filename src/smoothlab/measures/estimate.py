r"""An estimate: a number with its interval and its n, and the mean over seeds as the first of them.

With n runs x_1 .. x_n of mean m and standard deviation s (n - 1 in its denominator),

    m -+ t s / sqrt(n),     t = the (1 + level)/2 quantile of Student's distribution with n - 1 degrees of freedom.

Source: Student 1908, The probable error of a mean, Biometrika 6(1), doi:10.2307/2331554.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

USUAL_LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value, the two ends of its interval, the number of runs behind them, and the interval's level.

    Printed without a format, it shows two digits of its half-width; a format is applied to all three numbers.
    A level is printed where it is not the usual 95 %.

    >>> from smoothlab.measures import Estimate
    >>> ece = Estimate(value=0.0812, low=0.0702, high=0.0922, n=10)
    >>> print(ece)
    0.081 [0.070, 0.092], n = 10
    >>> f"{ece:.2%}"
    '8.12% [7.02%, 9.22%], n = 10'
    """

    value: float
    low: float
    high: float
    n: int
    level: float = USUAL_LEVEL

    def __str__(self) -> str:
        return format(self, "")

    def __format__(self, spec: str) -> str:
        spec = spec or self._two_digits_of_half_width()
        value, low, high = (format(number, spec) for number in (self.value, self.low, self.high))
        level = "" if self.level == USUAL_LEVEL else f" ({100 * self.level:.4g} % interval)"
        return f"{value} [{low}, {high}]{level}, n = {self.n}"

    def _two_digits_of_half_width(self) -> str:
        half_width = (self.high - self.low) / 2
        if not 0 < half_width < math.inf:
            return ".3g"
        return f".{min(max(1 - math.floor(math.log10(half_width)), 0), 6)}f"


def mean_estimate(
    values: Float[np.ndarray, " seeds"] | Sequence[float], *, level: float = USUAL_LEVEL
) -> Estimate:
    """The mean over independent runs with its t interval, one value a run.

    One run says nothing about the spread, so its interval is infinite; no run at all gives `nan` with n = 0.
    Runs that agree to the last bit give an interval of width 0. Raises `ValueError` for a value that is not
    finite and for a `level` outside (0, 1).

    >>> from smoothlab.measures import mean_estimate
    >>> print(mean_estimate([0.07, 0.08, 0.09]))
    0.080 [0.055, 0.105], n = 3
    >>> print(mean_estimate([0.08]))
    0.08 [-inf, inf], n = 1
    """
    if not 0 < level < 1:
        raise ValueError(f"`level` must lie between 0 and 1, but got {level!r}. Write 95 % as 0.95.")
    runs = np.asarray(values, np.float64)
    if not np.isfinite(runs).all():
        run = int(np.isfinite(runs).argmin())
        raise ValueError(
            f"`values` must be finite, but run {run} has {runs[run]}. Leave failed runs out, and say so."
        )
    n = len(runs)
    if n == 0:
        return Estimate(math.nan, -math.inf, math.inf, 0, level)
    from_first = runs - runs[0]  # exactly 0 where all runs agree, which a mean of the values need not be
    mean = float(runs[0] + from_first.mean())
    if n == 1:
        return Estimate(mean, -math.inf, math.inf, 1, level)
    from scipy.special import stdtrit  # here, because it takes longer to load than all of `import smoothlab`

    half_width = float(stdtrit(n - 1, (1 + level) / 2) * from_first.std(ddof=1) / math.sqrt(n))
    return Estimate(mean, mean - half_width, mean + half_width, n, level)
