r"""Smoothing under label noise, with alpha of either sign: S20.

Wrong labels are in the training and in the validation split, as they are where nobody knows which are wrong; the test
split is clean. Alpha is chosen by accuracy on the noisy validation labels. Where a share r of labels is wrong, each
other class equally likely and the network's errors independent of it, that is

    noisy accuracy = (1 - r) accuracy + r / (K - 1) (1 - accuracy),

which rises with the clean accuracy as long as r < (K - 1)/K: the choice needs more examples, and no clean ones. All
alphas of a seed see the same wrong labels, and start from the same epochs at alpha 0.

Source: Wei et al. 2022, arXiv:2106.04149
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from ..measures import scores
from . import compare
from .cell import Run
from .claims import Claim, Finding
from .compare import Side
from .evidence import Evidence
from .images import ece
from .measures import Measure, Measures
from .panel import Map, Panel, Trace

RATES = (0.0, 0.2, 0.4, 0.6)
LITTLE, MUCH = 0.2, 0.6
"""The rates of noise that the two statements on the sign of alpha are judged at."""

LISTED = (
    Measure("accuracy", "Accuracy", "share of clean test labels that the largest logit names"),
    Measure(
        "validation_accuracy",
        "Validation accuracy",
        "the same of validation labels, which are as noisy as those for training; by which alpha is chosen",
    ),
    Measure("train_accuracy", "Train accuracy", "the same of the noisy labels trained on, at the end"),
    Measure("ece", "ECE", "expected calibration error in 15 bins of equal width, clean test labels"),
)


def take(run: Run) -> dict[str, float]:
    """Every measure of one run."""
    test = run["test"]
    return {
        "accuracy": scores.accuracy(test.logits, test.labels),
        "validation_accuracy": scores.accuracy(run["validation"].logits, run["validation"].labels),
        "train_accuracy": scores.accuracy(run["train"].logits, run["train"].labels),
        "ece": ece(test.logits, test.labels),
    }


NOISE = Measures(LISTED, take)
"""What a study of label noise measures."""

PANELS = (
    Panel(
        "Accuracy where labels are wrong",
        "accuracy",
        tuple(Trace(f"{rate:.0%} wrong", {"noise": rate}) for rate in RATES),
        text="Wei et al. (2022) find that with few wrong labels a positive alpha is best, and with many a negative "
        "one, which pushes the answers away from uniform.",
    ),
    Panel(
        "How many of the noisy labels were learned",
        "train_accuracy",
        tuple(Trace(f"{rate:.0%} wrong", {"noise": rate}) for rate in RATES),
    ),
    Map("Accuracy over noise and alpha", "accuracy", rows="noise", columns="alpha"),
)
"""What the report of such a study draws."""


def best(evidence: Evidence, noise: float, alphas: Sequence[float]) -> float:
    """The alpha, of these, with the highest mean accuracy on noisy validation labels; never one without runs."""
    part = evidence.where(noise=noise)
    return max(alphas, key=lambda alpha: np.nan_to_num(part.mean("validation_accuracy", alpha), nan=-np.inf))


def best_of_each(evidence: Evidence, noise: float) -> Float[np.ndarray, " seeds"]:
    """Each seed's best alpha by the same accuracy; nan where a seed has no run."""
    part = evidence.where(noise=noise)
    reached = np.array([part.at("validation_accuracy", alpha) for alpha in part.alphas])
    chosen = np.array(part.alphas)[np.nan_to_num(reached, nan=-np.inf).argmax(0)]
    return np.where(np.isfinite(reached).any(0), chosen, np.nan)


def _helps(noise: float, *, positive: bool) -> Callable[[Evidence], Finding]:
    """An alpha of one sign against hard labels; the best of the other sign is told beside it."""

    def judge(evidence: Evidence) -> Finding:
        above = [alpha for alpha in evidence.alphas if alpha > 0]
        below = [alpha for alpha in evidence.alphas if alpha < 0]
        chosen = best(evidence, noise, above if positive else below)
        other = best(evidence, noise, below if positive else above)
        part = evidence.where(noise=noise)
        reached = part.at("accuracy", chosen)
        return Finding(
            f"Accuracy at alpha = {chosen:g} less at 0 where {noise:.0%} of labels are wrong, test",
            compare.above(reached, part.at("accuracy", 0.0)),
            note=f"Less at alpha = {other:g}: {compare.difference(reached, part.at('accuracy', other))}.",
        )

    return judge


def _falls(evidence: Evidence) -> Finding:
    rates = evidence.factors["noise"]
    chosen = np.array([best_of_each(evidence, float(rate)) for rate in rates])
    change, trend = compare.below(chosen[-1], chosen[0]), compare.falling_trend(chosen)
    if change.claimed:  # both must hold, so the larger p-value is the one that counts
        change = Side(change.estimate, True, max(change.p, trend))
    least, most = (f"{float(rate):.0%}" for rate in (rates[0], rates[-1]))
    return Finding(
        f"Best alpha of a seed where {most} of labels are wrong less where {least} are, validation",
        change,
        note=f"Page's trend over all rates: p = {trend:.2g}.",
    )


CLAIMS = (
    Claim(
        "S20 little",
        "Where few labels are wrong, a positive alpha helps.",
        "Wei et al. 2022; Lukasik et al. 2020",
        f"test accuracy rises where {LITTLE:.0%} of labels are wrong; the alpha above 0 is chosen on validation data",
        _helps(LITTLE, positive=True),
    ),
    Claim(
        "S20 much",
        "Where many labels are wrong, a negative alpha helps.",
        "Wei et al. 2022: 75.34 to 77.42 % on CIFAR-10, 60 % of labels wrong",
        f"test accuracy rises where {MUCH:.0%} of labels are wrong; the alpha below 0 is chosen on validation data",
        _helps(MUCH, positive=False),
    ),
    Claim(
        "S20",
        "The more labels are wrong, the lower is the best alpha.",
        "Wei et al. 2022, binary labels: the best alpha falls with the noise",
        "the alpha that each seed's validation data choose is lower at the highest rate than at none, and falls along "
        "the rates (Page's test)",
        _falls,
    ),
)
