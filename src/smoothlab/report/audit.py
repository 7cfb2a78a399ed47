"""An audit as a reader sees it: in words, as a table, as a page, and as JSON for a program."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..audit import Audit, Line
from ..scaling.temperature import Status
from . import typeset
from .figures import ReliabilitySeries, RiskSeries, Tone, draw_reliability, draw_risk
from .page import Card, Number, Page, Section, Table

ALPHA = 0.05
"""Below this p-value a model is called miscalibrated."""
MOST_IN_ONE_FIGURE = 4
HEADINGS = ("Measure", "Value", "95 % interval", "If calibrated", "p")


def in_words(found: Audit) -> tuple[str, ...]:
    """Is it calibrated, would one temperature repair it, does its confidence know its errors; and its note, if any."""
    ece, gap, aurc, accuracy = (found[name] for name in ("ece", "gap", "aurc", "accuracy"))
    sentences = [_calibration_sentence(ece, gap)]
    if found.temperature is not None:
        sentences.append(_temperature_sentence(found))
    error = 1 - accuracy.value
    if 0 < error < 1 and aurc.interval is not None:
        knows = aurc.interval[1] < error
        sentences.append(
            f"Its confidence {'tells right answers from wrong ones' if knows else 'does not tell its errors'}: AURC "
            f"{_value(aurc)} {_interval(aurc)}, against the error rate {typeset.number(error, decimals=3)} of no order."
        )
    return (*sentences, found.note) if found.note else tuple(sentences)


def _calibration_sentence(ece: Line, gap: Line) -> str:
    if not _beyond_chance(ece):
        return f"Nothing speaks against its calibration: ECE {_value(ece)}, {_evidence(ece)}."
    assert gap.interval is not None
    low, high = gap.interval
    on_the_whole = "overconfident" if low > 0 else "underconfident" if high < 0 else "as sure as it is right"
    return f"It is miscalibrated, and on the whole {on_the_whole}: ECE {_value(ece)}, {_evidence(ece)}."


def _beyond_chance(ece: Line) -> bool:
    """By its p-value; where answers of one row depend on each other, by the interval of the true one."""
    if ece.p_value is not None:
        return ece.p_value < ALPHA
    assert ece.interval is not None
    return ece.interval[0] > 0


def _evidence(ece: Line) -> str:
    if ece.p_value is None:
        return f"the true one in {_interval(ece)}"
    p = typeset.probability(ece.p_value)
    return f"p {p if p.startswith('<') else f'= {p}'}"


def _temperature_sentence(found: Audit) -> str:
    assert found.temperature is not None
    if found.temperature.status_ is not Status.OK:
        return f"No temperature can be fitted: the held-out examples are {found.temperature.status_.value}."
    after = found["ece_scaled"]
    moved = f"takes ECE to {_value(after)}"
    if not _beyond_chance(after):
        return f"One temperature, {_value(found['temperature'])}, {moved}, which chance explains."
    return f"One temperature, {_value(found['temperature'])}, {moved}, which is still more than chance."


def in_words_compared(lines: Sequence[Line]) -> tuple[str, ...]:
    """Would a temperature alone have done it? One sentence, where the comparison had a held-out file to fit it on."""
    against = next((line for line in lines if line.name == "nll_scaled"), None)
    if against is None or against.interval is None:
        return ()
    low, high = against.interval
    number = f"NLL {_value(against)} {_interval(against)}"
    if low > 0:
        return (f"A temperature for the baseline alone does better: the other less that is {number}.",)
    if high < 0:
        return (f"It does more than a temperature for the baseline would: the other less that is {number}.",)
    return (f"A temperature for the baseline alone would do, as far as these examples tell: {number}.",)


def audit_page(audits: Sequence[Audit], differences: Sequence[tuple[str, tuple[Line, ...]]] = ()) -> Page:
    """The page of one or more audits; `differences` has a title and the lines of each comparison."""
    first = audits[0]
    sentences = tuple(
        f"{found.name}: {sentence}" if len(audits) > 1 else sentence
        for found in audits
        for sentence in in_words(found)
    )
    numbers = tuple(
        Number(
            f"{line.label}, {found.name}" if len(audits) > 1 else line.label, _value(line), _interval(line)
        )
        for found in audits
        for line in (found["accuracy"], found["ece"])
    )
    headline = "Can its confidence be trusted?" if len(audits) == 1 else "Can their confidence be trusted?"
    sections = [
        *(_comparison(title, lines, n=first.n) for title, lines in differences),
        *([_side_by_side(audits)] if 1 < len(audits) <= MOST_IN_ONE_FIGURE else []),
        *(_section(found) for found in audits),
    ]
    return Page(
        "Audit of saved predictions",
        ", ".join(
            f"{found.name} ({typeset.count(found.n)} examples, {found.classes} classes)" for found in audits
        ),
        Card(headline, sentences, numbers),
        tuple(sections),
    )


def _comparison(title: str, lines: Sequence[Line], *, n: int) -> Section:
    rows = tuple((line.label, line.definition, _value(line), _interval(line)) for line in lines)
    headings = ("Difference", "Of what", "Value", "95 % interval")
    table = Table(headings, rows, f"n = {typeset.count(n)} paired examples.", numeric=(2, 3))
    return Section(title, in_words_compared(lines), (table,))


def _side_by_side(audits: Sequence[Audit]) -> Section:
    figures = [draw_reliability(before(audits), title="Reliability as they are")]
    if all(found.scaled is not None for found in audits):
        figures.append(draw_reliability(after(audits), title="Reliability after a temperature each"))
    risks = risk_series(audits)
    if risks:
        drawn = draw_risk(risks, title="Risk where only the surest are answered")
        figures.append(replace(drawn, wide=True, aspect=0.75))
    return Section("Side by side", contents=tuple(figures))


def _section(found: Audit) -> Section:
    rows = tuple((*row(line), line.definition) for line in found.lines)
    table = Table(
        (*HEADINGS, "Definition"), rows, f"n = {typeset.count(found.n)} examples.", numeric=(1, 2, 3, 4)
    )
    diagram = draw_reliability(before_and_after(found), title=f"Reliability of {found.name}")
    risks = risk_series([found])
    curve = [draw_risk(risks, title=f"Risk over coverage of {found.name}")] if risks else []
    return Section(found.name, contents=(table, diagram, *curve))


def before(audits: Sequence[Audit]) -> list[ReliabilitySeries]:
    """The diagrams of all models as they are."""
    return [ReliabilitySeries(found.name, found.reliability, log_odds=found.log_odds) for found in audits]


def after(audits: Sequence[Audit]) -> list[ReliabilitySeries]:
    """The diagrams of those models that a temperature was fitted for, after it."""
    return [
        ReliabilitySeries(f"{found.name} after T", found.scaled, log_odds=found.scaled_log_odds)
        for found in audits
        if found.scaled is not None
    ]


def before_and_after(found: Audit) -> list[ReliabilitySeries]:
    """The diagrams of one model, before and after its temperature."""
    series = [ReliabilitySeries("as it is", found.reliability, Tone.HARD, found.log_odds)]
    if found.scaled is not None:
        after_it = ReliabilitySeries("after temperature", found.scaled, Tone.SCALED, found.scaled_log_odds)
        series.append(after_it)
    return series


def risk_series(audits: Sequence[Audit]) -> list[RiskSeries]:
    """The risk-coverage curves of those models that have one."""
    return [
        RiskSeries(found.name, found.risk, found["aurc"].value) for found in audits if found.risk is not None
    ]


def row(line: Line) -> tuple[str, str, str, str, str]:
    """A line of the table as text: measure, value, interval, null band, p-value."""
    p = typeset.probability(line.p_value) if line.p_value is not None else ""
    null = "" if line.null is None else f"{_fixed(line.null[0])} to {_fixed(line.null[1])}"
    return line.label, _value(line), _interval(line), null, p


def as_json(
    audits: Sequence[Audit], differences: Sequence[tuple[str, tuple[Line, ...]]] = ()
) -> dict[str, Any]:
    """The same data for a program: every audit's measures by name, with definitions, intervals and null bands."""
    return {
        "format": 1,
        "audits": [
            {
                "name": found.name,
                "n": found.n,
                "classes": found.classes,
                "note": found.note,
                "measures": {line.name: _fields(line) for line in found.lines},
            }
            for found in audits
        ],
        "differences": [
            {"title": title, "measures": {line.name: _fields(line) for line in lines}}
            for title, lines in differences
        ],
    }


def _fields(line: Line) -> dict[str, Any]:
    """JSON knows no infinity and no nan: what is not finite is null."""
    return {
        "label": line.label,
        "definition": line.definition,
        "value": _finite(line.value),
        "interval": line.interval and [_finite(end) for end in line.interval],
        "null": line.null and [_finite(end) for end in line.null],
        "p_value": _finite(line.p_value),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None


def _fixed(value: float) -> str:
    return typeset.number(value, decimals=_decimals(value))


def _decimals(value: float) -> int:
    return 4 if abs(value) <= 1 else 2


def _value(line: Line) -> str:
    return _fixed(line.value)


def _interval(line: Line) -> str:
    """With as many decimals as the value."""
    if line.interval is None:
        return ""
    low, high = (typeset.number(end, decimals=_decimals(line.value)) for end in line.interval)
    return f"[{low}, {high}]"
