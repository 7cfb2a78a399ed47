"""What does label smoothing do to small networks on real images?

Claim    Statements S1, S2, S3 and S5 to S10 of the paper, on networks of 2 x 256 hidden units that see 5,000 images of
         Fashion-MNIST: clusters tighten, accuracy is not hurt, calibration is repaired about as well as by one
         temperature, at a price in NLL. Alpha in {0, 0.02, 0.05, 0.1, 0.2}, 10 paired seeds each.
Cost     50 trainings, about a minute and 250 MB of disk on 2 cores. No download, no GPU. With --together,
         on a GPU if there is one, as one model.
Command  smoothlab study
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial

import torch
from torch import nn

from ..data import Dataset, fashion_mnist_small, named
from ..lab import Cell, Study, paper
from ..predictions import Predictions
from ..torch.capture import predict
from ..torch.grid import train_together
from ..torch.losses import cross_entropy
from ..torch.models import Builder, fully_connected
from ..torch.recipe import Recipe
from ..torch.train import Diverged, Loss, train

RECIPE = Recipe(
    epochs=20, batch_size=128, learning_rate=0.1, momentum=0.9, weight_decay=5e-4, schedule="cosine"
)
WIDTHS = (256, 256)
BUILD = partial(fully_connected, widths=WIDTHS)


@cache
def read(data: tuple[str, str] | None) -> Dataset:
    """The embedded images, or others by name and folder; once a process."""
    return fashion_mnist_small() if data is None else named(*data)


def smoothed(cell: Cell) -> Loss:
    """The loss at the cell's alpha."""
    return partial(cross_entropy, label_smoothing=cell["alpha"])


def run(cell: Cell, *, on: tuple[str, str] | None = None) -> Mapping[str, Predictions]:
    """Train at the cell's alpha and seed, and predict every split."""
    data = read(on)
    trained = train(BUILD, data, loss=smoothed(cell), recipe=RECIPE, seed=cell["seed"])
    return said(cell, trained.model, data)


def run_together(
    cells: Sequence[Cell], *, on: tuple[str, str] | None = None
) -> list[Mapping[str, Predictions] | FloatingPointError]:
    """`run` of each cell, all trained at once."""
    return at_once(cells, BUILD, read(on), recipe=RECIPE, said=said)


def at_once(
    cells: Sequence[Cell],
    build: Builder,
    data: Dataset,
    *,
    recipe: Recipe,
    said: Callable[[Cell, nn.Module, Dataset], Mapping[str, Predictions]],
) -> list[Mapping[str, Predictions] | FloatingPointError]:
    """What is said of each cell by its network. They learn smoothed labels as one stack, on a GPU if there is one."""
    trained = train_together(
        build,
        data,
        losses=[smoothed(cell) for cell in cells],
        recipe=recipe,
        seeds=[cell["seed"] for cell in cells],
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    return [
        one if isinstance(one, Diverged) else said(cell, one.model, data)
        for cell, one in zip(cells, trained, strict=True)
    ]


def said(cell: Cell, model: nn.Module, data: Dataset) -> Mapping[str, Predictions]:
    """What a network of the cell predicts of every split."""
    meta = {
        "alpha": cell["alpha"],
        "effective_alpha": cell["alpha"],
        "convention": "uniform",
        "seed": cell["seed"],
        "classes": list(data.classes),
        "data": data.name,
        "device": next(model.parameters()).device.type,
    }
    return {
        split: predict(
            model,
            getattr(data, split),
            meta={**meta, "split": split},
            features=split != "test",
            features_dtype="float16",  # 200 MB less on disk; the geometry is the same to three digits
        )
        for split in ("train", "validation", "test")
    }


def on(data: tuple[str, str] | None) -> Study:
    """The study on the embedded images, or on others by name and folder."""
    return Study(
        name="smoothing",
        factors={"alpha": (0.0, 0.02, 0.05, 0.1, 0.2), "seed": tuple(range(10))},
        run=partial(run, on=data),
        claims=paper.IMAGES,
        settings={
            "data": "embedded Fashion-MNIST" if data is None else data[0],
            "model": f"fully connected, {WIDTHS}",
            "recipe": asdict(RECIPE),
        },
        run_together=partial(run_together, on=data),
    )


study = on(None)
