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

from ..targets.conventions import Convention, converted
from .kernels.eager import Background, Costs, Label, column
from .rows import Batch, Rows

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


class Uncut(NamedTuple):
    """The terms of a batch of which a kernel finds out on its way which classes take part."""

    terms: Terms
    """As if every class took part."""
    background: Background | None
    """What the kernel is to cut to the classes that take part: 1 for each class if `None`, 0.0 if nobody asks."""
    divisor: str
    """And to divide by: "one", the "mass" that is left, or the "count" of classes that are."""
    only_whole: bool
    """Whether the terms hold only if every class does take part, in every row."""


def weigh_uncut(batch: Batch, weight: Float[Tensor, " classes"] | None, weighting: str) -> Uncut:
    """As `weigh`, before anybody has looked at the logits."""
    alpha, share = batch.smoothing(None)
    rows = Rows(batch.logits, batch.label, alpha, share, None, batch.ignored)
    terms = weigh(rows, weight, weighting)
    if not isinstance(share, Tensor):
        if not share:
            return Uncut(terms, 0.0, "one", only_whole=False)
        weighted = isinstance(terms.background, Tensor)
        # others: a depends on the count
        return Uncut(terms, weight if weighted else None, "count", batch.convention is Convention.OTHERS)
    only_whole = terms.background is not share or batch.convention is Convention.OTHERS_BUT_PADDING
    return Uncut(terms, terms.background, "one" if terms.background is not share else "mass", only_whole)


def recounted(uncut: Uncut, batch: Batch, count: Float[Tensor, " batch *places"]) -> Terms:
    """The terms under `others` without weights, once it is known how many classes take part in each row."""
    a = converted(batch.alpha, count, batch.convention)
    return uncut.terms._replace(share=1 - a, amount=a)


def smoothed(terms: Terms, costs: Costs) -> Float[Tensor, " batch *places"]:
    """The loss of each row."""
    return times(terms.share, costs.label) + times(terms.amount, costs.background)


def hard(terms: Terms, costs: Costs) -> Float[Tensor, " batch *places"]:
    """What the loss of each row would be without smoothing."""
    return times(terms.hard, costs.label)


def counted(terms: Terms, batch: Batch) -> float:
    """What the mean of values that can be read is divided by."""
    if terms.divisor is not None:
        return float((terms.divisor if batch.ignored is None else terms.divisor[~batch.ignored]).sum())
    rows = batch.logits.numel() // batch.logits.shape[1]
    return float(rows if batch.ignored is None else rows - int(batch.ignored.sum()))


def times(share: Number, cost: Float[Tensor, " batch *places"]) -> Float[Tensor, " batch *places"]:
    """Their product; an infinite cost is none without mass, and +inf with any, be it below 0."""
    if not isinstance(share, Tensor):
        if share >= 0:
            return share * cost if share else torch.zeros_like(cost)
        share = torch.as_tensor(share, dtype=cost.dtype, device=cost.device)
    nothing = (share == 0) & cost.isinf()  # a label without mass may be out: 0 log 0 = 0
    product = torch.where(nothing, 0.0, share * cost)
    # `others` takes more from a label than it has at an alpha above (K - 1) / K, but one that is out costs +inf
    return torch.where(product == -torch.inf, torch.inf, product)


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
