r"""Cross entropy with label smoothing where each process holds the logits of some of the classes.

With c the largest logit of a row over all processes, t the distribution of its label (of a class number: 1 at it), u
the background before it is divided by its sum, w class weights, and sums over the classes that a process holds and that
take part,

    S = sum exp(z_k - c),    T = sum w_k t_k (z_k - c),    B = sum w_k u_k (z_k - c),    U = sum u_k,
    L = sum w_k t_k,    V = sum w_k u_k,

six numbers of a row decide it once they are added up over the processes, and four where L is 1 and V is U: without
weights, with class numbers. Then with the masses m of a row over all classes, and their sum M,

    m_k = (1 - a) w_k t_k + a w_k u_k / U,    M = (1 - a) L + a V / U,
    loss = (1 - a) (L log S - T) + a (V log S - B) / U,    d loss / d z_k = M exp(z_k - c) / S - m_k,

and the gradient needs no further message. Weights of examples are in none of these sums, and multiply the row by a
seventh, sum w_k t_k. A hard loss sends three all-reduces of a number for each row (c, S, T); here it is one of c and
one of all the sums. The floor of `parts` sums over m, which nobody knows before, and sends one more.

K, the number of classes that a convention counts, is U and never the width of a shard; taking K and the mean from the
shard is what makes the smoothed loss of Megatron-LM (`vocab_parallel_cross_entropy`) another loss. Sources: Shoeybi et
al. 2019, sec. 3, arXiv:1909.08053 (the hard loss); Szegedy et al. 2016, sec. 7, arXiv:1512.00567; for weights and
parts, `weighting` and `parts`.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed

from .. import _checks
from ..targets.conventions import Convention, converted, known
from ..targets.soft import go_together
from .arguments import judge_alpha, judge_rowwise, meant_reduction
from .kernels.eager import precision
from .parts import Parts
from .rows import labels_of
from .weighting import reduced, times


def parallel_cross_entropy(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    first_class: int | None = None,
    classes: int | None = None,
    group: Any = None,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float | Tensor = 0.0,
    convention: Convention | str = Convention.UNIFORM,
    background: Tensor | None = None,
    padding_index: int | None = None,
    weighting: str = "torch",
    parts: bool = False,
) -> Any:
    r"""`cross_entropy` over the processes of a group, each with the logits of its own classes; the same on all.

    input: this process's logits, (..., held), for classes `first_class` to `first_class` + held - 1; or a DTensor
        (..., classes) that one axis of its mesh shards by its last axis and the others replicate, which says
        `first_class` and `group` itself. Shards may differ in width, and be empty. A logit of -inf takes its
        class out of the row.
    target: class numbers counted over the whole vocabulary, (...), the same on all processes; or this process's part
        of the probabilities, (..., held).
    classes: how many there are over all shards. Columns from this number on are padding of the vocabulary: no
        class, no background, gradient exactly 0, and what `target`, `weight` or `background` hold there is dropped.
        A DTensor's own width if `None`.
    group: the processes that hold the shards, as torch.distributed names them; all if `None`.
    weight: this process's part of the class weights, (held), cut as the logits are; all processes give one, or none.
        The mean divides by the weights of all labels, whoever holds them.
    label_smoothing: a number, or one for each row, (...); the same on all processes.
    background: this process's part of the probabilities that take what the label gives up, (held) or (..., held).
        What lies on a class of -inf is dropped too, and the rest divided by its sum over the processes.
    weighting, parts: as in `cross_entropy`; the same on all processes, as every argument that is no shard. `parts`
        send one more message, of a number for each row.

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
    _checks.one_of("weighting", weighting, ("torch", "example"))
    convention = Convention(convention)
    judge_alpha(label_smoothing, convention)
    local, shard = _shard(input, first_class, classes, group)
    convention = known(convention, shard.classes)
    go_together(convention, background, padding_index, shard.classes)
    places = local.shape[:-1]
    _judge(local, target, weight, background, ignore_index, shard)
    alpha: Any = label_smoothing
    if isinstance(alpha, Tensor):
        judge_rowwise(alpha, tuple(places))
        alpha = alpha.detach().expand(places).reshape(-1).to(precision(local.dtype))

    rows = places.numel()
    if target.is_floating_point():
        label, ignored = target.reshape(rows, target.shape[-1]), None
    else:
        label, ignored = labels_of(target.reshape(-1), shard.classes, ignore_index, padding_index)
    if background is not None and background.ndim > 1:
        background = background.reshape(rows, background.shape[-1])
    asked = _Asked(alpha, convention, background, padding_index, weight, weighting, parts)
    found: Any = _Losses.apply(local.reshape(rows, local.shape[-1]), label, ignored, asked, shard)
    losses, divisor, nll, excess = found

    def whole(values: Tensor) -> Tensor:
        value = reduced(values, divisor=divisor, ignored=ignored, reduction=reduction)
        return value.reshape(places) if reduction == "none" else value

    return Parts(whole(losses), whole(nll), whole(excess), whole(nll).exp()) if parts else whole(losses)


