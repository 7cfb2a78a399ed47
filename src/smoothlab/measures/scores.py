r"""Scores of predictions: how often right, how surely, and at what loss.

With p = softmax(z), the label y, the prediction c = argmax z (the first, among equals) and the confidence p_c,

    accuracy = mean [c = y]                  negative log-likelihood = mean -log p_y   (nats)
    confidence gap = mean p_c - accuracy     Brier score = mean sum_k (p_k - [k = y])^2,   in [0, 2]

The gap has a sign: above 0 a model is overconfident, below 0 underconfident, as too much smoothing makes it.
All are taken of the logits as they are, never of smoothed targets, and in float64 whatever the logits' type;
a class masked with -inf has probability 0. With e_k = exp(z_k - max z), sums s = sum_k e_k and t = sum_k e_k^2, both
without the 1 that the largest adds, a row's Brier score is (t + s^2 + 2 (1 - e_y) (1 + s)) / (1 + s)^2: nothing in it
is a difference of near equals.

Sources: Brier 1950, Monthly Weather Review 78(1) (its score sums over classes); Guo et al. 2017, sec. 2,
arXiv:1706.04599 (confidence and its gap).
"""

import numpy as np
from jaxtyping import Bool, Float, Integer

from .._statistics import confidences_of, statistics_of


def confidences(logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, " batch"]:
    """The probability of the predicted class, in (0, 1], for every example, in float64.

    Raises `ValueError` for logits that no softmax can read (NaN, +inf, a row of nothing but -inf).
    Source: Guo et al. 2017, sec. 2.

    >>> import numpy as np
    >>> from smoothlab.measures import confidences
    >>> confidences(np.log(np.array([[0.75, 0.25], [0.5, 0.5]]))).round(6).tolist()
    [0.75, 0.5]
    """
    return confidences_of(logits)[0]


def confidences_and_right(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> tuple[Float[np.ndarray, " batch"], Bool[np.ndarray, " batch"]]:
    """The confidence of every prediction and whether it is the label, in one pass. Raises as `accuracy` does.

    >>> import numpy as np
    >>> from smoothlab.measures.scores import confidences_and_right
    >>> sure, correct = confidences_and_right(np.zeros((2, 4)), np.array([0, 1]))
    >>> sure.tolist(), correct.tolist()
    ([0.25, 0.25], [True, False])
    """
    return confidences_of(logits, labels)


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
    return confidences_and_right(logits, labels)[1]


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
    blocks = statistics_of(logits, labels)
    found = np.empty(len(labels))
    for rows, numbers in blocks:
        found[rows] = numbers.log_sum - numbers.label
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
    blocks = zip(statistics_of(logits, labels), statistics_of(logits, inverse_temperature=2.0), strict=True)
    found = np.empty(len(labels))
    for (rows, numbers), (_, squared) in blocks:
        short_of_largest = -np.expm1(numbers.label)  # 1 - e_y
        total = 1 + numbers.others
        found[rows] = (squared.others + numbers.others**2 + 2 * short_of_largest * total) / total**2
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
    sure, correct = confidences_and_right(logits, labels)
    return float(sure.mean()) - float(correct.mean())
