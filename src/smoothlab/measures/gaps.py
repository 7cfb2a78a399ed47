r"""Gaps between logits: how equal they are (S2) and how large (S3).

Label smoothing has one optimum: probability 1 - alpha + alpha/K for the label and alpha/K for every other class.
In logits,

    z_y - z_j = log(K (1 - alpha)/alpha + 1)     for every wrong class j:

an example lies equally far from all wrong templates, and, since the gap falls from infinity as alpha grows, on a
smaller scale. A hard label asks only that the gaps grow without end, and leaves their proportions free.

Source: Mueller, Kornblith, Hinton 2019, sec. 2, arXiv:1906.02629; the gap follows from its smoothed label.
"""

import math

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._numerics import cached_blocks
from .scores import right


def gap_spread(logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]) -> float:
    """How unequal the gaps z_y - z_j are over the wrong classes j: 0 where all of them are equally far.

    For each example, the standard deviation of its gaps (all of them, so without n - 1) over their mean; then the
    mean over the examples that are classified right. Only there no gap is negative, and the ratio stays bounded,
    by sqrt(K - 2); elsewhere the mean gap may be 0. `nan` where no example is right. A class masked with -inf is
    passed over, and so is a row of equal logits. With two classes there is one gap, and the spread is 0.
    Raises `ValueError` for unreadable logits and for labels that are no column of them.
    Source: Mueller et al. 2019, sec. 2 (equally distant from the incorrect classes).

    >>> import numpy as np
    >>> from smoothlab.measures import gap_spread
    >>> gap_spread(np.array([[5.0, 0.0, 0.0, 0.0]]), np.array([0]))
    0.0
    >>> gap_spread(np.array([[5.0, 4.0, 2.0]]), np.array([0]))  # the gaps are 1 and 3
    0.5
    """
    decided = right(logits, labels)
    mean, deviation = _gaps(logits, labels)
    decided &= mean > 0
    return float((deviation[decided] / mean[decided]).mean()) if decided.any() else math.nan


def max_gap(logits: Float[np.ndarray, "batch classes"]) -> float:
    """The highest logit less the mean of the others, averaged over examples: the scale of the outputs.

    It needs no label; where the prediction is right it is the mean gap z_y - z_j, and `ideal_gap` says where a
    perfectly fitted smoothed net ends. A class masked with -inf is passed over; `nan` where no row has another.
    Raises `ValueError` for unreadable logits. Source: Mueller et al. 2019, sec. 2.

    >>> import numpy as np
    >>> from smoothlab.measures import max_gap
    >>> max_gap(np.array([[5.0, 4.0, 2.0]]))
    2.0
    """
    _checks.readable_logits(logits)
    mean, _ = _gaps(logits, logits.argmax(1))
    known = ~np.isnan(mean)
    return float(mean[known].mean()) if known.any() else math.nan


def ideal_gap(alpha: float, classes: int) -> float:
    """log(K (1 - alpha)/alpha + 1), the gap of a perfectly fitted smoothed net: inf at alpha 0, 0 at alpha 1.

    `alpha` is the effective one, of the uniform convention. Raises `ValueError` for an alpha outside [0, 1] and
    for fewer than two classes. Source: the head of this module.

    >>> from smoothlab.measures import ideal_gap
    >>> round(ideal_gap(0.1, classes=10), 2)
    4.51
    """
    _checks.fraction("alpha", alpha)
    _checks.at_least("classes", classes, 2)
    return math.inf if alpha == 0 else math.log1p(classes * (1 - alpha) / alpha)


def _gaps(
    logits: Float[np.ndarray, "batch classes"], chosen: Integer[np.ndarray, " batch"]
) -> tuple[Float[np.ndarray, " batch"], Float[np.ndarray, " batch"]]:
    """For each row, the mean and the standard deviation of z_chosen - z_j over the other classes that take part.

    nan where no other class takes part, or the chosen one does not.
    """
    mean, deviation = np.empty(len(logits)), np.empty(len(logits))
    for rows in cached_blocks(logits):
        block = logits[rows].astype(np.float64)
        own = np.take_along_axis(block, chosen[rows, None], 1)
        taking_part = block > -np.inf
        np.put_along_axis(taking_part, chosen[rows, None], False, 1)
        with np.errstate(invalid="ignore"):  # 0/0 and -inf + inf are the nan that is announced
            gaps = np.where(taking_part, own - block, 0.0)
            others = taking_part.sum(1)
            mean[rows] = gaps.sum(1) / others
            gaps -= mean[rows, None]
            deviation[rows] = np.sqrt(
                np.square(gaps, where=taking_part, out=np.zeros_like(gaps)).sum(1) / others
            )
    return mean, deviation
