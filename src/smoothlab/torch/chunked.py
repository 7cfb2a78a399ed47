r"""A linear head and its smoothed loss, some rows at a time: the logits are never all there at once.

For a row h, logits z = W h + b and g = d loss / d z = softmax(z) - q (see `losses`),

    d / dh = W^T g,        d / dW = sum over rows of g h^T,        d / db = sum over rows of g,

so while the logits of a few rows are at hand, g is written over them and everything that the backward pass will
want is summed up: the memory is that of these gradients and of one chunk. Sums over rows are kept in float32 or
better. One torch.library operator does it, so that a compiler sees a single node.

The reduced loss scales the gradients that wait, in place and once. A second backward through a kept graph computes
them again, and so does a loss for each row, whose gradients depend on what comes back. Second derivatives, and
gradients taken many at once, are traced through the whole logits. Sources: Hsu et al. 2024, sec. 3.2,
arXiv:2410.10989 (gradients in the forward pass); Wijmans et al. 2024, arXiv:2411.09009 (what logits weigh).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor
from torch.nn import functional

from .. import _rows
from .kernels import Costs, eager
from .kernels.eager import precision
from .losses import cross_entropy
from .parts import floor
from .rows import Rows, judged
from .tracing import plain
from .weighting import Number, Terms, hard, smoothed, weigh

CHUNK = 22 << 20
"""Bytes of logits at a time where the head is small; a larger head has larger chunks, a third of its own size.

With fewer rows the gradient of the head goes through the memory too often; more of them (from 192 rows of 32000
classes on) gain nothing, and MKL then packs the head into 20 MiB of its own, which it keeps.
"""


class Head(NamedTuple):
    """A flat batch before its last layer, (rows, features), and that layer: what may want a gradient."""

    hidden: Tensor
    weight: Tensor
    bias: Tensor | None


class Smoothing(NamedTuple):
    """The other arguments of `losses.cross_entropy`, in an order that an operator can have."""

    target: Tensor
    class_weight: Tensor | None
    alpha: float
    alphas: Tensor | None
    """One for each row, instead of `alpha`."""
    convention: str
    background: Tensor | None
    class_mask: Tensor | None
    padding_index: int | None
    ignore_index: int
    weighting: str
    reduction: str
    parts: bool

    def of(self, rows: slice) -> dict[str, Any]:
        """What `judged` wants to know of some rows."""
        background, class_mask = (
            one if one is None or one.ndim == 1 else one[rows] for one in (self.background, self.class_mask)
        )
        return {
            "target": self.target[rows],
            "label_smoothing": self.alpha if self.alphas is None else self.alphas[rows],
            "convention": self.convention,
            "background": background,
            "class_mask": class_mask,
            "padding_index": self.padding_index,
            "ignore_index": self.ignore_index,
        }


class Columns(NamedTuple):
    """What is known of each row; `nll` and `floor` of no row where nobody asks for parts."""

    loss: Tensor
    nll: Tensor
    floor: Tensor
    counted: Tensor
    """What the row adds to the denominator of the mean."""


def chunked(head: Head, smoothing: Smoothing, compute: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, loss without smoothing and floor, each reduced; logits are formed in the type `compute`."""
    wants = [torch.is_grad_enabled() and one is not None and one.requires_grad for one in head]
    # the gradients of a loss for each row have to wait for what comes back
    early = [want and smoothing.reduction != "none" for want in wants]
    return _operator(*head, *smoothing, compute, early, None)[:3]


def whole(head: Head, smoothing: Smoothing, compute: torch.dtype) -> Any:
    """The same by way of all logits, which everything can differentiate."""
    hidden, weight, bias = (None if one is None else one.to(compute) for one in head)
    with torch.autocast(head.hidden.device.type, enabled=False):
        logits = functional.linear(hidden, weight, bias)  # pyright: ignore[reportArgumentType]
    return cross_entropy(
        logits,
        weight=smoothing.class_weight,
        weighting=smoothing.weighting,
        reduction=smoothing.reduction,
        parts=smoothing.parts,
        **smoothing.of(slice(None)),
    )


