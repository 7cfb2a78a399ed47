"""A study's page: what was found in one card, then the claims, and then what they rest on."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..lab import (
    IMAGES,
    Diagram,
    Evidence,
    Map,
    Neighbours,
    Panel,
    Plane,
    Store,
    Verdict,
    gather,
    judge_families,
    source_of,
)
from ..lab.evidence import Level
from ..lab.images import PANELS
from ..lab.panel import Picture
from ..lab.store import Record
from ..measures.estimate import mean_estimate
from . import typeset
from .card import card, card_of_claims, speaks_of
from .curves import panels_section
from .diagrams import calibration_section, diagrams_section
from .lessons import lessons
from .neighbours import neighbours_section
from .page import Claims, Page, Section, Table
from .pictures import planes_section, unsure_example
from .suite_card import suite_card

Kind = TypeVar("Kind", Panel, Map, Plane, Diagram, Neighbours)
SHOWN = "What does smoothing do to the representation?"
IDEAS = Section(
    "The ideas, in a few steps", ("In English and in Korean, with figures to play with.",), opens=True
)
PLANE = Plane("The penultimate layer, hard and smoothed", classes=(0, 1, 2))
"""Of a study of alpha alone, which need not ask for it."""
HOW_IT_WAS_RUN = "How this study was run"
FOLDED = 2
"""Tables of numbers that stand open; where there are more, each is behind its name."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What one store says: its evidence, the verdicts on its study's claims, and what the study wants drawn."""

    store: Store
    evidence: Evidence
    verdicts: tuple[Verdict, ...]
    panels: tuple[Picture, ...] = PANELS


def answers_of(stores: Sequence[Store], track: Callable[..., Iterable[Record]]) -> tuple[Answer, ...]:
    """Measure every run of the stores, and judge the claims of all their studies as one family.

    `track` hands on the records that it is given, of which there are `total`, and may show how far it is.
    """
    studies = [source_of(store).study for store in stores]
    evidence = []
    for store, study in zip(stores, studies, strict=True):
        records = store.records().values()
        evidence.append(gather(store, track(records, total=len(records)), measures=study.measures))
    verdicts = judge_families([(study.claims, of) for study, of in zip(studies, evidence, strict=True)])
    return tuple(
        Answer(store, of, found, study.panels)
        for store, of, found, study in zip(stores, evidence, verdicts, studies, strict=True)
    )


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
    parts = [
        (" ".join(word.split(" ", 1)[1] for word in name.split(", ") if word), part)
        for answer in answers
        for name, part in slices(answer.evidence)
        if speaks_of(part) and part.finished.any()
    ]
    return Page(
        title=question.rstrip(),
        lead=_all_runs(answers),
        card=suite_card(parts, verdicts) if parts else card_of_claims(verdicts),
        sections=(
            Section(
                "What was claimed, and what came of it",
                (
                    f"P-values are corrected over all {len(verdicts)} claims of this page, by Holm's method: each is "
                    "harder to decide here than it would be alone.",
                ),
                (Claims(verdicts),),
            ),
            *itertools.chain.from_iterable(
                (_opening(answer), *_sections(answer, with_facts=True)) for answer in answers
            ),
            *((IDEAS, *lessons(*shown)) if shown else ()),
        ),
        facts=tuple(
            (
                str(answer.store.manifest["name"]),
                f"study file, SHA-256 {answer.store.manifest['fingerprint']}",
            )
            for answer in answers
        ),
    )


def _opening(answer: Answer) -> Section:
    """The heading of one study among several."""
    return Section(
        answer.store.manifest["question"].rstrip(),
        (f"Study {answer.store.manifest['name']}: {_runs(answer)}.",),
        opens=True,
    )


def _of_alpha_alone(evidence: Evidence) -> bool:
    return set(evidence.factors) == {"alpha", "seed"} and evidence.measures is IMAGES


