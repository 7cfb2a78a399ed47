"""Figures for print: the reliability diagram and the risk-coverage curve as SVG and PNG, with their data beside them.

They are drawn from the same series, positions and sentences as the page's figures, by matplotlib's own objects: neither
pyplot nor any global setting is touched, so that a notebook's figures look afterwards as they did before. The same
audits give the same bytes with the same matplotlib: no date is written, and the names inside an SVG, which matplotlib
draws at random, are counted.
"""

import io
import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from .. import _checks, _files
from ..audit import Audit
from ..measures.calibration import Reliability
from . import typeset
from .audit import MOST_IN_ONE_FIGURE, after, before, before_and_after, risk_series
from .figures import ReliabilitySeries, RiskSeries, Scale, Tone
from .figures.figure import TONES
from .figures.reliability import captions as reliability_captions
from .figures.risk import definition_of, highest
from .figures.scale import Span, frame_of, place

INK, SOFT, GRID = "#1d2126", "#5a636e", "#eeece7"
COLOURS = {Tone.HARD: "#c44d0a", Tone.SMOOTHED: "#0a6ead", Tone.SCALED: "#0a7f5e", Tone.FURTHER: "#a4558a"}
"""Of the page in light."""
MARKERS = ("o", "s", "^", "D")
LINES = ("-", "--", ":", "-.")
BOTH = (Scale.PROBABILITY, Scale.LOG_ODDS)

PANEL, HEIGHT = 3.5, 3.6  # inches, of a panel with its axes
LEFT, RIGHT, BELOW, ABOVE = 0.62, 0.16, 0.45, 0.37  # inches, around what the axes enclose
NAME, LINE = 0.14, 0.124  # inches, of a row of the legend and of the caption
TITLE, LETTERS = 12, 20  # letters in an inch, of the title and of the caption
NAME_LETTERS = 36  # of a name in the legend
DOTS = 200  # an inch


def write_plots(audits: Sequence[Audit], folder: Path, *, scales: Sequence[Scale] = BOTH) -> tuple[Path, ...]:
    """Draws audits into a folder, and makes it where there is none; returns the pictures' paths.

    `reliability` has all models on one pair of axes as they are, or the one there is before and after its temperature;
    `risk-coverage` their risk. Of several models there are also `reliability-after-temperature`, and each before and
    after as `reliability-NAME`. More than four share no figure.

    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from smoothlab import Predictions
    >>> from smoothlab.audit import audit
    >>> from smoothlab.report.print import write_plots
    >>> sure = audit(Predictions(np.tile([4.0, 0.0], (100, 1)), np.arange(100) % 2))
    >>> with TemporaryDirectory() as folder:
    ...     [path.name for path in write_plots([sure], Path(folder))]
    ['reliability.svg', 'reliability.png', 'risk-coverage.svg', 'risk-coverage.png']
    """
    folder.mkdir(parents=True, exist_ok=True)
    diagrams: dict[str, tuple[str, Sequence[ReliabilitySeries]]] = {}
    risks: dict[str, tuple[str, Sequence[RiskSeries]]] = {}
    if len(audits) == 1:
        diagrams["reliability"] = f"Reliability of {audits[0].name}", before_and_after(audits[0])
        risks["risk-coverage"] = f"Risk over coverage of {audits[0].name}", risk_series(audits)
    else:
        together = len(audits) <= MOST_IN_ONE_FIGURE
        if together:
            diagrams["reliability"] = "Reliability as they are", before(audits)
            diagrams["reliability-after-temperature"] = "Reliability after a temperature each", after(audits)
            risks["risk-coverage"] = "Risk where only the surest are answered", risk_series(audits)
        for name, found in zip(_file_names(audits), audits, strict=True):
            diagrams[f"reliability-{name}"] = f"Reliability of {found.name}", before_and_after(found)
            if not together:
                risks[f"risk-coverage-{name}"] = f"Risk over coverage of {found.name}", risk_series([found])
    figures = [
        (name, reliability_figure(series, title=title, scales=scales), series)
        for name, (title, series) in diagrams.items()
        if series
    ]
    figures += [
        (name, risk_figure(series, title=title), series) for name, (title, series) in risks.items() if series
    ]
    return tuple(
        path for name, figure, series in figures for path in save(figure, folder / name, as_data(series))[:2]
    )


