"""The card says what the evidence says: each headline from evidence that was made to earn it."""

import numpy as np
import pytest

from smoothlab.lab import Evidence, Store, gather, judge, load, paper, run
from smoothlab.lab.images import LISTED as MEASURES
from smoothlab.report import render
from smoothlab.report.card import card
from smoothlab.report.study import Answer, study_page

ALPHAS = (0.0, 0.05, 0.1)
NOISE = np.random.default_rng(11).normal(0, 5e-4, (len(MEASURES), 3, 10))
LEVELS = {
    "accuracy": (0.85, 0.86, 0.86),
    "ece": (0.09, 0.02, 0.05),
    "ece_scaled": (0.02, 0.02, 0.02),
    "validation_ece": (0.09, 0.02, 0.05),
    "nll": (0.6, 0.5, 0.55),
    "nc1": (0.5, 0.3, 0.2),
}

SAME = {"accuracy": (0.86, 0.86, 0.86)}


def evidence(seeds: int = 10, **changed: tuple[float, float, float]) -> Evidence:
    levels = {**LEVELS, **changed}
    values = {
        measure.name: np.array(levels.get(measure.name, (0.0, 0.0, 0.0)))[:, None] + NOISE[index][:, :seeds]
        for index, measure in enumerate(MEASURES)
    }
    return Evidence({"alpha": ALPHAS, "seed": tuple(range(seeds))}, values, {})


@pytest.mark.parametrize(
    ("changed", "headline"),
    [
        ({}, "Smoothing raised accuracy. It improved calibration, and temperature scaling alone would do."),
        ({"accuracy": (0.86, 0.85, 0.85)}, "Smoothing cost accuracy."),
        ({"accuracy": (0.86, 0.86, 0.86)}, "Smoothing did not move accuracy beyond chance."),
        ({"ece": (0.02, 0.09, 0.09)}, "It made calibration worse."),
        ({"ece": (0.05, 0.05, 0.05)}, "It did not move calibration beyond chance."),
        (
            {"ece_scaled": (0.05, 0, 0)},
            "improved calibration, and by more than temperature scaling alone would.",
        ),
        ({"ece": (0.09, 0.05, 0.05)}, "improved calibration, but temperature scaling alone would do better."),
    ],
)
def test_what_was_found_follows_the_evidence(changed, headline):
    assert headline in card(evidence(**changed)).sentences[0]


@pytest.mark.parametrize(
    ("changed", "advice"),
    [
        ({}, "Use smoothing."),
        ({"ece": (0.02, 0.09, 0.09)}, "Use smoothing for accuracy, but not for calibration."),
        (SAME, "Use temperature scaling."),
        ({"accuracy": (0.86, 0.85, 0.85)}, "Use temperature scaling."),
        (SAME | {"ece_scaled": (0.05, 0, 0)}, "Use smoothing."),
        (SAME | {"ece": (0.02, 0.05, 0.05)}, "Use neither smoothing nor temperature scaling."),
    ],
)
def test_the_headline_says_what_to_use(changed, advice):
    assert card(evidence(**changed)).headline == advice


def test_a_temperature_that_is_not_shown_to_do_worse_is_tried_first_because_it_is_free():
    spread = np.random.default_rng(1).normal(0, 0.03, 10)
    open_ended = evidence(**SAME)
    open_ended.values["ece_scaled"][0] = 0.02 + spread - spread.mean()
    assert card(open_ended).headline == "Try temperature scaling first."


def test_the_card_names_the_alpha_that_validation_data_chose():
    chosen = card(evidence(validation_ece=(0.09, 0.05, 0.02)))
    assert "α = 0.1, which has the least ECE on validation data" in chosen.sentences[-1]


def test_every_number_of_the_card_has_an_interval_and_n():
    for number in card(evidence()).numbers:
        assert number.note.startswith("[")
        assert number.note.endswith("n = 10")


def test_two_seeds_get_no_verdict():
    assert card(evidence(seeds=2)).headline == "Not enough runs for a verdict yet."


def test_noise_that_leaves_the_comparison_open_is_said_to():
    spread = np.random.default_rng(1).normal(0, 0.03, 10)
    open_ended = evidence()
    open_ended.values["ece_scaled"][0] = 0.02 + spread - spread.mean()
    assert "might do as well" in card(open_ended).sentences[0]


def test_a_page_of_a_store_has_every_part(study_file, tmp_path):
    source = load(study_file())
    store = Store.create(tmp_path / "store", source)
    list(run(source, store, executor=lambda task, cells: map(task, cells)))
    of_store = gather(store, store.records().values())
    page = study_page(Answer(store, of_store, judge(paper.IMAGES, of_store)))
    assert [section.title for section in page.sections] == [
        "What was claimed, and what came of it",
        "Does confidence mean what it says?",
        "What does smoothing do to the representation?",
        "What changes along α?",
        "The numbers",
    ]
    assert dict(page.facts)["Study file, SHA-256"] == source.fingerprint


def test_what_a_user_names_is_inert_on_the_page(study_file, tmp_path):
    source = load(study_file(question="Is <script>alert(1)</script> inert?"))
    store = Store.create(tmp_path / "store", source)
    of_store = gather(store, [])
    html = render(study_page(Answer(store, of_store, judge(paper.IMAGES, of_store))))
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
