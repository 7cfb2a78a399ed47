"""What the literature after the paper found smoothing to cost, and what other losses are to do better, with rules.

S18 and S19 are numbered with the paper's statements (see `paper`), C2 to C4 are this project's own questions on images
from elsewhere, and L1 to L5 set another loss, at the strength that its paper uses, against smoothing at alpha = 0.1.
Each was written down before the study was run. Every comparison is paired over seeds.

Sources: with each claim, and at the head of `costs`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from . import compare, paper
from .claims import Claim, Finding
from .compare import Side
from .costs import HARD_OR_SMOOTHED, SUREST
from .evidence import Evidence
from .paper import ALPHA

Seeds = Float[np.ndarray, " seeds"]


def _pair(evidence: Evidence, measure: str) -> tuple[Seeds, Seeds]:
    """A measure of the smoothed networks and of the hard ones."""
    part = evidence.where(loss=HARD_OR_SMOOTHED)
    return part.at(measure, ALPHA), part.at(measure, 0.0)


def _effect(label: str) -> str:
    return f"{label} at alpha = {ALPHA:g} less at 0, test"


def _s18(evidence: Evidence) -> Finding:
    excess, low = (compare.difference(*_pair(evidence, name)) for name in ("excess_aurc", "risk_low"))
    return Finding(
        _effect("AURC"),
        compare.above(*_pair(evidence, "aurc")),
        note=f"Above the best order with as many errors it changes by {excess}, and the share of errors among the "
        f"surest {SUREST:.0%} by {low}.",
    )


def _nothing_to_repair(evidence: Evidence) -> str | None:
    """The logit norm can take back only what smoothing added; judged on validation data."""
    smoothed, hard = _pair(evidence, "validation_aurc")
    added = compare.difference(smoothed, hard)
    if added.value > 0:
        return None
    return f"There is nothing to take back: on validation data smoothing changes the AURC by {added}."


def _s18_norm(evidence: Evidence) -> Finding:
    smoothed, hard = _pair(evidence, "aurc")
    smoothed_norm, hard_norm = _pair(evidence, "aurc_norm")
    return Finding(
        "What smoothing adds to the AURC by the logit norm less by the maximum probability, test",
        compare.below(smoothed_norm - hard_norm, smoothed - hard),
        _nothing_to_repair(evidence),
        f"By the logit norm it adds {compare.difference(smoothed_norm, hard_norm)}.",
    )


def _falls(
    measure: str,
    label: str,
    beside: tuple[str, ...],
    note: str,
    regime: Callable[[Evidence], str | None] = lambda part: None,
) -> Callable[[Evidence], Finding]:
    """Lower with smoothing than without; the note says in its gaps how the measures `beside` it change."""

    def judge(evidence: Evidence) -> Finding:
        changes = (compare.difference(*_pair(evidence, name)) for name in beside)
        return Finding(
            _effect(label),
            compare.below(*_pair(evidence, measure)),
            regime(evidence.where(loss=HARD_OR_SMOOTHED)),
            note.format(*changes),
        )

    return judge


def _against_smoothing(
    loss: str,
    measure: str,
    label: str,
    side: Callable[[Seeds, Seeds], Side],
    regime: Callable[[Evidence], str | None] = lambda part: None,
) -> Callable[[Evidence], Finding]:
    """Another loss against smoothed labels, its difference from hard ones beside it."""

    def judge(evidence: Evidence) -> Finding:
        smoothed, hard = _pair(evidence, measure)
        other = evidence.at(measure, 0.0, loss=loss)
        return Finding(
            f"{label} less at alpha = {ALPHA:g}, test",
            side(other, smoothed),
            regime(evidence.where(loss=HARD_OR_SMOOTHED)),
            f"Less the hard network's: {compare.difference(other, hard)}.",
        )

    return judge


def _l5(evidence: Evidence) -> Finding:
    _, hard = _pair(evidence, "ece")
    return Finding(
        "ECE with the focal loss less with hard labels, test",
        compare.below(evidence.at("ece", 0.0, loss="focal"), hard),
        paper.overconfidence(evidence.where(loss=HARD_OR_SMOOTHED)),
    )


CLAIMS = (
    Claim(
        "S18",
        "Smoothing makes confidence a worse guide to when to abstain.",
        "Xia et al. 2025: AURC .0653 to .0755 on ImageNet",
        "the AURC by maximum probability rises on test data",
        _s18,
    ),
    Claim(
        "S18 norm",
        "The logit norm takes back what smoothing adds to the AURC.",
        "Cattelan and Silva 2024; Xia et al. 2025: .0656 and .0622 by the logit norm",
        "the change of the AURC is smaller by the logit norm, its power chosen on validation data; guard: smoothing "
        "raises the AURC on validation data",
        _s18_norm,
    ),
    Claim(
        "S19",
        "Smoothing makes features that tell less of other labels.",
        "Kornblith et al. 2021; Zhou et al. 2025: a linear probe falls from 81.4 to 74.6 %",
        "the test accuracy of a linear probe for classes falls, on networks that learned kinds of them",
        _falls(
            "probe",
            "Probe accuracy",
            ("kinds_accuracy",),
            "On the kinds that the networks learned, accuracy changes by {}.",
        ),
    ),
    Claim(
        "C2",
        "Smoothing costs accuracy on corrupted images.",
        "this project's question",
        "the mean test accuracy over four corruptions at severity 3 falls",
        _falls(
            "corrupted_accuracy",
            "Accuracy on corrupted images",
            ("accuracy",),
            "On the images as they are it changes by {}.",
        ),
    ),
    Claim(
        "C3",
        "Smoothing calibrates on corrupted images too.",
        "this project's question",
        "the mean ECE over the same falls; guard as S6",
        _falls(
            "corrupted_ece",
            "ECE on corrupted images",
            ("corrupted_nll",),
            "Their NLL changes by {}.",
            paper.overconfidence,
        ),
    ),
    Claim(
        "C4",
        "Smoothing makes images of unknown classes harder to tell.",
        "this project's question",
        "the AUROC of known against unknown test images by maximum probability falls",
        _falls(
            "auroc",
            "AUROC of unknown classes by maximum probability",
            ("auroc_energy", "auroc_norm"),
            "By the energy it changes by {}, by the logit norm by {}.",
        ),
    ),
    Claim(
        "L1",
        "MaxSup keeps what smoothing loses for other labels.",
        "Zhou et al. 2025: a linear probe reaches 81.0 %, and 74.6 % with smoothing",
        "the probe's test accuracy is higher than with smoothing",
        _against_smoothing("maxsup", "probe", "Probe accuracy with MaxSup", compare.above),
    ),
    Claim(
        "L2",
        "Margin-based smoothing calibrates better than smoothing.",
        "Liu et al. 2022, on Tiny-ImageNet",
        "test ECE is lower than with smoothing; guard as S6",
        _against_smoothing("margin", "ece", "ECE with a margin", compare.below, paper.overconfidence),
    ),
    Claim(
        "L3",
        "Online label smoothing is more accurate than smoothing.",
        "Zhang et al. 2021: gains of 2.00 against 1.11 points",
        "test accuracy is higher than with smoothing",
        _against_smoothing("online", "accuracy", "Accuracy with online smoothing", compare.above),
    ),
    Claim(
        "L4",
        "The confidence penalty is more accurate than smoothing.",
        "Pereyra et al. 2017: errors of 1.17 against 1.23 % on MNIST, 6.77 against 6.89 % on CIFAR-10",
        "test accuracy is higher than with smoothing",
        _against_smoothing(
            "confidence-penalty", "accuracy", "Accuracy with the confidence penalty", compare.above
        ),
    ),
    Claim(
        "L5",
        "The focal loss calibrates an overconfident network.",
        "Mukhoti et al. 2020",
        "test ECE is lower than with hard labels; guard as S6",
        _l5,
    ),
)