def _file_names(audits: Sequence[Audit]) -> list[str]:
    """A name a model that any file system takes; a number tells those apart that it would confuse."""
    names: list[str] = []
    for number, found in enumerate(audits, 1):
        name = typeset.slug(found.name)
        names.append(f"{name}-{number}" if name in names else name)
    return names


def reliability_figure(
    series: Sequence[ReliabilitySeries], *, title: str, scales: Sequence[Scale] = BOTH
) -> Figure:
    """One to four models in a panel for each scale; a series without bins of log-odds has no such panel.

    Raises `ValueError` for no series or more than four. Sources: as `draw_reliability`.

    >>> import numpy as np
    >>> from smoothlab.measures import reliability
    >>> from smoothlab.report import ReliabilitySeries, Scale
    >>> from smoothlab.report.print import reliability_figure
    >>> bins = reliability(np.tile([4.0, 0.0], (100, 1)), np.arange(100) % 2)
    >>> figure = reliability_figure([ReliabilitySeries("sure", bins)], title="Sure.", scales=[Scale.PROBABILITY])
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['accuracy', 'examples']
    """
    _checks.within("len(series)", len(series), 1, len(TONES))
    if any(one.log_odds is None for one in series):
        scales = [Scale.PROBABILITY]
    figure, frame = _paper(title, reliability_captions(series, scales), panels=len(scales), names=len(series))
    for column, scale in enumerate(scales):
        upper = figure.add_axes(frame(column, 0.3, 1.0))
        lower = figure.add_axes(frame(column, 0.0, 0.24), sharex=upper)
        _diagram(upper, lower, series, scale)
        if column == 0:
            _legend(figure, upper)
    return figure


def risk_figure(series: Sequence[RiskSeries], *, title: str) -> Figure:
    """The risk-coverage curves of one to four models. Raises `ValueError` for no series or more than four.

    >>> import numpy as np
    >>> from smoothlab.measures import risk_curve
    >>> from smoothlab.report import RiskSeries
    >>> from smoothlab.report.print import risk_figure
    >>> curve = risk_curve(np.linspace(0, 1, 1000), np.arange(1000) >= 100)
    >>> risk_figure([RiskSeries("invented", curve, 0.005)], title="").axes[0].get_ylabel()
    'risk, share wrong'
    """
    _checks.within("len(series)", len(series), 1, len(TONES))
    figure, frame = _paper(title, (definition_of(series),), panels=1, names=len(series))
    axes = figure.add_axes(frame(0, 0.0, 1.0))
    for index, one in enumerate(series):
        colour, curve = COLOURS[one.tone or TONES[index]], one.curve
        axes.fill_between(curve.coverage, curve.low, curve.high, color=colour, alpha=0.13, linewidth=0)
        name = f"{_literal(_short(one.name))}, AURC {one.aurc:.3f}"
        axes.plot(curve.coverage, curve.risk, LINES[index], color=colour, linewidth=1.4, label=name)
    axes.set(xlim=(0, 1), ylim=(0, highest(series)))
    _labelled(axes, x="coverage, share answered", y="risk, share wrong")
    _legend(figure, axes)
    return figure


