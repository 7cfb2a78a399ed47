"""The laboratory: a grid of runs, the store that keeps them, and the verdict on every claim."""

from .claims import Claim, Finding, Outcome, Verdict, judge
from .evidence import Evidence, gather
from .runner import in_processes, run
from .store import Store
from .study import Cell, Source, Study, load

__all__ = [
    "Cell",
    "Claim",
    "Evidence",
    "Finding",
    "Outcome",
    "Source",
    "Store",
    "Study",
    "Verdict",
    "gather",
    "in_processes",
    "judge",
    "load",
    "run",
]
