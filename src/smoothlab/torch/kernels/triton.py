r"""The same costs on CUDA, by the kernels of `triton_kernels`: forward reads the logits, backward reads them again.

This is torch's side of them: what they take, their two operators, and how those are differentiated. A compiler sees
one node for each; nothing waits for the device; second derivatives, and gradients taken many at once, go through the
closed form of `eager`. How many bytes move, and why no more, stands beside the kernels.
"""

from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from .clauses import scattered, tensors_among, traced, unread, watched
from .eager import Background, Costs, Label, Logits, precision
from .sums import ARRAYS, Sums, costs_by, must_be_traced, tables, traced_slope

INSTALLED = find_spec("triton") is not None
"""Builds of torch for the CPU come without it. It takes a third of a second to import, and is when it is needed."""


def supports(logits: Logits, label: Label, background: Background | None, *more: Tensor | None) -> str | None:
    """Why these kernels cannot serve such tensors; `None` if they can. `more` is whatever else is passed."""
    if not logits.is_cuda:
        return f"the logits lie on {logits.device.type}, not on CUDA"
    if not INSTALLED:
        return "Triton is not installed"
    others = tensors_among(label, background, *more)
    return unread(logits) or watched(logits, others) or traced(others) or _empty(logits) or scattered(logits)


def _empty(logits: Logits) -> str | None:
    return "there is nothing to compute" if logits.numel() == 0 else None


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
    """As `rows.row_sums`, where `supports` finds nothing against it; without a background no class is counted."""
    places = logits.shape[:1] + logits.shape[2:]
    # columns are read without a step
    label = label if label.is_floating_point() else label.contiguous()
    ignored = None if ignored is None else ignored.contiguous()
    found = _costs(*tables(logits, label, background, divisor, class_mask, ignored))
    return Sums(*(column.reshape(places) for column in found[:3]))


torch.library.define(
    "smoothlab::triton_costs", f"({ARRAYS}, bool smoothed, str divisor) -> (Tensor, Tensor, Tensor, Tensor)"
)
torch.library.define(
    "smoothlab::triton_slope",
    f"(Tensor of_label, Tensor of_background, Tensor kept, {ARRAYS}, bool smoothed) -> Tensor",
)
_costs = torch.ops.smoothlab.triton_costs.default
_slope = torch.ops.smoothlab.triton_slope.default


@torch.library.impl(
    "smoothlab::triton_costs", ("cpu", "cuda")
)  # on the CPU in Triton's interpreter, for tests
def _(
    logits: Tensor,
    label: Tensor,
    background: Tensor | None,
    class_mask: Tensor | None,
    ignored: Tensor | None,
    smoothed: bool,
    divisor: str,
) -> tuple[Tensor, ...]:
    found = _room(logits)
    _launch(
        "forward",
        (logits, label, background, class_mask, ignored, *found),
        SMOOTHED=smoothed,
        DIVISOR=divisor,
    )
    return found


@torch.library.register_fake("smoothlab::triton_costs")
def _room(logits: Tensor, *_: Any) -> tuple[Tensor, ...]:
    """Costs of the label and of the background, counts, and what the backward pass will ask for."""
    batch, dtype = logits.shape[0], precision(logits.dtype)
    return *(logits.new_empty(batch, dtype=dtype) for _ in range(3)), logits.new_empty(batch, 5, dtype=dtype)


@torch.library.impl("smoothlab::triton_slope", ("cpu", "cuda"))
def _(
    of_label: Tensor,
    of_background: Tensor,
    kept: Tensor,
    logits: Tensor,
    label: Tensor,
    background: Tensor | None,
    class_mask: Tensor | None,
    ignored: Tensor | None,
    smoothed: bool,
) -> Tensor:
    gradient = logits.new_empty(logits.shape)
    _launch(
        "backward",
        (logits, label, background, class_mask, ignored, of_label, of_background, kept, gradient),
        SMOOTHED=smoothed,
        SAME=logits.stride(0) == gradient.stride(0),
        of_label_step=of_label.stride(0),  # 0 behind a sum
        of_background_step=of_background.stride(0),
    )
    return gradient


@torch.library.register_fake("smoothlab::triton_slope")
def _(of_label: Tensor, of_background: Tensor, kept: Tensor, logits: Tensor, *_: Any) -> Tensor:
    return logits.new_empty(logits.shape)


def _launch(kernel: str, arrays: tuple[Tensor | None, ...], **others: Any) -> None:
    """One program a row: tiles of at most 4096 logits, 16 to a thread, in pieces of 16 bytes."""
    from . import triton_kernels

    logits, label, background, class_mask, *_ = arrays
    assert logits is not None
    assert label is not None
    each, most, for_a_warp = {2: (8, 4096, 512), 4: (4, 4096, 512), 8: (2, 2048, 256)}[logits.itemsize]
    batch, classes = logits.shape
    tile = min(max(1 << (classes - 1).bit_length(), 32 * each), most)
    dense = label.is_floating_point()
    steps = {
        "step": logits.stride(0),
        "label_step": label.stride(0) if dense else 0,
        "background_step": _step(background),
        "mask_step": _step(class_mask),
    }
    with torch.cuda.device_of(logits):
        getattr(triton_kernels, kernel)[(batch,)](
            *(
                one.view(torch.uint8) if one is not None and one.dtype == torch.bool else one
                for one in arrays
            ),
            classes=classes,
            **steps,
            **others,
            DENSE=dense,
            ALIGNED=all(number % each == 0 for number in (classes, *steps.values())),
            EACH=each,
            LANES=tile // each,
            num_warps=max(1, tile // for_a_warp),
        )


def _step(array: Tensor | None) -> int:
    """From a row to the next; one row for all is read again and again."""
    return 0 if array is None or len(array) == 1 else array.stride(0)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.smoothed, ctx.divisor = inputs
    ctx.save_for_backward(output[3], *tensors)
    ctx.mark_non_differentiable(*output[2:])


def _differentiate(ctx: Any, of_label: Tensor, of_background: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
    kept, *tensors = ctx.saved_tensors
    if must_be_traced(of_label, of_background):
        slope = traced_slope(of_label, of_background, *tensors, smoothed=ctx.smoothed, divisor=ctx.divisor)
    else:
        slope = _slope(of_label, of_background, kept, *tensors, ctx.smoothed)
    return slope, *[None] * (len(tensors) + 1)


torch.library.register_autograd("smoothlab::triton_costs", _differentiate, setup_context=_remember)
