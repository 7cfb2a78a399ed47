"""Bars on standard error for what takes a while: they know how long is left, and vanish at the end."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")


def progress(items: Iterable[Item], *, total: int, what: str) -> Iterator[Item]:
    """The same items, with a bar beside them."""
    with bars() as shown:
        yield from shown.track(items, total=total, description=what)


def bars() -> "Progress":
    """A place for bars, one below the other; a context manager. A terminal can show but one such place at a time."""
    from rich.console import Console  # here, because `smoothlab --help` must not wait for it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


@dataclass(frozen=True, eq=False)
class Watched:
    """A stream of blocks with a bar for every reading; `stream` is one of `smoothlab.saved`."""

    stream: Any
    name: str
    shown: "Progress"

    @property
    def classes(self) -> int:
        """Those of the stream."""
        return self.stream.classes

    @property
    def apart(self) -> bool:
        """Whether each of its rows is a record of its own."""
        return self.stream.apart

    def blocks(self) -> Iterator[Any]:
        """The same blocks."""
        return self._watched(self.stream.blocks())

    def clustered_blocks(self) -> Iterator[Any]:
        """The same, with the record that each row came from."""
        return self._watched(self.stream.clustered_blocks())

    def _watched(self, blocks: Iterator[Any]) -> Iterator[Any]:
        task = self.shown.add_task(f"Reading {self.name}", total=self.stream.rows)
        try:
            for block in blocks:
                yield block
                self.shown.advance(task, len(block[1]))
        finally:
            self.shown.remove_task(task)
