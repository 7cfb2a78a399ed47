"""Judges arguments at the public doors: an error is one sentence and a way out.

Each function returns nothing and raises `ValueError` (a wrong value) or `TypeError` (a wrong type). The
sentence names the argument in backticks, the rule, and the value we got; the second one says what to do.
"""

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import numpy as np


def fraction(name: str, value: float) -> None:
    """A number in [0, 1]; NaN is none."""
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` must lie in [0, 1], but got {value!r}. Write a tenth as 0.1.")


def positive(name: str, value: float) -> None:
    """A finite number above zero."""
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"`{name}` must be a finite number above 0, but got {value!r}.")


def at_least(name: str, value: int, least: int) -> None:
    """A whole number that is not smaller than `least`."""
    if int(value) != value or value < least:
        raise ValueError(f"`{name}` must be a whole number, at least {least}, but got {value!r}.")


def one_of(name: str, value: str, allowed: Iterable[str]) -> None:
    """One of a closed set of words; the error offers the nearest."""
    allowed = list(allowed)
    if value not in allowed:
        near = get_close_matches(str(value), allowed, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, allowed))}, but got {value!r}.{hint}")


def same_length(names: Sequence[str], lengths: Sequence[int]) -> None:
    """All of these have one length along their first axis."""
    if len(set(lengths)) > 1:
        pairs = ", ".join(f"`{name}` has {length}" for name, length in zip(names, lengths, strict=True))
        raise ValueError(
            f"One row is wanted in each for every example, but {pairs}. Pass arrays of one split."
        )


def within(name: str, value: int, least: int, most: int) -> None:
    """A whole number from `least` to `most`, both allowed."""
    if int(value) != value or not least <= value <= most:
        raise ValueError(f"`{name}` must be a whole number from {least} to {most}, but got {value!r}.")


def array(name: str, value: object, *, axes: int) -> None:
    """A NumPy array with this many axes that is not empty."""
    if not isinstance(value, np.ndarray):
        raise TypeError(
            f"`{name}` must be a NumPy array, but got {type(value).__name__}. Convert it with np.asarray first."
        )
    if value.ndim != axes or value.size == 0:
        raise ValueError(
            f"`{name}` must have {axes} axes and hold something, but its shape is {value.shape}. "
            "Rows are examples."
        )


def whole_labels(labels: np.ndarray, classes: int) -> None:
    """One class index, from 0 to `classes` - 1, for each example."""
    array("labels", labels, axes=1)
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"`labels` must be whole numbers, but got {labels.dtype}. Pass the index of each class."
        )
    if labels.min() < 0 or labels.max() >= classes:
        row = int(((labels < 0) | (labels >= classes)).argmax())
        raise ValueError(
            f"`labels` must lie in 0 to {classes - 1}, the classes there are, but row {row} has {labels[row]}. "
            "Count classes from 0 and leave ignored rows out."
        )


def readable_logits(logits: np.ndarray) -> None:
    """Rows that a softmax can read: no NaN, no +inf, and -inf (a masked class) not in every column."""
    array("logits", logits, axes=2)
    highest = logits.max(1)  # NaN and +inf come through a maximum, and so does a row of nothing but -inf
    bad = ~np.isfinite(highest)
    if bad.any():
        row = int(bad.argmax())
        what = "masks every class with -inf" if highest[row] < 0 else f"holds {highest[row]}"
        raise ValueError(
            f"`logits` must be finite, or -inf for a masked class, but row {row} {what}. "
            "Leave such rows out, or look for the run that diverged."
        )


def logits_and_labels(logits: np.ndarray, labels: np.ndarray) -> None:
    """Readable logits, and for each of their rows the index of one column."""
    readable_logits(logits)
    whole_labels(labels, logits.shape[1])
    same_length(["logits", "labels"], [len(logits), len(labels)])


def answers(name: str, values: np.ndarray, correct: np.ndarray) -> None:
    """One number for each example, under this name, and beside it a boolean: was it right?"""
    array(name, values, axes=1)
    array("correct", correct, axes=1)
    same_length([name, "correct"], [len(values), len(correct)])
    if correct.dtype != np.bool_:
        raise TypeError(
            f"`correct` must be boolean, one answer to 'was it right' for each example, but got {correct.dtype}. "
            "Compare predictions with labels first."
        )


def confidences_and_correct(confidences: np.ndarray, correct: np.ndarray) -> None:
    """Probabilities, and for each a boolean: was it right?"""
    answers("confidences", confidences, correct)
    outside = ~((confidences >= 0) & (confidences <= 1))
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(
            f"`confidences` must lie in [0, 1], but row {row} has {confidences[row]}. "
            "For logits, use `reliability` or `confidences`."
        )
