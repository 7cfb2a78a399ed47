r"""The reliability diagram: accuracy over confidence, bin by bin, with the number of examples under it.

A calibrated model lies on the diagonal up to chance. How far chance reaches is the null band: where a bin's accuracy
falls when the labels are drawn from the model's own confidences. A bin without examples has no accuracy, so nothing
is drawn there, neither at zero nor on the diagonal. The counts stand on a logarithmic axis, because a confident
network puts most examples into the last bin; and where the diagrams in log-odds are given too, a switch draws those,
in which that bin comes apart (see `measures.log_odds`). Sources: DeGroot and Fienberg 1983, doi:10.2307/2987588 (the
diagram), Broecker and Smith 2007, doi:10.1175/WAF993.1 (the band).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from ... import _checks
from ...measures.calibration import Reliability
from .. import typeset
from .figure import SYMBOLS, TONES, Change, Figure, Slider, Switch, Tone, axis, canvas, coordinates, inert
from .scale import JOINED, Frame, Placed, Scale, Span, frame_of, place

IN_LOG_ODDS = (
    "On the log-odds scale the bins are 1 wide in log-odds, and the outermost, from 14 on, are open; a hollow sign on "
    "the edge stands for answers that are all right, or all wrong. The ECE is that of the bins of equal width."
)

TRACES = 4
"""Of each series, after the diagonal."""
MOVING = ("x", "y", "width", "hovertext", "marker")
"""What of a trace depends on the bins and on the scale."""


@dataclass(frozen=True)
class ReliabilitySeries:
    """A name for the legend, the bins that it names, and what its colour is to mean; by its place if `None`.

    `log_odds` has the same examples in bins of log-odds, from `log_odds_reliability`, for that scale.
    """

    name: str
    reliability: Reliability
    tone: Tone | None = None
    log_odds: Reliability | None = None

    def bins(self, scale: Scale) -> Reliability:
        """The bins that are drawn on a scale; only figures that have those of log-odds offer it."""
        if scale is Scale.PROBABILITY:
            return self.reliability
        assert self.log_odds is not None
        return self.log_odds


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
    traces, layout = _drawn(series, Scale.PROBABILITY)
    scales, switch = [Scale.PROBABILITY], None
    if all(one.log_odds is not None for one in series):
        scales.append(Scale.LOG_ODDS)
        switch = Switch("log-odds scale", Change(*_changes(*_drawn(series, Scale.LOG_ODDS))))
    caption = (*filter(None, [definition]), *captions(series, scales))
    return Figure(title, caption, traces, layout, aspect=1.2, switch=switch)


def draw_reliability_over(
    along: str,
    fixed: ReliabilitySeries,
    frames: Sequence[tuple[str, ReliabilitySeries]],
    *,
    title: str,
    definition: str = "",
    start: int = 0,
) -> Figure:
    """A model that stays beside one that a slider moves: `along` names it, and each frame has its label there.

    Raises `ValueError` for no frame, or where `start` points to none. Sources: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import reliability
    >>> from smoothlab.report.figures import ReliabilitySeries, draw_reliability_over
    >>> sure, right = np.tile([4.0, 0.0], (100, 1)), np.arange(100) % 2
    >>> frames = [(f"{T:g}", ReliabilitySeries(f"T = {T:g}", reliability(sure / T, right))) for T in (1.0, 4.0)]
    >>> figure = draw_reliability_over("T", frames[0][1], frames, title="Sure.")
    >>> figure.slider.labels, figure.slider.changes[1].traces[6]["name"]
    (('1', '4'), 'T = 4, ECE 0.231')
    """
    _checks.at_least("len(frames)", len(frames), 1)
    _checks.within("start", start, 0, len(frames) - 1)
    drawn = [_drawn([fixed, one], Scale.PROBABILITY) for _, one in frames]
    traces, layout = drawn[start]
    highest = max(layout["yaxis2"]["range"][1] for _, layout in drawn)  # one axis, whatever the slider says
    moving = range(1 + TRACES, 1 + 2 * TRACES)
    changes = tuple(
        Change(
            {
                index: {key: of[index][key] for key in (*MOVING, "name") if key in of[index]}
                for index in moving
            },
            {},
        )
        for of, _ in drawn
    )
    return Figure(
        title,
        (*filter(None, [definition]), _definition([fixed]), _score(fixed), _scores(along, frames)),
        traces,
        {**layout, "yaxis2": {**layout["yaxis2"], "range": [layout["yaxis2"]["range"][0], highest]}},
        aspect=1.3,
        slider=Slider(along, tuple(label for label, _ in frames), changes, start),
    )


def captions(series: Sequence[ReliabilitySeries], scales: Sequence[Scale]) -> tuple[str, ...]:
    """How the ECE is defined, what is drawn on these scales, and the scores with their n."""
    in_log_odds = [IN_LOG_ODDS] if Scale.LOG_ODDS in scales else []
    return (_definition(series), *in_log_odds, *map(_score, series))


def _drawn(
    series: Sequence[ReliabilitySeries], scale: Scale
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """Traces and layout on a scale; whatever the scale, they are as many and in the same order."""
    diagrams = [one.bins(scale) for one in series]
    frame = frame_of(diagrams, scale)
    traces = [_diagonal(frame)]
    for index, (one, bins) in enumerate(zip(series, diagrams, strict=True)):
        tone, placed = one.tone or TONES[index], place(bins, scale, frame)
        traces += [
            _band(one, placed, tone, index=index),
            _accuracy(one, bins, placed, tone, index=index),
            _count(one, bins, placed, tone, index=index, of=len(series)),
            _alone(one, bins, placed, tone, index=index),
        ]
    most = max(bins.count.max() for bins in diagrams)
    unit = "" if scale is Scale.PROBABILITY else ", log-odds scale"
    layout = canvas(
        xaxis=axis(f"confidence{unit}", **_ticks(frame.x), anchor="y2", showgrid=False),
        yaxis=axis("accuracy", **_ticks(frame.y), domain=[0.31, 1], showline=False, ticks=""),
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
    return tuple(traces), layout


def _ticks(span: Span) -> dict[str, Any]:
    return {
        "range": coordinates([span.low, span.high]),
        "tickmode": "array",
        "tickvals": coordinates(span.ticks),
        "ticktext": list(span.words),
        "tickangle": 0,
    }


def _changes(
    traces: Sequence[dict[str, Any]], layout: dict[str, Any]
) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
    """What differs between the scales, of the traces by their index and of the layout."""
    moved = {index: {key: trace[key] for key in MOVING if key in trace} for index, trace in enumerate(traces)}
    return moved, {key: layout[key] for key in ("xaxis", "yaxis", "yaxis2")}


def _diagonal(frame: Frame) -> dict[str, Any]:
    ends = coordinates([min(frame.x.low, frame.y.low), max(frame.x.high, frame.y.high)])
    return {
        "type": "scatter",
        "x": ends,
        "y": ends,
        "mode": "lines",
        "line": {"color": "var(--ink-soft)", "width": 1, "dash": "dot"},
        "name": "calibrated",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _band(series: ReliabilitySeries, placed: Placed, tone: Tone, *, index: int) -> dict[str, Any]:
    """The null band: one closed outline for each unbroken run of bins that hold examples."""
    x: list[float | None] = []
    y: list[float | None] = []
    for along, low, high in placed.runs:
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


def _accuracy(
    series: ReliabilitySeries, bins: Reliability, placed: Placed, tone: Tone, *, index: int
) -> dict[str, Any]:
    """The signs that a line joins."""
    return _signs(series, bins, placed, tone, index=index, shown=placed.joined) | {
        "mode": "lines+markers",
        "connectgaps": False,
        "line": {"color": tone.line, "width": 1.75},
        "name": f"{inert(series.name)}, ECE {series.reliability.ece:.3f}",
        "showlegend": True,
    }


def _alone(
    series: ReliabilitySeries, bins: Reliability, placed: Placed, tone: Tone, *, index: int
) -> dict[str, Any]:
    """The signs of few examples, and those on the edge."""
    return _signs(series, bins, placed, tone, index=index, shown=~placed.joined)


def _signs(
    series: ReliabilitySeries,
    bins: Reliability,
    placed: Placed,
    tone: Tone,
    *,
    index: int,
    shown: Bool[np.ndarray, " bins"],
) -> dict[str, Any]:
    symbol = SYMBOLS[index]
    return {
        "type": "scatter",
        "x": coordinates(placed.x),
        "y": coordinates(np.where(shown, placed.y, np.nan)),
        "mode": "markers",
        "cliponaxis": False,  # an accuracy of 0 or 1 is a whole marker, too
        "marker": {
            "color": tone.line,
            "size": _sizes(bins),
            "opacity": 1,  # Plotly lets markers of several sizes shine through
            "symbol": [f"{symbol}-open" if beyond else symbol for beyond in placed.beyond],
            "line": {
                "color": [tone.line if beyond else "var(--card)" for beyond in placed.beyond],
                "width": [1.75 if beyond else 1 for beyond in placed.beyond],
            },
        },
        "name": inert(series.name),
        "legendgroup": f"series {index}",
        "showlegend": False,
        "hoverinfo": "text",
        "hovertext": [
            f"{inert(series.name)}, {typeset.count(int(n))} examples<br>"
            f"confidence {_chance(confidence)}, accuracy {_chance(accuracy)}"
            + ("" if math.isnan(low) else f"<br>if calibrated: {_chance(low)} to {_chance(high)}")
            for n, confidence, accuracy, low, high in zip(
                bins.count, bins.confidence, bins.accuracy, bins.null_low, bins.null_high, strict=True
            )
        ],
    }


def _sizes(bins: Reliability) -> list[float | None]:
    """From 4 pixels for a single example to 10 for some thousands: a bin of few should not catch the eye."""
    return coordinates(np.clip(3 + 2 * np.log10(np.maximum(bins.count, 1)), 4, 10))


def _chance(value: float) -> str:
    """Three decimals, or as many as tell a chance near 1 from certainty."""
    digits = 3 if not 0.999 < value < 1 else min(1 - math.floor(math.log10(1 - value)), 9)
    return f"{value:.{digits}f}"


def _count(
    series: ReliabilitySeries, bins: Reliability, placed: Placed, tone: Tone, *, index: int, of: int
) -> dict[str, Any]:
    """A bar a bin; with several series they stand side by side within the bin."""
    widths = placed.width / of
    return {
        "type": "bar",
        "x": coordinates(placed.centre + (index - (of - 1) / 2) * widths),
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
        f"shows nothing; a larger sign stands for more of them, and a line joins those of {JOINED} or more."
    )


def _score(series: ReliabilitySeries) -> str:
    """The ECE with its null band, p-value and n, for a caption."""
    bins = series.reliability
    if math.isnan(bins.p_value):
        return f"{series.name}: ECE {bins.ece:.4f}, n = {typeset.count(bins.n)}."
    low, high = bins.null_ece
    p = typeset.probability(bins.p_value)
    return (
        f"{series.name}: ECE {bins.ece:.4f}; if calibrated {low:.4f} to {high:.4f}, "
        f"p {p if p.startswith('<') else '= ' + p}, n = {typeset.count(bins.n)}."
    )


def _scores(along: str, frames: Sequence[tuple[str, ReliabilitySeries]]) -> str:
    """The ECE at every position of a slider, each with what a calibrated model would show."""
    said = [
        f"{one.reliability.ece:.3f} ({one.reliability.null_ece[0]:.3f} to {one.reliability.null_ece[1]:.3f}) "
        f"at {along} = {label}"
        for label, one in frames
    ]
    return f"ECE, and in parentheses that of a calibrated model, 95 times in 100: {'; '.join(said)}."
