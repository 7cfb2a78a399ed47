r"""Consistency: the errors that a calibrated model with these very confidences would show.

No error of calibration is 0 for a calibrated model of finitely many examples, so an error is read against its null law:
each answer right with its own confidence as probability,

    correct*_i ~ Bernoulli(p_i),        p-value = (1 + #{error* >= error}) / (1 + resamples),

which is never below 1/(1 + resamples) and holds its level at every n. Bin by bin the number right is a sum of unequal
Bernoullis, whose law is computed (see `poisson_binomial`), and so the errors of bins are drawn at the price of their
bins and not of their examples. Over classes an example has one label, y*_i ~ Categorical(p_i), so there labels are
drawn. Any other measure of confidences and answers is simply taken of drawn answers.

Source: Broecker and Smith 2007, sec. 3, doi:10.1175/WAF993.1 (consistency resampling; the confidences are held fixed).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from .. import _checks
from .._numerics import blocks, softmax
from .answers import of_each_class
from .binning import Binning, Totals, bins_of, totals
from .errors import Norm, judged, over_classes, plug_in
from .groups import Groups, bins_of_groups, totals_of_groups
from .poisson_binomial import count_quantile

TAIL = 0.025  # on each side of the null bands, which are 95 % bands
_AT_ONCE = 2**22  # probabilities of a block of rows, or labels that are drawn from them together


@dataclass(frozen=True)
class CalibrationTest:
    """An error, the band in which 95 % of a calibrated model's errors lie, and its p-value.

    `p_value` is the chance that a calibrated model with these confidences shows an error at least as large as `error`;
    `null` bounds its errors, at most 2.5 % on either side; `n` is the number of examples.

    >>> import numpy as np
    >>> from smoothlab.measures import CalibrationTest, calibration_test
    >>> test: CalibrationTest = calibration_test(np.full(100, 0.9), np.arange(100) % 2 == 0)
    >>> round(test.error, 6), test.null[1] < 0.1, test.p_value < 0.01
    (0.4, True, True)
    """

    error: float
    null: tuple[float, float]
    p_value: float
    n: int


class Hits(NamedTuple):
    """How many of a calibrated model's answers are right, per bin: draws, and the ends of the 95 % band."""

    drawn: Float[np.ndarray, "resamples bins"]
    low: Float[np.ndarray, " bins"]
    high: Float[np.ndarray, " bins"]


def calibration_test(
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    bins: int = 15,
    binning: Binning | str = Binning.WIDTH,
    norm: Norm | str = Norm.ABSOLUTE,
    resamples: int = 1000,
    seed: int = 0,
) -> CalibrationTest:
    """The calibration error of any answers beside its null law, which is drawn bin by bin.

    Raises as `calibration_error`, and `ValueError` for fewer than one resample. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import calibration_test, within_top
    >>> answers = within_top(np.zeros((90, 3)), np.arange(90) % 3, k=2)  # claims 2/3, and it is 2/3
    >>> calibration_test(*answers, binning="mass").p_value
    1.0
    """
    _checks.confidences_and_correct(confidences, correct)
    _checks.at_least("resamples", resamples, 1)
    binning, norm = judged(bins, binning, norm)
    groups = Groups.each_alone(confidences, correct)
    return calibration_test_of_groups(
        groups, bins=bins, binning=binning, norm=norm, resamples=resamples, seed=seed
    )


def calibration_test_of_groups(
    groups: Groups,
    *,
    bins: int = 15,
    binning: Binning = Binning.WIDTH,
    norm: Norm = Norm.ABSOLUTE,
    resamples: int = 1000,
    seed: int = 0,
) -> CalibrationTest:
    """The calibration error of answers in groups beside its null law, at the price of the groups.

    >>> import numpy as np
    >>> from smoothlab.measures.consistency import calibration_test_of_groups
    >>> from smoothlab.measures.groups import Groups
    >>> test = calibration_test_of_groups(Groups(np.array([0.9]), np.array([10**8]), np.array([90_010_000])))
    >>> round(test.error, 6), round(test.null[1], 6), test.p_value < 0.01
    (0.0001, 6.8e-05, True)
    """
    bin_of = bins_of_groups(groups, bins=bins, binning=binning)
    sums = totals_of_groups(groups, bin_of, bins=bins)
    hits = hits_if_calibrated(groups, bin_of, sums, resamples=resamples, seed=seed)
    return against(plug_in(hits.drawn, sums, norm), float(plug_in(sums.hits, sums, norm)), groups.n)


