import numpy as np
import pytest

from smoothlab import measures
from smoothlab.report.figures import ReliabilitySeries, Tone, draw_reliability, draw_reliability_over

EMPTY = [0, 3]  # the bins that the fixture leaves without examples


def draw(*pairs, **words):
    return draw_reliability([ReliabilitySeries(*pair) for pair in pairs], title="A title.", **words)


def test_an_empty_bin_shows_no_accuracy_and_no_bar(reliability):
    _, _, accuracy, bars, alone = draw(("hard", reliability())).traces
    assert all(y is None for y in alone["y"])  # the others have more than 10 examples each
    assert [b for b, y in enumerate(accuracy["y"]) if y is None] == EMPTY
    assert [b for b, y in enumerate(bars["y"]) if y is None] == EMPTY
    assert accuracy["connectgaps"] is False


def test_the_null_band_breaks_at_an_empty_bin_and_encloses_the_full_ones(reliability):
    bins = reliability()
    band = draw(("hard", bins)).traces[1]
    gap = band["x"].index(None)
    assert band["y"][gap] is None
    want = [bins.null_low[1], bins.null_low[2], bins.null_high[2], bins.null_high[1], bins.null_low[1]]
    assert band["y"][:gap] == pytest.approx(want, rel=5e-4)  # four significant digits
    assert len(band["x"]) - gap - 1 == 2 * 11 + 1  # bins 4 to 14, out, back and closed


def test_every_example_is_counted_under_the_diagram_in_its_own_bin(reliability):
    bins = reliability()
    for of in (1, 2):
        bars = draw(*[("hard", bins)] * of).traces[3]
        assert sum(filter(None, bars["y"])) == bins.n
        inside = (np.array(bars["x"]) > bins.edges[:-1]) & (np.array(bars["x"]) < bins.edges[1:])
        assert inside.all()


def test_legend_and_caption_carry_the_ece_with_its_null_n_and_definition(reliability):
    bins = reliability()
    figure = draw(("hard", bins), definition="Test split.")
    assert figure.traces[2]["name"] == f"hard, ECE {bins.ece:.3f}"
    text = " ".join(figure.caption)
    for part in ("Test split.", "15 bins of equal width", f"n = {bins.n:,}", "0.0062 to 0.0151", "p < 0.001"):
        assert part in text


def test_what_is_measured_is_what_is_drawn():
    logits = np.log(np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.6, 0.4]]))
    bins = measures.reliability(logits, np.array([0, 0, 1, 1]), bins=5, resamples=10)
    accuracy = draw(("invented", bins)).traces[4]  # bins of so few examples are signs without a line
    # 0.9 falls into (0.8, 1] with 2 of 3 right, 0.6 into (0.4, 0.6] or, by rounding, the one above, with none right
    drawn = [(x, y) for x, y in zip(accuracy["x"], accuracy["y"], strict=True) if y is not None]
    assert drawn == [(0.6, 0.0), (0.9, 0.6667)]


def test_names_of_users_are_inert(reliability, hostile):
    figure = draw((hostile[0], reliability()))
    assert "<img" not in repr(figure.traces)


@pytest.mark.parametrize("number", [0, 5])
def test_more_series_than_colours_are_refused(reliability, number):
    with pytest.raises(ValueError, match=r"`len\(series\)` must be a whole number from 1 to 4"):
        draw(*[("hard", reliability())] * number)


def test_a_bin_of_few_examples_gets_a_smaller_sign_than_one_of_many(reliability):
    bins = reliability()
    sizes = np.array(draw(("hard", bins)).traces[2]["marker"]["size"])
    by_count = sizes[np.argsort(bins.count, kind="stable")]
    assert (np.diff(by_count) >= 0).all()
    assert by_count[0] < by_count[-1]


