r"""Effective smoothing: how much probability a model leaves to the wrong classes, in units of alpha.

With p(T) = softmax(z / T) over K classes,

    gamma(T) = E[ sum_k (1 - y_k) p_k(T) ] K / (K - 1),

taken over the training set. A model that has fitted its smoothed labels has gamma(1) = alpha, one without any
knowledge has 1, and one that is always sure and wrong K / (K - 1). So a teacher that was smoothed and a hard one
that is softened by its temperature can be laid along one axis: that of the paper's figure 5. Source: Mueller,
Kornblith, Hinton 2019, sec. 4, arXiv:1906.02629
"""

import math

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._numerics import below_highest


def effective_smoothing(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"],
    temperature: float = 1.0,
) -> float:
    """gamma of a model, or of a teacher at a temperature: 0 where every label has all of the probability.

    The wrong classes' probabilities are added up, not taken from 1, so that a sure teacher's gamma keeps its
    digits. A class masked with -inf has no probability and is not counted in K; a row with one class left, where
    nothing can be smoothed, is passed over, and `nan` says that every row is such. It rises with the temperature
    wherever the label is the prediction. Raises `ValueError` for unreadable logits, labels that are no column of
    them and a temperature that is not above 0. Source: Mueller et al. 2019, sec. 4.

    >>> import numpy as np
    >>> from smoothlab.measures import effective_smoothing, ideal_gap
    >>> logits = ideal_gap(0.1, classes=10) * np.eye(10)  # what a net says that has fitted alpha = 0.1
    >>> round(effective_smoothing(logits, np.arange(10)), 12)
    0.1
    >>> round(effective_smoothing(logits, np.arange(10), temperature=4.0), 3)
    0.827
    """
    _checks.logits_and_labels(logits, labels)
    _checks.positive("temperature", temperature)
    gammas = np.empty(len(labels))
    for rows, below in below_highest(logits):
        classes = (below > -np.inf).sum(1)
        share = np.exp(below / temperature)
        total = share.sum(1)
        np.put_along_axis(share, labels[rows, None], 0.0, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            gammas[rows] = share.sum(1) / total * (classes / (classes - 1))
    counts = np.isfinite(gammas)
    return float(gammas[counts].mean()) if counts.any() else math.nan
