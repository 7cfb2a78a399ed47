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
from torch._C._functorch import is_batchedtensor, is_legacy_batchedtensor

from ..tracing import plain
from . import rows
from .eager import Background, Costs, Label, Logits, precision
from .rows import DTYPES, Sums, in_rows, table

INSTALLED = find_spec("triton") is not None
"""Builds of torch for the CPU come without it. It takes a third of a second to import, and is when it is needed."""


def supports(logits: Logits, label: Label, background: Background | None, *more: Tensor | None) -> str | None:
    """Why these kernels cannot serve such tensors; `None` if they can. `more` is whatever else is passed."""
    given = [tensor for tensor in (label, background, *more) if isinstance(tensor, Tensor)]
    if not logits.is_cuda:
        return f"the logits lie on {logits.device.type}, not on CUDA"
    if not INSTALLED:
        return "Triton is not installed"
    if logits.dtype not in DTYPES:
        return f"there is no kernel for {logits.dtype}"
    if torch.compiler.is_compiling():
        if torch._C._are_functorch_transforms_active() or torch.compiler.is_exporting():
            return "a transform, or an export, looks at every operation"
    elif not plain(logits, *given):
        return "a transform looks at every operation"
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given):
        return "the gradient of a target, a weight, an alpha or a background is traced"
    if logits.numel() == 0:
        return "there is nothing to compute"
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
    """As `rows.row_sums`, where `supports` finds nothing against it; without a background no class is counted."""
    places, classes = logits.shape[:1] + logits.shape[2:], logits.shape[1]
    found = _costs(
        table(logits, classes),
        table(label, classes) if label.is_floating_point() else label.reshape(-1).contiguous(),
        table(background, classes) if isinstance(background, Tensor) else None,
        None if class_mask is None else table(class_mask, classes),
        None if ignored is None else ignored.reshape(-1).contiguous(),
        not isinstance(background, float),
        divisor,
    )
    return Sums(*(column.reshape(places) for column in found[:3]))


_ARRAYS = "Tensor logits, Tensor label, Tensor? background, Tensor? class_mask, Tensor? ignored"
torch.library.define(
    "smoothlab::triton_costs", f"({_ARRAYS}, bool smoothed, str divisor) -> (Tensor, Tensor, Tensor, Tensor)"
)
torch.library.define(
    "smoothlab::triton_slope",
    f"(Tensor of_label, Tensor of_background, Tensor kept, {_ARRAYS}, bool smoothed) -> Tensor",
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
    many = any(is_batchedtensor(g) or is_legacy_batchedtensor(g) for g in (of_label, of_background))
    if torch.is_grad_enabled() or many:  # a second derivative, or many first ones at once
        slope = rows.traced_slope(
            of_label, of_background, *tensors, smoothed=ctx.smoothed, divisor=ctx.divisor
        )
    else:
        slope = _slope(of_label, of_background, kept, *tensors, ctx.smoothed)
    return slope, *[None] * (len(tensors) + 1)


torch.library.register_autograd("smoothlab::triton_costs", _differentiate, setup_context=_remember)
