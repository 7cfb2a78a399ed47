"""The laboratory: a grid of runs, the store that keeps them, and the verdict on every claim."""

from . import calibrating, geometry, information, paper, teaching
from .cell import Cell, Run
from .claims import Claim, Finding, Outcome, Verdict, judge, judge_families
from .evidence import Evidence, gather
from .images import IMAGES
from .measures import Measure, Measures
from .panel import Map, Panel, Plane, Trace
from .runner import in_processes, run
from .store import Store
from .study import Source, Study, load
from .suite import Plan, Suite, open_stores, plan, source_of

__all__ = [
    "IMAGES",
    "Cell",
    "Claim",
    "Evidence",
    "Finding",
    "Map",
    "Measure",
    "Measures",
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
    "gather",
    "geometry",
    "in_processes",
    "information",
    "judge",
    "judge_families",
    "load",
    "open_stores",
    "paper",
    "plan",
    "run",
    "source_of",
    "teaching",
]
