"""Predictions that are too many to hold: classes, and blocks of rows that can be read more than once."""

from collections.abc import Iterator
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64

from ..predictions import Predictions

Block: TypeAlias = tuple[Float[np.ndarray, "rows classes"], Int64[np.ndarray, " rows"]]
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


def classes_of(said: Predictions | Stream) -> int:
    """Columns of the logits of either kind."""
    return said.logits.shape[1] if isinstance(said, Predictions) else said.classes


def blocks_of(said: Predictions | Stream) -> Iterator[Block]:
    """The rows of either kind."""
    if not isinstance(said, Predictions):
        yield from said.blocks()
        return
    rows = max(1, AT_ONCE // said.logits.shape[1])
    for start in range(0, len(said), rows):
        yield said.logits[start : start + rows], said.labels[start : start + rows]


def side_by_side(first: Predictions | Stream, second: Predictions | Stream) -> Iterator[tuple[Block, Block]]:
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
        yield (one[0][:rows], one[1][:rows]), (other[0][:rows], other[1][:rows])
        one = (one[0][rows:], one[1][rows:]) if rows < len(one[1]) else next(left, None)
        other = (other[0][rows:], other[1][rows:]) if rows < len(other[1]) else next(right, None)
    if one is not None or other is not None:
        longer = "first" if other is None else "second"
        raise ValueError(
            f"Predictions to compare must be of the same examples, but the {longer} has more of them. Pass two models' "
            "predictions of one split."
        )
