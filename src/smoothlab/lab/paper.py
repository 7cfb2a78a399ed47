"""The statements of "When Does Label Smoothing Help?" that image classifiers can test, each with its rule.

The numbering S1, S2, ... is this project's own. Where the paper gives a figure, `source` names it. Alpha is 0.1,
the paper's, unless a rule says that it is chosen, and then it is chosen by ECE on validation data.

Source: Mueller, Kornblith, Hinton 2019, "When Does Label Smoothing Help?", arXiv:1906.02629
"""

from collections.abc import Callable

import numpy as np

from . import compare
from .claims import Claim, Finding
from .evidence import Evidence

ALPHA = 0.1
OVERCONFIDENT = 0.03
"""Mean confidence less accuracy from which a network counts as overconfident."""
INTERPOLATING = 0.95
"""Train accuracy of the hard model from which the geometry of the end of training can be expected."""
ACCURACY_MARGIN = 0.003
ECE_MARGIN = 0.01


def interpolation(evidence: Evidence) -> str | None:
    """The geometric statements are about networks that fit their training set."""
    reached = evidence.mean("train_accuracy", 0.0)
    if reached >= INTERPOLATING:
        return None
    return f"The hard model fits only {reached:.1%} of its training set; the statement wants {INTERPOLATING:.0%}."


def overconfidence(evidence: Evidence) -> str | None:
    """Smoothing can repair overconfidence only where there is some."""
    gap = evidence.mean("validation_gap", 0.0)
    if gap >= OVERCONFIDENT:
        return None
    return f"The hard model is not overconfident: confidence less accuracy is {gap:+.3f} on validation data."


def _calibrated(evidence: Evidence) -> str | None:
    """The warning is about networks that need no repair."""
    gap = evidence.mean("validation_gap", 0.0)
    if gap < OVERCONFIDENT:
        return None
    return f"The hard model is overconfident: confidence less accuracy is {gap:+.3f} on validation data."


def _effect(label: str, alpha: float, split: str) -> str:
    return f"{label} at alpha = {alpha:g} less at 0, {split}"


def _s1(evidence: Evidence) -> Finding:
    change = compare.below(evidence.at("nc1", ALPHA), evidence.at("nc1", 0.0))
    ratio = compare.difference(evidence.at("scatter_ratio", ALPHA), evidence.at("scatter_ratio", 0.0))
    note = f"The plain ratio of traces, which counts directions alike, changes by {ratio}."
    run = evidence.values["nc1"][np.isfinite(evidence.values["nc1"]).any(1)]
    if len(run) > 2:  # a grid may have two alphas, and no trend
        trend = compare.falling_trend(run)
        note = f"Page's trend over all alphas: p = {trend:.2g}. {note}"
        if change.claimed:  # both must hold, so the larger p-value is the one that counts
            change = compare.Side(change.estimate, True, max(change.p, trend))
    return Finding(_effect("NC1", ALPHA, "train"), change, interpolation(evidence), note)


def _falls(measure: str, label: str) -> Callable[[Evidence], Finding]:
    """A geometric quantity of the training set that is to fall."""

    def judge(evidence: Evidence) -> Finding:
        side = compare.below(evidence.at(measure, ALPHA), evidence.at(measure, 0.0))
        return Finding(_effect(label, ALPHA, "train"), side, interpolation(evidence))

    return judge


def _s5(evidence: Evidence) -> Finding:
    smoothed, hard = evidence.at("accuracy", ALPHA), evidence.at("accuracy", 0.0)
    better = compare.above(smoothed, hard)
    verb = "higher" if better.claimed else "lower"
    return Finding(
        _effect("Accuracy", ALPHA, "test"),
        compare.above(smoothed, hard, threshold=-ACCURACY_MARGIN),
        note=f"Superiority apart: accuracy is {verb} with p = {better.p:.2g}.",
    )


def _s6(evidence: Evidence) -> Finding:
    alpha = evidence.best("validation_ece")
    side = compare.below(evidence.at("ece", alpha), evidence.at("ece", 0.0))
    return Finding(_effect("ECE", alpha, "test"), side, overconfidence(evidence))


