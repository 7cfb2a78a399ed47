"""Each of the models that train together is the one that `train` would have made of its loss and seed."""

import math
import re
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from smoothlab.data import Dataset, Split
from smoothlab.torch import OnlineSmoothingLoss, cross_entropy, feed, grid
from smoothlab.torch.grid import train_together
from smoothlab.torch.models import fully_connected, resnet, small_cnn
from smoothlab.torch.recipe import Recipe
from smoothlab.torch.train import Diverged, train

RANDOM = np.random.default_rng(0)
ALL = Split(RANDOM.integers(0, 256, (100, 1, 8, 8), np.uint8), np.arange(100) % 3)
IMAGES = Dataset("noise", train=ALL, validation=ALL, test=ALL, classes=("a", "b", "c"))
SHORT = Recipe(epochs=3, batch_size=32, learning_rate=0.05)
DROPPING = partial(fully_connected, widths=(16,), dropout=0.5)
SEEDS = (4, 4, 9)
SMOOTHED = tuple(partial(cross_entropy, label_smoothing=alpha) for alpha in (0.0, 0.3, 0.1))


def scaled(times):
    return lambda logits, labels: times * cross_entropy(logits, labels)


def doubled(build):
    """In double precision the order of additions is no matter, so that any other difference shows."""
    return lambda shape, classes: build(shape, classes).double()


def together(build=DROPPING, *, losses=SMOOTHED, recipe=SHORT, seeds=SEEDS, **settings):
    return train_together(doubled(build), IMAGES, losses=losses, recipe=recipe, seeds=seeds, **settings)


def alone(build=DROPPING, *, loss, recipe=SHORT, seed):
    return train(doubled(build), IMAGES, loss=loss, recipe=recipe, seed=seed)


def same(one, other):
    """Weights, buffers and reports are equal but for rounding: 1e-13 was seen, after AdamW on small gradients."""
    torch.testing.assert_close(
        dict(one.model.state_dict()), dict(other.model.state_dict()), rtol=0, atol=1e-10
    )
    for ours, theirs in zip(one.history, other.history, strict=True):
        assert (ours.epoch, ours.accuracy) == (theirs.epoch, theirs.accuracy)
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-10)
    return True


class Asking:
    """A cross entropy that keeps which examples it is told of and what was said of them."""

    examples = 100

    def __init__(self):
        self.rows, self.logits = [], []

    def __call__(self, logits, labels, examples):
        assert labels.tolist() == [int(row) % 3 for row in examples]
        self.rows.append(examples.clone())
        self.logits.append(logits.detach().clone())
        return cross_entropy(logits, labels)


# Each is what `train` makes of it


@pytest.mark.parametrize(
    "build",
    [DROPPING, partial(small_cnn, channels=(4,), width=8, dropout=0.2), partial(resnet, depth=8, width=4)],
    ids=["fully connected", "convolutional", "batch normalisation"],
)
@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=3, batch_size=32, momentum=0.8, weight_decay=0.03, warmup=0.3, augment="crop_flip"),
        Recipe(epochs=3, batch_size=32, momentum=0.0, schedule="step", milestones=(0.4,), clip_norm=0.2),
        Recipe(epochs=3, batch_size=1000, optimizer="adamw", learning_rate=0.01, augment="shift"),
    ],
    ids=["nesterov", "clipped", "adamw"],
)
def test_every_model_is_the_one_that_train_makes_of_its_loss_and_seed(build, recipe):
    for trained, loss, seed in zip(together(build, recipe=recipe), SMOOTHED, SEEDS, strict=True):
        assert same(trained, alone(build, loss=loss, recipe=recipe, seed=seed))


@pytest.mark.parametrize("augment", ["none", "crop_flip"])
def test_every_model_sees_its_seeds_batches_copies_and_dropped_units(augment):
    # without learning the weights stay, so that equal logits show equal copies and dropped units
    still = Recipe(epochs=2, batch_size=32, augment=augment, learning_rate=1e-30, weight_decay=0.0)
    watching = [Asking() for _ in SEEDS]
    together(losses=watching, recipe=still)
    for ours, seed in zip(watching, SEEDS, strict=True):
        theirs = Asking()
        alone(loss=theirs, recipe=still, seed=seed)
        assert len(ours.rows) == 6
        assert all(map(torch.equal, ours.rows, theirs.rows))
        torch.testing.assert_close(ours.logits, theirs.logits)
    assert all(map(torch.equal, watching[0].rows, watching[1].rows))
    assert not torch.equal(watching[0].rows[0], watching[2].rows[0])


