"""Diagrams by slider show stored networks: the right one at each stop, and the hard one beside it."""

import numpy as np
import pytest

from smoothlab.lab import Diagram
from smoothlab.lab.calibrating import TEMPERATURES
from smoothlab.measures import expected_calibration_error, top_label
from smoothlab.report.diagrams import calibration_section, diagrams_section


@pytest.fixture(scope="module")
def calibration(invented):
    return invented.answers("calibration")[0]


def ece(logits, labels):
    return expected_calibration_error(*top_label(logits, labels), bins=15)


def figure(answer, **words):
    (section,) = diagrams_section(
        (Diagram("A title.", {"net": "dense"}, **words),), answer.store, answer.evidence
    )
    (found,) = section.contents
    return found


def test_a_stop_of_alpha_is_the_network_of_that_alpha_on_test_data(calibration, invented):
    found = figure(calibration)
    assert found.slider.name == "α"
    assert found.slider.labels[found.slider.start] == "0.1"
    for alpha, change in zip(found.slider.labels, found.slider.changes, strict=True):
        test = invented.said(float(alpha))["test"]
        assert change.traces[6]["name"] == f"smoothed, α = {alpha}, ECE {ece(test.logits, test.labels):.3f}"
    hard = invented.said(0.0)["test"]
    assert found.traces[2]["name"] == f"hard, ECE {ece(hard.logits, hard.labels):.3f}"


def test_a_stop_of_temperature_is_the_hard_network_divided_by_it(calibration, invented):
    found = figure(calibration, along="temperature")
    hard = invented.said(0.0)["test"]
    assert found.slider.labels == tuple(f"{T:g}" for T in TEMPERATURES)
    for T, change in zip(TEMPERATURES, found.slider.changes, strict=True):
        assert change.traces[6]["name"] == f"hard, T = {T:g}, ECE {ece(hard.logits / T, hard.labels):.3f}"
    assert found.traces[6]["name"].startswith("hard, T = 1,")


def test_of_a_study_of_alpha_alone_there_are_both_sliders_and_what_the_fitted_temperature_does(invented):
    answer = invented.answers("smoothing")[0]
    (section,) = calibration_section(answer.store, answer.evidence)
    assert [each.slider and each.slider.name for each in section.contents] == ["α", "T", None, None]
    assert all("seed 0" in each.caption[0] for each in section.contents)


def test_without_a_run_or_without_the_hard_network_there_is_no_diagram(calibration):
    nothing = {name: np.full_like(of, np.nan) for name, of in calibration.evidence.values.items()}
    empty = type(calibration.evidence)(
        calibration.evidence.factors, nothing, {}, calibration.evidence.measures
    )
    assert diagrams_section((Diagram("A title.", {"net": "dense"}),), calibration.store, empty) == ()
