r"""Two meanings of a class weight w, and how rows become one number.

With target q = (1 - a) t + a v and log p = log softmax(z), a row's loss is

    "torch"      - sum_k q_k w_k log p_k      each term has the weight of its own class: the best p is no longer q
    "example"    <w, t> (- sum_k q_k log p_k)    the row has the weight of its label, and the target stays what it is

Either way it is  share * label cost + amount * background cost  of the kernels. The mean divides by the sum of
the labels' weights over the rows that count; under "torch" with probabilities, by their number, as torch does.
Source: the documentation of torch.nn.CrossEntropyLoss, and pytorch issue 104776 on what the first does to q.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .kernels.eager import Background, Costs, Label, column
from .rows import Rows

Number = float | Float[Tensor, "..."]


class Terms(NamedTuple):
    """loss of a row = share * (cost of label) + amount * (cost of background); unsmoothed, hard * (cost of label)."""

    label: Label
    background: Background
    share: Number
    amount: Number
    hard: Number
    divisor: Float[Tensor, " batch *places"] | None
    """What a row adds to the denominator of the mean; 1 if `None`."""


def weigh(rows: Rows, weight: Float[Tensor, " classes"] | None, weighting: str) -> Terms:
    """The terms of every row, under torch's rule or with weights that multiply the example."""
    label, background, a = rows.label, rows.background, rows.alpha
    if weight is None:
        return Terms(label, background, 1 - a, a, 1.0, None)

    by_class = not label.is_floating_point()
    across = column(weight, rows.logits)
    of_label = weight[label] if by_class else (label * across).sum(1)
    if weighting == "example":
        return Terms(label, background, (1 - a) * of_label, a * of_label, of_label, of_label)

    if isinstance(background, Tensor) or background:
        per_class = weight if not isinstance(background, Tensor) or background.ndim == 1 else across
        background = background * per_class
    if by_class:
        return Terms(label, background, (1 - a) * of_label, a, of_label, of_label)
    return Terms(label * across, background, 1 - a, a, 1.0, None)


def smoothed(terms: Terms, costs: Costs) -> Float[Tensor, " batch *places"]:
    """The loss of each row."""
    return _times(terms.share, costs.label) + terms.amount * costs.background


def hard(terms: Terms, costs: Costs) -> Float[Tensor, " batch *places"]:
    """What the loss of each row would be without smoothing."""
    return _times(terms.hard, costs.label)


def _times(share: Number, cost: Float[Tensor, " batch *places"]) -> Float[Tensor, " batch *places"]:
    if not isinstance(share, Tensor):
        return share * cost if share else torch.zeros_like(cost)
    nothing = (share == 0) & cost.isinf()  # a label without mass may be out: 0 log 0 = 0
    return torch.where(nothing, 0.0, share * cost)


def reduced(
    values: Float[Tensor, " batch *places"],
    *,
    divisor: Float[Tensor, " batch *places"] | None,
    ignored: Bool[Tensor, " batch *places"] | None,
    reduction: str,
) -> Float[Tensor, "..."]:
    """All rows, their sum, or their mean; the mean of no rows is NaN, as torch's."""
    if ignored is not None:
        values = values.masked_fill(ignored, 0.0)
    if reduction == "none":
        return values
    if reduction == "sum":
        return values.sum()
    if divisor is not None:
        return values.sum() / (divisor if ignored is None else divisor.masked_fill(ignored, 0.0)).sum()
    return values.sum() / (values.numel() if ignored is None else (~ignored).sum())
