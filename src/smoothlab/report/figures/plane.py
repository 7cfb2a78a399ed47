r"""The penultimate layer seen in the plane through three class templates, as in figure 1 of the paper.

Left, the network trained on hard labels; right, the smoothed one that the slider picks; above, training examples;
below, examples that were held out. The picture is about scale, so scale is kept honest: one unit is as long in x as
in y, the panels of a column share their axes, and the smoothed column keeps its axes while the slider moves. A switch
draws both columns at one scale. Source: Mueller, Kornblith and Hinton 2019, sec. 2, arXiv:1906.02629.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from ... import _checks
from .. import typeset
from .figure import (
    SYMBOLS,
    Change,
    Figure,
    Slider,
    Switch,
    Tone,
    axis,
    canvas,
    coordinate,
    coordinates,
    inert,
)

DEFINITION = (
    "Penultimate activations of three classes, projected on the plane through the three templates "
    "(rows of the last layer's weight). The templates are outlined and joined by lines; the first is the origin."
)
CLASS_COLOURS = (Tone.SMOOTHED.line, Tone.HARD.line, Tone.SCALED.line)
COLUMNS = ([0.0, 0.47], [0.53, 1.0])
ROWS = ([0.515, 1.0], [0.0, 0.485])
MARGIN = 0.06  # of the span, so that no marker is cut by the edge


@dataclass(frozen=True)
class PlanePanel:
    """Projected examples with their class (0, 1 or 2), and where the three templates lie."""

    points: Float[np.ndarray, "examples 2"]
    labels: Integer[np.ndarray, " labels"]
    templates: Float[np.ndarray, "3 2"]

    def __post_init__(self) -> None:
        _checks.same_length(["points", "labels"], [len(self.points), len(self.labels)])
        _checks.whole_labels(self.labels, 3)


@dataclass(frozen=True)
class PlaneFrame:
    """One network: its alpha, and its plane on training examples and on held-out ones."""

    alpha: float
    train: PlanePanel
    validation: PlanePanel


def draw_plane(
    hard: PlaneFrame,
    smoothed: Sequence[PlaneFrame],
    *,
    classes: Sequence[str],
    title: str,
    definition: str = DEFINITION,
    start: int = 0,
) -> Figure:
    """Two rows, two columns and a slider over the smoothed networks, of which `start` is shown first.

    `classes` names labels 0, 1 and 2. Raises `ValueError` where there are not three names, there is no smoothed
    network, or `start` points to none. Source: Mueller et al. 2019, figure 1.

    >>> import numpy as np
    >>> from smoothlab.report import PlaneFrame, PlanePanel, draw_plane
    >>> corners = np.array([[0.0, 0.0], [4.0, 0.0], [1.0, 3.0]])
    >>> wide, tight = (PlanePanel(scale * corners, np.arange(3), corners) for scale in (2.0, 1.0))
    >>> frames = PlaneFrame(0.0, wide, wide), PlaneFrame(0.1, tight, tight)
    >>> figure = draw_plane(frames[0], frames[1:], classes=("cat", "dog", "boat"), title="They draw together.")
    >>> figure.slider.labels
    ('0.1',)
    """
    _checks.within("len(classes)", len(classes), 3, 3)
    _checks.at_least("len(smoothed)", len(smoothed), 1)
    _checks.within("start", start, 0, len(smoothed) - 1)
    left, right = _square([hard]), _square(smoothed)
    first = smoothed[start]
    panels = [hard.train, first.train, hard.validation, first.validation]
    traces = [
        trace
        for index, panel in enumerate(panels)
        for trace in _traces(panel, classes, subplot=index, legend=not index)
    ]
    layout = canvas(
        **_axes(left, right),
        margin={"l": 44, "r": 8, "t": 8, "b": 8},  # for the names of the rows, beside the ticks
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.06,
            "yanchor": "bottom",
            "itemsizing": "constant",
        },
        annotations=[
            _heading(f"hard, α = {hard.alpha:g}", x=0.235, y=1.0),
            _heading(f"smoothed, α = {first.alpha:g}", x=0.765, y=1.0),
            _heading("training", x=0.0, y=0.765, textangle=-90),
            _heading("held out", x=0.0, y=0.235, textangle=-90),
        ],
    )
    caption = (definition, _scale(left, right), _counts(hard))
    changes = tuple(_change(frame) for frame in smoothed)
    return Figure(
        title,
        caption,
        tuple(traces),
        layout,
        aspect=1.1,
        wide=True,
        slider=Slider("α", tuple(f"{frame.alpha:g}" for frame in smoothed), changes, start),
        switch=Switch("both columns at one scale", Change({}, _one_scale(left, right))),
    )


def _traces(panel: PlanePanel, classes: Sequence[str], *, subplot: int, legend: bool) -> list[dict[str, Any]]:
    """Three clouds and the triangle of their templates."""
    axes = {"xaxis": f"x{subplot + 1}" if subplot else "x", "yaxis": f"y{subplot + 1}" if subplot else "y"}
    shared = {"type": "scatter", "showlegend": legend, **axes}
    clouds = [
        shared
        | places
        | {
            "mode": "markers",
            "marker": {"size": 5, "opacity": 0.6, "color": colour, "symbol": symbol},
            "name": inert(name),
            "legendgroup": f"class {index}",
            "hoverinfo": "name",
        }
        for index, (places, name, colour, symbol) in enumerate(
            zip(_clouds(panel), classes, CLASS_COLOURS, SYMBOLS[:3], strict=True)
        )
    ]
    triangle = {
        "mode": "lines+markers",
        "line": {"color": "var(--ink)", "width": 1},
        "marker": {
            "size": 10,
            "color": [*CLASS_COLOURS, CLASS_COLOURS[0]],
            "symbol": [*SYMBOLS[:3], SYMBOLS[0]],
            "line": {"color": "var(--ink)", "width": 1.5},
        },
        "showlegend": False,
        "hoverinfo": "text",
        "hovertext": [f"template of {inert(name)}" for name in [*classes, classes[0]]],
    }
    return [*clouds, shared | _triangle(panel) | triangle]


def _clouds(panel: PlanePanel) -> Iterator[dict[str, list[float | None]]]:
    for label in range(3):
        points = panel.points[panel.labels == label]
        yield {"x": coordinates(points[:, 0]), "y": coordinates(points[:, 1])}


def _triangle(panel: PlanePanel) -> dict[str, list[float | None]]:
    corners = panel.templates[[0, 1, 2, 0]]
    return {"x": coordinates(corners[:, 0]), "y": coordinates(corners[:, 1])}


def _change(frame: PlaneFrame) -> Change:
    """The right column's four traces, above (from trace 4 on) and below (from 12 on), and its heading."""
    traces: dict[int, dict[str, Any]] = {}
    for begin, panel in [(4, frame.train), (12, frame.validation)]:
        traces |= {begin + index: places for index, places in enumerate([*_clouds(panel), _triangle(panel)])}
    return Change(traces, {"annotations": {"1": {"text": f"smoothed, α = {frame.alpha:g}"}}})


