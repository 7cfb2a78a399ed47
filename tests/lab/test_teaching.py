"""Teachers and students: their measures on known answers, and S13 to S16 on made-up evidence."""

import numpy as np
import pytest

from smoothlab import Predictions
from smoothlab.lab import Cell, Outcome, Run, judge, teaching
from smoothlab.measures import effective_smoothing, ideal_gap

ALPHAS = (0.0, 0.1, 0.3)
TEMPERATURES = (1.0, 2.0, 4.0)
FACTORS = {
    "arm": ("teacher", "alone", "taught", "shared"),
    "alpha": ALPHAS,
    "temperature": TEMPERATURES,
}
WORLD = {
    "achieved": 0.1,
    "train_accuracy": 1.0,
    "alone": {0.0: 0.80, 0.1: 0.81, 0.3: 0.79},
    "hard": {1.0: 0.81, 2.0: 0.84, 4.0: 0.83},
    "hard_validation": {1.0: 0.81, 2.0: 0.84, 4.0: 0.83},
    "hard_gamma": {1.0: 0.02, 2.0: 0.1, 4.0: 0.5},
    "smoothed": 0.80,
    "shared_gain": {1.0: 0.01, 2.0: -0.02, 4.0: -0.03},
}


@pytest.fixture
def evidence(invented):
    def make(*, seeds=10, **changed):
        world = {**WORLD, **changed}

        def said(arm, alpha, temperature):
            if arm in teaching.ALONE:
                if temperature != 1:
                    return {}
                of_teacher = {"achieved": world["achieved"], "train_accuracy": world["train_accuracy"]}
                reached = world["alone"][alpha]
                own = of_teacher if arm == "teacher" else {}
                return {"accuracy": reached, "validation_accuracy": reached, "gamma": alpha, **own}
            if arm == "shared":
                return {"accuracy": 0.82 + (alpha == 0.1) * world["shared_gain"][temperature]}
            if alpha == 0:
                return {
                    "accuracy": world["hard"][temperature],
                    "validation_accuracy": world["hard_validation"][temperature],
                    "gamma": world["hard_gamma"][temperature],
                }
            return {"accuracy": world["smoothed"], "gamma": alpha} if temperature == 1 else {}

        return invented(FACTORS, said, seeds=seeds)

    return make


def test_evidence_as_the_paper_has_it_passes(evidence, outcomes):
    assert outcomes(teaching.CLAIMS, evidence()) == dict.fromkeys(("S13", "S14", "S15", "S16"), Outcome.PASS)


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("S13", {"achieved": 0.12}),
        ("S14", {"hard": {1.0: 0.78, 2.0: 0.79, 4.0: 0.77}}),
        ("S15", {"smoothed": 0.86}),
        ("S16", {"shared_gain": {1.0: -0.02, 2.0: 0.01, 4.0: 0.01}}),
    ],
)
def test_evidence_against_a_claim_fails_it(evidence, outcomes, claim, changed):
    assert outcomes(teaching.CLAIMS, evidence(**changed))[claim] is Outcome.FAIL


def test_a_teacher_that_does_not_fit_its_training_set_has_no_smoothing_to_achieve(evidence, outcomes):
    judged = outcomes(teaching.CLAIMS, evidence(train_accuracy=0.8))
    assert [claim for claim, outcome in judged.items() if outcome is Outcome.OUT_OF_REGIME] == ["S13"]


def test_the_temperature_is_chosen_on_validation_data_even_where_test_data_would_choose_another(evidence):
    chosen = evidence(hard_validation={1.0: 0.81, 2.0: 0.82, 4.0: 0.84})
    assert teaching.best_temperature(chosen) == 4.0
    effects = {verdict.claim: verdict.effect for verdict in judge(teaching.CLAIMS, chosen)}
    assert "at T = 4 less" in effects["S14"]
    assert "hard one at T = 4" in effects["S15"]


def test_a_temperature_without_runs_is_never_chosen(evidence):
    some = evidence()
    for values in some.values.values():
        values[:, :, TEMPERATURES.index(2.0)] = np.nan
    assert teaching.best_temperature(some) == 4.0


