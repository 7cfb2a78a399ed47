"""The panels and maps of a study as figures: a point is the mean over paired seeds at one level, with its interval.

Where the horizontal axis is a measure, a point lies at the mean of that measure, so that lines along different factors
meet on one axis, as teachers and students do in the paper's figure 5.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ..lab import Evidence, Map, Panel, Trace
from ..lab.evidence import Level
from ..lab.paper import ALPHA
from ..measures.estimate import mean_estimate
from .figures import Curve, Figure, Reference, draw_curves, draw_heat
from .figures.figure import TONES
from .page import Section

SYMBOL = {"alpha": "α", "gamma": "γ", "temperature": "T"}
START = {"alpha": f"{ALPHA:g}", "temperature": "1"}
"""Where the slider of a marked panel starts."""


def panels_section(panels: tuple[Panel | Map, ...], evidence: Evidence) -> tuple[Section, ...]:
    """Every panel of which something has been measured, in one section; none where nothing has."""
    figures = tuple(figure for panel in panels if (figure := _figure(panel, evidence)) is not None)
    if not figures:
        return ()
    axes = dict.fromkeys(SYMBOL.get(panel.along, panel.along) for panel in panels if isinstance(panel, Panel))
    return (
        Section(
            f"What changes along {' and '.join(axes)}?",
            (
                "Lines are means over paired seeds and bands their 95 % intervals; the dots are the runs. The line is "
                "straight between the levels that were run: there it guides the eye and claims nothing.",
                *dict.fromkeys(panel.text for panel in panels if panel.text),
            ),
            figures,
        ),
    )


def _figure(panel: Panel | Map, evidence: Evidence) -> Figure | None:
    return _map(panel, evidence) if isinstance(panel, Map) else _lines(panel, evidence)


def _map(wanted: Map, evidence: Evidence) -> Figure | None:
    def means(measure: str) -> Float[np.ndarray, "rows columns"]:
        return np.array(
            [
                [
                    evidence.mean(measure, **{**wanted.levels, wanted.rows: row, wanted.columns: column})
                    for column in evidence.factors[wanted.columns]
                ]
                for row in evidence.factors[wanted.rows]
            ]
        )

    values = means(wanted.measure)
    if not np.isfinite(values).any():
        return None
    measure, floor = evidence.measures[wanted.measure], wanted.floor
    caption = [
        f"{measure.definition[0].upper()}{measure.definition[1:]}, mean over {len(evidence.seeds)} seeds."
    ]
    if floor is not None:
        caption.append(f"• not above the mean of: {evidence.measures[floor].definition}.")
    names = [SYMBOL.get(factor, factor) for factor in (wanted.rows, wanted.columns)]
    return draw_heat(
        values,
        rows=(names[0], [_word(level) for level in evidence.factors[wanted.rows]]),
        columns=(names[1], [_word(level) for level in evidence.factors[wanted.columns]]),
        title=wanted.title,
        caption=caption,
        floor=None if floor is None else means(floor),
    )


def _word(level: Level) -> str:
    return level if isinstance(level, str) else f"{level:g}"


def _lines(panel: Panel, evidence: Evidence) -> Figure | None:
    measure = evidence.measures[panel.measure]
    curves = [_curve(panel, trace, evidence) for trace in panel.traces]
    there = [
        replace(curve, tone=tone)
        for curve, tone in zip(curves, _tones(len(curves)), strict=True)
        if any(estimate.n for estimate in curve.estimates)
    ]
    if not there:
        return None
    along = panel.x if panel.x == panel.along else evidence.measures[panel.x].label
    return draw_curves(
        there,
        title=panel.title,
        measure=measure.label,
        definition=f"{measure.definition[0].upper()}{measure.definition[1:]}.",
        references=() if panel.reference is None else (Reference(*panel.reference),),
        along=SYMBOL.get(panel.x, along),
        marks=(SYMBOL[panel.along], START[panel.along]) if any(curve.labels for curve in there) else None,
    )


def _tones(lines: int) -> tuple:
    """A line alone is about smoothing; of several each has its own colour, the first the hard labels'."""
    return TONES[1:2] if lines == 1 else TONES[:lines]


def _curve(panel: Panel, trace: Trace, evidence: Evidence) -> Curve:
    along = trace.along or panel.along
    levels = evidence.factors[along]
    values = [evidence.at(panel.measure, **{**trace.levels, along: level}) for level in levels]
    points = [tuple(float(value) for value in of[np.isfinite(of)]) for of in values]
    if panel.x == panel.along:  # a measure may have the name of a factor, such as a temperature
        positions = [float(level) for level in levels]
    else:
        positions = [evidence.mean(panel.x, **{**trace.levels, along: level}) for level in levels]
    found = zip(positions, points, map(_word, levels), strict=True)
    kept = sorted((at, of, label) for at, of, label in found if of and np.isfinite(at))
    if not kept:
        return Curve(trace.label, (0.0,), (mean_estimate(()),), ((),))
    positions, points, labels = zip(*kept, strict=True)
    moves = panel.marked and along == panel.along
    return Curve(
        trace.label, positions, tuple(map(mean_estimate, points)), points, labels=labels if moves else ()
    )
