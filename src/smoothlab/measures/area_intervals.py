r"""Intervals for AURC, E-AURC and AUGRC, which are means over pairs of examples and not over examples.

What one example adds to such an area is its influence, the derivative of the area in the example's weight; the areas of
n examples scatter as means of n influences do. Let the step of an example reach from coverage A to coverage B (see
`selective`; every example of one score has one step), with the error rate r inside it, and e = 1 for an error. With
phi(c) = c - c log c and w = (phi(B) - phi(A)) / (B - A), the mean of log 1/c over the step, the influences are

    AURC    (e - r) w - r log B - sum over lower steps of r' log(B'/A') + err - AURC
    E-AURC  the same, and log(1 - err) (e - err), since the best order changes too
    AUGRC   e below + errors above - 2 AUGRC,

where `below` is the share of examples with a lower score and `errors above` that of errors with a higher one, each with
half of the own step. Their mean scatters as the area does, so the interval is that of a mean of losses (see
`intervals`), on a scale that ends at 1 for AURC, at log 2 for E-AURC and at 1/2 for AUGRC.

Where no right answer was ever ranked against a wrong one the influences are 0, and say nothing. Then the interval is
that of all orders, at the error rates u of Wilson's interval: from the best to the worst order,

    u + (1 - u) log(1 - u)  <=  AURC  <=  u - u log u,        u^2 / 2  <=  AUGRC  <=  u - u^2 / 2.

Where answers come in clusters, the influences of a cluster are added first (see `clusters`).

Sources: Hampel 1974, doi:10.1080/01621459.1974.10482962 (influence); Zhou et al. 2024, sec. 3, arXiv:2410.15361 (AURC
as a mean weighted with log 1/c); Traub et al. 2024, sec. 3, arXiv:2407.01032 (AUGRC as a chance over pairs). Coverage,
measured: docs/coverage.md.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from .._numerics import xlogy
from .clusters import numbered, sums_of
from .estimate import USUAL_LEVEL, Estimate
from .intervals import Moments, positive_estimate, share_estimate, share_of_counts
from .selective import Steps, augrc_of_steps, aurc_of_steps, excess_aurc_of_steps, steps_of


class Rows(NamedTuple):
    """Answers in the order of their rows, where several belong together: which are right, and the cluster of each.

    >>> from smoothlab.measures.area_intervals import Rows
    >>> Rows._fields
    ('correct', 'clusters')
    """

    correct: Bool[np.ndarray, " batch"]
    clusters: Integer[np.ndarray, " batch"]


def aurc_estimate(
    scores: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    clusters: Integer[np.ndarray, " batch"] | None = None,
    level: float = USUAL_LEVEL,
) -> Estimate:
    """AURC with an interval; `clusters` has a number for each row, the same for rows that belong together.

    Raises as `aurc`, and `ValueError` for a `level` outside (0, 1).

    >>> import numpy as np
    >>> from smoothlab.measures import aurc_estimate
    >>> scores = np.linspace(0, 1, 500)
    >>> print(aurc_estimate(scores, np.random.default_rng(0).random(500) < scores))
    0.256 [0.216, 0.301], n = 500
    """
    return aurc_estimate_of_steps(steps_of(scores, correct), rows=_rows(correct, clusters), level=level)


def aurc_estimate_of_steps(steps: Steps, *, rows: Rows | None = None, level: float = USUAL_LEVEL) -> Estimate:
    """AURC with its interval, as sums over steps."""
    area, n, wrong = aurc_of_steps(steps), int(steps.answered[-1]), int(steps.errors[-1])
    if wrong in (0, n):
        errors = _error_rate(wrong, n, rows, level=level)
        low, high = _best_aurc(errors.low), _best_aurc(errors.high) + _entropy(errors.high)
        return Estimate(area, low, high, errors.n, level)
    found = _moments(steps, *aurc_influence_of_steps(steps), rows)
    return positive_estimate(area, found, most=1.0, level=level)


def excess_aurc_estimate(
    scores: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    clusters: Integer[np.ndarray, " batch"] | None = None,
    level: float = USUAL_LEVEL,
) -> Estimate:
    """E-AURC with an interval. Raises as `aurc_estimate`.

    >>> import numpy as np
    >>> from smoothlab.measures import excess_aurc_estimate
    >>> scores = np.linspace(0, 1, 500)
    >>> print(excess_aurc_estimate(scores, np.random.default_rng(0).random(500) < scores))
    0.090 [0.070, 0.113], n = 500
    """
    return excess_aurc_estimate_of_steps(
        steps_of(scores, correct), rows=_rows(correct, clusters), level=level
    )


def excess_aurc_estimate_of_steps(
    steps: Steps, *, rows: Rows | None = None, level: float = USUAL_LEVEL
) -> Estimate:
    """E-AURC with its interval, as sums over steps."""
    area, n, wrong = excess_aurc_of_steps(steps), int(steps.answered[-1]), int(steps.errors[-1])
    if area <= 0:
        errors = _error_rate(wrong, n, rows, level=level)
        return Estimate(area, 0.0, _entropy(min(max(0.5, errors.low), errors.high)), errors.n, level)
    right, of_wrong = aurc_influence_of_steps(steps)
    slope, rate = math.log(1 - wrong / n), wrong / n
    found = _moments(steps, right - slope * rate, of_wrong + slope * (1 - rate), rows)
    return positive_estimate(area, found, most=math.log(2), level=level)


def augrc_estimate(
    scores: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    clusters: Integer[np.ndarray, " batch"] | None = None,
    level: float = USUAL_LEVEL,
) -> Estimate:
    """AUGRC with an interval. Raises as `aurc_estimate`.

    >>> import numpy as np
    >>> from smoothlab.measures import augrc_estimate
    >>> scores = np.linspace(0, 1, 500)
    >>> print(augrc_estimate(scores, np.random.default_rng(0).random(500) < scores))
    0.174 [0.151, 0.199], n = 500
    """
    return augrc_estimate_of_steps(steps_of(scores, correct), rows=_rows(correct, clusters), level=level)


def augrc_estimate_of_steps(
    steps: Steps, *, rows: Rows | None = None, level: float = USUAL_LEVEL
) -> Estimate:
    """AUGRC with its interval, as sums over steps."""
    area, n, wrong = augrc_of_steps(steps), int(steps.answered[-1]), int(steps.errors[-1])
    if wrong in (0, n):
        errors = _error_rate(wrong, n, rows, level=level)
        return Estimate(area, errors.low**2 / 2, errors.high - errors.high**2 / 2, errors.n, level)
    found = _moments(steps, *augrc_influence_of_steps(steps), rows)
    return positive_estimate(area, found, most=0.5, level=level)


def aurc_influence(
    scores: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]
) -> Float[np.ndarray, " batch"]:
    """What each example adds to AURC, in the order of the rows; their sum is 0.

    The difference of two models' influences on the same examples gives the interval of the difference of their areas.
    Raises as `aurc`. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures.area_intervals import aurc_influence
    >>> aurc_influence(np.ones(4), np.array([True, True, True, False])).tolist()  # as of an error rate
    [-0.25, -0.25, -0.25, 0.75]
    """
    steps = steps_of(scores, correct)
    return _by_row(steps, *aurc_influence_of_steps(steps), correct)


def aurc_influence_of_steps(
    steps: Steps,
) -> tuple[Float[np.ndarray, " steps"], Float[np.ndarray, " steps"]]:
    """What a right answer in each step adds to AURC, and what a wrong one does."""
    n = steps.answered[-1]
    start, end = np.append(0, steps.answered[:-1]) / n, steps.answered / n
    errors = np.diff(steps.errors, prepend=0) / n
    rate = errors / (end - start)
    weight = np.diff(end - xlogy(end, end), prepend=0) / (end - start)
    lost = np.zeros(len(end))  # by an example above: all steps below move to a later coverage
    lost[1:] = rate[1:] * np.log(end[1:] / start[1:])
    of_step = (
        -rate * weight - rate * np.log(end) - (lost.sum() - np.cumsum(lost)) + errors.sum() - errors @ weight
    )
    return of_step, of_step + weight


def augrc_influence(
    scores: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]
) -> Float[np.ndarray, " batch"]:
    """What each example adds to AUGRC, in the order of the rows; their sum is 0. Raises as `augrc`.

    >>> import numpy as np
    >>> from smoothlab.measures.area_intervals import augrc_influence
    >>> augrc_influence(np.ones(4), np.array([True, True, True, False])).tolist()  # as of half an error rate
    [-0.125, -0.125, -0.125, 0.375]
    """
    steps = steps_of(scores, correct)
    return _by_row(steps, *augrc_influence_of_steps(steps), correct)


def augrc_influence_of_steps(
    steps: Steps,
) -> tuple[Float[np.ndarray, " steps"], Float[np.ndarray, " steps"]]:
    """What a right answer in each step adds to AUGRC, and what a wrong one does."""
    n = steps.answered[-1]
    middle = (steps.answered + np.append(0, steps.answered[:-1])) / (2 * n)
    above = (steps.errors + np.append(0, steps.errors[:-1])) / (2 * n)
    area = (np.diff(steps.errors, prepend=0) / n) @ (1 - middle)
    return above - 2 * area, above + 1 - middle - 2 * area


def _rows(correct: Bool[np.ndarray, " batch"], clusters: Integer[np.ndarray, " batch"] | None) -> Rows | None:
    return None if clusters is None else Rows(correct, numbered(clusters, n=len(correct)))


def _error_rate(wrong: int, n: int, rows: Rows | None, *, level: float) -> Estimate:
    if rows is None:
        return share_of_counts(wrong, n, level=level)
    return share_estimate(~rows.correct, clusters=rows.clusters, level=level)


def _moments(
    steps: Steps,
    right: Float[np.ndarray, " steps"],
    wrong: Float[np.ndarray, " steps"],
    rows: Rows | None,
) -> Moments:
    """Of the influences of all examples."""
    if rows is not None:
        return Moments.of_sums(*sums_of(_by_row(steps, right, wrong, rows.correct), rows.clusters))
    of_step, errors = np.diff(steps.answered, prepend=0), np.diff(steps.errors, prepend=0)
    return Moments.of(np.concatenate([right, wrong]), np.concatenate([of_step - errors, errors]))


def _by_row(
    steps: Steps,
    right: Float[np.ndarray, " steps"],
    wrong: Float[np.ndarray, " steps"],
    correct: Bool[np.ndarray, " batch"],
) -> Float[np.ndarray, " batch"]:
    """The influence of right and of wrong answers in each step, as that of each row."""
    step = np.repeat(np.arange(len(right)), np.diff(steps.answered, prepend=0))
    influence = np.empty(len(correct))
    influence[steps.order] = np.where(correct[steps.order], right[step], wrong[step])
    return influence


def _best_aurc(error_rate: float) -> float:
    return error_rate + (1 - error_rate) * math.log1p(-error_rate) if error_rate < 1 else 1.0


def _entropy(share: float) -> float:
    """By how much the worst order is above the best."""
    return -sum(part * math.log(part) for part in (share, 1 - share) if part > 0)
