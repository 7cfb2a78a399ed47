r"""Spiegelhalter's Z: is the mean squared error of the confidences what it would be, were they probabilities?

With confidence p_i and a_i = 1 for a right answer and 0 for a wrong one, a calibrated model has
E (a_i - p_i)^2 = p_i (1 - p_i) and Var (a_i - p_i)^2 = (1 - 2 p_i)^2 p_i (1 - p_i), so that

    Z = sum_i (a_i - p_i)(1 - 2 p_i) / sqrt(sum_i (1 - 2 p_i)^2 p_i (1 - p_i))

has mean 0 and variance 1, and is close to normal. Needing no bins, it has more power than an ECE against one thing:
confidences that are all too large (Z > 0) or all too small (Z < 0). A confidence of exactly one half says nothing.
For several classes it is taken of the top label; there p > 1/2 and p < 1/2 pull against each other, and an error on
both sides of one half can hide.

Source: Spiegelhalter 1986, Statistics in Medicine 5(5), 421-433, doi:10.1002/sim.4780050506.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .. import _checks
from .._numerics import blocks
from .groups import Groups

_AT_ONCE = 2**22  # draws of a block


class Spiegelhalter(NamedTuple):
    """Z, its two-sided p-value, and the number of examples.

    >>> from smoothlab.measures import Spiegelhalter
    >>> Spiegelhalter(z=2.5, p_value=0.0124, n=1000).z
    2.5
    """

    z: float
    p_value: float
    n: int


def spiegelhalter(
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    resamples: int = 0,
    seed: int = 0,
) -> Spiegelhalter:
    """Spiegelhalter's Z of any answers, with the p-value of the normal law, or an exact one.

    With `resamples` above 0 the p-value is the share of drawn answers whose |Z| is no smaller, which keeps its level
    however few the examples. Where no confidence says anything (all are 0, 1/2 or 1), Z is 0 and the p-value 1, unless
    an answer of confidence 0 or 1 is belied: then Z is infinite and the p-value 0. Raises `ValueError` for a confidence
    outside [0, 1] or NaN, for unequal lengths, for no example and for a negative number of resamples; `TypeError` if
    `correct` is not boolean. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import spiegelhalter
    >>> z, p_value, n = spiegelhalter(np.full(100, 0.9), np.arange(100) % 5 != 0)  # 90 % promised, 80 % kept
    >>> round(z, 2), round(p_value, 4)
    (3.33, 0.0009)
    """
    _checks.confidences_and_correct(confidences, correct)
    _checks.at_least("resamples", resamples, 0)
    groups = Groups.each_alone(confidences, correct)
    found, exact = spiegelhalter_of_groups(groups), groups.confidences
    if not resamples or math.isinf(found.z) or found.p_value == 1:
        return found
    pull, random = 1 - 2 * exact, np.random.default_rng(seed)
    expected = float(exact @ pull)
    moved = abs(float(pull[correct].sum()) - expected) * (1 - 1e-12)
    # drawn as they were added, so that a draw of the very same answers counts as one no smaller
    far = sum(
        int((np.abs(_moves(exact, pull, random, rows) - expected) >= moved).sum())
        for rows in blocks(resamples, rows=max(1, _AT_ONCE // found.n))
    )
    return Spiegelhalter(found.z, (1 + far) / (1 + resamples), found.n)


def spiegelhalter_of_groups(groups: Groups) -> Spiegelhalter:
    """Spiegelhalter's Z of answers in groups, with the p-value of the normal law.

    >>> import numpy as np
    >>> from smoothlab.measures.groups import Groups
    >>> from smoothlab.measures.spiegelhalter import spiegelhalter_of_groups
    >>> spiegelhalter_of_groups(Groups(np.array([0.9]), np.array([100]), np.array([80])))
    Spiegelhalter(z=3.33..., p_value=0.000858..., n=100)
    """
    pull, count, n = 1 - 2 * groups.confidences, groups.count, groups.n
    moved = float(groups.right @ pull) - float((count * groups.confidences) @ pull)
    deviation = math.sqrt(float((count * pull**2) @ (groups.confidences * (1 - groups.confidences))))
    if deviation == 0:
        return Spiegelhalter(0.0, 1.0, n) if moved == 0 else Spiegelhalter(math.inf, 0.0, n)
    z = moved / deviation
    return Spiegelhalter(z, math.erfc(abs(z) / math.sqrt(2)), n)


def _moves(
    confidences: Float[np.ndarray, " batch"],
    pull: Float[np.ndarray, " batch"],
    random: np.random.Generator,
    rows: slice,
) -> Float[np.ndarray, " resamples"]:
    drawn = random.random((rows.stop - rows.start, len(confidences))) < confidences
    return drawn @ pull
