r"""Bins: confidences cut into B groups, of equal width or of equal mass, and what each group adds up to.

    width   bin b holds the confidences in (b/B, (b+1)/B]
    mass    bin b holds those in (q_b, q_(b+1)], where q_b is the smallest confidence that a share b/B does not exceed

A confidence of exactly 0 joins the first bin. Equal confidences are never parted, so that with ties the masses are as
equal as the ties allow, and some bins may be empty; a bin without examples is no part of any measure.

Sources: Guo et al. 2017, eq. 3, arXiv:1706.04599 (width); Nixon et al. 2019, sec. 4, arXiv:1904.01685 (mass).
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, Float, Int

from .. import _checks, _rows
from .._statistics import threads

_MOST_BINS = 2**22  # that the one pass takes


class Binning(StrEnum):
    """How confidences are cut into bins; a member equals its word.

    >>> from smoothlab.measures import Binning
    >>> Binning.MASS == "mass"
    True
    """

    WIDTH = "width"
    """Bins of equal width on [0, 1]: the usual ECE."""

    MASS = "mass"
    """Bins of equally many examples, as nearly as ties allow: no bin is starved."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        _checks.one_of("binning", str(value), [member.value for member in cls])


@dataclass(frozen=True, eq=False)
class Totals:
    """Per bin: the number of examples, the sum of their confidences, and how many of them are right."""

    count: Int[np.ndarray, " bins"]
    confidences: Float[np.ndarray, " bins"]
    hits: Int[np.ndarray, " bins"]


def width_edges(bins: int) -> Float[np.ndarray, " edges"]:
    """The bins + 1 edges of bins of equal width.

    >>> from smoothlab.measures.binning import width_edges
    >>> width_edges(4).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    return np.arange(bins + 1) / bins


def binned(
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    bins: int,
    binning: Binning = Binning.WIDTH,
) -> Totals:
    """The totals of all bins. Those of equal width are one pass, in which the confidences are judged as well.

    Raises `ValueError` for a confidence outside [0, 1] or NaN; the public functions judge the rest.

    >>> import numpy as np
    >>> from smoothlab.measures.binning import binned
    >>> binned(np.array([0.75, 1.0, 0.5]), np.array([True, False, True]), bins=2)
    Totals(count=array([1, 2]), confidences=array([0.5 , 1.75]), hits=array([1, 1]))
    """
    if binning == Binning.WIDTH and bins < _MOST_BINS:
        numbers = (
            confidences if confidences.dtype in (np.float32, np.float64) else confidences.astype(np.float64)
        )
        numbers, right = np.ascontiguousarray(numbers), np.ascontiguousarray(correct)
        sums = _rows.bin_totals(numbers, right, edges=width_edges(bins), threads=threads())
        if sums.readable:
            count, hits = (column.astype(np.int64) for column in (sums.count, sums.hits))  # of C's long long
            return Totals(count, sums.confidences, hits)
    _checks.confidences_and_correct(confidences, correct)
    exact = confidences.astype(np.float64, copy=False)
    return totals(bins_of(exact, bins=bins, binning=binning), exact, correct, bins=bins)


def bins_of(
    confidences: Float[np.ndarray, " batch"], *, bins: int, binning: Binning = Binning.WIDTH
) -> Int[np.ndarray, " batch"]:
    """The bin of each confidence, from 0 to `bins` - 1, by comparison with the very edges that are handed out.

    >>> import numpy as np
    >>> from smoothlab.measures.binning import Binning, bins_of
    >>> confidences = np.array([0.0, 0.5, 0.9, 0.9, 0.95, 1.0])
    >>> bins_of(confidences, bins=2).tolist()
    [0, 0, 1, 1, 1, 1]
    >>> bins_of(confidences, bins=2, binning=Binning.MASS).tolist()  # both of the 0.9 stay together
    [0, 0, 0, 0, 1, 1]
    """
    if binning == Binning.WIDTH:
        inner = width_edges(bins)[1:-1]
    else:
        # q_b has the rank ceil(n b / B), in whole numbers: a product of floats may land above it
        ranks = (len(confidences) * np.arange(1, bins) - 1) // bins  # counted from 0
        inner = np.sort(confidences)[ranks]
    return np.searchsorted(inner, confidences, side="left")


def totals(
    bin_of: Int[np.ndarray, " batch"],
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    bins: int,
) -> Totals:
    """What the examples of each bin add up to, in float64.

    >>> import numpy as np
    >>> from smoothlab.measures.binning import totals
    >>> totals(np.array([1, 1]), np.array([0.75, 1.0]), np.array([True, False]), bins=2)
    Totals(count=array([0, 2]), confidences=array([0.  , 1.75]), hits=array([0, 1]))
    """
    return Totals(
        np.bincount(bin_of, minlength=bins),
        np.bincount(bin_of, weights=confidences, minlength=bins),
        np.bincount(bin_of[correct], minlength=bins),
    )
