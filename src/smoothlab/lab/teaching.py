r"""What is measured of teachers and students, and the paper's statements on them: S13 to S16.

Students are laid along one axis, the effective smoothing gamma (see `measures.smoothing`) of what they learn from:
alpha for smoothed labels, gamma(T) of the teacher on the training split for a teacher at temperature T. Where a taught
student is set against one that learned from smoothed labels alone, that one is read off at the same gamma, between the
alphas that were run, seed by seed. The hard teacher's temperature is chosen by its students on validation data.

Sources: Mueller, Kornblith, Hinton 2019, sec. 4 and figure 5, arXiv:1906.02629; Chandrasegaran et al. 2022,
arXiv:2206.14532 (S16)
"""

import numpy as np
from jaxtyping import Float

from ..measures import effective_smoothing, scores
from . import compare
from .cell import Run
from .claims import Claim, Finding
from .evidence import Evidence
from .images import ece
from .measures import Measure, Measures
from .panel import Panel, Trace
from .paper import ALPHA, interpolation

GAMMA_MARGIN = 0.01
ALONE = ("teacher", "alone")
"""Arms that learn from labels only; all others are a teacher's students."""

LISTED = (
    Measure("accuracy", "Accuracy", "share of test examples whose largest logit is the label's"),
    Measure("validation_accuracy", "Validation accuracy", "by which the temperature is chosen"),
    Measure("nll", "NLL", "unsmoothed negative log-likelihood in nats, test"),
    Measure("ece", "ECE", "expected calibration error in 15 bins of equal width, test"),
    Measure(
        "gamma",
        "Effective smoothing γ",
        "alpha for smoothed labels; for a teacher at its temperature the probability outside the label "
        "times K/(K-1), train",
    ),
    Measure("achieved", "Achieved smoothing", "the same of the trained network's own answers, train"),
    Measure("train_accuracy", "Train accuracy", "accuracy on the training examples at the end, teachers"),
)


def take(run: Run) -> dict[str, float]:
    """Every measure of one run; students keep no predictions of the training split."""
    test, validation = run["test"], run["validation"]
    if run.teacher is None:
        gamma = run.cell["alpha"]
    else:
        said = run.teacher["train"]
        gamma = effective_smoothing(said.logits, said.labels, run.cell["temperature"])
    found = {
        "accuracy": scores.accuracy(test.logits, test.labels),
        "validation_accuracy": scores.accuracy(validation.logits, validation.labels),
        "nll": scores.negative_log_likelihood(test.logits, test.labels),
        "ece": ece(test.logits, test.labels),
        "gamma": gamma,
    }
    if "train" in run.predictions:
        train = run["train"]
        found["achieved"] = effective_smoothing(train.logits, train.labels)
        found["train_accuracy"] = scores.accuracy(train.logits, train.labels)
    return found


TEACHING = Measures(LISTED, take, shown=("accuracy", "nll", "ece", "gamma", "achieved", "train_accuracy"))
"""What a study of teachers and students measures."""

PANELS = (
    Panel(
        "Students over the effective smoothing of what they learn from",
        "accuracy",
        (
            Trace("student, hard teacher, T rises", {"arm": "taught", "alpha": 0.0}, along="temperature"),
            Trace("student, smoothed teacher, T = 1", {"arm": "taught", "temperature": 1.0}),
            Trace("student, smoothed labels", {"arm": "alone", "temperature": 1.0}),
            Trace("teacher", {"arm": "teacher", "temperature": 1.0}),
        ),
        x="gamma",
        marked=True,
        text="The paper's figure 5: there every student of a hard teacher beats every student of smoothed labels, and "
        "students of smoothed teachers do no better than those.",
    ),
    Panel(
        "Does a smoothed teacher need T = 1?",
        "accuracy",
        (
            Trace("hard teacher", {"arm": "shared", "alpha": 0.0}),
            Trace(f"smoothed teacher, α = {ALPHA:g}", {"arm": "shared", "alpha": ALPHA}),
        ),
        along="temperature",
        marked=True,
        text="Both sides at temperature T and the loss times T², as most distillation is done. At T = 1 a smoothed "
        "teacher can help; a higher T softens twice (Chandrasegaran et al. 2022).",
    ),
    Panel(
        "How much of it is softening alone?",
        "accuracy",
        (
            Trace("hard teacher", {"arm": "taught", "alpha": 0.0}),
            Trace("its answers shuffled in each class", {"arm": "shuffled", "alpha": 0.0}),
            Trace("student as large as its teacher", {"arm": "itself", "alpha": 0.0}),
        ),
        along="temperature",
        marked=True,
        text="A teacher whose answers are shuffled among the examples of each class tells its student how classes "
        "resemble each other, and nothing of the single example.",
    ),
)