# ------------------------------------------------------------------------------------------------ the operator


def _forward(*arguments: Any) -> tuple[Tensor, ...]:
    head, smoothing, (compute, wants, incoming) = _sorted(arguments)
    with torch.no_grad(), torch.autocast(head.hidden.device.type, enabled=False):
        columns, gradients = _pass(head, smoothing, compute, wants, incoming)
        return *_reduced(columns, smoothing, precision(compute)), *gradients


_NAME = "smoothlab::linear_cross_entropy"
torch.library.define(
    _NAME,
    "(Tensor hidden, Tensor weight, Tensor? bias, Tensor target, Tensor? class_weight, float alpha, "
    "Tensor? alphas, str convention, Tensor? background, Tensor? class_mask, SymInt? padding_index, "
    "SymInt ignore_index, str weighting, str reduction, bool parts, ScalarType compute, bool[] wants, "
    "Tensor? incoming) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
)
# not custom_op, whose first call loads the whole compiler for whoever does not compile
torch.library.impl(_NAME, "default", _forward)
_operator = torch.ops.smoothlab.linear_cross_entropy.default


def _sorted(arguments: tuple[Any, ...]) -> tuple[Head, Smoothing, tuple[Any, ...]]:
    first, last = len(Head._fields), len(Head._fields) + len(Smoothing._fields)
    return Head(*arguments[:first]), Smoothing(*arguments[first:last]), arguments[last:]


def _reduced(columns: Columns, smoothing: Smoothing, dtype: torch.dtype) -> Iterator[Tensor]:
    """Loss, loss without smoothing, floor, and what the sum of the losses was multiplied by."""
    total = columns.counted.sum() if smoothing.reduction == "mean" else columns.counted.new_ones(())
    for column in columns[:3] if smoothing.parts else columns[:1]:
        yield (column if smoothing.reduction == "none" else column.sum() / total).to(dtype)
    for _ in columns[1:3] if not smoothing.parts else ():
        yield total.new_empty(0, dtype=dtype)
    yield torch.where(total == 0, 0.0, 1 / total).to(
        dtype
    )  # no rows have no gradient, though their mean is NaN


@torch.library.register_fake(_NAME)
def _(*arguments: Any) -> tuple[Tensor, ...]:
    head, smoothing, (compute, wants, _) = _sorted(arguments)
    shape = head.hidden.shape[:1] if smoothing.reduction == "none" else ()
    loss = head.hidden.new_empty(shape, dtype=precision(compute))
    nll, least = (loss.new_empty(shape if smoothing.parts else (0,)) for _ in range(2))
    return loss, nll, least, loss.new_empty(()), *_rooms(head, wants)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(output[3], *(one for one in inputs if isinstance(one, Tensor)))
    ctx.others = [None if isinstance(one, Tensor) else one for one in inputs]
    ctx.places = [i for i, one in enumerate(inputs) if isinstance(one, Tensor)]
    ctx.gradients = list(output[4:])


def _backward(ctx: Any, incoming: Tensor | None, *_: Any) -> tuple[Any, ...]:
    nothing = (None,) * len(ctx.others)
    if incoming is None:
        return nothing
    scale, *tensors = ctx.saved_tensors
    arguments = list(ctx.others)
    for place, tensor in zip(ctx.places, tensors, strict=True):
        arguments[place] = tensor
    head, smoothing, (compute, early, _) = _sorted(tuple(arguments))
    wants = list(ctx.needs_input_grad[: len(head)])
    many = torch._C._are_functorch_transforms_active() or is_legacy_batchedtensor(incoming)
    if torch.is_grad_enabled() or many:
        return *_traced(head, smoothing, compute, wants, incoming), *nothing[3:]

    by_row = smoothing.reduction == "none"
    gradients, ctx.gradients = ctx.gradients, None
    if gradients is None or not any(early):  # they went out before, or had to wait
        gradients = _operator(*head, *smoothing, compute, wants, incoming if by_row else None)[4:]
    return *_handed_out(head, wants, gradients, None if by_row else scale * incoming), *nothing[3:]


