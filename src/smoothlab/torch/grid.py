r"""Many models trained at once, as one model whose weights have an axis more.

A small network leaves a GPU idle: a step costs the launching of its kernels, not their arithmetic. Models of one
architecture, one data set and one recipe run the same operations, whatever their losses and seeds, so that m of them
are one model with weights W [m ...] and logits z [m batch classes], and no sum runs over models. Hence

    loss = sum_i loss_i(z_i, labels_i),        d loss / d W_i = d loss_i / d W_i,

and a step of all of them launches about as many kernels as a step of one. The optimisers go number by number, and a
gradient is clipped by the norm of its own model. What is left to differ from `train` is the order in which products of
matrices add. Source: the ensembles of torch.func, docs.pytorch.org/tutorials/intermediate/ensembling.html
"""

import copy
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor, nn

from .. import _checks
from ..data.dataset import Dataset
from .augment import augment
from .feed import Feed
from .kernels.eager import precision
from .losses import cross_entropy
from .models.builder import Builder, construct, judged_logits
from .recipe import Recipe
from .stacked import ALONE, Stack
from .surroundings import place, reseed, undisturbed
from .train import (
    Diverged,
    EpochReport,
    Loss,
    LossOfExamples,
    Training,
    judge_epoch,
    judge_examples,
    judge_loss,
    optimizer_of,
)


