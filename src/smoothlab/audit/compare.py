"""Two models that answered the same examples, compared example by example.

The differences d_i of the examples have Student's interval for their mean; the difference of two AURCs is a mean too,
that of the differences of influences (see `measures.area_intervals`, and for streams `accumulators.paired`). Where
several answers come from one row of a file, the differences of a row are added first (see `measures.clusters`); of
streams the influences of a row are then not known in time, and the difference of areas has no interval.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from ..accumulators import Paired
from ..accumulators.paired import student_estimate
from ..accumulators.rows import Rows, rows_of
from ..measures.answers import top_label
from ..measures.area_intervals import aurc_estimate, aurc_influence
from ..measures.clusters import sums_of
from ..measures.estimate import Estimate, mean_estimate
from ..measures.intervals import Moments
from ..measures.scores import brier_scores, losses
from ..predictions import Predictions
from ..scaling.temperature import Status, Temperature
from .audit import fitted_temperature
from .clustered import ClusterSums
from .lines import Line, estimated, renamed
from .stream import Clusters, Stream, classes_of, clusters_of, side_by_side

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
        rows = _same_rows(clusters_of(baseline), clusters_of(other))
        plain = _differences(baseline.logits, other.logits, baseline.labels, rows)
        scaled = (
            {}
            if temperature is None
            else _differences(
                baseline.logits.astype(np.float64) / temperature, other.logits, baseline.labels, rows
            )
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
    for name, found in differences.items():
        line = estimated(name, _LABELS[name], what, found)
        yield line if not math.isnan(found.low) else replace(line, interval=None)


def _differences(
    baseline: Float[np.ndarray, "batch classes"],
    other: Float[np.ndarray, "batch classes"],
    labels: Int[np.ndarray, " batch"],
    clusters: Clusters | None,
) -> dict[str, Estimate]:
    confidences_b, correct_b = top_label(baseline, labels)
    confidences_o, correct_o = top_label(other, labels)
    influence = aurc_influence(confidences_o, correct_o) - aurc_influence(confidences_b, correct_b)
    areas = aurc_estimate(confidences_o, correct_o).value - aurc_estimate(confidences_b, correct_b).value
    values = {
        "accuracy": correct_o.astype(float) - correct_b,
        "nll": losses(other, labels) - losses(baseline, labels),
        "brier": brier_scores(other, labels) - brier_scores(baseline, labels),
        "aurc": areas + influence,
    }
    found = {name: mean_estimate(each) for name, each in values.items()}
    if clusters is None:
        return found
    return {
        name: student_estimate(Moments.of_sums(*sums_of(each, clusters))) for name, each in values.items()
    }


def _streamed(
    baseline: Predictions | Stream, other: Predictions | Stream, temperature: float | None
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """The differences before and after the temperature, from one simultaneous pass."""
    plain, scaled, first = Paired(), Paired(), 0
    plain_sums, scaled_sums = ClusterSums(), ClusterSums()
    _same_classes(classes_of(baseline), classes_of(other))
    for (logits_b, labels, clusters), (logits_o, labels_o, clusters_o) in side_by_side(baseline, other):
        _same_labels(labels, labels_o, first)
        clusters = _same_rows(clusters, clusters_o)
        first += len(labels)
        rows_o = rows_of(logits_o, labels)
        rows_b = rows_of(logits_b, labels)
        plain.update(rows_b, rows_o)
        _add_clusters(plain_sums, clusters, rows_b, rows_o)
        if temperature is not None:
            rows_b = rows_of(logits_b, labels, inverse_temperature=1 / temperature)
            scaled.update(rows_b, rows_o)
            _add_clusters(scaled_sums, clusters, rows_b, rows_o)
    return _of_rows(plain.estimates(), plain_sums), (
        {} if temperature is None else _of_rows(scaled.estimates(), scaled_sums)
    )


def _add_clusters(sums: ClusterSums, clusters: Clusters | None, baseline: Rows, other: Rows) -> None:
    if clusters is not None:
        sums.update(
            clusters,
            accuracy=other.correct.astype(float) - baseline.correct,
            nll=other.nll - baseline.nll,
            brier=other.brier - baseline.brier,
        )


def _of_rows(found: dict[str, Estimate], sums: ClusterSums) -> dict[str, Estimate]:
    """The estimates of streams with intervals of rows, if these were added."""
    if not sums.sums:
        return found
    aurc = replace(found["aurc"], low=math.nan, high=math.nan)
    return {**{name: student_estimate(sums.moments(name)) for name in sums.sums}, "aurc": aurc}


def _same_rows(baseline: Clusters | None, other: Clusters | None) -> Clusters | None:
    """What the answers came from, which both must say alike if both say it."""
    if baseline is not None and other is not None and not np.array_equal(baseline, other):
        raise ValueError(
            "Predictions to compare must come from the same rows, but their rows differ. Save both in one order, and "
            "leave out the same answers."
        )
    return other if baseline is None else baseline


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
