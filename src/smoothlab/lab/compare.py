r"""Paired comparisons over seeds: the mean difference, its interval, and a p-value for each side.

Runs are paired by seed (same initialisation, order and split), so that the evidence is the n differences
d_i = treated_i - control_i. Their mean is tested against a threshold c with Student's t,

    t = (mean(d) - c) / (sd(d) / sqrt(n)),   n - 1 degrees of freedom.

Two one-sided tests show equivalence within a margin (Schuirmann 1987, doi:10.1007/BF01068419), Page's L a trend
over ordered conditions (Page 1963, doi:10.2307/2282965), and Holm's step-down rule keeps the chance of one
false verdict in a family below the level (Holm 1979, Scandinavian Journal of Statistics 6, p. 65).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from .. import _checks
from ..measures.estimate import Estimate, mean_estimate

LEAST_SEEDS = 3
"""No winner is named below this many pairs: every p-value is then 1."""


@dataclass(frozen=True)
class Side:
    """Which side of its threshold a comparison came out on, and how surely.

    `claimed` says whether the estimate lies on the claimed side; `p` is the two-sided p-value for leaving the
    threshold on that side, or for equivalence the larger of the two one-sided ones.
    """

    estimate: Estimate
    claimed: bool
    p: float


def _p_values(differences: Float[np.ndarray, " pairs"], threshold: float) -> tuple[float, float]:
    """One-sided p-values for "the mean is below the threshold" and for "it is above"."""
    n = len(differences)
    if n < LEAST_SEEDS:
        return 1.0, 1.0
    distance, spread = differences.mean() - threshold, differences.std(ddof=1) / np.sqrt(n)
    if spread == 0:  # every seed agrees to the last bit, as on exact identities
        return float(distance >= 0), float(distance <= 0)
    below = float(stats.t.cdf(distance / spread, n - 1))
    return below, 1.0 - below


def _differences(
    treated: Float[np.ndarray, " seeds"], control: Float[np.ndarray, " seeds"]
) -> Float[np.ndarray, " pairs"]:
    """The differences of the pairs that have both halves; a failed or missing run is nan and drops its pair."""
    differences = np.asarray(treated, np.float64) - np.asarray(control, np.float64)
    return differences[np.isfinite(differences)]


def difference(treated: Float[np.ndarray, " seeds"], control: Float[np.ndarray, " seeds"]) -> Estimate:
    """The mean paired difference with its 95 % t interval.

    >>> import numpy as np
    >>> from smoothlab.lab.compare import difference
    >>> print(difference(np.array([0.9, 0.8, 0.9]), np.array([0.8, 0.7, 0.9])))
    0.07 [-0.08, 0.21], n = 3
    """
    return mean_estimate(_differences(treated, control))


def below(
    treated: Float[np.ndarray, " seeds"], control: Float[np.ndarray, " seeds"], *, threshold: float = 0.0
) -> Side:
    """Is `treated - control` below the threshold?"""
    differences = _differences(treated, control)
    estimate = mean_estimate(differences)
    p_below, p_above = _p_values(differences, threshold)
    claimed = estimate.value < threshold
    return Side(estimate, claimed, min(1.0, 2 * (p_below if claimed else p_above)))


def above(
    treated: Float[np.ndarray, " seeds"], control: Float[np.ndarray, " seeds"], *, threshold: float = 0.0
) -> Side:
    """Is `treated - control` above the threshold? With a negative threshold this is non-inferiority."""
    differences = _differences(treated, control)
    estimate = mean_estimate(differences)
    p_below, p_above = _p_values(differences, threshold)
    claimed = estimate.value > threshold
    return Side(estimate, claimed, min(1.0, 2 * (p_above if claimed else p_below)))


def equivalent(
    treated: Float[np.ndarray, " seeds"], control: Float[np.ndarray, " seeds"], *, margin: float
) -> Side:
    """Does `treated - control` lie within +-margin? The interval is the 90 % one that these two tests use."""
    _checks.positive("margin", margin)
    differences = _differences(treated, control)
    estimate = mean_estimate(differences, level=0.9)
    under_top, over_top = _p_values(differences, margin)
    under_bottom, over_bottom = _p_values(differences, -margin)
    if abs(estimate.value) < margin:
        return Side(estimate, True, max(under_top, over_bottom))
    return Side(estimate, False, min(1.0, 2 * min(over_top, under_bottom)))


def falling_trend(values: Float[np.ndarray, "levels seeds"]) -> float:
    """The p-value of Page's test that the values fall from the first level to the last, seeds as blocks.

    Seeds that lack a level are left out; fewer than three seeds, or levels, give 1.
    """
    complete = values[:, np.isfinite(values).all(0)]
    if complete.shape[1] < LEAST_SEEDS or complete.shape[0] < 3:
        return 1.0
    return float(stats.page_trend_test(-complete.T).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given.

    >>> from smoothlab.lab.compare import holm
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
