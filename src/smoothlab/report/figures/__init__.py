"""Figures as plain data, one file a figure. Plotly's own package is not needed to make one."""

from .curve import Curve, Reference, draw_curves
from .figure import Change, Figure, Slider, Switch, Tone, inert
from .plane import PlaneFrame, PlanePanel, draw_plane
from .reliability import ReliabilitySeries, draw_reliability

__all__ = [
    "Change",
    "Curve",
    "Figure",
    "PlaneFrame",
    "PlanePanel",
    "Reference",
    "ReliabilitySeries",
    "Slider",
    "Switch",
    "Tone",
    "draw_curves",
    "draw_plane",
    "draw_reliability",
    "inert",
]
