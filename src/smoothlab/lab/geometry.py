"""The penultimate layer in numbers: what figure 1 of the paper shows, with statements S1 to S5.

Collapse is measured on the training split, where the paper speaks of it. Which two classes are alike and which third is
far from both is found from the confusions of the hard network of the same seed on validation data, and used for every
alpha of that seed. The arc of the pair is measured on validation data too: the continuum between similar classes is one
of examples that a network has not fitted one by one.

Sources: Mueller, Kornblith, Hinton 2019, sec. 2, figure 1 and table 2, arXiv:1906.02629; Papyan et al. 2020,
arXiv:2008.08186 (NC1 to NC4); Kornblith et al. 2021, arXiv:2010.16402 (R squared)
"""

import numpy as np

from ..measures import (
    class_means,
    class_separation,
    farthest_class,
    most_confused_pair,
    nc2,
    nearest_mean_agreement,
    pair_arc,
    self_duality,
    template_plane,
)
from ..predictions import Predictions
from . import compare, paper
from .cell import Run
from .claims import Claim, Finding
from .evidence import Evidence
from .images import IMAGES
from .images import take as take_images
from .measures import Measure, Measures

OF_IMAGES = ("accuracy", "train_accuracy", "nc1", "scatter_ratio", "gap_spread", "gap_scale", "gamma")
OWN = (
    Measure(
        "nc2_norms", "NC2, norms", "spread of the lengths of the centred class means, over their mean, train"
    ),
    Measure("nc2_angles", "NC2, angles", "mean distance of their cosines from -1/(K - 1), train"),
    Measure("nc3", "NC3", "distance of the head from the class means, both centred and of length 1, train"),
    Measure("nc4", "NC4", "share of examples that are given to the class of the nearest mean, validation"),
    Measure(
        "r_squared", "R² of class separation", "share of cosine distance that lies between classes, train"
    ),
    Measure(
        "arc_spread",
        "Spread of the arc",
        "of the distances of two similar classes from the template of a far third, over their mean, validation",
    ),
    Measure(
        "continuum",
        "Continuum",
        "share of two similar classes in the middle half of the way between their means, validation",
    ),
)


def take(run: Run) -> dict[str, float]:
    """Every measure of one run."""
    found = {name: value for name, value in take_images(run).items() if name in OF_IMAGES}
    train, validation = run["train"], run["validation"]
    if train.features is None or train.weight is None or validation.features is None:
        return found
    features, weight = np.asarray(train.features, np.float64), np.asarray(train.weight, np.float64)
    simplex = nc2(features, train.labels)
    held_out = np.asarray(validation.features, np.float64)
    return found | {
        "nc2_norms": simplex.norm_spread,
        "nc2_angles": simplex.cosine_gap,
        "nc3": self_duality(features, train.labels, weight),
        "nc4": nearest_mean_agreement(held_out, validation.logits, means=class_means(features, train.labels)),
        "r_squared": class_separation(features, train.labels).r_squared,
        **_arc(validation, alike_and_far(run)),
    }


def alike_and_far(run: Run) -> tuple[int, int, int]:
    """The two classes that the hard network of this seed confuses most, and the one far from both."""
    hard = (run.teacher or run)["validation"]
    pair = most_confused_pair(hard.logits, hard.labels)
    return *pair, farthest_class(hard.logits, hard.labels, pair=pair)


def _arc(said: Predictions, classes: tuple[int, int, int]) -> dict[str, float]:
    assert said.features is not None
    assert said.weight is not None
    plane = template_plane(said.weight, said.bias, classes=classes)
    points = plane.project(np.asarray(said.features, np.float64))
    arc = pair_arc(points, said.labels, plane.templates, classes=classes)
    return {"arc_spread": arc.spread, "continuum": arc.continuum.value}


GEOMETRY = Measures(
    tuple(IMAGES[name] for name in OF_IMAGES) + OWN,
    take,
    shown=(
        "accuracy",
        "train_accuracy",
        "nc1",
        "scatter_ratio",
        "nc2_angles",
        "nc3",
        "nc4",
        "r_squared",
        "arc_spread",
        "continuum",
        "gamma",
    ),
)
"""What a study of the penultimate layer measures."""


def _s4(evidence: Evidence) -> Finding:
    alpha = paper.ALPHA
    spread = compare.below(evidence.at("arc_spread", alpha), evidence.at("arc_spread", 0.0))
    continuum = compare.difference(evidence.at("continuum", alpha), evidence.at("continuum", 0.0))
    return Finding(
        f"Spread of the arc at alpha = {alpha:g} less at 0, validation",
        spread,
        paper.interpolation(evidence),
        f"The share of the pair between its means changes by {continuum}.",
    )


FAMILY = (
    paper.CLUSTERS_TIGHTEN,
    paper.EQUIDISTANCE,
    paper.SCALE_SHRINKS,
    Claim(
        "S4",
        "Smoothing lays two similar classes on an arc about a third.",
        "figure 1, last row",
        "the spread of their distances from a far third template falls; guard: the hard model fits its training set",
        _s4,
    ),
    paper.ACCURACY_NOT_HURT,
)
"""The statements on the penultimate layer, each to be judged for one network."""
