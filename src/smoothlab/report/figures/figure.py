"""A figure as plain data: what is drawn, what a slider and a switch change, and the words beside it.

`traces` and `layout` are Plotly's JSON (https://plotly.com/javascript/reference/), written by hand, so that a
figure is a value which tests can read and no plotting package is needed to make one. Two rules keep it safe and calm:

    colours    are names of the page's CSS variables, "var(--hard)"; the page resolves them in light and in dark,
    text       from users goes through `inert` first, because Plotly reads HTML in every string that it draws.
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from jaxtyping import Shaped

from ... import _checks


class Tone(StrEnum):
    """What a colour means, on the whole page; after Okabe and Ito, so that colour-blind readers can tell them apart."""

    HARD = "first"
    SMOOTHED = "second"
    SCALED = "third"
    FURTHER = "fourth"

    @property
    def line(self) -> str:
        """The colour of lines, markers and bars."""
        return f"var(--{self})"

    @property
    def area(self) -> str:
        """The same colour, light enough for areas that lie on each other."""
        return f"var(--{self}-band)"


TONES = tuple(Tone)

SYMBOLS = ("circle", "square", "triangle-up", "diamond")
"""Colour is never the only difference."""


@dataclass(frozen=True)
class Change:
    """What moves when a slider or a switch does: entries of some traces, by index, and of the layout.

    Mappings are merged into what they change, entry by entry, down to the leaves; a list is changed by a mapping
    from its indices, or replaced by a list.
    """

    traces: Mapping[int, Mapping[str, Any]]
    layout: Mapping[str, Any]


@dataclass(frozen=True)
class Slider:
    """Which of several changes is drawn: `labels` are read out at the positions, `start` is the first one shown."""

    name: str
    labels: tuple[str, ...]
    changes: tuple[Change, ...]
    start: int = 0

    def __post_init__(self) -> None:
        _checks.same_length(["labels", "changes"], [len(self.labels), len(self.changes)])
        _checks.within("start", self.start, 0, len(self.changes) - 1)


@dataclass(frozen=True)
class Switch:
    """A box to tick; `change` is drawn on top of everything else while it is."""

    label: str
    change: Change


@dataclass(frozen=True)
class Figure:
    """One picture: its sentence, what it shows in Plotly's JSON, its caption and its controls.

    `aspect` is height by width. A `wide` figure takes a whole row of the page, with its caption beside it.

    >>> from smoothlab.report.figures import Figure
    >>> Figure("Two points.", ("n = 2",), ({"type": "scatter", "x": [0, 1], "y": [1, 0]},), {}).aspect
    0.75
    """

    title: str
    caption: tuple[str, ...]
    traces: tuple[Mapping[str, Any], ...]
    layout: Mapping[str, Any]
    aspect: float = 0.75
    wide: bool = False
    slider: Slider | None = None
    switch: Switch | None = None


def inert(text: str) -> str:
    """The text as Plotly must get it to draw it letter by letter: no tag, no link, no entity.

    >>> from smoothlab.report.figures import inert
    >>> inert("<b>shirt</b>")
    '&lt;b&gt;shirt&lt;/b&gt;'
    """
    return html.escape(text, quote=False)


def coordinate(value: float) -> float | None:
    """Four significant digits, which is finer than a screen; `None`, which Plotly leaves out, for nan and infinity.

    >>> coordinate(0.123456), coordinate(float("nan"))
    (0.1235, None)
    """
    return float(f"{value:.4g}") if math.isfinite(value) else None


def coordinates(values: Sequence[float] | Shaped[np.ndarray, " points"]) -> list[float | None]:
    """`coordinate` of each."""
    return [coordinate(float(value)) for value in values]


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """A quiet axis. It cannot be dragged, so that a finger on a phone scrolls the page."""
    return {
        "title": {"text": title, "standoff": 8},
        "automargin": True,
        "fixedrange": True,
        "gridcolor": "var(--grid)",
        "linecolor": "var(--axis)",
        "tickcolor": "var(--axis)",
        "ticks": "outside",
        "ticklen": 4,
        "zeroline": False,
        "showline": True,
        **more,
    }


def canvas(**more: Any) -> dict[str, Any]:
    """The layout that every figure starts from: transparent paper, the page's ink, a legend on top."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "var(--ink-soft)", "size": 12},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "dragmode": False,
        "hoverlabel": {
            "bgcolor": "var(--card)",
            "bordercolor": "var(--axis)",
            "font": {"color": "var(--ink)"},
            "align": "left",
            "namelength": -1,
        },
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        **more,
    }
