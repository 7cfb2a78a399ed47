"""The card: of a study of alpha alone what smoothing did, what one temperature would have done, and at what cost.

That one speaks of one alpha, the one with the least ECE on validation data, and sets it against the hard model with one
fitted temperature: whoever can have calibration for the price of a division should know it. Any other study's card says
what came of its claims, and that of several studies is `suite_card`.
"""

import numpy as np

from ..lab import Evidence, Outcome, Verdict, compare, paper
from ..lab.claims import SIGNIFICANCE
from ..measures.estimate import Estimate, mean_estimate
from . import typeset
from .advice import by_intervals
from .page import Card, Number


def speaks_of(evidence: Evidence) -> bool:
    """Whether the evidence has what the card of a study of alpha speaks of."""
    return all(
        name in evidence.measures for name in ("accuracy", "ece", "ece_scaled", "nll", "validation_ece")
    )


def card(evidence: Evidence) -> Card:
    """The verdict in words, each number with its interval and n."""
    alpha = evidence.best("validation_ece")
    accuracy = _change(evidence, "accuracy", alpha)
    if accuracy.n < compare.LEAST_SEEDS:
        return Card(
            "Not enough runs for a verdict yet.",
            (
                f"{accuracy.n} pairs are there, and {compare.LEAST_SEEDS} are the least. Run the study again to go on.",
            ),
        )
    calibration, likelihood = _change(evidence, "ece", alpha), _change(evidence, "nll", alpha)
    hard, scaled = mean_of(evidence, "ece", 0.0), mean_of(evidence, "ece_scaled", 0.0)
    alone, would_do, against = _temperature_alone(evidence, alpha)
    repair = compare.difference(evidence.at("ece_scaled", 0.0), evidence.at("ece", 0.0))
    advice = by_intervals(
        accuracy=side(accuracy), calibration=side(calibration), against=against, helps=side(repair) < 0
    )
    sentences = (
        f"{_accuracy_headline(accuracy)} {_calibration_headline(calibration, would_do)}",
        f"Accuracy {_moved(accuracy, 'rose', 'fell')}: {_points(accuracy)} points.",
        f"Calibration {_moved(calibration, 'got worse', 'improved')}: an ECE of {typeset.value(hard)} changed by "
        f"{signed(calibration)}.",
        f"Temperature scaling alone takes the hard model to an ECE of {with_interval(scaled)}. {alone}",
        f"The unsmoothed NLL {_moved(likelihood, 'rose', 'fell')}: {signed(likelihood)} nats.",
        *_geometry(evidence, alpha),
        f"Smoothed means α = {alpha:g}, which has the least ECE on validation data; changes are paired over seeds, "
        f"with 95 % intervals, n = {accuracy.n}.",
    )
    return Card(f"{advice[0].upper()}{advice[1:]}.", sentences, numbers(evidence, alpha))


def numbers(evidence: Evidence, alpha: float, network: str = "") -> tuple[Number, ...]:
    """Accuracy and ECE of the hard network and of the smoothed one, and ECE after one temperature."""
    asked = (
        ("Accuracy, hard", "accuracy", 0.0),
        ("Accuracy, smoothed", "accuracy", alpha),
        ("ECE, hard", "ece", 0.0),
        ("ECE, hard, one temperature", "ece_scaled", 0.0),
        ("ECE, smoothed", "ece", alpha),
    )
    return tuple(
        _number(f"{label} ({network})" if network else label, evidence, measure, at)
        for label, measure, at in asked
    )


def _accuracy_headline(accuracy: Estimate) -> str:
    return {
        1: "Smoothing raised accuracy.",
        -1: "Smoothing cost accuracy.",
        0: "Smoothing did not move accuracy beyond chance.",
    }[side(accuracy)]


def _calibration_headline(calibration: Estimate, would_do: str) -> str:
    return {
        1: "It made calibration worse.",
        -1: f"It improved calibration, {would_do}.",
        0: "It did not move calibration beyond chance.",
    }[side(calibration)]


