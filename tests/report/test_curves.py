"""Panels and maps as a study asks for them: which cells of the grid a point, a line and a number come from."""

import numpy as np
import pytest

from smoothlab.lab import Evidence, Map, Measure, Measures, Panel, Trace
from smoothlab.report.curves import panels_section

ARMS = ("teacher", "student")
ALPHAS = (0.0, 0.1, 0.2)
SEEDS = (0, 1, 2)
MEASURES = Measures(
    (
        Measure("accuracy", "Accuracy", "on test data"),
        Measure("gamma", "Effective smoothing", "on training data"),
        Measure("floor", "Floor", "what chance leaves"),
    ),
    lambda run: {},
)


def evidence(**changed) -> Evidence:
    """Accuracy says where it comes from: arm in tenths, alpha in its own units, seed in thousandths."""
    arm, alpha, seed = np.meshgrid([0.5, 0.7], ALPHAS, SEEDS, indexing="ij")
    values = {
        "accuracy": arm + alpha + seed / 1000,
        "gamma": 2 * alpha + (arm - 0.5),
        "floor": np.full(arm.shape, 0.65),
    }
    factors = {"arm": ARMS, "alpha": ALPHAS, "seed": SEEDS}
    return Evidence(factors, {**values, **changed}, {}, MEASURES)


def figures(*panels, of=None):
    sections = panels_section(panels, of or evidence())
    return [figure for section in sections for figure in section.contents]


def lines(figure):
    return [trace for trace in figure.traces if trace["mode"] == "lines+markers"]


TRACES = tuple(Trace(f"the {arm}", {"arm": arm}) for arm in ARMS)


def test_a_line_is_the_mean_over_seeds_of_its_slice_along_alpha():
    [figure] = figures(Panel("Accuracy", "accuracy", TRACES))
    teacher, student = lines(figure)
    assert teacher["x"] == student["x"] == list(ALPHAS)
    assert teacher["y"] == pytest.approx([0.501, 0.601, 0.701])
    assert student["y"] == pytest.approx([0.701, 0.801, 0.901])
    assert [teacher["name"], student["name"]] == ["the teacher", "the student"]
    assert figure.layout["xaxis"]["title"]["text"] == "α"


def test_a_point_over_a_measure_lies_at_that_measures_mean_and_points_are_in_its_order():
    falling = evidence(gamma=np.array([[[0.3], [0.2], [0.1]]] * 2) + np.zeros((2, 3, 3)))
    [figure] = figures(Panel("Over gamma", "accuracy", TRACES[:1], x="gamma"), of=falling)
    [line] = lines(figure)
    assert line["x"] == pytest.approx([0.1, 0.2, 0.3])
    assert line["y"] == pytest.approx([0.701, 0.601, 0.501])
    assert figure.layout["xaxis"]["title"]["text"] == "γ"


def test_a_level_without_a_run_is_no_point_and_a_slice_without_any_no_line():
    accuracy = evidence().values["accuracy"].copy()
    accuracy[0, 1], accuracy[1] = np.nan, np.nan
    [figure] = figures(Panel("Accuracy", "accuracy", TRACES), of=evidence(accuracy=accuracy))
    [teacher] = lines(figure)
    drawn = {at: of for at, of in zip(teacher["x"], teacher["y"], strict=True) if of is not None}
    assert drawn == pytest.approx({0.0: 0.501, 0.2: 0.701})
    dots = next(trace for trace in figure.traces if trace["mode"] == "markers")
    assert 0.1 not in dots["x"]


def test_a_line_keeps_its_colour_when_the_one_before_it_has_no_run():
    both = lines(figures(Panel("Accuracy", "accuracy", TRACES))[0])
    accuracy = evidence().values["accuracy"].copy()
    accuracy[0] = np.nan
    [alone] = lines(figures(Panel("Accuracy", "accuracy", TRACES), of=evidence(accuracy=accuracy))[0])
    assert alone["line"]["color"] == both[1]["line"]["color"] != both[0]["line"]["color"]