torch.library.register_autograd(_NAME, _backward, setup_context=_remember)


def _handed_out(
    head: Head, wants: list[bool], gradients: Any, factor: Tensor | None
) -> Iterator[Tensor | None]:
    for one, want, gradient in zip(head, wants, gradients, strict=True):
        if one is None or not want:
            yield None
            continue
        if factor is not None:  # a trace has no memory to save, and must not see its own past overwritten
            gradient = gradient.mul_(factor) if plain(gradient, factor) else gradient * factor
        yield gradient.to(one.dtype)


def _traced(
    head: Head, smoothing: Smoothing, compute: torch.dtype, wants: list[bool], incoming: Tensor
) -> Iterator[Tensor | None]:
    with torch.enable_grad():
        loss = whole(head, smoothing._replace(parts=False), compute)
    wanted = [one for one, want in zip(head, wants, strict=True) if want and one is not None]
    found = iter(torch.autograd.grad(loss, wanted, incoming, create_graph=torch.is_grad_enabled()))
    return (next(found) if want else None for want in wants)


# ------------------------------------------------------------------------------------------------ the pass


def _rooms(head: Head, wants: list[bool]) -> list[Tensor]:
    """Where the gradients go: the rows' in their own type, the layer's, which are sums, in that of sums."""
    sums = precision(head.weight.dtype)
    types = (head.hidden.dtype, sums, sums)
    return [
        one.new_zeros(one.shape, dtype=dtype) if want and one is not None else head.hidden.new_empty(0)
        for one, want, dtype in zip(head, wants, types, strict=True)
    ]


def _pass(
    head: Head, smoothing: Smoothing, compute: torch.dtype, wants: list[bool], incoming: Tensor | None
) -> tuple[Columns, list[Tensor]]:
    """All rows once. The gradients are those of the sum of the rows, each row times what is incoming."""
    hidden, weight = head.hidden.to(compute), head.weight.to(compute)
    bias = None if head.bias is None else head.bias.to(compute)
    of_hidden, of_weight, of_bias = gradients = _rooms(head, wants)
    spans = _spans(hidden, weight)
    room = hidden.new_empty(spans[0].stop, len(weight))
    found = []
    for rows in spans:
        few = hidden[rows]
        logits = room[: len(few)]
        if bias is None:
            torch.mm(few, weight.t(), out=logits)
        else:
            torch.addmm(bias, few, weight.t(), out=logits)
        upstream = None if incoming is None else incoming[rows]
        columns, gradient, ignored = _chunk(logits, rows, smoothing, upstream, any(wants))
        found.append(columns)
        if ignored is not None:
            few = few.masked_fill(ignored[:, None], 0.0)  # 0 times the NaN that such a row may hold is NaN
        if wants[0]:
            of_hidden[rows] = torch.mm(gradient, weight)
        if wants[1]:
            _add_product(of_weight, gradient, few)
        if wants[2]:
            of_bias += gradient.sum(0, dtype=of_bias.dtype)
    return Columns(*(torch.cat(column) for column in zip(*found, strict=True))), gradients


