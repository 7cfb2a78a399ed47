"""A claim, the finding that the evidence gives on it, and the verdict of a whole family of them.

A claim is judged by one paired comparison. Its regime guard comes first: outside of the regime that the statement
speaks of, the verdict is OUT OF REGIME, whatever the numbers. In it, p-values are corrected over the family by
Holm's rule, and then

    PASS        the estimate lies on the claimed side and its corrected p-value is below 0.05,
    FAIL        the same on the other side,
    UNDECIDED   neither.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..measures.estimate import Estimate
from .compare import Side, holm
from .evidence import Evidence

SIGNIFICANCE = 0.05


class Outcome(StrEnum):
    """What the evidence says of a claim.

    >>> from smoothlab.lab import Outcome
    >>> Outcome.OUT_OF_REGIME == "OUT OF REGIME"
    True
    """

    PASS = "PASS"
    FAIL = "FAIL"
    UNDECIDED = "UNDECIDED"
    OUT_OF_REGIME = "OUT OF REGIME"


@dataclass(frozen=True)
class Finding:
    """What one claim's rule found: the effect in words, the side it fell on, and the guard if one applies.

    `regime` is `None` inside the regime, and otherwise says what put the evidence outside. `note` is one sentence
    that a reader wants beside the number.

    >>> import numpy as np
    >>> from smoothlab.lab import Finding, compare
    >>> side = compare.below(np.array([0.3, 0.2, 0.3]), np.array([0.5, 0.5, 0.4]))
    >>> Finding("NC1 at alpha = 0.1 less at 0", side).side.claimed
    True
    """

    effect: str
    side: Side
    regime: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """One statement, where it stands, the rule that judges it in words, and the function that applies the rule.

    >>> from smoothlab.lab import Claim, Finding, compare
    >>> def judged(evidence):
    ...     return Finding("Brier score", compare.below(evidence.at("brier", 0.1), evidence.at("brier", 0.0)))
    >>> Claim("B1", "Smoothing lowers the Brier score.", "ours", "the test Brier score falls", judged).id
    'B1'
    """

    id: str
    statement: str
    source: str
    rule: str
    judge: Callable[[Evidence], Finding]


@dataclass(frozen=True)
class Verdict:
    """A claim and what came of it. `p` is corrected over the family; `None` where the claim was not tested.

    >>> from smoothlab import mean_estimate
    >>> from smoothlab.lab import Outcome, Verdict
    >>> fell = mean_estimate([-0.2, -0.3, -0.2])
    >>> verdict = Verdict("S1", "Clusters tighten.", "figure 1", Outcome.PASS, "NC1", fell, 0.02, "NC1 falls", "")
    >>> f"{verdict.outcome}: {verdict.effect} {verdict.estimate}"
    'PASS: NC1 -0.23 [-0.38, -0.09], n = 3'
    """

    claim: str
    statement: str
    source: str
    outcome: Outcome
    effect: str
    estimate: Estimate
    p: float | None
    rule: str
    note: str


def judge(claims: Sequence[Claim], evidence: Evidence) -> tuple[Verdict, ...]:
    """The verdict on every claim, corrected over those that are in their regime.

    >>> import numpy as np
    >>> from smoothlab.lab import Evidence, judge, paper
    >>> fitted = np.array([[1.9, 1.8, 2.0, 1.9], [1.0, 1.1, 0.9, 1.0]])
    >>> factors = {"alpha": (0.0, 0.1), "seed": (0, 1, 2, 3)}
    >>> evidence = Evidence(factors, {"temperature": fitted}, {})
    >>> verdict, = judge([paper.TEMPERATURE_FALLS], evidence)
    >>> print(verdict.outcome, verdict.estimate)
    PASS -0.90 [-1.16, -0.64], n = 4
    """
    return judge_families(((claims, evidence),))[0]


def judge_families(
    families: Sequence[tuple[Sequence[Claim], Evidence]],
) -> tuple[tuple[Verdict, ...], ...]:
    """The verdicts of several studies that are read together: corrected over all of their claims as one family.

    >>> import numpy as np
    >>> from smoothlab.lab import Evidence, judge_families, paper
    >>> fitted = np.array([[1.9, 1.8, 2.0, 1.9], [1.0, 1.1, 0.9, 1.0]])
    >>> evidence = Evidence({"alpha": (0.0, 0.1), "seed": (0, 1, 2, 3)}, {"temperature": fitted}, {})
    >>> one, two = judge_families([([paper.TEMPERATURE_FALLS], evidence)] * 2)
    >>> one[0].outcome.value, round(one[0].p, 4)  # twice the p-value of one alone
    ('PASS', 0.0032)
    """
    findings = [[claim.judge(evidence) for claim in claims] for claims, evidence in families]
    tested = [finding.side.p for found in findings for finding in found if finding.regime is None]
    corrected = iter(holm(tested))
    return tuple(
        tuple(
            _verdict(claim, finding, next(corrected) if finding.regime is None else None)
            for claim, finding in zip(claims, found, strict=True)
        )
        for (claims, _), found in zip(families, findings, strict=True)
    )


def _verdict(claim: Claim, finding: Finding, p: float | None) -> Verdict:
    return Verdict(
        claim=claim.id,
        statement=claim.statement,
        source=claim.source,
        outcome=_outcome(finding, p),
        effect=finding.effect,
        estimate=finding.side.estimate,
        p=p,
        rule=claim.rule,
        note=" ".join(filter(None, [finding.regime, finding.note])),
    )


def _outcome(finding: Finding, p: float | None) -> Outcome:
    if p is None:
        return Outcome.OUT_OF_REGIME
    if p >= SIGNIFICANCE:
        return Outcome.UNDECIDED
    return Outcome.PASS if finding.side.claimed else Outcome.FAIL
