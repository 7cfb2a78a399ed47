r"""Intervals for one model on n examples: what its measures would be on all examples of the kind.

    accuracy   Wilson's score interval: all r with |acc - r| <= t sqrt(r (1 - r) / n),  t = Phi^-1((1 + level)/2)
    a mean m   m -+ t s / sqrt(n), with s the standard deviation of the values and t a quantile of Student's law

Wilson's does not shrink to a point where all answers are right, and does not leave [0, 1]. With a mean two things go
wrong where a few confident errors make up most of it, and each has its remedy. Then s is itself known badly, as if from
few values: its degrees of freedom are matched to the kurtosis k of the values,

    min(n - 1, 2n / (k - 1)),      since Var s^2 is about s^4 (k - 1)/n, as that of 2n/(k - 1) normal values.

And a mean of losses is skewed: for the Brier score (most = 2) and the NLL (most = infinity) the interval is formed on
the scale log(m / (most - m)), by the derivative there, and taken back. The confidence gap has a sign and stays.

Answers in clusters are those of `clusters`, whose number is then the n of the estimate and of the degrees of freedom.
The interval of a calibration error stands in `error_interval`, those of areas under risk-coverage curves in
`area_intervals`. How often each covers is measured in docs/coverage.md.

Sources: Wilson 1927, doi:10.1080/01621459.1927.10502953; Student 1908, doi:10.2307/2331554; Satterthwaite 1946,
doi:10.2307/3002019 (matched degrees of freedom).
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Integer, Shaped

from .. import _checks
from .answers import top_label
from .clusters import around_the_mean, effective_size, sums_of
from .estimate import USUAL_LEVEL, Estimate
from .scores import brier_scores, losses, right


class Moments(NamedTuple):
    """What an interval asks of n values: their mean, and the mean square and fourth power of their distances from it.

    >>> import numpy as np
    >>> from smoothlab.measures.intervals import Moments
    >>> Moments.of(np.array([1.0, 3.0]))
    Moments(n=2, mean=2.0, square=1.0, fourth=1.0)
    """

    n: int
    mean: float
    square: float
    fourth: float

    @classmethod
    def of(
        cls, values: Float[np.ndarray, " groups"], count: Integer[np.ndarray, " groups"] | None = None
    ) -> "Moments":
        """Of values, or of groups of so many equal ones."""
        if count is None:
            n, mean = len(values), float(values.mean())
            if np.ptp(values) == 0:  # equal values may differ from their mean in the last bit
                return cls(n, mean, 0.0, 0.0)
            square = (values - mean) ** 2
            return cls(n, mean, float(square.mean()), float(square @ square) / n)
        n = int(count.sum())
        mean = float(count @ values) / n
        square = (values - mean) ** 2
        return cls(n, mean, float(count @ square) / n, float(count @ square**2) / n)

    @classmethod
    def of_sums(cls, sums: Shaped[np.ndarray, " clusters"], sizes: Int[np.ndarray, " clusters"]) -> "Moments":
        """Of the mean over answers in clusters, from the sum and the size of each. Source: `clusters`.

        >>> import numpy as np
        >>> from smoothlab.measures.intervals import Moments
        >>> Moments.of_sums(np.array([10.0, 0.0]), np.array([10, 10]))  # as of a 1 and a 0
        Moments(n=2, mean=0.5, square=0.25, fourth=0.0625)
        """
        square = around_the_mean(sums, sizes) ** 2
        return cls(
            len(square), float(sums.sum() / sizes.sum()), float(square.mean()), float((square**2).mean())
        )


def accuracy_estimate(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"],
    *,
    clusters: Integer[np.ndarray, " batch"] | None = None,
    level: float = USUAL_LEVEL,
) -> Estimate:
    """The accuracy with Wilson's interval; `clusters` has one number for rows that belong together.

    Raises `ValueError` for unreadable logits, for labels that are no column of them and for a `level` outside (0, 1).
    Source: Wilson 1927.

    >>> import numpy as np
    >>> from smoothlab.measures import accuracy_estimate
    >>> print(accuracy_estimate(np.tile([1.0, 0.0], (50, 1)), np.zeros(50, int)))
    1.000 [0.929, 1.000], n = 50
    """
    return share_estimate(right(logits, labels), clusters=clusters, level=level)


def share_estimate(
    hits: Bool[np.ndarray, " batch"],
    *,
    clusters: Integer[np.ndarray, " batch"] | None = None,
    level: float = USUAL_LEVEL,
) -> Estimate:
    """The share of examples that are True, with Wilson's interval.

    Raises `ValueError` for no example and for a `level` outside (0, 1). Source: Wilson 1927.

    >>> import numpy as np
    >>> from smoothlab.measures.intervals import share_estimate
    >>> print(share_estimate(np.arange(100) < 90))
    0.900 [0.826, 0.945], n = 100
    >>> print(share_estimate(np.arange(100) < 90, clusters=np.arange(100) // 10))
    0.90 [0.37, 0.99], n = 10
    """
    _checks.array("hits", hits, axes=1)
    if clusters is not None:
        return share_of_sums(*sums_of(hits, clusters), level=level)
    return share_of_counts(int(np.count_nonzero(hits)), len(hits), level=level)


def share_of_counts(hits: int, n: int, *, level: float = USUAL_LEVEL) -> Estimate:
    """The share of hits among n examples, with Wilson's interval.

    >>> from smoothlab.measures.intervals import share_of_counts
    >>> print(share_of_counts(90, 100))
    0.900 [0.826, 0.945], n = 100
    """
    share = hits / n
    return Estimate(share, *_wilson(share, float(n), normal_quantile(level) ** 2), n, level)


def share_of_sums(
    hits: Float[np.ndarray, " clusters"], sizes: Int[np.ndarray, " clusters"], *, level: float = USUAL_LEVEL
) -> Estimate:
    """The share of hits among answers in clusters, with Wilson's interval for as many as they count for.

    >>> import numpy as np
    >>> from smoothlab.measures.intervals import share_of_sums
    >>> print(share_of_sums(np.array([20.0] * 40 + [0.0] * 20), np.full(60, 20)))  # each cluster counts for one
    0.67 [0.54, 0.78], n = 60
    """
    moments, n = Moments.of_sums(hits, sizes), int(sizes.sum())
    share, quantile = moments.mean, student_quantile(moments, level=level)
    if moments.n == 1:
        return Estimate(share, 0.0, 1.0, 1, level)
    variance = moments.square / (moments.n - 1)
    if hits.sum() in (0, n):
        counted = float(effective_size(sizes))
    else:
        counted = min(n, share * (1 - share) / variance) if variance > 0 else n
    return Estimate(share, *_wilson(share, float(counted), quantile**2), moments.n, level)


def _wilson(share: float, n: float, square: float) -> tuple[float, float]:
    """Both ends, with the square of the quantile."""
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = math.sqrt(square * (share * (1 - share) / n + square / (4 * n * n))) / (1 + square / n)
    # at either end one bound is the share itself, and rounding must not part them
    return min(max(0.0, centre - half), share), max(min(1.0, centre + half), share)


def negative_log_likelihood_estimate(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"],
    *,
    clusters: Integer[np.ndarray, " batch"] | None = None,
    level: float = USUAL_LEVEL,
) -> Estimate:
    """The negative log-likelihood in nats, with an interval.

    Where one label's own class is masked the mean is infinite, and so is each end. Where every label was given all of
    the probability the upper end is infinite: a loss has no bound, and none was seen. Raises as `accuracy_estimate`.

    >>> import numpy as np
    >>> from smoothlab.measures import negative_log_likelihood_estimate
    >>> print(negative_log_likelihood_estimate(np.tile([2.0, 0.0], (40, 1)), np.arange(40) % 8 // 7))
    0.38 [0.21, 0.68], n = 40
    """
    found = losses(logits, labels)
    if not np.isfinite(found).all():
        normal_quantile(level)  # judges the level
        return Estimate(math.inf, math.inf, math.inf, len(found), level)
    return positive_estimate(float(found.mean()), _moments(found, clusters), most=math.inf, level=level)


def brier_score_estimate(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"],
    *,
    clusters: Integer[np.ndarray, " batch"] | None = None,
    level: float = USUAL_LEVEL,
) -> Estimate:
    """The Brier score, from 0 to 2, with an interval. Raises as `accuracy_estimate`.

    >>> import numpy as np
    >>> from smoothlab.measures import brier_score_estimate
    >>> print(brier_score_estimate(np.tile([2.0, 0.0], (40, 1)), np.arange(40) % 8 // 7))
    0.22 [0.10, 0.46], n = 40
    """
    found = brier_scores(logits, labels)
    return positive_estimate(float(found.mean()), _moments(found, clusters), most=2.0, level=level)


def confidence_gap_estimate(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"],
    *,
    clusters: Integer[np.ndarray, " batch"] | None = None,
    level: float = USUAL_LEVEL,
) -> Estimate:
    """Mean confidence less accuracy, above 0 for an overconfident model, with an interval.

    Raises as `accuracy_estimate`.

    >>> import numpy as np
    >>> from smoothlab.measures import confidence_gap_estimate
    >>> print(confidence_gap_estimate(np.tile([2.0, 0.0], (40, 1)), np.arange(40) % 8 // 7))
    0.01 [-0.11, 0.12], n = 40
    """
    confidences, correct = top_label(logits, labels)
    return signed_estimate(_moments(confidences - correct, clusters), level=level)


def signed_estimate(gaps: Moments, *, level: float = USUAL_LEVEL) -> Estimate:
    """The mean of values between -1 and 1, with an interval.

    >>> from smoothlab.measures.intervals import Moments, signed_estimate
    >>> print(signed_estimate(Moments(10000, mean=0.02, square=0.09, fourth=0.02)))
    0.0200 [0.0141, 0.0259], n = 10000
    """
    half = half_width(gaps, level=level)
    return Estimate(gaps.mean, max(-1.0, gaps.mean - half), min(1.0, gaps.mean + half), gaps.n, level)


def positive_estimate(
    value: float, values: Float[np.ndarray, " batch"] | Moments, *, most: float, level: float = USUAL_LEVEL
) -> Estimate:
    """A value between 0 and `most` that scatters as the mean of `values` does, whatever that mean is.

    Where nothing scatters at 0 or at `most`, the interval is that of the share of examples elsewhere, of which none was
    seen, each at the other end. Raises `ValueError` for a `level` outside (0, 1). Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures.intervals import positive_estimate
    >>> print(positive_estimate(0.5, np.array([0.0, 1.0] * 50), most=1.0))
    0.500 [0.402, 0.598], n = 100
    """
    moments = values if isinstance(values, Moments) else Moments.of(values)
    n, half = moments.n, half_width(moments, level=level)
    if value <= 0 or value >= most:
        unseen = share_of_counts(0, n, level=level).high
        low, high = (0.0, most * unseen) if value <= 0 else (most * (1 - unseen), most)
    elif math.isinf(half):
        low, high = 0.0, most
    else:
        slope = 1 / value + 1 / (most - value)
        factor = math.exp(min(half * slope, 500))  # beyond, the ends are 0 and `most` to the last bit
        low, high = (end / (1 + (end - value) / most) for end in (value / factor, value * factor))
    return Estimate(value, low, high, n, level)


def half_width(values: Float[np.ndarray, " batch"] | Moments, *, level: float = USUAL_LEVEL) -> float:
    """Half of Student's interval of a mean, its degrees of freedom matched to the kurtosis; inf for one value.

    Raises `ValueError` for a `level` outside (0, 1). Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures.intervals import half_width
    >>> round(half_width(np.array([0.0, 1.0] * 50)), 3)
    0.1
    """
    moments = values if isinstance(values, Moments) else Moments.of(values)
    quantile = student_quantile(moments, level=level)
    if moments.n == 1:
        return math.inf
    return 0.0 if moments.square == 0 else quantile * math.sqrt(moments.square / (moments.n - 1))


def student_quantile(moments: Moments, *, level: float = USUAL_LEVEL) -> float:
    """Student's t for a mean, its degrees of freedom matched to the kurtosis; inf for one value.

    >>> from smoothlab.measures.intervals import Moments, student_quantile
    >>> round(student_quantile(Moments(10, mean=0.0, square=1.0, fourth=3.0)), 3)  # of normal values
    2.262
    """
    normal_quantile(level)  # judges the level
    n, _, square, fourth = moments
    if n == 1:
        return math.inf
    from scipy.special import stdtrit  # here, because it takes longer to load than all of `import smoothlab`

    kurtosis = fourth / square**2 if square > 0 else 1.0
    freedom = min(n - 1, 2 * n / (kurtosis - 1)) if kurtosis > 1 else n - 1
    return float(stdtrit(freedom, (1 + level) / 2))


def _moments(values: Float[np.ndarray, " batch"], clusters: Integer[np.ndarray, " batch"] | None) -> Moments:
    return Moments.of(values) if clusters is None else Moments.of_sums(*sums_of(values, clusters))


def normal_quantile(level: float) -> float:
    """The t for which a standard normal lies within -t and t with probability `level`.

    >>> from smoothlab.measures.intervals import normal_quantile
    >>> round(normal_quantile(0.95), 4)
    1.96
    """
    if not 0 < level < 1:
        raise ValueError(f"`level` must lie between 0 and 1, but got {level!r}. Write 95 % as 0.95.")
    from scipy.special import ndtri  # here, because it takes longer to load than all of `import smoothlab`

    return float(ndtri((1 + level) / 2))
