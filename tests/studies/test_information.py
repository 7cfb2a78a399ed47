"""The copies that the study of information asks its networks about."""

import numpy as np
import torch

from smoothlab.lab import Cell
from smoothlab.studies import information


def test_the_copies_are_the_same_for_every_alpha_and_others_for_another_seed(few_images):
    images = few_images.train.inputs[:5]
    one, again, other = (information.copies(images, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_copies_go_draw_after_draw_and_are_shifted_images(few_images):
    images = few_images.train.inputs[:5]
    copies = information.copies(images, seed=0).numpy().reshape(information.DRAWS, *images.shape)
    assert copies.dtype == np.uint8
    for draw in copies:
        assert (np.sort(draw.reshape(5, -1))[:, -50:] <= images.reshape(5, -1).max(1, keepdims=True)).all()
    assert any((draw != images).any() for draw in copies)


def test_a_cell_keeps_every_epoch_draw_and_example_in_that_order(untrained, few_images):
    said = untrained("information").study.run(Cell((("alpha", 0.1), ("seed", 0))))
    draws = said["draws"]
    chosen = np.isin(few_images.train.labels, information.TWO)
    assert draws.meta["epochs"] == list(information.EPOCHS)
    assert draws.meta["examples"] == chosen.sum()
    assert len(draws) == len(information.EPOCHS) * information.DRAWS * chosen.sum()
    once = draws.labels[: chosen.sum()]
    assert set(once) == {0, 1}
    np.testing.assert_array_equal(draws.labels, np.tile(once, len(draws) // len(once)))
