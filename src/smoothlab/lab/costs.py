r"""What smoothing was found to cost, and the losses that were to avoid it: S18, S19, and on images from elsewhere.

A run is three networks that learn with one loss, from one seed:

    all classes    selective classification on test data, and the same test images corrupted
    kinds          groups of classes for labels: a linear probe of the frozen features for the classes within a group
    some apart     classes that are held apart, which the network is then to know as unknown

Of the two ways to ask what features are worth to another task, classes within groups were chosen and not classes held
apart: the erasure that the paper speaks of is that of what examples of one label do not share, and these classes are
just that; and a probe for all classes has the whole test split to be measured on. A probe is measured where it was
not chosen: its penalty is that with the best validation accuracy. The logit norm's power is chosen on validation data
too. Corrupted and unknown images are seen by no choice.

Sources: Cattelan and Silva 2024, arXiv:2305.15508, and Xia et al. 2025, arXiv:2403.14715 (S18); Zhou et al. 2025,
arXiv:2502.15798 (S19, MaxSup); Hendrycks and Dietterich 2019, arXiv:1903.12261 (corruptions); Liu et al. 2020,
arXiv:2010.03759 (energy). The losses are described, each with its source, in `smoothlab.torch`.
"""

from statistics import fmean

import numpy as np
from jaxtyping import Bool, Float

from ..measures import (
    DETECTION_SCORES,
    LogitNorm,
    augrc,
    aurc,
    detect,
    excess_aurc,
    linear_probe,
    risk_coverage,
    scores,
    top_label,
)
from ..predictions import Predictions
from .cell import Run
from .images import IMAGES, ece
from .images import take as take_images
from .measures import Measure, Measures
from .panel import Map, Panel, Trace

CORRUPTIONS = ("gaussian_noise", "gaussian_blur", "brightness", "contrast")
"""One of each family of the source: noise, blur, weather, digital."""
SUREST = 0.2
"""The share of examples that the risk at low coverage is about."""
PENALTIES = (0.1, 1.0, 10.0)
"""The probe's C to choose from."""
SPLITS = ("train", "validation", "test")
QUALITY = (
    "accuracy",
    "train_accuracy",
    "ece",
    "ece_scaled",
    "nll",
    "nll_scaled",
    "gap",
    "validation_gap",
)

OWN = (
    Measure(
        "aurc",
        "AURC",
        "area under risk over coverage, the surest first by their maximum probability, test",
    ),
    Measure(
        "aurc_norm", "AURC, logit norm", "the same by the logit norm, its power chosen on validation data"
    ),
    Measure("validation_aurc", "Validation AURC", "by maximum probability, validation, for the guard"),
    Measure("excess_aurc", "E-AURC", "AURC above that of the best order with as many errors, test"),
    Measure("augrc", "AUGRC", "area under the share of all examples that are answered and wrong, test"),
    Measure(
        "risk_low", "Risk of the surest", f"share of errors among the surest {SUREST:.0%} of test examples"
    ),
    Measure(
        "probe",
        "Probe accuracy",
        "of a linear map from the features of a network that learned kinds, for the classes, test",
    ),
    Measure("kinds_accuracy", "Accuracy on kinds", "of that network on the kinds that it learned, test"),
    Measure(
        "corrupted_accuracy", "Accuracy, corrupted", "mean over four corruptions at severity 3 of test images"
    ),
    Measure("corrupted_ece", "ECE, corrupted", "expected calibration error in 15 bins, mean over the same"),
    Measure(
        "corrupted_nll", "NLL, corrupted", "unsmoothed negative log-likelihood in nats, mean over the same"
    ),
    Measure(
        "auroc",
        "AUROC of the unknown",
        "chance that a known test image has the higher maximum probability than one of a class never seen",
    ),
    Measure("auroc_energy", "AUROC, energy", "the same by the energy"),
    Measure("auroc_norm", "AUROC, logit norm", "the same by the logit norm with power 2"),
    Measure(
        "fpr",
        "FPR of the unknown",
        "share of unknown images that pass where 95 % of the known do, by maximum probability",
    ),
)


def take(run: Run) -> dict[str, float]:
    """Every measure of one run."""
    validation, test = run["validation"], run["test"]
    return {
        **{name: value for name, value in take_images(run).items() if name in QUALITY},
        **_selective(validation, test),
        **_transfer(run),
        **_corrupted([run[f"corrupted_{kind}"] for kind in CORRUPTIONS]),
        **_unknown(run["known"], run["unknown"]),
    }


