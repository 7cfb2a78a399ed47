r"""The same costs by the compiled rows: no array of the logits' size but the gradient, on the CPU.

For incoming gradients g (label) and h (background, over its divisor D) of a row, as in `frugal`,

    d / dz = (g |t| + h |v| / D) softmax(z) - g t - h v / D.

Forward reads the logits once. Backward reads a row, sums it up, and writes its gradient while a cache still holds it.
What was made in between is two numbers a row, so that nothing waits for the backward pass but the logits themselves;
where the loss is reduced at once, `fused` spares the first of the two passes. A logit of -inf takes its class out
inside of the kernel. Both passes are operators of torch.library, so that a compiler sees one node each.

A large gradient is written to memory that earlier ones have left behind (`_rows.Buffers`, whose rule says what is
kept): the pages of a fresh array cost more than its arithmetic. Source: the head of `_rows`.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ... import _rows
from .clauses import scattered, tensors_among, traced, unread, watched
from .eager import Background, Costs, Label, Logits, precision
from .sums import ARRAYS, Sums, costs_by, must_be_traced, tables, traced_slope

WORTH_KEEPING = 1 << 18
"""Bytes from which on an array gets a buffer of its own; below, torch's allocator has pages at hand."""
WORTH_AN_OPERATOR = 1 << 16
"""Logits from which on compiled code is left for an operator, whose call costs it some 100 microseconds."""

_buffers = _rows.Buffers()


def supports(logits: Logits, label: Label, background: Background | None, *more: Tensor | None) -> str | None:
    """Why these kernels cannot serve such tensors; `None` if they can. `more` is whatever else is passed."""
    if logits.device.type != "cpu":
        return f"the logits lie on {logits.device.type}, not on the CPU"
    others = tensors_among(label, background, *more)
    return unread(logits) or watched(logits, others) or _few(logits) or traced(others) or scattered(logits)


def _few(logits: Logits) -> str | None:
    if torch.compiler.is_compiling() and logits.numel() < WORTH_AN_OPERATOR:
        return "for so few logits a compiler's own code is faster"
    return None


def row_costs(
    logits: Logits,
    label: Label,
    background: Background,
    *,
    out: Bool[Tensor, "batch classes *places"] | None,
    ignored: Bool[Tensor, " batch *places"] | None,
) -> Costs:
    """As `eager.row_costs`, where `supports` finds nothing against it."""
    return costs_by(row_sums, logits, label, background, out=out, ignored=ignored)


def row_sums(
    logits: Logits,
    label: Label,
    background: Background | None,
    *,
    divisor: str,
    class_mask: Bool[Tensor, " classes"] | Bool[Tensor, "batch classes *places"] | None,
    ignored: Bool[Tensor, " batch *places"] | None,
) -> Sums:
    """As `row_costs`, where the background is cut to the classes that take part here, and divided by what is left.

    `background` is 1 for each class if `None`, and not asked for if 0.0. `divisor` is "one", "mass" (what is left
    of it) or "count" (the classes that take part). A logit of -inf is out whatever `class_mask` says. Where
    nothing of the background is left, the label stands in for it. Gradients flow from the two costs to the logits.
    """
    places = logits.shape[:1] + logits.shape[2:]
    found = _costs(*tables(logits, label, background, divisor, class_mask, ignored))
    return Sums(*(column.reshape(places) for column in found))


# ----------------------------------------------------------------------------------------------- the two operators

_TABLES = f"{ARRAYS}, bool smoothed, str divisor"
# not custom_op, whose first call loads the whole compiler for whoever does not compile
torch.library.define("smoothlab::row_costs", f"({_TABLES}) -> (Tensor, Tensor, Tensor)")
torch.library.define("smoothlab::row_slope", f"(Tensor of_label, Tensor of_background, {_TABLES}) -> Tensor")
_costs = torch.ops.smoothlab.row_costs.default
_slope_of = torch.ops.smoothlab.row_slope.default


