"""Which of a table's columns hold outputs and labels: by their usual names, or by the name that the caller gives.

    outputs   `logits` or `logit`, or wide, `logit_0` ... `logit_K-1`; the same with `probabilities`, `probability`
    labels    `label` or `labels`, or wide, `label_0` ... `label_K-1`

A name that the caller gives is a column, or else the prefix of numbered ones. Numbers count from 0, in any order.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from .refusal import listed, refuse

_NUMBER = r"(0|[1-9]\d{0,6})"


def outputs_among(path: Path, names: Sequence[str], name: str | None, kind: str) -> tuple[str, ...]:
    """One column of lists, or several numbered ones in their order. Raises `Refused`."""
    one = {"logits": "logit", "probabilities": "probability"}[kind]
    return _among(path, names, name, usual=(kind, one), prefix=f"{one}_", argument="logits")


def truth_among(path: Path, names: Sequence[str], name: str | None) -> tuple[str, ...]:
    """The column of labels, or several numbered ones in their order. Raises `Refused`."""
    return _among(path, names, name, usual=("label", "labels"), prefix="label_", argument="labels")


def _among(
    path: Path, names: Sequence[str], name: str | None, *, usual: tuple[str, ...], prefix: str, argument: str
) -> tuple[str, ...]:
    if name is not None:
        usual, prefix = (name,), name
    found: list[tuple[str, ...]] = [(column,) for column in usual if column in names]
    if (wide := _numbered(path, names, prefix)) and not (name is not None and found):
        found.append(wide)
    if not found:
        wanted = f"{listed(usual)} or {prefix + '0'!r}"
        raise refuse(
            path, f"It must have a column {wanted}, but it has {listed(names)}. Name yours with `{argument}`."
        )
    if len(found) > 1:
        choices = listed([columns[0] for columns in found])
        raise refuse(
            path, f"One column must hold the {argument}, but it has {choices}. Name one with `{argument}`."
        )
    for column in found[0]:
        if names.count(column) > 1:
            raise refuse(
                path, f"Columns must differ in name, but {column!r} stands twice. Rename one of them."
            )
    return found[0]


def _numbered(path: Path, names: Sequence[str], prefix: str) -> tuple[str, ...]:
    """prefix0, prefix1, ... as far as they go; refused where one is missing in between."""
    pattern = re.compile(re.escape(prefix) + _NUMBER)
    matches = [match for name in names if (match := pattern.fullmatch(name))]
    numbers = sorted({int(match[1]) for match in matches})
    for number, expected in zip(numbers, range(len(numbers)), strict=True):
        if number != expected:
            raise refuse(
                path,
                f"Columns must be numbered from 0 without a gap, but {f'{prefix}{expected}'!r} is missing. "
                "Count classes from 0.",
            )
    return tuple(f"{prefix}{number}" for number in numbers)