def _sections(answer: Answer, *, with_facts: bool = False) -> tuple[Section, ...]:
    """What the claims rest on: first what a reader can play with, then the curves, then every number."""
    store, evidence = answer.store, answer.evidence

    def wanted(kind: type[Kind]) -> tuple[Kind, ...]:
        return tuple(picture for picture in answer.panels if isinstance(picture, kind))

    alone = ()
    if _of_alpha_alone(evidence):
        alone = (
            *calibration_section(store, evidence),
            *planes_section((PLANE,), store, evidence, title=SHOWN),
        )
    tables = (*_tables(evidence), *([_facts_table(answer)] if with_facts else []))
    numbers = (Section("The numbers", contents=tables),) if tables else ()
    return (
        *alone,
        *planes_section(wanted(Plane), store, evidence),
        *neighbours_section(wanted(Neighbours), store, evidence),
        *diagrams_section(wanted(Diagram), store, evidence),
        *panels_section(wanted(Panel) + wanted(Map), evidence),
        *numbers,
    )


def _runs(answer: Answer) -> str:
    evidence = answer.evidence
    return (
        f"{len(answer.store.records()) - len(evidence.failures)} of {answer.store.manifest['cells']} runs, "
        f"{len(evidence.seeds)} paired seeds, α in {', '.join(f'{alpha:g}' for alpha in evidence.alphas)}"
    )


def _all_runs(answers: Sequence[Answer]) -> str:
    finished = sum(len(answer.store.records()) - len(answer.evidence.failures) for answer in answers)
    asked = sum(answer.store.manifest["cells"] for answer in answers)
    names = ", ".join(str(answer.store.manifest["name"]) for answer in answers)
    return f"{len(answers)} studies, {finished:,} of {asked:,} runs: {names}."


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
            found.append((", ".join(f"{factor} {_word(level)}" for factor, level in choice.items()), part))
    return found


def _word(level: Level) -> str:
    return level if isinstance(level, str) else f"{level:g}"


def _tables(evidence: Evidence) -> tuple[Table, ...]:
    parts = [(name, part) for name, part in slices(evidence) if part.finished.any()]
    return tuple(_table(name, part, folded=len(parts) > FOLDED) for name, part in parts)


def _table(name: str, part: Evidence, *, folded: bool) -> Table:
    """A column for each alpha that has a run, a row for each measure that was taken."""
    alphas = [alpha for alpha, there in zip(part.alphas, part.finished, strict=True) if there.any()]
    rows = tuple(
        (each.label, *(_cell(part, each.name, alpha) for alpha in alphas))
        for each in part.measures.listed
        if np.isfinite(part.values[each.name]).any()
    )
    return Table(
        ("Measure", *(f"α = {alpha:g}" for alpha in alphas)),
        rows,
        f"{name[0].upper() + name[1:] + '. ' if name else ''}Means over {_seeds(part)} with 95 % t intervals.",
        numeric=tuple(range(1, len(alphas) + 1)),
        folded=folded,
    )


def _cell(part: Evidence, measure: str, alpha: float) -> str:
    values = part.at(measure, alpha)
    estimate = mean_estimate([float(value) for value in values[np.isfinite(values)]])
    return (
        f"{typeset.value(estimate)} {typeset.interval(estimate)}" if estimate.n else typeset.value(estimate)
    )


def _seeds(part: Evidence) -> str:
    counts = [n for n in part.finished.sum(-1) if n]
    least, most = int(min(counts)), int(max(counts))
    return f"{most} seeds" if least == most else f"{least} to {most} seeds"


def _facts(store: Store, evidence: Evidence) -> tuple[tuple[str, str], ...]:
    records = store.records()
    versions = next((record.versions for record in records.values()), {})
    return (
        ("Study", str(store.manifest["reference"])),
        *((str(name), _in_words(value)) for name, value in store.manifest["settings"].items()),
        (
            "Training",
            f"{sum(record.seconds for record in records.values()):.0f} s of work for {len(records)} runs",
        ),
        ("Versions", ", ".join(f"{name} {number}" for name, number in versions.items())),
        ("Study file, SHA-256", str(store.manifest["fingerprint"])),
        *((f"Failed: {key}", reason) for key, reason in evidence.failures.items()),
    )


def _in_words(setting: object) -> str:
    """A setting as text; a recipe, which is a mapping, as its entries."""
    if not isinstance(setting, Mapping):
        return str(setting)
    return ", ".join(f"{str(name).replace('_', ' ')} {value}" for name, value in setting.items())


def _facts_table(answer: Answer) -> Table:
    """How one of several studies was run, behind its title."""
    return Table(("What", "How"), _facts(answer.store, answer.evidence), HOW_IT_WAS_RUN, folded=True)
