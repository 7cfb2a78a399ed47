"""The card: of a study of alpha alone what smoothing did, what one temperature would have done, and at what cost.

That one speaks of one alpha, the one with the least ECE on validation data, and sets it against the hard model with one
fitted temperature: whoever can have calibration for the price of a division should know it. Any other study's card says
what came of its claims.
"""

import numpy as np

from ..lab import Evidence, Outcome, Verdict, compare, paper
from ..lab.claims import SIGNIFICANCE
from ..measures.estimate import Estimate, mean_estimate
from . import typeset
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
    hard, scaled = _mean(evidence, "ece", 0.0), _mean(evidence, "ece_scaled", 0.0)
    alone, would_do = _temperature_alone(evidence, alpha)
    sentences = (
        f"Accuracy {_moved(accuracy, 'rose', 'fell')}: {_points(accuracy)} points.",
        f"Calibration {_moved(calibration, 'got worse', 'improved')}: an ECE of {typeset.value(hard)} changed by "
        f"{_signed(calibration)}.",
        f"Temperature scaling alone takes the hard model to an ECE of {_with_interval(scaled)}. {alone}",
        f"The unsmoothed NLL {_moved(likelihood, 'rose', 'fell')}: {_signed(likelihood)} nats.",
        *_geometry(evidence, alpha),
        f"Smoothed means α = {alpha:g}, which has the least ECE on validation data; changes are paired over seeds, "
        f"with 95 % intervals, n = {accuracy.n}.",
    )
    numbers = (
        _number("Accuracy, hard", evidence, "accuracy", 0.0),
        _number("Accuracy, smoothed", evidence, "accuracy", alpha),
        _number("ECE, hard", evidence, "ece", 0.0),
        _number("ECE, hard, one temperature", evidence, "ece_scaled", 0.0),
        _number("ECE, smoothed", evidence, "ece", alpha),
    )
    return Card(
        f"{_accuracy_headline(accuracy)} {_calibration_headline(calibration, would_do)}", sentences, numbers
    )


def _accuracy_headline(accuracy: Estimate) -> str:
    return {
        1: "Smoothing raised accuracy.",
        -1: "Smoothing cost accuracy.",
        0: "Smoothing did not move accuracy beyond chance.",
    }[_side(accuracy)]


def _calibration_headline(calibration: Estimate, would_do: str) -> str:
    return {
        1: "It made calibration worse.",
        -1: f"It improved calibration, {would_do}.",
        0: "It did not move calibration beyond chance.",
    }[_side(calibration)]


def _temperature_alone(evidence: Evidence, alpha: float) -> tuple[str, str]:
    """A sentence on smoothing against one temperature for the hard model, and the clause for the headline."""
    smoothed, scaled = evidence.at("ece", alpha), evidence.at("ece_scaled", 0.0)
    change = compare.difference(smoothed, scaled)
    same = compare.equivalent(smoothed, scaled, margin=paper.ECE_MARGIN)
    number = f"smoothed less temperature is {_signed(change)}"
    if same.claimed and same.p < SIGNIFICANCE:
        return (
            f"The two are within {paper.ECE_MARGIN:g} of each other: {number}.",
            "and temperature scaling alone would do",
        )
    if _side(change) < 0:
        return f"Smoothing does better: {number}.", "and by more than temperature scaling alone would"
    if _side(change) > 0:
        return f"Smoothing does worse: {number}.", "but temperature scaling alone would do better"
    return (
        f"The runs do not tell which does better: {number}.",
        "and temperature scaling alone might do as well",
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
        f"The clusters of the penultimate layer {moved}: an NC1 of {typeset.value(_mean(evidence, 'nc1', 0.0))} "
        f"changed by {_signed(change)}.",
    )


def _side(change: Estimate) -> int:
    """-1 or 1 where the interval leaves 0 out, else 0."""
    return int(change.low > 0) - int(change.high < 0)


def _moved(change: Estimate, up: str, down: str) -> str:
    return {1: up, -1: down, 0: "did not move beyond chance"}[_side(change)]


def _change(evidence: Evidence, measure: str, alpha: float) -> Estimate:
    return compare.difference(evidence.at(measure, alpha), evidence.at(measure, 0.0))


def _there(evidence: Evidence, measure: str, alpha: float) -> list[float]:
    """The runs that are there."""
    values = evidence.at(measure, alpha)
    return [float(value) for value in values[np.isfinite(values)]]


def _mean(evidence: Evidence, measure: str, alpha: float) -> Estimate:
    return mean_estimate(_there(evidence, measure, alpha))


def _with_interval(estimate: Estimate) -> str:
    return f"{typeset.value(estimate)} {typeset.interval(estimate)}"


def _signed(change: Estimate) -> str:
    return f"{'+' if change.value > 0 else ''}{_with_interval(change)}"


def _points(change: Estimate) -> str:
    """A change of accuracy in percentage points."""
    scaled = Estimate(100 * change.value, 100 * change.low, 100 * change.high, change.n, change.level)
    return _signed(scaled)


def _number(label: str, evidence: Evidence, measure: str, alpha: float) -> Number:
    estimate = _mean(evidence, measure, alpha)
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
            f"{_with_interval(verdict.estimate)}, n = {verdict.estimate.n}."
            for verdict in verdicts
        ),
    )
