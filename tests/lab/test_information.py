"""What a network still knows of an example: draws in their order, known clusters, and S17 on made-up evidence."""

import numpy as np
import pytest

from smoothlab import Predictions
from smoothlab.lab import Cell, Outcome, Run, compare, information
from smoothlab.measures import fresh_information, plug_in_information

EPOCHS = (0, 2, 4, 8)
DRAWS = 10
CELL = Cell((("alpha", 0.1), ("seed", 0)))


def said(differences) -> Predictions:
    """A file of draws whose difference of logits is given as [epochs, draws, examples]."""
    epochs, draws, examples = differences.shape
    logits = np.stack([differences.ravel(), np.zeros(differences.size)], 1)
    lengths = {"epochs": list(EPOCHS[:epochs]), "draws": draws, "examples": examples}
    return Predictions(logits, np.zeros(differences.size, np.int64), meta=lengths)


def test_draws_come_back_a_row_for_each_example_and_a_column_for_each_draw():
    differences = np.arange(2 * 4 * 3.0).reshape(2, 4, 3)
    stored = said(differences)
    for index, epoch in enumerate(EPOCHS[:2]):
        np.testing.assert_array_equal(information.draws_of(stored, epoch), differences[index].T)


def test_the_logits_are_subtracted_the_second_from_the_first():
    stored = Predictions(
        np.array([[1.0, 4.0], [5.0, 2.0]]),
        np.array([0, 0]),
        meta={"epochs": [0], "draws": 2, "examples": 1},
    )
    assert information.draws_of(stored, 0).tolist() == [[-3.0, 3.0]]


@pytest.fixture
def collapsed():
    """Two clusters in which nothing tells one example from another: what is left is one bit, log 2 = .693 nats."""
    random = np.random.default_rng(0)
    cluster = np.repeat([-50.0, 50.0], 300)
    return cluster + random.normal(size=(len(EPOCHS), DRAWS, 600))


def test_a_fresh_draw_does_not_read_collapsed_clusters_above_one_bit_and_the_plug_in_does(collapsed):
    run = Run(CELL, {"draws": said(collapsed)})
    found = information.take(run, EPOCHS[0])
    # 0.626 and 0.805 by theory (see `measures.information`); one sample of 600 examples strays by about .01
    assert found["information"] == pytest.approx(0.626, abs=0.03)
    assert found["plug_in"] == pytest.approx(0.805, abs=0.03)


def test_the_first_draws_make_the_means_and_the_others_are_scored(collapsed):
    draws = information.draws_of(said(collapsed), EPOCHS[1])
    found = information.take(Run(CELL, {"draws": said(collapsed)}), EPOCHS[1])
    assert found["information"] == fresh_information(draws[:, :5], draws[:, 5:])
    assert found["plug_in"] == plug_in_information(draws[:, :5])


def test_accuracies_are_taken_of_the_end_and_stand_beside_the_last_epoch_alone(collapsed):
    sure = Predictions(9 * np.eye(2), np.array([0, 1]))
    run = Run(CELL, {"draws": said(collapsed), "train": sure, "test": sure})
    assert set(information.take(run, EPOCHS[0])) == {"information", "plug_in"}
    last = information.take(run, EPOCHS[-1])
    assert set(last) == {each.name for each in information.LISTED}
    assert (last["accuracy"], last["train_accuracy"]) == (1.0, 1.0)


def test_a_peak_is_where_the_other_seeds_have_theirs():
    over = np.array([[1.0, 1.0, 9.0], [2.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
    # the third seed's own height decides for the first two, and theirs for the third
    np.testing.assert_array_equal(information.peak(over), [1.0, 1.0, 0.0])


def test_a_seeds_own_luck_does_not_make_its_peak():
    """Of pure noise the largest of a seed's values lies above its last; the value that others choose does not."""
    over = np.random.default_rng(2).normal(size=(8, 2000))
    # four standard errors of a mean of 2,000 are .09, where the mean largest of eight is 1.42
    assert information.peak(over).mean() == pytest.approx(0, abs=0.09)


def test_a_seed_without_runs_has_no_peak_and_takes_none_from_the_others():
    over = np.array([[1.0, 1.0, np.nan], [3.0, 3.0, np.nan], [2.0, 2.0, np.nan]])
    np.testing.assert_array_equal(information.peak(over), [3.0, 3.0, np.nan])


def test_one_seed_alone_has_no_other_to_choose_by_and_is_not_divided_by_none():
    assert information.peak(np.array([[1.0], [2.0]])).tolist() == [1.0]


PATH = {0: 0.1, 2: 2.0, 4: 1.5, 8: 0.8}


@pytest.fixture
def evidence(invented):
    def make(*, seeds=10, smoothed=PATH, hard=1.2):
        def at(alpha, epoch):
            return {"information": hard if alpha == 0 else smoothed[epoch]}

        return invented({"alpha": (0.0, 0.1), "epoch": EPOCHS}, at, seeds=seeds)

    return make


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({}, Outcome.PASS),
        ({"hard": 0.5}, Outcome.FAIL),
        ({"smoothed": {0: 0.1, 2: 0.4, 4: 0.6, 8: 0.8}}, Outcome.UNDECIDED),
        ({"seeds": 2}, Outcome.UNDECIDED),
    ],
    ids=["falls and ends lower", "ends higher", "ends lower and never fell", "two seeds"],
)
def test_information_must_fall_from_its_peak_and_end_below_that_of_hard_labels(
    evidence, outcomes, changed, outcome
):
    assert outcomes(information.CLAIMS, evidence(**changed))["S17"] is outcome


def test_the_fall_from_the_peak_is_told_beside_the_difference(evidence):
    found = evidence()
    finding = information.CLAIMS[0].judge(found)
    assert finding.side.estimate.value == pytest.approx(-0.4, abs=1e-3)
    last, top = (found.at("information", 0.1, epoch=epoch) for epoch in (8, 2))
    assert f"it changed by {compare.difference(last, top)}." in finding.note


def test_no_run_at_all_decides_nothing(evidence, outcomes, nothing):
    assert outcomes(information.CLAIMS, nothing(evidence()))["S17"] is Outcome.UNDECIDED


def test_a_study_is_seen_after_each_epoch_that_it_kept():
    assert information.informed(EPOCHS).views == {"epoch": EPOCHS}
    assert all(panel.along == "epoch" for panel in information.PANELS)
