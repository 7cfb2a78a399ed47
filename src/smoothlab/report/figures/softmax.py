r"""What a temperature does to a distribution, and what alpha does to a target: two figures to play with.

    p_k(T) = exp(z_k / T) / sum_j exp(z_j / T)            y'_k = (1 - alpha) y_k + alpha / K

A larger T smooths the distribution, down to 1/K for each class; a smaller one sharpens it, up to the largest logit's
class alone; the order of the classes never changes. Alpha moves the target and not the network: it is what a network is
asked to say, and T what is done afterwards with what it said.

Sources: Guo et al. 2017, sec. 4.2, arXiv:1706.04599; Mueller et al. 2019, sec. 1, arXiv:1906.02629
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ... import _checks
from ..._numerics import softmax
from .figure import Change, Figure, Slider, Tone, axis, canvas, coordinates, inert

TEMPERATURES = (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 8.0)
ALPHAS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


def draw_temperature(logits: Float[np.ndarray, " classes"], *, classes: Sequence[str]) -> Figure:
    """The softmax of one example's logits at every temperature of a slider, beside that at 1.

    Raises `ValueError` where there is not one name for each logit.

    >>> import numpy as np
    >>> from smoothlab.report.figures import draw_temperature
    >>> figure = draw_temperature(np.array([3.0, 1.0, 0.0]), classes=("shirt", "coat", "boot"))
    >>> figure.slider.labels[figure.slider.start]
    '1'
    """
    _checks.same_length(["classes", "logits"], [len(classes), len(logits)])
    at = {temperature: softmax(logits[None] / temperature)[0] for temperature in TEMPERATURES}
    return _bars(
        "A larger T smooths, a smaller one sharpens",
        (
            "The softmax of one example's logits over T; outlined, at T = 1.",
            "The order of the classes stays.",
        ),
        classes,
        outline=at[1.0],
        filled=tuple(at.values()),
        slider=("T", [f"{temperature:g}" for temperature in TEMPERATURES], TEMPERATURES.index(1.0)),
        tone=Tone.SCALED,
    )


def draw_target(label: int, *, classes: Sequence[str]) -> Figure:
    """The smoothed target of one label at every alpha of a slider, beside the hard one.

    Raises `ValueError` for a label that is no class.

    >>> from smoothlab.report.figures import draw_target
    >>> figure = draw_target(0, classes=("shirt", "coat", "boot", "bag"))
    >>> figure.slider.changes[3].traces[1]["x"]  # alpha = 0.1
    [0.925, 0.025, 0.025, 0.025]
    """
    _checks.within("label", label, 0, len(classes) - 1)
    hard = np.eye(len(classes))[label]
    return _bars(
        "Alpha takes from the label and gives to every class",
        ("The target (1 − α) y + α/K, the label's own class included; outlined, the hard label.",),
        classes,
        outline=hard,
        filled=tuple((1 - alpha) * hard + alpha / len(classes) for alpha in ALPHAS),
        slider=("α of a target", [f"{alpha:g}" for alpha in ALPHAS], ALPHAS.index(0.1)),
        tone=Tone.SMOOTHED,
    )


def _bars(
    title: str,
    caption: tuple[str, ...],
    classes: Sequence[str],
    *,
    outline: Float[np.ndarray, " classes"],
    filled: tuple[Float[np.ndarray, " classes"], ...],
    slider: tuple[str, Sequence[str], int],
    tone: Tone,
) -> Figure:
    name, labels, start = slider
    names = [inert(each) for each in classes]
    shared: dict[str, Any] = {"type": "bar", "orientation": "h", "y": names, "showlegend": False}
    before = shared | {
        "x": coordinates(outline),
        "marker": {"color": "rgba(0,0,0,0)", "line": {"color": "var(--ink-soft)", "width": 1.5}},
        "hoverinfo": "skip",
    }
    now = shared | {
        "x": coordinates(filled[start]),
        "marker": {"color": tone.line, "opacity": 0.75},
        "hovertemplate": "%{y}: %{x:.3f}<extra></extra>",
    }
    layout = canvas(
        barmode="overlay",
        xaxis=axis("probability", range=[0, 1.02], nticks=6, showline=False, ticks=""),
        yaxis=axis(type="category", autorange="reversed", showgrid=False, ticks=""),  # a name is read across
    )
    changes = tuple(Change({1: {"x": coordinates(each)}}, {}) for each in filled)
    return Figure(
        title, caption, (before, now), layout, aspect=0.78, slider=Slider(name, tuple(labels), changes, start)
    )