def _s7(evidence: Evidence) -> Finding:
    alpha = evidence.best("validation_ece")
    smoothed, scaled = evidence.at("ece", alpha), evidence.at("ece_scaled", 0.0)
    return Finding(
        f"ECE at alpha = {alpha:g} less the hard model's after temperature, test",
        compare.equivalent(smoothed, scaled, margin=ECE_MARGIN),
        note="The interval is the 90 % one that the two one-sided tests use.",
    )


def _s8(evidence: Evidence) -> Finding:
    side = compare.above(evidence.at("ece", ALPHA), evidence.at("ece", 0.0))
    return Finding(_effect("ECE", ALPHA, "test"), side, _calibrated(evidence))


def _s9(evidence: Evidence) -> Finding:
    side = compare.below(evidence.at("temperature", ALPHA), evidence.at("temperature", 0.0))
    return Finding(_effect("Temperature", ALPHA, "fitted on validation data"), side)


def _s10(evidence: Evidence) -> Finding:
    side = compare.above(evidence.at("nll", ALPHA), evidence.at("nll", 0.0))
    return Finding(_effect("NLL", ALPHA, "test"), side)


CLUSTERS_TIGHTEN = Claim(
    "S1",
    "Smoothing tightens the clusters of the penultimate layer.",
    "figure 1",
    "NC1 (Papyan et al.) on training data falls, and of three alphas or more falls along alpha (Page's test); guard: "
    "the hard model fits its training set",
    _s1,
)
EQUIDISTANCE = Claim(
    "S2",
    "Smoothing makes an example more equally distant from all wrong classes.",
    "section 2",
    "the spread of the logit gaps over wrong classes falls; guard as S1",
    _falls("gap_spread", "Spread of logit gaps"),
)
SCALE_SHRINKS = Claim(
    "S3",
    "Smoothing shrinks the scale of the logits.",
    "figure 1",
    "the largest logit less the mean of the others falls; guard as S1",
    _falls("gap_scale", "Logit scale"),
)
ACCURACY_NOT_HURT = Claim(
    "S5",
    "Smoothing does not hurt accuracy.",
    "table 2: 86.8 to 86.7, 72.1 to 72.7, 80.9 to 80.9",
    f"the change in test accuracy lies above -{ACCURACY_MARGIN:.1%} (non-inferiority)",
    _s5,
)
CALIBRATES = Claim(
    "S6",
    "Smoothing calibrates an overconfident network.",
    "table 3: ECE .150 to .024, .071 to .035, .056 to .019",
    f"test ECE falls, alpha chosen on validation data; guard: confidence exceeds accuracy by {OVERCONFIDENT}",
    _s6,
)
LIKE_TEMPERATURE = Claim(
    "S7",
    "Smoothing calibrates as well as temperature scaling does.",
    "table 3: .024 and .021, .035 and .022, .019 and .018",
    f"test ECE of the two within {ECE_MARGIN} of each other (two one-sided tests)",
    _s7,
)
BREAKS_CALIBRATED = Claim(
    "S8",
    "Smoothing spoils a network that is calibrated already.",
    "follow-up: Fashion-MNIST ECE .010 to .085 in a replication",
    f"test ECE rises; guard: confidence exceeds accuracy by less than {OVERCONFIDENT}",
    _s8,
)
TEMPERATURE_FALLS = Claim(
    "S9",
    "Smoothing lowers the temperature that is best afterwards.",
    "table 3 and figure 2: 1.9 for the hard model, near 1 for the smoothed",
    "the fitted temperature falls",
    _s9,
)
NLL_RISES = Claim(
    "S10",
    "Smoothing worsens the unsmoothed NLL.",
    "figure 4, for translation",
    "test NLL rises",
    _s10,
)

IMAGES = (
    CLUSTERS_TIGHTEN,
    EQUIDISTANCE,
    SCALE_SHRINKS,
    ACCURACY_NOT_HURT,
    CALIBRATES,
    LIKE_TEMPERATURE,
    BREAKS_CALIBRATED,
    TEMPERATURE_FALLS,
    NLL_RISES,
)
