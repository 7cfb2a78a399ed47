r"""From a model's predictions to a table: how good, how calibrated, and whether its confidence can be trusted.

Every number stands beside what makes it readable: the interval of what the measure would be on all examples of the
kind, and for calibration errors, which are above 0 by chance alone, the band of a calibrated model's and the p-value.
A temperature, and a power for the abstention score, come from other examples, held out: nothing is fitted on the
audited ones.

Predictions that fit in memory are measured as they are. Those that do not are read in one pass into a `Tally`, whose
groups of answers every measure takes in place of the answers themselves; `accumulators.histogram` says what that costs.
Where several answers come from one row of a file, the intervals are those of rows; see `clustered`.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from .. import _checks
from ..accumulators import Histogram, Tally
from ..accumulators.rows import rows_of
from ..measures.answers import top_label
from ..measures.binning import width_edges
from ..measures.calibration import Reliability, reliability_of_groups
from ..measures.groups import Groups
from ..measures.log_odds import log_odds_edges
from ..measures.logit_norm import LogitNorm
from ..measures.risk_curve import RiskCurve, risk_of_counts
from ..measures.selective import steps_of_groups
from ..predictions import Predictions
from ..scaling.temperature import Status, Temperature
from .clustered import BINS, Clustered, temperature_interval, without_bands, without_intervals
from .lines import Line, lines_of, of_rows, repaired_line, scaled_lines, temperature_lines
from .stream import Stream, are_apart, blocks_of, classes_of, clusters_of
from .summary import Summary

_HELD_OUT = 2**22  # logits of a stream, from which the power of a norm is chosen


@dataclass(frozen=True, eq=False)
class Audit:
    """What one file of predictions amounts to. What a temperature did is None where nothing was fitted.

    `reliability` has the bins of the ECE, `log_odds` those of a diagram in log-odds, and `risk` the risk-coverage curve
    of the maximum probability. `scaled` and `scaled_log_odds` are the diagrams after the temperature. `note` is what a
    reader must know of the examples.
    """

    name: str
    n: int
    classes: int
    lines: tuple[Line, ...]
    reliability: Reliability
    temperature: Temperature | None = None
    scaled: Reliability | None = None
    log_odds: Reliability | None = None
    scaled_log_odds: Reliability | None = None
    risk: RiskCurve | None = None
    note: str = ""

    def __getitem__(self, name: str) -> Line:
        _checks.one_of("measure", name, [line.name for line in self.lines])
        return next(line for line in self.lines if line.name == name)


def audit(
    said: Predictions | Stream, *, fit: Predictions | Stream | None = None, name: str = "predictions"
) -> Audit:
    """Measure predictions; `fit` has the held-out ones from which a temperature and an abstention score come.

    Either may be a stream: then it is never held, `said` is read once, and `fit` once for each step of its temperature.
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
    classes, fitted, chosen = classes_of(said), None, None
    if fit is not None:
        if classes_of(fit) != classes:
            raise ValueError(
                f"`fit` must have the {classes} classes of the audited predictions, but has {classes_of(fit)}. "
                "Pass held-out predictions of the same model."
            )
        fitted = fitted_temperature(fit)
        if fitted.status_ is Status.OK:  # else there is no temperature to apply
            chosen = _chosen_norm(fit)
    temperature = fitted.temperature_ if fitted is not None and chosen is not None else None
    summary, scaled, scores = (
        _whole(said, temperature, chosen)
        if isinstance(said, Predictions)
        else _streamed(said, temperature, chosen)
    )
    lines = list(of_rows(lines_of(summary), summary))
    if fit is not None and fitted is not None:
        lines += temperature_lines(fitted)
        if not are_apart(fit) and fitted.status_ is Status.OK:
            lines[-1] = replace(lines[-1], interval=temperature_interval(fit, fitted))
    if scaled is not None and scores is not None and chosen is not None:
        lines += of_rows(scaled_lines(scaled), scaled, suffix="_scaled")
        lines.append(repaired_line(chosen, scores))
        if scaled.clustered is not None:
            lines[-1] = replace(lines[-1], interval=scaled.clustered.aurc_interval(scores))
    steps = steps_of_groups(summary.groups)
    found = Audit(
        name,
        summary.n,
        classes,
        tuple(lines),
        reliability_of_groups(width_edges(BINS), summary.groups),
        fitted,
        log_odds=reliability_of_groups(log_odds_edges(), summary.groups),
        risk=risk_of_counts(steps.answered, steps.errors),
    )
    if scaled is not None:
        found = replace(
            found,
            scaled=reliability_of_groups(width_edges(BINS), scaled.groups),
            scaled_log_odds=reliability_of_groups(log_odds_edges(), scaled.groups),
        )
    return found if summary.clustered is None else _clustered(found, summary.clustered)


