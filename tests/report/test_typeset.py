import math

import pytest

from smoothlab.measures.estimate import Estimate, mean_estimate
from smoothlab.report import typeset


@pytest.mark.parametrize("half", [0.4, 0.012, 0.0035])
def test_an_interval_is_printed_with_two_digits_of_its_half_width_as_estimate_prints_itself(half):
    estimate = Estimate(0.08123456, 0.08123456 - half, 0.08123456 + half, 10)
    own = typeset.line(estimate).replace(typeset.JOINT, " ").replace(typeset.MINUS, "-")
    assert own == str(estimate)


def test_a_single_run_has_an_infinite_interval_and_no_run_has_a_dash():
    assert typeset.interval(mean_estimate([0.5])) == "[−∞, ∞]"
    assert typeset.value(mean_estimate([])) == "–"


def test_what_rounds_to_zero_carries_no_sign():
    assert typeset.number(-1e-9, decimals=3) == "0.000"
    assert typeset.number(-0.0, decimals=1) == "0.0"


def test_a_p_value_is_never_printed_as_zero():
    assert typeset.probability(0.0) == "< 0.001"
    assert typeset.probability(math.nextafter(0.001, 0)) == "< 0.001"
    assert typeset.probability(0.001) == "0.001"


def test_no_line_breaks_within_an_interval_or_an_equation():
    assert " " not in typeset.bound("[−0.1, 0.2]")
    assert " " not in typeset.bound("α = 0.1")
    assert " " not in typeset.bound("p < 0.001")
    assert typeset.bound("see [the first, long one]") == "see [the first, long one]"