def test_the_control_is_read_off_at_each_seeds_own_gamma_between_the_alphas_that_were_run(evidence):
    found = evidence()
    rows = np.array([found.at("accuracy", alpha, arm="alone", temperature=1.0) for alpha in ALPHAS])
    gamma = np.array([0.0, 0.1, 0.2, 0.3, 0.9, np.nan, 0.05, 0.0, 0.0, 0.0])
    read = teaching.alone_at(found, gamma)
    assert read[:3] == pytest.approx([rows[0, 0], rows[1, 1], rows[1:, 2].mean()])
    assert read[4] == rows[2, 4]  # beyond the last alpha there is nothing but that
    assert np.isnan(read[5])
    assert read[6] == pytest.approx(rows[:2, 6].mean())


def test_students_and_controls_are_compared_at_equal_gamma(evidence, outcomes):
    """At the hard teacher's gamma of .1 the control has .81, and .79 at .3: the same students lose to the one alone."""
    students = {1.0: 0.77, 2.0: 0.80, 4.0: 0.78}
    against = {gamma: {1.0: 0.02, 2.0: gamma, 4.0: 0.5} for gamma in (0.1, 0.3)}
    for gamma, outcome in ((0.1, Outcome.FAIL), (0.3, Outcome.PASS)):
        found = evidence(hard=students, hard_gamma=against[gamma])
        assert outcomes(teaching.CLAIMS, found)["S14"] is outcome


def test_what_a_smoothed_teacher_gains_is_told_with_its_interaction(evidence):
    interaction = next(claim for claim in teaching.CLAIMS if claim.id == "S16").judge(evidence())
    # the noise of a difference of differences of ten seeds is a tenth of this margin
    assert interaction.side.estimate.value == pytest.approx(-0.03, abs=1e-3)
    assert "The gain at T = 1 is 0.01" in interaction.note


def test_two_seeds_or_none_decide_nothing(evidence, outcomes, nothing):
    decided = set(outcomes(teaching.CLAIMS, evidence(seeds=2)).values())
    assert decided == {Outcome.UNDECIDED}
    undecided = outcomes(teaching.CLAIMS, nothing(evidence()))
    assert undecided == {
        "S13": Outcome.OUT_OF_REGIME,
        **dict.fromkeys(("S14", "S15", "S16"), Outcome.UNDECIDED),
    }


def fitted(alpha: float, classes: int = 10) -> Predictions:
    return Predictions(ideal_gap(alpha, classes) * np.eye(classes), np.arange(classes))


def cell(arm, alpha, temperature) -> Cell:
    return Cell((("arm", arm), ("alpha", alpha), ("temperature", temperature), ("seed", 0)))


def test_gamma_is_alpha_for_labels_and_the_teachers_at_its_temperature_for_students():
    splits = {split: fitted(0.1) for split in ("train", "validation", "test")}
    teacher = Run(cell("teacher", 0.1, 1.0), splits)
    assert teaching.take(teacher)["gamma"] == 0.1
    student = Run(cell("taught", 0.1, 4.0), {"validation": fitted(0.2), "test": fitted(0.2)}, teacher)
    expected = effective_smoothing(splits["train"].logits, splits["train"].labels, 4.0)
    assert teaching.take(student)["gamma"] == expected
    assert expected > 0.8  # of .1 at temperature 1


def test_a_teacher_that_fits_its_targets_has_achieved_alpha_and_a_student_says_nothing_of_training():
    splits = {split: fitted(0.3) for split in ("train", "validation", "test")}
    teacher = teaching.take(Run(cell("teacher", 0.3, 1.0), splits))
    assert teacher["achieved"] == pytest.approx(0.3, rel=1e-12)
    assert teacher["train_accuracy"] == 1.0
    assert set(teacher) == {each.name for each in teaching.LISTED}
    del splits["train"]
    assert set(teacher) - set(teaching.take(Run(cell("alone", 0.3, 1.0), splits))) == {
        "achieved",
        "train_accuracy",
    }
