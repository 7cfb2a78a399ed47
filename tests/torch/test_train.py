import copy
import hashlib
import math
import os
import pickle
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from smoothlab.data import Dataset, Split, fashion_mnist_small
from smoothlab.torch import feed
from smoothlab.torch.models import fully_connected, load_model, small_cnn
from smoothlab.torch.recipe import Recipe
from smoothlab.torch.train import Diverged, EpochReport, train

RANDOM = np.random.default_rng(0)
ALL = Split(RANDOM.integers(0, 256, (100, 1, 8, 8), np.uint8), np.arange(100) % 3)
IMAGES = Dataset("noise", train=ALL, validation=ALL, test=ALL, classes=("a", "b", "c"))
# every example is known by its number, whatever standardising makes of it
TABLE = Split(np.arange(100, dtype=np.float32).reshape(-1, 1), np.arange(100) % 3)
NUMBERS = Dataset("numbers", train=TABLE, validation=TABLE, test=TABLE, classes=("a", "b", "c"))
SHORT = Recipe(epochs=3, batch_size=32, learning_rate=0.05)
DROPPING = partial(fully_connected, widths=(16,), dropout=0.5)


def fitted(build=DROPPING, data=IMAGES, *, loss=cross_entropy, recipe=SHORT, seed=0, **settings):
    return train(build, data, loss=loss, recipe=recipe, seed=seed, **settings)


def content(model):
    """Every weight and buffer of a model, as bytes."""
    return b"".join(weights.numpy().tobytes() for weights in model.state_dict().values())


def lines(training):
    return [(report.epoch, report.loss, report.accuracy) for report in training.history]


class Watch:
    """A cross entropy that keeps what it was called with."""

    def __init__(self, alpha=0.0):
        self.alpha, self.logits, self.labels = alpha, [], []

    def __call__(self, logits, labels):
        self.logits.append(logits.detach().clone())
        self.labels.append(labels.clone())
        return cross_entropy(logits, labels, label_smoothing=self.alpha)


class Numbers(nn.Linear):
    """A model that keeps the inputs it was trained on."""

    def __init__(self, input_shape, classes):
        super().__init__(1, classes)
        self.seen = []

    def forward(self, inputs):
        if self.training:
            self.seen.append(inputs[:, 0].clone())
        return super().forward(inputs)


# Equal runs give equal bits


@pytest.mark.parametrize(
    "build", [DROPPING, partial(small_cnn, channels=(4,), width=8)], ids=["dropout", "cnn"]
)
@pytest.mark.parametrize("augment", ["none", "crop_flip"])
def test_the_same_seed_gives_the_same_bytes_whatever_ran_before(build, augment):
    recipe = Recipe(epochs=2, batch_size=32, augment=augment)
    one = fitted(build, recipe=recipe)
    torch.manual_seed(123)
    torch.rand(7)
    np.random.default_rng(5).random()
    again = fitted(build, recipe=recipe)
    assert content(one.model) == content(again.model)
    assert lines(one) == lines(again)


ELSEWHERE = """
import hashlib
from functools import partial
from torch.nn.functional import cross_entropy
from smoothlab.data import fashion_mnist_small
from smoothlab.torch.models import fully_connected
from smoothlab.torch.recipe import Recipe
from smoothlab.torch.train import train

build = partial(fully_connected, widths=(16,))
trained = train(build, fashion_mnist_small(), loss=cross_entropy, recipe=Recipe(epochs=1), seed=3)
content = b"".join(weights.numpy().tobytes() for weights in trained.model.state_dict().values())
print(hashlib.sha256(content).hexdigest())
"""


def test_another_process_gives_the_same_bytes():
    environment = os.environ | {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    there = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], env=environment, capture_output=True, text=True, check=True
    )
    here = fitted(
        partial(fully_connected, widths=(16,)), fashion_mnist_small(), recipe=Recipe(epochs=1), seed=3
    )
    assert there.stdout.strip() == hashlib.sha256(content(here.model)).hexdigest()


def test_another_seed_gives_other_weights_and_another_order():
    one, other = Watch(), Watch()
    fitted(loss=one, seed=0)
    fitted(loss=other, seed=1)
    assert not torch.equal(one.labels[0], other.labels[0])
    assert not torch.equal(one.logits[0], other.logits[0])


