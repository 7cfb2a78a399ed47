"""Figures as plain data, one file a figure. Plotly's own package is not needed to make one."""

from .curve import Curve, Reference, draw_curves
from .figure import Change, Figure, Slider, Switch, Tone, inert
from .heat import draw_heat
from .neighbours import draw_neighbours
from .plane import PlaneFrame, PlanePanel, draw_plane
from .reliability import ReliabilitySeries, draw_reliability, draw_reliability_over
from .risk import RiskSeries, draw_risk
from .scale import Scale
from .softmax import draw_target, draw_temperature

__all__ = [
    "Change",
    "Curve",
    "Figure",
    "PlaneFrame",
    "PlanePanel",
    "Reference",
    "ReliabilitySeries",
    "RiskSeries",
    "Scale",
    "Slider",
    "Switch",
    "Tone",
    "draw_curves",
    "draw_heat",
    "draw_neighbours",
    "draw_plane",
    "draw_reliability",
    "draw_reliability_over",
    "draw_risk",
    "draw_target",
    "draw_temperature",
    "inert",
]