class Shard(NamedTuple):
    """Where a process's columns stand in the vocabulary, and who holds the others."""

    first: int
    classes: int
    group: Any


class _Asked(NamedTuple):
    """What is to be made of the logits."""

    alpha: Any
    convention: Convention
    background: Tensor | None
    padding_index: int | None
    weight: Tensor | None
    weighting: str
    parts: bool


class _Losses(torch.autograd.Function):
    """A number for each row, its part of the mean's divisor (`None`: 1), and if asked for, its NLL and its excess.

    The gradient is formed at once, as the sums that it needs will not come again.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, label: Tensor, ignored: Tensor | None, asked: _Asked, shard: Shard
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
        with torch.autocast(logits.device.type, enabled=False):  # it would form B and U in half precision
            loss, divisor, nll, excess, slope = _answer(
                logits, label, ignored, asked, shard, slope=ctx.needs_input_grad[0]
            )
        ctx.save_for_backward(slope)
        ctx.dtype = logits.dtype
        ctx.mark_non_differentiable(*(one for one in (divisor, nll, excess) if one is not None))
        return loss, divisor, nll, excess

    @staticmethod
    def backward(ctx: Any, *incoming: Any) -> Any:
        if torch.is_grad_enabled():  # a constant slope would be a wrong second derivative, and a silent one
            raise RuntimeError(
                "`parallel_cross_entropy` has no second derivative, which needs messages of its own, but got "
                "`create_graph`. Gather the logits and use `cross_entropy`."
            )
        (slope,) = ctx.saved_tensors
        return (slope * incoming[0][:, None]).to(ctx.dtype), None, None, None, None


class _Held(NamedTuple):
    """What this process holds of the targets, nothing of it on padding."""

    place: Tensor | None
    """The column of a label that is a class number, (rows, 1), or (rows, 0) where no column is held; else `None`."""
    label: Tensor
    """w t there, or t if weights are of examples; 0 where another process holds the label."""
    of_label: Tensor
    """w t there."""
    share: Tensor
    """u, one row for all or one each."""
    weighed: Tensor
    """w u, or u if weights are of examples."""


def _answer(
    logits: Tensor, label: Tensor, ignored: Tensor | None, asked: _Asked, shard: Shard, *, slope: bool
) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
    """What `_Losses` returns, and the slope of each loss by its logits, `None` unless wanted."""
    classes = torch.arange(shard.first, shard.first + logits.shape[1], device=logits.device)
    z = logits.to(precision(logits.dtype), copy=True)
    if ignored is not None:
        z.masked_fill_(ignored[:, None], 0.0)
    z.masked_fill_(classes >= shard.classes, -torch.inf)
    z -= _centre(z, shard)
    out = z.isneginf()

    held = _held(label, asked, classes, shard, z.dtype)
    sums = [z.exp().sum(1), _own(z, held)]
    sums += [_sum(held.weighed, z.masked_fill(out, 0.0)), _sum(held.share, ~out)]
    if asked.weight is not None or held.place is None:
        sums += [held.label.sum(1), held.of_label.sum(1), _sum(held.weighed, ~out)]
    everywhere = torch.stack(sums)
    distributed.all_reduce(everywhere, distributed.ReduceOp.SUM, shard.group)
    total, own, weighted, mass, *others = everywhere
    one = torch.ones_like(total)
    labels, of_label, backgrounds = others or (one, one, mass)

    some = mass > 0
    # means something for conventions without a background
    count = mass + (0 if asked.padding_index is None else 1)
    a = some.to(z.dtype) * converted(asked.alpha, count, asked.convention)
    row = of_label if asked.weighting == "example" and asked.weight is not None else one
    share, amount = row * (1 - a), row * a / mass.where(some, 1.0)
    label_cost = torch.where(own.isneginf(), torch.inf, torch.xlogy(labels, total) - own)
    loss = times(share, label_cost) + amount * (torch.xlogy(backgrounds, total) - weighted)
    by_weight = asked.weight is not None and (asked.weighting == "example" or held.place is not None)
    divisor = of_label if by_weight else None
    if not (slope or asked.parts):
        return loss, divisor, None, None, None

    masses = held.weighed * amount[:, None]
    of_labels = share[:, None] * held.label
    masses = masses + of_labels if held.place is None else masses.scatter_add_(1, held.place, of_labels)
    whole = share * labels + amount * backgrounds
    nll = excess = None
    if asked.parts:
        nll = times(row, label_cost)
        information = torch.xlogy(masses, masses).masked_fill_(out, 0.0).sum(1)
        distributed.all_reduce(information, distributed.ReduceOp.SUM, shard.group)
        excess = loss - (torch.xlogy(whole, whole) - information)
    if not slope:
        return loss, divisor, nll, excess, None
    lost = out if ignored is None else out | ignored[:, None]
    slopes = z.exp_().mul_((whole / total)[:, None]).sub_(masses).masked_fill_(lost, 0.0)
    return loss, divisor, nll, excess, slopes


def _centre(z: Tensor, shard: Shard) -> Tensor:
    """The largest logit of each row over all processes, a column; 0 for a row without any class."""
    highest = z.amax(1) if z.shape[1] else z.new_full(z.shape[:1], -torch.inf)
    distributed.all_reduce(highest, distributed.ReduceOp.MAX, shard.group)
    return highest.masked_fill_(highest.isneginf(), 0.0)[:, None]


def _held(label: Tensor, asked: _Asked, classes: Tensor, shard: Shard, dtype: torch.dtype) -> _Held:
    """Targets and weights on the classes held here."""

    def numbers(of_classes: Tensor) -> Tensor:
        return of_classes.to(dtype).masked_fill(classes >= shard.classes, 0.0)

    if label.is_floating_point():
        place, probability = None, numbers(label)
    else:
        place = (label - shard.first)[:, None][:, : len(classes)]
        mine = (place >= 0) & (place < len(classes))
        place, probability = place.where(mine, 0), mine.to(dtype)

    share = numbers(torch.ones_like(classes) if asked.background is None else asked.background)
    if asked.padding_index is not None:
        share = share * (classes != asked.padding_index)
    if asked.weight is None:
        return _Held(place, probability, probability, share, share)
    weight = numbers(asked.weight)
    of_label = probability * (weight if place is None else weight[place])
    if asked.weighting == "example":
        return _Held(place, probability, of_label, share, share)
    return _Held(place, of_label, of_label, share, share * weight)


def _own(z: Tensor, held: _Held) -> Tensor:
    """T of the head of this module; -inf where the label has mass on a class that is out."""
    there = z if held.place is None else z.gather(1, held.place)
    out = there.isneginf()
    inside = (held.label * there.masked_fill(out, 0.0)).sum(1)
    return inside.masked_fill((out & (held.label != 0)).any(1), -torch.inf)


def _sum(numbers: Tensor, rows: Tensor) -> Tensor:
    """<numbers, row> for each row, with one row of numbers for all or one each."""
    return rows.to(numbers.dtype) @ numbers if numbers.ndim == 1 else (rows * numbers).sum(1)


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


def _judge(
    local: Tensor,
    target: Tensor,
    weight: Tensor | None,
    background: Tensor | None,
    ignore_index: int,
    shard: Shard,
) -> None:
    if not local.is_floating_point() or local.ndim == 0:
        raise TypeError(
            f"`input` must hold logits as floating-point numbers, (..., held), but has shape {tuple(local.shape)} "
            f"and dtype {local.dtype}. Keep the class axis last."
        )
    if not (shard.first >= 0 and shard.classes >= 1):
        raise ValueError(
            f"`first_class` must be at least 0 and `classes` at least 1, but got {shard.first!r} and "
            f"{shard.classes!r}. Count classes over all shards, from 0."
        )
    _judge_target(local, target, ignore_index)
    if weight is not None and (weight.shape != local.shape[-1:] or not weight.is_floating_point()):
        raise ValueError(
            f"`weight` must hold one floating-point number for each of the {local.shape[-1]} classes held here, but "
            f"has shape {tuple(weight.shape)} and dtype {weight.dtype}. Cut it as the logits are cut."
        )
    if background is not None and background.shape not in (local.shape[-1:], local.shape):
        raise ValueError(
            f"`background` must have shape {tuple(local.shape[-1:])} or {tuple(local.shape)}, this process's part, "
            f"but has {tuple(background.shape)}. Cut it as the logits are cut."
        )


def _judge_target(local: Tensor, target: Tensor, ignore_index: int) -> None:
    places = local.shape[:-1]
    if target.dtype == torch.bool or target.is_complex():
        raise TypeError(
            f"`target` must hold class numbers or probabilities, but has dtype {target.dtype}. "
            "Call `.long()` or `.float()` on it."
        )
    if not target.is_floating_point():
        if target.shape != places:
            raise ValueError(
                f"`target` of class numbers must hold one for each row, shape {tuple(places)}, but has "
                f"{tuple(target.shape)}. Call `.float()` on it if it holds probabilities."
            )
        return
    if target.shape != local.shape:
        raise ValueError(
            f"`target` of floating-point probabilities must have the shape of this process's logits, "
            f"{tuple(local.shape)}, but has {tuple(target.shape)}. Cut it as they are cut, or call `.long()` on it "
            "if it holds class numbers."
        )
    if ignore_index >= 0:
        raise ValueError(
            "`ignore_index` must be negative, which means unused, where `target` holds probabilities, "
            f"but got {ignore_index}. Drop the rows to be ignored."
        )
