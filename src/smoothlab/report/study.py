"""A study's page: what smoothing did in one card, then the claims, and then what they rest on.

The card speaks of one alpha, the one with the least ECE on validation data, and sets it against the hard model with
one fitted temperature: whoever can have calibration for the price of a division should know it.
"""

from collections.abc import Sequence

import numpy as np

from ..lab import Evidence, Store, Verdict, compare, paper
from ..lab.claims import SIGNIFICANCE
from ..lab.evidence import MEASURES
from ..measures.calibration import reliability
from ..measures.estimate import Estimate, mean_estimate
from ..measures.plane import template_plane
from ..predictions import Predictions
from ..scaling.temperature import Temperature
from . import typeset
from .figures import (
    Curve,
    Figure,
    PlaneFrame,
    PlanePanel,
    Reference,
    ReliabilitySeries,
    Tone,
    draw_curves,
    draw_plane,
    draw_reliability,
)
from .page import Card, Claims, Number, Page, Section, Table

PLANE_CLASSES = (0, 1, 2)
PLANE_EXAMPLES = 100
"""Examples a class in the plane, as in the paper's figure 1."""
LINES = {"temperature": (Reference("no change", 1.0),), "gap": (Reference("calibrated", 0.0),)}
TITLES = {
    "accuracy": "Accuracy",
    "ece": "Calibration error, before temperature",
    "ece_scaled": "Calibration error, after temperature",
    "gap": "Over- or underconfidence",
    "nll": "Likelihood, before temperature",
    "nll_scaled": "Likelihood, after temperature",
    "temperature": "The temperature that repairs what is left",
    "nc1": "How loose the clusters are, between the classes",
    "scatter_ratio": "How loose the clusters are, in every direction alike",
    "gap_spread": "How unequal the distances to wrong classes are",
    "gap_scale": "How large the logits are",
    "gamma": "The smoothing that the model achieved",
}
"""The measures that are drawn over alpha, in order."""


def study_page(store: Store, evidence: Evidence, verdicts: tuple[Verdict, ...]) -> Page:
    """The page of a store, finished or half-finished."""
    manifest = store.manifest
    there = int(np.isfinite(evidence.values["accuracy"]).sum())
    asked = evidence.values["accuracy"].size
    sections = (
        [Section("What was claimed, and what came of it", contents=(Claims(verdicts),))] if verdicts else []
    )
    seed = _first_whole_seed(evidence)
    if seed is not None:
        sections += [_reliability_section(store, evidence, seed), *_plane_section(store, evidence, seed)]
    sections += [_curves_section(evidence), _numbers_section(evidence)]
    return Page(
        title=manifest["question"].rstrip(),
        lead=f"Study {manifest['name']}: {there} of {asked} runs, {len(evidence.seeds)} paired seeds, "
        f"α in {', '.join(f'{alpha:g}' for alpha in evidence.alphas)}.",
        card=card(evidence),
        sections=tuple(sections),
        facts=_facts(store, evidence),
    )


def card(evidence: Evidence) -> Card:
    """The verdict in words, each number with its interval and n."""
    alpha = evidence.best("validation_ece")
    accuracy = _change(evidence, "accuracy", alpha)
    if accuracy.n < compare.LEAST_SEEDS:
        return Card(
            "Not enough runs for a verdict yet.",
            (
                f"{accuracy.n} pairs are there, and {compare.LEAST_SEEDS} are the least. Run the study again to go on.",
            ),
        )
    calibration, likelihood = _change(evidence, "ece", alpha), _change(evidence, "nll", alpha)
    hard, scaled = _mean(evidence, "ece", 0.0), _mean(evidence, "ece_scaled", 0.0)
    alone, would_do = _temperature_alone(evidence, alpha)
    sentences = (
        f"Accuracy {_moved(accuracy, 'rose', 'fell')}: {_points(accuracy)} points.",
        f"Calibration {_moved(calibration, 'got worse', 'improved')}: an ECE of {typeset.value(hard)} changed by "
        f"{_signed(calibration)}.",
        f"Temperature scaling alone takes the hard model to an ECE of {_with_interval(scaled)}. {alone}",
        f"The unsmoothed NLL {_moved(likelihood, 'rose', 'fell')}: {_signed(likelihood)} nats.",
        *_geometry(evidence, alpha),
        f"Smoothed means α = {alpha:g}, which has the least ECE on validation data; changes are paired over seeds, "
        f"with 95 % intervals, n = {accuracy.n}.",
    )
    numbers = (
        _number("Accuracy, hard", evidence, "accuracy", 0.0),
        _number("Accuracy, smoothed", evidence, "accuracy", alpha),
        _number("ECE, hard", evidence, "ece", 0.0),
        _number("ECE, hard, one temperature", evidence, "ece_scaled", 0.0),
        _number("ECE, smoothed", evidence, "ece", alpha),
    )
    return Card(
        f"{_accuracy_headline(accuracy)} {_calibration_headline(calibration, would_do)}", sentences, numbers
    )