def save(figure: Figure, path: Path, data: Any) -> tuple[Path, Path, Path]:
    """Writes `path` with the endings .svg, .png and .json, each whole or not at all, and returns the three.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from matplotlib.figure import Figure
    >>> from smoothlab.report.print import save
    >>> with TemporaryDirectory() as folder:
    ...     [path.name for path in save(Figure(), Path(folder) / "empty", {})]
    ['empty.svg', 'empty.png', 'empty.json']
    """
    svg, png = io.BytesIO(), io.BytesIO()
    FigureCanvasSVG(figure).print_svg(
        svg, metadata={"Date": None, "Creator": "smoothlab", "Title": path.name}
    )
    figure.set_dpi(DOTS)
    FigureCanvasAgg(figure).print_png(png, metadata={"Software": "smoothlab"})
    contents = {
        ".svg": _counted(svg.getvalue().decode()).encode(),
        ".png": png.getvalue(),
        ".json": (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(),
    }
    paths = []
    for ending, content in contents.items():
        written = path.with_name(path.name + ending)
        with _files.replacing(written) as temporary:
            temporary.write_bytes(content)
        paths.append(written)
    return paths[0], paths[1], paths[2]


def as_data(series: Iterable[ReliabilitySeries | RiskSeries]) -> list[dict[str, Any]]:
    """What a figure shows, for a program: one entry a series, its arrays as lists, what is no number as None.

    >>> import numpy as np
    >>> from smoothlab.measures import risk_curve
    >>> from smoothlab.report import RiskSeries
    >>> from smoothlab.report.print import as_data
    >>> curve = risk_curve(np.array([2.0, 1.0]), np.array([True, False]))
    >>> as_data([RiskSeries("two", curve, 0.25)])[0]["curve"]["risk"]
    [0.0, 0.5]
    """
    return [_plain(vars(one)) for one in series]


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(entry) for key, entry in value.items() if key != "tone"}
        case np.ndarray() | tuple() | list():
            return [_plain(entry) for entry in value]
        case np.generic():
            return _plain(value.item())
        case float():
            return value if np.isfinite(value) else None
        case int() | str() | None:
            return value
    return _plain(vars(value))


def _paper(title: str, caption: Sequence[str], *, panels: int, names: int) -> tuple[Figure, Any]:
    """White paper with its words, and where on it a part of a panel lies, from 0 at its bottom to 1 at its top."""
    width = panels * PANEL
    lines = [line for text in caption for line in textwrap.wrap(text, int(LETTERS * (width - 0.2)))]
    heading = textwrap.wrap(title, int(TITLE * (width - 0.2))) or [""]
    foot, head = LINE * len(lines) + 0.16, NAME * (names + len(heading) - 1) + ABOVE
    height = HEIGHT + foot + head
    figure = Figure(figsize=(width, height), facecolor="white")
    for text, top, size, weight, colour in (
        ("\n".join(heading), height - 0.1, 9.0, "bold", INK),
        ("\n".join(lines), foot - 0.04, 6.5, "normal", SOFT),
    ):
        words = figure.text(0.1 / width, top / height, _literal(text), verticalalignment="top")
        words.set(fontsize=size, fontweight=weight, color=colour, linespacing=1.35)

    def frame(column: int, low: float, high: float) -> tuple[float, float, float, float]:
        tall = HEIGHT - BELOW
        x, wide = column * PANEL + LEFT, PANEL - LEFT - RIGHT
        return x / width, (foot + BELOW + low * tall) / height, wide / width, (high - low) * tall / height

    return figure, frame


