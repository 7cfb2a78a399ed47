"""The card of several studies: what to use for each network, and what smoothing was found to cost.

Every sentence here says what a verdict says, corrected over all claims of the page, and no more; each has its interval
and n. What no verdict decided is named as open.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..lab import Evidence, Outcome, Verdict, compare
from .advice import Advice, by_verdicts
from .card import mean_of, numbers, side, signed, with_interval
from .page import Card


class Cost(NamedTuple):
    """A claim by which smoothing may cost something: what is measured, and what is said of each side."""

    measure: str
    found: str
    spared: str
    when: Outcome = Outcome.PASS
    """The outcome that means a cost."""


COSTS: Mapping[str, Cost] = {
    "S5": Cost("accuracy", "accuracy falls", "accuracy", Outcome.FAIL),
    "S18": Cost(
        "AURC", "confidence says less of when to abstain", "confidence as a guide to when to abstain"
    ),
    "S19": Cost("probe accuracy", "features tell less of other labels", "what features tell of other labels"),
    "S15": Cost(
        "accuracy of students", "teachers make worse students", "what students of its teachers reach"
    ),
    "C2": Cost("accuracy", "corrupted images are read less well", "accuracy on corrupted images"),
    "C4": Cost("AUROC", "classes never seen are harder to tell", "knowing classes never seen"),
}
"""By the claim's id, in the order in which a reader is told."""


def suite_card(parts: Sequence[tuple[str, Evidence]], verdicts: Sequence[Verdict]) -> Card:
    """The card for these networks, each evidence over alpha and seed, and the verdicts of all studies."""
    of = {verdict.claim: verdict for verdict in verdicts}
    advised: dict[Advice, list[str]] = {}
    sentences = []
    for name, part in parts:
        temperature = compare.difference(part.at("ece_scaled", 0.0), part.at("ece", 0.0))
        advised.setdefault(by_verdicts(of, name, helps=side(temperature) < 0), []).append(name)
        sentences.append(_network(name, part))
    first, evidence = parts[0]
    return Card(
        _headline(advised),
        (*sentences, *_costs(verdicts)),
        numbers(evidence, evidence.best("validation_ece"), first),
    )


def _headline(advised: Mapping[Advice, Sequence[str]]) -> str:
    """What to use, and on which networks: "Use temperature scaling on dense and convolutional; use neither ...".

    >>> from smoothlab.report.advice import Advice
    >>> _headline({Advice.TEMPERATURE: ["dense", "wide"], Advice.OPEN: ["digits"]})[:46]
    'Use temperature scaling on dense and wide; the'
    """
    clauses = []
    for advice, networks in advised.items():
        names = " and ".join(filter(None, [", ".join(networks[:-1]), networks[-1]]))
        clauses.append(f"{advice} on {names}" if names else str(advice))
    text = "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def _network(name: str, part: Evidence) -> str:
    alpha = part.best("validation_ece")
    change = compare.difference(part.at("ece", alpha), part.at("ece_scaled", 0.0))
    words = [with_interval(mean_of(part, measure, at)) for measure, at in (("ece", 0.0), ("ece_scaled", 0.0))]
    return (
        f"{f'{name[0].upper()}{name[1:]}: an' if name else 'An'} ECE of {words[0]} with hard labels, {words[1]} after "
        f"one temperature, {with_interval(mean_of(part, 'ece', alpha))} smoothed at α = {alpha:g}, which validation "
        f"data chose; smoothed less temperature is {signed(change)}, n = {change.n}."
    )


def _costs(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """What smoothing costs, what it does not, and what stays open, as far as there are claims on it."""
    found: list[str] = []
    spared: list[str] = []
    undecided: dict[str, list[str]] = {}
    for claim, cost in COSTS.items():
        for verdict in verdicts:
            network = verdict.claim.removeprefix(claim).strip()
            if verdict.claim != claim and not verdict.statement.endswith(f": {network}."):
                continue  # neither this claim nor the same put to one network
            number = f"({cost.measure} {signed(verdict.estimate)}, n = {verdict.estimate.n})"
            where = f" on {network}" if network else ""
            if verdict.outcome in (Outcome.UNDECIDED, Outcome.OUT_OF_REGIME):
                undecided.setdefault(cost.spared, []).extend(filter(None, [network]))
            elif verdict.outcome is cost.when:
                found.append(f"{cost.found}{where} {number}")
            else:
                spared.append(f"{cost.spared}{where} {number}")
    still = [f"{what} ({', '.join(networks)})" if networks else what for what, networks in undecided.items()]
    sentences = (
        ("What smoothing costs", found),
        ("What it was not found to cost", spared),
        ("Not decided by these runs", still),
    )
    return tuple(f"{words}: {'; '.join(each)}." for words, each in sentences if each)
