r"""The Brier score in its parts: how reliable, how resolving, and how uncertain the question was.

For one class, with probabilities p_i, outcomes a_i of mean a, and bins b of n_b examples whose means are p_b and a_b,

    mean (p_i - a_i)^2  =  reliability - resolution + uncertainty + within-variance - within-covariance,

    reliability        1/n sum_b n_b (p_b - a_b)^2             how far shares lie from probabilities
    resolution         1/n sum_b n_b (a_b - a)^2               how far the bins are told apart
    uncertainty        a (1 - a)                               what remains where all are given the base rate
    within-variance    1/n sum_b sum_i (p_i - p_b)^2           how the probabilities of a bin differ
    within-covariance  2/n sum_b sum_i (p_i - p_b)(a_i - a_b)  and how much of that the outcomes follow

The first three, Murphy's, add up to the score only where all probabilities of a bin are equal; the last two make the
sum exact for any bins. What they owe to the width of the bins belongs to the resolution:

    generalised resolution = resolution - within-variance + within-covariance.

Each part of the multiclass score is the sum of the classes' parts.

Sources: Murphy 1973, J. Appl. Meteor. 12(4), 595-600 (three parts); Stephenson, Coelho, Jolliffe 2008, sec. 2,
doi:10.1175/2007WAF2006116.1 (the other two, and the generalised resolution).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from .. import _checks
from .answers import of_each_class
from .binning import Binning, bins_of, totals


class BrierParts(NamedTuple):
    """The five parts of a Brier score; `score` puts them together again.

    >>> from smoothlab.measures import BrierParts
    >>> parts = BrierParts(0.01, 0.09, 0.25, within_variance=0.002, within_covariance=0.004)
    >>> round(parts.score, 6), round(parts.generalised_resolution, 6)
    (0.168, 0.092)
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float

    @property
    def generalised_resolution(self) -> float:
        """Resolution with what the bins hide: less the variance within them, and the covariance again."""
        return self.resolution - self.within_variance + self.within_covariance

    @property
    def score(self) -> float:
        """Reliability less generalised resolution plus uncertainty: the Brier score."""
        return self.reliability - self.generalised_resolution + self.uncertainty


def brier_parts(
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    bins: int = 15,
    binning: Binning | str = Binning.WIDTH,
) -> BrierParts:
    """The parts of the mean of (p - a)^2 for one probability p of each example, in [0, 1].

    Raises `ValueError` for a confidence outside [0, 1] or NaN, for unequal lengths, for no example and for fewer than
    one bin; `TypeError` if `correct` is not boolean. Source: Stephenson et al. 2008, sec. 2.

    >>> import numpy as np
    >>> from smoothlab.measures import brier_parts
    >>> parts = brier_parts(np.array([0.25, 0.25, 0.75, 0.75]), np.array([False, False, True, False]))
    >>> parts.reliability, parts.resolution, parts.uncertainty, parts.score
    (0.0625, 0.0625, 0.1875, 0.1875)
    """
    _checks.confidences_and_correct(confidences, correct)
    _checks.at_least("bins", bins, 1)
    return _parts(confidences.astype(np.float64, copy=False), correct, bins, Binning(binning))


def brier_decomposition(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"],
    *,
    bins: int = 15,
    binning: Binning | str = Binning.WIDTH,
) -> BrierParts:
    """The parts of the Brier score of all classes, each binned by its own probability.

    Raises `ValueError` for unreadable logits, for labels that are no column of them and for fewer than one bin.
    Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import brier_decomposition, brier_score
    >>> logits, labels = np.array([[2.0, 0.0, 1.0], [0.5, 0.1, 0.3]]), np.array([0, 2])
    >>> abs(brier_decomposition(logits, labels).score - brier_score(logits, labels)) < 1e-15
    True
    """
    _checks.at_least("bins", bins, 1)
    binning = Binning(binning)
    classes = [_parts(chances, correct, bins, binning) for chances, correct in of_each_class(logits, labels)]
    return BrierParts(*np.array(classes).sum(0).tolist())


def _parts(
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    bins: int,
    binning: Binning,
) -> BrierParts:
    n, bin_of = len(correct), bins_of(confidences, bins=bins, binning=binning)
    sums = totals(bin_of, confidences, correct, bins=bins)
    count, at_least_one = (
        sums.count,
        np.maximum(sums.count, 1),
    )  # an empty bin has sums of 0, and weighs nothing
    mean, share, base = sums.confidences / at_least_one, sums.hits / at_least_one, sums.hits.sum() / n
    # deviations from the mean of the bin, not squares less a squared mean, which would lose its digits
    away = confidences - mean[bin_of]
    return BrierParts(
        reliability=float(count @ (mean - share) ** 2) / n,
        resolution=float(count @ (share - base) ** 2) / n,
        uncertainty=float(base * (1 - base)),
        within_variance=float(away @ away) / n,
        within_covariance=2 * float(away[correct].sum()) / n,  # sum of (p - p_b) a_b over a bin is 0
    )
