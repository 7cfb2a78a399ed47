r"""What each row of logits says at an inverse temperature b, by the formulas of `measures.scores`.

With e_k = exp(b (z_k - max z)), sums s = sum_k e_k and t = sum_k e_k^2, both without the 1 that the largest adds,

    confidence = 1 / (1 + s)        NLL = log(1 + s) - log e_y        Brier = (t + s^2 + 2 (1 - e_y)(1 + s)) / (1 + s)^2
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from .._statistics import statistics_of


class Rows(NamedTuple):
    """Of each row: confidence, whether its largest logit is the label's, NLL in nats, and Brier score."""

    confidences: Float[np.ndarray, " rows"]
    correct: Bool[np.ndarray, " rows"]
    nll: Float[np.ndarray, " rows"]
    brier: Float[np.ndarray, " rows"]


def rows_of(
    logits: Float[np.ndarray, "rows classes"],
    labels: Integer[np.ndarray, " rows"],
    *,
    inverse_temperature: float = 1.0,
) -> Rows:
    """What the rows say. Raises `TypeError` and `ValueError` for what is no pair of readable logits and labels.

    >>> import numpy as np
    >>> from smoothlab.accumulators.rows import rows_of
    >>> rows = rows_of(np.log(np.array([[0.75, 0.25]])), np.array([1]))
    >>> [round(float(column[0]), 6) for column in rows]
    [0.75, 0.0, 1.386294, 1.125]
    """
    passes = (
        statistics_of(logits, labels, inverse_temperature=inverse_temperature),
        statistics_of(logits, inverse_temperature=2 * inverse_temperature),
    )
    found = Rows(*(np.empty(len(labels), dtype) for dtype in (np.float64, np.bool_, np.float64, np.float64)))
    for (rows, once), (_, twice) in zip(*passes, strict=True):
        total, below = 1 + once.others, inverse_temperature * once.label
        found.confidences[rows] = 1 / total
        found.correct[rows] = once.argmax == labels[rows]
        found.nll[rows] = once.log_sum - below
        found.brier[rows] = (twice.others + once.others**2 - 2 * np.expm1(below) * total) / total**2
    return found


def on_the_host(array: Any) -> Any:
    """A torch tensor on any device as an array, all else as it is; bfloat16, which NumPy lacks, is widened.

    >>> import numpy as np
    >>> from smoothlab.accumulators.rows import on_the_host
    >>> on_the_host(np.arange(2))
    array([0, 1])
    """
    if not hasattr(array, "detach"):
        return array
    tensor = array.detach().cpu()
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
