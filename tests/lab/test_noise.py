"""Label noise and the sign of alpha."""

import numpy as np
import pytest

from smoothlab import Predictions
from smoothlab.data import flip_labels, symmetric_noise
from smoothlab.lab import Cell, Outcome, Run, noise

ALPHAS = (-2.0, -0.8, 0.0, 0.2, 0.4)
AS_CLAIMED = {0.0: 0.4, 0.2: 0.2, 0.4: 0.0, 0.6: -0.8}
"""The best alpha at each rate of noise."""


@pytest.fixture
def evidence(invented):
    def make(*, seeds=10, test=AS_CLAIMED, validation=AS_CLAIMED):
        def said(noise, alpha):
            lost = {name: 0.1 * (alpha - best[noise]) ** 2 for name, best in (("t", test), ("v", validation))}
            clean = 0.8 - lost["v"]
            return {
                "accuracy": 0.8 - lost["t"],
                "validation_accuracy": (1 - noise) * clean + noise / 9 * (1 - clean),
            }

        return invented({"noise": noise.RATES, "alpha": ALPHAS}, said, seeds=seeds)

    return make


def test_evidence_as_the_source_has_it_passes(evidence, outcomes):
    assert set(outcomes(noise.CLAIMS, evidence()).values()) == {Outcome.PASS}


@pytest.mark.parametrize(
    ("claim", "rate", "best"), [("S20 little", 0.2, -0.8), ("S20 much", 0.6, 0.4), ("S20 much", 0.6, 0.0)]
)
def test_evidence_for_the_other_sign_fails_a_claim(evidence, outcomes, claim, rate, best):
    other = {**AS_CLAIMED, rate: best}
    assert outcomes(noise.CLAIMS, evidence(test=other, validation=other))[claim] is Outcome.FAIL


def test_a_best_alpha_that_rises_with_the_noise_fails_the_claim_that_it_falls(evidence, outcomes):
    rises = {0.0: -0.8, 0.2: 0.0, 0.4: 0.2, 0.6: 0.4}
    assert outcomes(noise.CLAIMS, evidence(test=rises, validation=rises))["S20"] is Outcome.FAIL


def test_a_best_alpha_that_falls_at_the_last_rate_alone_is_no_trend(evidence, outcomes):
    """Lower at the end than at the start, but it rose in between."""
    bends = {0.0: 0.0, 0.2: 0.2, 0.4: 0.4, 0.6: -0.8}
    assert outcomes(noise.CLAIMS, evidence(test=bends, validation=bends))["S20"] is Outcome.UNDECIDED


def test_alpha_is_chosen_on_validation_data_even_where_test_data_would_choose_another(evidence):
    chosen = evidence(validation={**AS_CLAIMED, 0.2: 0.4})
    little = next(claim for claim in noise.CLAIMS if claim.id == "S20 little").judge(chosen)
    assert little.effect.startswith("Accuracy at alpha = 0.4 less at 0 where 20% of labels are wrong")


def test_the_best_of_the_other_sign_is_told_beside_the_chosen_one(evidence):
    much = next(claim for claim in noise.CLAIMS if claim.id == "S20 much").judge(evidence())
    assert "Less at alpha = 0.2: " in much.note


def test_an_alpha_without_runs_is_never_the_best(evidence):
    some = evidence()
    for values in some.values.values():
        values[:, ALPHAS.index(0.4)] = np.nan
    assert noise.best(some, 0.0, (0.2, 0.4)) == 0.2
    assert set(noise.best_of_each(some, 0.0)) == {0.2}


def test_a_seed_without_runs_chooses_nothing(evidence):
    some = evidence()
    some.values["validation_accuracy"][..., 3] = np.nan
    chosen = noise.best_of_each(some, 0.6)
    np.testing.assert_array_equal(np.isnan(chosen), np.arange(10) == 3)


def test_two_seeds_or_none_decide_nothing(evidence, outcomes, nothing):
    assert set(outcomes(noise.CLAIMS, evidence(seeds=2)).values()) == {Outcome.UNDECIDED}
    assert set(outcomes(noise.CLAIMS, nothing(evidence())).values()) == {Outcome.UNDECIDED}


@pytest.mark.parametrize("rate", [0.2, 0.6])
def test_noisy_accuracy_is_a_rising_line_of_the_clean_one(rate):
    """The head of the module has it, and the choice on noisy labels rests on it."""
    truth = np.tile(np.arange(10), 20_000)
    noisy = flip_labels(truth, symmetric_noise(10, rate), seed=0)
    for clean in (0.3, 0.8):
        wrong = np.random.default_rng(1).random(len(truth)) >= clean
        said = np.where(wrong, (truth + 1) % 10, truth)
        expected = (1 - rate) * clean + rate / 9 * (1 - clean)
        # 4 standard errors of a share of 200,000 examples are below 0.0045
        assert (said == noisy).mean() == pytest.approx(expected, abs=0.0045)


def test_a_run_is_measured_on_clean_test_labels_and_the_noisy_ones_of_the_other_splits():
    sure = 9 * np.eye(2)
    split = {
        "test": Predictions(sure, np.array([0, 1])),
        "validation": Predictions(sure, np.array([1, 0])),
        "train": Predictions(sure, np.array([0, 0])),
    }
    found = noise.take(Run(Cell((("noise", 0.2), ("alpha", 0.0), ("seed", 0))), split))
    assert (found["accuracy"], found["validation_accuracy"], found["train_accuracy"]) == (1.0, 0.0, 0.5)
    assert set(found) == {each.name for each in noise.LISTED}
