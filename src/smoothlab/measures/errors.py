r"""The family of calibration errors: how confidences and accuracies differ, bin by bin, under three norms.

With n_b of the n examples in bin b (see `binning`), the weight w_b = n_b/n, and the gap g_b = acc_b - conf_b,

    absolute   sum_b w_b |g_b|           the expected calibration error, ECE
    square     sqrt(sum_b w_b g_b^2)     the root mean square calibration error
    maximum    max_b |g_b|               the maximum calibration error, MCE

and over classes the mean, the root mean square and the maximum of the classes' own. All of them are above 0 for a
calibrated model too, because acc_b scatters, with the variance v_b = acc_b (1 - acc_b) / (n_b - 1) of a mean. Where
that is taken off, the estimate is debiased:

    square     sqrt(max(0, sum_b w_b (g_b^2 - v_b)))
    absolute   max(0, 2 ECE - sum_b w_b E|g_b + s_b N|),     s_b^2 = acc_b (1 - acc_b) / n_b,  N standard normal

where E|g + s N| = s sqrt(2/pi) exp(-g^2 / 2 s^2) + |g| (1 - 2 Phi(-|g|/s)), the mean of a folded normal. In the first,
a bin of one example has no variance and is left out. A maximum has no such correction.

Sources: Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602 (ECE, MCE); Kumar et al. 2019, sec. 5, arXiv:1909.10155, after
Broecker 2012, doi:10.1007/s00382-011-1191-1 (debiased square; the absolute one is the authors' code, whose normal draws
have here their exact mean); Leone et al. 1961, doi:10.2307/1266560 (folded normal); Kull et al. 2019, sec. 2,
arXiv:1910.12656 (over classes).
"""

import math
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, Float, Integer, Real

from .. import _checks
from .answers import of_each_class
from .binning import Binning, Totals, binned


class Norm(StrEnum):
    """How the gaps of the bins become one number; a member equals its word.

    >>> from smoothlab.measures import Norm
    >>> Norm.ABSOLUTE == "absolute"
    True
    """

    ABSOLUTE = "absolute"
    """The weighted mean of their sizes: ECE."""

    SQUARE = "square"
    """The root of the weighted mean of their squares."""

    MAXIMUM = "maximum"
    """The largest of them, however few examples it has: MCE."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        _checks.one_of("norm", str(value), [member.value for member in cls])


def calibration_error(
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    bins: int = 15,
    binning: Binning | str = Binning.WIDTH,
    norm: Norm | str = Norm.ABSOLUTE,
    debiased: bool = False,
) -> float:
    """The calibration error of any answers: those of the top label, within the top k, or of one class.

    Its default is the usual ECE. Raises `ValueError` for a confidence outside [0, 1] or NaN, for unequal lengths, for
    no example, for fewer than one bin, and for a debiased maximum; `TypeError` if `correct` is not boolean.
    Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import calibration_error, top_label
    >>> answers = top_label(np.array([[4.0, 0.0], [0.0, 1.0]]), np.array([0, 0]))
    >>> round(calibration_error(*answers), 3), round(calibration_error(*answers, norm="maximum"), 3)
    (0.375, 0.731)
    """
    _checks.answers("confidences", confidences, correct)
    binning, norm = judged(bins, binning, norm, debiased=debiased)
    return one_number(binned(confidences, correct, bins=bins, binning=binning), norm, debiased=debiased)


def classwise_calibration_error(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"],
    *,
    bins: int = 15,
    binning: Binning | str = Binning.WIDTH,
    norm: Norm | str = Norm.ABSOLUTE,
    debiased: bool = False,
) -> float:
    """The calibration errors of all classes as one: each probability counts, not the largest alone.

    A class without examples counts like any other, by the probability it was given. Raises `ValueError` for unreadable
    logits, for labels that are no column of them, for fewer than one bin and for a debiased maximum.
    Source: Kull et al. 2019, sec. 2.

    >>> import numpy as np
    >>> from smoothlab.measures import classwise_calibration_error
    >>> classwise_calibration_error(np.zeros((4, 2)), np.array([0, 0, 0, 1]))  # each is off by a quarter
    0.25
    """
    binning, norm = judged(bins, binning, norm, debiased=debiased)
    parts = []
    for chances, correct in of_each_class(logits, labels):
        parts.append(
            one_number(binned(chances, correct, bins=bins, binning=binning), norm, debiased=debiased)
        )
    return float(over_classes(np.array(parts), norm))


def one_number(sums: Totals, norm: Norm, *, debiased: bool = False) -> float:
    """The error of totals; the public functions judge the arguments."""
    if not debiased:
        return float(plug_in(sums.hits, sums, norm))
    taken = sums.count > (1 if norm == Norm.SQUARE else 0)
    count, hits = sums.count[taken], sums.hits[taken]
    weight, accuracy = count / sums.count.sum(), hits / count
    gap = accuracy - sums.confidences[taken] / count
    variance = accuracy * (1 - accuracy)
    if norm == Norm.SQUARE:
        return math.sqrt(max(0.0, float(weight @ (gap**2 - variance / (count - 1)))))
    scattered = folded_normal_mean(gap, np.sqrt(variance / count))
    return max(0.0, float(weight @ (2 * np.abs(gap) - scattered)))


def plug_in(
    hits: Real[np.ndarray, "*resamples bins"], sums: Totals, norm: Norm
) -> Float[np.ndarray, "*resamples"]:
    """The errors that numbers right would give against the confidences of totals, one for each row of them.

    n_b |acc_b - conf_b| is |hits_b - sum_b|, so that the sums of a bin are all that is ever needed of it.
    """
    away, n = np.abs(hits - sums.confidences), sums.count.sum()
    if norm == Norm.ABSOLUTE:
        return np.asarray(away.sum(-1) / n)
    shown = sums.count > 0
    gap = away[..., shown] / sums.count[shown]
    if norm == Norm.MAXIMUM:
        return np.asarray(gap.max(-1))
    return np.asarray(np.sqrt(gap**2 @ (sums.count[shown] / n)))


def over_classes(
    errors: Float[np.ndarray, "*resamples classes"], norm: Norm
) -> Float[np.ndarray, "*resamples"]:
    """The errors of classes as one: their mean, root mean square or maximum, as the norm has it for bins."""
    if norm == Norm.MAXIMUM:
        return np.asarray(errors.max(-1))
    if norm == Norm.SQUARE:
        return np.asarray(np.sqrt((errors**2).mean(-1)))
    return np.asarray(errors.mean(-1))


def folded_normal_mean(
    mean: Float[np.ndarray, "*shape"], deviation: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """E|mean + deviation N| for a standard normal N; |mean| where the deviation is 0."""
    from scipy.special import ndtr  # here, because it takes longer to load than all of `import smoothlab`

    size = np.abs(mean)
    ratio = np.divide(size, deviation, out=np.full_like(size, np.inf), where=deviation > 0)
    return deviation * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2) + size * (1 - 2 * ndtr(-ratio))


def judged(
    bins: int, binning: Binning | str, norm: Norm | str, *, debiased: bool = False
) -> tuple[Binning, Norm]:
    """The words as what they stand for; raises for words, or a number of bins, that there are none of."""
    _checks.at_least("bins", bins, 1)
    binning, norm = Binning(binning), Norm(norm)
    if debiased and norm == Norm.MAXIMUM:
        raise ValueError(
            "`debiased` must be False for the maximum, which has no correction, but got True. Take the square."
        )
    return binning, norm
