"""A study or an audit in a terminal, 80 columns wide."""

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
        f"{evidence.finished.sum()} of {store.manifest['cells']} runs{failed}; "
        "means over seeds, with half of the 95 % interval\n"
    )
    for name, part in slices(evidence):
        if name:
            console.print(Text(name, style="bold"))
        console.print(_measures(part))
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


def _measures(evidence: Evidence) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("alpha", no_wrap=True)
    for alpha in evidence.alphas:
        table.add_column(f"{alpha:g}", justify="right", no_wrap=True)
    for name in evidence.measures.shown:
        label = evidence.measures[name].label
        table.add_row(label, *(_cell(evidence, name, alpha) for alpha in evidence.alphas))
    table.add_row("n", *(str(int(row.sum())) for row in evidence.finished))
    return table


def _cell(evidence: Evidence, name: str, alpha: float) -> str:
    values = evidence.at(name, alpha)
    estimate = mean_estimate(values[np.isfinite(values)])
    if not estimate.n:
        return typeset.number(np.nan, decimals=3)
    half = (estimate.high - estimate.low) / 2
    spread = f"±{half:.3f}" if np.isfinite(half) else ""
    return f"{typeset.number(estimate.value, decimals=3)}{spread}".replace("0.", ".")


def _verdict(verdict: Verdict) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=3)
    grid.add_column(width=13)
    grid.add_column()
    outcome = Text(verdict.outcome.value, style=STYLES[verdict.outcome])
    grid.add_row("", "", "")
    grid.add_row(verdict.claim, outcome, Text(verdict.statement, style="bold"))
    p = f", p {_p(verdict.p)}" if verdict.p is not None else ""
    estimate = verdict.estimate
    number = f"{typeset.value(estimate)} {typeset.interval(estimate)}, n = {estimate.n}{p}"
    grid.add_row("", "", Text(f"{verdict.effect}: {number}"))
    if verdict.note:
        grid.add_row("", "", Text(verdict.note, style="dim"))
    return grid


def _p(p: float) -> str:
    text = typeset.probability(p)
    return text if text.startswith("<") else f"= {text}"