def _accuracy_headline(accuracy: Estimate) -> str:
    return {
        1: "Smoothing raised accuracy.",
        -1: "Smoothing cost accuracy.",
        0: "Smoothing did not move accuracy beyond chance.",
    }[_side(accuracy)]


def _calibration_headline(calibration: Estimate, would_do: str) -> str:
    return {
        1: "It made calibration worse.",
        -1: f"It improved calibration, {would_do}.",
        0: "It did not move calibration beyond chance.",
    }[_side(calibration)]


def _temperature_alone(evidence: Evidence, alpha: float) -> tuple[str, str]:
    """A sentence on smoothing against one temperature for the hard model, and the clause for the headline."""
    smoothed, scaled = evidence.at("ece", alpha), evidence.at("ece_scaled", 0.0)
    change = compare.difference(smoothed, scaled)
    same = compare.equivalent(smoothed, scaled, margin=paper.ECE_MARGIN)
    number = f"smoothed less temperature is {_signed(change)}"
    if same.claimed and same.p < SIGNIFICANCE:
        return (
            f"The two are within {paper.ECE_MARGIN:g} of each other: {number}.",
            "and temperature scaling alone would do",
        )
    if _side(change) < 0:
        return f"Smoothing does better: {number}.", "and by more than temperature scaling alone would"
    if _side(change) > 0:
        return f"Smoothing does worse: {number}.", "but temperature scaling alone would do better"
    return (
        f"The runs do not tell which does better: {number}.",
        "and temperature scaling alone might do as well",
    )


def _geometry(evidence: Evidence, alpha: float) -> tuple[str, ...]:
    """One sentence on the clusters, where features were kept."""
    change = _change(evidence, "nc1", alpha)
    if not change.n:
        return ()
    moved = _moved(change, "loosened", "tightened")
    return (
        f"The clusters of the penultimate layer {moved}: an NC1 of {typeset.value(_mean(evidence, 'nc1', 0.0))} "
        f"changed by {_signed(change)}.",
    )


def _side(change: Estimate) -> int:
    """-1 or 1 where the interval leaves 0 out, else 0."""
    return int(change.low > 0) - int(change.high < 0)


def _moved(change: Estimate, up: str, down: str) -> str:
    return {1: up, -1: down, 0: "did not move beyond chance"}[_side(change)]


def _change(evidence: Evidence, measure: str, alpha: float) -> Estimate:
    return compare.difference(evidence.at(measure, alpha), evidence.at(measure, 0.0))


def _there(evidence: Evidence, measure: str, alpha: float) -> list[float]:
    """The runs that are there."""
    values = evidence.at(measure, alpha)
    return [float(value) for value in values[np.isfinite(values)]]


def _mean(evidence: Evidence, measure: str, alpha: float) -> Estimate:
    return mean_estimate(_there(evidence, measure, alpha))


def _with_interval(estimate: Estimate) -> str:
    return f"{typeset.value(estimate)} {typeset.interval(estimate)}"


def _signed(change: Estimate) -> str:
    return f"{'+' if change.value > 0 else ''}{_with_interval(change)}"


def _points(change: Estimate) -> str:
    """A change of accuracy in percentage points."""
    scaled = Estimate(100 * change.value, 100 * change.low, 100 * change.high, change.n, change.level)
    return _signed(scaled)


def _number(label: str, evidence: Evidence, measure: str, alpha: float) -> Number:
    estimate = _mean(evidence, measure, alpha)
    return Number(label, typeset.value(estimate), f"{typeset.interval(estimate)}, n = {estimate.n}")


def _first_whole_seed(evidence: Evidence) -> int | None:
    """The first seed whose run is there at every alpha: pictures of single runs show that one."""
    whole = np.isfinite(evidence.values["accuracy"]).all(0)
    return evidence.seeds[int(whole.argmax())] if whole.any() else None


