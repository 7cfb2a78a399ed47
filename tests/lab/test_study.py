import pytest

from smoothlab.lab import Cell, Study, load, plan
from smoothlab.lab.study import builtin_studies


def test_the_grid_is_the_product_of_the_factors_and_whole_seeds_come_first():
    study = Study("s", {"alpha": (0.0, 0.1), "seed": (0, 1)}, run=lambda cell: {})
    assert [cell.key for cell in study.cells()] == [
        "alpha=0.0,seed=0",
        "alpha=0.1,seed=0",
        "alpha=0.0,seed=1",
        "alpha=0.1,seed=1",
    ]


def test_a_third_factor_multiplies_the_grid():
    study = Study("s", {"alpha": (0.0, 0.1), "seed": (0, 1, 2), "data": ("a", "b")}, run=lambda cell: {})
    assert len({cell.key for cell in study.cells()}) == 12
    assert study.cells()[0]["data"] == "a"


@pytest.mark.parametrize(
    ("factors", "sentence"),
    [
        ({"alpha": (0.0, 0.1)}, "must have the factor `seed`"),
        ({"seed": (0, 1)}, "must have the factor `alpha`"),
        ({"alpha": (0.0, 0.0), "seed": (0,)}, "none twice"),
        ({"alpha": (0.0, 0.1), "seed": ()}, "at least one level"),
        ({"alpha": (0.05, 0.1), "seed": (0,)}, "must have 0, the control"),
        ({"alpha": (0.0,), "seed": (0,)}, "a level above it"),
    ],
)
def test_a_grid_that_cannot_be_judged_is_refused(factors, sentence):
    with pytest.raises(ValueError, match=sentence):
        Study("s", factors, run=lambda cell: {})


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"teacher": lambda cell: None}, "`run_together` must be None where cells have teachers"),
        ({"together": 0}, "`together` must be a whole number, at least 1"),
        ({"apart": ("net",)}, "`apart` must be one of 'alpha', 'seed', but got 'net'"),
    ],
)
def test_cells_that_cannot_be_run_together_are_refused(words, sentence):
    with pytest.raises(ValueError, match=sentence):
        Study(
            "s",
            {"alpha": (0.0, 0.1), "seed": (0,)},
            run=lambda cell: {},
            run_together=lambda cells: [{} for _ in cells],
            **words,
        )


@pytest.mark.parametrize("name", ["../away", "a/b", "", "a b"])
def test_a_name_that_is_no_folder_name_is_refused(name):
    with pytest.raises(ValueError, match="`name`"):
        Study(name, {"alpha": (0.0, 0.1), "seed": (0,)}, run=lambda cell: {})


@pytest.mark.parametrize("level", ["../away", "a/b", "a,b"])
def test_a_level_that_is_no_folder_name_is_refused(level):
    with pytest.raises(ValueError, match="Factor `data`"):
        Study("s", {"alpha": (0.0, 0.1), "seed": (0,), "data": (level,)}, run=lambda cell: {})


def test_a_cell_knows_its_levels():
    assert Cell((("alpha", 0.05), ("seed", 3)))["seed"] == 3


def test_every_built_in_study_or_suite_is_found_by_its_name_and_says_what_it_asks():
    for name, question in builtin_studies().items():
        planned = plan(name)
        assert planned.name == name
        assert planned.question == question
        assert question.endswith("?")


def test_a_users_file_is_loaded_by_its_path(study_file):
    source = load(study_file())
    assert source.study.name == "invented"
    assert source.question == "Do invented networks behave as invented?"


def test_the_fingerprint_is_the_text_of_the_file(study_file):
    one, same = load(study_file()), load(study_file())
    other = load(study_file(seeds=(0, 1)))
    assert one.fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("smothing", "Did you mean 'smoothing'"),
        ("missing.py", "there is none at"),
        ("empty.py", "must define `study`"),
    ],
)
def test_what_is_no_study_is_refused(reference, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.py").write_text('"""Nothing."""\n')
    with pytest.raises(ValueError, match=sentence):
        load(reference)