def test_a_gradient_is_clipped_by_the_norm_of_its_own_model():
    recipe = Recipe(epochs=3, batch_size=32, clip_norm=0.5)
    losses = [
        scaled(times) for times in (1e-3, 1.0, 1e3)
    ]  # the first is far below the limit, the last far above
    for trained, loss, seed in zip(together(losses=losses, recipe=recipe), losses, SEEDS, strict=True):
        assert same(trained, alone(loss=loss, recipe=recipe, seed=seed))


def test_smoothed_cross_entropies_are_one_loss_with_an_alpha_for_every_row(monkeypatch):
    separate = together(losses=[lambda *batch, loss=loss: loss(*batch) for loss in SMOOTHED])
    monkeypatch.setattr(grid, "_one_by_one", None)
    assert all(map(same, together(), separate))


def test_a_loss_that_learns_from_epoch_to_epoch_is_told_of_its_own():
    def learning():
        loss = OnlineSmoothingLoss(3).double()
        return loss, lambda report: loss.next_epoch()

    (one, next_one), (other, next_other), (third, next_third) = learning(), learning(), learning()
    turns = (next_one, next_other, next_third)
    trained = together(losses=(one, other, third), on_epoch=lambda which, report: turns[which](report))
    loss, turn = learning()
    wanted = train(doubled(DROPPING), IMAGES, loss=loss, recipe=SHORT, seed=SEEDS[2], on_epoch=turn)
    assert same(trained[2], wanted)
    torch.testing.assert_close(third.background, loss.background)


def test_reports_come_model_after_model_when_an_epoch_is_over():
    seen = []
    trained = together(on_epoch=lambda which, report: seen.append((which, report)))
    assert [(which, report.epoch) for which, report in seen] == [
        (which, epoch) for epoch in (1, 2, 3) for which in (0, 1, 2)
    ]
    for place, training in enumerate(trained):
        assert training.history == tuple(report for which, report in seen if which == place)


def test_one_model_is_a_stack_too():
    (trained,) = together(losses=SMOOTHED[1:2], seeds=(4,))
    assert same(trained, alone(loss=SMOOTHED[1], seed=4))


def test_lazy_layers_start_as_they_do_in_train():
    def build(shape, classes):
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(classes))

    trained = train_together(build, IMAGES, losses=SMOOTHED, recipe=SHORT, seeds=SEEDS)
    wanted = train(build, IMAGES, loss=SMOOTHED[2], recipe=SHORT, seed=SEEDS[2])
    # single precision, in which nine steps at this rate keep four of its seven digits at the least
    torch.testing.assert_close(
        dict(trained[2].model.state_dict()), dict(wanted.model.state_dict()), rtol=1e-3, atol=1e-5
    )


def test_inputs_too_large_to_keep_as_floats_give_the_same_models(monkeypatch):
    kept = together()
    monkeypatch.setattr(feed, "RESIDENT_BYTES", 0)
    assert all(map(same, together(), kept))


# What is left behind


def test_models_are_of_their_own_in_evaluation_mode_and_hold_no_gradients():
    one, other, _ = (trained.model for trained in together())
    assert not any(module.training for model in (one, other) for module in model.modules())
    assert all(weights.grad is None for weights in one.parameters())
    assert not {id(part) for part in one.modules()} & {id(part) for part in other.modules()}
    one.to(torch.float16)
    assert all(weights.dtype == torch.float64 for weights in other.state_dict().values())


