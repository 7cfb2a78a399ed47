"""Several studies side by side: stored, judged as one family, opened again, and refused where something is broken."""

from pathlib import Path

import numpy as np
import pytest

from smoothlab.lab import (
    Evidence,
    Plan,
    Store,
    Suite,
    compare,
    judge_families,
    load,
    open_stores,
    paper,
    plan,
    run,
    source_of,
)

ON = """

def on(data):
    return Study("invented", study.factors, run=run, settings={"data": data[0]})
"""
"""What a study file says more if it takes other data."""


def in_turn(task, cells):
    return map(task, cells)


@pytest.fixture
def pair(study_file, tmp_path):
    """A plan of two invented studies, as a suite's module would give it."""
    text, sources = Path(study_file()).read_text(), []
    for name in ("one", "other"):
        path = tmp_path / f"{name}.py"
        path.write_text(text.replace('name="invented"', f'name="{name}"'))
        sources.append(load(str(path)))
    return Plan("both", "Do both behave?", tuple(sources), True)


@pytest.fixture
def anywhere(study_file):
    """The path of a study that takes other data."""
    path = Path(study_file())
    path.write_text(path.read_text() + ON)
    return str(path)


def test_members_are_stored_side_by_side_and_opened_again_in_their_order(pair, tmp_path):
    made = pair.stores(tmp_path / "runs")
    assert [store.path for store in made] == [tmp_path / "runs" / "one", tmp_path / "runs" / "other"]
    question, stores = open_stores(tmp_path / "runs")
    assert question == "Do both behave?"
    assert [store.path for store in stores] == [store.path for store in made]
    assert [store.manifest["name"] for store in stores] == ["one", "other"]


def test_what_was_run_is_there_when_the_suite_is_taken_up_again(pair, tmp_path):
    first = pair.stores(tmp_path / "runs")[0]
    list(run(pair.sources[0], first, executor=in_turn))
    again, other = pair.stores(tmp_path / "runs")
    assert len(again.records()) == 12
    assert other.records() == {}


def test_a_study_alone_is_a_plan_of_one_whose_store_is_the_folder_itself(study_file, tmp_path):
    alone = plan(study_file())
    assert not alone.is_suite
    [store] = alone.stores(tmp_path / "runs")
    assert store.path == tmp_path / "runs"
    question, [opened] = open_stores(tmp_path / "runs")
    assert (question, opened.path) == (alone.question, store.path)


def test_a_built_in_suite_is_planned_by_its_name_with_every_member():
    whole = plan("paper")
    assert whole.is_suite
    assert whole.question.endswith("?")
    assert [source.study.name for source in whole.sources] == [source.reference for source in whole.sources]
    assert len(whole.sources) == 6


def test_a_suite_of_a_users_file_is_planned_by_its_path(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        '"""Two of them?"""\nfrom smoothlab.lab import Suite\nsuite = Suite("mine", ("smoothing", "information"))\n'
    )
    mine = plan(str(path))
    assert (mine.name, mine.question, len(mine.sources)) == ("mine", "Two of them?", 2)


def test_data_go_to_every_member():
    whole = plan("paper", ("fashion_mnist", "/nowhere"))
    assert all(source.data == ("fashion_mnist", "/nowhere") for source in whole.sources)
    assert all(str(source.study.settings["data"]).startswith("fashion_mnist") for source in whole.sources)


def family(p_of_seeds) -> Evidence:
    fitted = np.array([1.9 + np.zeros(4), 1.9 + np.array(p_of_seeds)])
    return Evidence({"alpha": (0.0, 0.1), "seed": (0, 1, 2, 3)}, {"temperature": fitted}, {})


def test_p_values_are_corrected_over_the_claims_of_all_members():
    sure, unsure = family([-0.5, -0.6, -0.5, -0.4]), family([-0.5, 0.4, -0.1, 0.2])
    claims = [paper.TEMPERATURE_FALLS]
    raw = [claims[0].judge(evidence).side.p for evidence in (sure, unsure, unsure)]
    judged = judge_families([(claims, evidence) for evidence in (sure, unsure, unsure)])
    assert [verdicts[0].p for verdicts in judged] == pytest.approx(compare.holm(raw))
    assert judged[0][0].p == pytest.approx(3 * raw[0])


