"""A cell of the grid, and the run that filled it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..predictions import Predictions


@dataclass(frozen=True)
class Cell:
    """One run of the grid: a level for each factor, in the study's order.

    >>> from smoothlab.lab import Cell
    >>> cell = Cell((("alpha", 0.1), ("seed", 3)))
    >>> cell["alpha"], cell.key
    (0.1, 'alpha=0.1,seed=3')
    """

    levels: tuple[tuple[str, float | int | str], ...]

    def __getitem__(self, factor: str) -> Any:
        return dict(self.levels)[factor]

    @property
    def key(self) -> str:
        """The name of the cell, and of its folder in a store."""
        return ",".join(f"{factor}={level}" for factor, level in self.levels)

    def but(self, **levels: float | str) -> "Cell":
        """The same cell at other levels of the factors that are named.

        >>> from smoothlab.lab import Cell
        >>> Cell((("alpha", 0.1), ("seed", 3))).but(alpha=0.0).key
        'alpha=0.0,seed=3'
        """
        return Cell(tuple((factor, levels.get(factor, level)) for factor, level in self.levels))


@dataclass(frozen=True)
class Run:
    """What a finished cell left: its predictions by name, most often of a split, and its teacher's run if it had one.

    >>> import numpy as np
    >>> from smoothlab import Predictions
    >>> from smoothlab.lab import Cell, Run
    >>> run = Run(Cell((("alpha", 0.0), ("seed", 0))), {"test": Predictions(np.eye(3), np.arange(3))})
    >>> len(run["test"])
    3
    """

    cell: Cell
    predictions: Mapping[str, Predictions] = field(repr=False)
    teacher: "Run | None" = None

    def __getitem__(self, name: str) -> Predictions:
        return self.predictions[name]
