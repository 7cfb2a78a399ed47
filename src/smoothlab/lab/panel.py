"""What a study wants drawn: one measure over a factor, or over another measure, a line for each slice of the grid.

A panel is data, which the report draws; a study needs no drawing code of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Trace:
    """One line: the slice of the grid that it shows, as levels of all factors but the seed and the panel's own.

    >>> from smoothlab.lab import Trace
    >>> Trace("hard teacher", {"arm": "distilled", "alpha": 0.0}).levels["arm"]
    'distilled'
    """

    label: str
    levels: Mapping[str, float | int | str] = field(default_factory=dict)
    along: str | None = None
    """The factor along which the line runs; the panel's, if `None`."""


@dataclass(frozen=True)
class Panel:
    """A picture of one measure. Points run along the levels of a factor and lie at the mean of `x`.

    `x` is the name of a factor, or of a measure: then the points of different factors meet on one axis.

    >>> from smoothlab.lab import Panel, Trace
    >>> panel = Panel("Accuracy of the student", "accuracy", along="temperature", traces=(Trace("hard teacher"),))
    >>> panel.x
    'temperature'
    """

    title: str
    measure: str
    traces: tuple[Trace, ...] = (Trace("all"),)
    along: str = "alpha"
    x: str = ""
    text: str = ""
    """A sentence or two above the picture: what to look for, and what the paper shows there."""
    reference: tuple[str, float] | None = None
    """A level worth knowing, such as ("no change", 1.0)."""
    marked: bool = False
    """Whether a slider marks one level of `along` on every line that runs along it."""

    def __post_init__(self) -> None:
        if not self.x:
            object.__setattr__(self, "x", self.along)


@dataclass(frozen=True)
class Map:
    """A picture of one measure over two factors, a cell for each pair of levels.

    `floor` is a measure below which a value cannot be told from the best there is, such as the calibration error of a
    calibrated model: cells at or below its mean are marked.

    >>> from smoothlab.lab import Map
    >>> Map("ECE", "ece_at", {"net": "dense"}, floor="null_at").rows
    'alpha'
    """

    title: str
    measure: str
    levels: Mapping[str, float | int | str] = field(default_factory=dict)
    rows: str = "alpha"
    columns: str = "temperature"
    floor: str | None = None
    text: str = ""


@dataclass(frozen=True)
class Plane:
    """A picture of the penultimate layer of one seed's networks in the plane of three templates, alpha by slider.

    `classes` are three labels; if `None`, the two that the hard network confuses most and the one far from both.

    >>> from smoothlab.lab import Plane
    >>> Plane("Three classes", {"net": "dense"}, classes=(0, 1, 2)).classes
    (0, 1, 2)
    """

    title: str
    levels: Mapping[str, float | int | str] = field(default_factory=dict)
    classes: tuple[int, int, int] | None = None
    text: str = ""


@dataclass(frozen=True)
class Diagram:
    """A reliability diagram of one seed by slider: its smoothed network at each alpha, or its hard one at each T.

    Along "alpha" the hard network stays beside the smoothed one; along "temperature" it stays at T = 1.

    >>> from smoothlab.lab import Diagram
    >>> Diagram("Divided by T", {"net": "dense"}, along="temperature").levels
    {'net': 'dense'}
    """

    title: str
    levels: Mapping[str, float | int | str] = field(default_factory=dict)
    along: Literal["alpha", "temperature"] = "alpha"
    text: str = ""


@dataclass(frozen=True)
class Neighbours:
    """A t-SNE picture of one seed's training examples, hard beside smoothed: who is near whom, and nothing else.

    >>> from smoothlab.lab import Neighbours
    >>> Neighbours("Neighbours", {"net": "dense"}).text
    ''
    """

    title: str
    levels: Mapping[str, float | int | str] = field(default_factory=dict)
    text: str = ""


Picture = Panel | Map | Plane | Diagram | Neighbours
