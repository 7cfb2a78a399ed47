"""Two models that answered the same examples, compared example by example.

The differences d_i of the examples have Student's interval for their mean; the difference of two AURCs is a mean too,
that of the differences of influences (see `measures.area_intervals`, and for streams `accumulators.paired`).
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Int

from ..accumulators import Paired
from ..accumulators.rows import rows_of
from ..measures.answers import top_label
from ..measures.area_intervals import aurc_estimate, aurc_influence
from ..measures.estimate import Estimate, mean_estimate
from ..measures.scores import brier_scores, losses
from ..predictions import Predictions
from ..scaling.temperature import Status, Temperature
from .audit import fitted_temperature
from .lines import Line, estimated, renamed
from .stream import Stream, classes_of, side_by_side

_LABELS = {"accuracy": "Accuracy", "nll": "NLL", "brier": "Brier score", "aurc": "AURC"}


def compare(
    baseline: Predictions | Stream,
    other: Predictions | Stream,
    *,
    fit: Predictions | Stream | Temperature | None = None,
) -> tuple[Line, ...]:
    """Differences, other less baseline, paired by example; with `fit`, of the baseline, also after its temperature.

    `fit` has held-out predictions of the baseline, or the temperature that was fitted on them. Where predictions are
    streams they are read side by side, once. The last lines answer whether a temperature for the baseline alone would
    have done what the other does: the NLL and the Brier score of the other less those of the baseline after its
    temperature. Raises `ValueError` where the two do not answer the same examples: another number of them, other
    classes, or other labels in any row.

    >>> import numpy as np
    >>> from smoothlab import Predictions
    >>> from smoothlab.audit import compare
    >>> random, labels = np.random.default_rng(0), np.arange(1000) % 4
    >>> logits = 9 * np.eye(4)[labels] + random.normal(0, 6, (1000, 4))
    >>> lines = compare(Predictions(logits, labels), Predictions(logits / 4, labels))
    >>> [line.name for line in lines if line.interval[1] < 0]  # softer, and better for it
    ['nll', 'brier']
    """
    fitted = fit if fit is None or isinstance(fit, Temperature) else fitted_temperature(fit)
    temperature = fitted.temperature_ if fitted is not None and fitted.status_ is Status.OK else None
    if isinstance(baseline, Predictions) and isinstance(other, Predictions):
        _same_examples(baseline.logits.shape, other.logits.shape, baseline.labels, other.labels)
        plain = _differences(baseline.logits, other.logits, baseline.labels)
        scaled = (
            {}
            if temperature is None
            else _differences(baseline.logits.astype(np.float64) / temperature, other.logits, baseline.labels)
        )
    else:
        plain, scaled = _streamed(baseline, other, temperature)
    lines = _lines(plain, "other less baseline")
    against = _lines(scaled, "other less baseline after temperature")
    return (
        *lines,
        *(
            renamed(line, f"{line.name}_scaled", f"{line.label}, baseline scaled")
            for line in against
            if line.name in ("nll", "brier")
        ),
    )


def _lines(differences: dict[str, Estimate], what: str) -> Iterable[Line]:
    return [estimated(name, _LABELS[name], what, found) for name, found in differences.items()]


def _differences(
    baseline: Float[np.ndarray, "batch classes"],
    other: Float[np.ndarray, "batch classes"],
    labels: Int[np.ndarray, " batch"],
) -> dict[str, Estimate]:
    confidences_b, correct_b = top_label(baseline, labels)
    confidences_o, correct_o = top_label(other, labels)
    influence = aurc_influence(confidences_o, correct_o) - aurc_influence(confidences_b, correct_b)
    areas = aurc_estimate(confidences_o, correct_o).value - aurc_estimate(confidences_b, correct_b).value
    return {
        "accuracy": mean_estimate(correct_o.astype(float) - correct_b),
        "nll": mean_estimate(losses(other, labels) - losses(baseline, labels)),
        "brier": mean_estimate(brier_scores(other, labels) - brier_scores(baseline, labels)),
        "aurc": mean_estimate(areas + influence),
    }


def _streamed(
    baseline: Predictions | Stream, other: Predictions | Stream, temperature: float | None
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """The differences before and after the temperature, from one simultaneous pass."""
    plain, scaled, first = Paired(), Paired(), 0
    _same_classes(classes_of(baseline), classes_of(other))
    for (logits_b, labels), (logits_o, labels_o) in side_by_side(baseline, other):
        _same_labels(labels, labels_o, first)
        first += len(labels)
        rows_o = rows_of(logits_o, labels)
        plain.update(rows_of(logits_b, labels), rows_o)
        if temperature is not None:
            scaled.update(rows_of(logits_b, labels, inverse_temperature=1 / temperature), rows_o)
    return plain.estimates(), {} if temperature is None else scaled.estimates()


def _same_examples(
    baseline: tuple[int, ...], other: tuple[int, ...], labels: np.ndarray, labels_other: np.ndarray
) -> None:
    if baseline != other:
        raise ValueError(
            f"Predictions to compare must be of the same examples and classes, but their shapes are {baseline} and "
            f"{other}. Pass two models' predictions of one split."
        )
    _same_labels(labels, labels_other, 0)


def _same_classes(baseline: int, other: int) -> None:
    if baseline != other:
        raise ValueError(
            f"Predictions to compare must be of the same classes, but have {baseline} and {other}. Pass two models' "
            "predictions of one split."
        )


def _same_labels(baseline: Int[np.ndarray, " rows"], other: Int[np.ndarray, " rows"], first: int) -> None:
    differ = baseline != other
    if differ.any():
        row = int(differ.argmax())
        raise ValueError(
            f"Predictions to compare must have the same labels, but row {first + row} has {baseline[row]} and "
            f"{other[row]}. Save both models' predictions in one order."
        )
