"""A study's page: what was found in one card, then the claims, and then what they rest on."""

import itertools

import numpy as np

from ..lab import IMAGES, Evidence, Panel, Store, Verdict
from ..lab.images import PANELS
from ..measures.estimate import mean_estimate
from . import typeset
from .card import card, card_of_claims
from .curves import panels_section
from .page import Claims, Page, Section, Table
from .pictures import picture_sections


def study_page(
    store: Store, evidence: Evidence, verdicts: tuple[Verdict, ...], panels: tuple[Panel, ...] = PANELS
) -> Page:
    """The page of a store, finished or half-finished."""
    manifest = store.manifest
    of_alpha_alone = set(evidence.factors) == {"alpha", "seed"} and evidence.measures is IMAGES
    sections = (
        [Section("What was claimed, and what came of it", contents=(Claims(verdicts),))] if verdicts else []
    )
    if of_alpha_alone:
        sections += picture_sections(store, evidence)
    sections += [*panels_section(panels, evidence), _numbers_section(evidence)]
    return Page(
        title=manifest["question"].rstrip(),
        lead=f"Study {manifest['name']}: {evidence.finished.sum()} of {manifest['cells']} runs, "
        f"{len(evidence.seeds)} paired seeds, α in {', '.join(f'{alpha:g}' for alpha in evidence.alphas)}.",
        card=card(evidence) if of_alpha_alone else card_of_claims(verdicts),
        sections=tuple(sections),
        facts=_facts(store, evidence),
    )


def slices(evidence: Evidence) -> list[tuple[str, Evidence]]:
    """The evidence over alpha and seed alone, for each choice of the other factors that has a run, and that choice."""
    others = [factor for factor in evidence.factors if factor not in ("alpha", "seed")]
    found = []
    for levels in itertools.product(*(evidence.factors[factor] for factor in others)):
        choice = dict(zip(others, levels, strict=True))
        part = evidence.where(**choice)
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
