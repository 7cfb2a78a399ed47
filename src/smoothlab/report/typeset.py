"""A number as a reader wants it: as many digits as its interval supports, a true minus sign, its n beside it."""

import math
import re

from ..measures.estimate import Estimate

INTERVAL = re.compile(r"\[(\S+), (\S+)\]")
MINUS, JOINT = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


def number(value: float, *, decimals: int) -> str:
    """Fixed decimals with a true minus sign, which zero never gets; a dash where there is no number.

    >>> number(-0.06512, decimals=3), number(-0.0001, decimals=2), number(float("nan"), decimals=2)
    ('−0.065', '0.00', '–')
    """
    if math.isnan(value):
        return "\N{EN DASH}"
    text = "∞" if math.isinf(value) else f"{abs(value):.{decimals}f}"
    return f"{MINUS}{text}" if value < 0 and text.strip("0.") else text


def decimals(estimate: Estimate) -> int:
    """As many as show two digits of the interval's half-width; four where it has none or is infinite."""
    half = (estimate.high - estimate.low) / 2
    return min(max(1 - math.floor(math.log10(half)), 0), 6) if 0 < half < math.inf else 4


def interval(estimate: Estimate) -> str:
    """The bounds in brackets.

    >>> from smoothlab.measures.estimate import Estimate
    >>> interval(Estimate(-0.0651, -0.0702, -0.0600, 10))
    '[−0.0702, −0.0600]'
    """
    digits = decimals(estimate)
    return f"[{number(estimate.low, decimals=digits)}, {number(estimate.high, decimals=digits)}]"


def value(estimate: Estimate) -> str:
    """The point estimate, with the decimals of its interval."""
    return number(estimate.value, decimals=decimals(estimate))


def line(estimate: Estimate) -> str:
    """Value, interval and n, on one line of text.

    >>> from smoothlab.measures.estimate import Estimate
    >>> line(Estimate(0.0812, 0.0702, 0.0922, 10)).replace(JOINT, " ")
    '0.081 [0.070, 0.092], n = 10'
    """
    return bound(f"{value(estimate)} {interval(estimate)}, n = {count(estimate.n)}")


def count(n: int) -> str:
    """Thousands apart.

    >>> count(40000)
    '40,000'
    """
    return f"{n:,}"


def percent(level: float) -> str:
    """A level of confidence, as in "95 %", which no line break parts."""
    return f"{100 * level:g}{JOINT}%"


def probability(p: float | None) -> str:
    """A p-value to three decimals; a dash where nothing was tested.

    >>> probability(0.0412), probability(1e-7), probability(None)
    ('0.041', '< 0.001', '–')
    """
    if p is None:
        return "\N{EN DASH}"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def bound(text: str) -> str:
    """The text with every "α = 0.1", "p < 0.001", "95 %" and interval held together where a line breaks.

    >>> bound("n = 10, 95 %") == "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}10, 95\N{NO-BREAK SPACE}%"
    True
    """
    text = INTERVAL.sub(rf"[\1,{JOINT}\2]", text)
    for sign in "=<":
        text = text.replace(f" {sign} ", f"{JOINT}{sign}{JOINT}")
    return text.replace(" %", f"{JOINT}%")


def slug(text: str) -> str:
    """A name for an anchor or a file: words of ASCII letters and digits, joined by hyphens.

    >>> slug("hard/Test 2.npz")
    'hard-test-2-npz'
    """
    words = "".join(
        letter if letter.isascii() and letter.isalnum() else " " for letter in text.lower()
    ).split()
    return "-".join(words)[:60].strip("-") or "part"
