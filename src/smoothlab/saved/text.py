"""What tables of text share: lines of UTF-8, values written as JSON, and one kind of value to a column.

A column's first value says what all of its values are: numbers, true and false, or lists of these, so deep. Numbers are
floats, whole ones too (a double holds every label); NaN, Infinity and -Infinity are read as Python's json writes them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa

from .refusal import Refused, listed, refuse

WRITE_AGAIN = "Write it again, one record a line, in UTF-8."
LONGEST = 2**26  # bytes of a line: beyond it a file has no lines
_DEEPEST = 3  # lists in lists: no column is deeper than a sequence


class Kind(NamedTuple):
    """What every value of a column is: a number or a bool, in so many lists."""

    leaf: type[float] | type[bool]
    depth: int

    @property
    def arrow(self) -> pa.DataType:
        """Arrow's name for it."""
        kind = pa.float64() if self.leaf is float else pa.bool_()
        for _ in range(self.depth):
            kind = pa.list_(kind)
        return kind

    def fits(self, value: object) -> bool:
        """Whether a value is of this kind; a bool among numbers is not."""
        return _fits(value, self.leaf, self.depth)

    def __str__(self) -> str:
        return "a list of numbers" if self.depth else "a number" if self.leaf is float else "true or false"


def kind_of(path: Path, name: str, value: object) -> Kind:
    """The kind of a column, from its first value. Raises `Refused` for words, objects, null and empty lists."""
    leaf, depth = value, 0
    while isinstance(leaf, list) and leaf and depth < _DEEPEST:
        leaf, depth = leaf[0], depth + 1
    if isinstance(leaf, float | bool):
        return Kind(type(leaf), depth)
    raise refuse(
        path,
        f"Every cell of {name!r} must be a number or a list of numbers, but row 0 has {_shown(value)}. "
        "Write them so, or name another column.",
    )


def misfit(path: Path, name: str, row: int, value: object, kind: Kind) -> Refused:
    """The error for a value that is not of its column's kind."""
    return refuse(
        path,
        f"Every cell of {name!r} must be {kind}, but row {row} has {_shown(value)}. "
        "Drop such rows, or write them like the others.",
    )


def lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a file, decoded one by one, so that a fault is met where it stands."""
    encoding = "utf-8-sig"
    while line := file.readline(LONGEST):
        if len(line) == LONGEST:
            raise ValueError(f"a line is longer than {LONGEST:,} bytes")
        yield line.decode(encoding)
        encoding = "utf-8"


def decoder(*, once: tuple[str, ...] = ()) -> json.JSONDecoder:
    """Reads JSON with every number a float; a name in `once` may stand but once in an object."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        held = dict(pairs)
        if len(held) < len(pairs):
            names = [name for name, _ in pairs]
            for name in once:
                if names.count(name) > 1:
                    raise ValueError(f"{name!r} stands twice in it")
        return held

    return json.JSONDecoder(parse_int=float, object_pairs_hook=unique)


def _fits(value: object, leaf: type, depth: int) -> bool:
    if depth == 0:
        return type(value) is leaf
    if type(value) is not list:
        return False
    # for the many lists of numbers, the types are gathered without a loop in Python
    return (
        set(map(type, value)) <= {leaf}
        if depth == 1
        else all(_fits(inner, leaf, depth - 1) for inner in value)
    )


def _shown(value: object) -> str:
    """A cell as it stands in the file, or its beginning."""
    return listed([value if isinstance(value, str) else json.dumps(value)])