def _selective(validation: Predictions, test: Predictions) -> dict[str, float]:
    confident, correct = top_label(test.logits, test.labels)
    repaired = LogitNorm().fit(validation.logits, validation.labels)
    return {
        "aurc": aurc(confident, correct),
        "aurc_norm": aurc(repaired.score(test.logits), correct),
        "validation_aurc": repaired.aurc_before_,
        "excess_aurc": excess_aurc(confident, correct),
        "augrc": augrc(confident, correct),
        "risk_low": risk_at(confident, correct, coverage=SUREST),
    }


def risk_at(
    confident: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"], *, coverage: float
) -> float:
    """The share of errors among the surest; between two steps of equal scores it is what is expected there.

    >>> import numpy as np
    >>> from smoothlab.lab.costs import risk_at
    >>> risk_at(np.array([0.9, 0.8, 0.7, 0.7]), np.array([True, False, True, False]), coverage=0.75)
    0.5
    """
    curve = risk_coverage(confident, correct)
    errors = np.interp(coverage, np.append(0, curve.coverage), np.append(0, curve.risk * curve.coverage))
    return float(errors / coverage)


def _transfer(run: Run) -> dict[str, float]:
    """The probe for classes; `kind_of` in `meta` has the kind of each class, whose logit its column repeats."""
    said = [run[f"kinds_{split}"] for split in SPLITS]
    parts = [(np.asarray(part.features, np.float64), part.labels) for part in said]
    probe = linear_probe(*parts, penalties=PENALTIES)
    kind_of = np.array(said[-1].meta["kind_of"])
    right = kind_of[said[-1].logits.argmax(1)] == kind_of[said[-1].labels]
    return {"probe": probe.accuracy.value, "kinds_accuracy": float(right.mean())}


def _corrupted(said: list[Predictions]) -> dict[str, float]:
    return {
        "corrupted_accuracy": fmean(scores.accuracy(part.logits, part.labels) for part in said),
        "corrupted_ece": fmean(ece(part.logits, part.labels) for part in said),
        "corrupted_nll": fmean(scores.negative_log_likelihood(part.logits, part.labels) for part in said),
    }


def _unknown(known: Predictions, unknown: Predictions) -> dict[str, float]:
    by = {
        name: detect(DETECTION_SCORES[name](known.logits), DETECTION_SCORES[name](unknown.logits))
        for name in ("maximum probability", "energy", "logit norm")
    }
    return {
        "auroc": by["maximum probability"].auroc.value,
        "auroc_energy": by["energy"].auroc.value,
        "auroc_norm": by["logit norm"].auroc.value,
        "fpr": by["maximum probability"].fpr.value,
    }


COSTS = Measures(
    tuple(IMAGES[name] for name in QUALITY) + OWN,
    take,
    shown=(
        "accuracy",
        "ece",
        "nll",
        "aurc",
        "aurc_norm",
        "augrc",
        "risk_low",
        "probe",
        "corrupted_accuracy",
        "corrupted_ece",
        "auroc",
        "auroc_norm",
    ),
)
"""What a study of the costs measures."""

HARD_OR_SMOOTHED = "cross-entropy"
"""The level of the factor `loss` at which alpha varies; the other losses are run at alpha 0 alone."""


def _over_alpha(title: str, measure: str, text: str = "") -> Panel:
    return Panel(title, measure, (Trace("smoothed labels", {"loss": HARD_OR_SMOOTHED}),), text=text)


PANELS = (
    _over_alpha(
        "Does confidence say when to abstain?",
        "aurc",
        "An AURC is the mean share of errors among the examples that are answered, over all shares that might be: "
        "lower is better. Xia et al. (2025) find that smoothing raises it, and that the logit norm takes that back.",
    ),
    _over_alpha("The same by the logit norm", "aurc_norm"),
    _over_alpha("How often the surest are wrong", "risk_low"),
    _over_alpha(
        "What features of kinds still tell of classes",
        "probe",
        "The network learned four kinds of clothes, and a linear map of its features is asked for the ten classes.",
    ),
    _over_alpha("Accuracy on corrupted images", "corrupted_accuracy"),
    _over_alpha("Calibration error on corrupted images", "corrupted_ece"),
    _over_alpha("Classes never seen, by maximum probability", "auroc"),
    _over_alpha("Classes never seen, by the logit norm", "auroc_norm"),
    *(
        Map(f"{title}, every loss", measure, rows="loss", columns="alpha")
        for title, measure in (
            ("Accuracy", "accuracy"),
            ("Calibration error", "ece"),
            ("AURC", "aurc"),
            ("Probe accuracy", "probe"),
            ("Accuracy on corrupted images", "corrupted_accuracy"),
            ("AUROC of the unknown", "auroc"),
        )
    ),
)
"""What the report of such a study draws."""
