r"""Scores of predictions: how often right, how surely, and at what loss.

With p = softmax(z), the label y, the prediction c = argmax z (the first, among equals) and the confidence p_c,

    accuracy = mean [c = y]                  negative log-likelihood = mean -log p_y   (nats)
    confidence gap = mean p_c - accuracy     Brier score = mean sum_k (p_k - [k = y])^2,   in [0, 2]

The gap has a sign: above 0 a model is overconfident, below 0 underconfident, as too much smoothing makes it.
All are taken of the logits as they are, never of smoothed targets, and in float64 whatever the logits' type;
a class masked with -inf has probability 0.

Sources: Brier 1950, Monthly Weather Review 78(1) (its score sums over classes); Guo et al. 2017, sec. 2,
arXiv:1706.04599 (confidence and its gap).
"""

import numpy as np
from jaxtyping import Bool, Float, Integer

from .. import _checks
from .._numerics import below_highest


def confidences(logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, " batch"]:
    """The probability of the predicted class, in (0, 1], for every example, in float64.

    Raises `ValueError` for logits that no softmax can read (NaN, +inf, a row of nothing but -inf).
    Source: Guo et al. 2017, sec. 2.

    >>> import numpy as np
    >>> from smoothlab.measures import confidences
    >>> confidences(np.log(np.array([[0.75, 0.25], [0.5, 0.5]]))).round(6).tolist()
    [0.75, 0.5]
    """
    _checks.readable_logits(logits)
    sums = [np.exp(below).sum(1) for _, below in below_highest(logits)]
    return 1 / np.concatenate(sums)


def accuracy(logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]) -> float:
    """The share of examples whose highest logit is the label's; among equal logits the first counts.

    Raises `ValueError` for unreadable logits and for labels that are no column of them.

    >>> import numpy as np
    >>> from smoothlab.measures import accuracy
    >>> accuracy(np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 1.0], [4.0, 0.0]]), np.array([0, 1, 0, 1]))
    0.75
    """
    return float(right(logits, labels).mean())


def right(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> Bool[np.ndarray, " batch"]:
    """For every example, whether its highest logit is the label's. Raises as `accuracy` does.

    >>> import numpy as np
    >>> from smoothlab.measures.scores import right
    >>> right(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0])).tolist()
    [True, False]
    """
    _checks.logits_and_labels(logits, labels)
    return logits.argmax(1) == labels


def negative_log_likelihood(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> float:
    """The mean of -log p_y in nats, without any smoothing; +inf where a label's own class is masked.

    Raises `ValueError` for unreadable logits and for labels that are no column of them.

    >>> import numpy as np
    >>> from smoothlab.measures import negative_log_likelihood
    >>> round(negative_log_likelihood(np.zeros((3, 4)), np.array([0, 1, 2])), 6)  # log 4
    1.386294
    """
    return float(losses(logits, labels).mean())


def losses(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> Float[np.ndarray, " batch"]:
    """-log p_y of every example, in nats; +inf where its own class is masked. Raises as their mean does.

    >>> import numpy as np
    >>> from smoothlab.measures.scores import losses
    >>> losses(np.log(np.array([[0.5, 0.5], [0.25, 0.75]])), np.array([0, 1])).round(3).tolist()
    [0.693, 0.288]
    """
    _checks.logits_and_labels(logits, labels)
    found = np.empty(len(labels))
    for rows, below in below_highest(logits):
        own = np.take_along_axis(below, labels[rows, None], 1)[:, 0]
        found[rows] = np.log(np.exp(below).sum(1)) - own
    return found


def brier_score(logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]) -> float:
    """The mean squared distance between the probabilities and the one-hot label, from 0 to 2.

    With two classes this is twice the score that is taken of one probability alone.
    Raises `ValueError` for unreadable logits and for labels that are no column of them.

    >>> import numpy as np
    >>> from smoothlab.measures import brier_score
    >>> brier_score(np.zeros((1, 4)), np.array([0]))  # (3/4)^2 + 3 (1/4)^2
    0.75
    """
    return float(brier_scores(logits, labels).mean())


def brier_scores(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> Float[np.ndarray, " batch"]:
    """The squared distance of every example, from 0 to 2. Raises as their mean does.

    >>> import numpy as np
    >>> from smoothlab.measures.scores import brier_scores
    >>> brier_scores(np.log(np.array([[0.5, 0.5], [0.25, 0.75]])), np.array([0, 1])).round(3).tolist()
    [0.5, 0.125]
    """
    _checks.logits_and_labels(logits, labels)
    found = np.empty(len(labels))
    for rows, below in below_highest(logits):
        away = np.exp(below)
        away /= away.sum(1, keepdims=True)
        away[np.arange(len(away)), labels[rows]] -= 1
        found[rows] = np.einsum("bk,bk->b", away, away)
    return found


def confidence_gap(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> float:
    """Mean confidence minus accuracy: above 0 the model is overconfident, below 0 underconfident.

    Raises `ValueError` for unreadable logits and for labels that are no column of them.

    >>> import numpy as np
    >>> from smoothlab.measures import confidence_gap
    >>> confidence_gap(np.zeros((4, 2)), np.array([0, 0, 0, 1]))  # confidence 1/2, right 3 times of 4
    -0.25
    """
    return float(confidences(logits).mean()) - accuracy(logits, labels)
