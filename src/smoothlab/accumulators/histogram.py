r"""A histogram of answers, fine where confidences crowd: what is left of a stream is enough for every measure.

A cell holds the confidences p whose odds against, (1 - p)/p, agree in their exponent and the first ten bits behind it:
1024 cells each time the odds double, 13,600 of them from 0.5 to 0.9999, and one for exactly 1. The edges of the bins of
equal width, and of those in log-odds, cut the cells they fall into, so that bins are made of whole cells. Each cell has
its count, the number right, and the sum of its confidences in two fixed-point parts, floor(2^30 p) and 2^30 times the
rest, rounded. That is exact for p >= 2^-8, and off by at most 2^-61 elsewhere: the sum of 10^9 confidences is right to
5e-10, and to the last bit where none is below 1/256. A cell holds 2^33 answers.

What is lost where the answers of a cell count as one group (see `measures.groups`) with their mean confidence, which is
within d = p (1 - p) / 1024 of each; s is the share of all answers that a cell holds, largest s_max:

    ECE, RMS, MCE, diagrams, gap    nothing
    bins of equal mass              s_max of the answers at each of the 14 inner edges change their bin: ECE by 28 s_max
    KS                              the walk inside a cell: at most s_max / 2, and KS is never too large
    AUGRC, AURC                     the order inside a cell: at most the sum of s^2 / 4, and of s^2 / 4 c, where the
                                    share c of all answers lies before the cell
    Z                               2 sum (a - p)(p - mean): of a calibrated model a deviation of 2 d, beside Z's own 1
    smooth ECE                      kernels of width e, the error itself, move by d: at most 0.8 mean |a - p| d / e
                                    where all residuals of a cell have one sign, far less where they have both

Where each cell holds but one confidence nothing is lost at all.

Source: the cells are this package's own, after the log-linear buckets of HdrHistogram, https://hdrhistogram.org.
"""

from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float, Int

from ..measures.binning import width_edges
from ..measures.groups import Groups
from ..measures.log_odds import log_odds_edges
from .accumulator import Accumulator

_SUBDIVISIONS = 10  # bits of the odds' fraction that make a cell
_EXPONENTS = 53  # 2^-53 is the smallest 1 - p that is not 0
_PART = 30  # bits of a fixed-point part
_SHIFT = 52 - _SUBDIVISIONS
_LEAST = int(np.float64(2.0**-_EXPONENTS).view(np.int64) >> _SHIFT)
_MOST = int(np.float64(2.0**_EXPONENTS).view(np.int64) >> _SHIFT)


class Histogram(Accumulator):
    """The answers of a stream: confidences in [0, 1], and whether each is right.

    Any answers will do: of the top label, within the top k, of one class, or any score between 0 and 1. Raises
    `ValueError` for fewer than one bin of equal width.

    >>> import numpy as np
    >>> from smoothlab.accumulators import Histogram
    >>> from smoothlab.measures import within_top
    >>> seen = Histogram()
    >>> seen.update(*within_top(np.zeros((90, 3)), np.arange(90) % 3, k=2))
    >>> groups = seen.groups()
    >>> groups.confidences.round(6).tolist(), groups.count.tolist(), groups.right.tolist()
    ([0.666667], [90], [60])
    """

    def __init__(self, *, bins: int = 15) -> None:
        edges = np.union1d(width_edges(bins)[1:-1], log_odds_edges()[1:-1])
        self._edges: Float[np.ndarray, " edges"] = edges
        super().__init__(bins=bins)

    def _zeros(self) -> dict[str, np.ndarray]:
        cells = _MOST - _LEAST + 3 + len(self._edges)
        return {name: np.zeros(cells, np.int64) for name in ("count", "right", "high", "low")}

    def update(self, confidences: Float[np.ndarray, " rows"], correct: Bool[np.ndarray, " rows"]) -> None:
        """Add answers. Confidences are in [0, 1], which the caller has judged."""
        exact = confidences.astype(np.float64, copy=False)
        cell = self.cells_of(exact)
        scaled = exact * 2.0**_PART
        high = np.floor(scaled)
        np.add.at(self.sums["count"], cell, 1)
        np.add.at(self.sums["right"], cell, correct.astype(np.int64))
        np.add.at(self.sums["high"], cell, high.astype(np.int64))
        np.add.at(self.sums["low"], cell, np.rint((scaled - high) * 2.0**_PART).astype(np.int64))

    def cells_of(self, confidences: Float[np.ndarray, " rows"]) -> Int[np.ndarray, " rows"]:
        """The cell of each confidence; they rise with it. The sum of two rising steps is cut wherever either is."""
        with np.errstate(divide="ignore", over="ignore"):
            against = (1 - confidences) / confidences
        rank = _MOST + 1 - (against.view(np.int64) >> _SHIFT).clip(_LEAST - 1, _MOST + 1)
        return rank + np.searchsorted(self._edges, confidences, side="left")

    @property
    def n(self) -> int:
        """How many answers were added."""
        return int(self.sums["count"].sum())

    def sum_of_confidences(self) -> Fraction:
        """Of all answers, as exactly as the head of this module says."""
        high, low = (sum(self.sums[name].tolist()) for name in ("high", "low"))
        return Fraction((high << _PART) + low, 1 << 2 * _PART)

    def groups(self) -> Groups:
        """A group for each cell that holds an answer, with their mean confidence, rounded once.

        Raises `ValueError` before there is one.
        """
        held = np.flatnonzero(self.sums["count"])
        if not len(held):
            raise ValueError("There must be an answer to measure, but none was added. Call `update` first.")
        count, right, high, low = (self.sums[name][held] for name in ("count", "right", "high", "low"))
        # whole numbers, divided once: a mean that was rounded twice might leave its bin
        means = [
            ((h << _PART) + rest) / (n << 2 * _PART)
            for h, rest, n in zip(high.tolist(), low.tolist(), count.tolist(), strict=True)
        ]
        return Groups(np.array(means), count, right)
