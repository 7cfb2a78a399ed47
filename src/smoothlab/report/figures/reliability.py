r"""The reliability diagram: accuracy over confidence, bin by bin, with the number of examples under it.

A calibrated model lies on the diagonal up to chance. How far chance reaches is the null band: where a bin's accuracy
falls when the labels are drawn from the model's own confidences. A bin without examples has no accuracy, so nothing
is drawn there, neither at zero nor on the diagonal. The counts stand on a logarithmic axis, because a confident
network puts most examples into the last bin. Sources: DeGroot and Fienberg 1983, doi:10.2307/2987588 (the diagram),
Broecker and Smith 2007, doi:10.1175/WAF993.1 (the band).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _checks
from ...measures.calibration import Reliability
from .. import typeset
from .figure import SYMBOLS, TONES, Figure, Tone, axis, canvas, coordinates, inert


@dataclass(frozen=True)
class ReliabilitySeries:
    """A name for the legend, the bins that it names, and what its colour is to mean; by its place if `None`."""

    name: str
    reliability: Reliability
    tone: Tone | None = None


def draw_reliability(series: Sequence[ReliabilitySeries], *, title: str, definition: str = "") -> Figure:
    """One to four models on one pair of axes; `definition` adds to the caption what the bins hold.

    Raises `ValueError` for no series or more than four. Sources: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import reliability
    >>> from smoothlab.report import ReliabilitySeries, Tone, draw_reliability
    >>> sure = np.tile([4.0, 0.0], (100, 1))  # confidence 0.98, and every second answer is right
    >>> bins = reliability(sure, np.arange(100) % 2)
    >>> draw_reliability([ReliabilitySeries("invented", bins, Tone.HARD)], title="Sure.").traces[2]["name"]
    'invented, ECE 0.482'
    """
    _checks.within("len(series)", len(series), 1, len(TONES))
    traces = [_diagonal()]
    for index, one in enumerate(series):
        tone = one.tone or TONES[index]
        traces += [
            _band(one, tone, index=index),
            _accuracy(one, tone, index=index),
            _count(one, tone, index=index, of=len(series)),
        ]
    most = max(one.reliability.count.max() for one in series)
    layout = canvas(
        xaxis=axis("confidence", range=[0, 1], dtick=0.2, anchor="y2", showgrid=False),
        yaxis=axis("accuracy", range=[0, 1], dtick=0.2, domain=[0.31, 1], showline=False, ticks=""),
        yaxis2=axis(
            "examples",
            type="log",
            range=[-0.3, float(np.log10(most)) + 0.2],
            dtick=1,
            domain=[0, 0.22],
            ticks="",
        ),
        bargap=0,
    )
    caption = (*filter(None, [definition]), _definition(series), *map(_score, series))
    return Figure(title, caption, tuple(traces), layout, aspect=1.2)


def _diagonal() -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [0, 1],
        "y": [0, 1],
        "mode": "lines",
        "line": {"color": "var(--ink-soft)", "width": 1, "dash": "dot"},
        "name": "calibrated",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _band(series: ReliabilitySeries, tone: Tone, *, index: int) -> dict[str, Any]:
    """The null band: one closed outline for each unbroken run of bins that hold examples.

    A bin that stands alone gets a box, half as wide as itself; an outline through one point would show nothing.
    """
    bins = series.reliability
    x: list[float | None] = []
    y: list[float | None] = []
    filled = np.flatnonzero(bins.count)
    for run in np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1):
        along, low, high = bins.confidence[run], bins.null_low[run], bins.null_high[run]
        if len(run) == 1:
            along = along + np.array([-0.25, 0.25]) * np.diff(bins.edges)[run]
            low, high = low.repeat(2), high.repeat(2)
        x += [None] * bool(x) + coordinates([*along, *along[::-1], along[0]])
        y += [None] * bool(y) + coordinates([*low, *high[::-1], low[0]])
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines",
        "fill": "toself",
        "fillcolor": tone.area,
        "line": {"width": 1, "color": tone.area},
        "name": inert(series.name),
        "legendgroup": f"series {index}",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _accuracy(series: ReliabilitySeries, tone: Tone, *, index: int) -> dict[str, Any]:
    bins = series.reliability
    return {
        "type": "scatter",
        "x": coordinates(bins.confidence),
        "y": coordinates(bins.accuracy),
        "mode": "lines+markers",
        "connectgaps": False,
        "cliponaxis": False,  # an accuracy of 0 or 1 is a whole marker, too
        "line": {"color": tone.line, "width": 1.75},
        "marker": {
            "color": tone.line,
            "size": _sizes(bins),
            "opacity": 1,  # Plotly lets markers of several sizes shine through
            "symbol": SYMBOLS[index],
            "line": {"color": "var(--card)", "width": 1},
        },
        "name": f"{inert(series.name)}, ECE {bins.ece:.3f}",
        "legendgroup": f"series {index}",
        "hoverinfo": "text",
        "hovertext": [
            f"{inert(series.name)}, {typeset.count(int(n))} examples<br>"
            f"confidence {confidence:.3f}, accuracy {accuracy:.3f}<br>if calibrated: {low:.3f} to {high:.3f}"
            for n, confidence, accuracy, low, high in zip(
                bins.count, bins.confidence, bins.accuracy, bins.null_low, bins.null_high, strict=True
            )
        ],
    }


def _sizes(bins: Reliability) -> list[float | None]:
    """From 4 pixels for a single example to 10 for some thousands: a bin of few should not catch the eye."""
    return coordinates(np.clip(3 + 2 * np.log10(np.maximum(bins.count, 1)), 4, 10))


def _count(series: ReliabilitySeries, tone: Tone, *, index: int, of: int) -> dict[str, Any]:
    """A bar a bin; with several series they stand side by side within the bin."""
    bins = series.reliability
    widths = np.diff(bins.edges) / of
    return {
        "type": "bar",
        "x": coordinates(bins.edges[:-1] + (index + 0.5) * widths),
        "y": [int(n) or None for n in bins.count],
        "width": coordinates(0.86 * widths),
        "marker": {"color": tone.line},
        "yaxis": "y2",
        "name": inert(series.name),
        "legendgroup": f"series {index}",
        "showlegend": False,
        "hoverinfo": "text",
        "hovertext": [f"{inert(series.name)}, {typeset.count(int(n))} examples" for n in bins.count],
    }


def _definition(series: Sequence[ReliabilitySeries]) -> str:
    bins = "/".join(dict.fromkeys(str(len(one.reliability.count)) for one in series))
    return (
        f"ECE is the mean over examples of |accuracy − confidence| of the bin, with {bins} bins of equal width. "
        "Shaded: where a calibrated model's bin lies by chance, 95 times in 100. A bin without examples "
        "shows nothing, and a larger sign stands for more of them."
    )


def _score(series: ReliabilitySeries) -> str:
    bins = series.reliability
    low, high = bins.null_ece
    p = typeset.probability(bins.p_value)
    return (
        f"{series.name}: ECE {bins.ece:.4f}; if calibrated {low:.4f} to {high:.4f}, "
        f"p {p if p.startswith('<') else '= ' + p}, n = {typeset.count(bins.n)}."
    )
