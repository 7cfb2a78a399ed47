"""What does smoothing cost, and do other losses cost less?

Claim    Statements S18 and S19 of the literature after the paper, and what becomes of corrupted and of unknown images:
         confidence says less of when to abstain, features tell less of other labels. Smoothing at alpha in
         {0, 0.05, 0.1, 0.2} and six other losses at the strengths of their papers. A cell is three networks of
         128 and 64 hidden units on 5,000 images of Fashion-MNIST: one learns the ten classes, one four kinds of
         clothes, one all but two classes. 10 paired seeds each.
Cost     300 trainings of a second, about two minutes and 250 MB of disk on 2 cores. No download, no GPU.
Command  smoothlab study costs
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from typing import Any

import numpy as np
from torch import nn

from ..data import FASHION_KINDS, Dataset, Split, corrupted, held_apart, regrouped
from ..lab import Cell, Study, costs, later
from ..predictions import Predictions
from ..torch import (
    ConfidencePenaltyLoss,
    FocalLoss,
    MarginSmoothingLoss,
    MaxSupLoss,
    OnlineSmoothingLoss,
    QuadraticLoss,
    cross_entropy,
    flsd_53,
)
from ..torch.capture import predict
from ..torch.models import fully_connected
from ..torch.train import EpochReport, Loss, train
from .smoothing import RECIPE, read

ALPHAS = (0.0, 0.05, 0.1, 0.2)
OTHERS: Mapping[str, Callable[[int], nn.Module]] = {
    "confidence-penalty": lambda classes: ConfidencePenaltyLoss(beta=0.1),
    "online": lambda classes: OnlineSmoothingLoss(classes, label_smoothing=0.5),
    "margin": lambda classes: MarginSmoothingLoss(weight=0.1, margin=10.0),
    "maxsup": lambda classes: MaxSupLoss(alpha=0.1),
    "focal": lambda classes: FocalLoss(gamma=flsd_53),
    "quadratic": lambda classes: QuadraticLoss(),
}
"""The other losses by name, each made for a number of classes."""
STRENGTHS = (
    "confidence penalty beta 0.1, online smoothing alpha 0.5, margin 10 with weight 0.1, MaxSup alpha 0.1, "
    "focal FLSD-53, quadratic as it is"
)
BUILD = partial(fully_connected, widths=(128, 64))
SHORT = replace(RECIPE, epochs=10)
SEVERITY = 3
PROBED = 1000
"""Training examples that the probe learns from."""


def skip(cell: Cell) -> bool:
    """Alpha is of smoothed labels alone."""
    return cell["loss"] in OTHERS and cell["alpha"] > 0


def kinds(classes: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Groups of classes: what clothes are worn as, and of other data each class with its neighbour."""
    if all(member in classes for group in FASHION_KINDS.values() for member in group):
        return FASHION_KINDS
    return {" or ".join(classes[at : at + 2]): classes[at : at + 2] for at in range(0, len(classes), 2)}


def strangers(classes: Sequence[str]) -> Sequence[str]:
    """Two classes to hold apart: one that resembles others and one that does not; of other data the last two."""
    return ("Shirt", "Bag") if {"Shirt", "Bag"} <= set(classes) else tuple(classes[-2:])


@cache
def spoiled(data: Dataset) -> Mapping[str, Split]:
    """The test images under each corruption, the same for every network; once a process."""
    images, labels = data.test.inputs, data.test.labels
    return {kind: Split(corrupted(images, kind, severity=SEVERITY), labels) for kind in costs.CORRUPTIONS}


def learn(cell: Cell, data: Dataset) -> nn.Module:
    """A network that learned these labels with the cell's loss and seed."""
    if cell["loss"] in OTHERS:
        loss: Loss = OTHERS[cell["loss"]](len(data.classes))
    else:
        loss = partial(cross_entropy, label_smoothing=cell["alpha"])

    def turn(report: EpochReport) -> None:
        if isinstance(loss, OnlineSmoothingLoss):
            loss.next_epoch()

    return train(BUILD, data, loss=loss, recipe=SHORT, seed=cell["seed"], on_epoch=turn).model


def of_classes(said: Predictions, split: Split, kind_of: Sequence[int]) -> Predictions:
    """What a network that knows kinds says of classes: of each what it says of its kind."""
    return replace(
        said,
        logits=said.logits[:, list(kind_of)],
        labels=split.labels,
        weight=None,
        bias=None,
        meta={**said.meta, "kind_of": list(kind_of)},
    )


def on_kinds(cell: Cell, data: Dataset, meta: Mapping[str, Any]) -> Mapping[str, Predictions]:
    """The features of a network that learned kinds, with the classes as labels, for the probe."""
    grouped = regrouped(data, kinds(data.classes))
    model = learn(cell, grouped)
    first = np.unique(data.train.labels, return_index=True)[
        1
    ]  # an example of each class, to read its kind from
    found = {}
    for split, most in (("train", PROBED), ("validation", None), ("test", None)):
        whole = getattr(data, split)
        part = Split(whole.inputs[:most], whole.labels[:most])
        known = Split(part.inputs, getattr(grouped, split).labels[:most])
        said = predict(model, known, meta={**meta, "split": split}, features_dtype="float16")
        found[f"kinds_{split}"] = of_classes(said, part, grouped.train.labels[first].tolist())
    return found


def run(cell: Cell, *, on: tuple[str, str] | None = None) -> Mapping[str, Predictions]:
    """Train the three networks of a cell and predict what each is asked."""
    data = read(on)
    known, unknown = held_apart(data, strangers(data.classes))
    meta = {
        **dict(cell.levels),
        "effective_alpha": cell["alpha"],
        "convention": "uniform",
        "data": data.name,
    }

    def said(model: nn.Module, split: Split, name: str) -> Predictions:
        return predict(model, split, meta={**meta, "split": name}, features=False)

    model, acquainted = learn(cell, data), learn(cell, known)
    return {
        **{name: said(model, getattr(data, name), name) for name in costs.SPLITS},
        **{f"corrupted_{kind}": said(model, split, kind) for kind, split in spoiled(data).items()},
        **on_kinds(cell, data, meta),
        "known": said(acquainted, known.test, "test"),
        "unknown": said(acquainted, unknown.test, "test"),  # its labels number the classes held apart
    }


def on(data: tuple[str, str] | None) -> Study:
    """The study on the embedded images, or on others by name and folder."""
    return Study(
        name="costs",
        factors={
            "loss": (costs.HARD_OR_SMOOTHED, *OTHERS),
            "alpha": ALPHAS,
            "seed": tuple(range(10)),
        },
        run=partial(run, on=data),
        claims=later.CLAIMS,
        settings={
            "data": "embedded Fashion-MNIST" if data is None else data[0],
            "model": "fully connected, (128, 64)",
            "recipe": asdict(SHORT),
            "losses": STRENGTHS,
            "corruptions": f"{', '.join(costs.CORRUPTIONS)}; severity {SEVERITY}",
        },
        measures=costs.COSTS,
        panels=costs.PANELS,
        skip=skip,
    )


study = on(None)
