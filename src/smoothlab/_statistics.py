r"""What decides each row of logits, whatever kind of array they lie in, and whether a softmax can read them.

The kernels of `_rows` read a row once and hand out its largest logit m, the class of it, and sums of exp(b (z - m)).
Here they get the arrays they can read, a block of rows at a time, so that the columns of a long file take no more room
than those of a short one. A row that no softmax can read has no finite sum (NaN stays NaN, +inf makes one, and nothing
but -inf sums to 0), so that logits are judged in the pass that is made for their numbers anyway.

All is computed in float64. float32 logits are widened in the kernel and any others block by block, so that the same
numbers have the same statistics, to the last bit, in whatever type they are stored.
"""

import os
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Integer

from . import _checks, _rows
from ._numerics import blocks

_ROWS, _NUMBERS = 2**16, 2**24  # of a block: its columns stay below 5 MB, and a call is worth its threads
_NUMBERS_CAST = 2**20  # of a block that is copied: 8 MB


def threads() -> int:
    """How many threads the process may run on: its processors, and no more than OMP_NUM_THREADS where that is set.

    No result depends on it.

    >>> from smoothlab._statistics import threads
    >>> threads() >= 1
    True
    """
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(ours, int(asked))) if asked.isdecimal() else ours


def statistics_of(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"] | None = None,
    *,
    inverse_temperature: float = 1.0,
    moments: bool = False,
    precise: bool = True,
) -> Iterator[tuple[slice, _rows.Statistics]]:
    """The statistics of each block of rows, in order; see `smoothlab._rows.statistics`.

    Without `precise`, float32 logits are computed in float32, in about two thirds of the time. Raises `ValueError` for
    labels that are no column of the logits at once, and for logits that no softmax can read when it comes to them.

    >>> import numpy as np
    >>> from smoothlab._statistics import statistics_of
    >>> [(rows, numbers)] = statistics_of(np.zeros((2, 4), np.float16))
    >>> rows, (1 / (1 + numbers.others)).tolist()
    (slice(0, 2, None), [0.25, 0.25])
    """
    return _statistics_of(logits, _judged(logits, labels), inverse_temperature, moments, precise)


def _statistics_of(
    logits: Float[np.ndarray, "batch classes"],
    labels: Int64[np.ndarray, " batch"] | None,
    inverse_temperature: float,
    moments: bool,
    precise: bool,
) -> Iterator[tuple[slice, _rows.Statistics]]:
    at_once = threads()
    for rows, block, own in _blocks(logits, labels, min(_ROWS, _NUMBERS // logits.shape[1])):
        numbers = _rows.statistics(
            block,
            labels=own,
            inverse_temperature=inverse_temperature,
            moments=moments,
            precise=precise,
            threads=at_once,
        )
        if not np.isfinite(numbers.log_sum).all():
            _checks.readable_logits(logits)  # reads them once more, to name the row
        yield rows, numbers


def confidences_of(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"] | None = None
) -> tuple[Float64[np.ndarray, " batch"], Bool[np.ndarray, " batch"]]:
    """The probability of every row's largest logit, and whether that is the label's; see `smoothlab._rows.confidences`.

    Without labels nothing is right. Raises `ValueError` as `statistics_of`.

    >>> import numpy as np
    >>> from smoothlab._statistics import confidences_of
    >>> confidences_of(np.zeros((2, 4), np.float16), np.array([0, 1]))
    (array([0.25, 0.25]), array([ True, False]))
    """
    labels, at_once = _judged(logits, labels), threads()
    confidence, correct = np.empty(len(logits)), np.empty(len(logits), np.bool_)
    for rows, block, own in _blocks(logits, labels, len(logits)):
        _rows.confidences(
            block, labels=own, confidence=confidence[rows], correct=correct[rows], threads=at_once
        )
    if not np.isfinite(confidence).all():
        _checks.readable_logits(logits)
    return confidence, correct


def _judged(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"] | None
) -> Int64[np.ndarray, " batch"] | None:
    """The labels as the kernels take them, once all is right but perhaps a value of the logits."""
    _checks.array("logits", logits, axes=2)
    if labels is None:
        return None
    _checks.whole_labels(labels, logits.shape[1])
    _checks.same_length(["logits", "labels"], [len(logits), len(labels)])
    return labels.astype(np.int64, copy=False)


def _blocks(
    logits: Float[np.ndarray, "batch classes"], labels: Int64[np.ndarray, " batch"] | None, most_rows: int
) -> Iterator[tuple[slice, Float[np.ndarray, "rows classes"], Int64[np.ndarray, " rows"] | None]]:
    """Blocks of rows as the kernels want them: of their types, and neighbouring classes side by side."""
    classes = logits.shape[1]
    side_by_side = classes == 1 or logits.strides[1] == logits.itemsize
    as_it_is = logits.dtype in (np.float32, np.float64) and logits.flags.aligned and side_by_side
    rows_at_once = most_rows if as_it_is else min(most_rows, _NUMBERS_CAST // classes)
    for rows in blocks(len(logits), rows=max(1, rows_at_once)):
        block = logits[rows] if as_it_is else np.ascontiguousarray(logits[rows], np.float64)
        yield rows, block, None if labels is None else labels[rows]
