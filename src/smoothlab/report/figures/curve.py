"""A measure over alpha, or whatever else a study varies: the mean over seeds with its band, every seed as a faint dot.

The line and the band are straight between the positions that were run: there they guide the eye and claim nothing.
One without a value leaves a gap, and one without an interval (a single seed) leaves the band open.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ... import _checks
from ...measures.estimate import Estimate
from .. import typeset
from .figure import SYMBOLS, TONES, Change, Figure, Slider, Tone, axis, canvas, coordinate, coordinates, inert

DASHES = ("solid", "dash", "dot", "dashdot")
ROOM = 0.06  # of the span, left and right of the outermost positions
RING = {"type": "scatter", "mode": "markers", "hoverinfo": "skip", "showlegend": False, "cliponaxis": False}
LEGEND_ROW = 0.07  # of the width, where three figures stand in a row
LABELS_APART = 0.07  # of the axis: tick labels that are closer would touch on a phone


@dataclass(frozen=True)
class Curve:
    """One line: an estimate for every position, and the values of the single seeds that it came from.

    `labels` say at which stop of a slider each position is marked; a line without them stays unmarked.
    """

    name: str
    positions: tuple[float, ...]
    estimates: tuple[Estimate, ...]
    points: tuple[tuple[float, ...], ...]
    tone: Tone = Tone.SMOOTHED
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _checks.same_length(
            ["positions", "estimates", "points"], [len(self.positions), len(self.estimates), len(self.points)]
        )
        _checks.at_least("len(positions)", len(self.positions), 1)
        if self.labels:
            _checks.same_length(["positions", "labels"], [len(self.positions), len(self.labels)])


@dataclass(frozen=True)
class Reference:
    """A level worth knowing, such as temperature 1, drawn as a dotted line across the figure."""

    label: str
    value: float


def draw_curves(
    curves: Sequence[Curve],
    *,
    title: str,
    measure: str,
    definition: str,
    references: Sequence[Reference] = (),
    along: str = "α",
    marks: tuple[str, str] | None = None,
) -> Figure:
    """One to four curves on one axis, which `measure` names; `definition` says how it is computed, and on what.

    `along` names the axis below. `marks` are a slider's name and the stop that it starts at: a ring then stands around
    each curve's mean at that label.

    Raises `ValueError` for no curve or more than four.

    >>> from smoothlab.measures.estimate import Estimate
    >>> from smoothlab.report.figures import Curve, Reference, draw_curves
    >>> hard, smooth = Estimate(1.9, 1.8, 2.0, 2), Estimate(1.0, 0.9, 1.1, 2)
    >>> curve = Curve("test", (0.0, 0.1), (hard, smooth), ((1.88, 1.92), (0.98, 1.02)))
    >>> one = Reference("no change", 1.0)
    >>> words = {"title": "T falls.", "measure": "temperature", "definition": "Fitted on validation data."}
    >>> figure = draw_curves([curve], **words, references=[one])
    >>> [1.9, 1.0] in [trace["y"] for trace in figure.traces]
    True
    """
    _checks.within("len(curves)", len(curves), 1, len(TONES))
    positions = sorted({position for curve in curves for position in curve.positions})
    room = ROOM * (positions[-1] - positions[0] or 1)
    ends = coordinates([positions[0] - room, positions[-1] + room])
    traces = [_line(reference, ends) for reference in references]
    traces += [trace for index, curve in enumerate(curves) for trace in _traces(index, curve, along)]
    slider = None if marks is None else _slider(curves, *marks, ring=len(traces))
    if slider is not None:
        traces.append({**RING, **slider.changes[slider.start].traces[len(traces)]})
    layout = canvas(
        xaxis=axis(inert(along), range=ends, **_ticks(positions), tickangle=0, showgrid=False),
        yaxis=axis(inert(measure), nticks=6, showline=False, ticks=""),
        showlegend=len(curves) > 1,
        annotations=[_label(reference) for reference in references],
    )
    caption = (definition, _how_to_read(curves, along))
    return Figure(title, caption, tuple(traces), layout, aspect=0.82 + _legend(curves), slider=slider)


def _slider(curves: Sequence[Curve], name: str, start: str, *, ring: int) -> Slider:
    """Moves the rings, which are one trace; the stops are the labels of all curves, rising."""
    stops = sorted({label for curve in curves for label in curve.labels}, key=float)
    changes = tuple(Change({ring: _rings(curves, stop)}, {}) for stop in stops)
    return Slider(name, tuple(stops), changes, stops.index(start) if start in stops else 0)


def _rings(curves: Sequence[Curve], stop: str) -> dict[str, Any]:
    at = [
        (index, curve, curve.labels.index(stop)) for index, curve in enumerate(curves) if stop in curve.labels
    ]
    return {
        "x": coordinates([curve.positions[place] for _, curve, place in at]),
        "y": coordinates([curve.estimates[place].value for _, curve, place in at]),
        "marker": {
            "size": 15,
            "symbol": [f"{SYMBOLS[index]}-open" for index, _, _ in at],
            "color": [curve.tone.line for _, curve, _ in at],
            "line": {"width": 2},
        },
    }


def _traces(index: int, curve: Curve, along: str) -> list[dict[str, Any]]:
    """The band, the seeds and the mean, in the order in which they lie on each other."""
    band_x, band_y = _band(curve)
    seeds = [
        (at, value) for at, values in zip(curve.positions, curve.points, strict=True) for value in values
    ]
    shared = {"type": "scatter", "legendgroup": f"curve {index}", "name": inert(curve.name)}
    band = shared | {
        "x": band_x,
        "y": band_y,
        "mode": "lines",
        "fill": "toself",
        "fillcolor": curve.tone.area,
        "line": {"width": 1, "color": curve.tone.area},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    dots = shared | {
        "x": coordinates([position for position, _ in seeds]),
        "y": coordinates([value for _, value in seeds]),
        "mode": "markers",
        "marker": {"size": 4, "color": curve.tone.line, "opacity": 0.35, "symbol": SYMBOLS[index]},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    mean = shared | {
        "x": coordinates(curve.positions),
        "y": coordinates([estimate.value for estimate in curve.estimates]),
        "mode": "lines+markers",
        "line": {"width": 2.25, "color": curve.tone.line, "dash": DASHES[index]},
        "marker": {"size": 7, "color": curve.tone.line, "symbol": SYMBOLS[index]},
        "hoverinfo": "text",
        "hovertext": [
            f"{inert(curve.name)}<br>{inert(along)} = {position:.4g}<br>{typeset.line(estimate)}"
            for position, estimate in zip(curve.positions, curve.estimates, strict=True)
        ],
    }
    return [band, dots, mean]


def _band(curve: Curve) -> tuple[list[float | None], list[float | None]]:
    """Closed outlines around each unbroken run of intervals, with a gap between two runs."""
    x: list[float | None] = []
    y: list[float | None] = []
    run: list[tuple[float, Estimate]] = []
    for position, estimate in [*zip(curve.positions, curve.estimates, strict=True), (math.nan, None)]:
        if estimate is not None and math.isfinite(estimate.low) and math.isfinite(estimate.high):
            run.append((position, estimate))
            continue
        if run:
            there, back = [(a, e.low) for a, e in run], [(a, e.high) for a, e in reversed(run)]
            outline = [*there, *back, there[0]]
            x += [None] * bool(x) + [coordinate(a) for a, _ in outline]
            y += [None] * bool(y) + [coordinate(bound) for _, bound in outline]
        run = []
    return x, y


def _ticks(positions: Sequence[float]) -> dict[str, Any]:
    """At the positions where they are levels, which are short numbers; where they are means, at round ones."""
    if all(position == float(f"{position:.3g}") for position in positions):
        return {"tickvals": _apart(positions)}
    return {"nticks": 5}


def _legend(curves: Sequence[Curve]) -> float:
    """The height that a legend takes, by width: a row for each of several curves, where the figure is narrow."""
    return LEGEND_ROW * len(curves) if len(curves) > 1 else 0.0


def _apart(positions: Sequence[float]) -> list[float]:
    """The positions that get a tick label: all of them, or those that stand far enough from the one before."""
    span = positions[-1] - positions[0]
    chosen = [positions[0]]
    for position in positions[1:]:
        if position - chosen[-1] >= LABELS_APART * span:
            chosen.append(position)
    return chosen


def _line(reference: Reference, ends: list[float | None]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": ends,
        "y": [coordinate(reference.value)] * 2,
        "mode": "lines",
        "line": {"color": "var(--ink-soft)", "width": 1, "dash": "dot"},
        "name": inert(reference.label),
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _label(reference: Reference) -> dict[str, Any]:
    return {
        "xref": "paper",
        "x": 1,
        "xanchor": "right",
        "y": reference.value,
        "yanchor": "bottom",
        "text": inert(reference.label),
        "showarrow": False,
        "font": {"size": 11},
    }


def _how_to_read(curves: Sequence[Curve], along: str) -> str:
    estimates = [estimate for curve in curves for estimate in curve.estimates if estimate.n > 0]
    counts = sorted({estimate.n for estimate in estimates})
    levels = sorted({typeset.percent(estimate.level) for estimate in estimates})
    n = " to ".join(dict.fromkeys([str(counts[0]), str(counts[-1])])) if counts else "0"
    return (
        f"Line: mean over seeds, with its {' or '.join(levels)} interval. "
        f"Dots: single seeds, n = {n} at each {along}."
    )
