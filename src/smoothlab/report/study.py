"""A study's page: what was found in one card, then the claims, and then what they rest on."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..lab import IMAGES, Evidence, Map, Panel, Plane, Store, Verdict
from ..lab.images import PANELS
from ..measures.estimate import mean_estimate
from . import typeset
from .card import card, card_of_claims, speaks_of
from .curves import panels_section
from .lessons import lessons
from .page import Claims, Page, Section, Table
from .pictures import picture_sections, planes_section, unsure_example


@dataclass(frozen=True, eq=False)
class Answer:
    """What one store says: its evidence, the verdicts on its study's claims, and what the study wants drawn."""

    store: Store
    evidence: Evidence
    verdicts: tuple[Verdict, ...]
    panels: tuple[Panel | Map | Plane, ...] = PANELS


def study_page(answer: Answer) -> Page:
    """The page of one store, finished or half-finished."""
    store, evidence, verdicts = answer.store, answer.evidence, answer.verdicts
    claims = (Section("What was claimed, and what came of it", contents=(Claims(verdicts),)),)
    return Page(
        title=store.manifest["question"].rstrip(),
        lead=f"Study {store.manifest['name']}: {_runs(answer)}.",
        card=card(evidence) if _of_alpha_alone(evidence) else card_of_claims(verdicts),
        sections=(claims if verdicts else ()) + _sections(answer),
        facts=_facts(store, evidence),
    )


def suite_page(question: str, answers: Sequence[Answer]) -> Page:
    """The page of several stores that answer one question; of one alone, its own."""
    if len(answers) == 1:
        return study_page(answers[0])
    verdicts = tuple(verdict for answer in answers for verdict in answer.verdicts)
    shown = unsure_example(answers[0].store)
    parts = [part for answer in answers for _, part in slices(answer.evidence) if speaks_of(part)]
    return Page(
        title=question.rstrip(),
        lead=" ".join(f"Study {answer.store.manifest['name']}: {_runs(answer)}." for answer in answers),
        card=card(parts[0]) if parts else card_of_claims(verdicts),
        sections=(
            Section(
                "What was claimed, and what came of it",
                ("P-values are corrected over all claims of all studies on this page.",),
                (Claims(verdicts),),
            ),
            *itertools.chain.from_iterable(
                (Section(answer.store.manifest["question"].rstrip()), *_sections(answer))
                for answer in answers
            ),
            *(lessons(*shown) if shown else ()),
        ),
        facts=tuple(fact for answer in answers for fact in _facts(answer.store, answer.evidence)),
    )


def _of_alpha_alone(evidence: Evidence) -> bool:
    return set(evidence.factors) == {"alpha", "seed"} and evidence.measures is IMAGES


def _sections(answer: Answer) -> tuple[Section, ...]:
    evidence = answer.evidence
    pictures = picture_sections(answer.store, evidence) if _of_alpha_alone(evidence) else ()
    planes = tuple(panel for panel in answer.panels if isinstance(panel, Plane))
    drawn = tuple(panel for panel in answer.panels if not isinstance(panel, Plane))
    return (
        *pictures,
        *planes_section(planes, answer.store, evidence),
        *panels_section(drawn, evidence),
        _numbers_section(evidence),
    )


def _runs(answer: Answer) -> str:
    evidence = answer.evidence
    return (
        f"{len(answer.store.records()) - len(evidence.failures)} of {answer.store.manifest['cells']} runs, "
        f"{len(evidence.seeds)} paired seeds, α in {', '.join(f'{alpha:g}' for alpha in evidence.alphas)}"
    )


def slices(evidence: Evidence) -> list[tuple[str, Evidence]]:
    """The evidence over alpha and seed alone, for each choice of the other factors that has a run, and that choice."""
    seen = evidence.where(
        **{view: at for view, at in evidence.measures.at.items() if view in evidence.factors}
    )
    others = [factor for factor in seen.factors if factor not in ("alpha", "seed")]
    found = []
    for levels in itertools.product(*(seen.factors[factor] for factor in others)):
        choice = dict(zip(others, levels, strict=True))
        part = seen.where(**choice)
        if part.finished.any() or not others:
            found.append((", ".join(f"{factor} {level}" for factor, level in choice.items()), part))
    return found


def _numbers_section(evidence: Evidence) -> Section:
    return Section("The numbers", contents=tuple(_table(name, part) for name, part in slices(evidence)))


def _table(name: str, part: Evidence) -> Table:
    rows = tuple(
        (each.label, *(_cell(part, each.name, alpha) for alpha in part.alphas))
        for each in part.measures.listed
        if part.measures is IMAGES or np.isfinite(part.values[each.name]).any()
    )
    return Table(
        ("Measure", *(f"α = {alpha:g}" for alpha in part.alphas)),
        rows,
        f"{name[0].upper() + name[1:] + '. ' if name else ''}Means over {_seeds(part)} with 95 % t intervals.",
        numeric=tuple(range(1, len(part.alphas) + 1)),
    )


def _cell(part: Evidence, measure: str, alpha: float) -> str:
    values = part.at(measure, alpha)
    estimate = mean_estimate([float(value) for value in values[np.isfinite(values)]])
    return (
        f"{typeset.value(estimate)} {typeset.interval(estimate)}" if estimate.n else typeset.value(estimate)
    )


def _seeds(part: Evidence) -> str:
    counts = part.finished.sum(-1)
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