def test_a_claim_out_of_its_regime_counts_for_nothing_in_the_family():
    outside = Evidence(
        {"alpha": (0.0, 0.1), "seed": (0, 1, 2, 3)},
        {"validation_gap": np.zeros((2, 4)), "validation_ece": np.zeros((2, 4)), "ece": np.zeros((2, 4))},
        {},
    )
    sure = family([-0.5, -0.6, -0.5, -0.4])
    judged = judge_families([([paper.CALIBRATES], outside), ([paper.TEMPERATURE_FALLS], sure)])
    assert judged[0][0].p is None
    assert judged[1][0].p == paper.TEMPERATURE_FALLS.judge(sure).side.p


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"format": 1, "name": "both", "question": "?"}', '{"format": 1, "studies": 5}'],
)
def test_a_manifest_that_we_did_not_write_is_refused_in_one_sentence(pair, tmp_path, text):
    pair.stores(tmp_path / "runs")
    (tmp_path / "runs" / "suite.json").write_text(text)
    for opening in (open_stores, pair.stores):
        with pytest.raises(ValueError, match=r"not a suite's manifest\. Delete it"):
            opening(tmp_path / "runs")


def test_a_manifest_of_a_newer_format_is_refused(pair, tmp_path):
    pair.stores(tmp_path / "runs")
    file = tmp_path / "runs" / "suite.json"
    file.write_text(file.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(ValueError, match="has format 2, but this smoothlab reads 1"):
        open_stores(tmp_path / "runs")


def test_a_member_that_is_gone_is_named(pair, tmp_path):
    pair.stores(tmp_path / "runs")
    (tmp_path / "runs" / "other").rename(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"There is no run store at .*other"):
        open_stores(tmp_path / "runs")


def test_a_folder_belongs_to_the_suite_or_the_study_that_made_it(pair, study_file, tmp_path):
    alone = plan(study_file())
    pair.stores(tmp_path / "suite")
    alone.stores(tmp_path / "study")
    other = Plan("another", pair.question, pair.sources, True)
    for wrong, folder, owner in (
        (other, "suite", "the suite 'both'"),
        (Plan("both", alone.question, alone.sources, False), "suite", "the suite 'both'"),
        (alone, "suite", "the suite 'both'"),
        (pair, "study", "the study 'invented'"),
    ):
        with pytest.raises(ValueError, match=f"belongs to {owner}, not to .* Choose another with --store"):
            wrong.stores(tmp_path / folder)
    assert not (tmp_path / "suite" / "study.json").exists()


def test_the_study_of_a_store_is_found_again_with_its_data(anywhere, tmp_path):
    data = ("mnist", "/somewhere")
    store = Store.create(tmp_path / "store", load(anywhere, data))
    again = source_of(Store.open(store.path))
    assert (again.data, again.study.settings["data"]) == (data, "mnist")
    own = source_of(Store.create(tmp_path / "own", load(anywhere)))
    assert (own.data, own.study.settings) == (None, {})


def test_a_store_refuses_other_data_than_it_was_made_for(anywhere, tmp_path):
    own, other = load(anywhere), load(anywhere, ("mnist", "/somewhere"))
    Store.create(tmp_path / "own", own)
    Store.create(tmp_path / "other", other)
    for folder, wrong in (("own", other), ("other", own), ("other", load(anywhere, ("mnist", "/elsewhere")))):
        with pytest.raises(ValueError, match="holds runs on other data"):
            Store.create(tmp_path / folder, wrong)


def test_data_for_a_study_of_its_own_are_refused(study_file):
    with pytest.raises(ValueError, match="`--data` needs a study that takes other data"):
        load(study_file(), ("mnist", "/somewhere"))


def test_a_suite_names_its_members_in_order():
    assert Suite("mine", ("b", "a")).studies == ("b", "a")
