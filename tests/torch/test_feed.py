import numpy as np
import pytest
import torch

from smoothlab.data import Split
from smoothlab.torch.feed import Feed

LABELS = np.arange(60) % 3
# an image is as bright as its label, so that a copy can be told by its middle
IMAGES = Split((100 + 50 * LABELS[:, None, None, None] + np.zeros((60, 2, 9, 9))).astype(np.uint8), LABELS)


def feed(augmentation="none", seed=0):
    return Feed(IMAGES, augmentation=augmentation, seed=seed, device=torch.device("cpu"), dtype=torch.float32)


@pytest.mark.parametrize("augmentation", ["none", "shift", "crop_flip"])
def test_every_image_stays_with_its_label(augmentation):
    rows = torch.tensor([5, 3, 59, 0, 4])
    inputs, labels = feed(augmentation)(rows)
    assert labels.tolist() == LABELS[rows].tolist()
    # labels 0, 1, 2 have mean 1 and deviation sqrt(2/3)
    np.testing.assert_allclose(inputs[:, 0, 4, 4], (LABELS[rows] - 1) / np.sqrt(2 / 3), atol=1e-5)


def test_what_comes_in_at_the_edge_is_black_as_the_model_sees_it():
    copies = feed("shift")
    inputs, _ = copies(torch.zeros(200, dtype=torch.int64))
    corner = inputs[:, :, 0, 0]
    moved = corner[:, 0] != inputs[:, 0, 4, 4]
    assert moved.any()
    assert torch.equal(corner[moved], copies.standardise.black.expand(int(moved.sum()), -1))
    assert copies.standardise.black[0].item() == pytest.approx(-(150 / 50) / np.sqrt(2 / 3), rel=1e-6)


def test_augmentation_draws_from_its_own_stream():
    rows = torch.arange(60)
    before = torch.get_rng_state()
    one, again, other = (feed("crop_flip", seed)(rows)[0] for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_each_time_an_image_is_seen_it_is_another_copy():
    copies, rows = feed("crop_flip"), torch.arange(60)
    assert not torch.equal(copies(rows)[0], copies(rows)[0])
    assert torch.equal(copies.plain(rows)[0], copies.plain(rows)[0])