def train_together(
    build: Builder,
    data: Dataset,
    *,
    losses: Sequence[Loss],
    recipe: Recipe,
    seeds: Sequence[int],
    on_epoch: Callable[[int, EpochReport], None] | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> tuple[Training | Diverged, ...]:
    """Train a new model for each loss and its seed: each as `train` would, up to rounding, and all of them at once.

    losses, seeds: one of each for every model. Losses are those that `train` takes. Where all of them are
        `partial(cross_entropy, label_smoothing=alpha)`, they are computed as one loss of all rows, which is faster.
    on_epoch: called with a model's place in `seeds` and its report, model after model when an epoch is over.

    Returns for each model, in the same order, what `train` would return, or the `Diverged` that it would raise: a
    model that diverges disturbs no other. The time is shared out evenly, so that seconds add up to what all took.

    A model keeps the streams of random numbers that its seed has in `train`, dropout's too; but a loss that draws some
    gets others. This is faster where a model is far too small for its device, see `benchmarks/grid.py`. Raises
    `ValueError` or `TypeError` as `train` does, and `ValueError` for models that torch.vmap cannot stack. Source: the
    head of this module.

    >>> from functools import partial
    >>> from smoothlab.data import digits
    >>> from smoothlab.torch import cross_entropy
    >>> from smoothlab.torch.grid import train_together
    >>> from smoothlab.torch.models import fully_connected
    >>> from smoothlab.torch.recipe import Recipe
    >>> build = partial(fully_connected, widths=(32,))
    >>> losses = [partial(cross_entropy, label_smoothing=alpha) for alpha in (0.0, 0.1)]
    >>> both = train_together(build, digits(), losses=losses, recipe=Recipe(epochs=3), seeds=(0, 0))
    >>> [trained.history[-1].accuracy > 0.9 for trained in both]
    [True, True]
    """
    _judge_models(losses, seeds, examples=len(data.train))
    start, home = time.perf_counter(), place(device)
    streams = [np.random.SeedSequence(seed).generate_state(4, np.uint64).tolist() for seed in seeds]
    weights, orders, moves, dropout = zip(*streams, strict=True)
    histories: list[list[EpochReport]] = [[] for _ in seeds]
    latest: tuple[EpochReport | Diverged, ...] = ()
    with undisturbed(home, threads=threads, gradients=True):
        stack, feed = _born(build, data, recipe, seeds=weights, dropout=dropout, device=home)
        batches = _Batches(feed, recipe, orders=orders, moves=moves)
        for latest in _epochs(stack, batches, losses, recipe):
            for which, report in enumerate(latest):
                if isinstance(report, Diverged):
                    continue
                histories[which].append(report)
                if on_epoch is not None:
                    on_epoch(which, report)
        models = [_whole(stack.unstack(which), feed) for which in range(len(stack))]
    seconds = (time.perf_counter() - start) / len(seeds)
    return tuple(
        last if isinstance(last, Diverged) else Training(models[which], tuple(histories[which]), seconds)
        for which, last in enumerate(latest)
    )


def _born(
    build: Builder,
    data: Dataset,
    recipe: Recipe,
    *,
    seeds: Sequence[int],
    dropout: Sequence[int],
    device: torch.device,
) -> tuple[Stack, Feed]:
    """The networks with the first weights that `train` gives them, and the data, which are there once for all."""
    networks, looks, feed = [], [], None
    for seed in seeds:
        reseed(device, seed)
        network = construct(build, data.train.inputs.shape[1:], len(data.classes)).to(device)
        if feed is None:
            dtype = next(weights.dtype for weights in network.parameters() if weights.requires_grad)
            # `_Batches` draws the moves, each model's from a stream of its own, so none come from this seed
            feed = Feed(data.train, augmentation=recipe.augment, seed=0, device=device, dtype=dtype)
        with torch.no_grad():  # which also gives lazy layers their shapes
            looks.append(judged_logits(network.eval(), _first(feed), classes=len(data.classes)))
        networks.append(network)
    assert feed is not None
    stack = Stack(networks, dropout=dropout, device=device)
    with torch.no_grad():
        _judge_stack(stack(torch.stack([_first(feed)] * len(stack))), torch.stack(looks))
    return stack, feed


def _first(feed: Feed) -> Tensor:
    return feed.plain(torch.arange(1))[0]


def _whole(network: nn.Module, feed: Feed) -> nn.Module:
    """A model of its own, which takes inputs as the data have them."""
    standardise = copy.deepcopy(feed.standardise)
    return nn.Sequential(OrderedDict(standardise=standardise, network=network)).eval()


class _Batches:
    """For every model its own batches, in the order and with the copies that `train` gives its seed."""

    def __init__(self, feed: Feed, recipe: Recipe, *, orders: Sequence[int], moves: Sequence[int]) -> None:
        self.size = min(recipe.batch_size, len(feed))
        self.steps = len(feed) // self.size
        """Batches an epoch."""
        self._feed, self._recipe = feed, recipe
        self._orders = [Generator().manual_seed(order) for order in orders]
        self._moves = [Generator().manual_seed(move) for move in moves]

    def __iter__(
        self,
    ) -> Iterator[
        tuple[Int[Tensor, "models batch"], Shaped[Tensor, "models batch ..."], Shaped[Tensor, "models batch"]]
    ]:
        """An epoch: the rows of each batch, on the CPU, its inputs and its labels."""
        orders = torch.stack([torch.randperm(len(self._feed), generator=order) for order in self._orders])
        there = orders.to(self._feed.standardise.mean.device)  # at once: a copy a step would make a GPU wait
        for start in range(0, self.steps * self.size, self.size):
            batch = slice(start, start + self.size)
            inputs, labels = self._feed.plain(there[:, batch].flatten())
            inputs = inputs.unflatten(0, (-1, self.size))
            if self._recipe.augment != "none":
                black = self._feed.standardise.black
                inputs = torch.stack(
                    [
                        augment(some, how=self._recipe.augment, black=black, generator=moves)
                        for some, moves in zip(inputs, self._moves, strict=True)
                    ]
                )
            yield orders[:, batch], inputs, labels.unflatten(0, (-1, self.size))


def _epochs(
    stack: Stack, batches: _Batches, losses: Sequence[Loss], recipe: Recipe
) -> Iterator[tuple[EpochReport | Diverged, ...]]:
    """The loop of `train`: for each epoch a report of every model, or how it diverged in this epoch or before."""
    optimizer, joint = optimizer_of(stack.trained, recipe), _joint(losses, stack, batches.size)
    steps, step = recipe.epochs * batches.steps, 0
    failures: dict[int, Diverged] = {}
    for epoch in range(1, recipe.epochs + 1):
        start, values, hits = time.perf_counter(), [], []
        stack.train()
        for rows, inputs, labels in batches:
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate(step, steps=steps)
            logits = stack(inputs)
            value = joint(logits, labels) if joint else _one_by_one(losses, logits, labels, rows)
            optimizer.zero_grad()
            value.sum().backward()
            if recipe.clip_norm is not None:
                _clip(stack.trained, recipe.clip_norm)
            optimizer.step()
            values.append(value.detach())
            hits.append((logits.detach().argmax(2) == labels).sum(1))
            step += 1
        seen = torch.stack(values)
        failures = _failures(stack, seen, epoch, step) | failures
        means, right = seen.mean(0).tolist(), torch.stack(hits).sum(0).tolist()
        seconds = (time.perf_counter() - start) / len(stack)
        yield tuple(
            failures.get(which)
            or EpochReport(epoch, means[which], right[which] / (batches.steps * batches.size), seconds)
            for which in range(len(stack))
        )
        if len(failures) == len(stack):
            return


def _one_by_one(
    losses: Sequence[Loss],
    logits: Float[Tensor, "models batch classes"],
    labels: Int[Tensor, "models batch"],
    rows: Int[Tensor, "models batch"],
) -> Float[Tensor, " models"]:
    """Each model's loss. Where one is nan, the gradients of the others know nothing of it."""
    values = []
    for loss, said, right, examples in zip(losses, logits.unbind(), labels, rows, strict=True):
        values.append(loss(said, right, examples) if isinstance(loss, LossOfExamples) else loss(said, right))
        judge_loss(values[-1])
    return torch.stack(values)


def _joint(losses: Sequence[Loss], stack: Stack, batch: int) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Smoothed cross entropies as one, in which each row has its model's alpha; `None` for other losses."""
    alphas = [_alpha(loss) for loss in losses]
    known = [alpha for alpha in alphas if alpha is not None]
    if len(known) < len(alphas):
        return None
    dtype, device = precision(stack.trained[0].dtype), stack.trained[0].device
    of_rows = torch.tensor(known, dtype=dtype, device=device).repeat_interleave(batch)

    def joint(
        logits: Float[Tensor, "models batch classes"], labels: Int[Tensor, "models batch"]
    ) -> Float[Tensor, " models"]:
        rows = logits.flatten(0, 1), labels.flatten()
        return cross_entropy(*rows, label_smoothing=of_rows, reduction="none").view(labels.shape).mean(1)

    return joint


def _alpha(loss: Loss) -> float | None:
    """The alpha of `partial(cross_entropy, label_smoothing=alpha)`, and `None` of anything else."""
    if not isinstance(loss, partial) or loss.func is not cross_entropy or loss.args:
        return None
    alpha = loss.keywords.get("label_smoothing")
    if loss.keywords.keys() != {"label_smoothing"} or not isinstance(alpha, int | float):
        return None
    _checks.fraction("label_smoothing", alpha)
    return float(alpha)


def _clip(trained: Iterable[Tensor], most: float) -> None:
    """`torch.nn.utils.clip_grad_norm_` of each model alone."""
    gradients = [weights.grad for weights in trained if weights.grad is not None]
    norms = [torch.linalg.vector_norm(gradient.reshape(len(gradient), -1), dim=1) for gradient in gradients]
    shares = (most / (torch.linalg.vector_norm(torch.stack(norms), dim=0) + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(shares.view(-1, *(1,) * (gradient.ndim - 1)))


def _failures(
    stack: Stack, losses: Float[Tensor, "steps models"], epoch: int, step: int
) -> dict[int, Diverged]:
    """The models of which not every loss of the epoch and every weight is finite, by their places."""
    found = {}
    for which in (~(losses.isfinite().all(0) & stack.finite())).nonzero()[:, 0].tolist():
        try:
            judge_epoch(losses[:, which], stack.unstack(which), epoch, step)
        except Diverged as failure:
            found[which] = failure.with_traceback(None)  # which would hold on to the whole stack
    return found


def _judge_models(losses: Sequence[Loss], seeds: Sequence[int], *, examples: int) -> None:
    if len(losses) != len(seeds) or not seeds:
        raise ValueError(
            f"`losses` and `seeds` must have one entry for each model, but have {len(losses)} and {len(seeds)}. "
            "Repeat a seed for every loss that it goes with."
        )
    for seed in seeds:
        _checks.at_least("seeds", seed, 0)
    for loss in losses:
        judge_examples(loss, examples)


def _judge_stack(
    together: Float[Tensor, "models one classes"], alone: Float[Tensor, "models one classes"]
) -> None:
    """The stack says what its networks say, up to more than any rounding."""
    if ((together - alone).abs() > 0.05 * alone.abs().max()).any():
        raise ValueError(
            "`build` must build models that differ in their parameters and buffers alone, but stacked they give other "
            f"logits. Keep what differs in a buffer. {ALONE}"
        )
