"""The panels of a study as figures: a point is the mean over paired seeds at one level, with its interval.

Where the horizontal axis is a measure, a point lies at the mean of that measure, so that lines along different factors
meet on one axis, as teachers and students do in the paper's figure 5.
"""

import numpy as np

from ..lab import Evidence, Panel, Trace
from ..measures.estimate import mean_estimate
from .figures import Curve, Figure, Reference, draw_curves
from .figures.figure import TONES
from .page import Section

SYMBOL = {"alpha": "α", "gamma": "γ"}


def panels_section(panels: tuple[Panel, ...], evidence: Evidence) -> tuple[Section, ...]:
    """Every panel of which something has been measured, in one section; none where nothing has."""
    drawn = [(panel, _figure(panel, evidence)) for panel in panels]
    figures = tuple(figure for _, figure in drawn if figure is not None)
    if not figures:
        return ()
    axes = dict.fromkeys(SYMBOL.get(panel.x, panel.x) for panel, figure in drawn if figure is not None)
    return (
        Section(
            f"What changes along {' and '.join(axes)}?",
            (
                "Lines are means over paired seeds and bands their 95 % intervals; the dots are the runs. The line is "
                "straight between the levels that were run: there it guides the eye and claims nothing.",
                *dict.fromkeys(panel.text for panel, figure in drawn if panel.text and figure is not None),
            ),
            figures,
        ),
    )


def _figure(panel: Panel, evidence: Evidence) -> Figure | None:
    measure = evidence.measures[panel.measure]
    curves = [_curve(panel, trace, evidence) for trace in panel.traces]
    there = [
        Curve(curve.name, curve.positions, curve.estimates, curve.points, tone)
        for curve, tone in zip(curves, _tones(len(curves)), strict=True)
        if any(estimate.n for estimate in curve.estimates)
    ]
    if not there:
        return None
    along = evidence.measures[panel.x].label if panel.x in evidence.measures else panel.x
    return draw_curves(
        there,
        title=panel.title,
        measure=measure.label,
        definition=f"{measure.definition[0].upper()}{measure.definition[1:]}.",
        references=() if panel.reference is None else (Reference(*panel.reference),),
        along=SYMBOL.get(panel.x, along),
    )


def _tones(lines: int) -> tuple:
    """A line alone is about smoothing; of several each has its own colour, the first the hard labels'."""
    return TONES[1:2] if lines == 1 else TONES[:lines]


def _curve(panel: Panel, trace: Trace, evidence: Evidence) -> Curve:
    along = trace.along or panel.along
    levels = evidence.factors[along]
    values = [evidence.at(panel.measure, **{**trace.levels, along: level}) for level in levels]
    points = [tuple(float(value) for value in of[np.isfinite(of)]) for of in values]
    if panel.x in evidence.measures:
        positions = [evidence.mean(panel.x, **{**trace.levels, along: level}) for level in levels]
    else:
        positions = [float(level) for level in levels]
    kept = sorted(
        (at, of) for at, of in zip(positions, points, strict=True) if np.isfinite(at) and (of or at == at)
    )
    return Curve(
        trace.label,
        tuple(at for at, _ in kept) or (0.0,),
        tuple(mean_estimate(of) for _, of in kept) or (mean_estimate(()),),
        tuple(of for _, of in kept) or ((),),
    )
