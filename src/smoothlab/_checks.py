"""Judges arguments at the public doors: an error is one sentence and a way out.

Each function returns nothing and raises `ValueError` (a wrong value) or `TypeError` (a wrong type). The
sentence names the argument in backticks, the rule, and the value we got; the second one says what to do.
"""

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


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
