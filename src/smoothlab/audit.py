r"""From a model's predictions to a table: how good, how calibrated, and whether its confidence can be trusted.

Every number stands beside what makes it readable: the interval of what the measure would be on all examples of the
kind, and for calibration errors, which are above 0 by chance alone, the band of a calibrated model's and the p-value.
A temperature, and a power for the abstention score, come from other examples, held out: nothing is fitted on the
audited ones.

Two models that answered the same examples are compared by the differences of their examples, d_i, with Student's
interval for the mean of d_i; the difference of two AURCs is a mean too, that of the differences of influences.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from . import _checks
from .measures.answers import top_label
from .measures.area_intervals import augrc_estimate, aurc_estimate, aurc_influence, excess_aurc_estimate
from .measures.calibration import Reliability, reliability
from .measures.consistency import (
    CalibrationTest,
    calibration_test,
    classwise_calibration_test,
    consistency_test,
)
from .measures.error_interval import calibration_error_estimate
from .measures.estimate import Estimate, mean_estimate
from .measures.intervals import (
    accuracy_estimate,
    brier_score_estimate,
    confidence_gap_estimate,
    negative_log_likelihood_estimate,
)
from .measures.kolmogorov import kolmogorov_smirnov
from .measures.logit_norm import LogitNorm
from .measures.scores import brier_scores, losses
from .measures.smooth import smooth_calibration_error
from .measures.spiegelhalter import spiegelhalter
from .predictions import Predictions
from .scaling.temperature import Status, Temperature


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


@dataclass(frozen=True, eq=False)
class Audit:
    """What one file of predictions amounts to. `scaled` and `temperature` are None where nothing was fitted."""

    name: str
    n: int
    classes: int
    lines: tuple[Line, ...]
    reliability: Reliability
    temperature: Temperature | None = None
    scaled: Reliability | None = None

    def __getitem__(self, name: str) -> Line:
        _checks.one_of("measure", name, [line.name for line in self.lines])
        return next(line for line in self.lines if line.name == name)


def audit(said: Predictions, *, fit: Predictions | None = None, name: str = "predictions") -> Audit:
    """Measure predictions; `fit` has the held-out ones from which a temperature and an abstention score come.

    Raises `ValueError` for predictions that no measure can read, and for a `fit` with other classes.

    >>> import numpy as np
    >>> from smoothlab import Predictions
    >>> from smoothlab.audit import audit
    >>> random, labels = np.random.default_rng(0), np.arange(1000) % 4
    >>> sure = Predictions(9 * np.eye(4)[labels] + random.normal(0, 6, (1000, 4)), labels)
    >>> found = audit(sure)
    >>> found["accuracy"].interval, found["ece"].p_value < 0.01
    ((0.67..., 0.73...), True)
    """
    lines = list(_lines(said.logits, said.labels))
    plain = reliability(said.logits, said.labels)
    if fit is None:
        return Audit(name, len(said), said.logits.shape[1], tuple(lines), plain)
    if fit.logits.shape[1] != said.logits.shape[1]:
        raise ValueError(
            f"`fit` must have the {said.logits.shape[1]} classes of the audited predictions, but has "
            f"{fit.logits.shape[1]}. Pass held-out predictions of the same model."
        )
    fitted = Temperature().fit(fit.logits, fit.labels)
    lines += _temperature_lines(fitted)
    if fitted.status_ is not Status.OK:  # there is no temperature to apply
        return Audit(name, len(said), said.logits.shape[1], tuple(lines), plain, fitted)
    scaled = fitted.transform(said.logits)
    lines += _scaled_lines(scaled, said.labels)
    lines += _repaired_lines(LogitNorm().fit(fit.logits, fit.labels), said)
    after = reliability(scaled, said.labels)
    return Audit(name, len(said), said.logits.shape[1], tuple(lines), plain, fitted, after)


def compare(baseline: Predictions, other: Predictions, *, fit: Predictions | None = None) -> tuple[Line, ...]:
    """Differences, other less baseline, paired by example; with `fit`, of the baseline, also after its temperature.

    The last lines answer whether a temperature for the baseline alone would have done what the other does: the NLL and
    the Brier score of the other less those of the baseline after its temperature. Raises `ValueError` where the two
    do not answer the same examples: another number of them, other classes, or other labels in any row.

    >>> import numpy as np
    >>> from smoothlab import Predictions
    >>> from smoothlab.audit import compare
    >>> random, labels = np.random.default_rng(0), np.arange(1000) % 4
    >>> logits = 9 * np.eye(4)[labels] + random.normal(0, 6, (1000, 4))
    >>> lines = compare(Predictions(logits, labels), Predictions(logits / 4, labels))
    >>> [line.name for line in lines if line.interval[1] < 0]  # softer, and better for it
    ['nll', 'brier']
    """
    _same_examples(baseline, other)
    lines = list(_differences(baseline.logits, other.logits, baseline.labels, "other less baseline"))
    if fit is not None:
        fitted = Temperature().fit(fit.logits, fit.labels)
        if fitted.status_ is Status.OK:
            scaled = fitted.transform(baseline.logits)
            against = _differences(
                scaled, other.logits, baseline.labels, "other less baseline after temperature"
            )
            lines += [
                _renamed(line, f"{line.name}_scaled", f"{line.label}, baseline scaled")
                for line in against
                if line.name in ("nll", "brier")
            ]
    return tuple(lines)


def _lines(logits: Float[np.ndarray, "batch classes"], labels: Int[np.ndarray, " batch"]) -> Iterator[Line]:
    confidences, correct = top_label(logits, labels)
    yield _estimated("accuracy", "Accuracy", "Wilson's interval", accuracy_estimate(logits, labels))
    yield _estimated("nll", "NLL", "nats, unsmoothed", negative_log_likelihood_estimate(logits, labels))
    yield _estimated(
        "brier", "Brier score", "summed over classes, 0 to 2", brier_score_estimate(logits, labels)
    )
    yield _estimated(
        "gap", "Confidence − accuracy", "above 0 is overconfident", confidence_gap_estimate(logits, labels)
    )
    width = calibration_test(confidences, correct)
    yield _tested(
        "ece", "ECE", "15 bins of equal width", width, calibration_error_estimate(confidences, correct)
    )
    yield _tested(
        "ece_mass",
        "ECE, equal mass",
        "15 bins with equally many examples",
        calibration_test(confidences, correct, binning="mass"),
        calibration_error_estimate(confidences, correct, binning="mass"),
    )
    yield _tested(
        "mce", "MCE", "the worst of 15 bins", calibration_test(confidences, correct, norm="maximum")
    )
    yield _tested(
        "ece_classwise", "ECE, classwise", "mean over classes", classwise_calibration_test(logits, labels)
    )
    yield _tested(
        "ece_smooth",
        "Smooth ECE",
        "kernel of its own bandwidth, no bins",
        consistency_test(smooth_calibration_error, confidences, correct),
    )
    yield _tested(
        "ks", "KS error", "largest gap of cumulated sums, no bins", kolmogorov_smirnov(confidences, correct)
    )
    z = spiegelhalter(confidences, correct)
    yield Line(
        "z", "Spiegelhalter's Z", "0 if calibrated, standard normal", z.z, None, (-1.96, 1.96), z.p_value
    )
    yield _estimated(
        "aurc", "AURC", "risk-coverage, maximum probability", aurc_estimate(confidences, correct)
    )
    yield _estimated(
        "e_aurc", "E-AURC", "AURC above the best order's", excess_aurc_estimate(confidences, correct)
    )
    yield _estimated("augrc", "AUGRC", "generalised risk over coverage", augrc_estimate(confidences, correct))


def _temperature_lines(fitted: Temperature) -> Iterator[Line]:
    half = 1.96 * fitted.standard_error_
    known = np.isfinite(half)
    yield Line(
        "temperature",
        "Temperature",
        f"fitted on held-out examples, status {fitted.status_.value}",
        fitted.temperature_,
        (fitted.temperature_ - half, fitted.temperature_ + half) if known else None,
    )


def _scaled_lines(
    scaled: Float[np.ndarray, "batch classes"], labels: Int[np.ndarray, " batch"]
) -> Iterator[Line]:
    confidences, correct = top_label(scaled, labels)
    after = negative_log_likelihood_estimate(scaled, labels)
    yield _estimated("nll_scaled", "NLL after temperature", "nats, unsmoothed", after)
    yield _tested(
        "ece_scaled",
        "ECE after temperature",
        "15 bins of equal width",
        calibration_test(confidences, correct),
        calibration_error_estimate(confidences, correct),
    )


def _repaired_lines(chosen: LogitNorm, said: Predictions) -> Iterator[Line]:
    """AURC under the score that held-out examples chose."""
    _, correct = top_label(said.logits, said.labels)
    score = (
        "maximum probability stays ahead"
        if chosen.power_ is None
        else f"logits over their {chosen.power_}-norm"
    )
    estimate = aurc_estimate(chosen.score(said.logits), correct)
    yield _estimated("aurc_norm", "AURC, logit norm", score, estimate)


def _differences(
    baseline: Float[np.ndarray, "batch classes"],
    other: Float[np.ndarray, "batch classes"],
    labels: Int[np.ndarray, " batch"],
    what: str,
) -> Iterator[Line]:
    confidences_b, correct_b = top_label(baseline, labels)
    confidences_o, correct_o = top_label(other, labels)
    yield _estimated("accuracy", "Accuracy", what, mean_estimate(correct_o.astype(float) - correct_b))
    yield _estimated("nll", "NLL", what, mean_estimate(losses(other, labels) - losses(baseline, labels)))
    yield _estimated(
        "brier",
        "Brier score",
        what,
        mean_estimate(brier_scores(other, labels) - brier_scores(baseline, labels)),
    )
    influence = aurc_influence(confidences_o, correct_o) - aurc_influence(confidences_b, correct_b)
    areas = aurc_estimate(confidences_o, correct_o).value - aurc_estimate(confidences_b, correct_b).value
    yield _estimated("aurc", "AURC", what, mean_estimate(areas + influence))


def _estimated(name: str, label: str, definition: str, estimate: Estimate) -> Line:
    return Line(name, label, definition, estimate.value, (estimate.low, estimate.high))


def _tested(
    name: str, label: str, definition: str, test: CalibrationTest, estimate: Estimate | None = None
) -> Line:
    """The plug-in error as everyone reports it, with the interval of the true one where there is one that covers."""
    interval = None if estimate is None else (estimate.low, estimate.high)
    return Line(name, label, definition, test.error, interval, test.null, test.p_value)


def _renamed(line: Line, name: str, label: str) -> Line:
    return Line(name, label, line.definition, line.value, line.interval)


def _same_examples(baseline: Predictions, other: Predictions) -> None:
    if baseline.logits.shape != other.logits.shape:
        raise ValueError(
            f"Predictions to compare must be of the same examples and classes, but their shapes are "
            f"{baseline.logits.shape} and {other.logits.shape}. Pass two models' predictions of one split."
        )
    differ = baseline.labels != other.labels
    if differ.any():
        row = int(differ.argmax())
        raise ValueError(
            f"Predictions to compare must have the same labels, but row {row} has {baseline.labels[row]} and "
            f"{other.labels[row]}. Save both models' predictions in one order."
        )
