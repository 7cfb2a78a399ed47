"""Smoothing, temperature scaling or neither: each piece of advice from the findings that earn it."""

import itertools

import pytest

from smoothlab.lab import Outcome, Verdict
from smoothlab.measures.estimate import Estimate
from smoothlab.report.advice import Advice, by_intervals, by_verdicts

SIDES = (-1, 0, 1)
PASS, FAIL, UNDECIDED = Outcome.PASS, Outcome.FAIL, Outcome.UNDECIDED


def verdicts(network="", value=0.0, **outcomes):
    """Verdicts by claim, all of one effect."""
    found = {}
    for claim, outcome in outcomes.items():
        name = f"{claim} {network}".rstrip()
        found[name] = Verdict(
            name, "", "", outcome, "", Estimate(value, value - 0.01, value + 0.01, 10), 0.01, "", ""
        )
    return found


@pytest.mark.parametrize(
    ("accuracy", "calibration", "against"), list(itertools.product(SIDES, SIDES, (*SIDES, None)))
)
def test_a_temperature_that_does_not_help_is_never_advised(accuracy, calibration, against):
    advice = by_intervals(accuracy=accuracy, calibration=calibration, against=against, helps=False)
    assert "use temperature" not in advice
    assert "try temperature" not in advice


@pytest.mark.parametrize(
    ("calibration", "against", "helps"), list(itertools.product(SIDES, (*SIDES, None), (True, False)))
)
def test_smoothing_that_costs_accuracy_is_never_advised(calibration, against, helps):
    advice = by_intervals(accuracy=-1, calibration=calibration, against=against, helps=helps)
    assert advice in (Advice.TEMPERATURE, Advice.NEITHER)


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        ({"accuracy": 1, "calibration": -1, "against": 0, "helps": True}, Advice.SMOOTHING),
        ({"accuracy": 1, "calibration": 1, "against": 1, "helps": True}, Advice.FOR_ACCURACY),
        ({"accuracy": 0, "calibration": -1, "against": -1, "helps": True}, Advice.SMOOTHING),
        ({"accuracy": 0, "calibration": -1, "against": 0, "helps": True}, Advice.TEMPERATURE),
        ({"accuracy": 0, "calibration": -1, "against": 1, "helps": True}, Advice.TEMPERATURE),
        ({"accuracy": 0, "calibration": -1, "against": None, "helps": True}, Advice.TEMPERATURE_FIRST),
        ({"accuracy": 0, "calibration": -1, "against": None, "helps": False}, Advice.OPEN),
        ({"accuracy": 0, "calibration": 0, "against": 1, "helps": True}, Advice.TEMPERATURE),
        ({"accuracy": 0, "calibration": 1, "against": 1, "helps": False}, Advice.NEITHER),
    ],
)
def test_intervals_earn_their_advice(found, advice):
    assert by_intervals(**found) is advice


@pytest.mark.parametrize(
    ("outcomes", "value", "helps", "advice"),
    [
        ({"C1": PASS}, -0.02, True, Advice.SMOOTHING),
        ({"C1": PASS, "S7": FAIL}, -0.02, True, Advice.SMOOTHING),
        ({"C1": PASS, "S7": PASS}, -0.002, True, Advice.TEMPERATURE),  # better, by less than the margin
        ({"C1": FAIL}, 0.02, True, Advice.TEMPERATURE),
        ({"C1": FAIL, "S8": PASS}, 0.02, False, Advice.NEITHER),
        ({"C1": UNDECIDED, "S7": PASS}, 0.0, True, Advice.TEMPERATURE),
        ({"C1": UNDECIDED, "S7": UNDECIDED, "S6": PASS}, 0.0, True, Advice.OPEN),
        ({"C1": UNDECIDED, "S8": PASS}, 0.0, False, Advice.NEITHER),
        ({"S7": FAIL}, -0.02, True, Advice.SMOOTHING),  # of a study without C1
        ({"S7": FAIL}, 0.02, True, Advice.TEMPERATURE),
        ({}, 0.0, True, Advice.OPEN),
    ],
)
@pytest.mark.parametrize("network", ["", "dense"])
def test_verdicts_earn_their_advice(outcomes, value, helps, advice, network):
    assert by_verdicts(verdicts(network, value, **outcomes), network, helps=helps) is advice


def test_the_verdicts_of_another_network_do_not_count():
    assert by_verdicts(verdicts("dense", C1=PASS), "digits", helps=True) is Advice.OPEN
