r"""Cross entropy with label smoothing where each process holds the logits of some of the classes.

With m the largest logit of a row over all processes, u the background before it is divided by its sum, and sums
over the classes that a process holds and that take part,

    S = sum exp(z_k - m),    B = sum u_k (z_k - m),    U = sum u_k,    T = z_y - m where the label y is held, else 0,

four numbers of a row decide it once they are added up over the processes:

    loss = (1 - a) (log S - T) + a (log S - B / U),    d loss / d z_k = exp(z_k - m) / S - (1 - a) [k = y] - a u_k / U,

and the gradient needs no further message. A hard loss sends three all-reduces of a number for each row (m, S, T);
here it is one of m and one of all four sums. K, the number of classes that a convention counts, is U and never
the width of a shard; taking K and the mean from the shard is what makes the smoothed loss of Megatron-LM
(`vocab_parallel_cross_entropy`) another loss. Sources: Shoeybi et al. 2019, sec. 3, arXiv:1909.08053 (the hard
loss); Szegedy et al. 2016, sec. 7, arXiv:1512.00567.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed

from ..targets.conventions import Convention, effective_alpha, known
from ..targets.soft import go_together
from .arguments import judge_alpha, judge_labels, judge_rowwise, meant_reduction
from .kernels.eager import precision
from .tracing import readable
from .weighting import reduced


def parallel_cross_entropy(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    first_class: int | None = None,
    classes: int | None = None,
    group: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float | Tensor = 0.0,
    convention: Convention | str = Convention.UNIFORM,
    background: Tensor | None = None,
    padding_index: int | None = None,
) -> Tensor:
    r"""`cross_entropy` over the processes of a group, each with the logits of its own classes; the same on all.

    input: this process's logits, (..., held), for classes `first_class` to `first_class` + held - 1; or a DTensor
        (..., classes) that one axis of its mesh shards by its last axis and the others replicate, which says
        `first_class` and `group` itself. Shards may differ in width, and be empty. A logit of -inf takes its
        class out of the row.
    target: class numbers counted over the whole vocabulary, (...), the same on all processes.
    classes: how many there are over all shards. Columns from this number on are padding of the vocabulary: no
        class, no background, gradient exactly 0. A DTensor's own width if `None`.
    group: the processes that hold the shards, as torch.distributed names them; all if `None`.
    label_smoothing: a number, or one for each row, (...); the same on all processes.
    background: this process's part of the probabilities that take what the label gives up, (held) or (..., held).
        What lies on padding or on a class of -inf is dropped, and the rest divided by its sum over the processes.

    All other arguments are those of `cross_entropy`. The gradient is that of this process's logits, as in every
    vocabulary-parallel loss: each process calls backward on the same number. Nothing else gets a gradient. Sums are
    formed in float32 or better. A second derivative is refused with a `RuntimeError`. Raises `ValueError` or
    `TypeError` with one sentence for a wrong argument, before any message is sent. Source: the head of this module.

    >>> import torch
    >>> from torch import distributed
    >>> from smoothlab.torch import parallel_cross_entropy
    >>> distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    >>> logits = torch.tensor([[2.0, 0.0, 0.0, 7.0]]).double().requires_grad_()  # three classes, and one of padding
    >>> loss = parallel_cross_entropy(logits, torch.tensor([0]), first_class=0, classes=3, label_smoothing=0.1)
    >>> loss.backward()
    >>> distributed.destroy_process_group()
    >>> loss.item(), logits.grad.round(decimals=3).tolist()
    (0.3728..., [[-0.146, 0.073, 0.073, 0.0]])
    """
    meant_reduction(None, None, reduction)
    convention = Convention(convention)
    judge_alpha(label_smoothing, convention)
    local, shard = _shard(input, first_class, classes, group)
    convention = known(convention, shard.classes)
    go_together(convention, background, padding_index, shard.classes)
    places = local.shape[:-1]
    _judge(local, target, background, shard)
    rows = target.reshape(-1).long()
    ignored = rows == ignore_index
    if padding_index is not None:
        ignored = ignored | (rows == padding_index)
    rows = rows.masked_fill(ignored, 0)
    if rows.numel() and readable(rows):
        judge_labels(int(rows.min()), int(rows.max()), shard.classes)
    alpha: Any = label_smoothing
    if isinstance(alpha, Tensor):
        judge_rowwise(alpha, tuple(places))
        alpha = alpha.detach().expand(places).reshape(-1).to(precision(local.dtype))

    if background is not None and background.ndim > 1:
        background = background.reshape(len(rows), background.shape[-1])
    smoothing = (convention, background, padding_index)
    losses: Any = _Losses.apply(
        local.reshape(len(rows), local.shape[-1]), rows, ignored, alpha, smoothing, shard
    )
    value = reduced(losses, divisor=None, ignored=ignored, reduction=reduction)
    return value.reshape(places) if reduction == "none" else value


class Shard(NamedTuple):
    """Where a process's columns stand in the vocabulary, and who holds the others."""

    first: int
    classes: int
    group: Any


