r"""Selective classification: what a model errs on the examples it would answer, when it may abstain on the rest.

The examples are answered in order of their score, the surest first. After k of n the coverage is k/n, and with m_k
errors among them

    selective risk    m_k / k        AURC  = 1/n sum_(k=1..n) m_k / k
    generalised risk  m_k / n        AUGRC = 1/n sum_(k=1..n) (m_(k-1) + m_k) / 2n,

the area under either risk over coverage. The second is the chance that a random example is answered and wrong at a
random coverage; it is bounded by one half, and (1 - AUROC) acc (1 - acc) + (1 - acc)^2 / 2. Examples of equal score
cannot be told apart, so they enter in one step: m_k inside it is its expectation over their order, which is the
straight line from one end of the step to the other. The order of rows has no say.

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
    return float((_errors_after(steps_of(scores, correct)) / np.arange(1, len(correct) + 1)).mean())


def excess_aurc(scores: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]) -> float:
    """AURC above that of the best order with as many errors: 0 where every right answer scores above every wrong one.

    Raises as `risk_coverage`. Source: Geifman et al. 2019, sec. 3, E-AURC.

    >>> import numpy as np
    >>> from smoothlab.measures import excess_aurc
    >>> excess_aurc(np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, True, True, False]))
    0.0
    """
    best = correct.astype(np.float64)  # of two tied halves, each without an order to speak of
    return aurc(scores, correct) - aurc(best, correct)


def augrc(scores: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]) -> float:
    """The area under the generalised risk: 0 with no error, half the error rate where scores say nothing.

    Raises as `risk_coverage`. Source: Traub et al. 2024, sec. 3.

    >>> import numpy as np
    >>> from smoothlab.measures import augrc
    >>> augrc(np.ones(4), np.array([True, True, True, False]))
    0.125
    """
    errors = _errors_after(steps_of(scores, correct))
    return float((errors.sum() - errors[-1] / 2) / len(correct) ** 2)


def steps_of(scores: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]) -> Steps:
    """The steps in which examples are answered. Raises as `risk_coverage`.

    >>> import numpy as np
    >>> from smoothlab.measures.selective import steps_of
    >>> steps = steps_of(np.array([0.5, 0.9, 0.5]), np.array([True, True, False]))
    >>> steps.score.tolist(), steps.answered.tolist(), steps.errors.tolist()
    ([0.9, 0.5], [1, 3], [0, 1])
    """
    _checks.answers("scores", scores, correct)
    order = np.argsort(scores)[::-1]
    ranked = scores[order]
    if np.isnan(ranked[0]):  # NaN is sorted to the end, which is now the beginning
        raise ValueError(
            f"`scores` must be numbers, but row {order[0]} has nan. Leave such rows out, or mend the score."
        )
    answered = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) + 1
    errors = np.cumsum(~correct[order])[answered - 1]
    return Steps(ranked[answered - 1].astype(np.float64), answered, errors, order)


def _errors_after(steps: Steps) -> Float[np.ndarray, " batch"]:
    """m_k for k = 1 .. n, in expectation over the order within each step."""
    if len(steps.answered) == len(steps.order):  # no ties: every step is its own end
        return steps.errors.astype(np.float64)
    ranks = np.arange(1, len(steps.order) + 1)
    return np.interp(ranks, np.append(0, steps.answered), np.append(0, steps.errors))
