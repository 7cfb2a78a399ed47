r"""Where the bins of a reliability diagram lie, on a scale of probabilities or of log-odds.

On the scale of log-odds, log(p / (1 - p)), the diagonal stays the diagonal, and 0.99 is about as far from 0.999 as 0.9
is from 0.99. A bin whose answers are all right, or all wrong, has infinite log-odds: it is placed on the frame's edge
and marked as beyond it. The two outermost bins are open, and are drawn as wide as the others. Accuracies have an axis
of their own, because n examples do not reach far: they show no odds of n to 1.

The figures of the page and those for print are drawn from these positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ... import _checks
from ...measures.calibration import Reliability
from ...measures.log_odds import BEYOND, log_odds

FEW, SPARSE = 10, (0.0001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999, 0.999999)
DENSE = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999)
"""Ticks where the frame spans more than so many log-odds, and where it does not."""
JOINED = 10
"""Bins of fewer examples are signs without a line: it would leap from one accident to the next."""
ROOM = 0.75  # in log-odds, above the highest accuracy and below the lowest


class Scale(StrEnum):
    """How the axes of a reliability diagram are spaced; a member equals its word.

    >>> from smoothlab.report import Scale
    >>> Scale("log-odds") is Scale.LOG_ODDS
    True
    """

    PROBABILITY = "probability"
    """As they are, from 0 to 1."""

    LOG_ODDS = "log-odds"
    """By log(p / (1 - p)), which gives certainty room."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        _checks.one_of("scale", str(value), [member.value for member in cls])


class Span(NamedTuple):
    """The ends of an axis, and its ticks: where each stands, and its words."""

    low: float
    high: float
    ticks: tuple[float, ...]
    words: tuple[str, ...]


class Frame(NamedTuple):
    """The axis of confidence and the axis of accuracy."""

    x: Span
    y: Span


@dataclass(frozen=True, eq=False)
class Placed:
    """Where a diagram's parts lie on a scale; nan where a bin is empty.

    `x` and `y` are the signs; `beyond` those on the frame's edge for want of a place, and `joined` those that a line
    joins. `runs` are the unbroken stretches of the null band, each with its x, lower and upper ends; `centre` and
    `width` are the bars'.
    """

    x: Float[np.ndarray, " bins"]
    y: Float[np.ndarray, " bins"]
    beyond: Bool[np.ndarray, " bins"]
    joined: Bool[np.ndarray, " bins"]
    runs: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]
    centre: Float[np.ndarray, " bins"]
    width: Float[np.ndarray, " bins"]


def frame_of(diagrams: Sequence[Reliability], scale: Scale) -> Frame:
    """One frame for all diagrams of a figure: all of [0, 1], or as much of the log-odds as they take."""
    if scale is Scale.PROBABILITY:
        fifths = tuple(step / 5 for step in range(6))
        whole = Span(0.0, 1.0, fifths, tuple(f"{tick:g}" for tick in fifths))
        return Frame(whole, whole)
    filled = [bins.count > 0 for bins in diagrams]
    ends = [
        _edges(bins, scale)[step:][: len(bins.count)][held]
        for bins, held in zip(diagrams, filled, strict=True)
        for step in (0, 1)
    ]
    x = _span(np.concatenate(ends), room=0.0)
    heights = np.concatenate(
        [log_odds(bins.accuracy[held]) for bins, held in zip(diagrams, filled, strict=True)]
    )
    heights = heights[np.isfinite(heights)]
    return Frame(x, _span(heights, room=ROOM) if len(heights) else x)


def _span(positions: Float[np.ndarray, " points"], *, room: float) -> Span:
    low, high = float(positions.min()) - room, float(positions.max()) + room
    chances = np.array(SPARSE if high - low > FEW else DENSE)
    chances = chances[(log_odds(chances) >= low) & (log_odds(chances) <= high)]
    words = tuple(f"{chance:.6f}".rstrip("0") for chance in chances)
    return Span(low, high, tuple(log_odds(chances).tolist()), words)


def place(bins: Reliability, scale: Scale, frame: Frame) -> Placed:
    """A diagram's parts within a frame."""
    edges = _edges(bins, scale)
    width = np.diff(edges)
    y = _along(bins.accuracy, scale)
    return Placed(
        x=_inside(_along(bins.confidence, scale)),
        y=y.clip(frame.y.low, frame.y.high),
        beyond=np.isinf(y),
        joined=np.isfinite(y) & (bins.count >= JOINED),
        runs=tuple(_runs(bins, scale, frame)),
        centre=(edges[:-1] + edges[1:]) / 2,
        width=width,
    )


def _runs(bins: Reliability, scale: Scale, frame: Frame) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The null band, cut at empty bins.

    A bin that stands alone gets a box, half as wide as itself; an outline through one point would show nothing.
    """
    edges, found = _edges(bins, scale), []
    filled = np.flatnonzero((bins.count > 0) & ~np.isnan(bins.null_low))
    if not len(filled):  # nobody knows the band of answers that depend on each other
        return []
    for run in np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1):
        along = _inside(_along(bins.confidence[run], scale))
        low, high = (
            _along(ends[run], scale).clip(frame.y.low, frame.y.high)
            for ends in (bins.null_low, bins.null_high)
        )
        if len(run) == 1:
            along = along + np.array([-0.25, 0.25]) * np.diff(edges)[run]
            low, high = low.repeat(2), high.repeat(2)
        found.append((along, low, high))
    return found


def _along(chances: Float[np.ndarray, " points"], scale: Scale) -> Float[np.ndarray, " points"]:
    return chances if scale is Scale.PROBABILITY else log_odds(chances)


def _inside(positions: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """No further out than the middle of the open bins; probabilities are never that far."""
    return positions.clip(-BEYOND - 0.5, BEYOND + 0.5)


def _edges(bins: Reliability, scale: Scale) -> Float[np.ndarray, " edges"]:
    """The edges on the scale; an open bin ends one step beyond, as wide as the others."""
    if scale is Scale.PROBABILITY:
        return bins.edges
    edges = log_odds(bins.edges)
    return edges.clip(-BEYOND - 1, BEYOND + 1)