def _diagram(upper: Axes, lower: Axes, series: Sequence[ReliabilitySeries], scale: Scale) -> None:
    """The diagram on one scale, and the counts under it."""
    diagrams = [one.bins(scale) for one in series]
    frame = frame_of(diagrams, scale)
    ends = [min(frame.x.low, frame.y.low), max(frame.x.high, frame.y.high)]
    upper.plot(ends, ends, linestyle=(0, (2, 2)), color=SOFT, linewidth=0.8, zorder=1)
    for index, (one, bins) in enumerate(zip(series, diagrams, strict=True)):
        colour, placed = COLOURS[one.tone or TONES[index]], place(bins, scale, frame)
        for along, low, high in placed.runs:
            upper.fill_between(along, low, high, color=colour, alpha=0.13, linewidth=0.5, zorder=0)
        filled, joined = bins.count > 0, np.where(placed.joined, placed.y, np.nan)
        marker, name = MARKERS[index], f"{_literal(_short(one.name))}, ECE {one.reliability.ece:.3f}"
        upper.plot(placed.x, joined, color=colour, linewidth=1.3, zorder=2)
        upper.plot([], [], color=colour, marker=marker, markersize=4.5, linewidth=1.3, label=name)
        upper.scatter(
            placed.x[filled],
            placed.y[filled],
            s=_areas(bins)[filled],
            marker=marker,
            facecolors=["white" if beyond else colour for beyond in placed.beyond[filled]],
            edgecolors=[colour if beyond else "white" for beyond in placed.beyond[filled]],
            linewidths=[1 if beyond else 0.5 for beyond in placed.beyond[filled]],
            clip_on=False,  # an accuracy of 0 or 1 is a whole marker, too
            zorder=3,
        )
        widths = placed.width / len(series)
        middle = placed.centre + (index - (len(series) - 1) / 2) * widths
        lower.bar(middle, bins.count, 0.86 * widths, color=colour)
    most = max(int(bins.count.max()) for bins in diagrams)
    unit = "" if scale is Scale.PROBABILITY else ", log-odds scale"
    upper.set(xlim=(frame.x.low, frame.x.high), ylim=(frame.y.low, frame.y.high))
    lower.set(yscale="log", ylim=(0.5, 1.6 * most))
    lower.yaxis.set_major_locator(LogLocator(numticks=4))
    lower.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    lower.yaxis.set_minor_formatter(NullFormatter())
    _labelled(upper, x="", y="accuracy")
    _labelled(lower, x=f"confidence{unit}", y="examples")
    _ticked(upper, frame.y)
    lower.set_xticks(frame.x.ticks, frame.x.words)
    upper.tick_params(labelbottom=False, bottom=False)


def _ticked(axes: Axes, span: Span) -> None:
    axes.set_yticks(span.ticks, span.words)


def _labelled(axes: Axes, *, x: str, y: str) -> None:
    """A quiet pair of axes."""
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set(color="#c6c3bc", linewidth=0.8)
    axes.tick_params(colors=SOFT, labelsize=7, length=2.5, width=0.6)
    axes.tick_params(axis="y", which="both", left=False)
    axes.set_xlabel(x, fontsize=8, color=SOFT)
    axes.set_ylabel(y, fontsize=8, color=SOFT)


def _legend(figure: Figure, axes: Axes) -> None:
    """The names, under the title."""
    width, height = figure.get_size_inches()
    below = 0.26 + NAME * figure.texts[0].get_text().count("\n")
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="upper left",
        bbox_to_anchor=(0.06 / width, 1 - below / height),
        frameon=False,
        fontsize=7,
        labelcolor=SOFT,
        labelspacing=0.25,
        borderpad=0.2,
    )


def _areas(bins: Reliability) -> np.ndarray:
    """Of the signs, in square points: a bin of few should not catch the eye."""
    return np.clip(2 + 1.5 * np.log10(np.maximum(bins.count, 1)), 2.5, 7.5) ** 2


def _short(name: str) -> str:
    """A name that fits the legend; the data beside the figure have all of it."""
    half = NAME_LETTERS // 2
    return name if len(name) <= NAME_LETTERS else f"{name[: half - 1]}…{name[-half:]}"


def _literal(text: str) -> str:
    """The text as matplotlib must get it to draw it letter by letter: a dollar begins no formula."""
    return text.replace("$", r"\$")


def _counted(svg: str) -> str:
    """The same picture, its random names replaced by numbers in the order in which they are given."""
    names = list(dict.fromkeys(re.findall(r'id="([A-Za-z]\w*?[0-9a-f]{10})"', svg)))
    numbers = {name: f"part_{number}" for number, name in enumerate(names, 1)}
    return re.sub(
        r"(?<=[\"#])[A-Za-z]\w*?[0-9a-f]{10}(?=[\")])", lambda found: numbers.get(found[0], found[0]), svg
    )
