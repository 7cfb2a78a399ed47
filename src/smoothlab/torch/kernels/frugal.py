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
from .clauses import tensors_among, traced
from .eager import Background, Costs, Label, Logits, column


def supports(logits: Logits, label: Label, background: Background | None, *more: Tensor | None) -> str | None:
    """Why this kernel cannot serve such tensors; `None` if it can. `more` is whatever else is passed."""
    others = tensors_among(label, background, *more)
    if not (torch.is_grad_enabled() and logits.requires_grad):
        return "no gradient is due"
    if not plain(logits, *others):
        return "a compiler or a transform looks at every operation"
    return traced(others)


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
        # ignored rows stay as they are, NaN and all: what comes of them is overwritten in both passes
        log_p = eager.log_probabilities(logits, out, None)
        ctx.even = None if isinstance(background, Tensor) else background
        uneven = background if isinstance(background, Tensor) else None
        ctx.save_for_backward(logits, log_p, label, uneven, out, ignored)
        return tuple(eager.costs(log_p, label, background, out, ignored))

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> Any:
        logits, log_p, label, uneven, out, ignored = ctx.saved_tensors
        background = ctx.even if uneven is None else uneven
        if torch.is_grad_enabled() or not plain(*incoming):  # a second derivative, or many first ones at once
            gradient = _traced(logits, label, background, out, ignored, incoming)
        else:
            gradient = _written(log_p, label, background, out, ignored, *incoming)
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
    label_mass = label.sum(1, keepdim=True) if label.is_floating_point() else 1
    if isinstance(background, Tensor):
        background_mass = column(background, log_p).sum(1, keepdim=True)
    else:
        background_mass = classes * background

    gradient = log_p.exp().mul_(g * label_mass + h * background_mass)
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
        costs = eager.row_costs(logits, label, background, out=out, ignored=ignored)
    # a background that nobody asked for is a constant
    wanted = [(cost, gradient) for cost, gradient in zip(costs, incoming, strict=True) if cost.requires_grad]
    traced, gradients = zip(*wanted, strict=True)
    return torch.autograd.grad(traced, logits, gradients, create_graph=twice)[0]
