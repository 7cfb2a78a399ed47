"""One self-contained HTML page: a verdict, tables, and figures that are plain data."""

from .figures import (
    Curve,
    Figure,
    PlaneFrame,
    PlanePanel,
    Reference,
    ReliabilitySeries,
    RiskSeries,
    Scale,
    Tone,
    draw_curves,
    draw_plane,
    draw_reliability,
    draw_risk,
)
from .page import Card, Claims, Number, Page, Section, Table, render, write

__all__ = [
    "Card",
    "Claims",
    "Curve",
    "Figure",
    "Number",
    "Page",
    "PlaneFrame",
    "PlanePanel",
    "Reference",
    "ReliabilitySeries",
    "RiskSeries",
    "Scale",
    "Section",
    "Table",
    "Tone",
    "draw_curves",
    "draw_plane",
    "draw_reliability",
    "draw_risk",
    "render",
    "write",
]