def test_torchs_random_numbers_and_threads_are_the_callers_again():
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    together(threads=threads + 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_the_time_is_shared_out():
    trained = together()
    assert len({training.seconds for training in trained}) == 1
    assert all(sum(report.seconds for report in training.history) < training.seconds for training in trained)


# A model that diverges does so alone


class Failing:
    """A cross entropy whose value is not finite from one step on; it keeps count."""

    def __init__(self, step, value):
        self.step, self.value, self.steps = step, value, 0

    def __call__(self, logits, labels):
        self.steps += 1
        return cross_entropy(logits, labels) * (self.value if self.steps >= self.step else 1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("step", [1, 5])
def test_a_model_that_diverges_is_named_and_disturbs_no_other(step, value):
    recipe = Recipe(epochs=3, batch_size=32, learning_rate=0.05, clip_norm=1.0)
    seen = []
    found = together(
        losses=(SMOOTHED[0], Failing(step, value), SMOOTHED[2]),
        recipe=recipe,
        on_epoch=lambda which, report: seen.append(which),
    )
    with pytest.raises(Diverged) as caught:
        alone(loss=Failing(step, value), recipe=recipe, seed=SEEDS[1])
    assert isinstance(found[1], Diverged)
    assert str(found[1]) == str(caught.value)
    assert (found[1].step, found[1].epoch) == (caught.value.step, caught.value.epoch)
    assert found[1].__traceback__ is None
    assert seen.count(1) == caught.value.epoch - 1
    for which in (0, 2):
        assert same(found[which], alone(loss=SMOOTHED[which], recipe=recipe, seed=SEEDS[which]))


def test_a_weight_that_is_not_finite_is_found_even_if_every_loss_is():
    def rootless(logits, labels):
        return (logits - logits.detach()).abs().sqrt().sum()  # 0, with the gradient 0 / 0

    recipe = Recipe(epochs=1, batch_size=100)
    found = together(losses=(rootless, *SMOOTHED[1:]), recipe=recipe)
    assert (found[0].step, found[0].epoch) == (1, 1)
    assert math.isnan(found[0].value)
    assert same(found[1], alone(loss=SMOOTHED[1], recipe=recipe, seed=SEEDS[1]))


def test_when_all_have_diverged_the_run_is_over():
    losses = [Failing(step, math.nan) for step in (1, 2, 5)]
    found = together(losses=losses)
    assert [(failure.step, failure.epoch) for failure in found] == [(1, 1), (2, 1), (5, 2)]
    assert [loss.steps for loss in losses] == [6, 6, 6]


# What does not fit is refused in one sentence


class Keeping(nn.Linear):
    """A model that keeps a number of its own where nobody would look for it."""

    def __init__(self, shape, classes):
        super().__init__(64, classes)
        self.sign = torch.randn(64, classes)

    def forward(self, images):
        return images.flatten(1) @ self.sign.to(self.weight.dtype) + super().forward(images.flatten(1))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seeds": (1, 2)}, "one entry for each model, but have 3 and 2. Repeat a seed"),
        ({"losses": (), "seeds": ()}, "one entry for each model, but have 0 and 0."),
        ({"seeds": (0, -1, 2)}, "`seeds` must be a whole number, at least 0"),
        ({"build": Keeping}, "must build models that differ in their parameters and buffers alone"),
        (
            {"build": lambda shape, classes: fully_connected(shape, classes + 1, widths=())},
            "The model must return logits of shape (1, 3) for this batch, but it returned shape (1, 4)",
        ),
        (
            {"losses": [partial(cross_entropy, reduction="none")] * 3},
            "`loss` must return a scalar tensor that depends on the logits, but got shape (32,)",
        ),
        (
            {"losses": [partial(cross_entropy, label_smoothing=1.5)] * 3},
            "`label_smoothing` must lie in [0, 1], but got 1.5",
        ),
        ({"losses": [lambda logits, labels: 1.0] * 3}, "`loss` must return a scalar tensor"),
        ({"device": "gpu"}, "`device` must be one that this machine has, but got 'gpu'"),
        ({"threads": 0}, "`threads` must be a whole number, at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(changes, sentence):
    with pytest.raises((TypeError, ValueError), match=re.escape(sentence)):
        together(**changes)


def test_a_loss_of_another_split_is_refused_before_training():
    asking = Asking()
    asking.examples = 60
    with pytest.raises(ValueError, match="as many examples as the training split has, 100"):
        together(losses=(asking, asking, asking))
    assert not asking.rows


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("augment", ["none", "crop_flip"])
def test_a_gpu_gives_every_model_the_streams_that_train_gives_it(augment):
    recipe = Recipe(epochs=2, batch_size=32, augment=augment, clip_norm=1.0)
    build = doubled(partial(small_cnn, channels=(4,), width=8, dropout=0.5))
    settings = {"recipe": recipe, "device": "cuda"}
    found = train_together(build, IMAGES, losses=SMOOTHED, seeds=SEEDS, **settings)
    for trained, loss, seed in zip(found, SMOOTHED, SEEDS, strict=True):
        assert same(trained, train(build, IMAGES, loss=loss, seed=seed, **settings))
