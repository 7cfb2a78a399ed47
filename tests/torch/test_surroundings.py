import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from smoothlab.data import Dataset, Split
from smoothlab.torch.recipe import Recipe
from smoothlab.torch.surroundings import place, reseed, undisturbed
from smoothlab.torch.train import train

CPU = torch.device("cpu")
PART = Split(np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32), np.arange(40) % 2)
DATA = Dataset("noise", train=PART, validation=PART, test=PART, classes=("a", "b"))


def settings():
    """Everything of torch's that a run might leave changed."""
    return (
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_rng_state().tolist(),
    )


@pytest.fixture(autouse=True)
def _a_caller_with_settings_of_its_own():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.manual_seed(11)
    yield
    torch.set_num_threads(threads)


def run(*, fails=False):
    """A training of a model with dropout, which fails in its loss if asked to."""

    def loss(logits, labels):
        if fails:
            raise KeyError("a mistake in a user's loss")
        return cross_entropy(logits, labels)

    def build(input_shape, classes):
        return nn.Sequential(nn.Dropout(), nn.Linear(*input_shape, classes))

    return train(build, DATA, loss=loss, recipe=Recipe(epochs=2, batch_size=20), seed=0).model


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_a_block_has_its_own_settings_and_leaves_the_callers(gradients, fails):
    before = settings()
    try:
        with undisturbed(CPU, threads=1, gradients=gradients):
            assert (torch.get_num_threads(), torch.is_grad_enabled()) == (1, gradients)
            reseed(CPU, 3)
            torch.rand(5)
            if fails:
                raise KeyError("a mistake")
    except KeyError:
        pass
    assert settings() == before


def test_a_number_decides_what_is_drawn_after_it():
    draws = []
    for number in (5, 5, 2**64 - 1):
        reseed(CPU, number)
        draws.append(torch.rand(3))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("fails", [False, True])
def test_training_leaves_torch_as_it_was_even_where_it_fails(fails):
    before = settings()
    if fails:
        with pytest.raises(KeyError):
            run(fails=True)
    else:
        run()
    assert settings() == before


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_is_the_same_inside_of_a_block_without_gradients(mode):
    with mode():
        before = settings()
        inside = run()
        assert settings() == before
    assert not any(weights.is_inference() for weights in inside.parameters())
    assert all(map(torch.equal, inside.parameters(), run().parameters()))


@pytest.mark.parametrize("word", ["gpu", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused_in_one_sentence(word):
    sentence = f"`device` must be one that this machine has, but got {word!r}"
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        place(word)
    assert "\n" not in str(caught.value)
