"""Do smoothed teachers make worse students?

Claim    Statements S13 to S16 of the paper and its follow-up, on networks that see 5,000 images of Fashion-MNIST:
         teachers of 2 x 256 hidden units, students of 32. Students of hard and of smoothed teachers over temperature
         (the paper's figure 5), students of smoothed labels alone as the control, students as large as their teacher,
         a teacher whose answers are shuffled within each class, and the paper's squared logits with beta 0.6.
         10 paired seeds each.
Cost     300 trainings of a second or two, about four minutes and 150 MB of disk on 2 cores. No download, no GPU.
Command  smoothlab study distillation
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial

import numpy as np

from ..lab import Cell, Run, Study, teaching
from ..predictions import Predictions
from ..torch.capture import predict
from ..torch.distillation import DistillationLoss
from ..torch.losses import cross_entropy
from ..torch.models import fully_connected
from ..torch.train import train
from .smoothing import RECIPE, WIDTHS, read

STUDENT = (32,)
GENTLE = replace(RECIPE, learning_rate=0.01, clip_norm=1.0)
"""For squared logits, whose first gradients are as large as a teacher's logits."""
ARMS = ("teacher", "alone", "taught", "shared", "shuffled", "itself", "logits")
ALPHAS = (0.0, 0.1, 0.3, 0.5, 0.7)
TEMPERATURES = (1.0, 2.0, 4.0, 8.0)


def skip(cell: Cell) -> bool:
    """Temperatures are for students, and mostly for those of hard teachers."""
    arm, alpha, temperature = cell["arm"], cell["alpha"], cell["temperature"]
    if arm in teaching.ALONE:
        return temperature != 1
    if arm == "taught":
        return alpha > 0 and temperature != 1
    if arm == "shared":
        return alpha not in (0.0, 0.1) or temperature > 4
    if arm == "logits":
        return alpha not in (0.0, 0.1) or temperature != 1
    return alpha > 0 or temperature not in (1.0, 4.0)


def teacher(cell: Cell) -> Cell | None:
    """The network of the same seed and alpha that learned from labels."""
    return None if cell["arm"] in teaching.ALONE else cell.but(arm="teacher", temperature=1.0)


def shuffled(said: Predictions, *, seed: int) -> np.ndarray:
    """The teacher's answers, dealt out anew among the examples of each class."""
    random, logits = np.random.default_rng(seed), np.array(said.logits)
    for label in range(logits.shape[1]):
        of_class = np.flatnonzero(said.labels == label)
        logits[of_class] = logits[random.permutation(of_class)]
    return logits


def run(cell: Cell, taught_by: Run | None, *, on: tuple[str, str] | None = None) -> Mapping[str, Predictions]:
    """Train a teacher, a student of labels, or a student of the teacher's stored answers on the training split."""
    data, arm, seed = read(on), cell["arm"], cell["seed"]
    if taught_by is None:
        loss = partial(cross_entropy, label_smoothing=cell["alpha"])
    elif arm == "logits":
        loss = DistillationLoss(taught_by["train"].logits, beta=0.6, term="squared_logits")
    else:
        said = taught_by["train"]
        logits = shuffled(said, seed=seed) if arm == "shuffled" else said.logits
        loss = DistillationLoss(logits, temperature=cell["temperature"], shared_temperature=arm == "shared")
    build = partial(fully_connected, widths=WIDTHS if arm in ("teacher", "itself") else STUDENT)
    trained = train(build, data, loss=loss, recipe=GENTLE if arm == "logits" else RECIPE, seed=seed)
    splits = ("train", "validation", "test") if arm == "teacher" else ("validation", "test")
    meta = {**dict(cell.levels), "effective_alpha": cell["alpha"], "convention": "uniform", "data": data.name}
    return {
        split: predict(trained.model, getattr(data, split), meta={**meta, "split": split}, features=False)
        for split in splits
    }


def on(data: tuple[str, str] | None) -> Study:
    """The study on the embedded images, or on others by name and folder."""
    return Study(
        name="distillation",
        factors={"arm": ARMS, "alpha": ALPHAS, "temperature": TEMPERATURES, "seed": tuple(range(10))},
        run=partial(run, on=data),
        claims=teaching.CLAIMS,
        settings={
            "data": "embedded Fashion-MNIST" if data is None else data[0],
            "teacher": f"fully connected, {WIDTHS}",
            "student": f"fully connected, {STUDENT}",
            "recipe": asdict(RECIPE),
        },
        measures=teaching.TEACHING,
        panels=teaching.PANELS,
        teacher=teacher,
        skip=skip,
    )


study = on(None)