def _spans(hidden: Tensor, weight: Tensor) -> list[slice]:
    """Chunks of rows, at least one even where there are none; see `CHUNK`."""
    classes, features = weight.shape
    few = max(CHUNK // (max(classes, 1) * weight.itemsize), features // 3)
    step = max(few // 16, 1) * 16
    return [slice(first, min(first + step, len(hidden))) for first in range(0, max(len(hidden), 1), step)]


def _add_product(total: Tensor, gradient: Tensor, hidden: Tensor) -> None:
    """total += gradient^T hidden; half types add up in float32, as many classes at a time as fill a chunk."""
    if total.dtype == gradient.dtype:
        total.addmm_(gradient.t(), hidden)
        return
    step = max(gradient.numel() // max(hidden.shape[1], 1), 1)
    for some, columns in zip(total.split(step), gradient.split(step, 1), strict=True):
        some += torch.mm(columns.t(), hidden)


def _chunk(
    logits: Tensor, rows: slice, smoothing: Smoothing, incoming: Tensor | None, wanted: bool
) -> tuple[Columns, Tensor, Tensor | None]:
    """The rows' columns, the gradient of their sum by the logits, which are lost, and which rows are ignored."""
    batch = judged(logits, **smoothing.of(rows))
    weight = smoothing.class_weight
    terms = weigh(batch, None if weight is None else weight.to(precision(logits.dtype)), smoothing.weighting)
    kernel = _compiled if logits.device.type == "cpu" else _closed_form
    costs, gradient = kernel(batch, terms, incoming, wanted)
    loss = smoothed(terms, costs)
    counted = torch.ones_like(loss) if terms.divisor is None else terms.divisor
    if batch.ignored is not None:
        counted = counted.masked_fill(batch.ignored, 0.0)
    if not smoothing.parts:
        return Columns(loss, loss[:0], loss[:0], counted), gradient, batch.ignored
    least = floor(terms, costs.label, batch)
    if batch.ignored is not None:
        least = least.masked_fill(batch.ignored, 0.0)
    return Columns(loss, hard(terms, costs), least, counted), gradient, batch.ignored


def _compiled(batch: Rows, terms: Terms, incoming: Tensor | None, wanted: bool) -> tuple[Costs, Tensor]:
    """By the compiled rows: the gradient takes the place of the logits, and costs come in float64."""
    logits, background = batch.logits, terms.background
    uneven = isinstance(background, Tensor)
    found = _rows.loss(
        logits,
        terms.label,
        gradient=logits if wanted else None,
        label_share=_each(terms.share, incoming),
        background_share=_each(
            terms.amount if uneven else terms.amount * background * logits.shape[1], incoming
        ),
        background=background if uneven else None,
        divisor="one" if uneven else "count",
        class_mask=None if batch.out is None else ~batch.out,
        ignored=batch.ignored,
        threads=torch.get_num_threads(),
    )
    return Costs(torch.from_numpy(found.label), torch.from_numpy(found.background)), logits


def _each(number: Number, incoming: Tensor | None) -> Any:
    """One number for all rows, or a column of them."""
    if incoming is not None:
        number = number * incoming
    return number.double().contiguous().numpy() if isinstance(number, Tensor) else number


def _closed_form(batch: Rows, terms: Terms, incoming: Tensor | None, wanted: bool) -> tuple[Costs, Tensor]:
    """The same in torch's own operations, for devices without compiled rows; see `eager` and `frugal`."""
    logits, label, background = batch.logits, terms.label, terms.background
    log_p = eager.log_probabilities(logits, batch.out, None)
    costs = eager.costs(log_p, label, background, batch.out, batch.ignored)
    if not wanted:
        return costs, logits
    each = torch.ones_like(costs.label) if incoming is None else incoming
    share, amount = ((number * each).unsqueeze(1) for number in (terms.share, terms.amount))
    masses = background if isinstance(background, Tensor) else torch.full_like(log_p[:1], background)
    masses = eager.column(masses, log_p)
    label_mass = label.sum(1, keepdim=True) if label.is_floating_point() else 1.0

    gradient = log_p.exp_().mul_(share * label_mass + amount * masses.sum(1, keepdim=True))
    gradient.addcmul_(masses, amount, value=-1)
    if label.is_floating_point():
        gradient.addcmul_(label, share, value=-1)
    else:
        gradient.scatter_add_(1, label.unsqueeze(1), -share)
    if batch.out is not None:
        gradient.masked_fill_(batch.out, 0.0)
    if batch.ignored is not None:
        gradient.masked_fill_(batch.ignored.unsqueeze(1), 0.0)
    return costs, logits.copy_(gradient)