def test_a_bin_between_two_empty_ones_still_has_a_null_band_with_an_area(reliability):
    bins = reliability(bins=5)
    assert np.flatnonzero(bins.count).tolist() == [1, 2, 4]
    band = draw(("hard", bins)).traces[1]
    box_x, box_y = band["x"][-5:], band["y"][-5:]
    assert max(box_x) - min(box_x) == pytest.approx(0.1, abs=1e-3)  # half of a fifth, ends at four digits
    assert (min(box_y), max(box_y)) == pytest.approx((bins.null_low[4], bins.null_high[4]), rel=5e-4)


def test_a_colour_keeps_its_meaning_wherever_a_series_stands(reliability):
    before, after = (ReliabilitySeries("", reliability(), tone) for tone in (Tone.SMOOTHED, Tone.SCALED))
    figure = draw_reliability([before, after], title="")
    assert figure.traces[2]["marker"]["color"] == Tone.SMOOTHED.line
    assert figure.traces[6]["marker"]["color"] == Tone.SCALED.line


# In log-odds


@pytest.fixture
def sure():
    """Answers of a net as sure as a hard one, in both kinds of bins: every bin from 0 to 14 and beyond is taken."""
    random = np.random.default_rng(3)
    claimed = 1 / (1 + np.exp(-random.uniform(0, 16, 4000)))
    claimed[:20] = 1.0
    right = random.random(4000) < 0.9 * claimed
    right[claimed > 1 - 1e-6] = True
    logits = np.log(np.stack([claimed, 1 - claimed], 1).clip(1e-300))
    bins = measures.reliability(logits, np.where(right, 0, 1), resamples=20)
    return ReliabilitySeries("sure", bins, None, measures.log_odds_reliability(claimed, right, resamples=20))


def in_log_odds(figure):
    """The traces and the layout as the switch leaves them."""
    traces = [{**trace, **figure.switch.change.traces[i]} for i, trace in enumerate(figure.traces)]
    return traces, {**figure.layout, **figure.switch.change.layout}


def test_only_a_figure_that_has_bins_of_log_odds_offers_their_scale(reliability, sure):
    assert draw(("hard", reliability())).switch is None
    assert draw_reliability([sure, ReliabilitySeries("hard", reliability())], title="").switch is None
    assert draw_reliability([sure], title="").switch.label == "log-odds scale"


def test_the_switch_changes_where_things_are_and_neither_their_number_nor_their_meaning(sure):
    figure = draw_reliability([sure, sure], title="")
    traces, _ = in_log_odds(figure)
    assert len(traces) == len(figure.traces)
    for before, after in zip(figure.traces, traces, strict=True):
        assert before["name"] == after["name"]
        same = {key for key in before if before[key] == after.get(key)}
        assert set(before) - same <= {"x", "y", "width", "hovertext", "marker"}


def test_in_log_odds_the_crowd_of_the_last_bin_comes_apart(sure):
    figure = draw_reliability([sure], title="")
    last = figure.traces[3]["y"][-1]
    assert last > 0.7 * 4000
    counts = [n for n in in_log_odds(figure)[0][3]["y"] if n]
    assert sum(counts) == 4000
    assert max(counts) < 0.2 * 4000


def test_in_log_odds_a_bin_lies_at_its_log_odds(sure):
    figure = draw_reliability([sure], title="")
    accuracy, bins = in_log_odds(figure)[0][2], sure.log_odds
    drawn = [i for i, y in enumerate(accuracy["y"]) if y is not None]
    assert len(drawn) > 10
    for i in drawn:
        claimed, right = bins.confidence[i], bins.accuracy[i]
        # four significant digits
        assert accuracy["x"][i] == pytest.approx(np.log(claimed / (1 - claimed)), rel=5e-4)
        assert accuracy["y"][i] == pytest.approx(np.log(right / (1 - right)), rel=5e-4)


