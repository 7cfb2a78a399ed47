"""Pictures of single runs: what one network does with its confidence, and with its penultimate layer.

Curves are over seeds; these are one seed's, the first that has a run at every alpha, because a picture of a mean would
be a picture of no network.
"""

import numpy as np
from jaxtyping import Float

from ..lab import Evidence, Plane, Store
from ..lab.geometry import alike_and_far
from ..lab.paper import ALPHA
from ..lab.store import Record
from ..measures.calibration import reliability
from ..measures.plane import template_plane
from ..measures.scores import confidences
from ..predictions import Predictions
from ..scaling.temperature import Temperature
from .figures import Figure, PlaneFrame, PlanePanel, ReliabilitySeries, Tone, draw_plane, draw_reliability
from .page import Section

PLANE_EXAMPLES = 100
"""Examples a class in the plane, as in the paper's figure 1."""


def picture_sections(store: Store, evidence: Evidence) -> tuple[Section, ...]:
    """The reliability diagrams and the plane, of the first seed that is whole; nothing where none is."""
    seed = _first_whole_seed(evidence)
    if seed is None:
        return ()
    return _reliability_section(store, evidence, seed), *_plane_section(store, evidence, seed)


def _first_whole_seed(evidence: Evidence) -> int | None:
    """The first seed whose run is there at every alpha: pictures of single runs show that one."""
    whole = np.isfinite(evidence.values["accuracy"]).all(0)
    return evidence.seeds[int(whole.argmax())] if whole.any() else None


def _record(store: Store, alpha: float, seed: int, **levels: object) -> Record:
    wanted = {"alpha": alpha, "seed": seed, **levels}
    return next(
        record
        for record in store.records().values()
        if all(record.cell[factor] == level for factor, level in wanted.items()) and record.failure is None
    )


def _load(store: Store, alpha: float, seed: int, split: str, **levels: object) -> Predictions:
    return store.predictions(_record(store, alpha, seed, **levels).cell, split)


def _reliability_section(store: Store, evidence: Evidence, seed: int) -> Section:
    alpha = evidence.best("validation_ece")
    hard, hard_scaled = _before_and_after(store, 0.0, seed, name="hard", tone=Tone.HARD)
    name = f"smoothed, α = {alpha:g}"
    smoothed, smoothed_scaled = _before_and_after(store, alpha, seed, name=name, tone=Tone.SMOOTHED)
    return Section(
        "Does confidence mean what it says?",
        (
            "On the diagonal, a model that is 80 % confident is right 80 % of the time. The bands show how far from "
            f"it a perfectly calibrated model would stray by chance. Test data, seed {seed}.",
        ),
        (
            draw_reliability([hard, smoothed], title="Hard labels against smoothed ones"),
            draw_reliability([hard, hard_scaled], title="Hard labels, and one temperature"),
            draw_reliability([smoothed, smoothed_scaled], title="Smoothed labels, and one temperature"),
        ),
    )


def _before_and_after(
    store: Store, alpha: float, seed: int, *, name: str, tone: Tone
) -> tuple[ReliabilitySeries, ReliabilitySeries]:
    """One run's reliability on test data, and the same after the temperature that validation data fits."""
    test, validation = (_load(store, alpha, seed, split) for split in ("test", "validation"))
    scaled = Temperature().fit(validation.logits, validation.labels).transform(test.logits)
    return (
        ReliabilitySeries(name, reliability(test.logits, test.labels), tone),
        ReliabilitySeries(f"{name}, after", reliability(scaled, test.labels), Tone.SCALED),
    )


def planes_section(planes: tuple[Plane, ...], store: Store, evidence: Evidence) -> tuple[Section, ...]:
    """The planes that a study asks for, of which there is something to show."""
    figures = tuple(
        figure for plane in planes if (figure := plane_figure(plane, store, evidence)) is not None
    )
    if not figures:
        return ()
    return (
        Section(
            "What does the penultimate layer look like?",
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
    seed = _first_whole_seed(part)
    if seed is None:
        return None
    classes = plane.classes or alike_and_far(store.read(_record(store, 0.0, seed, **plane.levels)))
    frames, names = [], []
    for alpha in evidence.alphas:
        train, validation = (
            _load(store, alpha, seed, split, **plane.levels) for split in ("train", "validation")
        )
        if train.features is None or train.weight is None or validation.features is None:
            return None
        if train.logits.shape[1] <= max(classes):
            return None
        frames.append(PlaneFrame(alpha, _panel(train, classes), _panel(validation, classes)))
        names = train.meta.get("classes") or [f"class {label}" for label in range(train.logits.shape[1])]
    chosen = evidence.best("validation_ece") if "validation_ece" in evidence.values else ALPHA
    return draw_plane(
        frames[0],
        frames[1:],
        classes=tuple(str(names[label]) for label in classes),
        title=plane.title,
        start=max(0, evidence.alphas.index(chosen) - 1) if chosen in evidence.alphas else 0,
    )


def _plane_section(store: Store, evidence: Evidence, seed: int) -> tuple[Section, ...]:
    figure = plane_figure(
        Plane("The penultimate layer, hard and smoothed", classes=(0, 1, 2)), store, evidence
    )
    if figure is None:
        return ()
    return (
        Section(
            "What does smoothing do to the representation?",
            (
                "Each point is an example, seen in the plane through the templates of three classes, as in the "
                f"paper's figure 1. Move the slider to change α. Seed {seed}, up to {PLANE_EXAMPLES} examples "
                "a class.",
            ),
            (figure,),
        ),
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
