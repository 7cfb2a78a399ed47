"""From a model's predictions, in memory or streamed, to a table with intervals, null laws and comparisons."""

from .audit import Audit, audit
from .compare import compare
from .lines import Line
from .stream import Stream

__all__ = ["Audit", "Line", "Stream", "audit", "compare"]
