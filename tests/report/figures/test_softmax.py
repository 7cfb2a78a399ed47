import numpy as np
import pytest
from scipy.special import softmax

from smoothlab.lab.calibrating import TEMPERATURES
from smoothlab.report.figures import draw_target, draw_temperature
from smoothlab.report.figures.softmax import ALPHAS
from smoothlab.report.figures.softmax import TEMPERATURES as STOPS

LOGITS = np.array([3.0, 1.0, 0.0, -2.0])
CLASSES = ("shirt", "coat", "boot", "bag")
FOUR_DIGITS = 5e-4  # coordinates are rounded to four significant digits


def shown(figure, stop):
    return np.array(figure.slider.changes[figure.slider.labels.index(stop)].traces[1]["x"])


@pytest.mark.parametrize("temperature", STOPS)
def test_a_stop_shows_the_softmax_of_the_logits_over_its_temperature(temperature):
    figure = draw_temperature(LOGITS, classes=CLASSES)
    want = softmax(LOGITS / temperature)
    np.testing.assert_allclose(shown(figure, f"{temperature:g}"), want, rtol=FOUR_DIGITS)


def test_a_larger_temperature_smooths_a_smaller_one_sharpens_and_the_order_stays():
    figure = draw_temperature(LOGITS, classes=CLASSES)
    bars = [shown(figure, stop) for stop in figure.slider.labels]
    assert np.all(np.diff([each[0] for each in bars]) < 0)  # the temperatures rise
    assert all(np.all(np.diff(each) < 0) for each in bars)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_a_stop_shows_the_target_of_its_alpha(alpha):
    figure = draw_target(2, classes=CLASSES)
    want = (1 - alpha) * np.eye(4)[2] + alpha / 4
    np.testing.assert_allclose(shown(figure, f"{alpha:g}"), want, rtol=FOUR_DIGITS)


def test_what_is_outlined_is_what_one_starts_from_and_no_slider_moves_it():
    warm, target = draw_temperature(LOGITS, classes=CLASSES), draw_target(1, classes=CLASSES)
    assert warm.traces[0]["x"] == warm.slider.changes[warm.slider.labels.index("1")].traces[1]["x"]
    assert target.traces[0]["x"] == [0, 1, 0, 0]
    for figure in (warm, target):
        assert figure.traces[1]["x"] == figure.slider.changes[figure.slider.start].traces[1]["x"]
        assert all(set(change.traces) == {1} for change in figure.slider.changes)


def test_the_slider_has_the_name_and_the_stops_by_which_diagrams_follow_it_and_a_target_has_its_own():
    warm, target = draw_temperature(LOGITS, classes=CLASSES), draw_target(1, classes=CLASSES)
    assert warm.slider.name == "T"
    assert {f"{temperature:g}" for temperature in TEMPERATURES} <= set(warm.slider.labels)
    assert target.slider.name != "α"  # the target of alpha = 0.1 is no network of alpha = 0.1


def test_names_of_users_are_inert_and_there_is_one_for_each_logit(hostile):
    assert "<img" not in repr(draw_target(0, classes=hostile))
    with pytest.raises(ValueError, match="`classes`"):
        draw_temperature(LOGITS, classes=CLASSES[:3])
    with pytest.raises(ValueError, match="`label` must be a whole number from 0 to 3, but got 4"):
        draw_target(4, classes=CLASSES)