def test_a_reference_is_drawn_with_its_name():
    [figure] = figures(Panel("Accuracy", "accuracy", TRACES, reference=("guessing", 0.1)))
    assert any(note["text"] == "guessing" for note in figure.layout["annotations"])


def test_nothing_measured_is_no_section():
    empty = evidence(accuracy=np.full((2, 3, 3), np.nan))
    panels = (Panel("Accuracy", "accuracy", TRACES), Map("Accuracy", "accuracy", rows="arm", columns="alpha"))
    assert panels_section(panels, empty) == ()
    assert panels_section((), evidence()) == ()


def test_one_section_has_every_panel_and_each_text_once():
    panels = (
        Panel("One", "accuracy", TRACES, text="What to look for."),
        Panel("Two", "gamma", TRACES, text="What to look for."),
        Map("Three", "accuracy", rows="arm", columns="alpha", text="And here."),
    )
    [section] = panels_section(panels, evidence())
    assert [figure.title for figure in section.contents] == ["One", "Two", "Three"]
    assert section.text[1:] == ("What to look for.", "And here.")
    assert section.title == "What changes along α?"


def test_a_map_has_the_means_of_each_pair_of_levels_and_levels_may_be_words():
    [figure] = figures(Map("Accuracy", "accuracy", rows="arm", columns="alpha"))
    [trace] = figure.traces
    assert trace["y"] == list(ARMS)
    assert trace["x"] == ["0", "0.1", "0.2"]
    np.testing.assert_allclose(trace["z"], [[0.501, 0.601, 0.701], [0.701, 0.801, 0.901]])
    assert "3 seeds" in figure.caption[0]


def test_a_map_marks_what_is_not_above_the_mean_of_its_floor_and_says_what_that_is():
    [figure] = figures(Map("Accuracy", "accuracy", rows="arm", columns="alpha", floor="floor"))
    marked = [[text.endswith("•") for text in row] for row in figure.traces[0]["text"]]
    assert marked == [[True, True, False], [False, False, False]]
    assert figure.caption[1] == "• not above the mean of: what chance leaves."


def test_a_map_of_a_slice_leaves_cells_empty_that_were_not_run():
    accuracy = evidence().values["accuracy"].copy()
    accuracy[1, 1:] = np.nan
    [figure] = figures(
        Map("Accuracy", "accuracy", rows="arm", columns="alpha"), of=evidence(accuracy=accuracy)
    )
    assert figure.traces[0]["text"][1] == [".701", "", ""]


def test_a_trace_that_leaves_a_factor_open_is_refused():
    with pytest.raises(ValueError, match="A level of `arm` must be chosen"):
        figures(Panel("Accuracy", "accuracy"))


def test_a_panel_along_a_factor_has_its_levels_below_though_a_measure_has_its_name():
    """As the fitted temperature does, where a run is read at several."""
    named = Measures((*MEASURES.listed, Measure("alpha", "Fitted alpha", "invented")), MEASURES.take)
    values = {**evidence().values, "alpha": np.full((2, 3, 3), 7.0)}
    of = Evidence(evidence().factors, values, {}, named)
    [figure] = figures(Panel("Accuracy", "accuracy", TRACES[:1]), of=of)
    [line] = lines(figure)
    assert line["x"] == list(ALPHAS)
    assert figure.layout["xaxis"]["title"]["text"] == "α"


def test_a_marked_panel_rings_the_lines_that_run_along_its_factor_from_the_papers_alpha_on():
    whole = Trace("along arms", {"alpha": 0.1}, along="arm")
    over_gamma = Panel("Over gamma", "accuracy", (*TRACES, whole), x="gamma", marked=True)
    [figure] = figures(over_gamma)
    assert figure.slider.name == "α"
    assert figure.slider.labels == ("0", "0.1", "0.2")
    assert figure.slider.labels[figure.slider.start] == "0.1"
    rings = figure.traces[-1]
    assert rings["x"] == pytest.approx([0.2, 0.4])  # of the teacher and of the student, and no third
    assert rings["y"] == pytest.approx([0.601, 0.801])
    [plain] = figures(Panel("Over gamma", "accuracy", TRACES, x="gamma"))
    assert plain.slider is None