@torch.library.impl("smoothlab::row_costs", "CPU")
def _(logits: Tensor, *others: Any) -> tuple[Tensor, ...]:
    found = run(logits, *others, label_share=1.0, background_share=1.0)
    columns = [
        column(array, precision(logits.dtype)) for array in (found.label, found.background, found.count)
    ]
    smoothed = others[-2]
    return tuple(columns) if smoothed else (columns[0], torch.zeros_like(columns[0]), columns[2])


@torch.library.register_fake("smoothlab::row_costs")
def _(logits: Tensor, *_: Any) -> tuple[Tensor, ...]:
    return tuple(logits.new_empty(logits.shape[0], dtype=precision(logits.dtype)) for _ in range(3))


@torch.library.impl("smoothlab::row_slope", "CPU")
def _(of_label: Tensor, of_background: Tensor, logits: Tensor, *others: Any) -> Tensor:
    gradient = room(logits)
    shares = [share.double().contiguous().numpy() for share in (of_label, of_background)]
    run(logits, *others, label_share=shares[0], background_share=shares[1], gradient=gradient)
    return gradient


@torch.library.register_fake("smoothlab::row_slope")
def _(of_label: Tensor, of_background: Tensor, logits: Tensor, *_: Any) -> Tensor:
    return logits.new_empty(logits.shape)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.smoothed, ctx.divisor = inputs
    ctx.save_for_backward(*tensors)
    ctx.mark_non_differentiable(output[2])


def _differentiate(ctx: Any, of_label: Tensor, of_background: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    tables: list[Any] = [*ctx.saved_tensors, ctx.smoothed, ctx.divisor]
    if must_be_traced(of_label, of_background):
        slope = traced_slope(of_label, of_background, *tables)
    else:
        slope = _slope_of(of_label, of_background, *tables)
    return slope, *[None] * (len(tables) - 1)


torch.library.register_autograd("smoothlab::row_costs", _differentiate, setup_context=_remember)


# --------------------------------------------------------------------------------------------- torch's side of _rows


def run(
    logits: Tensor,
    label: Tensor,
    background: Tensor | None,
    class_mask: Tensor | None,
    ignored: Tensor | None,
    smoothed: bool,
    divisor: Any,
    *,
    label_share: Any,
    background_share: Any,
    gradient: Tensor | None = None,
    **others: Any,
) -> _rows.Loss:
    """The kernel on tables of torch's, with as many threads as torch's own operations have."""
    return _rows.loss(
        seen(logits),
        seen(label),
        gradient=None if gradient is None else seen(gradient),
        label_share=label_share,
        background_share=background_share if smoothed else 0.0,
        background=None if background is None else _across(background),
        divisor=divisor,
        class_mask=None if class_mask is None else _across(class_mask),
        ignored=None if ignored is None else seen(ignored),
        threads=torch.get_num_threads(),
        **others,
    )


def seen(tensor: Tensor) -> np.ndarray:
    """The tensor's own memory; bfloat16, which NumPy lacks, as the bits that `_rows` takes for it."""
    tensor = tensor.detach() if tensor.requires_grad else tensor
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _across(rows: Tensor) -> np.ndarray:
    return seen(rows[0] if len(rows) == 1 else rows)


def column(array: np.ndarray, dtype: torch.dtype) -> Float[Tensor, " rows"]:
    """A column of what a kernel found, in the type of the loss."""
    return torch.from_numpy(array).to(dtype)


def room(logits: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
    """An array like the logits for their gradient, holding anything."""
    size = logits.numel() * logits.itemsize
    if size < WORTH_KEEPING:
        return torch.empty_like(logits, memory_format=torch.contiguous_format)
    memory = torch.from_numpy(_buffers.take(size)).untyped_storage()
    # no view of anything, whatever its type: autograd treats it as it would an array of its own
    return torch.empty(0, dtype=logits.dtype).set_(memory, 0, logits.shape, (logits.shape[1], 1))
