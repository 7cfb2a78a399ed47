"""What to use, smoothing, temperature scaling or neither: rules that turn what was found into a sentence.

A temperature changes no prediction and costs no training, so where both do as well it is the one to use. It is never
advised where it does not lower the hard network's calibration error itself.
"""

from collections.abc import Mapping
from enum import StrEnum

from ..lab import Outcome, Verdict


class Advice(StrEnum):
    """What a reader should do; a member equals its words."""

    SMOOTHING = "use smoothing"
    FOR_ACCURACY = "use smoothing for accuracy, but not for calibration"
    TEMPERATURE = "use temperature scaling"
    TEMPERATURE_FIRST = "try temperature scaling first"
    NEITHER = "use neither smoothing nor temperature scaling"
    OPEN = "these runs do not tell whether to use smoothing or temperature scaling"


def by_intervals(*, accuracy: int, calibration: int, against: int | None, helps: bool) -> Advice:
    """By the sides on which intervals lie, -1, 0 or 1: of the changes of accuracy and ECE by smoothing.

    `against` is the side of smoothed less temperature alone in ECE, 0 where the two are shown to be alike and `None`
    where that stays open; `helps` says whether the temperature lowers the hard network's ECE.

    >>> from smoothlab.report.advice import by_intervals
    >>> by_intervals(accuracy=0, calibration=-1, against=0, helps=True).value
    'use temperature scaling'
    """
    alone = Advice.TEMPERATURE if helps else Advice.NEITHER
    if accuracy > 0:
        return Advice.FOR_ACCURACY if calibration > 0 else Advice.SMOOTHING
    if accuracy < 0 or calibration >= 0:
        return alone
    if against is None:
        return Advice.TEMPERATURE_FIRST if helps else Advice.OPEN
    return Advice.SMOOTHING if against < 0 else alone


def by_verdicts(verdicts: Mapping[str, Verdict], network: str, *, helps: bool) -> Advice:
    """By what came of the claims about one network: C1 and S7, which set smoothing against temperature, S6 and S8."""

    def outcome(claim: str) -> Outcome | None:
        found = verdicts.get(f"{claim} {network}".rstrip())
        return None if found is None else found.outcome

    alone = Advice.TEMPERATURE if helps else Advice.NEITHER
    alike = verdicts.get(f"S7 {network}".rstrip())
    if outcome("S7") is Outcome.PASS or outcome("C1") is Outcome.FAIL:
        return alone
    if outcome("C1") is Outcome.PASS:
        return Advice.SMOOTHING
    if alike is not None and outcome("S7") is Outcome.FAIL:
        return Advice.SMOOTHING if alike.estimate.value < 0 else alone
    if outcome("S6") is Outcome.FAIL or outcome("S8") is Outcome.PASS:
        return alone
    return Advice.OPEN
