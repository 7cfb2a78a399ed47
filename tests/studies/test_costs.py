"""What the study of costs makes of its data, and its losses."""

import numpy as np
import pytest
import torch

from smoothlab.data import FASHION_KINDS, fashion_mnist_small
from smoothlab.lab import Cell
from smoothlab.lab import costs as measured
from smoothlab.studies import costs
from smoothlab.torch.train import EpochReport, Training

DIGITS = tuple("0123456789")


def cell(loss="cross-entropy", alpha=0.0) -> Cell:
    return Cell((("loss", loss), ("alpha", alpha), ("seed", 0)))


def test_alpha_is_of_smoothed_labels_alone_and_every_loss_has_one_cell_a_seed():
    keys = {(each["loss"], each["alpha"]) for each in costs.study.cells()}
    assert keys == {("cross-entropy", alpha) for alpha in costs.ALPHAS} | {
        (loss, 0.0) for loss in costs.OTHERS
    }


def test_clothes_have_their_kinds_and_other_classes_a_neighbour():
    assert costs.kinds(fashion_mnist_small().classes) is FASHION_KINDS
    pairs = costs.kinds(DIGITS)
    assert [tuple(pair) for pair in pairs.values()] == [tuple(DIGITS[at : at + 2]) for at in range(0, 10, 2)]


def test_two_classes_are_held_apart_whatever_the_data():
    assert set(costs.strangers(fashion_mnist_small().classes)) == {"Shirt", "Bag"}
    assert costs.strangers(DIGITS) == ("8", "9")


def test_every_network_is_tested_on_the_same_corrupted_images(few_images):
    spoiled = costs.spoiled(few_images)
    assert set(spoiled) == set(measured.CORRUPTIONS)
    assert costs.spoiled(few_images) is spoiled
    for split in spoiled.values():
        np.testing.assert_array_equal(split.labels, few_images.test.labels)
        assert (split.inputs != few_images.test.inputs).any()


@pytest.fixture
def said(untrained):
    return untrained("costs").study.run(cell())


def test_a_cell_keeps_every_prediction_that_its_measures_read(said, few_images):
    splits = {*measured.SPLITS, *(f"corrupted_{kind}" for kind in measured.CORRUPTIONS)}
    probed = {f"kinds_{split}" for split in measured.SPLITS}
    assert set(said) == splits | probed | {"known", "unknown"}
    for name, of in said.items():
        assert (of.features is not None) == (name in probed)
    np.testing.assert_array_equal(said["test"].labels, few_images.test.labels)


def test_what_is_said_of_a_class_is_what_is_said_of_its_kind(said, few_images):
    test = said["kinds_test"]
    kind_of = np.array(test.meta["kind_of"])
    members = [[few_images.classes[at] for at in np.flatnonzero(kind_of == kind)] for kind in range(4)]
    assert [sorted(each) for each in members] == [sorted(kind) for kind in FASHION_KINDS.values()]
    for kind in range(4):
        columns = test.logits[:, kind_of == kind]
        assert (columns == columns[:, :1]).all()
    assert len(np.unique(test.logits[0])) == 4
    np.testing.assert_array_equal(test.labels, few_images.test.labels)


def test_the_probe_learns_from_few_examples_and_they_are_the_first(untrained, monkeypatch, few_images):
    monkeypatch.setattr(costs, "PROBED", 50)
    found = untrained("costs").study.run(cell())
    assert (len(found["kinds_train"]), len(found["kinds_validation"])) == (50, 80)
    np.testing.assert_array_equal(found["kinds_train"].labels, few_images.train.labels[:50])


def test_known_and_unknown_share_no_class_and_are_the_whole_test_split(said, few_images):
    apart = np.isin(few_images.test.labels, [few_images.classes.index(name) for name in ("Shirt", "Bag")])
    assert (len(said["known"]), len(said["unknown"])) == ((~apart).sum(), apart.sum())
    assert said["known"].logits.shape[1] == said["unknown"].logits.shape[1] == 8


def test_the_memory_of_online_smoothing_turns_with_every_epoch(few_images, monkeypatch):
    backgrounds = []

    def two_epochs(build, data, *, loss, recipe, seed, on_epoch):
        for epoch in (1, 2):
            loss.sums += torch.eye(10)
            loss.counts += epoch
            on_epoch(EpochReport(epoch, 0.0, 0.0, 0.0))
            backgrounds.append(loss.background[0, 0].item())
        return Training(torch.nn.Identity(), (), 0.0)

    monkeypatch.setattr(costs, "train", two_epochs)
    costs.learn(cell("online"), few_images)
    assert backgrounds == [1.0, 0.5]  # of the epoch that ended, and of no epoch before it


@pytest.mark.parametrize("loss", costs.OTHERS)
def test_every_other_loss_is_made_anew_for_a_run_and_differs_from_hard_labels(loss):
    logits = torch.tensor([[4.0, 1.0, -12.0], [0.5, 0.0, -0.5]])
    labels = torch.tensor([0, 1])
    made = costs.OTHERS[loss]
    assert made(3) is not made(3)
    assert not torch.isclose(made(3)(logits, labels), torch.nn.functional.cross_entropy(logits, labels))
