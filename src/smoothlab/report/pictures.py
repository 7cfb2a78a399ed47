"""Pictures of the penultimate layer in the plane of three templates, alpha by slider.

Curves are over seeds; these are one seed's, the first that has a run at every alpha.
"""

import numpy as np
from jaxtyping import Float

from ..lab import Evidence, Plane, Store
from ..lab.geometry import alike_and_far
from ..lab.paper import ALPHA
from ..measures.plane import template_plane
from ..measures.scores import confidences
from ..predictions import Predictions
from .figures import Figure, PlaneFrame, PlanePanel, draw_plane
from .one_seed import alphas_run, first_whole_seed, load, record
from .page import Section

PLANE_EXAMPLES = 100
"""Examples a class in the plane, as in the paper's figure 1."""


def planes_section(
    planes: tuple[Plane, ...],
    store: Store,
    evidence: Evidence,
    title: str = "What does the penultimate layer look like?",
) -> tuple[Section, ...]:
    """The planes that a study asks for, of which there is something to show."""
    figures = tuple(
        figure for plane in planes if (figure := plane_figure(plane, store, evidence)) is not None
    )
    if not figures:
        return ()
    return (
        Section(
            title,
            (
                "Each point is an example, seen in the plane through the templates of three classes, as in the "
                f"paper's figure 1, of the first seed that is whole, up to {PLANE_EXAMPLES} examples a class. Move "
                "the slider to change α.",
                *dict.fromkeys(plane.text for plane in planes if plane.text),
            ),
            figures,
        ),
    )


def plane_figure(plane: Plane, store: Store, evidence: Evidence) -> Figure | None:
    """The paper's figure 1 for the first seed that is whole; none where no features were kept, or no three classes."""
    part = evidence.where(**plane.levels)
    seed = first_whole_seed(part)
    if seed is None or len(alphas_run(part)) < 2:
        return None
    classes = plane.classes or alike_and_far(store.read(record(store, 0.0, seed, **plane.levels)))
    frames, names = [], []
    for alpha in alphas_run(part):
        train, validation = (
            load(store, alpha, seed, split, **plane.levels) for split in ("train", "validation")
        )
        if train.features is None or train.weight is None or validation.features is None:
            return None
        if train.logits.shape[1] <= max(classes):
            return None
        frames.append(PlaneFrame(alpha, _panel(train, classes), _panel(validation, classes)))
        names = train.meta.get("classes") or [f"class {label}" for label in range(train.logits.shape[1])]
    smoothed = [frame.alpha for frame in frames[1:]]
    return draw_plane(
        frames[0],
        frames[1:],
        classes=tuple(str(names[label]) for label in classes),
        title=plane.title,
        start=smoothed.index(ALPHA) if ALPHA in smoothed else 0,
    )


def _panel(predictions: Predictions, classes: tuple[int, int, int]) -> PlanePanel:
    assert predictions.features is not None
    assert predictions.weight is not None
    of_class = [np.flatnonzero(predictions.labels == label)[:PLANE_EXAMPLES] for label in classes]
    plane = template_plane(predictions.weight, predictions.bias, classes=classes)
    return PlanePanel(
        plane.project(np.asarray(predictions.features[np.concatenate(of_class)], np.float64)),
        np.repeat(np.arange(3), [len(rows) for rows in of_class]),
        plane.templates,
    )


def unsure_example(store: Store) -> tuple[Float[np.ndarray, " classes"], int, tuple[str, ...]] | None:
    """The logits, label and class names of a test example of which the first hard network is about 70 % sure."""
    hard = next(
        (each for each in store.records().values() if each.cell["alpha"] == 0 and each.failure is None), None
    )
    if hard is None:
        return None
    test = store.predictions(hard.cell, "test")
    row = int(np.abs(confidences(test.logits) - 0.7).argmin())
    names = test.meta.get("classes") or [f"class {label}" for label in range(test.logits.shape[1])]
    return np.asarray(test.logits[row], np.float64), int(test.labels[row]), tuple(map(str, names))
