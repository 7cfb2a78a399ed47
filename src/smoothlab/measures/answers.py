r"""Answers: what a model claimed of each example, with which probability, and whether it came true.

Calibration is a question about pairs (p_i, a_i) of a confidence and a yes or no. A classifier gives several kinds of
them, and every measure of calibration takes each kind. With p = softmax(z) and the label y,

    top label     p_c of the predicted class c                  is c = y?
    within top k  the sum of the k largest probabilities        is y among those k classes?
    of class j    p_j                                           is y = j?

Sources: Guo et al. 2017, sec. 2, arXiv:1706.04599 (top label); Gupta et al. 2021, sec. 2, arXiv:2006.12800 (within
top k); Kull et al. 2019, sec. 2, arXiv:1910.12656 (of each class).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from .. import _checks
from .._numerics import blocks, cached_blocks
from .._statistics import statistics_of
from .scores import confidences_and_right

_CLASSES_AT_ONCE = 16  # columns read together: neighbours share the cache lines of a row


class Answers(NamedTuple):
    """The confidence of each answer, in [0, 1] and float64, and whether the answer was right.

    >>> import numpy as np
    >>> from smoothlab.measures import Answers, calibration_error
    >>> calibration_error(*Answers(np.array([1.0, 1.0]), np.array([True, False])))
    0.5
    """

    confidences: Float[np.ndarray, " batch"]
    correct: Bool[np.ndarray, " batch"]


def top_label(logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]) -> Answers:
    """The probability of each predicted class, and whether it is the label's.

    Raises `ValueError` for unreadable logits and for labels that are no column of them. Source: Guo et al. 2017.

    >>> import numpy as np
    >>> from smoothlab.measures import top_label
    >>> confidences, correct = top_label(np.log(np.array([[0.75, 0.25], [0.5, 0.5]])), np.array([0, 1]))
    >>> confidences.round(6).tolist(), correct.tolist()
    ([0.75, 0.5], [True, False])
    """
    return Answers(*confidences_and_right(logits, labels))


def within_top(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"], *, k: int
) -> Answers:
    """The probability of the k likeliest classes together, and whether the label's is among them.

    Among equal logits the first count, as they do in the prediction. Raises `ValueError` as `top_label`, and for a
    `k` that is no number of classes. Source: Gupta et al. 2021, sec. 2.

    >>> import numpy as np
    >>> from smoothlab.measures import within_top
    >>> confidences, correct = within_top(np.log(np.array([[0.5, 0.125, 0.375]])), np.array([2]), k=2)
    >>> confidences.round(6).tolist(), correct.tolist()
    ([0.875], [True])
    """
    numbers_of_blocks = statistics_of(logits, labels)
    _checks.within("k", k, 1, logits.shape[1])
    if k == 1:
        return top_label(logits, labels)
    confident, correct = np.empty(len(labels)), np.empty(len(labels), np.bool_)
    column = np.arange(logits.shape[1])
    for rows, numbers in numbers_of_blocks:
        highest, total = numbers.highest[:, None], 1 + numbers.others
        for part in cached_blocks(logits[rows]):
            block, own_class = logits[rows][part], labels[rows][part, None]
            own = np.take_along_axis(block, own_class, 1)
            before = (block > own) | ((block == own) & (column < own_class))
            correct[rows][part] = before.sum(1) < k
            likeliest = np.partition(block, logits.shape[1] - k, axis=1)[:, -k:]
            confident[rows][part] = np.exp(likeliest - highest[part]).sum(1) / total[part]
    return Answers(np.minimum(confident, 1), correct)  # two orders of one sum may differ in the last bit


def of_each_class(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> Iterator[Answers]:
    """For class after class, its probability and whether it is the label's: one pass, a few columns at a time.

    Raises `ValueError` as `top_label`. Source: Kull et al. 2019, sec. 2.

    >>> import numpy as np
    >>> from smoothlab.measures import of_each_class
    >>> first, second = of_each_class(np.log(np.array([[0.75, 0.25]])), np.array([1]))
    >>> second.confidences.round(6).tolist(), second.correct.tolist()
    ([0.25], [True])
    """
    numbers = [numbers for _, numbers in statistics_of(logits, labels)]
    highest = np.concatenate([part.highest for part in numbers])[:, None]
    total = 1 + np.concatenate([part.others for part in numbers])[:, None]
    for columns in blocks(logits.shape[1], rows=_CLASSES_AT_ONCE):
        chances = np.exp(logits[:, columns] - highest)
        chances /= total
        for j in range(chances.shape[1]):
            yield Answers(np.ascontiguousarray(chances[:, j]), labels == columns.start + j)