def best_temperature(evidence: Evidence, arm: str = "taught") -> float:
    """The hard teacher's temperature with the best mean accuracy of its students on validation data."""
    return max(
        (float(level) for level in evidence.factors["temperature"]),
        key=lambda level: np.nan_to_num(
            evidence.mean("validation_accuracy", 0.0, arm=arm, temperature=level), nan=-np.inf
        ),
    )


def alone_at(evidence: Evidence, gamma: Float[np.ndarray, " seeds"]) -> Float[np.ndarray, " seeds"]:
    """The accuracy of students of smoothed labels at each seed's gamma, between the alphas that were run."""
    rows = np.array(
        [evidence.at("accuracy", alpha, arm="alone", temperature=1.0) for alpha in evidence.alphas]
    )
    return np.array(
        [
            np.interp(at, evidence.alphas, of) if np.isfinite(at) else np.nan
            for at, of in zip(gamma, rows.T, strict=True)
        ]
    )


def _teacher_interpolates(evidence: Evidence) -> str | None:
    return interpolation(evidence.where(arm="teacher", temperature=1.0))


def _s13(evidence: Evidence) -> Finding:
    achieved = evidence.at("achieved", ALPHA, arm="teacher", temperature=1.0)
    return Finding(
        f"Achieved smoothing of the teacher less alpha = {ALPHA:g}, train",
        compare.equivalent(achieved, np.full_like(achieved, ALPHA), margin=GAMMA_MARGIN),
        _teacher_interpolates(evidence),
        "The interval is the 90 % one that the two one-sided tests use.",
    )


def _s14(evidence: Evidence) -> Finding:
    temperature = best_temperature(evidence)
    taught = evidence.at("accuracy", 0.0, arm="taught", temperature=temperature)
    gamma = evidence.at("gamma", 0.0, arm="taught", temperature=temperature)
    return Finding(
        f"Accuracy of students of a hard teacher at T = {temperature:g} less of smoothed labels at the same γ, test",
        compare.above(taught, alone_at(evidence, gamma)),
    )


def _s15(evidence: Evidence) -> Finding:
    temperature = best_temperature(evidence)
    smoothed = evidence.at("accuracy", ALPHA, arm="taught", temperature=1.0)
    hard = evidence.at("accuracy", 0.0, arm="taught", temperature=temperature)
    control = evidence.at("accuracy", ALPHA, arm="alone", temperature=1.0)
    return Finding(
        f"Accuracy of students of a smoothed teacher at T = 1 less of a hard one at T = {temperature:g}, test",
        compare.below(smoothed, hard),
        note=f"Less that of students of smoothed labels: {compare.difference(smoothed, control)}.",
    )


def _s16(evidence: Evidence) -> Finding:
    def gain(temperature: float) -> Float[np.ndarray, " seeds"]:
        smoothed = evidence.at("accuracy", ALPHA, arm="shared", temperature=temperature)
        return smoothed - evidence.at("accuracy", 0.0, arm="shared", temperature=temperature)

    return Finding(
        "What a smoothed teacher gains over a hard one at T = 2 less the same at T = 1, test",
        compare.below(gain(2.0), gain(1.0)),
        note=f"The gain at T = 1 is {compare.difference(gain(1.0), 0 * gain(1.0))}.",
    )


CLAIMS = (
    Claim(
        "S13",
        "A smoothed teacher's effective smoothing is its alpha.",
        "section 4",
        f"the achieved smoothing lies within {GAMMA_MARGIN:g} of alpha (two one-sided tests); guard: the hard teacher "
        "fits its training set",
        _s13,
    ),
    Claim(
        "S14",
        "Students of a hard teacher beat students of smoothed labels.",
        "figure 5",
        "test accuracy is higher at equal γ; the temperature is chosen on validation data",
        _s14,
    ),
    Claim(
        "S15",
        "A smoothed teacher makes worse students than a hard one.",
        "figure 5; MNIST: .91 against .74 % errors",
        "test accuracy is lower than with the hard teacher at the temperature that validation data chose",
        _s15,
    ),
    Claim(
        "S16",
        "What a smoothed teacher gains at T = 1 is lost at a higher temperature.",
        "Chandrasegaran et al. 2022: +.18 at T = 1, -2.50 at T = 2 on ImageNet",
        "the difference of the gains at T = 2 and T = 1 is below 0; both sides at T, the loss times T²",
        _s16,
    ),
)
