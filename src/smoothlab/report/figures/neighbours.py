r"""Two t-SNE pictures side by side, hard and smoothed, of the same examples.

They have no axes to read: neither lengths, nor sizes of clusters, nor the space between them mean anything in such a
picture (see `measures.embedding`). So each is drawn to fill its own square, and nothing compares the two. Source: van
der Maaten and Hinton 2008, Journal of Machine Learning Research 9.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from ... import _checks
from .figure import SYMBOLS, TONES, Figure, axis, canvas, coordinate, coordinates, inert

SQUARES = ([0.0, 0.485], [0.515, 1.0])
MARGIN = 0.05  # of the span, so that no marker is cut by the edge


def draw_neighbours(
    points: Sequence[tuple[str, Float[np.ndarray, "examples 2"]]],
    labels: Integer[np.ndarray, " labels"],
    *,
    classes: Sequence[str],
    title: str,
    caption: Sequence[str],
) -> Figure:
    """One or two pictures with their headings; each class has a pair of colour and sign, which repeat after 16.

    Raises `ValueError` where a label has no name, or points and labels do not fit.

    >>> import numpy as np
    >>> from smoothlab.report.figures import draw_neighbours
    >>> places, words = np.eye(2), {"classes": ("shirt", "boot"), "title": "Neighbours", "caption": ("n = 2.",)}
    >>> figure = draw_neighbours([("hard", places), ("smoothed", -places)], np.arange(2), **words)
    >>> [trace["name"] for trace in figure.traces]
    ['shirt', 'boot', 'shirt', 'boot']
    """
    _checks.within("len(points)", len(points), 1, len(SQUARES))
    _checks.whole_labels(labels, len(classes))
    for _, places in points:
        _checks.same_length(["points", "labels"], [len(places), len(labels)])
    axes: dict[str, Any] = {}
    for index, (_, places) in enumerate(points):
        axes |= _square(places, index=index)
    return Figure(
        title,
        tuple(caption),
        tuple(
            _cloud(places[labels == label], str(name), label=label, index=index)
            for index, (_, places) in enumerate(points)
            for label, name in enumerate(classes)
        ),
        canvas(
            **axes,
            legend={
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": -0.02,
                "yanchor": "top",
                "itemsizing": "constant",
            },
            margin={"l": 8, "r": 8, "t": 28, "b": 8},  # room for the headings, however low the picture is
            annotations=[_heading(name, index=index) for index, (name, _) in enumerate(points)],
        ),
        aspect=0.75,
        wide=True,
    )


def _cloud(places: Float[np.ndarray, "examples 2"], name: str, *, label: int, index: int) -> dict[str, Any]:
    suffix = str(index + 1) if index else ""
    round_ = label // len(TONES)
    return {
        "type": "scatter",
        "x": coordinates(places[:, 0]),
        "y": coordinates(places[:, 1]),
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "mode": "markers",
        "marker": {
            "size": 5,
            "opacity": 0.7,
            "color": TONES[label % len(TONES)].line,
            "symbol": SYMBOLS[(label + round_) % len(SYMBOLS)],
        },
        "name": inert(name),
        "legendgroup": f"class {label}",
        "showlegend": not index,
        "hoverinfo": "name",
    }


def _square(places: Float[np.ndarray, "examples 2"], *, index: int) -> dict[str, Any]:
    """Axes without ticks, around the points of one picture."""
    low, high = places.min(0), places.max(0)
    room = MARGIN * np.maximum(high - low, 1e-9)
    suffix = str(index + 1) if index else ""
    quiet = {
        "showticklabels": False,
        "ticks": "",
        "showgrid": False,
        "mirror": True,
        "linecolor": "var(--grid)",
    }
    ends = [[coordinate(low[at] - room[at]), coordinate(high[at] + room[at])] for at in (0, 1)]
    return {
        f"xaxis{suffix}": axis(domain=SQUARES[index], anchor=f"y{suffix}", range=ends[0], **quiet),
        f"yaxis{suffix}": axis(anchor=f"x{suffix}", range=ends[1], **quiet),
    }


def _heading(text: str, *, index: int) -> dict[str, Any]:
    return {
        "text": inert(text),
        "xref": "paper",
        "yref": "paper",
        "x": sum(SQUARES[index]) / 2,
        "y": 1,
        "xanchor": "center",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": "var(--ink)", "size": 13},
    }
