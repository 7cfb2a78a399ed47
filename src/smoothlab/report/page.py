"""A page as a small tree of frozen data, and the one HTML file that it becomes.

The file holds everything: text, style, figures as JSON, and plotly.js, which draws them. Three walls keep it quiet:
the template escapes every string, the JSON cannot end its own script block, and a content security policy lets only
the page's two scripts run, known by their SHA-256, and nothing be fetched.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from .. import _checks, _files
from ..lab.claims import Outcome, Verdict
from . import typeset
from .figures import Figure


@dataclass(frozen=True)
class Number:
    """A number that the card shows large, what it is, and a note with its interval and n."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Card:
    """What a reader takes home who reads nothing else."""

    headline: str
    sentences: tuple[str, ...] = ()
    numbers: tuple[Number, ...] = ()


@dataclass(frozen=True)
class Claims:
    """The verdicts on a family of claims, with their tally."""

    verdicts: tuple[Verdict, ...]

    @property
    def tally(self) -> dict[Outcome, int]:
        """How many claims came to each outcome, those that occur only."""
        counts = {
            outcome: sum(verdict.outcome is outcome for verdict in self.verdicts) for outcome in Outcome
        }
        return {outcome: n for outcome, n in counts.items() if n}


@dataclass(frozen=True)
class Table:
    """Rows of text under their headings; the `numeric` columns, by index, are set flush right.

    A `folded` table is closed until a reader opens it by its caption.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    numeric: tuple[int, ...] = ()
    folded: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            _checks.same_length(["columns", "row"], [len(self.columns), len(row)])


@dataclass(frozen=True)
class Section:
    """A heading, a few paragraphs, and what they speak of; `korean` says in Korean what the paragraphs say.

    One that `opens` a part of the page has the sections after it under it, as far as the next that does.
    """

    title: str
    text: tuple[str, ...] = ()
    contents: tuple[Figure | Table | Claims, ...] = ()
    korean: tuple[str, ...] = ()
    opens: bool = False


@dataclass(frozen=True)
class Entry:
    """A section in the page's list of contents: its number, from 1, and the entries under it."""

    number: int
    section: Section
    under: tuple["Entry", ...] = ()


@dataclass(frozen=True)
class Page:
    """A report: the card first, then sections, then the facts that a reader needs to repeat it.

    >>> from smoothlab.report import Card, Page, render
    >>> html = render(Page("A report", "On invented data.", Card("Nothing <b>happened</b>.")))
    >>> "Nothing &lt;b&gt;happened&lt;/b&gt;." in html
    True
    >>> from smoothlab.report import Claims, Number, Section, Table
    >>> card = Card("It fell.", ("By a third.",), (Number("ECE", "0.02", "[0.01, 0.03], n = 10"),))
    >>> table = Table(("alpha", "ECE"), (("0.1", "0.02"),), "Means of 10 seeds.", numeric=(1,))
    >>> page = Page("A report", "", card, (Section("Numbers", contents=(table, Claims(()))),))
    >>> "Means of 10 seeds." in render(page)
    True
    """

    title: str
    lead: str
    card: Card
    sections: tuple[Section, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


def render(page: Page) -> str:
    """The whole page as one HTML document that asks nothing of the network.

    >>> from smoothlab.report import Card, Page, render
    >>> render(Page("Plain", "No figure.", Card("Nothing to draw."))).count("<script")
    0
    """
    figures = [part for section in page.sections for part in section.contents if isinstance(part, Figure)]
    scripts = [_plotly(), _text("page.js")] if figures else []
    return _template().render(
        page=page,
        style=_text("page.css"),
        scripts=scripts,
        policy=_policy(scripts),
        kind=lambda part: type(part).__name__,
        in_pairs=_in_pairs,
        contents=outline(page.sections),
    )


def outline(sections: Sequence[Section]) -> tuple[Entry, ...]:
    """The sections as a list of contents: those that open a part, with theirs, and those before the first.

    >>> from smoothlab.report import Section
    >>> from smoothlab.report.page import outline
    >>> found = outline([Section("Claims"), Section("A study", opens=True), Section("Its numbers")])
    >>> [(entry.number, len(entry.under)) for entry in found]
    [(1, 0), (2, 1)]
    """
    found: list[Entry] = []
    for number, section in enumerate(sections, 1):
        entry = Entry(number, section)
        if found and found[-1].section.opens and not section.opens:
            found[-1] = replace(found[-1], under=(*found[-1].under, entry))
        else:
            found.append(entry)
    return tuple(found)


def write(page: Page, path: str | Path) -> Path:
    """Writes the page, and its folder where there is none, and returns the path.

    The file is replaced in one step: a reader, or a crash, finds the old page or the whole new one.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from smoothlab.report import Card, Page, write
    >>> with TemporaryDirectory() as folder:
    ...     write(Page("Plain", "", Card("Nothing to draw.")), Path(folder) / "report.html").name
    'report.html'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _files.write_text(path, render(page))
    return path


def _template() -> Any:
    environment = Environment(
        autoescape=True,
        finalize=lambda value: typeset.bound(value) if type(value) is str else value,  # before it is escaped
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_text),
    )
    environment.filters |= {"embed": _embed, "figure_data": _figure_data, "slug": typeset.slug}
    environment.globals |= {"typeset": typeset}
    return environment.get_template("page.html")


def _in_pairs(section: Section) -> bool:
    """Two figures in a row where three would leave a single one behind."""
    narrow = sum(isinstance(part, Figure) and not part.wide for part in section.contents)
    return narrow == 2 or narrow % 3 == 1


def _text(name: str) -> str:
    return files("smoothlab.report").joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    """plotly.js as the package ships it; written so that no build of it can end its script block."""
    return get_plotlyjs().replace("</script", r"<\/script").replace("<!--", r"<\!--")


def _embed(value: Any) -> str:
    """JSON for a script block: `<` is written as an escape, so neither `</script>` nor `<!--` can occur."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")


def _figure_data(figure: Figure) -> dict[str, Any]:
    """What the page's script draws, and what the data button hands out."""
    slider, switch = figure.slider, figure.switch
    return {
        "title": figure.title,
        "caption": figure.caption,
        "aspect": figure.aspect,
        "traces": figure.traces,
        "layout": figure.layout,
        "slider": slider
        and {"name": slider.name, "labels": slider.labels, "changes": list(map(asdict, slider.changes))},
        "switch": switch and asdict(switch.change),
    }


def _policy(scripts: Sequence[str]) -> str:
    """Only these scripts, by their digest; styles in the page (plotly.js writes some); images from the page itself."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    sources = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