def test_inputs_too_large_to_keep_as_floats_give_the_same_bytes(monkeypatch):
    kept = fitted()
    monkeypatch.setattr(feed, "RESIDENT_BYTES", 0)
    assert content(fitted().model) == content(kept.model)


# Runs with one seed are paired


@pytest.mark.parametrize("augment", ["none", "shift"])
def test_another_alpha_sees_the_same_first_weights_batches_copies_and_dropped_units(augment):
    recipe = Recipe(epochs=2, batch_size=32, augment=augment)
    hard, smooth = Watch(0.0), Watch(0.3)
    fitted(loss=hard, recipe=recipe)
    fitted(loss=smooth, recipe=recipe)
    assert torch.equal(hard.logits[0], smooth.logits[0])
    assert not torch.equal(hard.logits[1], smooth.logits[1])
    assert all(map(torch.equal, hard.labels, smooth.labels))

    # without learning the weights stay equal, so that equal logits show equal copies and dropped units to the end
    still = Recipe(epochs=2, batch_size=32, augment=augment, learning_rate=1e-30, weight_decay=0.0)
    hard, smooth = Watch(0.0), Watch(0.3)
    fitted(loss=hard, recipe=still)
    fitted(loss=smooth, recipe=still)
    assert all(map(torch.equal, hard.logits, smooth.logits))


def test_augmentation_and_dropout_change_neither_the_order_nor_the_first_weights():
    plain, moved, dropped = Watch(), Watch(), Watch()
    fitted(partial(fully_connected, widths=(16,)), loss=plain)
    fitted(
        partial(fully_connected, widths=(16,)),
        loss=moved,
        recipe=Recipe(epochs=3, batch_size=32, augment="shift"),
    )
    fitted(loss=dropped)
    for other in (moved, dropped):
        assert all(map(torch.equal, plain.labels, other.labels))


def test_the_dropped_units_do_not_depend_on_how_the_model_was_built():
    def inputs_after_dropout(draws):
        seen = []

        def build(input_shape, classes):
            torch.rand(draws)
            drop = nn.Dropout()
            drop.register_forward_hook(lambda layer, inputs, output: seen.append(output.clone()))
            return nn.Sequential(nn.Flatten(), drop, nn.Linear(64, classes))

        fitted(build)
        return seen

    assert all(map(torch.equal, inputs_after_dropout(0), inputs_after_dropout(5)))


# The loop does what its recipe says


def test_an_epoch_is_every_example_once_in_a_new_order_but_for_the_rest_of_the_last_batch():
    network = fitted(Numbers, NUMBERS).model.network
    assert [len(seen) for seen in network.seen] == [32] * 9
    epochs = [torch.cat(network.seen[start : start + 3]) for start in (0, 3, 6)]
    everything = {
        round(float(value), 4)
        for value in (torch.arange(100.0) - 49.5) / torch.arange(100.0).std(correction=0)
    }
    for epoch in epochs:
        values = {round(float(value), 4) for value in epoch}
        assert len(values) == 96
        assert values <= everything
    assert not torch.equal(epochs[0], epochs[1])
    assert set(epochs[0].tolist()) != set(epochs[1].tolist())  # another four are left out


def test_a_split_smaller_than_a_batch_is_one_batch():
    watch = Watch()
    fitted(loss=watch, recipe=Recipe(epochs=2, batch_size=1000))
    assert [len(labels) for labels in watch.labels] == [100, 100]


def test_the_model_sees_standardised_inputs_and_is_returned_for_raw_ones():
    trained = fitted(Numbers, NUMBERS, recipe=Recipe(epochs=1, batch_size=100))
    assert trained.model.network.seen[0].mean().abs() < 1e-6
    assert trained.model.network.seen[0].std(correction=0) == pytest.approx(1, abs=1e-6)
    raw = torch.tensor(TABLE.inputs)
    with torch.no_grad():
        assert torch.equal(
            trained.model(raw), trained.model.network((raw - raw.mean()) / raw.std(correction=0))
        )