def _temperature_alone(evidence: Evidence, alpha: float) -> tuple[str, str, int | None]:
    """A sentence on smoothing against one temperature for the hard model, a clause, and the side, `None` if open."""
    smoothed, scaled = evidence.at("ece", alpha), evidence.at("ece_scaled", 0.0)
    change = compare.difference(smoothed, scaled)
    same = compare.equivalent(smoothed, scaled, margin=paper.ECE_MARGIN)
    number = f"smoothed less temperature is {signed(change)}"
    if same.claimed and same.p < SIGNIFICANCE:
        return (
            f"The two are within {paper.ECE_MARGIN:g} of each other: {number}.",
            "and temperature scaling alone would do",
            0,
        )
    if side(change) < 0:
        return f"Smoothing does better: {number}.", "and by more than temperature scaling alone would", -1
    if side(change) > 0:
        return f"Smoothing does worse: {number}.", "but temperature scaling alone would do better", 1
    return (
        f"The runs do not tell which does better: {number}.",
        "and temperature scaling alone might do as well",
        None,
    )


def _geometry(evidence: Evidence, alpha: float) -> tuple[str, ...]:
    """One sentence on the clusters, where features were kept."""
    if "nc1" not in evidence.measures:
        return ()
    change = _change(evidence, "nc1", alpha)
    if not change.n:
        return ()
    moved = _moved(change, "loosened", "tightened")
    return (
        f"The clusters of the penultimate layer {moved}: an NC1 of {typeset.value(mean_of(evidence, 'nc1', 0.0))} "
        f"changed by {signed(change)}.",
    )


def side(change: Estimate) -> int:
    """-1 or 1 where the interval leaves 0 out, else 0."""
    return int(change.low > 0) - int(change.high < 0)


def _moved(change: Estimate, up: str, down: str) -> str:
    return {1: up, -1: down, 0: "did not move beyond chance"}[side(change)]


def _change(evidence: Evidence, measure: str, alpha: float) -> Estimate:
    return compare.difference(evidence.at(measure, alpha), evidence.at(measure, 0.0))


def _there(evidence: Evidence, measure: str, alpha: float) -> list[float]:
    """The runs that are there."""
    values = evidence.at(measure, alpha)
    return [float(value) for value in values[np.isfinite(values)]]


def mean_of(evidence: Evidence, measure: str, alpha: float) -> Estimate:
    """The mean over the runs that are there."""
    return mean_estimate(_there(evidence, measure, alpha))


def with_interval(estimate: Estimate) -> str:
    """Value and interval."""
    return f"{typeset.value(estimate)} {typeset.interval(estimate)}"


def signed(change: Estimate) -> str:
    """The same with the sign of a change."""
    return f"{'+' if change.value > 0 else ''}{with_interval(change)}"


def _points(change: Estimate) -> str:
    """A change of accuracy in percentage points."""
    scaled = Estimate(100 * change.value, 100 * change.low, 100 * change.high, change.n, change.level)
    return signed(scaled)


def _number(label: str, evidence: Evidence, measure: str, alpha: float) -> Number:
    estimate = mean_of(evidence, measure, alpha)
    return Number(label, typeset.value(estimate), f"{typeset.interval(estimate)}, n = {estimate.n}")


def card_of_claims(verdicts: tuple[Verdict, ...]) -> Card:
    """How many claims hold, and each with what its number says."""
    if not verdicts:
        return Card("This study judges no claim.", ("Its measures are below, each with its interval.",))
    counts = {outcome: sum(verdict.outcome is outcome for verdict in verdicts) for outcome in Outcome}
    words = {
        Outcome.PASS: "hold",
        Outcome.FAIL: "fail",
        Outcome.UNDECIDED: "stay undecided",
        Outcome.OUT_OF_REGIME: "could not be put to the test here",
    }
    parts = [f"{n} {words[outcome]}" for outcome, n in counts.items() if n]
    return Card(
        f"Of {len(verdicts)} claims, {', '.join(parts)}.",
        tuple(
            f"{verdict.claim} {verdict.outcome.value}: {verdict.statement} {verdict.effect}: "
            f"{with_interval(verdict.estimate)}, n = {verdict.estimate.n}."
            for verdict in verdicts
        ),
    )