@dataclass(frozen=True)
class _Square:
    """The range that a column's axes share."""

    centre: Float[np.ndarray, " 2"]
    span: float

    def range(self, axis: int, span: float) -> list[float | None]:
        """The ends along x (0) or y (1) of a square of this span around the centre."""
        centre = float(self.centre[axis])
        return [coordinate(centre - span / 2), coordinate(centre + span / 2)]


def _square(frames: Sequence[PlaneFrame]) -> _Square:
    """The smallest square that holds all points and templates of these networks, and a margin."""
    panels = [panel for frame in frames for panel in (frame.train, frame.validation)]
    places = np.concatenate([array for panel in panels for array in (panel.points, panel.templates)])
    low, high = places.min(0).astype(np.float64), places.max(0).astype(np.float64)
    return _Square((low + high) / 2, float((high - low).max()) * (1 + 2 * MARGIN) or 1.0)


def _axes(left: _Square, right: _Square) -> dict[str, Any]:
    axes: dict[str, Any] = {}
    for index in range(4):
        row, column = divmod(index, 2)
        square, suffix = [left, right][column], str(index + 1) if index else ""
        tick = {
            "dtick": _tick(square.span),
            "linecolor": "var(--grid)",
            "mirror": True,
            "ticks": "",
            "constrain": "domain",
        }
        axes[f"xaxis{suffix}"] = axis(
            domain=COLUMNS[column],
            anchor=f"y{suffix}",
            range=square.range(0, square.span),
            showticklabels=row == 1,  # the panel above has the same axis
            **tick,
        )
        axes[f"yaxis{suffix}"] = axis(
            domain=ROWS[row],
            anchor=f"x{suffix}",
            range=square.range(1, square.span),
            scaleanchor=f"x{suffix}",
            **tick,
        )
    return axes


def _one_scale(left: _Square, right: _Square) -> dict[str, Any]:
    """Every axis with the larger span, around its own column's centre."""
    span = max(left.span, right.span)
    changed: dict[str, Any] = {}
    for index in range(4):
        square, suffix = [left, right][index % 2], str(index + 1) if index else ""
        changed[f"xaxis{suffix}"] = {"range": square.range(0, span), "dtick": _tick(span)}
        changed[f"yaxis{suffix}"] = {"range": square.range(1, span), "dtick": _tick(span)}
    return changed


def _tick(span: float) -> float:
    """A round step, 1, 2 or 5 times a power of ten, that cuts the span into two to five; x and y share it."""
    power = 10.0 ** np.floor(np.log10(span / 2))
    return float(max(step * power for step in (1, 2, 5) if step * power <= span / 2))


def _heading(text: str, *, x: float, y: float, textangle: int = 0) -> dict[str, Any]:
    upright = textangle == 0
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": y,
        "xanchor": "center" if upright else "right",
        "yanchor": "bottom" if upright else "middle",
        "textangle": textangle,
        "xshift": 0 if upright else -26,
        "showarrow": False,
        "font": {"color": "var(--ink)", "size": 13},
    }


def _scale(left: _Square, right: _Square) -> str:
    return (
        "One unit is as long in x as in y, and the panels of a column share their axes, at every position of the "
        f"slider. A side is {left.span:.3g} units long in the hard column and {right.span:.3g} in the smoothed one."
    )


def _counts(frame: PlaneFrame) -> str:
    train, validation = (typeset.count(len(panel.labels)) for panel in (frame.train, frame.validation))
    return f"n = {train} training and {validation} held-out examples."
