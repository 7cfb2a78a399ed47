import numpy as np
import pytest

from smoothlab import Predictions, brier_score, negative_log_likelihood
from smoothlab.audit import audit, compare
from smoothlab.measures.intervals import negative_log_likelihood_estimate

RANDOM = np.random.default_rng(4)


def calibrated(n=2000, classes=5, sharpness=2.0) -> Predictions:
    """Labels drawn from the softmax of the logits themselves."""
    logits = sharpness * RANDOM.normal(size=(n, classes))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (RANDOM.random((n, 1)) > np.cumsum(chances, 1)).sum(1).clip(max=classes - 1)
    return Predictions(logits, labels)


def warmer(said: Predictions, factor: float) -> Predictions:
    return Predictions(factor * said.logits, said.labels)


CALIBRATED, HELD_OUT = calibrated(), calibrated()
FOUND = audit(CALIBRATED, fit=HELD_OUT)


def test_every_line_has_a_value_and_a_name_of_its_own():
    lines = FOUND.lines
    assert len({line.name for line in lines}) == len(lines)
    assert all(np.isfinite(line.value) for line in lines)


def test_the_values_are_those_of_the_measures():
    assert FOUND["nll"].value == negative_log_likelihood(CALIBRATED.logits, CALIBRATED.labels)
    assert FOUND["brier"].value == brier_score(CALIBRATED.logits, CALIBRATED.labels)
    assert FOUND["ece"].value == FOUND.reliability.ece


def test_a_calibrated_model_is_not_called_otherwise():
    assert all(FOUND[name].p_value > 0.01 for name in ("ece", "ece_mass", "ece_smooth", "ks", "z"))


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_model_off_by_a_temperature_is_found_out_and_repaired(factor):
    found = audit(warmer(CALIBRATED, factor), fit=warmer(HELD_OUT, factor))
    assert all(found[name].p_value < 0.01 for name in ("ece", "ece_mass", "ece_smooth", "ks"))
    assert found["temperature"].interval[0] < factor < found["temperature"].interval[1]
    assert found["ece_scaled"].p_value > 0.01
    assert (found["gap"].interval[0] > 0) == (factor > 1)


def test_held_out_examples_without_a_temperature_leave_those_lines_out():
    separable = Predictions(50 * np.eye(5)[np.arange(100) % 5], np.arange(100) % 5)
    found = audit(CALIBRATED, fit=separable)
    assert "separable" in found["temperature"].definition
    assert found["temperature"].interval is None
    assert found.scaled is None
    with pytest.raises(ValueError, match="Did you mean"):
        found["ece_scale"]


def test_nothing_that_is_fitted_sees_the_audited_examples():
    other = audit(warmer(CALIBRATED, 3.0), fit=HELD_OUT)
    assert FOUND["temperature"] == other["temperature"]


def test_a_model_compared_with_itself_differs_by_exactly_nothing():
    for line in compare(CALIBRATED, CALIBRATED):
        assert (line.value, *line.interval) == (0, 0, 0)


def test_a_pair_is_compared_by_its_examples_so_that_small_differences_show():
    lines = {line.name: line for line in compare(warmer(CALIBRATED, 1.2), CALIBRATED)}
    assert lines["nll"].interval[1] < 0  # softer is better, although the two NLLs' own intervals overlap
    alone = negative_log_likelihood_estimate(1.2 * CALIBRATED.logits, CALIBRATED.labels)
    assert alone.low < FOUND["nll"].interval[1]
    assert lines["accuracy"].value == 0


def test_a_temperature_alone_would_have_done_what_a_temperature_did():
    hot = warmer(CALIBRATED, 2.0)
    lines = {line.name: line for line in compare(hot, CALIBRATED, fit=warmer(HELD_OUT, 2.0))}
    assert lines["nll"].interval[1] < 0
    assert abs(lines["nll_scaled"].value) < 0.01 * abs(lines["nll"].value)


def test_different_examples_are_not_compared():
    with pytest.raises(ValueError, match=r"their shapes are \(2000, 5\) and \(3, 5\)"):
        compare(CALIBRATED, Predictions(CALIBRATED.logits[:3], CALIBRATED.labels[:3]))
    with pytest.raises(ValueError, match="must have the same labels, but row 0 has"):
        compare(CALIBRATED, Predictions(CALIBRATED.logits, (CALIBRATED.labels + 1) % 5))


def test_held_out_examples_of_another_model_are_refused():
    with pytest.raises(ValueError, match="must have the 5 classes"):
        audit(CALIBRATED, fit=Predictions(np.eye(3), np.arange(3)))
