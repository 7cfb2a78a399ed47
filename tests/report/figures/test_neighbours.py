import numpy as np
import pytest

from smoothlab.report.figures import draw_neighbours

LABELS = np.arange(12) % 4
PLACES = np.random.default_rng(0).normal(size=(12, 2))
CLASSES = ("shirt", "coat", "boot", "bag")


def draw(points=(("hard", PLACES), ("smoothed", 2 * PLACES)), labels=LABELS, classes=CLASSES):
    return draw_neighbours(points, labels, classes=classes, title="A title.", caption=("n = 12.",))


def test_each_picture_has_the_points_of_every_class_in_its_own_square():
    figure = draw()
    for index, trace in enumerate(figure.traces):
        side, label = divmod(index, len(CLASSES))
        want = PLACES[label == LABELS] * (1 + side)
        np.testing.assert_allclose(trace["x"], want[:, 0], rtol=5e-4)  # four significant digits
        assert (trace["name"], trace["xaxis"]) == (CLASSES[label], ("x", "x2")[side])
    for side, suffix in enumerate(("", "2")):
        low, high = figure.layout[f"xaxis{suffix}"]["range"]
        assert low < (1 + side) * PLACES[:, 0].min() < (1 + side) * PLACES[:, 0].max() < high


def test_axes_that_mean_nothing_show_no_number():
    layout = draw().layout
    assert not any(layout[name]["showticklabels"] for name in ("xaxis", "yaxis", "xaxis2", "yaxis2"))


def test_sixteen_classes_have_sixteen_pairs_of_colour_and_sign():
    labels = np.arange(32) % 16
    places = np.random.default_rng(0).normal(size=(32, 2))
    figure = draw([("hard", places)], labels, tuple(map(str, range(16))))
    signs = {(trace["marker"]["color"], trace["marker"]["symbol"]) for trace in figure.traces}
    assert len(signs) == 16


def test_names_of_users_are_inert(hostile):
    assert "<img" not in repr(draw([(hostile[0], PLACES)], LABELS % 3, hostile))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="`labels`"):
        draw(labels=LABELS[:5])
    with pytest.raises(ValueError, match="0 to 2"):
        draw(classes=CLASSES[:3])
    with pytest.raises(ValueError, match="len\\(points\\)"):
        draw(points=())
