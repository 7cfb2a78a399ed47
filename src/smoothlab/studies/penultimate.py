"""What does smoothing do to the penultimate layer?

Claim    Statements S1 to S5 of the paper, its figure 1 and table 2: clusters tighten, similar classes lie on an arc
         about a third, accuracy is not hurt. On 5,000 images of Fashion-MNIST, a fully connected network at alpha in
         {0, 0.05, 0.1, 0.2} and a convolutional one at alpha in {0, 0.1}, 10 paired seeds. With --data cifar10 or
         cifar100 and a GPU: AlexNet and ResNet-56 for the paper's 390,000 and 64,000 steps.
Cost     60 trainings, about three minutes and 300 MB of disk on 2 cores. No download, no GPU.
Command  smoothlab study penultimate
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial

import torch
from torch import Tensor

from ..lab import Cell, Neighbours, Panel, Plane, Run, Study, Trace, calibrating, geometry
from ..predictions import Predictions
from ..torch.capture import predict
from ..torch.losses import cross_entropy
from ..torch.models import Builder, alexnet, fully_connected, resnet, small_cnn
from ..torch.recipe import Recipe
from ..torch.train import train
from .smoothing import RECIPE, WIDTHS, read

Nets = Mapping[str, tuple[Builder, Recipe]]

SMALL: Nets = {
    "dense": (partial(fully_connected, widths=WIDTHS), RECIPE),
    "convolutional": (partial(small_cnn, channels=(8, 16), width=64), replace(RECIPE, epochs=16)),
}
STEPS_AN_EPOCH = 40_000 // 128
PAPERS: Nets = {
    "alexnet": (
        alexnet,
        Recipe(
            epochs=390_000 // STEPS_AN_EPOCH,
            momentum=0.0,
            weight_decay=0.0,
            schedule="step",
            milestones=(1 / 3, 2 / 3),
        ),
    ),
    "resnet56": (
        partial(resnet, depth=56),
        Recipe(
            epochs=64_000 // STEPS_AN_EPOCH,
            weight_decay=1e-4,
            schedule="step",
            clip_norm=1.0,
            augment="crop_flip",
        ),
    ),
}
"""The appendix's, but for AlexNet's weight decay, which there is on the last two dense layers alone."""


def tripled(alpha: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Three times the cross entropy, as the paper's appendix has it."""
    return lambda logits, labels: 3 * cross_entropy(logits, labels, label_smoothing=alpha)


def nets_on(data: tuple[str, str] | None) -> Nets:
    """The paper's networks for the paper's data, small ones for everything else."""
    return PAPERS if data is not None and data[0].startswith("cifar") else SMALL


def run(cell: Cell, hard: Run | None, *, on: tuple[str, str] | None = None) -> Mapping[str, Predictions]:
    """Train one network and keep its features; the hard run is for the measures, which look at its confusions."""
    data, nets, alpha = read(on), nets_on(on), cell["alpha"]
    build, recipe = nets[cell["net"]]
    trained = train(
        build,
        data,
        loss=tripled(alpha) if nets is PAPERS else partial(cross_entropy, label_smoothing=alpha),
        recipe=recipe,
        seed=cell["seed"],
        device="cuda" if nets is PAPERS and torch.cuda.is_available() else "cpu",
    )
    meta = {
        **dict(cell.levels),
        "effective_alpha": alpha,
        "convention": "uniform",
        "classes": list(data.classes),
        "data": data.name,
    }
    return {
        split: predict(
            trained.model,
            getattr(data, split),
            meta={**meta, "split": split},
            features=split != "test",
            features_dtype="float16",
        )
        for split in ("train", "validation", "test")
    }


def _panels(nets: Nets) -> tuple[Panel | Plane | Neighbours, ...]:
    def lines(title: str, measure: str, text: str = "") -> Panel:
        return Panel(title, measure, tuple(Trace(net, {"net": net}) for net in nets), text=text)

    return (
        *(Plane(f"Three classes, {net}", {"net": net}, classes=(0, 1, 2)) for net in nets),
        *(Plane(f"Two alike and one far from both, {net}", {"net": net}) for net in nets),
        *(Neighbours(f"Neighbours of training examples, {net}", {"net": net}) for net in list(nets)[:1]),
        lines(
            "How loose the clusters are, between the classes",
            "nc1",
            "NC1 weighs each direction by how far the class means lie apart in it; the ratio of traces counts all "
            "directions alike. Smoothing can lower the one and raise the other: it tightens clusters where classes "
            "differ, and moves the means together at the same time.",
        ),
        lines("How loose the clusters are, in every direction alike", "scatter_ratio"),
        lines("How far the class means are from a regular simplex", "nc2_angles"),
        lines("How far the head is from the class means", "nc3"),
        lines("Class separation", "r_squared"),
        lines("How far two similar classes are from an arc", "arc_spread"),
        lines("What is left of the continuum between them", "continuum"),
        lines("Accuracy", "accuracy"),
    )


def on(data: tuple[str, str] | None) -> Study:
    """The study on the embedded images, or on others by name and folder."""
    nets = nets_on(data)
    return Study(
        name="penultimate",
        factors={"net": tuple(nets), "alpha": (0.0, 0.05, 0.1, 0.2), "seed": tuple(range(10))},
        run=partial(run, on=data),
        claims=tuple(
            calibrating.of_slice(claim, net, {"net": net}) for net in nets for claim in geometry.FAMILY
        ),
        settings={
            "data": "embedded Fashion-MNIST" if data is None else data[0],
            **{net: asdict(recipe) for net, (_, recipe) in nets.items()},
        },
        measures=geometry.GEOMETRY,
        panels=_panels(nets),
        teacher=lambda cell: cell.but(alpha=0.0) if cell["alpha"] > 0 else None,
        skip=lambda cell: cell["net"] == "convolutional" and cell["alpha"] not in (0.0, 0.1),
    )


study = on(None)