def test_answers_that_are_all_right_are_hollow_signs_on_the_edge_that_no_line_reaches(sure):
    traces, layout = in_log_odds(draw_reliability([sure], title=""))
    accuracy, alone = traces[2], traces[4]
    beyond = np.flatnonzero(sure.log_odds.accuracy == 1)
    assert beyond[-1] == 29
    for i in beyond:
        assert accuracy["y"][i] is None
        assert alone["y"][i] == layout["yaxis"]["range"][1]
        assert alone["marker"]["symbol"][i] == "circle-open"
    assert alone["x"][29] == 14.5  # in the middle of the open bin, where certainty itself is


def test_ticks_are_probabilities_within_the_frame(sure):
    _, layout = in_log_odds(draw_reliability([sure], title=""))
    for name in ("xaxis", "yaxis"):
        low, high = layout[name]["range"]
        for place, word in zip(layout[name]["tickvals"], layout[name]["ticktext"], strict=True):
            assert low <= place <= high
            assert place == pytest.approx(np.log(float(word) / (1 - float(word))), rel=5e-4)
        assert len(layout[name]["tickvals"]) >= 2


def test_the_caption_says_which_bins_each_scale_has(sure):
    text = " ".join(draw_reliability([sure], title="").caption)
    assert "15 bins of equal width" in text
    assert "1 wide in log-odds" in text


def test_a_model_that_is_always_right_can_still_be_drawn():
    claimed, right = np.full(50, 0.99), np.ones(50, bool)
    bins = measures.log_odds_reliability(claimed, right, resamples=5)
    logits = np.log(np.tile([0.99, 0.01], (50, 1)))
    plain = measures.reliability(logits, np.zeros(50, int), resamples=5)
    traces, layout = in_log_odds(draw_reliability([ReliabilitySeries("", plain, None, bins)], title=""))
    assert layout["xaxis"]["range"] == [4, 5]
    assert [y for y in traces[4]["y"] if y is not None] == [5]


def over(reliability, *gaps, start=0):
    hard = ReliabilitySeries("hard", reliability(gap=0.18))
    frames = [
        (f"{gap:g}", ReliabilitySeries(f"at {gap:g}", reliability(gap=gap, peak=2 + 20 * gap)))
        for gap in gaps
    ]
    return draw_reliability_over("α", hard, frames, title="A title.", definition="Test data.", start=start)


def test_a_slider_moves_one_model_to_what_a_figure_of_the_two_would_show_and_leaves_the_other(reliability):
    gaps = (0.02, 0.1, 0.15)
    figure = over(reliability, *gaps, start=1)
    hard = ReliabilitySeries("hard", reliability(gap=0.18))
    for gap, change in zip(gaps, figure.slider.changes, strict=True):
        both = [hard, ReliabilitySeries(f"at {gap:g}", reliability(gap=gap, peak=2 + 20 * gap))]
        want = draw_reliability(both, title="A title.").traces
        assert set(change.traces) == {5, 6, 7, 8}
        for index, trace in enumerate(want):
            assert {**figure.traces[index], **change.traces.get(index, {})} == trace
    assert figure.slider.labels == ("0.02", "0.1", "0.15")
    assert figure.traces[6]["name"].startswith("at 0.1, ECE")


def test_the_axis_of_counts_holds_the_highest_bar_of_any_stop(reliability):
    figure = over(reliability, 0.02, 0.15)
    bars = [n for change in figure.slider.changes for n in change.traces[7]["y"] if n]
    assert 10 ** figure.layout["yaxis2"]["range"][1] > max(bars)


def test_the_caption_has_the_ece_of_every_stop_with_what_chance_would_show(reliability):
    said = over(reliability, 0.02, 0.15).caption[-1]
    for gap in (0.02, 0.15):
        assert f"{reliability(gap=gap, peak=2 + 20 * gap).ece:.3f} (0.006 to 0.015) at α = {gap:g}" in said


def test_a_slider_needs_a_stop(reliability):
    with pytest.raises(ValueError, match="frames"):
        over(reliability)
    with pytest.raises(ValueError, match="`start`"):
        over(reliability, 0.1, start=1)
