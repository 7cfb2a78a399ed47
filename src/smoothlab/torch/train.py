r"""The one training loop: for each epoch a random order, for each batch one step down the gradient of the loss.

A run is decided by its builder, data, loss, recipe and seed. The seed feeds four streams of random numbers, one each
for the first weights, the order of examples, the augmentation and dropout; the loss touches none of them. So runs
with one seed and different alpha start from the same weights and see the same batches: they are paired, and their
difference is the effect of alpha. On the CPU equal runs give equal bits, whatever ran before.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Generator, Tensor, nn

from .. import _checks
from ..data.dataset import Dataset
from .feed import Feed
from .models.builder import Builder, construct, judged_logits
from .recipe import Recipe
from .surroundings import place, reseed, undisturbed


@runtime_checkable
class LossOfExamples(Protocol):
    """A loss that knows something of every example of the split, such as what a teacher said of it.

    Having the attribute is asking: the loss is then called with the numbers of the batch's examples too, their rows in
    `data.train`, as int64 on the CPU. They stay what they are where augmentation moves the images.
    """

    @property
    def examples(self) -> int:
        """How many examples it knows: as many as the split must have, or its rows are not of this split."""
        ...

    def __call__(self, logits: Tensor, labels: Tensor, examples: Tensor) -> Tensor:
        """The mean loss of a batch, a scalar."""
        ...


Loss = Callable[[Tensor, Tensor], Tensor] | LossOfExamples


@dataclass(frozen=True)
class EpochReport:
    """One epoch, counted from 1: the means of loss and accuracy over its batches as they were seen, and its time."""

    epoch: int
    loss: float
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class Training:
    """A trained model in evaluation mode, which takes inputs as the data have them, and how it came about."""

    model: nn.Module
    history: tuple[EpochReport, ...]
    seconds: float


class Diverged(FloatingPointError):  # noqa: N818  this is a result of a run, not a mistake in it
    """A loss or a weight was no longer finite.

    `step` (in the whole run) and `epoch` count from 1 and name the first step whose loss was not finite. Where every
    loss was finite but a weight is not, that is found when the epoch ends, and `step` is its last. `value` is what
    was found: nan, inf or -inf.
    """

    def __init__(self, step: int, epoch: int, value: float) -> None:
        super().__init__(step, epoch, value)
        self.step, self.epoch, self.value = step, epoch, value

    def __str__(self) -> str:
        return (
            f"Training diverged at step {self.step}, in epoch {self.epoch}: the loss or a weight was {self.value}. "
            "Lower the learning rate, or set `clip_norm`."
        )


def train(
    build: Builder,
    data: Dataset,
    *,
    loss: Loss,
    recipe: Recipe,
    seed: int,
    on_epoch: Callable[[EpochReport], None] | None = None,
    watch: Callable[[int, nn.Module], None] | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> Training:
    """Train a new model on `data.train`.

    build: called with the shape of one input and the number of classes; its weights must come from torch's random
        numbers. `smoothlab.torch.models` has some.
    loss: called with logits (batch, classes) and labels (batch), returns their mean loss as a scalar; one with the
        attribute `examples` is also told which examples these are, see `LossOfExamples`.
    on_epoch: called with each epoch's report as soon as it is there, and before the next epoch begins.
    watch: called with the number of epochs that are over, from 0 on, and the model as it is then, in evaluation mode;
        it takes inputs as the data have them. What it draws from torch's random numbers changes nothing in the run.
    threads: of the CPU; another number may add in another order, and so give other last bits.

    Nothing global is left changed: torch's random state, number of threads and gradient mode are the caller's again.
    Raises `Diverged`, and `ValueError` or `TypeError` for a model, a loss or a recipe that does not fit the data and
    for a device that is not there. Source: the head of this module.

    >>> from functools import partial
    >>> from smoothlab.data import digits
    >>> from smoothlab.torch import cross_entropy
    >>> from smoothlab.torch.models import fully_connected
    >>> from smoothlab.torch.recipe import Recipe
    >>> from smoothlab.torch.train import train
    >>> build = partial(fully_connected, widths=(32,))
    >>> loss = partial(cross_entropy, label_smoothing=0.1)
    >>> trained = train(build, digits(), loss=loss, recipe=Recipe(epochs=3), seed=0)
    >>> trained.history[-1].accuracy > 0.9
    True
    """
    _checks.at_least("seed", seed, 0)
    start, home = time.perf_counter(), place(device)
    weights, order, moves, dropout = np.random.SeedSequence(seed).generate_state(4, np.uint64).tolist()
    with undisturbed(home, threads=threads, gradients=True):
        reseed(home, weights)
        network = construct(build, data.train.inputs.shape[1:], len(data.classes)).to(home)
        dtype = next(weights.dtype for weights in network.parameters() if weights.requires_grad)
        judge_examples(loss, len(data.train))
        feed = Feed(data.train, augmentation=recipe.augment, seed=moves, device=home, dtype=dtype)
        with torch.no_grad():  # a first look at the model, which also gives lazy layers their shapes
            judged_logits(network.eval(), feed.plain(torch.arange(1))[0], classes=len(data.classes))
        reseed(home, dropout)
        model = nn.Sequential(OrderedDict(standardise=feed.standardise, network=network))
        _show(model, 0, watch)
        history = []
        for report in _epochs(network, feed, loss, recipe, Generator().manual_seed(order)):
            history.append(report)
            if on_epoch is not None:
                on_epoch(report)
            _show(model, report.epoch, watch)
    network.zero_grad()  # the last step's gradients are as large as the model
    model.eval()
    return Training(model, tuple(history), time.perf_counter() - start)


def _show(model: nn.Module, epoch: int, watch: Callable[[int, nn.Module], None] | None) -> None:
    if watch is None:
        return
    with torch.random.fork_rng(), torch.no_grad():
        watch(epoch, model.eval())


def _epochs(
    network: nn.Module,
    feed: Feed,
    loss: Loss,
    recipe: Recipe,
    order: Generator,
) -> Iterator[EpochReport]:
    """The loop itself. Losses are looked at once an epoch, because every look would make a GPU wait."""
    optimizer = optimizer_of(network, recipe)
    batch = min(recipe.batch_size, len(feed))
    steps, step = recipe.epochs * (len(feed) // batch), 0
    asks = isinstance(loss, LossOfExamples)
    for epoch in range(1, recipe.epochs + 1):
        start, losses, hits = time.perf_counter(), [], []
        network.train()
        for rows in torch.randperm(len(feed), generator=order).split(batch)[: len(feed) // batch]:
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate(step, steps=steps)
            inputs, labels = feed(rows)
            logits = network(inputs)
            value = loss(logits, labels, rows) if asks else loss(logits, labels)
            judge_loss(value)
            optimizer.zero_grad()
            value.backward()
            if recipe.clip_norm is not None:
                nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
            optimizer.step()
            losses.append(value.detach())
            hits.append((logits.detach().argmax(1) == labels).sum())
            step += 1
        judge_epoch(torch.stack(losses), network, epoch, step)
        accuracy = int(torch.stack(hits).sum()) / (len(losses) * batch)
        yield EpochReport(epoch, float(torch.stack(losses).mean()), accuracy, time.perf_counter() - start)


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """What a recipe moves the weights of a network by."""
    parameters = [weights for weights in network.parameters() if weights.requires_grad]
    # one kernel for all weights: an eighth less time a step than one for each
    fused = parameters[0].device.type in ("cpu", "cuda")
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, 0.999)
        return torch.optim.AdamW(
            parameters, recipe.learning_rate, betas, weight_decay=recipe.weight_decay, fused=fused
        )
    return torch.optim.SGD(
        parameters,
        recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov and recipe.momentum > 0,  # torch refuses to look ahead along no momentum
        weight_decay=recipe.weight_decay,
        fused=fused,
    )


def judge_examples(loss: Loss, examples: int) -> None:
    """A loss that knows examples knows as many as there are."""
    if isinstance(loss, LossOfExamples) and loss.examples != examples:
        raise ValueError(
            f"`loss` must know as many examples as the training split has, {examples}, but its `examples` is "
            f"{loss.examples}. Make it from predictions of this split."
        )


def judge_loss(value: object) -> None:
    """What a loss returns is a scalar that depends on the logits."""
    if not isinstance(value, Tensor) or value.ndim != 0 or not value.requires_grad:
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(
            f"`loss` must return a scalar tensor that depends on the logits, but got {got}. "
            'Use a reduction such as "mean".'
        )


def judge_epoch(losses: Tensor, network: nn.Module, epoch: int, step: int) -> None:
    """Every loss of the epoch and every weight after it is finite. `step` is how many there have been."""
    wrong = (~losses.isfinite()).nonzero()
    if len(wrong):
        first = int(wrong[0])
        raise Diverged(step - len(losses) + first + 1, epoch, float(losses[first]))
    for weights in network.state_dict().values():
        if weights.is_floating_point() and not weights.isfinite().all():
            raise Diverged(step, epoch, float(weights[~weights.isfinite()][0]))