def classwise_calibration_test(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"],
    *,
    bins: int = 15,
    binning: Binning | str = Binning.WIDTH,
    norm: Norm | str = Norm.ABSOLUTE,
    resamples: int = 200,
    seed: int = 0,
) -> CalibrationTest:
    """The classwise calibration error beside its null law, for which `resamples` labels of each example are drawn.

    It keeps one byte for each logit. Raises as `classwise_calibration_error`, and `ValueError` for fewer than one
    resample. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import classwise_calibration_test
    >>> logits = np.log(np.tile([0.5, 0.25, 0.25], (80, 1)))
    >>> classwise_calibration_test(logits, np.arange(80) % 4 % 3).p_value  # shares of 1/2, 1/4 and 1/4
    1.0
    """
    _checks.array("logits", logits, axes=2)
    _checks.at_least("resamples", resamples, 1)
    binning, norm = judged(bins, binning, norm)
    n, classes = logits.shape
    bin_of = np.empty((n, classes), np.min_scalar_type(bins - 1))
    sums = []
    for label, (chances, correct) in enumerate(of_each_class(logits, labels)):
        bin_of[:, label] = bins_of(chances, bins=bins, binning=binning)
        sums.append(totals(bin_of[:, label].astype(np.intp), chances, correct, bins=bins))

    hits = np.zeros((resamples, classes, bins), np.int64)
    for rows, drawn in _drawn_labels(logits, resamples=resamples, seed=seed):
        cell = (np.arange(resamples) * classes + drawn) * bins + np.take_along_axis(bin_of[rows], drawn, 1)
        hits += np.bincount(cell.ravel(), minlength=hits.size).reshape(hits.shape)
    null = np.stack([plug_in(hits[:, label], sums[label], norm) for label in range(classes)], axis=1)
    error = over_classes(np.array([plug_in(each.hits, each, norm) for each in sums]), norm)
    return against(over_classes(null, norm), float(error), n)


def consistency_test(
    measure: Callable[[np.ndarray, np.ndarray], float],
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    resamples: int = 200,
    seed: int = 0,
) -> CalibrationTest:
    """Any measure of confidences and answers beside its null law: it is taken of `resamples` drawn sets of answers.

    Raises what the measure raises, `ValueError` and `TypeError` as `calibration_error`, and `ValueError` for fewer
    than one resample. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import consistency_test, smooth_calibration_error
    >>> confidences = np.linspace(0.5, 1.0, 400)
    >>> test = consistency_test(smooth_calibration_error, confidences, np.arange(400) % 2 == 0, resamples=50)
    >>> test.error > test.null[1], round(test.p_value, 3)
    (True, 0.02)
    """
    _checks.confidences_and_correct(confidences, correct)
    _checks.at_least("resamples", resamples, 1)
    groups = Groups.each_alone(confidences, correct)
    return consistency_test_of_groups(
        lambda some: measure(some.confidences, some.right), groups, resamples=resamples, seed=seed
    )


def consistency_test_of_groups(
    measure: Callable[[Groups], float], groups: Groups, *, resamples: int = 200, seed: int = 0
) -> CalibrationTest:
    """Any measure of answers in groups beside its null law; the number right of each group is drawn as a whole.

    >>> import numpy as np
    >>> from smoothlab.measures.consistency import consistency_test_of_groups
    >>> from smoothlab.measures.groups import Groups
    >>> groups = Groups(np.array([0.5, 0.9]), np.array([10**6, 10**6]), np.array([500_100, 899_950]))
    >>> consistency_test_of_groups(lambda some: abs(some.gap_sum) / some.n, groups).p_value > 0.05
    True
    """
    random, alone = np.random.default_rng(seed), bool(groups.count.max() == 1)

    def drawn() -> np.ndarray:
        if alone:  # a tenth of the price
            return random.random(len(groups.confidences)) < groups.confidences
        return random.binomial(groups.count, groups.confidences)

    null = [measure(Groups(groups.confidences, groups.count, drawn())) for _ in range(resamples)]
    return against(np.array(null), measure(groups), groups.n)


def hits_if_calibrated(
    groups: Groups,
    bin_of: Int[np.ndarray, " groups"],
    sums: Totals,
    *,
    resamples: int,
    seed: int,
) -> Hits:
    """Draws of the number right in each bin, from its law, and the band of that number; nan where a bin is empty."""
    bins = len(sums.count)
    drawn, low, high = np.zeros((resamples, bins)), np.full(bins, np.nan), np.full(bins, np.nan)
    random = np.random.default_rng(seed)
    order, ends = np.argsort(bin_of, kind="stable"), np.cumsum(np.bincount(bin_of, minlength=bins))
    for b in np.flatnonzero(sums.count):
        members = order[ends[b - 1] if b else 0 : ends[b]]
        levels = np.concatenate([[TAIL, 1 - TAIL], random.random(resamples)])
        found = count_quantile(groups.confidences[members], levels, groups.count[members])
        (low[b], high[b]), drawn[:, b] = np.split(found, [2])
    return Hits(drawn, low, high)


def against(null: Float[np.ndarray, " resamples"], error: float, n: int) -> CalibrationTest:
    """An error against draws of it: the band that holds 95 % of them, and the share that is no smaller."""
    return CalibrationTest(
        error=error,
        null=(float(np.quantile(null, TAIL)), float(np.quantile(null, 1 - TAIL))),
        p_value=(1 + int((null >= error).sum())) / (len(null) + 1),
        n=n,
    )


def _drawn_labels(
    logits: Float[np.ndarray, "batch classes"], *, resamples: int, seed: int
) -> Iterator[tuple[slice, Int[np.ndarray, "rows resamples"]]]:
    """Blocks of rows, and labels of each row drawn with its own probabilities."""
    random = np.random.default_rng(seed)
    classes = logits.shape[1]
    for rows in blocks(len(logits), rows=max(1, _AT_ONCE // max(classes, resamples))):
        reached = np.cumsum(softmax(logits[rows]), axis=1)
        reached /= reached[:, -1:]
        # rows laid end to end are one rising array, in which a single search draws for all of them
        start = np.arange(len(reached))[:, None]
        reached += start
        at = start + random.random((len(reached), resamples))
        drawn = np.searchsorted(reached.ravel(), at, side="right") - classes * start
        yield rows, drawn.clip(max=classes - 1)  # start + 0.999... may round to the next row
