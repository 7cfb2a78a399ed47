"""Predictions that are too many to hold: classes, and blocks of rows that can be read more than once."""

from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64

from ..predictions import Predictions

Block: TypeAlias = tuple[Float[np.ndarray, "rows classes"], Int64[np.ndarray, " rows"]]
Clusters: TypeAlias = Int64[np.ndarray, " rows"]
ClusteredBlock: TypeAlias = tuple[
    Float[np.ndarray, "rows classes"], Int64[np.ndarray, " rows"], Clusters | None
]
AT_ONCE = 2**18  # numbers in a block of predictions in memory


@runtime_checkable
class Stream(Protocol):
    """Logits and labels in order, judged, as `smoothlab.saved.open_saved` yields them.

    >>> import numpy as np
    >>> from smoothlab.audit import Stream, audit
    >>> class Repeated:
    ...     classes = 2
    ...     def blocks(self):
    ...         for _ in range(50):
    ...             yield np.tile([2.0, 0.0], (100, 1)), np.arange(100) % 8 // 7
    >>> stream: Stream = Repeated()
    >>> audit(stream).n
    5000
    """

    @property
    def classes(self) -> int:
        """Columns of the logits."""
        ...

    def blocks(self) -> Iterator[Block]:
        """All rows from the first on, each time it is called."""
        ...


@runtime_checkable
class ClusteredStream(Stream, Protocol):
    """A stream that knows which of its rows belong together, as `smoothlab.saved.open_saved` does."""

    @property
    def apart(self) -> bool:
        """Whether none do."""
        ...

    def clustered_blocks(self) -> Iterator[ClusteredBlock]:
        """All rows, and a number for what each came from: 0 first, and 1 more with each next one; or None if apart."""
        ...


def clusters_of(said: Predictions) -> Clusters | None:
    """What each row came from, numbered from 0 without gaps."""
    if said.clusters is None:
        return None
    return np.cumsum(np.diff(said.clusters, prepend=said.clusters[0]) != 0)


def are_apart(said: Predictions | Stream) -> bool:
    """Whether each row is taken as an example of its own."""
    if isinstance(said, Predictions):
        return said.clusters is None
    return said.apart if isinstance(said, ClusteredStream) else True


def classes_of(said: Predictions | Stream) -> int:
    """Columns of the logits of either kind."""
    return said.logits.shape[1] if isinstance(said, Predictions) else said.classes


def blocks_of(said: Predictions | Stream) -> Iterator[ClusteredBlock]:
    """The rows of either kind, and what they came from, numbered from 0 without gaps; None where each is alone."""
    if isinstance(said, ClusteredStream):
        yield from said.clustered_blocks()
    elif isinstance(said, Predictions):
        rows = max(1, AT_ONCE // said.logits.shape[1])
        whole = said.logits, said.labels, clusters_of(said)
        for start in range(0, len(said), rows):
            yield _cut(whole, slice(start, start + rows))
    else:
        for logits, labels in said.blocks():
            yield logits, labels, None


def _cut(block: tuple[Any, Any, Any], rows: slice) -> ClusteredBlock:
    logits, labels, clusters = block
    return logits[rows], labels[rows], None if clusters is None else clusters[rows]


def side_by_side(
    first: Predictions | Stream, second: Predictions | Stream
) -> Iterator[tuple[ClusteredBlock, ClusteredBlock]]:
    """Blocks of the same rows of two streams, cut where either is.

    Raises `ValueError` where one is longer.

    >>> import numpy as np
    >>> from smoothlab import Predictions
    >>> from smoothlab.audit.stream import side_by_side
    >>> said = Predictions(np.eye(3), np.arange(3))
    >>> [(len(one[1]), len(other[1])) for one, other in side_by_side(said, said)]
    [(3, 3)]
    """
    left, right = blocks_of(first), blocks_of(second)
    one, other = next(left, None), next(right, None)
    while one is not None and other is not None:
        rows = min(len(one[1]), len(other[1]))
        yield _cut(one, slice(rows)), _cut(other, slice(rows))
        one = _cut(one, slice(rows, None)) if rows < len(one[1]) else next(left, None)
        other = _cut(other, slice(rows, None)) if rows < len(other[1]) else next(right, None)
    if one is not None or other is not None:
        longer = "first" if other is None else "second"
        raise ValueError(
            f"Predictions to compare must be of the same examples, but the {longer} has more of them. Pass two models' "
            "predictions of one split."
        )
