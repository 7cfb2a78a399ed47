"""What a stream of predictions adds up to: integers of a fixed size, exact in any order, added across machines."""

from .accumulator import Accumulator
from .class_bins import ClassBins
from .histogram import Histogram
from .paired import Paired
from .power_sums import PowerSums
from .tally import Tally

__all__ = ["Accumulator", "ClassBins", "Histogram", "Paired", "PowerSums", "Tally"]
