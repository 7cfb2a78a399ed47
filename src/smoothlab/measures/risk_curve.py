r"""The risk-coverage curve for the eye: risk at some coverages, each with its interval.

Answering the k examples of highest score, of which m are wrong, the risk is m/k, and the score's threshold is a rule
that does not look at the answers: at one threshold m is binomial, and Wilson's interval holds

    all r with |m/k - r| <= t sqrt(r (1 - r) / k),        t = Phi^-1((1 + level)/2).

It holds for each point alone, not for the whole curve at once. A curve has as many points as there are different
scores; some hundred, evenly apart in coverage, are all that a picture shows.

Sources: Geifman and El-Yaniv 2017, sec. 2, arXiv:1705.08500; Wilson 1927, doi:10.1080/01621459.1927.10502953.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from .. import _checks
from .estimate import USUAL_LEVEL
from .intervals import normal_quantile
from .selective import steps_of


@dataclass(frozen=True, eq=False)
class RiskCurve:
    """Risk where the share `coverage` of `n` examples is answered, the surest first, between `low` and `high`.

    >>> import numpy as np
    >>> from smoothlab.measures import RiskCurve, risk_curve
    >>> curve: RiskCurve = risk_curve(np.array([3.0, 1.0, 1.0, 2.0]), np.array([True, True, False, False]))
    >>> curve.coverage.tolist(), curve.risk.tolist(), curve.n
    ([0.25, 0.5, 1.0], [0.0, 0.5, 0.5], 4)
    """

    coverage: Float[np.ndarray, " points"]
    risk: Float[np.ndarray, " points"]
    low: Float[np.ndarray, " points"]
    high: Float[np.ndarray, " points"]
    n: int
    level: float = USUAL_LEVEL


def risk_curve(
    scores: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    points: int = 200,
    level: float = USUAL_LEVEL,
) -> RiskCurve:
    """At most `points` of the risk-coverage curve, with Wilson's interval at each; the last answers everything.

    Equal scores are answered together. Raises as `risk_coverage`, and `ValueError` for fewer than one point and for a
    `level` outside (0, 1). Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import risk_curve
    >>> curve = risk_curve(np.linspace(0, 1, 1000), np.arange(1000) >= 100, points=4)
    >>> curve.coverage.tolist(), curve.risk.round(3).tolist(), curve.high.round(3).tolist()
    ([0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.0, 0.1], [0.015, 0.008, 0.005, 0.12])
    """
    _checks.at_least("points", points, 1)
    steps = steps_of(scores, correct)
    return risk_of_counts(steps.answered, steps.errors, points=points, level=level)


def risk_of_counts(
    answered: Int[np.ndarray, " steps"],
    errors: Int[np.ndarray, " steps"],
    *,
    points: int = 200,
    level: float = USUAL_LEVEL,
) -> RiskCurve:
    """The curve of rising counts of answered examples, the last of them all, and of the errors among them.

    >>> import numpy as np
    >>> from smoothlab.measures.risk_curve import risk_of_counts
    >>> risk_of_counts(np.array([50, 100]), np.array([0, 20])).risk.tolist()
    [0.0, 0.2]
    """
    n = int(answered[-1])
    wanted = n * np.arange(1, points + 1) / points
    shown = np.unique(np.searchsorted(answered, wanted, side="left").clip(max=len(answered) - 1))
    k = answered[shown].astype(np.float64)
    risk, square = errors[shown] / k, normal_quantile(level) ** 2
    centre = (risk + square / (2 * k)) / (1 + square / k)
    half = np.sqrt(square * (risk * (1 - risk) / k + square / (4 * k**2))) / (1 + square / k)
    # where none or all are wrong one bound is the risk itself, and rounding must not part them
    low, high = np.minimum((centre - half).clip(0), risk), np.maximum((centre + half).clip(max=1), risk)
    return RiskCurve(k / n, risk, low, high, n, level)
