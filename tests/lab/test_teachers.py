"""A study in which students learn from teachers: who waits for whom, and what becomes of the pupils of a failure."""

import numpy as np
import pytest

from smoothlab.lab import Measure, Measures, Panel, Store, Study, Trace, gather, judge, load, run
from smoothlab.report import render
from smoothlab.report.study import Answer, study_page

STUDY = '''"""Does a student repeat its teacher?"""

import numpy as np

from smoothlab.lab import Study
from smoothlab.predictions import Predictions


def teacher(cell):
    return {teacher}


def run(cell, taught_by):
    if cell["arm"] == "teacher" and cell["alpha"] == {diverges_at}:
        raise FloatingPointError("the loss was nan at step 7")
    if taught_by is None:
        return {{"test": Predictions(np.eye(3) * (1 + cell["seed"]), np.arange(3))}}
    return {{"test": Predictions(taught_by["test"].logits * 2, np.arange(3))}}


study = Study(
    name="repeats",
    factors={{"arm": ("teacher", "student"), "alpha": (0.0, 0.1), "seed": (0, 1)}},
    run=run,
    teacher=teacher,
    skip=lambda cell: cell["arm"] == "student" and cell["seed"] == {skipped},
)
'''

TOP = Measures(
    (Measure("top", "Largest logit", "of the first example"),),
    lambda run: {"top": float(run["test"].logits[0, 0])},
)


def in_turn(task, cells):
    return map(task, cells)


def stored(tmp_path, *, teacher='cell.but(arm="teacher") if cell["arm"] == "student" else None', **wrong):
    path = tmp_path / "repeats.py"
    path.write_text(STUDY.format(**{"teacher": teacher, "diverges_at": None, "skipped": None, **wrong}))
    source = load(str(path))
    store = Store.create(tmp_path / "store", source)
    list(run(source, store, executor=in_turn))
    return store


def test_students_read_the_predictions_of_their_own_teacher(tmp_path):
    store = stored(tmp_path)
    evidence = gather(store, store.records().values(), TOP)
    np.testing.assert_array_equal(evidence.where(arm="teacher").values["top"], [[1, 2], [1, 2]])
    np.testing.assert_array_equal(evidence.where(arm="student").values["top"], [[2, 4], [2, 4]])


def test_a_run_that_is_read_again_brings_its_teacher(tmp_path):
    store = stored(tmp_path)
    read = store.read(store.record("arm=student,alpha=0.1,seed=1"))
    assert read.teacher is not None
    assert read.teacher.cell.key == "arm=teacher,alpha=0.1,seed=1"


def test_the_student_of_a_failed_teacher_says_so_and_others_go_on(tmp_path):
    store = stored(tmp_path, diverges_at=0.1)
    failures = gather(store, store.records().values(), TOP).failures
    assert set(failures) == {
        f"arm={arm},alpha=0.1,seed={seed}" for arm in ("teacher", "student") for seed in (0, 1)
    }
    assert "its teacher arm=teacher,alpha=0.1,seed=0 failed" in failures["arm=student,alpha=0.1,seed=0"]


def test_teachers_in_a_circle_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`teacher` must lead to a cell that has none"):
        stored(tmp_path, teacher='cell.but(arm="teacher" if cell["arm"] == "student" else "student")')


def test_a_skipped_cell_is_not_run_and_not_asked_for(tmp_path):
    store = stored(tmp_path, skipped=1)
    assert len(store.records()) == store.manifest["cells"] == 6
    evidence = gather(store, store.records().values(), TOP)
    assert np.isnan(evidence.at("top", 0.1, arm="student")).tolist() == [False, True]


def test_a_level_that_is_left_open_or_is_not_there_is_asked_for(tmp_path):
    evidence = gather(stored(tmp_path), [], TOP)
    with pytest.raises(ValueError, match="A level of `arm` must be chosen"):
        evidence.at("top", 0.1)
    with pytest.raises(ValueError, match="`arm` must be one of"):
        evidence.at("top", 0.1, arm="headmaster")
    with pytest.raises(ValueError, match="`factor` must be one of"):
        evidence.where(school=1)


def test_the_page_draws_the_panels_of_a_grid_of_any_factors(tmp_path):
    store = stored(tmp_path)
    evidence = gather(store, store.records().values(), TOP)
    traces = tuple(Trace(arm, {"arm": arm}) for arm in ("teacher", "student"))
    panels = (Panel("Students are louder", "top", traces, text="What to look for."),)
    page = study_page(Answer(store, evidence, judge((), evidence), panels))
    [section] = [section for section in page.sections if section.title == "What changes along α?"]
    drawn = [trace for trace in section.contents[0].traces if trace["mode"] == "lines+markers"]
    assert [trace["y"] for trace in drawn] == [[1.5, 1.5], [3.0, 3.0]]
    assert "What to look for." in section.text
    assert "Students are louder" in render(page)
    assert page.lead.startswith("Study repeats: 8 of 8 runs, 2 paired seeds")


def test_a_panel_over_a_measure_puts_its_points_at_the_measures_mean(tmp_path):
    store = stored(tmp_path)
    both = Measures(
        (*TOP.listed, Measure("seed", "Seed", "the number of the run")),
        lambda run: {**TOP.take(run), "seed": run.cell["seed"] + 10 * run.cell["alpha"]},
    )
    evidence = gather(store, store.records().values(), both)
    panel = Panel("Over a measure", "top", (Trace("students", {"arm": "student"}),), x="seed")
    page = study_page(Answer(store, evidence, (), (panel,)))
    [drawn] = [
        trace
        for section in page.sections
        for figure in section.contents
        for trace in getattr(figure, "traces", ())
        if trace["mode"] == "lines+markers"
    ]
    assert drawn["x"] == [0.5, 1.5]


def test_the_grid_needs_alpha_and_seed_whatever_else_it_has():
    with pytest.raises(ValueError, match="must have the factor `seed`"):
        Study("mine", {"arm": ("a",), "alpha": (0.0, 0.1)}, run=dict)