def test_the_returned_model_is_in_evaluation_mode_and_holds_no_gradients():
    model = fitted().model
    assert not any(module.training for module in model.modules())
    assert all(weights.grad is None for weights in model.parameters())


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(momentum=0.8, weight_decay=0.03),
        Recipe(momentum=0.8, nesterov=False, schedule="linear", warmup=0.3),
        Recipe(momentum=0.0, weight_decay=0.0, schedule="step", milestones=(0.4,), clip_norm=0.05),
        Recipe(optimizer="adamw", learning_rate=0.01, momentum=0.7, weight_decay=0.1, schedule="constant"),
    ],
    ids=["nesterov", "heavy ball", "clipped", "adamw"],
)
def test_every_step_is_that_of_the_optimisers_formula(recipe):
    recipe = Recipe(
        **{**vars(recipe), "epochs": 12, "batch_size": 100}
    )  # the whole split a step: the order is no matter
    first = []

    def build(input_shape, classes):
        model = fully_connected(input_shape, classes, widths=(5,)).double()
        first.append(copy.deepcopy(model))
        return model

    trained = fitted(build, NUMBERS, recipe=recipe).model.network
    model, labels = first[0], torch.tensor(TABLE.labels)
    inputs = (torch.arange(100.0).double() - 49.5)[:, None] / math.sqrt((100**2 - 1) / 12)
    memory = [(torch.zeros_like(weights), torch.zeros_like(weights)) for weights in model.parameters()]
    for step in range(12):
        rate = recipe.rate(step, steps=12)
        gradients = torch.autograd.grad(cross_entropy(model(inputs), labels), list(model.parameters()))
        norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))
        shrink = 1.0 if recipe.clip_norm is None else min(1.0, recipe.clip_norm / norm)
        for weights, gradient, (kept, squares) in zip(model.parameters(), gradients, memory, strict=True):
            gradient = gradient * shrink
            with torch.no_grad():
                if recipe.optimizer == "adamw":
                    kept.mul_(recipe.momentum).add_(gradient, alpha=1 - recipe.momentum)
                    squares.mul_(0.999).add_(gradient**2, alpha=0.001)
                    size = (squares / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8
                    move = kept / (1 - recipe.momentum ** (step + 1)) / size + recipe.weight_decay * weights
                else:
                    gradient = gradient + recipe.weight_decay * weights
                    kept.mul_(recipe.momentum).add_(gradient)
                    move = gradient + recipe.momentum * kept if recipe.nesterov else kept
                weights.sub_(rate * move)
    for ours, theirs in zip(trained.parameters(), model.parameters(), strict=True):
        # double precision throughout; clipping divides by norm + 1e-6, which is 1e-5 of a norm here
        np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-4 if recipe.clip_norm else 1e-9)


def test_the_reports_are_the_means_over_the_epochs_batches():
    watch, seen = Watch(0.1), []
    trained = fitted(loss=watch, on_epoch=seen.append)
    assert tuple(seen) == trained.history
    for index, report in enumerate(trained.history):
        logits, labels = watch.logits[3 * index : 3 * index + 3], watch.labels[3 * index : 3 * index + 3]
        losses = [
            float(cross_entropy(*batch, label_smoothing=0.1)) for batch in zip(logits, labels, strict=True)
        ]
        assert report.epoch == index + 1
        assert report.loss == pytest.approx(np.mean(losses), rel=1e-6)
        assert report.accuracy == pytest.approx(
            float((torch.cat(logits).argmax(1) == torch.cat(labels)).double().mean())
        )
        assert 0 < report.seconds < trained.seconds


def test_lazy_layers_get_their_shapes():
    trained = fitted(
        lambda shape, classes: nn.Sequential(
            nn.Flatten(), nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(classes)
        )
    )
    assert trained.model.network[1].in_features == 64


def test_a_users_model_trains_by_its_import_string(tmp_path, monkeypatch):
    (tmp_path / "my_network.py").write_text(
        "from torch import nn\n"
        "def build(input_shape, classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[1] * input_shape[2], classes))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert len(fitted(load_model("my_network:build")).history) == 3


# A run that diverges says where


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("bad", "epoch"), [(1, 1), (3, 1), (4, 2), (9, 3)])
def test_a_loss_that_is_not_finite_is_reported_with_its_step_and_epoch(bad, epoch, value):
    watch = Watch()

    def loss(logits, labels):
        fine = watch(logits, labels)
        return fine * 0 + value if len(watch.labels) >= bad else fine

    with pytest.raises(Diverged) as caught:
        fitted(loss=loss)
    assert (caught.value.step, caught.value.epoch) == (bad, epoch)
    assert caught.value.value == value or math.isnan(caught.value.value)
    assert f"step {bad}, in epoch {epoch}" in str(caught.value)
    assert len(watch.labels) == 3 * epoch  # the run ended with its epoch


