"""What the costs measure of runs whose numbers are known."""

import numpy as np
import pytest

from smoothlab import Predictions
from smoothlab.lab import Cell, Run, costs
from smoothlab.measures import aurc

KIND_OF = [0, 0, 1, 1]


def said(n=400, scale=4.0, seed=5) -> Predictions:
    labels = np.arange(n) % 4
    noise = np.random.default_rng(seed).normal(0, 1.5, (n, 4))
    return Predictions(scale * np.eye(4)[labels] + noise, labels)


def of_kinds(n=200, *, told=1.0, seed=6) -> Predictions:
    """Kinds are always right; features tell a class from its neighbour as far as `told` is above their noise."""
    labels = np.arange(n) % 4
    kinds = np.array(KIND_OF)[labels]
    features = np.stack([labels % 2 * told, kinds], 1)
    features = features + np.random.default_rng(seed).normal(0, 0.1, (n, 2))
    logits = 5.0 * (kinds[:, None] == np.array(KIND_OF))
    return Predictions(logits, labels, features=features, meta={"kind_of": KIND_OF})


def whole(**changed) -> Run:
    parts = {
        **{split: said() for split in costs.SPLITS},
        **{f"corrupted_{kind}": said(scale=2.0) for kind in costs.CORRUPTIONS},
        **{f"kinds_{split}": of_kinds() for split in costs.SPLITS},
        "known": said(),
        "unknown": said(scale=0.0),
    }
    return Run(
        Cell((("loss", "cross-entropy"), ("alpha", 0.0), ("seed", 0))),
        {**parts, **{name.replace("__", "_"): of for name, of in changed.items()}},
    )


def test_every_measure_has_a_label_of_its_own_and_is_taken():
    taken = costs.take(whole())
    assert set(taken) == {each.name for each in costs.COSTS.listed}
    assert all(np.isfinite(list(taken.values())))
    assert len({each.label for each in costs.COSTS.listed}) == len(taken)
    assert set(costs.COSTS.shown) < set(taken)


def loud_errors() -> tuple[Predictions, np.ndarray]:
    """Right answers said softly and wrong ones loudly: what confidence gets wrong, the shape of the logits knows."""
    random, labels = np.random.default_rng(7), np.arange(400) % 4
    right = random.random(400) < 0.8
    shape = np.where(right[:, None], np.eye(4)[labels], np.eye(4)[labels - 1] + 0.9 * np.eye(4)[labels])
    logits = shape * np.where(right, 1.0, 40.0)[:, None] + random.normal(0, 0.01, (400, 4))
    return Predictions(logits, labels), right


def test_the_logit_norm_repairs_confidence_that_was_suppressed_by_the_scale_alone():
    loud, right = loud_errors()
    taken = costs.take(whole(validation=loud, test=loud))
    first = np.arange(400) < right.sum()  # all right answers, and then all wrong ones
    best = aurc(-np.arange(400.0), first)
    assert taken["aurc"] > 1 - right.mean()  # worse than an order that knows nothing
    assert taken["aurc_norm"] == pytest.approx(best, abs=1e-12)
    assert taken["excess_aurc"] == pytest.approx(taken["aurc"] - best, abs=1e-12)
    assert taken["augrc"] < taken["aurc"]


def test_the_power_of_the_norm_is_chosen_on_validation_data_whatever_test_data_would_choose():
    """In two classes every norm says the same of all, so that validation data keep the maximum probability."""
    random, labels = np.random.default_rng(7), np.arange(400) % 2
    logits = np.full((400, 4), -np.inf)
    logits[:, :2] = 2 * np.eye(2)[labels] + random.normal(0, 1, (400, 2))
    taken = costs.take(whole(validation=Predictions(logits, labels), test=loud_errors()[0]))
    assert taken["aurc_norm"] == taken["aurc"]


def test_the_risk_of_the_surest_counts_their_errors_alone():
    confident = np.linspace(1, 0, 100)
    correct = np.ones(100, bool)
    correct[[3, 7, 50, 90]] = False
    assert costs.risk_at(confident, correct, coverage=0.2) == pytest.approx(2 / 20)
    assert costs.risk_at(confident, correct, coverage=1.0) == pytest.approx(4 / 100)


def test_examples_of_one_score_are_equally_wrong_wherever_the_share_ends():
    correct = np.arange(10) >= 4
    assert costs.risk_at(np.ones(10), correct, coverage=0.2) == pytest.approx(0.4)


def test_a_probe_reads_what_the_features_tell_of_classes_and_no_more():
    assert costs.take(whole())["probe"] == 1.0
    erased = {f"kinds__{split}": of_kinds(told=0.0, seed=seed) for seed, split in enumerate(costs.SPLITS)}
    # two classes of a kind that nothing tells apart are guessed: four standard errors of 200 tosses are .14
    assert costs.take(whole(**erased))["probe"] == pytest.approx(0.5, abs=0.14)


def test_the_accuracy_on_kinds_forgives_the_wrong_class_of_the_right_kind():
    test = of_kinds()
    swapped = Predictions(test.logits, test.labels ^ 1, features=test.features, meta=test.meta)
    assert costs.take(whole(kinds__test=swapped))["kinds_accuracy"] == 1.0
    wrong = Predictions(test.logits, (test.labels + 2) % 4, features=test.features, meta=test.meta)
    assert costs.take(whole(kinds__test=wrong))["kinds_accuracy"] == 0.0


def test_corrupted_measures_are_means_over_the_kinds_of_corruption():
    labels = np.arange(4)
    good, bad = Predictions(9.0 * np.eye(4), labels), Predictions(9.0 * np.eye(4), (labels + 1) % 4)
    parts = dict(zip(costs.CORRUPTIONS, (good, good, good, bad), strict=True))
    taken = costs.take(whole(**{f"corrupted__{kind}": of for kind, of in parts.items()}))
    assert taken["corrupted_accuracy"] == 0.75
    # nearly sure: its error is nearly 0 where it is right, and nearly 1 where it is wrong
    assert taken["corrupted_ece"] == pytest.approx(0.25, abs=1e-3)
    assert taken["corrupted_nll"] == pytest.approx(9 / 4, abs=1e-3)


def test_the_unknown_are_told_from_the_known_or_not_at_all():
    apart = costs.take(
        whole(known=said(scale=50.0), unknown=Predictions(np.zeros((50, 4)), np.arange(50) % 4))
    )
    assert (apart["auroc"], apart["auroc_energy"], apart["auroc_norm"], apart["fpr"]) == (1, 1, 1, 0)
    same = said()
    alike = costs.take(whole(known=same, unknown=same))
    assert (alike["auroc"], alike["auroc_energy"], alike["auroc_norm"]) == (0.5, 0.5, 0.5)
    assert alike["fpr"] == pytest.approx(0.95)


def test_the_panels_draw_measures_that_there_are_and_smoothing_along_alpha():
    for panel in costs.PANELS:
        assert panel.measure in costs.COSTS
