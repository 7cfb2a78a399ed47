"""A study or an audit in a terminal, 80 columns wide."""

import re
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..audit import Audit, Line
from ..lab import Evidence, Outcome, Store, Verdict
from ..measures.estimate import mean_estimate
from . import typeset
from .audit import HEADINGS, in_words, in_words_compared, row
from .study import slices

Column = tuple[str, Evidence, float]
"""A heading, and the evidence and alpha that it stands for."""
WIDEST, WIDEST_NAMED = 5, 4
"""Columns of numbers in 80 characters; fewer where words head them."""
STYLES = {
    Outcome.PASS: "bold green",
    Outcome.FAIL: "bold red",
    Outcome.UNDECIDED: "bold yellow",
    Outcome.OUT_OF_REGIME: "dim",
}


def print_study(
    store: Store, evidence: Evidence, verdicts: tuple[Verdict, ...], *, console: Console | None = None
) -> None:
    """Print what a store says; `console` defaults to standard output."""
    console = console or Console(highlight=False)
    console.print(Text(store.manifest["question"], style="bold"))
    failed = f", {len(evidence.failures)} failed" if evidence.failures else ""
    console.print(
        f"{len(store.records()) - len(evidence.failures)} of {store.manifest['cells']} runs{failed}; "
        "means over seeds, with half of the 95 % interval\n"
    )
    for table in _tables(slices(evidence)):
        console.print(table)
    for verdict in verdicts:
        console.print(_verdict(verdict))
    for key, reason in evidence.failures.items():
        console.print(Text(f"Failed: {key}: {reason}", style="red"))


def print_audits(
    audits: Sequence[Audit],
    differences: Sequence[tuple[str, tuple[Line, ...]]] = (),
    *,
    console: Console | None = None,
) -> None:
    """Print what was found in each file, then the comparisons; `console` defaults to standard output."""
    console = console or Console(highlight=False)
    for found in audits:
        console.print(
            Text(found.name, style="bold"), f"n = {typeset.count(found.n)}, {found.classes} classes"
        )
        console.print(_lines(found.lines))
        for sentence in in_words(found):
            console.print(sentence)
        console.print()
    for title, lines in differences:
        console.print(Text(title, style="bold"), "paired by example")
        console.print(_lines(lines, HEADINGS[:3]))
        for sentence in in_words_compared(lines):
            console.print(sentence)


def _lines(lines: Sequence[Line], headings: Sequence[str] = HEADINGS) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="left" if heading == HEADINGS[0] else "right", no_wrap=True)
    for line in lines:
        table.add_row(*row(line)[: len(headings)])
    return table


def _tables(parts: Sequence[tuple[str, Evidence]]) -> list[Table]:
    """A table for each slice with several alphas; slices at one alpha alone are columns of tables that they share."""
    tables: list[Table] = []
    alone: dict[float, list[Column]] = {}
    for name, part in parts:
        columns = [
            (f"{alpha:g}", part, alpha)
            for alpha, there in zip(part.alphas, part.finished, strict=True)
            if there.any() or not name
        ]
        if len(columns) == 1:
            alone.setdefault(columns[0][2], []).append((_heading(name), part, columns[0][2]))
        else:
            tables += [_measures(name, "alpha", chunk) for chunk in _chunks(columns, WIDEST)]
    for alpha, columns in alone.items():
        tables += [_measures(f"at alpha {alpha:g}", "", chunk) for chunk in _chunks(columns, WIDEST_NAMED)]
    return tables


def _heading(name: str) -> str:
    """The levels of a slice, one below the other; numbers with the name of their factor."""
    levels = [each.split(" ", 1) for each in name.split(", ") if each]
    words = [f"{factor[:1].upper()} {level}" if level[-1].isdigit() else level for factor, level in levels]
    return "\n".join(words).replace("-", "-\n")


def _chunks(columns: Sequence[Column], size: int) -> list[Sequence[Column]]:
    return [columns[start : start + size] for start in range(0, len(columns), size)]


def _measures(title: str, corner: str, columns: Sequence[Column]) -> Table:
    """A row for each measure that any of the columns has, and n below."""
    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column(corner, no_wrap=True)
    for heading, _, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    measures = columns[0][1].measures
    for name in measures.shown:
        if any(np.isfinite(part.at(name, alpha)).any() for _, part, alpha in columns):
            table.add_row(measures[name].label, *(_cell(part, name, alpha) for _, part, alpha in columns))
    counts = [part.finished[part.alphas.index(alpha)].sum() for _, part, alpha in columns]
    table.add_row("n", *map(str, counts))
    return table


def _cell(evidence: Evidence, name: str, alpha: float) -> str:
    values = evidence.at(name, alpha)
    estimate = mean_estimate(values[np.isfinite(values)])
    if not estimate.n:
        return typeset.number(np.nan, decimals=3)
    half = (estimate.high - estimate.low) / 2
    spread = f"±{half:.3f}" if np.isfinite(half) else ""
    text = f"{typeset.number(estimate.value, decimals=3)}{spread}"
    return re.sub(r"(?<!\d)0\.", ".", text)  # .812, and 10.3 as it is


def _verdict(verdict: Verdict) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=13)
    grid.add_column()
    outcome = Text(verdict.outcome.value, style=STYLES[verdict.outcome])
    grid.add_row("", "")
    grid.add_row(outcome, Text(f"{verdict.claim}  {verdict.statement}", style="bold"))
    p = f", p {_p(verdict.p)}" if verdict.p is not None else ""
    estimate = verdict.estimate
    number = f"{typeset.value(estimate)} {typeset.interval(estimate)}, n = {estimate.n}{p}"
    grid.add_row("", Text(f"{verdict.effect}: {number}"))
    if verdict.note:
        grid.add_row("", Text(verdict.note, style="dim"))
    return grid


def _p(p: float) -> str:
    text = typeset.probability(p)
    return text if text.startswith("<") else f"= {text}"
