"""Where labels are wrong, should one smooth or do the opposite?

Claim    Statement S20 of the literature after the paper: a positive alpha helps where few labels are wrong, a negative
         one where many are. Alpha from -2 to 0.4, a share of 0, 0.2, 0.4 and 0.6 of the labels wrong, in training and
         validation alike. Networks of 128 and 64 hidden units on 5,000 images of Fashion-MNIST; the first seven of ten
         epochs are at alpha 0, whatever alpha follows. 10 paired seeds each.
Cost     200 trainings of a second, about two minutes and 110 MB of disk on 2 cores. No download, no GPU.
Command  smoothlab study noise
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial

from ..data import Dataset, Split, flip_labels, symmetric_noise
from ..lab import Cell, Study, noise
from ..predictions import Predictions
from ..torch import GeneralisedSmoothingLoss
from ..torch.models import fully_connected
from ..torch.train import EpochReport, train
from .calibration import said
from .smoothing import RECIPE, read

ALPHAS = (-2.0, -0.8, 0.0, 0.2, 0.4)
"""Two of each sign, so that neither has more to choose from."""
SHORT = replace(RECIPE, epochs=10, clip_norm=1.0)
"""Below 0 the loss has no minimum: without a limit its steps grow until the weights are no numbers."""
WARM = 7
"""Epochs at alpha 0 before the cell's own, as the source has them, with the rate nearly spent that follows."""


def spoiled(data: Dataset, *, rate: float, seed: int) -> Dataset:
    """The data with wrong labels to train and to choose by; the test labels stay. At a higher rate more are wrong."""
    transition = symmetric_noise(len(data.classes), rate)
    train_labels = flip_labels(data.train.labels, transition, seed=2 * seed)
    held_out = flip_labels(data.validation.labels, transition, seed=2 * seed + 1)
    return replace(
        data,
        name=f"{data.name}, {rate:.0%} of labels wrong",
        train=Split(data.train.inputs, train_labels),
        validation=Split(data.validation.inputs, held_out),
    )


def run(cell: Cell, *, on: tuple[str, str] | None = None) -> Mapping[str, Predictions]:
    """Train on noisy labels, first at alpha 0 and then at the cell's, and predict every split."""
    data = spoiled(read(on), rate=cell["noise"], seed=cell["seed"])
    loss = GeneralisedSmoothingLoss(label_smoothing=0.0)

    def turn(report: EpochReport) -> None:
        if report.epoch == WARM:
            loss.label_smoothing = cell["alpha"]

    trained = train(
        partial(fully_connected, widths=(128, 64)),
        data,
        loss=loss,
        recipe=SHORT,
        seed=cell["seed"],
        on_epoch=turn,
    )
    return said(cell, trained.model, data)


def on(data: tuple[str, str] | None) -> Study:
    """The study on the embedded images, or on others by name and folder."""
    return Study(
        name="noise",
        factors={"noise": noise.RATES, "alpha": ALPHAS, "seed": tuple(range(10))},
        run=partial(run, on=data),
        claims=noise.CLAIMS,
        settings={
            "data": "embedded Fashion-MNIST" if data is None else data[0],
            "model": "fully connected, (128, 64)",
            "recipe": asdict(SHORT),
            "alpha": f"0 in the first {WARM} epochs",
        },
        measures=noise.NOISE,
        panels=noise.PANELS,
    )


study = on(None)