def test_a_rate_far_too_high_diverges():
    with pytest.raises(Diverged, match=r"the loss or a weight was (nan|inf)\. Lower the learning rate"):
        fitted(recipe=Recipe(epochs=20, batch_size=32, learning_rate=1e6, schedule="constant"))


def test_a_weight_that_is_not_finite_is_found_even_if_every_loss_is():
    def loss(logits, labels):
        return (logits - logits.detach()).abs().sqrt().sum()  # 0, with the gradient 0 / 0

    with pytest.raises(Diverged) as caught:
        fitted(loss=loss, recipe=Recipe(epochs=1, batch_size=100))
    assert (caught.value.step, caught.value.epoch) == (1, 1)
    assert math.isnan(caught.value.value)


def test_a_diverged_run_is_an_arithmetic_error_that_travels_between_processes():
    again = pickle.loads(pickle.dumps(Diverged(7, 2, math.inf)))  # noqa: S301  our own bytes
    assert (again.step, again.epoch, again.value, str(again)) == (
        7,
        2,
        math.inf,
        str(Diverged(7, 2, math.inf)),
    )
    assert isinstance(again, FloatingPointError)


# What does not fit is refused in one sentence


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"build": lambda shape, classes: "net"},
            "`build` must return a torch.nn.Module, but it returned str",
        ),
        ({"build": lambda shape, classes: nn.Flatten()}, "none of its parameters has requires_grad"),
        (
            {"build": lambda shape, classes: 1 / 0},
            "it raised ZeroDivisionError (division by zero). Let it take",
        ),
        ({"build": partial(nn.Linear, 3)}, "it raised TypeError"),
        (
            {"build": lambda shape, classes: nn.Linear(5, 3)},
            "The model must take inputs of shape (1, 1, 8, 8), but it",
        ),
        ({"build": partial(fully_connected, widths=(0,))}, "`widths` must be a whole number"),
        (
            {"build": lambda shape, classes: fully_connected(shape, 7)},
            "The model must return logits of shape (1, 3) for this batch, but it returned shape (1, 7)",
        ),
        ({"build": lambda shape, classes: nn.LSTM(8, 3)}, "The model must take inputs of shape (1, 1, 8, 8)"),
        (
            {"loss": partial(cross_entropy, reduction="none")},
            "`loss` must return a scalar tensor that depends on the logits, but got shape (32,)",
        ),
        ({"loss": lambda logits, labels: 1.0}, "`loss` must return a scalar tensor"),
        ({"loss": lambda logits, labels: torch.tensor(1.0)}, "`loss` must return a scalar tensor"),
        (
            {"data": NUMBERS, "recipe": Recipe(augment="shift")},
            "`augment` 'shift' moves images, but the inputs have",
        ),
        ({"seed": -1}, "`seed` must be a whole number, at least 0"),
        ({"threads": 0}, "`threads` must be a whole number, at least 1"),
        ({"device": "gpu"}, "`device` must be one that this machine has, but got 'gpu'"),
        ({"device": "cuda:99"}, "`device` must be one that this machine has, but got 'cuda:99'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(changes, sentence):
    with pytest.raises((TypeError, ValueError), match=re.escape(sentence)):
        fitted(**changes)


def test_a_report_is_plain_data():
    assert EpochReport(1, 0.5, 0.9, 0.1) == EpochReport(1, 0.5, 0.9, 0.1)


def test_who_watches_sees_the_model_of_every_epoch_and_disturbs_nothing():
    seen = []

    def watch(epoch, model):
        assert not model.training
        torch.rand(7)  # would shift the dropout of every later step
        seen.append((epoch, model(torch.tensor(ALL.inputs[:5])).sum().item()))

    watched, alone = fitted(watch=watch), fitted()
    assert [epoch for epoch, _ in seen] == [0, 1, 2, 3]
    assert len({answer for _, answer in seen}) == 4
    assert content(watched.model) == content(alone.model)
