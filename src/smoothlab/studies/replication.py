"""Do the published numbers of a replication come again?

Claim    Statements S5 to S11 and C1 on the network of the one replication of the whole paper, Wagner, Kurowski,
         Hollaender and Uelwer, "[Re] When Does Label Smoothing Help?", 2023, github.com/sdwagner/re-labelsmoothing,
         which has one model a cell: 2 x 1200 hidden units on Fashion-MNIST, shifted by up to two pixels, 100 epochs in
         batches of 512. It finds accuracies of 91.01, 90.66 and 90.45 % at alpha 0, 0.05 and 0.1, and an ECE of .010
         without smoothing, .085 at 0.1. Here a sixth of the training set is kept for validation, and the last layer
         learns at the common rate and not at a tenth of it. 10 paired seeds each.
Cost     30 trainings, about ten minutes and 50 MB of disk on 2 cores; on all of Fashion-MNIST three hours. No download,
         no GPU.
Command  smoothlab study replication
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

from ..lab import Cell, Diagram, Panel, Study, calibrating, paper
from ..predictions import Predictions
from ..torch.models import fully_connected
from ..torch.recipe import Recipe
from ..torch.train import train
from .calibration import said
from .smoothing import read, smoothed

RECIPE = Recipe(
    epochs=100,
    batch_size=512,
    learning_rate=0.1,
    nesterov=False,
    weight_decay=0.0,
    schedule="linear",
    augment="shift",
)
"""The replication's rate is 1, of a momentum that adds a tenth of each gradient: the same steps."""
WIDTHS = (1200, 1200)


def run(cell: Cell, *, on: tuple[str, str] | None = None) -> Mapping[str, Predictions]:
    """Train one network at the cell's alpha and seed, and predict every split."""
    data = read(on)
    build = partial(fully_connected, widths=WIDTHS)
    trained = train(build, data, loss=smoothed(cell), recipe=RECIPE, seed=cell["seed"])
    return said(cell, trained.model, data)


def on(data: tuple[str, str] | None) -> Study:
    """The study on the embedded images, or on others by name and folder."""
    return Study(
        name="replication",
        factors={"alpha": (0.0, 0.05, 0.1), "seed": tuple(range(10))},
        run=partial(run, on=data),
        claims=(paper.ACCURACY_NOT_HURT, *calibrating.FAMILY),
        settings={
            "data": "embedded Fashion-MNIST" if data is None else data[0],
            "model": f"fully connected, {WIDTHS}",
            "recipe": asdict(RECIPE),
        },
        measures=calibrating.OUTPUTS,
        panels=(
            Diagram("Hard against smoothed"),
            Panel("Accuracy", "accuracy"),
            Panel("Calibration error, before temperature", "ece"),
            Panel("Calibration error, after temperature", "ece_scaled"),
        ),
    )


study = on(None)
