"""Pictures of the penultimate layer come from one seed's stored predictions, and from those that were asked for."""

import numpy as np
import pytest

from smoothlab.lab import Plane, Store, gather, load, run
from smoothlab.lab.geometry import alike_and_far
from smoothlab.measures import template_plane
from smoothlab.report.pictures import PLANE_EXAMPLES, plane_figure, planes_section


def in_turn(task, cells):
    return map(task, cells)


@pytest.fixture
def answered(study_file, tmp_path):
    """A store of invented networks of three classes, and what was measured of it."""

    def make(*, without=(), **wrong):
        source = load(study_file(**wrong))
        store = Store.create(tmp_path / "store", source)
        list(run(source, store, executor=in_turn))
        for key in without:
            store.discard(key)
        return store, gather(store, store.records().values())

    return make


def points(figure) -> list[tuple[float, float]]:
    """Every marker of the figure as it opens."""
    return [
        pair
        for trace in figure.traces
        if "markers" in trace.get("mode", "")
        for pair in zip(trace["x"], trace["y"], strict=True)
    ]


def test_no_plane_asked_for_is_no_section(answered):
    assert planes_section((), *answered()) == ()


def test_one_section_has_every_plane_and_each_text_once(answered):
    planes = (Plane("One", classes=(0, 1, 2), text="Look."), Plane("Two", classes=(2, 1, 0), text="Look."))
    [section] = planes_section(planes, *answered())
    assert [figure.title for figure in section.contents] == ["One", "Two"]
    assert section.text[1:] == ("Look.",)


def test_the_hard_network_stands_beside_each_smoothed_one(answered):
    figure = plane_figure(Plane("One", classes=(0, 1, 2)), *answered())
    assert figure is not None
    assert figure.slider is not None
    assert list(figure.slider.labels) == ["0.05", "0.1"]
    assert figure.slider.labels[figure.slider.start] == "0.1"


def test_the_points_are_the_first_seeds_features_in_the_plane_of_its_templates(answered):
    store, evidence = answered()
    figure = plane_figure(Plane("One", classes=(0, 1, 2)), store, evidence)
    hard = store.read(store.record("alpha=0.0,seed=0"))["train"]
    plane = template_plane(hard.weight, hard.bias, classes=(0, 1, 2))
    expected = plane.project(np.asarray(hard.features, np.float64)[hard.labels == 0])
    drawn = np.array(points(figure))
    for point in expected[:PLANE_EXAMPLES]:
        # coordinates are written with four digits
        assert np.abs(drawn - point).max(1).min() < 0.01


def test_the_first_seed_that_is_whole_is_shown_and_not_one_that_lacks_an_alpha(answered):
    store, evidence = answered(without=["alpha=0.1,seed=0"])
    figure = plane_figure(Plane("One", classes=(0, 1, 2)), store, evidence)
    one, other = (store.read(store.record(f"alpha=0.0,seed={seed}"))["train"].features for seed in (0, 1))
    drawn = np.array(points(figure))
    plane = template_plane(np.eye(3, dtype=np.float32), None, classes=(0, 1, 2))
    far = [
        np.abs(drawn - plane.project(np.asarray(each[:1], np.float64))).max(1).min() for each in (one, other)
    ]
    assert far[1] < 0.01 < far[0]


def test_without_classes_it_is_the_pair_that_the_hard_network_confuses_and_a_third(answered):
    store, evidence = answered()
    wanted = alike_and_far(store.read(store.record("alpha=0.0,seed=0")))
    found, named = (
        plane_figure(Plane("A plane", classes=classes), store, evidence) for classes in (None, wanted)
    )
    assert found is not None
    assert found == named


@pytest.mark.parametrize("wrong", [{"diverges_at": 0.0}, {"diverges_at": 0.05}])
def test_an_alpha_that_failed_in_every_seed_is_left_out_and_without_hard_labels_there_is_no_picture(
    answered, wrong
):
    figure = plane_figure(Plane("One", classes=(0, 1, 2)), *answered(**wrong))
    if wrong["diverges_at"] == 0:
        assert figure is None
    else:
        assert figure is not None
        assert list(figure.slider.labels) == ["0.1"]


def test_a_class_that_there_is_not_gives_no_picture(answered):
    assert plane_figure(Plane("One", classes=(0, 1, 7)), *answered()) is None


def test_an_empty_store_gives_no_picture(answered):
    store, evidence = answered(
        without=[f"alpha={alpha},seed={seed}" for alpha in (0.0, 0.05, 0.1) for seed in range(4)]
    )
    assert planes_section((Plane("One", classes=(0, 1, 2)),), store, evidence) == ()
