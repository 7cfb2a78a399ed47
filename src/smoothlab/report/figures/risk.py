"""The risk-coverage curve: how often a model is wrong where it answers only what it is surest of.

From left to right more is answered, the surest first; at coverage 1 the risk is the error rate. A confidence that knows
its errors rises late. The band is Wilson's interval, at each coverage alone. Source: Geifman and El-Yaniv 2017,
sec. 2, arXiv:1705.08500.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _checks
from ...measures.risk_curve import RiskCurve
from .. import typeset
from .curve import DASHES
from .figure import TONES, Figure, Tone, axis, canvas, coordinates, inert

STEADY = 0.1  # of coverage: before it, intervals are too wide to choose an axis by


@dataclass(frozen=True)
class RiskSeries:
    """A name for the legend, its curve, the AURC beside the name, and what its colour is to mean."""

    name: str
    curve: RiskCurve
    aurc: float
    tone: Tone | None = None


def draw_risk(series: Sequence[RiskSeries], *, title: str) -> Figure:
    """One to four models on one pair of axes. Raises `ValueError` for no series or more than four.

    >>> import numpy as np
    >>> from smoothlab.measures import risk_curve
    >>> from smoothlab.report import RiskSeries, draw_risk
    >>> curve = risk_curve(np.linspace(0, 1, 1000), np.arange(1000) >= 100, points=4)
    >>> figure = draw_risk([RiskSeries("invented", curve, 0.005)], title="The surest are right.")
    >>> figure.traces[1]["y"], figure.traces[1]["name"]
    ([0.0, 0.0, 0.0, 0.1], 'invented, AURC 0.005')
    """
    _checks.within("len(series)", len(series), 1, len(TONES))
    traces = [trace for index, one in enumerate(series) for trace in _traces(index, one)]
    layout = canvas(
        xaxis=axis("coverage, share answered", range=[0, 1], dtick=0.2, showgrid=False),
        yaxis=axis(
            "risk, share wrong",
            range=[0, highest(series)],
            nticks=6,
            showline=False,
            ticks="",
        ),
    )
    return Figure(title, (definition_of(series),), tuple(traces), layout, aspect=1.1)


def highest(series: Sequence[RiskSeries]) -> float:
    """Where the axis of risk ends: a little above every interval from a tenth of the coverage on."""
    steady = [
        float(np.fmax(one.curve.high, one.curve.risk)[one.curve.coverage >= STEADY].max())  # nan: no interval
        for one in series
    ]
    return min(1.0, 1.1 * max(steady))


def definition_of(series: Sequence[RiskSeries]) -> str:
    """What is drawn, of how many."""
    n = " and ".join(dict.fromkeys(typeset.count(one.curve.n) for one in series))
    level = typeset.percent(series[0].curve.level)
    drawn = any(np.isfinite(one.curve.high).any() for one in series)
    shaded = f" Shaded: {level} intervals (Wilson), each at one coverage." if drawn else ""
    return (
        "Examples are answered in the order of their confidence, equal ones together; AURC is the mean risk over "
        f"coverage.{shaded} n = {n}."
    )


def _traces(index: int, series: RiskSeries) -> list[dict[str, Any]]:
    """The band, and the curve on it."""
    tone, curve = series.tone or TONES[index], series.curve
    x, y = coordinates(curve.coverage), coordinates(curve.risk)
    low, high = coordinates(curve.low), coordinates(curve.high)
    shared = {"type": "scatter", "mode": "lines", "legendgroup": f"series {index}"}
    band = shared | {
        "x": [*x, *x[::-1]],
        "y": [*low, *high[::-1]],
        "fill": "toself",
        "fillcolor": tone.area,
        "line": {"width": 0},
        "name": inert(series.name),
        "hoverinfo": "skip",
        "showlegend": False,
    }
    line = shared | {
        "x": x,
        "y": y,
        "line": {"width": 2, "color": tone.line, "dash": DASHES[index]},
        "name": f"{inert(series.name)}, AURC {series.aurc:.3f}",
        "showlegend": True,  # Plotly hides a legend of one
        "hoverinfo": "text",
        "hovertext": [
            f"{inert(series.name)}<br>coverage {coverage:.3f}, risk {risk:.4f}"
            + ("" if np.isnan(least) else f"<br>[{least:.4f}, {most:.4f}]")
            for coverage, risk, least, most in zip(
                curve.coverage, curve.risk, curve.low, curve.high, strict=True
            )
        ],
    }
    return [band, line]
