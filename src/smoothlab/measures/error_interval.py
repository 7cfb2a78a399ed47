r"""An interval for the calibration error of bins, one that covers.

The plug-in ECE of n examples is sum_b |D_b|, where D_b = (hits - sum of confidences)/n of bin b scatters around the
true d_b, nearly normally. Since the absolute value keeps every scatter, the plug-in lies above the truth, the more so
the nearer the d_b are to 0; where all are 0 it never comes near. A bootstrap repeats the bias and misses. Here each end
of the interval inverts a test of its own. With E_b normal draws of the scatter, outwards (along the sign of D_b)
positive, s_b the standard deviation of the part of it within the bin, S = sum_b s_b, and a = (1 - level)/2:

    lower   ECE less the 1 - a quantile of the excess sum_b |E_b|, in which a bin that is clearly off,
            |D_b| > s_b sqrt(log n), contributes E_b itself, as the absolute value has no kink nearby;
    upper   the largest t for which sum_b |t s_b / S + E_b| has a quantile a not above the ECE.

The lower end is 0 unless a calibrated model would hardly show this ECE. The upper end supposes that the truth lies
where it would show least: spread over the bins as their noise is, all of it on one side. An ECE below the median of
a calibrated model's is luck and no evidence, so the upper end counts it as that median; it never closes on 0.

The scatter has two parts: within a bin of n_b examples the answers and confidences vary, and the counts n_b vary as a
multinomial, each example taking the mean gap of its bin along. The first has the larger of the variances that answers
show and confidences say, or what answers show where the bin is clearly off. Where it holds no surprise (no wrong answer
above one half, no right one below), or nothing else, they show none, and two of each kind are added first (Agresti and
Coull); as that may be far too much, the upper end does not take the absolute value of such a bin's draws, which would
credit the noise with a part of the ECE.

Sources: Fang and Santos 2019, sec. 3, doi:10.1093/restud/rdy049 (inference where a derivative depends on which terms
are 0); Andrews and Soares 2010, doi:10.3982/ECTA7502 (the threshold sqrt(log n), the least favourable truth); Agresti
and Coull 1998, doi:10.2307/2685469. Coverage, measured: docs/coverage.md.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from .. import _checks
from .binning import Binning
from .errors import Norm, judged, one_number
from .estimate import USUAL_LEVEL, Estimate
from .groups import Groups, bins_of_groups, totals_of_groups

_DRAWS = 4000
_STEPS = 24  # halvings of a bracket at most a few times wider than the answer


class _Bins(NamedTuple):
    """The bins with examples, in examples and not in shares; `agreed` are those that hold no surprise or only such."""

    sizes: Float[np.ndarray, " bins"]
    gap: Float[np.ndarray, " bins"]
    deviation: Float[np.ndarray, " bins"]
    clearly_off: Bool[np.ndarray, " bins"]
    agreed: Bool[np.ndarray, " bins"]


def calibration_error_estimate(
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    bins: int = 15,
    binning: Binning | str = Binning.WIDTH,
    level: float = USUAL_LEVEL,
    seed: int = 0,
) -> Estimate:
    """The debiased ECE of any answers with an interval that covers, for calibrated models too.

    The truth it is about is the ECE of all examples of the kind, cut at the same edges; with bins of equal mass the
    edges are those of these examples. The normal draws behind the interval come from `seed`. Raises as
    `calibration_error`, and `ValueError` for a `level` outside (0, 1). Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import calibration_error_estimate
    >>> confidences, chances = np.linspace(0.5, 1, 1000), np.random.default_rng(2).random(1000)
    >>> print(f"{calibration_error_estimate(confidences, chances < confidences):.2f}")
    0.01 [0.00, 0.05], n = 1000
    >>> print(f"{calibration_error_estimate(confidences, chances < confidences - 0.2):.2f}")
    0.20 [0.17, 0.23], n = 1000
    """
    _checks.confidences_and_correct(confidences, correct)
    binning, _ = judged(bins, binning, Norm.ABSOLUTE)
    if not 0 < level < 1:
        raise ValueError(f"`level` must lie between 0 and 1, but got {level!r}. Write 95 % as 0.95.")
    groups = Groups.each_alone(confidences, correct)
    return calibration_error_estimate_of_groups(groups, bins=bins, binning=binning, level=level, seed=seed)


def calibration_error_estimate_of_groups(
    groups: Groups,
    *,
    bins: int = 15,
    binning: Binning = Binning.WIDTH,
    level: float = USUAL_LEVEL,
    seed: int = 0,
) -> Estimate:
    """The debiased ECE of answers in groups, with its interval.

    >>> import numpy as np
    >>> from smoothlab.measures.error_interval import calibration_error_estimate_of_groups
    >>> from smoothlab.measures.groups import Groups
    >>> groups = Groups(np.array([0.7, 0.9]), np.array([10**8, 10**8]), np.array([60_000_000, 89_990_000]))
    >>> print(f"{calibration_error_estimate_of_groups(groups):.4f}")
    0.0500 [0.0500, 0.0501], n = 200000000
    """
    bin_of = bins_of_groups(groups, bins=bins, binning=binning)
    value = one_number(totals_of_groups(groups, bin_of, bins=bins), Norm.ABSOLUTE, debiased=True)
    low, high = _interval(_bins(bin_of, groups), (1 - level) / 2, np.random.default_rng(seed))
    return Estimate(min(max(value, low), high), low, high, groups.n, level)


def _bins(bin_of: Int[np.ndarray, " groups"], groups: Groups) -> _Bins:
    p, n, right = groups.confidences, groups.count, groups.right
    away = right - n * p
    square = right * (1 - p) ** 2 + (n - right) * p**2
    surprised = np.where(p > 0.5, n - right, right)
    held = np.bincount(bin_of) > 0
    count, gap, said, shown, surprises = (
        np.bincount(bin_of, weights=each)[held] for each in (n, away, n * p * (1 - p), square, surprised)
    )
    share, agreed = (surprises + 2) / (count + 4), (surprises == 0) | (surprises == count)
    shown = np.maximum(shown - gap**2 / count, np.where(agreed, count * share * (1 - share), 0.0))
    clearly_off = gap**2 > np.maximum(said, shown) * math.log(groups.n)
    deviation = np.sqrt(np.where(clearly_off, shown, np.maximum(said, shown)))
    return _Bins(count, gap, deviation, clearly_off, agreed)


def _interval(bins: _Bins, tail: float, random: np.random.Generator) -> tuple[float, float]:
    count, gap, deviation, clearly_off, agreed = bins
    n, error, spread = count.sum(), float(np.abs(gap).sum()), float(deviation.sum())
    within, moved = random.normal(size=(2, _DRAWS, len(count)))
    moved *= np.sqrt(count)
    moved -= count / n * moved.sum(1, keepdims=True)  # counts that vary, but not their sum
    scatter = within * deviation + moved * np.abs(gap) / count

    excess = np.where(clearly_off, scatter, np.abs(scatter)).sum(1)
    low = max(0.0, error - float(np.quantile(excess, 1 - tail)))

    counted = max(error, float(np.median(np.abs(scatter).sum(1))))
    under, over = 0.0, 2 * counted + 10 * spread  # ten deviations are never exceeded
    for _ in range(_STEPS):
        middle = (under + over) / 2
        shown = middle / spread * deviation + scatter
        np.abs(shown, out=shown, where=~agreed)
        if np.quantile(shown.sum(1), tail) > counted:
            over = middle
        else:
            under = middle
    return float(low / n), float(min(1.0, over / n))
