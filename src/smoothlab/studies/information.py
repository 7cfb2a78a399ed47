"""Does smoothing erase what tells examples of a class apart?

Claim    Statement S17 of the paper, its figure 6: the mutual information between a training example and the difference
         of two logits under random shifts, on networks of 2 x 256 hidden units that see 5,000 images of Fashion-MNIST.
         300 pullovers and 300 sneakers, 5 draws for the means and 5 fresh ones; hard and smoothed, 10 paired seeds.
Cost     20 trainings, about two minutes and 30 MB of disk on 2 cores. No download, no GPU.
Command  smoothlab study information
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from ..lab import Cell, Study, information
from ..predictions import Predictions
from ..torch.augment import augment
from ..torch.capture import predict
from ..torch.losses import cross_entropy
from ..torch.models import fully_connected
from ..torch.train import train
from .smoothing import RECIPE, WIDTHS, read

TWO = (2, 7)
"""Classes without resemblance, as the paper's airplane and dog: pullovers and sneakers, of Fashion-MNIST."""
EXAMPLES = 300
DRAWS = 10
EPOCHS = (0, 1, 2, 4, 8, 12, 16, 20, 25, 30, 40)


def copies(inputs: np.ndarray, *, seed: int) -> Tensor:
    """Shifted copies of the images, draw after draw: the same for every alpha."""
    images = torch.tensor(inputs, dtype=torch.float32).repeat(DRAWS, 1, 1, 1)
    black = torch.zeros(images.shape[1])
    moved = augment(images, how="shift", black=black, generator=torch.Generator().manual_seed(seed))
    return moved.to(torch.uint8)


def run(cell: Cell, *, on: tuple[str, str] | None = None) -> Mapping[str, Predictions]:
    """Train with shifts, and after some epochs ask for the two logits of every copy of the chosen examples."""
    data = read(on)
    chosen = np.concatenate([np.flatnonzero(data.train.labels == label)[:EXAMPLES] for label in TWO])
    images = copies(data.train.inputs[chosen], seed=cell["seed"])
    kept = []

    def watch(epoch: int, model: nn.Module) -> None:
        if epoch in EPOCHS:
            kept.append(model(images)[:, list(TWO)].float().numpy())

    trained = train(
        partial(fully_connected, widths=WIDTHS),
        data,
        loss=partial(cross_entropy, label_smoothing=cell["alpha"]),
        recipe=replace(RECIPE, epochs=EPOCHS[-1], augment="shift"),
        seed=cell["seed"],
        watch=watch,
    )
    meta = {**dict(cell.levels), "effective_alpha": cell["alpha"], "convention": "uniform", "data": data.name}
    lengths = {"epochs": list(EPOCHS), "draws": DRAWS, "examples": len(chosen)}
    labels = np.tile(np.searchsorted(TWO, data.train.labels[chosen]), DRAWS * len(EPOCHS))
    said = {
        split: predict(trained.model, getattr(data, split), meta={**meta, "split": split}, features=False)
        for split in ("train", "test")
    }
    return {**said, "draws": Predictions(np.concatenate(kept), labels, meta={**meta, **lengths})}


def on(data: tuple[str, str] | None) -> Study:
    """The study on the embedded images, or on others by name and folder."""
    return Study(
        name="information",
        factors={"alpha": (0.0, 0.1), "seed": tuple(range(10))},
        run=partial(run, on=data),
        claims=information.CLAIMS,
        settings={
            "data": "embedded Fashion-MNIST" if data is None else data[0],
            "model": f"fully connected, {WIDTHS}",
            "classes": f"{TWO}, up to {EXAMPLES} examples each",
            "recipe": asdict(replace(RECIPE, epochs=EPOCHS[-1], augment="shift")),
        },
        measures=information.informed(EPOCHS),
        panels=information.PANELS,
    )


study = on(None)
