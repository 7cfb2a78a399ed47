import math
from dataclasses import replace

import pytest

from smoothlab.measures.estimate import Estimate, mean_estimate
from smoothlab.report.figures import Curve, Reference, draw_curves

SEEDS = ((0.8, 0.9, 1.0), (0.5, 0.6, 0.7), (0.2, 0.3, 0.4))
ALPHAS = (0.0, 0.1, 0.2)


def make(points=SEEDS, name="test", alphas=ALPHAS):
    return Curve(name, alphas, tuple(mean_estimate(values) for values in points), points)


def draw(*curves, **words):
    return draw_curves(curves, title="A title.", measure="ECE", definition="On test data.", **words)


def test_the_line_runs_through_the_means_and_every_seed_is_a_dot():
    _, dots, mean = draw(make()).traces
    assert (mean["x"], mean["y"]) == ([0, 0.1, 0.2], pytest.approx([0.9, 0.6, 0.3]))
    seeds = [(alpha, value) for alpha, values in zip(ALPHAS, SEEDS, strict=True) for value in values]
    assert list(zip(dots["x"], dots["y"], strict=True)) == seeds


def test_the_band_goes_out_along_the_lower_ends_and_back_along_the_upper_ones():
    estimates = (Estimate(2.0, 1.0, 3.0, 5), Estimate(5.0, 4.0, 6.0, 5))
    band = draw(Curve("", (0.0, 0.1), estimates, ((), ()))).traces[0]
    assert band["x"] == [0, 0.1, 0.1, 0, 0]
    assert band["y"] == [1, 4, 6, 3, 1]


def test_an_alpha_without_an_interval_opens_the_band_and_one_without_runs_breaks_the_line():
    points = ((0.8, 0.9), (0.7,), (), (0.3, 0.4))
    figure = draw(make(points, alphas=(0.0, 0.1, 0.2, 0.3)))
    band, dots, mean = figure.traces
    assert band["x"] == [0, 0, 0, None, 0.3, 0.3, 0.3]  # one upright stroke a run, where a run is one alpha
    assert mean["y"] == pytest.approx([0.85, 0.7, None, 0.35])
    assert 0.2 not in dots["x"]
    assert "n = 1 to 2 at each α" in figure.caption[-1]


def test_the_caption_says_what_was_computed_with_which_interval_and_n():
    caption = draw(make()).caption
    assert caption[0] == "On test data."
    assert "95\N{NO-BREAK SPACE}% interval" in caption[1]
    assert "n = 3 at each α" in caption[1]


def test_names_and_labels_of_users_are_inert(hostile):
    figure = draw(make(name=hostile[0]), references=[Reference(hostile[1], 0.5)])
    assert "<img" not in repr(figure.traces)
    assert "<a" not in repr((figure.traces, figure.layout))
    assert figure.traces[3]["name"].startswith("&lt;img")


def test_a_reference_runs_from_edge_to_edge_beneath_the_data():
    figure = draw(make(), references=[Reference("T = 1", 1.0)])
    line = figure.traces[0]
    assert line["y"] == [1, 1]
    assert line["x"] == figure.layout["xaxis"]["range"]
    assert line["x"][0] < 0
    assert line["x"][1] > 0.2
    assert figure.layout["annotations"][0]["text"] == "T = 1"


def test_two_curves_differ_by_more_than_their_colour():
    figure = draw(make(), make())
    first, second = figure.traces[2], figure.traces[5]
    assert first["line"]["dash"] != second["line"]["dash"]
    assert first["marker"]["symbol"] != second["marker"]["symbol"]
    assert figure.layout["showlegend"]


def test_alphas_that_are_too_close_share_a_tick_label():
    alphas = (0.0, 0.001, 0.1)
    assert draw(make(alphas=alphas)).layout["xaxis"]["tickvals"] == [0.0, 0.1]
    assert draw(make(alphas=alphas)).traces[2]["x"] == list(alphas)


def test_a_study_of_one_alpha_is_drawn_too():
    figure = draw(Curve("", (0.1,), (Estimate(math.nan, -math.inf, math.inf, 0),), ((),)))
    assert figure.traces[2]["y"] == [None]
    assert "n = 0" in figure.caption[-1]


@pytest.mark.parametrize("number", [0, 5])
def test_more_curves_than_colours_are_refused(number):
    with pytest.raises(
        ValueError, match=rf"`len\(curves\)` must be a whole number from 1 to 4, but got {number}"
    ):
        draw(*[make()] * number)


def test_a_curve_has_an_estimate_and_its_seeds_for_every_alpha():
    with pytest.raises(ValueError, match="`positions` has 2, `estimates` has 3"):
        make(alphas=(0.0, 0.1))


def ring(figure):
    """The rings that are drawn first, and by the slider's stops those that it draws."""
    *_, first = figure.traces
    (index,) = {index for change in figure.slider.changes for index in change.traces}
    assert figure.traces[index] is first
    return first, {
        stop: change.traces[index]
        for stop, change in zip(figure.slider.labels, figure.slider.changes, strict=True)
    }


def test_a_slider_rings_the_mean_of_every_curve_at_its_stop():
    one, other = make(name="one"), make(SEEDS[::-1], name="other")
    marked = [replace(curve, labels=("0", "0.1", "0.2")) for curve in (one, other)]
    first, at = ring(draw(*marked, marks=("α", "0.1")))
    assert list(at) == ["0", "0.1", "0.2"]
    assert (first["x"], first["y"]) == ([0.1, 0.1], pytest.approx([0.6, 0.6]))
    assert (at["0.2"]["x"], at["0.2"]["y"]) == ([0.2, 0.2], pytest.approx([0.3, 0.9]))


def test_a_curve_without_that_stop_has_no_ring_there_and_stops_rise_as_numbers():
    long = replace(make(), labels=("1", "2", "10"))
    short = replace(make(), labels=("2", "3", "4"))
    figure = draw(long, short, make(), marks=("T", "1"))
    first, at = ring(figure)
    assert figure.slider.labels == ("1", "2", "3", "4", "10")
    assert [len(at[stop]["x"]) for stop in at] == [1, 2, 1, 1, 1]
    assert first["marker"]["color"] == at["1"]["marker"]["color"]


def test_without_marks_there_is_no_slider():
    assert draw(make()).slider is None


def test_a_label_is_there_for_every_position_or_for_none():
    with pytest.raises(ValueError, match="`labels`"):
        replace(make(), labels=("0",))


def test_an_axis_of_levels_has_them_for_ticks_and_one_of_means_has_round_numbers():
    levels = draw(make()).layout["xaxis"]
    means = draw(make(alphas=(0.0123456, 0.1, 0.2))).layout["xaxis"]
    assert levels["tickvals"] == [0, 0.1, 0.2]
    assert "tickvals" not in means


def test_a_legend_makes_the_figure_taller_so_that_the_curves_keep_their_room():
    assert draw(make(), make()).aspect < draw(make(), make(), make()).aspect
