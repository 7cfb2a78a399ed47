import numpy as np
import pytest

from smoothlab.measures import risk_curve
from smoothlab.report.figures import RiskSeries, draw_risk

SCORES = np.linspace(0, 1, 2000)
RIGHT = np.random.default_rng(0).random(2000) < SCORES


def series(name="a", **words):
    return RiskSeries(name, risk_curve(SCORES, RIGHT, **words), 0.25)


def test_the_curve_ends_at_full_coverage_with_the_error_rate():
    _, line = draw_risk([series()], title="").traces
    assert line["x"][-1] == 1
    assert line["y"][-1] == pytest.approx(1 - RIGHT.mean(), rel=5e-4)  # four significant digits


def test_the_band_is_the_interval_there_and_back():
    band, line = draw_risk([series(points=4)], title="").traces
    curve = risk_curve(SCORES, RIGHT, points=4)
    assert band["x"] == [*line["x"], *line["x"][::-1]]
    assert band["y"] == pytest.approx([*curve.low, *curve.high[::-1]], rel=5e-4)


def test_the_axis_holds_every_interval_from_a_tenth_of_the_coverage_on():
    figure = draw_risk([series()], title="")
    curve = risk_curve(SCORES, RIGHT)
    assert figure.layout["yaxis"]["range"][1] >= curve.high[curve.coverage >= 0.1].max()


def test_caption_and_legend_say_n_the_level_and_the_area():
    figure = draw_risk([series()], title="")
    assert "n = 2,000" in figure.caption[0]
    assert "95" in figure.caption[0]
    assert figure.traces[1]["name"] == "a, AURC 0.250"
    assert figure.traces[1]["showlegend"]


def test_names_of_users_are_inert(hostile):
    assert "<img" not in repr(draw_risk([series(hostile[0])], title="").traces)


@pytest.mark.parametrize("number", [0, 5])
def test_more_series_than_colours_are_refused(number):
    with pytest.raises(ValueError, match=r"`len\(series\)` must be a whole number from 1 to 4"):
        draw_risk([series()] * number, title="")