def _clustered(found: Audit, seen: Clustered) -> Audit:
    """The audit without what takes answers as independent, and with a note."""
    diagrams = {
        name: without_bands(diagram)
        for name in ("reliability", "scaled", "log_odds", "scaled_log_odds")
        if (diagram := getattr(found, name)) is not None
    }
    risk = None if found.risk is None else without_intervals(found.risk)
    return replace(found, **diagrams, risk=risk, note=seen.note(found.n))


def fitted_temperature(fit: Predictions | Stream) -> Temperature:
    """The temperature of held-out predictions; a stream is read once for each step of the fit."""
    if isinstance(fit, Predictions):
        return Temperature().fit(fit.logits, fit.labels)
    return Temperature().fit_blocks(fit.blocks)


def _whole(
    said: Predictions, temperature: float | None, chosen: LogitNorm | None
) -> tuple[Summary, Summary | None, Groups | None]:
    """Summaries before and after the temperature, and the answers under the chosen score."""
    clusters = clusters_of(said)
    summary = Summary.of_arrays(said.logits, said.labels, classwise=True, clusters=clusters)
    if temperature is None or chosen is None:
        return summary, None, None
    _, correct = top_label(said.logits, said.labels)
    scaled = Summary.of_arrays(said.logits.astype(np.float64) / temperature, said.labels, clusters=clusters)
    return summary, scaled, Groups.each_alone(chosen.score(said.logits), correct)


def _streamed(
    said: Stream, temperature: float | None, chosen: LogitNorm | None
) -> tuple[Summary, Summary | None, Groups | None]:
    """The same, in one pass."""
    plain = Tally(classes=said.classes, bins=BINS, classwise=True)
    clustered = [None, None] if are_apart(said) else [Clustered(), Clustered()]
    if temperature is None or chosen is None:
        for logits, labels, clusters in blocks_of(said):
            plain.update(logits, labels)
            _add_clusters(clustered[0], logits, labels, clusters)
        return Summary.of_tally(plain, clustered[0]), None, None
    scaled = Tally(classes=said.classes, bins=BINS, temperature=temperature)
    scores = Histogram(bins=BINS)
    for logits, labels, clusters in blocks_of(said):
        plain.update(logits, labels)
        scaled.update(logits, labels)
        scores.update(chosen.score(logits), logits.argmax(1) == labels)
        _add_clusters(clustered[0], logits, labels, clusters)
        _add_clusters(clustered[1], logits, labels, clusters, temperature=temperature)
    return Summary.of_tally(plain, clustered[0]), Summary.of_tally(scaled, clustered[1]), scores.groups()


def _add_clusters(
    seen: Clustered | None,
    logits: Float[np.ndarray, "rows classes"],
    labels: Int[np.ndarray, " rows"],
    clusters: Int[np.ndarray, " rows"] | None,
    *,
    temperature: float = 1.0,
) -> None:
    if seen is not None and clusters is not None:
        rows = rows_of(logits, labels, inverse_temperature=1 / temperature)
        seen.update(clusters, rows.confidences, rows.correct, nll=rows.nll, brier=rows.brier)


def _chosen_norm(fit: Predictions | Stream) -> LogitNorm:
    """The score for abstaining; of a stream it is chosen on as many rows, evenly apart, as a few blocks hold."""
    if isinstance(fit, Predictions):
        return LogitNorm().fit(fit.logits, fit.labels)
    most, apart, seen = max(1, _HELD_OUT // fit.classes), 1, 0
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    for logits, labels, _ in blocks_of(fit):
        rows = np.arange(-seen % apart, len(labels), apart)
        kept.append((logits[rows], labels[rows]))
        seen += len(labels)
        while sum(len(each[1]) for each in kept) > most:  # twice as far apart from the first row on
            apart *= 2
            kept = _every_second(kept)
    return LogitNorm().fit(*(np.concatenate(each) for each in zip(*kept, strict=True)))


def _every_second(kept: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    logits, labels = (np.concatenate(each) for each in zip(*kept, strict=True))
    return [(logits[::2], labels[::2])]
