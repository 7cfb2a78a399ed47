"""The penultimate layer in numbers: exact geometries, and S1 to S5 on made-up evidence."""

import numpy as np
import pytest

from smoothlab import Predictions
from smoothlab.lab import Cell, Outcome, Run, compare, geometry

CLASSES = 4
SIMPLEX = np.eye(CLASSES) - 1 / CLASSES
"""Four points equally far from each other: what collapse ends in."""
CELL = Cell((("alpha", 0.1), ("seed", 0)))


def collapsed(spread=0.0, *, n=400, confused=(), seed=0, means=SIMPLEX) -> Predictions:
    """Features at their class's mean but for noise, under a head of the means; `confused` pairs get each other's."""
    labels = np.arange(n) % CLASSES
    at = labels.copy()
    for one, other, every in confused:
        at[(labels == one) & (np.arange(n) // CLASSES % every == 0)] = other
    features = means[at] + spread * np.random.default_rng(seed).normal(size=(n, CLASSES))
    return Predictions(
        10 * features @ means.T, labels, features=features, weight=10 * means, bias=np.zeros(4)
    )


def run(teacher=None, **parts) -> Run:
    splits = {split: collapsed(0.05, seed=seed) for seed, split in enumerate(("train", "validation", "test"))}
    return Run(CELL, {**splits, **parts}, teacher)


def test_every_measure_has_a_label_of_its_own_and_is_taken():
    taken = geometry.take(run())
    assert set(taken) == {each.name for each in geometry.GEOMETRY.listed}
    assert all(np.isfinite(list(taken.values())))
    assert len({each.label for each in geometry.GEOMETRY.listed}) == len(taken)
    assert set(geometry.GEOMETRY.shown) < set(taken)


def test_a_collapsed_network_is_an_exact_simplex_whose_head_points_at_its_means():
    taken = geometry.take(run(train=collapsed()))
    for name in ("nc1", "nc2_norms", "nc2_angles", "nc3", "scatter_ratio"):
        assert taken[name] == pytest.approx(0, abs=1e-10), name
    assert taken["r_squared"] == pytest.approx(1)
    assert taken["nc4"] == 1.0


def test_a_crooked_simplex_is_told_from_a_regular_one():
    stretched = SIMPLEX * np.array([3.0, 1.0, 1.0, 1.0])
    taken = geometry.take(run(train=collapsed(means=stretched)))
    assert taken["nc2_norms"] > 0.1
    assert taken["nc2_angles"] > 0.1


def test_without_features_there_is_no_geometry_of_them():
    said = collapsed(0.05)
    bare = Predictions(said.logits, said.labels)
    taken = geometry.take(run(train=bare))
    assert not {each.name for each in geometry.OWN} & set(taken)
    assert {"accuracy", "gap_spread", "gamma"} <= set(taken)


def test_the_pair_and_the_far_class_come_from_the_confusions_of_the_hard_network():
    hard = run(validation=collapsed(0.05, confused=((0, 1, 2), (1, 0, 2), (2, 0, 4), (2, 1, 4))))
    smoothed = run(hard, validation=collapsed(0.05, confused=((2, 3, 2),)))
    assert geometry.alike_and_far(hard) == (0, 1, 3)
    assert geometry.alike_and_far(smoothed) == (0, 1, 3)


def test_examples_on_the_way_between_two_means_are_a_continuum_and_those_at_a_mean_are_none():
    labels = np.arange(400) % CLASSES
    way = np.zeros(400)
    way[labels == 0], way[labels == 1] = np.linspace(0, 0.45, 100), np.linspace(0.55, 1, 100)
    ends = SIMPLEX[np.where(labels == 1, 0, labels)]
    features = ends + way[:, None] * (SIMPLEX[1] - SIMPLEX[0])
    spread = Predictions(10 * features @ SIMPLEX.T, labels, features=features, weight=10 * SIMPLEX)
    confused = run(validation=collapsed(confused=((0, 1, 2), (1, 0, 2))))
    assert geometry.take(run(confused, validation=collapsed()))["continuum"] == 0
    # the means lie at .225 and .775 of the way, so that its middle half is from .3625 to .6375
    share = (0.45 - 0.3625) * 2 / 0.9
    assert geometry.take(run(confused, validation=spread))["continuum"] == pytest.approx(share, abs=0.01)


AS_CLAIMED = {
    "train_accuracy": (1.0, 1.0, 1.0, 1.0),
    "accuracy": (0.85, 0.85, 0.855, 0.86),
    "nc1": (0.5, 0.4, 0.3, 0.2),
    "scatter_ratio": (0.3, 0.35, 0.4, 0.45),
    "gap_spread": (0.4, 0.3, 0.2, 0.1),
    "gap_scale": (20.0, 6.0, 5.0, 4.0),
    "arc_spread": (0.3, 0.2, 0.1, 0.1),
    "continuum": (0.4, 0.3, 0.2, 0.1),
}
ALPHAS = (0.0, 0.05, 0.1, 0.2)


@pytest.fixture
def evidence(invented):
    def make(*, seeds=10, **changed):
        levels = {**AS_CLAIMED, **changed}

        def said(alpha):
            return {name: of[ALPHAS.index(alpha)] for name, of in levels.items()}

        return invented({"alpha": ALPHAS}, said, seeds=seeds)

    return make


def test_evidence_as_the_paper_has_it_passes(evidence, outcomes):
    claims = ("S1", "S2", "S3", "S4", "S5")
    assert outcomes(geometry.FAMILY, evidence()) == dict.fromkeys(claims, Outcome.PASS)


def test_an_arc_that_spreads_fails_the_claim(evidence, outcomes):
    assert outcomes(geometry.FAMILY, evidence(arc_spread=(0.1, 0.2, 0.3, 0.3)))["S4"] is Outcome.FAIL


def test_the_arc_is_not_judged_on_a_network_that_does_not_fit_its_training_set(evidence, outcomes):
    judged = outcomes(geometry.FAMILY, evidence(train_accuracy=(0.9, 0.9, 0.9, 0.9)))
    assert judged == {**dict.fromkeys(("S1", "S2", "S3", "S4"), Outcome.OUT_OF_REGIME), "S5": Outcome.PASS}


def test_a_cluster_that_tightens_at_one_alpha_and_loosens_at_the_others_is_undecided(evidence, outcomes):
    assert outcomes(geometry.FAMILY, evidence(nc1=(0.5, 0.6, 0.4, 0.7)))["S1"] is Outcome.UNDECIDED


def test_two_alphas_have_no_trend_and_are_judged_by_their_difference(evidence, outcomes):
    """A grid may leave out alphas of one network; those rows are there without a run."""
    none = float("nan")
    assert outcomes(geometry.FAMILY, evidence(nc1=(0.5, none, 0.4, none)))["S1"] is Outcome.PASS


def test_the_continuum_is_told_beside_the_arc(evidence):
    found = evidence()
    s4 = next(claim for claim in geometry.FAMILY if claim.id == "S4").judge(found)
    assert s4.side.estimate.value == pytest.approx(-0.2, abs=1e-3)
    change = compare.difference(found.at("continuum", 0.1), found.at("continuum", 0.0))
    assert s4.note == f"The share of the pair between its means changes by {change}."


def test_two_seeds_or_none_decide_nothing(evidence, outcomes, nothing):
    assert set(outcomes(geometry.FAMILY, evidence(seeds=2)).values()) == {Outcome.UNDECIDED}
    none = outcomes(geometry.FAMILY, nothing(evidence()))
    assert none == {**dict.fromkeys(("S1", "S2", "S3", "S4"), Outcome.OUT_OF_REGIME), "S5": Outcome.UNDECIDED}
