"""How a file is refused: the file, the rule, the record that breaks it, and the way out.

Rows are counted from 0, as NumPy counts them; the header of a table is no row.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LISTED = 8
_LONGEST = 160
_LONGEST_NAME = 40


class Refused(ValueError):  # noqa: N818  the file is at fault, not the code
    """A file that cannot be used. It is told apart from the `ValueError` of a library, whose words need ours."""


@dataclass
class Progress:
    """How many rows of a file have been read soundly, once it has come to rows."""

    rows: int | None = None


def refuse(path: Path, sentence: str) -> Refused:
    """The error to raise: every sentence of this room begins with its file."""
    return Refused(f"{path}: {sentence}")


def unreadable(path: Path, kind: str, error: Exception, *, row: int | None, way_out: str) -> Refused:
    """The error for a file that a library cannot read, or cannot read on from a row."""
    place = "" if row is None else f" from row {row} on"
    return refuse(path, f"It must be {kind}, but it cannot be read{place} ({reason(error)}). {way_out}")


@contextmanager
def reading(path: Path, kind: str, *, way_out: str) -> Iterator[Progress]:
    """Turns whatever a library raises over a damaged file into one sentence.

    A broken zip, header or page fails in dozens of ways (BadZipFile, zlib.error, TokenError, RecursionError,
    ArrowInvalid, OSError, MemoryError, ...), so nothing narrower than `Exception` would do.
    """
    done = Progress()
    try:
        yield done
    except Refused:
        raise
    except Exception as error:
        raise unreadable(path, kind, error, row=done.rows, way_out=way_out) from None


def reason(error: Exception) -> str:
    """A library's words on one line, without what a terminal cannot show."""
    return _shown(" ".join(str(error).split()) or type(error).__name__, _LONGEST)


def listed(names: Sequence[str]) -> str:
    """The first few names, quoted, and how many more there are."""
    shown = ", ".join(_shown(repr(name), _LONGEST_NAME) for name in names[:_LISTED]) or "nothing"
    return f"{shown} and {len(names) - _LISTED} more" if len(names) > _LISTED else shown


def _shown(text: str, longest: int) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in text[:longest])
    return printable if len(text) <= longest else f"{printable}..."
