"""Calibration over alpha and temperature: runs read at temperatures, and S6 to S11 with C1 on made-up evidence."""

import numpy as np
import pytest

from smoothlab import Predictions
from smoothlab.lab import Cell, Outcome, Run, calibrating, judge, paper
from smoothlab.lab.images import ece

ALPHAS = (0.0, 0.05, 0.1)
AS_CLAIMED = {
    "validation_gap": (0.10, 0.02, -0.05),
    "validation_ece": (0.10, 0.02, 0.05),
    "ece": (0.09, 0.010, 0.05),
    "ece_scaled": (0.015, 0.012, 0.02),
    "temperature": (1.9, 1.2, 0.9),
    "nll": (0.60, 0.62, 0.66),
    "nll_scaled": (0.55, 0.54, 0.50),
}


@pytest.fixture
def evidence(invented):
    def make(*, seeds=10, **changed):
        levels = {**AS_CLAIMED, **changed}

        def said(alpha):
            return {name: of[ALPHAS.index(alpha)] for name, of in levels.items()}

        return invented({"alpha": ALPHAS}, said, seeds=seeds)

    return make


def test_an_alpha_that_beats_temperature_passes_every_claim_and_leaves_the_warning_aside(evidence, outcomes):
    assert outcomes(calibrating.FAMILY, evidence()) == {
        **dict.fromkeys(("S6", "S7", "S9", "S10", "S11", "C1"), Outcome.PASS),
        "S8": Outcome.OUT_OF_REGIME,
    }


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("S11", {"nll_scaled": (0.50, 0.52, 0.55)}),
        ("C1", {"ece": (0.09, 0.020, 0.05)}),
    ],
)
def test_evidence_against_a_claim_fails_it(evidence, outcomes, claim, changed):
    assert outcomes(calibrating.FAMILY, evidence(**changed))[claim] is Outcome.FAIL


def test_the_alpha_that_is_to_beat_temperature_is_chosen_on_validation_data(evidence):
    other = evidence(validation_ece=(0.10, 0.05, 0.02))
    c1 = next(verdict for verdict in judge(calibrating.FAMILY, other) if verdict.claim == "C1")
    assert c1.effect.startswith("ECE at alpha = 0.1 less the hard model's after temperature")
    assert c1.outcome is Outcome.FAIL


def test_two_seeds_or_none_decide_nothing(evidence, outcomes, nothing):
    for judged in (
        outcomes(calibrating.FAMILY, evidence(seeds=2)),
        outcomes(calibrating.FAMILY, nothing(evidence())),
    ):
        assert set(judged.values()) == {Outcome.UNDECIDED, Outcome.OUT_OF_REGIME}


def test_a_claim_on_a_slice_is_judged_by_that_slice_and_carries_its_name(invented, outcomes):
    def said(net, alpha):
        fitted = {"dense": (1.9, 0.9), "digits": (0.9, 1.9)}[net]
        return {"temperature": fitted[int(alpha > 0)]}

    evidence = invented({"net": ("dense", "digits"), "alpha": (0.0, 0.1)}, said)
    of_nets = [
        calibrating.of_slice(paper.TEMPERATURE_FALLS, net, {"net": net}) for net in ("dense", "digits")
    ]
    assert outcomes(of_nets, evidence) == {"S9 dense": Outcome.PASS, "S9 digits": Outcome.FAIL}
    assert of_nets[0].statement.endswith("afterwards: dense.")
    assert paper.TEMPERATURE_FALLS.id == "S9"


def sampled(n, *, temperature, seed) -> Predictions:
    """Labels drawn from what the logits say at a temperature, so that there the model is calibrated."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 4, (n, 4))
    p = np.exp(logits / temperature)
    labels = (random.random((n, 1)) > (p / p.sum(1, keepdims=True)).cumsum(1)).sum(1)
    return Predictions(logits, labels.clip(max=3))


@pytest.fixture(scope="module")
def run():
    """A run whose right temperature is 2."""
    seeds = {"train": 0, "validation": 1, "test": 2}
    said = {split: sampled(2000, temperature=2.0, seed=seed) for split, seed in seeds.items()}
    return Run(Cell((("alpha", 0.0), ("seed", 0))), said)


def test_a_run_is_calibrated_at_the_temperature_that_its_labels_were_drawn_at(run):
    at = {temperature: calibrating.take(run, temperature) for temperature in (1.0, 2.0, 4.0)}
    assert at[2.0]["ece_at"] <= at[2.0]["null_at"]
    for temperature in (1.0, 4.0):
        assert at[temperature]["ece_at"] > 2 * at[temperature]["null_at"]
        assert at[temperature]["nll_at"] > at[2.0]["nll_at"]
        assert at[temperature]["validation_ece_at"] > at[2.0]["validation_ece_at"]
    # the fit minimises the likelihood of 2,000 examples: its standard error is about .05
    assert at[1.0]["temperature"] == pytest.approx(2.0, abs=0.15)


def test_what_does_not_change_with_the_temperature_is_taken_once(run):
    once = set(calibrating.QUALITY)
    assert once <= set(calibrating.take(run, 1.0))
    assert not once & set(calibrating.take(run, 2.0))
    assert set(calibrating.take(run, 1.0)) == {each.name for each in calibrating.CALIBRATION.listed}


def test_at_temperature_one_it_is_the_network_as_it_is(run):
    taken = calibrating.take(run, 1.0)
    assert taken["ece_at"] == pytest.approx(taken["ece"], abs=1e-12)
    assert taken["nll_at"] == taken["nll"]
    assert (
        taken["validation_ece_at"]
        == taken["validation_ece"]
        == ece(run["validation"].logits, run["validation"].labels)
    )


def test_one_of_the_temperatures_is_one():
    assert 1.0 in calibrating.CALIBRATION.views["temperature"]
