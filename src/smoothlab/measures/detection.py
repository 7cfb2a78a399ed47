r"""Detecting inputs that belong to no class: how well a score tells unknown inputs from known ones.

A score is to be high on known inputs (in-distribution) and low on unknown ones. Four are read off logits z alone:

    maximum probability    max_k softmax(z)_k
    maximum logit          max_k z_k
    energy                 logsumexp(z), the negative free energy: high is known
    logit norm             (max_k z_k - mean z) / |z - mean z|_2, see `logit_norm`

Two numbers say how well each does, from the scores a_1 .. a_n of known inputs and b_1 .. b_m of unknown ones:

    AUROC   1/nm sum_ij [a_i > b_j] + 1/2 [a_i = b_j]           0.5 where the score says nothing, 1 where it says all
    FPR     share of b_j >= t, with t the highest threshold that keeps 95 % of the known inputs: of a_i >= t

and each has an interval. AUROC is a mean over pairs, so DeLong's placement values are to it what losses are to their
mean: [share of b below a_i] - AUROC scatters by v_a / n, [share of a above b_j] - AUROC by v_b / m, and the interval is
formed on the scale log(A / (1 - A)), as for other measures between 0 and 1 (see `intervals`). Near 1 nearly nothing
scatters, and the few inputs out of order may all have been missed. So the lower end is at most (1 - u) A, where u is
the upper end of Wilson's interval for a kind of input of which none was seen in the smaller sample; near 0 likewise.
The FPR errs by its own n and by that of its threshold. Wilson's interval at t is one part, the shares at the thresholds
that keep 95 % -+ 1.96 sqrt(0.95 0.05 / n) the other, and their distances from the FPR add in squares.

Sources: Hendrycks and Gimpel 2017, sec. 3, arXiv:1610.02136 (maximum probability, AUROC); Hendrycks et al. 2022,
arXiv:1911.11132 (maximum logit); Liu et al. 2020, sec. 3, arXiv:2010.03759 (energy); Mann and Whitney 1947,
doi:10.1214/aoms/1177730491; DeLong, DeLong, Clarke-Pearson 1988, doi:10.2307/2531595; Zou and Donner 2008,
doi:10.1002/sim.3095 (limits of a sum from those of its parts).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from .. import _checks
from .._numerics import logsumexp
from .estimate import USUAL_LEVEL, Estimate
from .intervals import normal_quantile, positive_estimate, share_estimate
from .logit_norm import logit_norm
from .scores import confidences

_KEPT = 0.95  # of the known inputs, at the threshold of the FPR


@dataclass(frozen=True)
class Detection:
    """How well one score tells unknown inputs from known ones, and how many there were of each.

    >>> import numpy as np
    >>> from smoothlab.measures import Detection, detect
    >>> found: Detection = detect(np.arange(100.0), np.arange(-50.0, 50.0))
    >>> found.auroc.value, found.fpr.value, found.known, found.unknown
    (0.875, 0.45, 100, 100)
    """

    auroc: Estimate
    fpr: Estimate
    known: int
    unknown: int


def maximum_logit(logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, " batch"]:
    """The highest logit of each row, in float64. Raises `ValueError` for unreadable logits.

    >>> import numpy as np
    >>> from smoothlab.measures import maximum_logit
    >>> maximum_logit(np.array([[1.0, 3.0], [0.0, -2.0]])).tolist()
    [3.0, 0.0]
    """
    _checks.readable_logits(logits)
    return logits.max(1).astype(np.float64)


def energy(logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, " batch"]:
    """logsumexp of each row, the negative of the free energy, so that high is known. Raises as `maximum_logit`.

    >>> import numpy as np
    >>> from smoothlab.measures import energy
    >>> energy(np.array([[0.0, 0.0], [5.0, 5.0]])).round(3).tolist()  # log 2, and 5 more
    [0.693, 5.693]
    """
    _checks.readable_logits(logits)
    return logsumexp(logits)


DETECTION_SCORES: MappingProxyType[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {
        "maximum probability": confidences,
        "maximum logit": maximum_logit,
        "energy": energy,
        "logit norm": lambda logits: logit_norm(logits, power=2),
    }
)
"""The four scores by name, each a function of logits."""


def auroc(known: Float[np.ndarray, " known"], unknown: Float[np.ndarray, " unknown"]) -> float:
    """The chance that a known input scores above an unknown one, a tie counting one half.

    Raises `ValueError` for no score and for a score that is NaN. Source: Mann and Whitney 1947.

    >>> import numpy as np
    >>> from smoothlab.measures import auroc
    >>> auroc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))  # 3 pairs in order and a tie, of 4
    0.875
    """
    _judge(known, unknown)
    return float(_share_below(unknown, known).mean())


def false_positive_rate(
    known: Float[np.ndarray, " known"], unknown: Float[np.ndarray, " unknown"], *, kept: float = _KEPT
) -> float:
    """The share of unknown inputs that pass for known where at least the share `kept` of the known ones does.

    Scores that tie with the threshold pass. Raises as `auroc`, and `ValueError` for a `kept` outside (0, 1).

    >>> import numpy as np
    >>> from smoothlab.measures import false_positive_rate
    >>> false_positive_rate(np.arange(100.0), np.array([3.0, 4.0, 5.0, 6.0]))  # 95 of the known are 5 or more
    0.5
    """
    _judge(known, unknown)
    if not 0 < kept < 1:
        raise ValueError(f"`kept` must lie between 0 and 1, but got {kept!r}. Write 95 % as 0.95.")
    return _passing(known, unknown, kept)


def detect(
    known: Float[np.ndarray, " known"],
    unknown: Float[np.ndarray, " unknown"],
    *,
    level: float = USUAL_LEVEL,
) -> Detection:
    """AUROC and the FPR at 95 % of the known inputs, each with its interval; its n is the smaller sample's.

    `known` and `unknown` are scores of independent inputs, high for known. Raises as `auroc`, and `ValueError` for a
    `level` outside (0, 1). Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import detect
    >>> random = np.random.default_rng(0)
    >>> print(detect(random.normal(1, 1, 400), random.normal(0, 1, 400)).auroc)
    0.755 [0.720, 0.786], n = 400
    """
    return Detection(
        _auroc_estimate(known, unknown, level=level),
        _false_positive_estimate(known, unknown, level=level),
        len(known),
        len(unknown),
    )


def _auroc_estimate(
    known: Float[np.ndarray, " known"], unknown: Float[np.ndarray, " unknown"], *, level: float
) -> Estimate:
    area, fewest = auroc(known, unknown), min(len(known), len(unknown))
    if fewest == 1:  # one input says nothing of how such inputs scatter
        normal_quantile(level)  # judges the level
        return Estimate(area, 0.0, 1.0, 1, level)
    # a mean over all n + m values whose squares add up to v_a / n + v_b / m, as DeLong's variance does
    whole = len(known) + len(unknown)
    of_known = (_share_below(unknown, known) - area) * (whole / len(known))
    of_unknown = (1 - _share_below(known, unknown) - area) * (whole / len(unknown))
    found = positive_estimate(area, np.concatenate([of_known, of_unknown]), most=1.0, level=level)
    missed = share_estimate(np.zeros(fewest, np.bool_), level=level).high
    low, high = min(found.low, (1 - missed) * area), max(found.high, missed + (1 - missed) * area)
    return Estimate(area, low, high if area < 1 else 1.0, fewest, level)


def _false_positive_estimate(
    known: Float[np.ndarray, " known"], unknown: Float[np.ndarray, " unknown"], *, level: float
) -> Estimate:
    rate, fewest = _passing(known, unknown, _KEPT), min(len(known), len(unknown))
    passed = np.zeros(len(unknown), np.bool_)
    passed[: round(rate * len(unknown))] = True
    own = share_estimate(passed, level=level)
    half = normal_quantile(level) * math.sqrt(_KEPT * (1 - _KEPT) / len(known))
    fewer, more = (_passing(known, unknown, _KEPT + away) for away in (-half, half))
    low = rate - math.hypot(rate - own.low, rate - fewer)
    high = rate + math.hypot(own.high - rate, more - rate)
    return Estimate(rate, max(low, 0.0), min(high, 1.0), fewest, level)


def _passing(
    known: Float[np.ndarray, " known"], unknown: Float[np.ndarray, " unknown"], kept: float
) -> float:
    """The share of `unknown` at or above the highest threshold that the share `kept` of `known` reaches."""
    n = len(known)
    rank = math.ceil(kept * n - 1e-9)  # 0.95 * 100 is a little above 95
    if rank > n:
        return 1.0
    threshold = np.sort(known)[n - max(rank, 1)]
    return float((unknown >= threshold).mean())


def _share_below(
    others: Float[np.ndarray, " others"], scores: Float[np.ndarray, " scores"]
) -> Float[np.ndarray, " scores"]:
    """For each score the share of others below it, with half of those that tie."""
    ranked = np.sort(others)
    below, up_to = (np.searchsorted(ranked, scores, side) for side in ("left", "right"))
    return (below + up_to) / (2 * len(others))


def _judge(known: Float[np.ndarray, " known"], unknown: Float[np.ndarray, " unknown"]) -> None:
    for name, scores in (("known", known), ("unknown", unknown)):
        _checks.array(name, scores, axes=1)
        if np.isnan(scores).any():
            raise ValueError(
                f"`{name}` must hold numbers, but row {int(np.isnan(scores).argmax())} has nan. "
                "Leave such rows out, or mend the score."
            )
