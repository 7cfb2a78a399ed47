import math

import pytest

from smoothlab.report.figures import Change, Slider, inert
from smoothlab.report.figures.figure import coordinate


def test_inert_text_holds_no_tag_and_no_entity():
    assert inert('<b>&lt;"') == '&lt;b&gt;&amp;lt;"'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_left_out_of_the_drawing(value):
    assert coordinate(value) is None


def test_a_coordinate_is_rounded_by_less_than_a_screen_shows():
    # four significant digits: at most half a unit in the fourth, so a relative error below 5e-4
    assert coordinate(-123456.0) == -123500.0
    assert coordinate(math.pi) == pytest.approx(math.pi, rel=5e-4)


def test_a_slider_has_a_label_for_each_change():
    with pytest.raises(ValueError, match="`labels` has 2, `changes` has 1"):
        Slider("α", ("0.1", "0.2"), (Change({}, {}),))


def test_a_slider_starts_where_it_can_stand():
    with pytest.raises(ValueError, match="`start` must be a whole number from 0 to 0, but got 1"):
        Slider("α", ("0.1",), (Change({}, {}),), start=1)
