"""The laboratory: a grid of runs, the store that keeps them, and the verdict on every claim."""

from . import calibrating, costs, geometry, information, later, noise, paper, teaching
from .cell import Cell, Run
from .claims import Claim, Finding, Outcome, Verdict, judge, judge_families
from .evidence import Evidence, gather
from .images import IMAGES
from .measures import Measure, Measures
from .panel import Diagram, Map, Neighbours, Panel, Plane, Trace
from .runner import in_processes, run
from .store import Store
from .study import Source, Study, load
from .suite import Plan, Suite, open_stores, plan, source_of

__all__ = [
    "IMAGES",
    "Cell",
    "Claim",
    "Diagram",
    "Evidence",
    "Finding",
    "Map",
    "Measure",
    "Measures",
    "Neighbours",
    "Outcome",
    "Panel",
    "Plan",
    "Plane",
    "Run",
    "Source",
    "Store",
    "Study",
    "Suite",
    "Trace",
    "Verdict",
    "calibrating",
    "costs",
    "gather",
    "geometry",
    "in_processes",
    "information",
    "judge",
    "judge_families",
    "later",
    "load",
    "noise",
    "open_stores",
    "paper",
    "plan",
    "run",
    "source_of",
    "teaching",
]
