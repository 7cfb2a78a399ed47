"""The lines of an audit: every measure beside what makes it readable."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..measures.area_intervals import (
    augrc_estimate_of_steps,
    aurc_estimate_of_steps,
    excess_aurc_estimate_of_steps,
)
from ..measures.binning import Binning
from ..measures.consistency import CalibrationTest, calibration_test_of_groups, consistency_test_of_groups
from ..measures.error_interval import calibration_error_estimate_of_groups
from ..measures.errors import Norm
from ..measures.estimate import Estimate
from ..measures.groups import Groups
from ..measures.intervals import Moments, positive_estimate, share_of_counts, signed_estimate
from ..measures.kolmogorov import kolmogorov_smirnov_of_groups
from ..measures.logit_norm import LogitNorm
from ..measures.selective import steps_of_groups
from ..measures.smooth import smooth_calibration_error_of_groups
from ..measures.spiegelhalter import spiegelhalter_of_groups
from ..scaling.temperature import Temperature
from .summary import Summary


@dataclass(frozen=True)
class Line:
    """One measure: its value, its interval or None, what a calibrated model would show or None, and its p-value.

    `name` is the word for code, JSON and `--fail-above`; `label` and `definition` are for a reader.
    """

    name: str
    label: str
    definition: str
    value: float
    interval: tuple[float, float] | None = None
    null: tuple[float, float] | None = None
    p_value: float | None = None


def lines_of(summary: Summary) -> Iterator[Line]:
    """Of predictions as they are."""
    groups = summary.groups
    right = int(groups.right.sum())
    yield estimated("accuracy", "Accuracy", "Wilson's interval", share_of_counts(right, summary.n))
    yield estimated("nll", "NLL", "nats, unsmoothed", _nll(summary))
    yield estimated(
        "brier",
        "Brier score",
        "summed over classes, 0 to 2",
        positive_estimate(summary.brier.mean, summary.brier, most=2.0),
    )
    yield estimated(
        "gap", "Confidence − accuracy", "above 0 is overconfident", signed_estimate(_gaps(groups))
    )
    yield _tested(
        "ece",
        "ECE",
        "15 bins of equal width",
        calibration_test_of_groups(groups),
        calibration_error_estimate_of_groups(groups),
    )
    yield _tested(
        "ece_mass",
        "ECE, equal mass",
        "15 bins with equally many examples",
        calibration_test_of_groups(groups, binning=Binning.MASS),
        calibration_error_estimate_of_groups(groups, binning=Binning.MASS),
    )
    yield _tested("mce", "MCE", "the worst of 15 bins", calibration_test_of_groups(groups, norm=Norm.MAXIMUM))
    if summary.classwise is not None:
        yield _tested("ece_classwise", "ECE, classwise", "mean over classes", summary.classwise)
    yield _tested(
        "ece_smooth",
        "Smooth ECE",
        "kernel of its own bandwidth, no bins",
        consistency_test_of_groups(smooth_calibration_error_of_groups, groups),
    )
    yield _tested(
        "ks", "KS error", "largest gap of cumulated sums, no bins", kolmogorov_smirnov_of_groups(groups)
    )
    z = spiegelhalter_of_groups(groups)
    yield Line(
        "z", "Spiegelhalter's Z", "0 if calibrated, standard normal", z.z, None, (-1.96, 1.96), z.p_value
    )
    steps = steps_of_groups(groups)
    yield estimated("aurc", "AURC", "risk-coverage, maximum probability", aurc_estimate_of_steps(steps))
    yield estimated("e_aurc", "E-AURC", "AURC above the best order's", excess_aurc_estimate_of_steps(steps))
    yield estimated("augrc", "AUGRC", "generalised risk over coverage", augrc_estimate_of_steps(steps))


def temperature_lines(fitted: Temperature) -> Iterator[Line]:
    """The temperature that held-out examples gave."""
    half = 1.96 * fitted.standard_error_
    known = np.isfinite(half)
    yield Line(
        "temperature",
        "Temperature",
        f"fitted on held-out examples, status {fitted.status_.value}",
        fitted.temperature_,
        (fitted.temperature_ - half, fitted.temperature_ + half) if known else None,
    )


def scaled_lines(summary: Summary) -> Iterator[Line]:
    """Of predictions over their temperature."""
    yield estimated("nll_scaled", "NLL after temperature", "nats, unsmoothed", _nll(summary))
    yield _tested(
        "ece_scaled",
        "ECE after temperature",
        "15 bins of equal width",
        calibration_test_of_groups(summary.groups),
        calibration_error_estimate_of_groups(summary.groups),
    )


def of_rows(lines: Iterable[Line], summary: Summary, *, suffix: str = "") -> Iterator[Line]:
    """The lines as they are; or where several answers come from one row, with intervals of rows, blank for want of one.

    A `suffix` ends the names of the lines.
    """
    if summary.clustered is None:
        yield from lines
        return
    estimates = summary.clustered.estimates(summary.groups)
    found = {f"{name}{suffix}": (each.low, each.high) for name, each in estimates}
    for line in lines:
        definition = "Wilson's interval, of rows" if line.name == "accuracy" else line.definition
        yield replace(line, definition=definition, interval=found.get(line.name), null=None, p_value=None)


def repaired_line(chosen: LogitNorm, scores: Groups) -> Line:
    """AURC under the score that held-out examples chose."""
    score = (
        "maximum probability stays ahead"
        if chosen.power_ is None
        else f"logits over their {chosen.power_}-norm"
    )
    return estimated("aurc_norm", "AURC, logit norm", score, aurc_estimate_of_steps(steps_of_groups(scores)))


def _nll(summary: Summary) -> Estimate:
    if summary.nll is None:  # one infinite loss makes the mean infinite, and each end
        return Estimate(math.inf, math.inf, math.inf, summary.n)
    return positive_estimate(summary.nll.mean, summary.nll, most=math.inf)


def _gaps(groups: Groups) -> Moments:
    """Of confidence less 1 or 0."""
    values = np.concatenate([groups.confidences, groups.confidences - 1])
    return Moments.of(values, np.concatenate([groups.count - groups.right, groups.right]))


def estimated(name: str, label: str, definition: str, estimate: Estimate) -> Line:
    """A measure with its interval."""
    return Line(name, label, definition, estimate.value, (estimate.low, estimate.high))


def _tested(
    name: str, label: str, definition: str, test: CalibrationTest, estimate: Estimate | None = None
) -> Line:
    """The plug-in error as everyone reports it, with the interval of the true one where there is one that covers."""
    interval = None if estimate is None else (estimate.low, estimate.high)
    return Line(name, label, definition, test.error, interval, test.null, test.p_value)


def renamed(line: Line, name: str, label: str) -> Line:
    """The same line under another name."""
    return Line(name, label, line.definition, line.value, line.interval)
