r"""The Kolmogorov-Smirnov calibration error: how far apart the right answers and the promised ones ever get.

With the examples in order of their confidence p_i, and a_i = 1 for a right answer and 0 for a wrong one,

    KS = max_j 1/n |sum_(p_i <= p_j) (a_i - p_i)|.

There is no bin to choose. Examples of equal confidence enter together, so the order of rows has no say. For a
calibrated model the sum is a random walk whose steps have the variances p_i (1 - p_i), and in the limit a Brownian
motion W run for V = sum_i p_i (1 - p_i):

    P(sup_[0,1] |W| <= x) = 4/pi sum_(k >= 0) (-1)^k / (2k + 1) exp(-pi^2 (2k + 1)^2 / 8 x^2),     x = n KS / sqrt(V).

A walk looks at W only at its steps and misses some of its height, so that the p-value is a little large, never small.

Sources: Gupta et al. 2021, sec. 3, arXiv:2006.12800 (the error); Arrieta-Ibarra et al. 2022, arXiv:2205.09680 (its law
for a calibrated model); Feller 1971, vol. II, sec. X.5 (the series).
"""

import math

import numpy as np
from jaxtyping import Bool, Float

from .. import _checks
from .consistency import TAIL, CalibrationTest
from .groups import Groups

_TERMS = 30  # the series alternates; at x = 3 the 30th term is below 1e-100, and beyond 9 all of it is 1


def kolmogorov_smirnov(
    confidences: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]
) -> CalibrationTest:
    """The KS calibration error, the band of a calibrated model's, and its p-value, all in O(n log n).

    Band and p-value are those of the limit; for few examples `consistency_test` draws them. Where every confidence is
    0 or 1 nothing scatters: the band is [0, 0], and a single wrong answer has p-value 0. Raises `ValueError` for a
    confidence outside [0, 1] or NaN, for unequal lengths and for no example; `TypeError` if `correct` is not boolean.
    Source: Gupta et al. 2021, sec. 3.

    >>> import numpy as np
    >>> from smoothlab.measures import kolmogorov_smirnov
    >>> test = kolmogorov_smirnov(np.array([0.9, 0.6, 0.6, 0.8]), np.array([True, True, False, False]))
    >>> round(test.error, 6), round(test.p_value, 2)  # 0.6 + 0.6 + 0.8 promised, 1 right
    (0.25, 0.48)
    """
    _checks.confidences_and_correct(confidences, correct)
    return kolmogorov_smirnov_of_groups(Groups.each_alone(confidences, correct))


def kolmogorov_smirnov_of_groups(groups: Groups) -> CalibrationTest:
    """The KS calibration error of answers in groups, its band and its p-value.

    >>> import numpy as np
    >>> from smoothlab.measures.groups import Groups
    >>> from smoothlab.measures.kolmogorov import kolmogorov_smirnov_of_groups
    >>> groups = Groups(np.array([0.6, 0.8, 0.9]), np.array([2, 1, 1]), np.array([1, 0, 1]))
    >>> round(kolmogorov_smirnov_of_groups(groups).error, 6)
    0.25
    """
    order = np.argsort(groups.confidences)
    ranked, count = groups.confidences[order], groups.count[order]
    walk = np.cumsum(groups.right[order] - count * ranked)
    last_of_its_kind = np.append(ranked[1:] != ranked[:-1], True)
    n, height = groups.n, float(np.abs(walk[last_of_its_kind]).max())
    scale = math.sqrt(float((count * ranked) @ (1 - ranked)))
    if scale == 0:
        return CalibrationTest(height / n, (0.0, 0.0), float(height == 0), n)
    low, high = (scale / n * _height_at(level) for level in (TAIL, 1 - TAIL))
    return CalibrationTest(height / n, (low, high), 1 - share_below(height / scale), n)


def share_below(height: float) -> float:
    """The share of Brownian motions on [0, 1] that stay within `height` of 0.

    >>> from smoothlab.measures.kolmogorov import share_below
    >>> round(share_below(2.2414), 4)
    0.95
    """
    if not 0.01 < height < 9:  # below, the largest term is exp(-12337), above, 1 - share is 4 Phi(-9) < 1e-18
        return float(height >= 9)
    odd = 2 * np.arange(_TERMS) + 1
    terms = (-1.0) ** np.arange(_TERMS) / odd * np.exp(-((math.pi * odd / height) ** 2) / 8)
    return float(4 / math.pi * terms.sum())


def _height_at(level: float) -> float:
    low, high = 0.0, 9.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if share_below(middle) < level else (low, middle)
    return high
