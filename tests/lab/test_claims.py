import pytest

from smoothlab.lab import Outcome, judge, paper
from smoothlab.lab.images import LISTED as MEASURES

ALPHAS = (0.0, 0.05, 0.1, 0.2)
LEVELS = {
    "train_accuracy": (1.0, 1.0, 1.0, 1.0),
    "validation_gap": (0.10, 0.02, -0.05, -0.10),
    "validation_ece": (0.10, 0.02, 0.05, 0.10),
    "nc1": (0.5, 0.4, 0.3, 0.2),
    "gap_spread": (0.4, 0.3, 0.2, 0.1),
    "gap_scale": (20.0, 6.0, 5.0, 4.0),
    "accuracy": (0.85, 0.85, 0.855, 0.86),
    "ece": (0.09, 0.02, 0.05, 0.10),
    "ece_scaled": (0.02, 0.02, 0.02, 0.02),
    "temperature": (1.9, 1.2, 0.9, 0.8),
    "nll": (0.60, 0.62, 0.66, 0.7),
}


@pytest.fixture
def evidence(invented):
    """Of the levels above, or of others for the measures named."""

    def make(*, seeds=10, **changed):
        levels = {**dict.fromkeys((measure.name for measure in MEASURES), (0.0,) * 4), **LEVELS, **changed}

        def said(alpha):
            return {name: each[ALPHAS.index(alpha)] for name, each in levels.items()}

        return invented({"alpha": ALPHAS}, said, seeds=seeds)

    return make


def test_evidence_as_the_paper_has_it_passes_and_the_warning_is_out_of_its_regime(evidence, outcomes):
    assert outcomes(paper.IMAGES, evidence()) == {
        **dict.fromkeys(["S1", "S2", "S3", "S5", "S6", "S7", "S9", "S10"], Outcome.PASS),
        "S8": Outcome.OUT_OF_REGIME,
    }


@pytest.mark.parametrize(
    ("claim", "measure", "levels"),
    [
        ("S1", "nc1", (0.2, 0.3, 0.4, 0.5)),
        ("S2", "gap_spread", (0.1, 0.2, 0.3, 0.4)),
        ("S3", "gap_scale", (1.0, 2.0, 3.0, 4.0)),
        ("S5", "accuracy", (0.86, 0.85, 0.85, 0.84)),
        ("S6", "ece", (0.02, 0.05, 0.08, 0.10)),
        ("S7", "ece", (0.09, 0.06, 0.06, 0.10)),
        ("S9", "temperature", (0.9, 1.0, 1.1, 1.2)),
        ("S10", "nll", (0.7, 0.6, 0.6, 0.5)),
    ],
)
def test_evidence_against_a_claim_fails_it(claim, measure, levels, evidence, outcomes):
    assert outcomes(paper.IMAGES, evidence(**{measure: levels}))[claim] is Outcome.FAIL


def test_a_calibrated_network_swaps_the_claim_and_the_warning(evidence, outcomes):
    calibrated = outcomes(
        paper.IMAGES, evidence(validation_gap=(0.01, 0, 0, 0), ece=(0.01, 0.05, 0.09, 0.15))
    )
    assert calibrated["S6"] is Outcome.OUT_OF_REGIME
    assert calibrated["S8"] is Outcome.PASS


def test_geometry_is_not_judged_on_a_network_that_does_not_fit_its_training_set(evidence):
    undertrained = judge(paper.IMAGES, evidence(train_accuracy=(0.8, 0.8, 0.8, 0.8)))
    for verdict in undertrained[:3]:
        assert verdict.outcome is Outcome.OUT_OF_REGIME
        assert verdict.p is None
        assert "80.0%" in verdict.note


def test_two_seeds_decide_nothing(evidence, outcomes):
    decided = set(outcomes(paper.IMAGES, evidence(seeds=2)).values())
    assert decided == {Outcome.UNDECIDED, Outcome.OUT_OF_REGIME}


def test_no_run_at_all_decides_nothing(evidence, nothing):
    for verdict in judge(paper.IMAGES, nothing(evidence())):
        assert verdict.outcome in (Outcome.UNDECIDED, Outcome.OUT_OF_REGIME)
        assert verdict.estimate.n == 0


def test_alpha_is_chosen_on_validation_data_even_where_test_data_would_choose_another(evidence):
    chosen = evidence(validation_ece=(0.1, 0.05, 0.02, 0.1), ece=(0.09, 0.01, 0.05, 0.1))
    effect = {verdict.claim: verdict.effect for verdict in judge(paper.IMAGES, chosen)}
    assert "alpha = 0.1 less" in effect["S6"]


def test_p_values_are_corrected_over_the_claims_in_their_regime(evidence):
    verdicts = judge(paper.IMAGES, evidence())
    raw = [claim.judge(evidence()).side.p for claim in paper.IMAGES]
    tested = [(verdict.p, p) for verdict, p in zip(verdicts, raw, strict=True) if verdict.p is not None]
    assert len(tested) == 8
    assert all(corrected >= p for corrected, p in tested)
    least = min(p for _, p in tested)
    assert min(corrected for corrected, _ in tested) == pytest.approx(8 * least)


def test_an_alpha_that_was_not_run_is_refused(evidence):
    with pytest.raises(ValueError, match="`alpha` must be one of '0', "):
        evidence().at("ece", 0.3)