class _Losses(torch.autograd.Function):
    """One number for each row. Its gradient is formed at once, as the sums that it needs will not come again."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, label: Tensor, ignored: Tensor, alpha: Any, smoothing: Any, shard: Shard
    ) -> Tensor:
        convention, background, padding_index = smoothing
        held = torch.arange(shard.first, shard.first + logits.shape[1], device=logits.device)
        z = logits.to(precision(logits.dtype), copy=True).masked_fill_(ignored[:, None], 0.0)
        z.masked_fill_(held >= shard.classes, -torch.inf)
        z -= _centre(z, shard)
        out = z.isneginf()
        share = z.new_ones(held.shape) if background is None else background.to(z.dtype)
        if padding_index is not None:
            share = share * (held != padding_index)

        mine = (label >= shard.first) & (label < shard.first + len(held))
        place = (label - shard.first).where(mine, 0)[:, None]
        own = z.gather(1, place)[:, 0].where(mine, 0.0) if len(held) else z.new_zeros(label.shape)
        sums = torch.stack([z.exp().sum(1), own, *_background_sums(z, share, out)])
        distributed.all_reduce(sums, distributed.ReduceOp.SUM, shard.group)
        total, own, weighted, mass = sums

        some = mass > 0
        count = mass + (
            0 if padding_index is None else 1
        )  # means something for conventions without a background
        a = some.to(z.dtype) * effective_alpha(alpha, classes=count, convention=convention)
        of_label = torch.where(own.isneginf(), torch.inf, total.log() - own)
        of_background = torch.where(some, total.log() - weighted / mass, 0.0)
        loss = torch.where(a == 1, 0.0, (1 - a) * of_label) + a * of_background

        if ctx.needs_input_grad[0]:
            slope = z.exp_().div_(total[:, None]).sub_(share * (a / mass.where(some, 1.0))[:, None])
            if len(held):
                slope.scatter_add_(1, place, (a - 1).where(mine, 0.0)[:, None])
            ctx.save_for_backward(slope.masked_fill_(out | ignored[:, None], 0.0))
            ctx.dtype = logits.dtype
        return loss.masked_fill(ignored, 0.0)

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> Any:
        if torch.is_grad_enabled():  # a constant slope would be a wrong second derivative, and a silent one
            raise RuntimeError(
                "`parallel_cross_entropy` has no second derivative, which needs messages of its own, but got "
                "`create_graph`. Gather the logits and use `cross_entropy`."
            )
        (slope,) = ctx.saved_tensors
        return (slope * incoming[0][:, None]).to(ctx.dtype), None, None, None, None, None


def _centre(z: Tensor, shard: Shard) -> Tensor:
    """The largest logit of each row over all processes, a column; 0 for a row without any class."""
    highest = z.amax(1) if z.shape[1] else z.new_full(z.shape[:1], -torch.inf)
    distributed.all_reduce(highest, distributed.ReduceOp.MAX, shard.group)
    return highest.masked_fill_(highest.isneginf(), 0.0)[:, None]


def _background_sums(z: Tensor, share: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
    """B and U of the head of this module, over the classes held here."""
    inside, there = z.masked_fill(out, 0.0), (~out).to(z.dtype)
    if share.ndim == 1:
        return inside @ share, there @ share
    return (inside * share).sum(1), (there * share).sum(1)


def _shard(
    input: Tensor,  # noqa: A002  torch's own word
    first_class: int | None,
    classes: int | None,
    group: Any,
) -> tuple[Tensor, Shard]:
    """This process's logits, and where they stand."""
    if not hasattr(input, "device_mesh"):  # a DTensor, whose module would take a second to import
        if first_class is None or classes is None:
            raise ValueError(
                f"`first_class` and `classes` must say where a plain shard stands, but got {first_class!r} and "
                f"{classes!r}. Pass the number of its first class and the size of the vocabulary."
            )
        return input, Shard(first_class, classes, group)

    sharded: Any = input
    mesh, placements, last = sharded.device_mesh, sharded.placements, input.ndim - 1
    axes = [axis for axis, placement in enumerate(placements) if placement.is_shard(last)]
    if first_class is not None or group is not None or len(axes) != 1:
        raise ValueError(
            "`input` as a DTensor must be sharded by its last axis along one axis of its mesh, without "
            f"`first_class` and `group`, but has {placements}, {first_class!r} and {group!r}. "
            "Redistribute it, or pass `input.to_local()` with them."
        )
    if not all(placement.is_replicate() for axis, placement in enumerate(placements) if axis != axes[0]):
        raise ValueError(
            f"`input` as a DTensor must be replicated along the other axes of its mesh, but has {placements}. "
            "Pass `input.to_local()` with `first_class`, `classes` and `group`."
        )
    width = -(-input.shape[-1] // mesh.size(axes[0]))  # as torch.chunk cuts, and so does Shard
    first = min(mesh.get_local_rank(axes[0]) * width, input.shape[-1])
    classes = input.shape[-1] if classes is None else classes
    return sharded.to_local(), Shard(first, classes, mesh.get_group(axes[0]))


def _judge(local: Tensor, target: Tensor, background: Tensor | None, shard: Shard) -> None:
    if not local.is_floating_point() or local.ndim == 0:
        raise TypeError(
            f"`input` must hold logits as floating-point numbers, (..., held), but has shape {tuple(local.shape)} "
            f"and dtype {local.dtype}. Keep the class axis last."
        )
    places = local.shape[:-1]
    if target.shape != places or target.is_floating_point() or target.dtype == torch.bool:
        raise ValueError(
            f"`target` must hold a class number for each row, shape {tuple(places)}, but has {tuple(target.shape)} "
            f"and dtype {target.dtype}. Probabilities are not for this function."
        )
    if not (shard.first >= 0 and shard.classes >= 1):
        raise ValueError(
            f"`first_class` must be at least 0 and `classes` at least 1, but got {shard.first!r} and "
            f"{shard.classes!r}. Count classes over all shards, from 0."
        )
    if background is not None and background.shape not in (local.shape[-1:], local.shape):
        raise ValueError(
            f"`background` must have shape {tuple(local.shape[-1:])} or {tuple(local.shape)}, this process's part, "
            f"but has {tuple(background.shape)}. Cut it as the logits are cut."
        )
