"""A measure over two factors: a cell for each pair of levels, its number written in it.

A dot marks the cells that cannot be told from the best there is: their mean does not exceed that of a floor, such as
the error that a calibrated model would show by chance.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ... import _checks
from .. import typeset
from .figure import Figure, axis, canvas, coordinates, inert


def draw_heat(
    values: Float[np.ndarray, "rows columns"],
    *,
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    title: str,
    caption: Sequence[str],
    floor: Float[np.ndarray, "rows columns"] | None = None,
) -> Figure:
    """The map of means: `rows` and `columns` are the name of an axis and its levels; nan leaves a cell empty.

    Raises `ValueError` where levels and values do not fit.

    >>> import numpy as np
    >>> from smoothlab.report.figures import draw_heat
    >>> ece = np.array([[0.08, 0.02], [0.01, 0.1]])
    >>> axes = {"rows": ("α", ("0", "0.1")), "columns": ("T", ("1", "2"))}
    >>> figure = draw_heat(ece, **axes, title="Either is enough.", caption=("ECE, test.",), floor=np.full((2, 2), 0.02))
    >>> figure.traces[0]["text"]
    [['.080', '.020 •'], ['.010 •', '.100']]
    """
    _checks.same_length(["rows", "values"], [len(rows[1]), values.shape[0]])
    _checks.same_length(["columns", "values"], [len(columns[1]), values.shape[1]])
    low = np.zeros(values.shape, bool) if floor is None else values <= floor
    text = [
        [_written(float(value), bool(marked)) for value, marked in zip(*pair, strict=True)]
        for pair in zip(values, low, strict=True)
    ]
    trace = {
        "type": "heatmap",
        "x": [inert(level) for level in columns[1]],
        "y": [inert(level) for level in rows[1]],
        "z": [coordinates(row) for row in values],
        "text": text,
        "texttemplate": "%{text}",
        "textfont": {"size": 11, "color": "var(--ink)"},
        "colorscale": [[0, "var(--card)"], [1, "var(--first-band)"]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverinfo": "skip",
    }
    layout = canvas(
        xaxis=axis(inert(columns[0]), type="category", showgrid=False, ticks=""),
        yaxis=axis(inert(rows[0]), type="category", showgrid=False, ticks="", autorange="reversed"),
    )
    return Figure(title, tuple(caption), (trace,), layout, aspect=0.7)


def _written(value: float, marked: bool) -> str:
    if not np.isfinite(value):
        return ""
    number = typeset.number(value, decimals=3).removeprefix("0")
    return f"{number} •" if marked else number
