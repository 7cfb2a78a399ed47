r"""The reliability diagram in log-odds, where certainty has room.

    log-odds of p = log(p / (1 - p)):        0.9 is 2.2, 0.99 is 4.6, 0.999 is 6.9.

A confident network puts most of its examples between 0.93 and 1, which is one bin of fifteen, so that on the axis of
probabilities its diagram is a single point and some noise. In log-odds the same examples spread over many bins, and
with two classes a temperature T is the straight line through the origin with the slope 1/T.

The bins are of equal width in log-odds, (j, j + 1] for whole j from -14 to 13, and one open bin at either end: beyond
14, which is a chance of one in a million to be wrong, no test set knows better. They do not depend on the data, so that
two models share them, and so do a model and itself after temperature; and how many examples each holds is worth seeing,
which it is not where bins are made to hold equally many.

Source: Blasiok and Nakkiran 2023, arXiv:2309.12236 (diagrams on a logit axis); the bins are this package's own.
"""

import numpy as np
from jaxtyping import Bool, Float

from .. import _checks
from .calibration import Reliability, reliability_between

BEYOND = 14
"""Log-odds from here on are one bin, at either end."""


def log_odds_reliability(
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Reliability:
    """The reliability diagram in bins of width 1 in log-odds, whose `edges` are probabilities like any other's.

    Its `ece` is that of these bins, and not the usual one. Raises `ValueError` for a confidence outside [0, 1] or NaN,
    for unequal lengths, for no example and for fewer than one resample; `TypeError` if `correct` is not boolean.
    Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import log_odds_reliability
    >>> diagram = log_odds_reliability(np.array([0.95, 0.99, 0.999, 1.0]), np.array([False, True, True, True]))
    >>> np.flatnonzero(diagram.count) - 15  # the log-odds at which their bins begin
    array([ 2,  4,  6, 14])
    """
    _checks.confidences_and_correct(confidences, correct)
    _checks.at_least("resamples", resamples, 1)
    exact = confidences.astype(np.float64, copy=False)
    return reliability_between(log_odds_edges(), exact, correct, resamples=resamples, seed=seed)


def log_odds_edges() -> Float[np.ndarray, " edges"]:
    """The edges of the bins, as probabilities from 0 to 1.

    >>> from smoothlab.measures.log_odds import log_odds_edges
    >>> log_odds_edges()[[0, 15, 16, -1]].round(3).tolist()
    [0.0, 0.5, 0.731, 1.0]
    """
    steps = np.arange(-BEYOND, BEYOND + 1)
    return np.concatenate([[0.0], 1 / (1 + np.exp(-steps.astype(np.float64))), [1.0]])


def log_odds(chances: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """The log-odds of probabilities: minus infinity at 0, infinity at 1, nan where there is none.

    >>> import numpy as np
    >>> from smoothlab.measures.log_odds import log_odds
    >>> log_odds(np.array([0.0, 0.5, 0.9, 1.0])).round(3).tolist()
    [-inf, 0.0, 2.197, inf]
    """
    with np.errstate(divide="ignore"):
        return np.log(chances) - np.log1p(-chances)
