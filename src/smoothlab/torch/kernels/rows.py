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

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch._C._functorch import is_batchedtensor, is_legacy_batchedtensor

from ... import _rows
from ..tracing import plain
from . import eager
from .eager import Background, Costs, Label, Logits, precision

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
WORTH_KEEPING = 1 << 18
"""Bytes from which on an array gets a buffer of its own; below, torch's allocator has pages at hand."""
WORTH_AN_OPERATOR = 1 << 18
"""Logits from which on compiled code is left for an operator, whose call costs it some 100 microseconds."""

_buffers = _rows.Buffers()


class Sums(NamedTuple):
    """What a row costs against its label and its background, and how many classes take part in it."""

    label: Float[Tensor, " batch *places"]
    background: Float[Tensor, " batch *places"]
    count: Float[Tensor, " batch *places"]  # pyright: ignore[reportIncompatibleMethodOverride]


def supports(logits: Logits, label: Label, background: Background | None, *more: Tensor | None) -> str | None:
    """Why these kernels cannot serve such tensors; `None` if they can. `more` is whatever else is passed."""
    given = [tensor for tensor in (label, background, *more) if isinstance(tensor, Tensor)]
    if logits.device.type != "cpu":
        return f"the logits lie on {logits.device.type}, not on the CPU"
    if logits.dtype not in DTYPES:
        return f"there is no kernel for {logits.dtype}"
    if torch.compiler.is_compiling():
        if torch._C._are_functorch_transforms_active() or torch.compiler.is_exporting():
            return "a transform, or an export, looks at every operation"
        if logits.numel() < WORTH_AN_OPERATOR:
            return "for so few logits a compiler's own code is faster"
    elif not plain(logits, *given):
        return "a transform looks at every operation"
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given):
        return "the gradient of a target, a weight, an alpha or a background is traced"
    if not in_rows(logits):
        return "the classes of a row do not lie side by side"
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
    uneven = isinstance(background, Tensor)
    sums = row_sums(
        logits,
        label,
        background if uneven or not background else None,
        divisor="one",
        class_mask=None if out is None else ~out,
        ignored=ignored,
    )
    return Costs(sums.label, sums.background if uneven else sums.background * background)


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

_TABLES = (
    "Tensor logits, Tensor label, Tensor? background, Tensor? class_mask, Tensor? ignored, "
    "bool smoothed, str divisor"
)
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
    many = any(is_batchedtensor(g) or is_legacy_batchedtensor(g) for g in (of_label, of_background))
    if torch.is_grad_enabled() or many:  # a second derivative, or many first ones at once
        slope = traced_slope(of_label, of_background, *tables)
    else:
        slope = _slope_of(of_label, of_background, *tables)
    return slope, *[None] * (len(tables) - 1)


torch.library.register_autograd("smoothlab::row_costs", _differentiate, setup_context=_remember)


def traced_slope(
    of_label: Tensor,
    of_background: Tensor,
    logits: Tensor,
    label: Tensor,
    background: Tensor | None,
    class_mask: Tensor | None,
    ignored: Tensor | None,
    smoothed: bool,
    divisor: str,
) -> Tensor:
    """As the operator, by the closed form in plain torch, which can be differentiated again."""
    twice = torch.is_grad_enabled()
    with torch.enable_grad():
        out = logits.isneginf() if class_mask is None else logits.isneginf() | ~class_mask
        takes = (~out).to(precision(logits.dtype))
        share = takes if background is None else takes * background
        by = {"one": takes.new_ones(len(takes)), "mass": share.sum(1), "count": takes.sum(1)}[divisor]
        share = share / torch.where(by > 0, by, 1.0).unsqueeze(1) if smoothed else 0.0
        costs = eager.row_costs(logits, label, share, out=out, ignored=ignored)
        costs = Costs(costs.label, torch.where(by > 0, costs.background, costs.label))
        # a background that nobody asked for is a constant
        asked = (costs, (of_label, of_background)) if smoothed else (costs[:1], (of_label,))
        return torch.autograd.grad(asked[0], logits, asked[1], create_graph=twice)[0]


# --------------------------------------------------------------------------------------------- torch's side of _rows


def tables(
    logits: Logits,
    label: Label,
    background: Background | None,
    divisor: str,
    class_mask: Tensor | None,
    ignored: Tensor | None,
) -> tuple[Any, ...]:
    """What the operators and `run` take: places laid below each other, classes side by side."""
    classes = logits.shape[1]
    return (
        table(logits, classes),
        table(label, classes) if label.is_floating_point() else label.reshape(-1),
        table(background, classes) if isinstance(background, Tensor) else None,
        None if class_mask is None else table(class_mask, classes),
        None if ignored is None else ignored.reshape(-1),
        not isinstance(background, float),
        divisor,
    )


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


def in_rows(array: Float[Tensor, "batch classes *places"]) -> bool:
    """Whether the classes of every row lie side by side, so that `table` needs no copy of the logits."""
    if array.ndim == 2:
        return array.stride(1) == 1 or array.shape[1] == 1
    return array.movedim(1, -1).is_contiguous()


def table(array: Tensor, classes: int) -> Tensor:
    """One row below the other, classes side by side; one row for all is a single one."""
    if array.ndim == 1:
        array = array.unsqueeze(0)
    rows = array if array.ndim == 2 else array.movedim(1, -1).reshape(-1, classes)
    return rows if rows.stride(1) == 1 or classes == 1 else rows.contiguous()
