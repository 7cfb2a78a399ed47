"""Calibration over alpha and temperature: is there any alpha at which smoothing beats temperature scaling alone?

Every run is read at a grid of temperatures, which costs no training: its ECE and NLL there on validation and test data,
and the ECE that 97.5 % of calibrated models with its confidences stay below. The temperature that validation data fits
is taken beside the grid. Statements S6 to S11 are judged for every network of a study, each in its own regime.

Sources: Mueller, Kornblith, Hinton 2019, sec. 3, figures 2 to 4 and table 3, arXiv:1906.02629; Guo et al. 2017,
arXiv:1706.04599
"""

from collections.abc import Mapping
from dataclasses import replace

from ..measures import calibration_test, scores, top_label
from . import compare, paper
from .cell import Run
from .claims import Claim, Finding
from .evidence import Evidence, Level
from .images import IMAGES, ece
from .images import take as take_images
from .measures import Measure, Measures

QUALITY = (
    "accuracy",
    "ece",
    "ece_scaled",
    "gap",
    "nll",
    "nll_scaled",
    "brier",
    "temperature",
    "train_accuracy",
    "gamma",
    "validation_ece",
    "validation_gap",
)
TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
AT_T = (
    Measure("ece_at", "ECE at T", "expected calibration error in 15 bins with the logits over T, test"),
    Measure("nll_at", "NLL at T", "unsmoothed negative log-likelihood in nats with the logits over T, test"),
    Measure(
        "null_at",
        "ECE of a calibrated model",
        "what 97.5 % of models stay below whose answers have the same "
        "confidences, and are as often right as those say, test",
    ),
    Measure("validation_ece_at", "Validation ECE at T", "the first of these on validation data"),
    Measure("validation_nll_at", "Validation NLL at T", "the second of these on validation data"),
)


def quality(run: Run) -> dict[str, float]:
    """What is true of the run's outputs."""
    return {name: value for name, value in take_images(run).items() if name in QUALITY}


def take(run: Run, temperature: float) -> dict[str, float]:
    """What is true of the run, once, and what it would be with its logits over this temperature."""
    found = quality(run) if temperature == 1 else {}
    test, validation = run["test"], run["validation"]
    scaled, held_out = test.logits / temperature, validation.logits / temperature
    tested = calibration_test(*top_label(scaled, test.labels), resamples=200)
    return found | {
        "ece_at": tested.error,
        "nll_at": scores.negative_log_likelihood(scaled, test.labels),
        "null_at": tested.null[1],
        "validation_ece_at": ece(held_out, validation.labels),
        "validation_nll_at": scores.negative_log_likelihood(held_out, validation.labels),
    }


SHOWN = ("accuracy", "ece", "ece_scaled", "gap", "nll", "nll_scaled", "temperature")
OUTPUTS = Measures(tuple(IMAGES[name] for name in QUALITY), quality, shown=SHOWN)
"""What a study measures that keeps no features."""
CALIBRATION = Measures(
    OUTPUTS.listed + AT_T, take, views={"temperature": TEMPERATURES}, at={"temperature": 1.0}, shown=SHOWN
)
"""What a study of calibration measures."""


def _s11(evidence: Evidence) -> Finding:
    smoothed, hard = evidence.at("nll_scaled", paper.ALPHA), evidence.at("nll_scaled", 0.0)
    return Finding(
        f"NLL after temperature at alpha = {paper.ALPHA:g} less at 0, test", compare.below(smoothed, hard)
    )


def _beats_temperature(evidence: Evidence) -> Finding:
    alpha = evidence.best("validation_ece")
    smoothed, scaled = evidence.at("ece", alpha), evidence.at("ece_scaled", 0.0)
    both = compare.difference(evidence.at("ece_scaled", alpha), scaled)
    return Finding(
        f"ECE at alpha = {alpha:g} less the hard model's after temperature, test",
        compare.below(smoothed, scaled),
        note=f"With a temperature each: {both}.",
    )


FAMILY = (
    paper.CALIBRATES,
    paper.LIKE_TEMPERATURE,
    paper.BREAKS_CALIBRATED,
    paper.TEMPERATURE_FALLS,
    paper.NLL_RISES,
    Claim(
        "S11",
        "After a temperature each, the smoothed network has the better NLL.",
        "the paper leaves it open",
        "test NLL falls, each with the temperature that validation data fits",
        _s11,
    ),
    Claim(
        "C1",
        "Smoothing calibrates better than temperature scaling alone.",
        "this project's question",
        "test ECE is lower than the hard model's after temperature; alpha is chosen on validation data",
        _beats_temperature,
    ),
)
"""The statements on calibration, each to be judged for one network on one data set."""


def of_slice(claim: Claim, name: str, levels: Mapping[str, Level]) -> Claim:
    """A claim about alpha alone, put to one slice of a larger grid, whose name it then carries."""
    return replace(
        claim,
        id=f"{claim.id} {name}",
        statement=f"{claim.statement[:-1]}: {name}.",
        judge=lambda evidence: claim.judge(evidence.where(**levels)),
    )
