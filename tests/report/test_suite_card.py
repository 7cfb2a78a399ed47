"""The card of several studies says what the verdicts say, and nothing that none of them does."""

import numpy as np
import pytest

from smoothlab.lab import Evidence, Outcome, Verdict, judge, paper
from smoothlab.measures.estimate import Estimate
from smoothlab.report.suite_card import COSTS, suite_card

LEVELS = {
    "accuracy": (0.85, 0.86),
    "ece": (0.09, 0.02),
    "ece_scaled": (0.02, 0.02),
    "validation_ece": (0.09, 0.02),
}
PASS, FAIL, UNDECIDED, OUT = Outcome.PASS, Outcome.FAIL, Outcome.UNDECIDED, Outcome.OUT_OF_REGIME


def evidence(seeds=10, **changed):
    random = np.random.default_rng(11)
    values = {
        name: np.array(level)[:, None] + random.normal(0, 5e-4, (2, seeds))
        for name, level in (LEVELS | changed).items()
    }
    return Evidence({"alpha": (0.0, 0.1), "seed": tuple(range(seeds))}, values, {})


def verdict(claim, outcome, value=0.01, statement="Something costs."):
    return Verdict(
        claim, statement, "", outcome, "", Estimate(value, value - 0.005, value + 0.005, 10), 0.01, "", ""
    )


def test_the_headline_names_the_advice_for_each_network():
    parts = [("dense", evidence()), ("wide", evidence()), ("digits", evidence(ece=(0.02, 0.09)))]
    said = [verdict("C1 dense", FAIL), verdict("C1 wide", FAIL), verdict("C1 digits", FAIL)]
    assert suite_card(parts, said).headline == (
        "Use temperature scaling on dense and wide; use neither smoothing nor temperature scaling on digits."
    )


def test_one_network_without_a_name_needs_none():
    assert suite_card([("", evidence())], [verdict("S7", PASS)]).headline == "Use temperature scaling."


def test_what_no_verdict_decides_the_card_does_not_either():
    """The intervals alone would say that smoothing calibrates; corrected over the family nothing is left of it."""
    card = suite_card(
        [("dense", evidence())], [verdict("S6 dense", UNDECIDED), verdict("C1 dense", UNDECIDED)]
    )
    assert card.headline.startswith("These runs do not tell")
    assert not any(word in " ".join(card.sentences) for word in ("improved", "better", "rose", "fell"))


@pytest.mark.parametrize(
    ("seeds", "advice"), [(2, "These runs do not tell"), (10, "Use temperature scaling.")]
)
def test_two_seeds_are_no_ground_for_advice(seeds, advice):
    of = evidence(seeds)
    assert suite_card([("", of)], judge([paper.LIKE_TEMPERATURE], of)).headline.startswith(advice)


def test_a_cost_is_told_with_its_interval_and_n_and_what_is_open_is_named():
    said = [verdict("S18", PASS), verdict("S19", UNDECIDED), verdict("S15", FAIL), verdict("S5", FAIL, -0.01)]
    costs, spared, still = suite_card([("", evidence())], said).sentences[1:]
    assert costs == (
        "What smoothing costs: accuracy falls (accuracy −0.0100 [−0.0150, −0.0050], n = 10); confidence says less of "
        "when to abstain (AURC +0.0100 [0.0050, 0.0150], n = 10)."
    )
    assert spared.startswith(
        "What it was not found to cost: what students of its teachers reach (accuracy of students"
    )
    assert still == "Not decided by these runs: what features tell of other labels."


def test_a_claim_put_to_each_network_is_told_for_each_and_one_of_a_like_number_is_not():
    said = [
        verdict("S5 dense", PASS, statement="Smoothing does not hurt accuracy: dense."),
        verdict("S5 digits", OUT, statement="Smoothing does not hurt accuracy: digits."),
        verdict("S18 norm", FAIL, statement="The logit norm takes it back."),
    ]
    sentences = suite_card([("", evidence())], said).sentences[1:]
    assert sentences[0].startswith("What it was not found to cost: accuracy on dense (accuracy +0.0100")
    assert sentences[1:] == ("Not decided by these runs: accuracy (digits).",)


@pytest.mark.parametrize("claim", COSTS)
def test_each_side_of_a_decided_claim_is_told_on_its_own_side(claim):
    when = COSTS[claim].when
    against = FAIL if when is PASS else PASS
    told = [suite_card([("", evidence())], [verdict(claim, each)]).sentences[-1] for each in (when, against)]
    assert told[0].startswith(f"What smoothing costs: {COSTS[claim].found}")
    assert told[1].startswith(f"What it was not found to cost: {COSTS[claim].spared}")


def test_every_number_of_the_card_names_its_network_with_interval_and_n():
    for number in suite_card([("dense", evidence())], []).numbers:
        assert number.label.endswith("(dense)")
        assert number.note.startswith("[")
        assert number.note.endswith("n = 10")
