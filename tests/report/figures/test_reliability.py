import numpy as np
import pytest

from smoothlab import measures
from smoothlab.report.figures import ReliabilitySeries, Tone, draw_reliability

EMPTY = [0, 3]  # the bins that the fixture leaves without examples


def draw(*pairs, **words):
    return draw_reliability([ReliabilitySeries(*pair) for pair in pairs], title="A title.", **words)


def test_an_empty_bin_shows_no_accuracy_and_no_bar(reliability):
    _, _, accuracy, bars = draw(("hard", reliability())).traces
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
    accuracy = draw(("invented", bins)).traces[2]
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
    assert figure.traces[5]["marker"]["color"] == Tone.SCALED.line
