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

Where answers come in clusters the draws have the covariance that the sums of clusters show from bin to bin, as many
degrees of freedom as these leave, and in each bin no less than the deviation above; two of each kind are then added to
as many answers as the bin's clusters count for (see `clusters`).

Sources: Fang and Santos 2019, sec. 3, doi:10.1093/restud/rdy049 (inference where a derivative depends on which terms
are 0); Andrews and Soares 2010, doi:10.3982/ECTA7502 (the threshold sqrt(log n), the least favourable truth); Agresti
and Coull 1998, doi:10.2307/2685469. Coverage, measured: docs/coverage.md.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from .. import _checks
from .binning import Binning
from .clusters import around_the_mean, effective_size, numbered
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


class Table(NamedTuple):
    """How many answers each cluster has in each bin, and the sum of 1 or 0 less confidence there.

    >>> import numpy as np
    >>> from smoothlab.measures.error_interval import Table
    >>> Table.of(np.array([0, 0, 1]), np.array([0, 0, 1]), np.array([0.5, -0.25, 0.0]), bins=2).gaps.tolist()
    [[0.25, 0.0], [0.0, 0.0]]
    """

    sizes: Int[np.ndarray, "clusters bins"]
    gaps: Float[np.ndarray, "clusters bins"]

    @classmethod
    def of(
        cls,
        number: Int[np.ndarray, " batch"],
        bin_of: Int[np.ndarray, " batch"],
        gaps: Float[np.ndarray, " batch"],
        *,
        bins: int,
        clusters: int | None = None,
    ) -> "Table":
        """Of answers with the number of their cluster; as many rows as there are numbers, or `clusters`."""
        shape = (int(number.max()) + 1 if clusters is None else clusters, bins)
        cell, size = number * bins + bin_of, math.prod(shape)
        sums = np.bincount(cell, weights=gaps, minlength=size)
        return cls(np.bincount(cell, minlength=size).reshape(shape), sums.reshape(shape))


def calibration_error_estimate(
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    bins: int = 15,
    binning: Binning | str = Binning.WIDTH,
    clusters: Integer[np.ndarray, " batch"] | None = None,
    level: float = USUAL_LEVEL,
    seed: int = 0,
) -> Estimate:
    """The debiased ECE of any answers with an interval that covers, for calibrated models too.

    `clusters` has a number for each answer, the same for those that belong together; their number is then the n.

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
    groups, table = Groups.each_alone(confidences, correct), None
    if clusters is not None:
        number = numbered(clusters, n=len(correct))
        bin_of = bins_of_groups(groups, bins=bins, binning=binning)
        table = Table.of(number, bin_of, correct - groups.confidences, bins=bins)
    return calibration_error_estimate_of_groups(
        groups, bins=bins, binning=binning, table=table, level=level, seed=seed
    )


def calibration_error_estimate_of_groups(
    groups: Groups,
    *,
    bins: int = 15,
    binning: Binning = Binning.WIDTH,
    table: Table | None = None,
    level: float = USUAL_LEVEL,
    seed: int = 0,
) -> Estimate:
    """The debiased ECE of answers in groups, with its interval; `table` has the clusters that they come from.

    >>> import numpy as np
    >>> from smoothlab.measures.error_interval import calibration_error_estimate_of_groups
    >>> from smoothlab.measures.groups import Groups
    >>> groups = Groups(np.array([0.7, 0.9]), np.array([10**8, 10**8]), np.array([60_000_000, 89_990_000]))
    >>> print(f"{calibration_error_estimate_of_groups(groups):.4f}")
    0.0500 [0.0500, 0.0501], n = 200000000
    """
    bin_of = bins_of_groups(groups, bins=bins, binning=binning)
    value = one_number(totals_of_groups(groups, bin_of, bins=bins), Norm.ABSOLUTE, debiased=True)
    random, tail, found = np.random.default_rng(seed), (1 - level) / 2, _bins(bin_of, groups)
    if table is None:
        low, high = _interval(found, _scatter(found, random), tail)
        return Estimate(min(max(value, low), high), low, high, groups.n, level)
    count = int(np.count_nonzero(table.sizes.sum(1)))
    low, high = (0.0, 1.0) if count == 1 else _interval(*_over_clusters(found, table, random), tail)
    return Estimate(min(max(value, low), high), low, high, count, level)


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


def _scatter(bins: _Bins, random: np.random.Generator) -> Float[np.ndarray, "draws bins"]:
    """Draws of how far each bin is off by chance, outwards."""
    count = bins.sizes
    within, moved = random.normal(size=(2, _DRAWS, len(count)))
    moved *= np.sqrt(count)
    moved -= count / count.sum() * moved.sum(1, keepdims=True)  # counts that vary, but not their sum
    return within * bins.deviation + moved * np.abs(bins.gap) / count


def _over_clusters(
    bins: _Bins, table: Table, random: np.random.Generator
) -> tuple[_Bins, Float[np.ndarray, "draws bins"]]:
    """The bins with the deviations that clusters show, and draws with their covariance, of Student's law."""
    count, gap, deviation, _, agreed = bins
    sizes, gaps = (each[:, table.sizes.any(0)] for each in table)
    n = count.sum()
    away = around_the_mean(gaps, sizes.sum(1)) * (n / np.count_nonzero(sizes.sum(1)))
    freedom = len(away) - 1
    shown = np.sqrt((away**2).sum(0) * (1 + 1 / freedom))
    counted = effective_size(sizes)
    of_agreed = np.where(agreed, count * np.sqrt(2 * (counted + 2) / counted) / (counted + 4), 0.0)
    alone = np.sqrt(deviation**2 + gap**2 / count * (1 - count / n))
    deviation = np.maximum(np.maximum(shown, alone), of_agreed)

    root = away / np.where(shown > 0, np.sqrt((away**2).sum(0)), 1.0)
    alike = root.T @ root
    np.fill_diagonal(alike, 1.0)
    values, vectors = np.linalg.eigh(alike)
    drawn = random.normal(size=(_DRAWS, len(count))) @ (vectors * np.sqrt(values.clip(0))).T
    drawn *= np.sqrt(freedom / random.chisquare(freedom, (_DRAWS, 1)))
    outwards = np.where(gap < 0, -1.0, 1.0)
    clearly_off = gap**2 > deviation**2 * math.log(n)
    return bins._replace(deviation=deviation, clearly_off=clearly_off), drawn * deviation * outwards


def _interval(bins: _Bins, scatter: Float[np.ndarray, "draws bins"], tail: float) -> tuple[float, float]:
    count, gap, deviation, clearly_off, agreed = bins
    n, error, spread = count.sum(), float(np.abs(gap).sum()), float(deviation.sum())
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
