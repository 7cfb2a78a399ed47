r"""Selective classification: what a model errs on the examples it would answer, when it may abstain on the rest.

The examples are answered in order of their score, the surest first. After k of n the coverage is k/n, and with m_k
errors among them

    selective risk    m_k / k        AURC  = 1/n sum_(k=1..n) m_k / k
    generalised risk  m_k / n        AUGRC = 1/n sum_(k=1..n) (m_(k-1) + m_k) / 2n,

the area under either risk over coverage. The second is the chance that a random example is answered and wrong at a
random coverage; it is bounded by one half, and (1 - AUROC) acc (1 - acc) + (1 - acc)^2 / 2. Examples of equal score
cannot be told apart, so they enter in one step: m_k inside it is its expectation over their order, which is the
straight line from one end of the step to the other. The order of rows has no say. Over a step from k = A to k = B, with
the error rate r inside it and h = sum_(k = A+1 .. B) 1/k, the selective risks m_k / k add up to

    m_A h + r (B - A - A h),

so that the areas are sums over steps, however many examples a step has.

The excess is what is left when the best order, all right answers before all wrong ones, is taken off:

    E-AURC = AURC - 1/n sum_(k > n - m) (k - n + m) / k,      m = m_n.

Sources: Geifman and El-Yaniv 2017, sec. 2, arXiv:1705.08500 (risk and coverage); Geifman, Uziel, El-Yaniv 2019, sec. 3,
arXiv:1805.08206 (AURC, E-AURC; their best order is the limit of the one here); Traub et al. 2024, sec. 3,
arXiv:2407.01032 (generalised risk, AUGRC).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from .. import _checks
from .groups import Groups


class RiskCoverage(NamedTuple):
    """The risk-coverage curve, one point for each different score, from the highest to the lowest.

    Answering every example whose score is at least `threshold`, the share `coverage` is answered, of which the share
    `risk` is wrong.

    >>> from smoothlab.measures import RiskCoverage
    >>> RiskCoverage._fields
    ('threshold', 'coverage', 'risk')
    """

    threshold: Float[np.ndarray, " points"]
    coverage: Float[np.ndarray, " points"]
    risk: Float[np.ndarray, " points"]


class Steps(NamedTuple):
    """Scores from high to low, each once: how many examples have at least it, and how many errors are among them.

    `order` has the rows from the surest to the least sure, those of one score in no order.
    """

    score: Float[np.ndarray, " steps"]
    answered: Int[np.ndarray, " steps"]
    errors: Int[np.ndarray, " steps"]
    order: Int[np.ndarray, " batch"]


def risk_coverage(scores: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]) -> RiskCoverage:
    """The risk-coverage curve of scores, the surest highest; equal scores are one point.

    A score may be any number, even infinite: only the order counts. Raises `ValueError` for a score that is NaN, for
    unequal lengths and for no example; `TypeError` if `correct` is not boolean. Source: Geifman and El-Yaniv 2017.

    >>> import numpy as np
    >>> from smoothlab.measures import risk_coverage
    >>> curve = risk_coverage(np.array([3.0, 1.0, 1.0, 2.0]), np.array([True, True, False, False]))
    >>> curve.coverage.tolist(), curve.risk.tolist()
    ([0.25, 0.5, 1.0], [0.0, 0.5, 0.5])
    """
    steps = steps_of(scores, correct)
    return RiskCoverage(steps.score, steps.answered / len(correct), steps.errors / steps.answered)


def aurc(scores: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]) -> float:
    """The area under the risk-coverage curve: 0 with no error, the error rate where scores say nothing, at most 1.

    Raises as `risk_coverage`. Source: Geifman et al. 2019, sec. 3.

    >>> import numpy as np
    >>> from smoothlab.measures import aurc
    >>> correct = np.array([True, True, True, False])
    >>> aurc(np.array([4.0, 3.0, 2.0, 1.0]), correct), aurc(np.ones(4), correct)
    (0.0625, 0.25)
    """
    return aurc_of_steps(steps_of(scores, correct))


def excess_aurc(scores: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]) -> float:
    """AURC above that of the best order with as many errors: 0 where every right answer scores above every wrong one.

    Raises as `risk_coverage`. Source: Geifman et al. 2019, sec. 3, E-AURC.

    >>> import numpy as np
    >>> from smoothlab.measures import excess_aurc
    >>> excess_aurc(np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, True, True, False]))
    0.0
    """
    return excess_aurc_of_steps(steps_of(scores, correct))


def augrc(scores: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]) -> float:
    """The area under the generalised risk: 0 with no error, half the error rate where scores say nothing.

    Raises as `risk_coverage`. Source: Traub et al. 2024, sec. 3.

    >>> import numpy as np
    >>> from smoothlab.measures import augrc
    >>> augrc(np.ones(4), np.array([True, True, True, False]))
    0.125
    """
    return augrc_of_steps(steps_of(scores, correct))


def steps_of(scores: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]) -> Steps:
    """The steps in which examples are answered. Raises as `risk_coverage`.

    >>> import numpy as np
    >>> from smoothlab.measures.selective import steps_of
    >>> steps = steps_of(np.array([0.5, 0.9, 0.5]), np.array([True, True, False]))
    >>> steps.score.tolist(), steps.answered.tolist(), steps.errors.tolist()
    ([0.9, 0.5], [1, 3], [0, 1])
    """
    _checks.answers("scores", scores, correct)
    steps = steps_of_groups(Groups.each_alone(scores, correct))
    if np.isnan(steps.score[0]):  # NaN is sorted to the end, which is now the beginning
        raise ValueError(
            f"`scores` must be numbers, but row {steps.order[0]} has nan. Leave such rows out, or mend the score."
        )
    return steps


def steps_of_groups(groups: Groups) -> Steps:
    """The steps in which answers in groups are given, by any score in place of the confidence.

    >>> import numpy as np
    >>> from smoothlab.measures.groups import Groups
    >>> from smoothlab.measures.selective import steps_of_groups
    >>> steps_of_groups(Groups(np.array([0.5, 0.9]), np.array([20, 100]), np.array([10, 95]))).errors.tolist()
    [5, 15]
    """
    order = np.argsort(groups.confidences)[::-1]
    ranked, count = groups.confidences[order], groups.count[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    errors = np.cumsum(count - groups.right[order])[last]
    return Steps(ranked[last], np.cumsum(count)[last], errors, order)


def aurc_of_steps(steps: Steps) -> float:
    """AURC as a sum over steps.

    >>> import numpy as np
    >>> from smoothlab.measures.groups import Groups
    >>> from smoothlab.measures.selective import aurc_of_steps, steps_of_groups
    >>> round(aurc_of_steps(steps_of_groups(Groups(np.array([0.5]), np.array([10**8]), np.array([10**7])))), 6)
    0.9
    """
    return _area(steps.answered.astype(np.float64), steps.errors.astype(np.float64))


def excess_aurc_of_steps(steps: Steps) -> float:
    """E-AURC as a sum over steps; exactly 0 in the best order."""
    right = int(steps.answered[-1] - steps.errors[-1])
    # one more step where the best order turns from right to wrong, and the errors above its are on straight lines too
    answered = np.unique(np.append(steps.answered, max(right, 1))).astype(np.float64)
    errors = np.interp(answered, np.append(0, steps.answered), np.append(0, steps.errors))
    return _area(answered, errors - (answered - right).clip(0))


def augrc_of_steps(steps: Steps) -> float:
    """AUGRC as a sum over steps, each of the mean height of its straight line."""
    answered, errors = np.append(0, steps.answered), np.append(0, steps.errors)
    return float(np.diff(answered) @ (errors[1:] + errors[:-1]) / 2) / float(answered[-1]) ** 2


def _area(answered: Float[np.ndarray, " steps"], errors: Float[np.ndarray, " steps"]) -> float:
    """The mean of m_k / k, given the ends of the straight lines of m_k."""
    from scipy.special import digamma  # here, because it takes longer to load than all of `import smoothlab`

    start, before = np.append(0, answered[:-1]), np.append(0, errors[:-1])
    size, single = answered - start, answered - start == 1
    reciprocals = 1 / answered
    reciprocals[~single] = digamma(answered[~single] + 1) - digamma(start[~single] + 1)
    inside = (errors - before) / size * (size - start * reciprocals)
    return float((before * reciprocals + inside).sum() / answered[-1])
