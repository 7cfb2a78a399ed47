r"""The same costs in half the memory: two arrays of the logits' size where autograd makes four.

The gradient is written down instead of being traced. For incoming gradients g (label) and h (background),

    d / dz = (g |t| + h |v|) softmax(z) - g t - h v,

which is formed in one fresh array, step by step in place. At 32000 classes fresh arrays, not arithmetic, are
what a loss spends its time on. Source: Bishop 2006, eq. 4.109, once for the label and once for the background.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..tracing import plain
from . import eager
from .eager import Background, Costs, Label, Logits, column


def row_costs(
    logits: Logits,
    label: Label,
    background: Background,
    *,
    out: Bool[Tensor, "batch classes *places"] | None,
    ignored: Bool[Tensor, " batch *places"] | None,
) -> Costs:
    """As `eager.row_costs`, for plain tensors of which the logits alone want a gradient."""
    return Costs(*_RowCosts.apply(logits, label, background, out, ignored))


class _RowCosts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, label: Tensor, background: Any, out: Any, ignored: Any) -> Any:
        log_p = eager.log_probabilities(
            logits, out, None
        )  # ignored rows are silenced at the end of each pass
        ctx.masses = None if isinstance(background, Tensor) else background
        rows = background if isinstance(background, Tensor) else None
        ctx.save_for_backward(logits, log_p, label, rows, out, ignored)
        return tuple(eager.costs(log_p, label, background, out, ignored))

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> Any:
        logits, log_p, label, background, out, ignored = ctx.saved_tensors
        background = ctx.masses if background is None else background
        if torch.is_grad_enabled() or not plain(*incoming):  # a second derivative, or many at once under vmap
            gradient = _traced(logits, label, background, out, ignored, incoming)
        else:
            gradient = _written(log_p, label, background, out, ignored, *incoming).to(logits.dtype)
        return gradient, None, None, None, None


def _written(
    log_p: Float[Tensor, "batch classes *places"],
    label: Label,
    background: Background,
    out: Bool[Tensor, "batch classes *places"] | None,
    ignored: Bool[Tensor, " batch *places"] | None,
    of_label: Float[Tensor, " batch *places"],
    of_background: Float[Tensor, " batch *places"],
) -> Float[Tensor, "batch classes *places"]:
    classes, g, h = log_p.shape[1], of_label.unsqueeze(1), of_background.unsqueeze(1)
    spread = g * label.sum(1, keepdim=True) if label.is_floating_point() else g
    if isinstance(background, Tensor):
        spread = spread + h * column(background, log_p).sum(1, keepdim=True)
    else:
        spread = spread + h * (classes * background)

    gradient = log_p.exp().mul_(spread)
    if label.is_floating_point():
        gradient.addcmul_(label, g, value=-1)
    else:
        gradient.scatter_add_(1, label.unsqueeze(1), -g)
    if isinstance(background, Tensor):
        gradient.addcmul_(column(background, log_p), h, value=-1)
    elif background:
        gradient.sub_(h * background)
    if out is not None:
        gradient.masked_fill_(out, 0.0)
    if ignored is not None:
        gradient.masked_fill_(ignored.unsqueeze(1), 0.0)
    return gradient


def _traced(
    logits: Logits,
    label: Label,
    background: Background,
    out: Bool[Tensor, "batch classes *places"] | None,
    ignored: Bool[Tensor, " batch *places"] | None,
    incoming: tuple[Tensor, ...],
) -> Float[Tensor, "batch classes *places"]:
    twice = torch.is_grad_enabled()
    with torch.enable_grad():
        traced = eager.row_costs(logits, label, background, out=out, ignored=ignored)
    return torch.autograd.grad(traced, logits, incoming, create_graph=twice)[0]
