"""The wrong labels of the study of noise, and its warm-up."""

import numpy as np
import pytest

from smoothlab.data import fashion_mnist_small
from smoothlab.lab import Cell
from smoothlab.studies import noise


@pytest.fixture(scope="module")
def whole():
    return fashion_mnist_small()


def wrong(data, spoiled, split) -> np.ndarray:
    return getattr(spoiled, split).labels != getattr(data, split).labels


@pytest.mark.parametrize("rate", [0.2, 0.6])
def test_as_many_labels_are_wrong_as_is_said_in_training_and_validation_and_none_in_test(whole, rate):
    spoiled = noise.spoiled(whole, rate=rate, seed=3)
    for split, n in (("train", 5000), ("validation", 2000)):
        # four standard errors of a share of n
        assert wrong(whole, spoiled, split).mean() == pytest.approx(rate, abs=4 * np.sqrt(0.25 / n))
    assert not wrong(whole, spoiled, "test").any()
    np.testing.assert_array_equal(spoiled.train.inputs, whole.train.inputs)


def test_without_noise_the_labels_are_those_of_the_data(whole):
    spoiled = noise.spoiled(whole, rate=0.0, seed=3)
    assert not any(wrong(whole, spoiled, split).any() for split in ("train", "validation"))


def test_labels_that_are_wrong_at_a_low_rate_are_wrong_in_the_same_way_at_a_high_one(whole):
    low, high = (noise.spoiled(whole, rate=rate, seed=3).train.labels for rate in (0.2, 0.6))
    changed = low != whole.train.labels
    np.testing.assert_array_equal(low[changed], high[changed])


def test_seeds_and_splits_have_noise_of_their_own(whole):
    one, other = (noise.spoiled(whole, rate=0.4, seed=seed) for seed in (0, 1))
    assert (wrong(whole, one, "train") != wrong(whole, other, "train")).any()
    assert (wrong(whole, one, "train")[:2000] != wrong(whole, one, "validation")).any()
    # and a seed's validation split has not the draws of the next seed's training split
    assert (wrong(whole, one, "validation") != wrong(whole, other, "train")[:2000]).any()


def test_every_alpha_begins_with_the_same_epochs_at_alpha_0(on_few_images, monkeypatch):
    module, seen = on_few_images("noise"), []
    really = module.train

    def watched(*args, loss, on_epoch, **words):
        def noted(report):
            seen.append(loss.label_smoothing)
            on_epoch(report)

        return really(*args, loss=loss, on_epoch=noted, **words)

    monkeypatch.setattr(module, "train", watched)
    module.study.run(Cell((("noise", 0.6), ("alpha", -0.8), ("seed", 0))))
    assert seen == [0.0] * noise.WARM + [-0.8] * (noise.SHORT.epochs - noise.WARM)


def test_the_grid_has_alphas_of_either_sign_around_the_control():
    signs = {np.sign(alpha) for alpha in noise.ALPHAS}
    assert signs == {-1, 0, 1}
    assert sum(alpha < 0 for alpha in noise.ALPHAS) == sum(alpha > 0 for alpha in noise.ALPHAS)
