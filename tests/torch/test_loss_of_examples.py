"""A loss that asks which examples a batch holds is told, and nothing else about the run changes."""

import re
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from smoothlab.data import Dataset, Split
from smoothlab.torch.models import fully_connected
from smoothlab.torch.recipe import Recipe
from smoothlab.torch.train import LossOfExamples, train

RANDOM = np.random.default_rng(0)
IMAGES = Split(RANDOM.integers(0, 256, (100, 1, 8, 8), np.uint8), np.arange(100) % 3)
NOISE = Dataset("noise", train=IMAGES, validation=IMAGES, test=IMAGES, classes=("a", "b", "c"))
# every example is known by its number, whatever standardising makes of it
TABLE = Split(np.arange(100, dtype=np.float32).reshape(-1, 1), np.arange(100) % 3)
NUMBERS = Dataset("numbers", train=TABLE, validation=TABLE, test=TABLE, classes=("a", "b", "c"))
DROPPING = partial(fully_connected, widths=(16,), dropout=0.5)


class Asking:
    """A cross entropy that asks for the examples and keeps what it is told."""

    def __init__(self, examples=100):
        self.examples, self.told, self.labels = examples, [], []

    def __call__(self, logits, labels, examples):
        self.told.append(examples)
        self.labels.append(labels)
        return cross_entropy(logits, labels)


class Numbers(nn.Linear):
    """A model that keeps the inputs it was trained on."""

    def __init__(self, input_shape, classes):
        super().__init__(1, classes)
        self.seen = []

    def forward(self, inputs):
        if self.training:
            self.seen.append(inputs[:, 0].clone())
        return super().forward(inputs)


def fitted(loss, build=DROPPING, data=NOISE, augment="none"):
    recipe = Recipe(epochs=2, batch_size=32, learning_rate=0.05, augment=augment)
    return train(build, data, loss=loss, recipe=recipe, seed=0)


def test_the_examples_are_the_rows_of_the_training_split_that_the_batch_holds():
    asking = Asking()
    model = fitted(asking, Numbers, NUMBERS).model.network
    numbers = torch.arange(100, dtype=torch.float32)
    standardised = (numbers - 49.5) / numbers.std(correction=0)
    assert len(asking.told) == len(model.seen) == 6
    for told, seen, labels in zip(asking.told, model.seen, asking.labels, strict=True):
        torch.testing.assert_close(seen, standardised[told])
        assert torch.equal(labels, told % 3)
        assert (told.dtype, told.device.type) == (torch.int64, "cpu")


@pytest.mark.parametrize("augment", ["none", "crop_flip"])
def test_asking_changes_nothing_of_the_run(augment):
    asking = fitted(Asking(), augment=augment)
    silent = fitted(cross_entropy, augment=augment)
    assert all(map(torch.equal, asking.model.parameters(), silent.model.parameters()))
    assert [report.loss for report in asking.history] == [report.loss for report in silent.history]


def test_an_attribute_is_the_whole_of_asking():
    assert isinstance(Asking(), LossOfExamples)
    assert not isinstance(cross_entropy, LossOfExamples)
    assert not isinstance(partial(cross_entropy, label_smoothing=0.1), LossOfExamples)
    assert not isinstance(nn.CrossEntropyLoss(), LossOfExamples)


def test_a_loss_of_another_split_is_refused_before_training():
    asking = Asking(examples=60)
    sentence = "`loss` must know as many examples as the training split has, 100, but its `examples` is 60."
    with pytest.raises(ValueError, match=re.escape(sentence)):
        fitted(asking)
    assert not asking.told
