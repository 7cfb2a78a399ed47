import numpy as np
import pytest

from smoothlab.report.figures import PlaneFrame, PlanePanel, draw_plane

CLASSES = ("cat", "dog", "boat")
RIGHT = ("x2", "x4")
PANELS = {"x": "train", "x2": "train", "x3": "validation", "x4": "validation"}


@pytest.fixture
def frames(plane_frame):
    return [plane_frame(alpha) for alpha in (0.0, 0.02, 0.1)]


@pytest.fixture
def figure(frames):
    return draw_plane(frames[0], frames[1:], classes=CLASSES, title="A title.", start=1)


def drawn(traces, axis, name):
    """The points of a class on one pair of axes."""
    (trace,) = [trace for trace in traces if trace.get("xaxis") == axis and trace.get("name") == name]
    return np.column_stack([trace["x"], trace["y"]])


def span(axis):
    low, high = axis["range"]
    return high - low


def test_each_panel_draws_its_own_network_split_and_class(figure, frames):
    for axis, split in PANELS.items():
        panel = getattr(frames[2] if axis in RIGHT else frames[0], split)
        for label, name in enumerate(CLASSES):
            want = panel.points[panel.labels == label]
            np.testing.assert_allclose(drawn(figure.traces, axis, name), want, rtol=5e-4)  # four digits


def test_a_move_of_the_slider_redraws_the_smoothed_column_and_nothing_else(figure, frames):
    assert figure.slider is not None
    assert figure.slider.labels == ("0.02", "0.1")
    for frame, change in zip(frames[1:], figure.slider.changes, strict=True):
        right = {index for index, trace in enumerate(figure.traces) if trace.get("xaxis") in RIGHT}
        assert set(change.traces) == right
        after = [trace | change.traces.get(index, {}) for index, trace in enumerate(figure.traces)]
        for axis, split in [("x2", "train"), ("x4", "validation")]:
            panel = getattr(frame, split)
            for label, name in enumerate(CLASSES):
                want = panel.points[panel.labels == label]
                np.testing.assert_allclose(drawn(after, axis, name), want, rtol=5e-4)
        assert change.layout == {"annotations": {"1": {"text": f"smoothed, α = {frame.alpha:g}"}}}


def test_a_unit_is_as_long_in_x_as_in_y_and_in_both_panels_of_a_column(figure):
    layout = figure.layout
    for upper, lower in [("", "3"), ("2", "4")]:
        for kind in "xy":
            assert layout[f"{kind}axis{upper}"]["range"] == layout[f"{kind}axis{lower}"]["range"]
        for suffix in (upper, lower):
            # ends are rounded to four significant digits, so a span may be off by 1e-3 of its ends
            assert span(layout[f"xaxis{suffix}"]) == pytest.approx(span(layout[f"yaxis{suffix}"]), rel=2e-3)
            assert layout[f"yaxis{suffix}"]["scaleanchor"] == f"x{suffix}"


def test_nothing_is_drawn_outside_of_the_axes_at_any_position_of_the_slider(figure, frames):
    for suffix, chosen in [("", frames[:1]), ("2", frames[1:])]:
        places = np.concatenate(
            [a for f in chosen for p in (f.train, f.validation) for a in (p.points, p.templates)]
        )
        for kind, values in zip("xy", places.T, strict=True):
            low, high = figure.layout[f"{kind}axis{suffix}"]["range"]
            assert low < values.min()
            assert values.max() < high


def test_the_switch_gives_both_columns_one_scale(figure):
    assert figure.switch is not None
    changed = figure.switch.change.layout
    spans = [span(changed[f"{kind}axis{suffix}"]) for kind in "xy" for suffix in ("", "2", "3", "4")]
    np.testing.assert_allclose(spans, spans[0], rtol=2e-3)
    assert span(changed["xaxis"]) == pytest.approx(span(figure.layout["xaxis"]), rel=2e-3)  # the larger one


def test_the_caption_gives_the_definition_the_scale_and_n(figure):
    text = " ".join(figure.caption)
    for part in ("plane through the three templates", "One unit is as long in x as in y", "n = 240 training"):
        assert part in text


def test_names_of_classes_are_inert(frames, hostile):
    figure = draw_plane(frames[0], frames[1:], classes=hostile, title="A title.")
    for tag in ("<img", "<a", "</script"):
        assert tag not in repr(figure.traces)


def test_points_that_all_coincide_still_get_axes():
    panel = PlanePanel(np.zeros((3, 2)), np.arange(3), np.zeros((3, 2)))
    figure = draw_plane(
        PlaneFrame(0.0, panel, panel), [PlaneFrame(0.1, panel, panel)], classes=CLASSES, title=""
    )
    assert span(figure.layout["xaxis"]) == 1


def test_errors_name_the_argument(frames):
    with pytest.raises(ValueError, match=r"`len\(smoothed\)` must be a whole number, at least 1"):
        draw_plane(frames[0], [], classes=CLASSES, title="")
    with pytest.raises(ValueError, match="`start` must be a whole number from 0 to 1, but got 2"):
        draw_plane(frames[0], frames[1:], classes=CLASSES, title="", start=2)
    with pytest.raises(ValueError, match=r"`len\(classes\)` must be a whole number from 3 to 3"):
        draw_plane(frames[0], frames[1:], classes=CLASSES[:2], title="")
    with pytest.raises(ValueError, match="`labels` must lie in 0 to 2"):
        PlanePanel(np.zeros((1, 2)), np.array([3]), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="`points` has 2, `labels` has 1"):
        PlanePanel(np.zeros((2, 2)), np.array([0]), np.zeros((3, 2)))
