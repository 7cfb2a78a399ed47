"""The statements of the literature after the paper, judged on made-up evidence."""

import numpy as np
import pytest

from smoothlab.lab import Outcome, compare, later
from smoothlab.lab.costs import COSTS, HARD_OR_SMOOTHED

LOSSES = (HARD_OR_SMOOTHED, "confidence-penalty", "online", "margin", "maxsup", "focal", "quadratic")
ALPHAS = (0.0, 0.05, 0.1, 0.2)
AS_CLAIMED = {  # at alpha 0, and at 0.1
    "accuracy": (0.85, 0.86),
    "ece": (0.08, 0.05),
    "validation_gap": (0.07, -0.02),
    "aurc": (0.036, 0.043),
    "aurc_norm": (0.036, 0.037),
    "validation_aurc": (0.034, 0.040),
    "excess_aurc": (0.025, 0.031),
    "risk_low": (0.004, 0.020),
    "probe": (0.76, 0.74),
    "kinds_accuracy": (0.96, 0.96),
    "corrupted_accuracy": (0.83, 0.80),
    "corrupted_ece": (0.10, 0.06),
    "corrupted_nll": (0.50, 0.60),
    "auroc": (0.82, 0.78),
    "auroc_energy": (0.82, 0.78),
    "auroc_norm": (0.80, 0.81),
}
OTHERS = {
    ("maxsup", "probe"): 0.77,
    ("margin", "ece"): 0.03,
    ("online", "accuracy"): 0.87,
    ("confidence-penalty", "accuracy"): 0.87,
    ("focal", "ece"): 0.04,
}


@pytest.fixture
def evidence(invented):
    def make(*, seeds=10, others=OTHERS, **changed):
        def said(loss, alpha):
            levels = {**AS_CLAIMED, **changed}
            if loss == HARD_OR_SMOOTHED:
                return {
                    name: np.interp(alpha, (0, 0.1, 0.2), (hard, smoothed, 2 * smoothed - hard))
                    for name, (hard, smoothed) in levels.items()
                }
            if alpha > 0:
                return {}
            return {name: others.get((loss, name), hard) for name, (hard, _) in levels.items()}

        return invented({"loss": LOSSES, "alpha": ALPHAS}, said, seeds=seeds)

    return make


def test_evidence_as_the_literature_has_it_passes(evidence, outcomes):
    assert outcomes(later.CLAIMS, evidence()) == {claim.id: Outcome.PASS for claim in later.CLAIMS}


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("S18", {"aurc": (0.043, 0.036)}),
        ("S18 norm", {"aurc_norm": (0.036, 0.050)}),
        ("S19", {"probe": (0.74, 0.76)}),
        ("C2", {"corrupted_accuracy": (0.80, 0.83)}),
        ("C3", {"corrupted_ece": (0.06, 0.10)}),
        ("C4", {"auroc": (0.78, 0.82)}),
        ("L1", {"others": {("maxsup", "probe"): 0.73}}),
        ("L2", {"others": {("margin", "ece"): 0.06}}),
        ("L3", {"others": {("online", "accuracy"): 0.85}}),
        ("L4", {"others": {("confidence-penalty", "accuracy"): 0.85}}),
        ("L5", {"others": {("focal", "ece"): 0.09}}),
    ],
)
def test_evidence_against_a_claim_fails_it(evidence, outcomes, claim, changed):
    assert outcomes(later.CLAIMS, evidence(**changed))[claim] is Outcome.FAIL


def test_without_overconfidence_there_is_nothing_to_calibrate(evidence, outcomes):
    judged = outcomes(later.CLAIMS, evidence(validation_gap=(0.01, -0.05)))
    outside = {claim for claim, outcome in judged.items() if outcome is Outcome.OUT_OF_REGIME}
    assert outside == {"C3", "L2", "L5"}


def test_the_logit_norm_is_not_asked_to_take_back_what_was_not_added(evidence, outcomes):
    """Decided on validation data: the test data still say that there was something."""
    judged = outcomes(later.CLAIMS, evidence(validation_aurc=(0.040, 0.034)))
    assert judged["S18 norm"] is Outcome.OUT_OF_REGIME
    assert judged["S18"] is Outcome.PASS


def test_what_the_norm_takes_back_is_a_difference_of_differences(evidence):
    norm = next(claim for claim in later.CLAIMS if claim.id == "S18 norm")
    # smoothing adds .007 by the one score and .001 by the other, up to the noise of four means of ten seeds
    assert norm.judge(evidence()).side.estimate.value == pytest.approx(-0.006, abs=3e-4)


def test_another_loss_is_set_against_smoothing_and_shown_against_hard_labels(evidence):
    found = evidence()
    other, hard = (found.at("probe", 0.0, loss=loss) for loss in ("maxsup", HARD_OR_SMOOTHED))
    maxsup = next(claim for claim in later.CLAIMS if claim.id == "L1").judge(found)
    assert maxsup.side.estimate.value == pytest.approx(0.77 - 0.74, abs=3e-4)
    assert maxsup.note == f"Less the hard network's: {compare.difference(other, hard)}."


@pytest.mark.parametrize(
    ("claim", "beside", "note"),
    [
        ("S19", ["kinds_accuracy"], "On the kinds that the networks learned, accuracy changes by {}."),
        ("C2", ["accuracy"], "On the images as they are it changes by {}."),
        ("C3", ["corrupted_nll"], "Their NLL changes by {}."),
        ("C4", ["auroc_energy", "auroc_norm"], "By the energy it changes by {}, by the logit norm by {}."),
    ],
)
def test_what_changes_beside_it_is_told_with_its_interval(claim, beside, note, evidence):
    part = evidence().where(loss=HARD_OR_SMOOTHED)
    changes = [compare.difference(part.at(name, 0.1), part.at(name, 0.0)) for name in beside]
    assert next(one for one in later.CLAIMS if one.id == claim).judge(evidence()).note == note.format(
        *changes
    )


def test_two_seeds_decide_nothing(evidence, outcomes):
    assert set(outcomes(later.CLAIMS, evidence(seeds=2)).values()) == {Outcome.UNDECIDED}


def test_no_run_at_all_decides_nothing(evidence, outcomes, nothing):
    assert set(outcomes(later.CLAIMS, nothing(evidence())).values()) == {
        Outcome.UNDECIDED,
        Outcome.OUT_OF_REGIME,
    }


def test_the_evidence_here_has_no_measure_that_the_study_lacks():
    assert all(name in COSTS for name in AS_CLAIMED)
