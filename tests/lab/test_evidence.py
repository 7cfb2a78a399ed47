import numpy as np
import pytest

from smoothlab.lab import Cell, Measure, Measures, Run, Store, gather, load, run
from smoothlab.lab.images import LISTED, achieved_smoothing, take
from smoothlab.measures import ideal_gap
from smoothlab.predictions import Predictions

RANDOM = np.random.default_rng(3)


def said(n=200, scale=3.0, features=True) -> Predictions:
    labels = np.arange(n) % 4
    logits = scale * np.eye(4)[labels] + RANDOM.normal(0, 1, (n, 4))
    return Predictions(logits, labels, features=logits if features else None, weight=np.eye(4))


def measure(train, validation, test):
    cell = Cell((("alpha", 0.0), ("seed", 0)))
    return take(Run(cell, {"train": train, "validation": validation, "test": test}))


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("classes", [2, 10, 100])
def test_a_model_that_fits_its_smoothed_targets_has_achieved_alpha(alpha, classes):
    labels = np.arange(classes)
    fitted = Predictions(ideal_gap(alpha, classes) * np.eye(classes), labels)
    assert achieved_smoothing(fitted) == pytest.approx(alpha, rel=1e-12)


def test_every_measure_has_a_name_a_label_and_a_definition_and_is_taken():
    taken = measure(said(), said(), said(features=False))
    assert set(taken) == {each.name for each in LISTED}
    assert all(np.isfinite(list(taken.values())))
    assert len({each.label for each in LISTED}) == len(LISTED)


def test_the_temperature_comes_from_validation_data_alone():
    train, validation = said(), said()
    one = measure(train, validation, said(scale=1.0))
    other = measure(train, validation, said(scale=9.0))
    assert one["temperature"] == other["temperature"]


def test_a_temperature_without_a_minimum_is_left_out_rather_than_reported():
    separable = said(scale=50.0)
    taken = measure(said(), separable, said())
    assert not {"temperature", "ece_scaled", "nll_scaled"} & set(taken)


def test_without_features_there_is_no_geometry_of_them():
    assert "nc1" not in measure(said(features=False), said(), said())


def test_failed_and_missing_runs_are_nan_and_failures_keep_their_reason(study_file, tmp_path):
    source = load(study_file(diverges_at=0.05))
    store = Store.create(tmp_path / "store", source)
    list(run(source, store, executor=lambda task, cells: map(task, cells)))
    store.discard("alpha=0.1,seed=2")
    evidence = gather(store, store.records().values())
    there = np.isfinite(evidence.values["accuracy"])
    np.testing.assert_array_equal(there, [[True] * 4, [False] * 4, [True, True, False, True]])
    assert set(evidence.failures.values()) == {"the loss was nan at step 7"}
    assert evidence.mean("accuracy", 0.1) == pytest.approx(np.nanmean(evidence.values["accuracy"][2]))


def test_the_best_alpha_is_never_one_without_runs(study_file, tmp_path):
    source = load(study_file(diverges_at=0.05))
    store = Store.create(tmp_path / "store", source)
    list(run(source, store, executor=lambda task, cells: map(task, cells)))
    assert gather(store, store.records().values()).best("validation_ece") == 0.1


def test_runs_that_the_study_no_longer_asks_for_do_not_count(study_file, tmp_path):
    source = load(study_file())
    store = Store.create(tmp_path / "store", source)
    list(run(source, store, executor=lambda task, cells: map(task, cells)))
    store = Store.create(store.path, load(study_file(seeds=(0, 1))))
    assert gather(store, store.records().values()).values["accuracy"].shape == (3, 2)


def test_a_view_measures_the_same_runs_once_for_each_of_its_levels(study_file, tmp_path):
    store = Store.create(tmp_path / "store", load(study_file(seeds=(0, 1))))
    list(run(load(study_file(seeds=(0, 1))), store, executor=lambda task, cells: map(task, cells)))
    viewed = Measures(
        (Measure("top", "Largest logit", "at a temperature"),),
        lambda run, temperature: {"top": float(run["test"].logits.max()) / temperature},
        views={"temperature": (1.0, 2.0)},
    )
    evidence = gather(store, store.records().values(), viewed)
    assert list(evidence.factors) == ["alpha", "temperature", "seed"]
    np.testing.assert_array_equal(
        evidence.at("top", 0.1, temperature=1.0), 2 * evidence.at("top", 0.1, temperature=2.0)
    )
