r"""Any hard cross entropy made a smoothed one: a framework's own, fused or sharded, stays what computes it.

With the target q = (1 - a) e_y + a u, logsumexp(z) drops out of the difference of the two losses, and for a linear
head z = W h + b it needs no logits:

    smoothed - hard = a (z_y - <u, z>) = a (<h, W_y - W^T u> + b_y - <b, u>).

This gap is a difference of numbers that share an offset. With logits at hand it is summed in float64; with a head
the difference W_y - W^T u is formed first, in float32 or better. Where each process holds some of the classes, its
part of the gap is that of the terms it holds, and one all-reduce of a number for each row adds the parts up.
Source: Szegedy et al. 2016, sec. 7, arXiv:1512.00567, whose loss is linear in the target.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, distributed

from .. import _checks
from ..targets.conventions import Convention, effective_alpha, known
from ..targets.soft import go_together
from .arguments import judge_alpha, judge_background, judge_rowwise
from .kernels.eager import precision

AT_ONCE = 1 << 22
"""Logits that are float64 at a time."""


def smooth_any(
    hard_loss: Callable[..., Tensor],
    *,
    label_smoothing: float | Tensor,
    head: bool = False,
    reduction: str = "mean",
    ignore_index: int = -100,
    convention: Convention | str = Convention.UNIFORM,
    background: Tensor | None = None,
    padding_index: int | None = None,
    first_class: int | None = None,
    classes: int | None = None,
    group: Any = None,
) -> Callable[..., Tensor]:
    r"""The same loss, smoothed: a function of the arguments that `hard_loss` takes.

    hard_loss: called as hard_loss(logits, target) with logits (rows, classes), or if `head` is true as
        hard_loss(hidden, weight, target), or (hidden, weight, target, bias), with hidden rows (rows, features)
        and a head (classes, features). Keywords are handed on. It must be a cross entropy in nats without class
        weights, over finite logits; where classes are masked, use `cross_entropy`.
    reduction: what `hard_loss` returns, "mean" over the rows that are not ignored, "sum", or "none", a number
        for each row: it is said here because one number does not tell.
    ignore_index: the label that `hard_loss` ignores; rows labelled with `padding_index` are given it.
    label_smoothing, convention, background, padding_index: as in `cross_entropy`.
    first_class, classes, group: for a `hard_loss` whose logits or head hold some of the classes only, as in
        `parallel_cross_entropy`; `background` is then this process's part, and sums to 1 over all of them.

    The sum of the two terms is float32 or better. Raises `ValueError` or `TypeError` with one sentence for a wrong
    argument, here or in the call. Source: the head of this module.

    >>> import torch
    >>> from smoothlab.torch import smooth_any
    >>> loss = smooth_any(torch.nn.functional.cross_entropy, label_smoothing=0.1)
    >>> loss(torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([0])).item()
    0.3728...
    """
    _checks.one_of("reduction", reduction, ("mean", "sum", "none"))
    convention = Convention(convention)
    judge_alpha(label_smoothing, convention)
    if (first_class is None) != (classes is None):
        raise ValueError(
            f"`first_class` and `classes` are given together, but got {first_class!r} and {classes!r}. "
            "Pass both for a shard of the classes, and neither for all of them."
        )

    def smoothed(*tensors: Tensor, **keywords: Any) -> Tensor:
        place = 2 if head else 1
        inputs, target, bias = tensors[:place], tensors[place], tensors[place + 1 :]
        held = inputs[-1].shape[0 if head else 1]
        width = held if classes is None else classes
        shape = torch.Size((len(inputs[0]), held))
        known(convention, width)
        go_together(convention, background, padding_index, width)
        _judge(inputs, target, bias, head)
        if background is not None and first_class is None:
            judge_background(background, shape)
        alpha: Any = label_smoothing
        if isinstance(alpha, Tensor):
            judge_rowwise(alpha, tuple(target.shape))

        ignored = target == ignore_index
        if padding_index is not None:
            ignored = ignored | (target == padding_index)
        hard = hard_loss(*inputs, target.masked_fill(ignored, ignore_index), *bias, **keywords)
        _judge_hard(hard, reduction, target.shape)

        first = first_class or 0
        inside = max(min(held, width - first), 0)  # what lies beyond is padding of the vocabulary
        share = _share(inputs[0], background, padding_index, first, inside, width)
        label = target.masked_fill(ignored, 0) - first
        with torch.autocast(inputs[0].device.type, enabled=False):
            if head:
                hidden = inputs[0].masked_fill(ignored[:, None], 0.0)
                gap = _gap_of_head(
                    hidden, inputs[1][:inside], bias[0][:inside] if bias else None, label, share
                )
            else:
                gap = _Gap.apply(inputs[0][:, :inside], label, share)
        if first_class is not None:
            gap = _Added.apply(gap, group)
        a = effective_alpha(alpha, classes=width, convention=convention)
        extra = (a * gap).masked_fill(ignored, 0.0)  # pyright: ignore[reportOperatorIssue]
        if reduction != "none":
            extra = extra.sum() / ((~ignored).sum() if reduction == "mean" else 1)
        dtype = precision(hard.dtype)
        return hard.to(dtype) + extra.to(dtype)

    return smoothed


def _share(
    like: Tensor, background: Tensor | None, padding_index: int | None, first: int, inside: int, classes: int
) -> Tensor:
    """The background of the classes held here: in float64, as a sum that is 1e-8 off 1 lets an offset through."""
    if background is not None:
        share = background[..., :inside].double()
        return share / share.sum(-1, keepdim=True) if inside == classes else share
    if padding_index is None:
        return like.new_full((inside,), 1 / classes, dtype=torch.float64)
    numbers = torch.arange(first, first + inside, device=like.device)
    return (numbers != padding_index).double() / (classes - 1)


class _Gap(torch.autograd.Function):
    """z_y - <u, z> in float64, for labels counted from the first column; one that is elsewhere adds nothing."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, label: Tensor, share: Tensor) -> Tensor:
        ctx.save_for_backward(label, share)
        ctx.shape, ctx.dtype = z.shape, z.dtype
        mine, place = _mine(label, z.shape[1])
        own = z.gather(1, place[:, None])[:, 0].double().where(mine, 0.0) if z.shape[1] else place.double()
        rows = share.expand(z.shape).split(step := max(AT_ONCE // max(z.shape[1], 1), 1))
        return own - torch.cat(
            [(some.double() * row).sum(1) for some, row in zip(z.split(step), rows, strict=True)]
        )

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> Any:
        label, share = ctx.saved_tensors
        mine, place = _mine(label, ctx.shape[1])
        dtype = precision(ctx.dtype)
        g = incoming[0].to(dtype)[:, None]
        gradient = -g * share.to(dtype)
        if ctx.shape[1]:
            gradient = gradient.scatter_add(1, place[:, None], g * mine[:, None])
        return gradient.to(ctx.dtype), None, None


class _Added(torch.autograd.Function):
    """The sum over processes; each of them goes on with the same loss, so what comes back stays as it is."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, group: Any) -> Tensor:
        total = part.clone()
        distributed.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> Any:
        return incoming[0], None


def _mine(label: Tensor, held: int) -> tuple[Tensor, Tensor]:
    mine = (label >= 0) & (label < held)
    return mine, label.where(mine, 0)


def _gap_of_head(hidden: Tensor, weight: Tensor, bias: Tensor | None, label: Tensor, share: Tensor) -> Tensor:
    """<h, W_y - W^T u> + b_y - <b, u>, in float64 from products of the type of sums."""
    mine, place = _mine(label, len(weight))
    if not len(weight):
        return hidden.sum(1, dtype=torch.float64) * 0
    dtype = precision(weight.dtype)
    own = weight[place].to(dtype) * mine[:, None]
    mean = share.to(dtype) @ weight.to(dtype)
    gap = (hidden.to(dtype) * (own - mean)).sum(1, dtype=torch.float64)
    return gap if bias is None else gap + (bias.double()[place] * mine - share @ bias.double())


def _judge(inputs: tuple[Tensor, ...], target: Tensor, bias: tuple[Tensor, ...], head: bool) -> None:
    wanted = "(hidden, weight, target) or (hidden, weight, target, bias)" if head else "(logits, target)"
    if any(one.ndim != 2 for one in inputs) or target.shape != inputs[0].shape[:1] or len(bias) > head:
        raise ValueError(
            f"A smoothed loss with `head` {head} is called with {wanted}, matrices and a class number for each row, "
            f"but got shapes {[tuple(one.shape) for one in (*inputs, target, *bias)]}. Flatten other axes first."
        )


def _judge_hard(hard: Tensor, reduction: str, rows: torch.Size) -> None:
    shape = rows if reduction == "none" else ()
    if hard.shape != shape:
        raise ValueError(
            f"`hard_loss` must return shape {tuple(shape)} with `reduction` {reduction!r}, but returned "
            f"{tuple(hard.shape)}. Say which reduction it does."
        )
