"""Reliability diagrams of one seed: what its networks do with their confidence, over alpha and over temperature.

The hard network stays where it is while a slider moves the smoothed one through alpha, or itself through T.
"""

from ..lab import Diagram, Evidence, Store
from ..lab.calibrating import TEMPERATURES
from ..lab.paper import ALPHA
from ..measures.calibration import reliability
from ..predictions import Predictions
from ..scaling.temperature import Temperature
from .figures import Figure, ReliabilitySeries, Tone, draw_reliability, draw_reliability_over
from .one_seed import alphas_run, first_whole_seed, load
from .page import Section

QUESTION = "Does confidence mean what it says?"
HOW_TO_READ = (
    "On the diagonal, a model that is 80 % confident is right 80 % of the time. The bands show how far from it a "
    "perfectly calibrated model would stray by chance. Move a slider: those for α move together, and those for T."
)


def calibration_section(store: Store, evidence: Evidence) -> tuple[Section, ...]:
    """The diagrams of a study of alpha alone: by slider, and before and after the fitted temperature."""
    seed = first_whole_seed(evidence)
    if seed is None or len(alphas_run(evidence)) < 2:
        return ()
    alpha = evidence.best("validation_ece")
    figures = (
        _over_alpha("Hard labels against smoothed ones", store, evidence, seed),
        _over_temperature("Hard labels, divided by T", store, seed),
        _and_scaled("Hard labels, and one temperature", store, 0.0, seed, "hard", Tone.HARD),
        _and_scaled(
            "Smoothed labels, and one temperature",
            store,
            alpha,
            seed,
            f"smoothed, α = {alpha:g}",
            Tone.SMOOTHED,
        ),
    )
    return (Section(QUESTION, (HOW_TO_READ,), figures),)


def diagrams_section(wanted: tuple[Diagram, ...], store: Store, evidence: Evidence) -> tuple[Section, ...]:
    """The diagrams that a study asks for, of which there is something to show."""
    figures = tuple(figure for each in wanted if (figure := _diagram(each, store, evidence)) is not None)
    if not figures:
        return ()
    return (
        Section(QUESTION, (HOW_TO_READ, *dict.fromkeys(each.text for each in wanted if each.text)), figures),
    )


def _diagram(wanted: Diagram, store: Store, evidence: Evidence) -> Figure | None:
    part = evidence.where(**wanted.levels)
    seed = first_whole_seed(part)
    if seed is None or len(alphas_run(part)) < 2:
        return None
    if wanted.along == "temperature":
        return _over_temperature(wanted.title, store, seed, **wanted.levels)
    return _over_alpha(wanted.title, store, part, seed, **wanted.levels)


def _over_alpha(title: str, store: Store, evidence: Evidence, seed: int, **levels: object) -> Figure:
    frames = [
        (
            f"{alpha:g}",
            _series(f"smoothed, α = {alpha:g}", load(store, alpha, seed, "test", **levels), Tone.SMOOTHED),
        )
        for alpha in alphas_run(evidence)
        if alpha > 0
    ]
    stops = [label for label, _ in frames]
    return draw_reliability_over(
        "α",
        _series("hard", load(store, 0.0, seed, "test", **levels), Tone.HARD),
        frames,
        title=title,
        definition=f"Test data, seed {seed}.",
        start=stops.index(f"{ALPHA:g}") if f"{ALPHA:g}" in stops else 0,
    )


def _over_temperature(title: str, store: Store, seed: int, **levels: object) -> Figure:
    hard = load(store, 0.0, seed, "test", **levels)
    frames = [(f"{T:g}", _series(f"hard, T = {T:g}", hard, Tone.SCALED, temperature=T)) for T in TEMPERATURES]
    return draw_reliability_over(
        "T",
        _series("hard", hard, Tone.HARD),
        frames,
        title=title,
        definition=f"Test data, seed {seed}; α = 0.",
        start=TEMPERATURES.index(1.0),
    )


def _and_scaled(title: str, store: Store, alpha: float, seed: int, name: str, tone: Tone) -> Figure:
    """One run's reliability, and the same after the temperature that validation data fits."""
    test, validation = (load(store, alpha, seed, split) for split in ("test", "validation"))
    fitted = Temperature().fit(validation.logits, validation.labels).temperature_
    after = _series(f"{name}, T = {fitted:.2f}", test, Tone.SCALED, temperature=fitted)
    return draw_reliability(
        [_series(name, test, tone), after],
        title=title,
        definition=f"Test data, seed {seed}; T is fitted on validation data.",
    )


def _series(name: str, said: Predictions, tone: Tone, *, temperature: float = 1.0) -> ReliabilitySeries:
    return ReliabilitySeries(name, reliability(said.logits / temperature, said.labels), tone)
