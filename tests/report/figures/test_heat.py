import numpy as np
import pytest

from smoothlab.report.figures import draw_heat

VALUES = np.array([[0.08, 0.02, 0.5], [0.01, 0.1, 1.25]])
ROWS = ("α", ("0", "0.1"))
COLUMNS = ("T", ("1", "2", "4"))


def draw(values=VALUES, **words):
    axes = {"rows": ROWS, "columns": COLUMNS, **words}
    return draw_heat(values, **{"title": "A title.", "caption": ("ECE, test.",), **axes})


def test_every_cell_has_its_number_where_its_levels_are():
    figure = draw()
    [trace] = figure.traces
    assert (trace["y"], trace["x"]) == (["0", "0.1"], ["1", "2", "4"])
    assert trace["z"] == VALUES.tolist()
    assert trace["text"] == [[".080", ".020", ".500"], [".010", ".100", "1.250"]]
    assert (figure.title, figure.caption) == ("A title.", ("ECE, test.",))


def test_the_first_row_stands_on_top_and_levels_are_words_not_places():
    layout = draw().layout
    assert layout["yaxis"]["autorange"] == "reversed"
    assert (
        layout["xaxis"]["type"] == layout["yaxis"]["type"] == "category"
    )  # 0.1 and 0.2 are as far as 0.2 and 1
    assert (layout["yaxis"]["title"]["text"], layout["xaxis"]["title"]["text"]) == ("α", "T")


def test_a_dot_marks_what_does_not_exceed_the_floor_and_nothing_else():
    text = draw(floor=np.array([[0.07, 0.02, 0.6], [0.0, 0.2, 0.0]])).traces[0]["text"]
    assert text == [[".080", ".020 •", ".500 •"], [".010", ".100 •", "1.250"]]


def test_without_a_floor_nothing_is_marked_not_even_zero():
    assert draw(np.zeros((2, 3))).traces[0]["text"] == [[".000"] * 3] * 2


def test_a_cell_without_a_run_is_empty_whatever_its_floor():
    values = np.where(VALUES > 0.4, np.nan, VALUES)
    [trace] = draw(values, floor=np.full((2, 3), np.nan)).traces
    assert trace["text"] == [[".080", ".020", ""], [".010", ".100", ""]]
    assert [row[2] for row in trace["z"]] == [None, None]  # which a page can carry, and NaN it cannot


def test_a_negative_number_keeps_a_true_minus_sign():
    assert draw(-VALUES).traces[0]["text"][0][0] == "−0.080"


def test_names_of_users_are_inert(hostile):
    figure = draw(rows=(hostile[0], (hostile[1], "b")), columns=("c", (hostile[0], "2", "3")))
    assert "<img" not in repr((figure.traces, figure.layout))
    assert "<a" not in repr((figure.traces, figure.layout))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"rows": ("α", ("0",))}, "`rows` has 1, `values` has 2"),
        ({"columns": ("T", ("1", "2"))}, "`columns` has 2, `values` has 3"),
    ],
)
def test_levels_that_do_not_fit_the_values_are_refused(words, sentence):
    with pytest.raises(ValueError, match=sentence):
        draw(**words)
