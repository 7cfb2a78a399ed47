"""What holds for every study that comes with the package: its words, its grid, its page, and one real run."""

from importlib import import_module

import numpy as np
import pytest

from smoothlab.lab import Panel, Run, gather, judge, load, plan
from smoothlab.lab.study import builtin_studies
from smoothlab.report import Claims, Figure, render
from smoothlab.report.study import Answer, study_page

CELLS = {
    "calibration": "net=dense,alpha=0.1,seed=0",
    "costs": "loss=online,alpha=0.0,seed=0",
    "distillation": "arm=taught,alpha=0.1,temperature=1.0,seed=0",
    "information": "alpha=0.1,seed=0",
    "noise": "noise=0.6,alpha=-2.0,seed=0",
    "penultimate": "net=dense,alpha=0.1,seed=0",
    "replication": "alpha=0.1,seed=0",
    "smoothing": "alpha=0.1,seed=0",
}
"""A cell of each that takes the longer of its ways."""
STUDIES = sorted(CELLS)


def test_these_are_all_of_them():
    assert set(STUDIES) == {name for name in builtin_studies() if not plan(name).is_suite}


@pytest.mark.parametrize("name", [*STUDIES, "paper"])
def test_a_docstring_is_question_claim_cost_and_command(name):
    question, blank, *rest = (import_module(f"smoothlab.studies.{name}").__doc__ or "").strip().splitlines()
    assert question.endswith("?")
    assert not blank
    assert [line.split()[0] for line in rest if not line.startswith(" ")] == ["Claim", "Cost", "Command"]
    assert rest[-1] in (f"Command  smoothlab study {name}", "Command  smoothlab study")
    assert "10 paired seeds" in " ".join(rest)


@pytest.mark.parametrize("name", STUDIES)
def test_every_cell_has_its_control_and_every_student_a_teacher_of_its_seed(name):
    study = load(name).study
    cells = set(study.cells())
    assert len(study.factors["seed"]) == 10
    assert any(cell["alpha"] > 0 for cell in cells)
    # but where only the teacher is smoothed, whose own control is a cell
    assert all(cell["alpha"] == 0 or cell.but(alpha=0.0) in cells for cell in cells)
    teachers = {cell: None if study.teacher is None else study.teacher(cell) for cell in cells}
    for cell, teacher in teachers.items():
        if teacher is not None:
            assert teacher in cells
            assert teachers[teacher] is None
            assert teacher["seed"] == cell["seed"]


@pytest.mark.parametrize("name", STUDIES)
def test_other_data_change_the_settings_and_neither_name_nor_claims(name):
    own, other = load(name).study, load(name, ("mnist", "/nowhere")).study
    assert other.name == own.name == name
    assert [claim.id for claim in other.claims] == [claim.id for claim in own.claims]
    assert str(own.settings["data"]).startswith("embedded Fashion-MNIST")
    assert str(other.settings["data"]).startswith("mnist")


@pytest.mark.parametrize("name", STUDIES)
def test_every_measure_that_a_panel_or_the_terminal_names_is_one_of_the_studys(name):
    study = load(name).study
    factors = {*study.factors, *study.measures.views}
    named = [getattr(panel, word, None) for panel in study.panels for word in ("measure", "floor")]
    for measure in (*filter(None, named), *study.measures.shown):
        assert measure in study.measures, measure
    for panel in study.panels:
        if isinstance(panel, Panel):
            assert panel.x in study.measures or panel.x in factors
            for trace in panel.traces:
                left = factors - set(trace.levels) - {trace.along or panel.along, "seed"}
                assert not left, f"{panel.title}, {trace.label}: no level of {left}"


@pytest.mark.parametrize("name", STUDIES)
def test_a_store_that_nothing_was_trained_for_makes_a_page_with_every_claim_and_every_picture(filled, name):
    study, store = filled(name)
    assert len(store.records()) == store.manifest["cells"] == len(study.cells())
    evidence = gather(store, store.records().values(), study.measures)
    assert not evidence.failures
    assert all(np.isfinite(values).any() for values in evidence.values.values())
    # a claim on a measure that the study does not take would be a KeyError
    verdicts = judge(study.claims, evidence)
    page = study_page(Answer(store, evidence, verdicts, study.panels))
    parts = [part for section in page.sections for part in section.contents]
    assert Claims(verdicts) in parts
    assert {panel.title for panel in study.panels} <= {
        part.title for part in parts if isinstance(part, Figure)
    }
    assert f"<title>{load(name).question}" in render(page)


@pytest.mark.parametrize("name", STUDIES)
def test_a_cell_is_decided_by_its_levels_alone(untrained, name):
    """Another process runs it again, after whatever else."""
    study = untrained(name).study
    [cell] = [cell for cell in study.cells() if cell.key == CELLS[name]]
    above = None if study.teacher is None else study.teacher(cell)
    teacher = None if above is None else Run(above, study.run(above, None))
    asked = () if study.teacher is None else (teacher,)
    first, again = study.run(cell, *asked), study.run(cell, *asked)
    assert set(first) == set(again)
    for split, said in first.items():
        np.testing.assert_array_equal(said.logits, again[split].logits)
        np.testing.assert_array_equal(said.labels, again[split].labels)
        assert {"alpha", "seed", "effective_alpha", "convention", "data"} <= set(said.meta)


@pytest.mark.parametrize("name", STUDIES)
def test_a_cell_trains_and_is_measured(on_few_images, name):
    on_few_images(name)
    study = load(name).study
    [cell] = [cell for cell in study.cells() if cell.key == CELLS[name]]
    above = None if study.teacher is None else study.teacher(cell)
    teacher = None if above is None else Run(above, study.run(above, None))
    run = Run(cell, study.run(cell, *(() if study.teacher is None else (teacher,))), teacher)
    taken = study.measures.take(run, **{view: levels[-1] for view, levels in study.measures.views.items()})
    assert taken
    assert all(measure in study.measures and np.isfinite(value) for measure, value in taken.items())
