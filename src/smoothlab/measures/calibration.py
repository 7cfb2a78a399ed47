r"""Calibration: of the predictions made with confidence c, is the share c right?

The confidences are cut into B bins (i/B, (i+1)/B] of equal width; a confidence of exactly 0 joins the first. With
n_b examples in bin b, their accuracy acc_b and mean confidence conf_b,

    ECE = sum_b n_b/n |acc_b - conf_b|.

A calibrated model does not have an ECE of 0: in bins of finite size the accuracies scatter, and the absolute
value keeps every scatter. So the yardstick is what a calibrated model with these very confidences would show,
each answer right with its own confidence as probability, correct*_i ~ Bernoulli(p_i). The number right in a bin
is then a sum of unequal Bernoullis, whose distribution is computed and not simulated (see `poisson_binomial`);
the null distribution of the ECE is drawn from it, bin by bin.

Sources: Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602 and Guo et al. 2017, eq. 3, arXiv:1706.04599 (ECE);
Broecker and Smith 2007, doi:10.1175/WAF993.1 (consistency resampling; here the confidences are held fixed).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from .. import _checks
from .answers import top_label
from .binning import width_edges
from .consistency import against, hits_if_calibrated
from .errors import Norm, calibration_error, plug_in
from .groups import Groups, totals_of_groups


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability diagram as numbers, with the band in which a calibrated model would lie.

    `edges` are the bins + 1 edges; bin b is `(edges[b], edges[b + 1]]`. `count`, `confidence` (the mean) and
    `accuracy` are per bin; the last two are nan in an empty bin, which has nothing to show. `null_low` and
    `null_high` bound the accuracy of each bin, taken alone, for a calibrated model with these confidences: at
    most 2.5 % lie below and at most 2.5 % above. `null_ece` bounds its ECE in the same way, and `p_value` is its
    chance of an ECE at least as large as this one.

    >>> import numpy as np
    >>> from smoothlab.measures import Reliability, reliability
    >>> diagram: Reliability = reliability(np.tile([2.0, 0.0], (50, 1)), (np.arange(50) % 8 == 0).astype(int), bins=5)
    >>> diagram.count.tolist(), diagram.n
    ([0, 0, 0, 0, 50], 50)
    """

    edges: Float[np.ndarray, " edges"]
    count: Int[np.ndarray, " bins"]
    confidence: Float[np.ndarray, " bins"]
    accuracy: Float[np.ndarray, " bins"]
    ece: float
    n: int
    null_low: Float[np.ndarray, " bins"]
    null_high: Float[np.ndarray, " bins"]
    null_ece: tuple[float, float]
    p_value: float


def reliability(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"],
    *,
    bins: int = 15,
    resamples: int = 1000,
    seed: int = 0,
) -> Reliability:
    """The reliability diagram of logits, its ECE, and the null band of each.

    The bands of the bins are exact; those of the ECE, and the p-value, come from `resamples` draws with `seed`,
    so that the p-value is never below 1/(resamples + 1). For the diagram after temperature scaling, give the
    scaled logits. Raises `ValueError` for unreadable logits, for labels that are no column of them, and for
    fewer than one bin or resample. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import reliability
    >>> sure = np.tile([4.0, 0.0], (100, 1))  # confidence 0.98 ...
    >>> diagram = reliability(sure, np.arange(100) % 2)  # ... and accuracy 0.5
    >>> round(diagram.ece, 3), diagram.p_value < 0.01, diagram.null_low[-1].item()
    (0.482, True, 0.95)
    """
    _checks.at_least("bins", bins, 1)
    _checks.at_least("resamples", resamples, 1)
    return reliability_between(width_edges(bins), *top_label(logits, labels), resamples=resamples, seed=seed)


def reliability_between(
    edges: Float[np.ndarray, " edges"],
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Reliability:
    """The reliability diagram of confidences in bins between rising edges; the public functions judge the arguments.

    >>> import numpy as np
    >>> from smoothlab.measures.calibration import reliability_between
    >>> diagram = reliability_between(np.array([0, 0.5, 1]), np.array([0.25, 0.75]), np.array([False, True]))
    >>> diagram.count.tolist(), diagram.ece
    ([1, 1], 0.25)
    """
    return reliability_of_groups(
        edges, Groups.each_alone(confidences, correct), resamples=resamples, seed=seed
    )


def reliability_of_groups(
    edges: Float[np.ndarray, " edges"], groups: Groups, *, resamples: int = 1000, seed: int = 0
) -> Reliability:
    """The reliability diagram of answers in groups; a group is in the bin of its confidence.

    >>> import numpy as np
    >>> from smoothlab.measures.calibration import reliability_of_groups
    >>> from smoothlab.measures.groups import Groups
    >>> groups = Groups(np.array([0.75]), np.array([10**8]), np.array([75_000_000]))
    >>> reliability_of_groups(np.array([0, 0.5, 1]), groups).null_high.round(6).tolist()
    [nan, 0.750085]
    """
    bins, n = len(edges) - 1, groups.n
    bin_of = np.searchsorted(edges[1:-1], groups.confidences, side="left")
    sums = totals_of_groups(groups, bin_of, bins=bins)
    hits = hits_if_calibrated(groups, bin_of, sums, resamples=resamples, seed=seed)
    ece = float(plug_in(sums.hits, sums, Norm.ABSOLUTE))
    test = against(plug_in(hits.drawn, sums, Norm.ABSOLUTE), ece, n)

    with np.errstate(invalid="ignore"):  # an empty bin is 0/0 = nan, as it should be
        return Reliability(
            edges=edges,
            count=sums.count,
            confidence=sums.confidences / sums.count,
            accuracy=sums.hits / sums.count,
            ece=ece,
            n=n,
            null_low=hits.low / sums.count,
            null_high=hits.high / sums.count,
            null_ece=test.null,
            p_value=test.p_value,
        )


def expected_calibration_error(
    confidences: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"], *, bins: int = 15
) -> float:
    """The ECE of confidences, not of logits, and of whether each prediction was right.

    Raises `ValueError` for a confidence outside [0, 1] or NaN, for unequal lengths, for no example and for fewer
    than one bin; `TypeError` if `correct` is not boolean. Source: Guo et al. 2017, eq. 3.

    >>> import numpy as np
    >>> from smoothlab.measures import expected_calibration_error
    >>> expected_calibration_error(np.array([1.0, 1.0]), np.array([True, False]))
    0.5
    """
    return calibration_error(confidences, correct, bins=bins)