def _load(store: Store, alpha: float, seed: int, split: str) -> Predictions:
    cell = next(
        record.cell
        for record in store.records().values()
        if record.cell["alpha"] == alpha and record.cell["seed"] == seed and record.failure is None
    )
    return store.predictions(cell, split)


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


def _plane_section(store: Store, evidence: Evidence, seed: int) -> tuple[Section, ...]:
    """The paper's figure 1, where features were kept and there are three classes."""
    frames, names = [], []
    for alpha in evidence.alphas:
        train, validation = (_load(store, alpha, seed, split) for split in ("train", "validation"))
        if train.features is None or train.weight is None or validation.features is None:
            return ()
        if train.logits.shape[1] < 3:
            return ()
        frames.append(PlaneFrame(alpha, _panel(train), _panel(validation)))
        names = train.meta.get("classes") or [f"class {label}" for label in PLANE_CLASSES]
    figure = draw_plane(
        frames[0],
        frames[1:],
        classes=tuple(str(names[label]) for label in PLANE_CLASSES),
        title="The penultimate layer, hard and smoothed",
        start=evidence.alphas.index(evidence.best("validation_ece")) - 1,
    )
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


def _panel(predictions: Predictions) -> PlanePanel:
    assert predictions.features is not None
    assert predictions.weight is not None
    chosen = np.concatenate(
        [np.flatnonzero(predictions.labels == label)[:PLANE_EXAMPLES] for label in PLANE_CLASSES]
    )
    plane = template_plane(predictions.weight, predictions.bias, classes=PLANE_CLASSES)
    return PlanePanel(
        plane.project(np.asarray(predictions.features[chosen], np.float64)),
        np.asarray(predictions.labels[chosen]),
        plane.templates,
    )


def _curves_section(evidence: Evidence) -> Section:
    drawn = [
        each for each in MEASURES if each.name in TITLES and np.isfinite(evidence.values[each.name]).any()
    ]
    return Section(
        "What changes along α?",
        (
            "Lines are means over paired seeds and bands their 95 % intervals; the dots are the runs. The line is "
            "straight between the alphas that were run: there it guides the eye and claims nothing.",
        ),
        tuple(
            _curve(evidence, name, each.label, each.definition)
            for name in TITLES
            for each in drawn
            if each.name == name
        ),
    )


def _curve(evidence: Evidence, name: str, label: str, definition: str) -> Figure:
    points = tuple(tuple(_there(evidence, name, alpha)) for alpha in evidence.alphas)
    curve = Curve(label, evidence.alphas, tuple(mean_estimate(values) for values in points), points)
    return draw_curves(
        [curve],
        title=TITLES[name],
        measure=label,
        definition=f"{definition[0].upper()}{definition[1:]}.",
        references=LINES.get(name, ()),
    )


def _numbers_section(evidence: Evidence) -> Section:
    rows = tuple(
        (each.label, *(_cell(_there(evidence, each.name, alpha)) for alpha in evidence.alphas))
        for each in MEASURES
    )
    return Section(
        "The numbers",
        contents=(
            Table(
                ("Measure", *(f"α = {alpha:g}" for alpha in evidence.alphas)),
                rows,
                f"Means over {_seeds(evidence)} with 95 % t intervals.",
                numeric=tuple(range(1, len(evidence.alphas) + 1)),
            ),
        ),
    )


def _cell(values: Sequence[float]) -> str:
    estimate = mean_estimate(values)
    return (
        f"{typeset.value(estimate)} {typeset.interval(estimate)}" if estimate.n else typeset.value(estimate)
    )


def _seeds(evidence: Evidence) -> str:
    counts = np.isfinite(evidence.values["accuracy"]).sum(1)
    least, most = int(counts.min()), int(counts.max())
    return f"{most} seeds" if least == most else f"{least} to {most} seeds"


def _facts(store: Store, evidence: Evidence) -> tuple[tuple[str, str], ...]:
    records = store.records()
    versions = next((record.versions for record in records.values()), {})
    return (
        ("Study", str(store.manifest["reference"])),
        *((str(name), str(value)) for name, value in store.manifest["settings"].items()),
        (
            "Training",
            f"{sum(record.seconds for record in records.values()):.0f} s of work for {len(records)} runs",
        ),
        ("Versions", ", ".join(f"{name} {number}" for name, number in versions.items())),
        ("Study file, SHA-256", str(store.manifest["fingerprint"])),
        *((f"Failed: {key}", reason) for key, reason in evidence.failures.items()),
    )
