r"""A linear head and its cross entropy with label smoothing in one pass, without the memory of the logits.

For hidden rows h, a head W, b and the loss of `losses`,

    loss(h, W, b) = cross_entropy(W h + b, target),

whose logits would be the largest array of a training step: 250 MiB for 2048 rows and 32000 classes in float32,
and three times that with their gradient. How they are avoided stands in `chunked`. torch's own function of this
name (2.13) avoids them only without smoothing. Arguments and reductions follow the documentation of
torch.nn.functional.linear_cross_entropy and torch.nn.functional.cross_entropy.
"""

from typing import Any

import torch
from torch import Tensor, nn

from .. import _checks
from ..targets.conventions import Convention
from .arguments import judge_alpha, judge_mask, judge_rowwise, judge_weight, meant_reduction
from .chunked import Head, Smoothing, chunked, whole
from .modules import alpha_now, described
from .parts import Parts
from .tracing import plain


def linear_cross_entropy(
    input: Tensor,  # noqa: A002  torch's own word
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float | Tensor = 0.0,
    convention: Convention | str = Convention.UNIFORM,
    background: Tensor | None = None,
    class_mask: Tensor | None = None,
    padding_index: int | None = None,
    weighting: str = "torch",
    parts: bool = False,
) -> Any:
    r"""`cross_entropy` of linear(input, linear_weight, linear_bias), a chunk of rows at a time; a drop-in for torch's.

    input: what comes before the head, (features) or (..., features): each place of the leading axes is a row.
    linear_weight, linear_bias: the head, (classes, features) and (classes), of the type of `input`, or of any
        under autocast. Where they or `input` want no gradient, none is computed.
    target: class numbers, (...), or probabilities, (..., classes). Classes are the last axis here, in `background`
        and in `class_mask` too, which have shape (classes) or (..., classes).

    All other arguments are those of `cross_entropy`, and so is what comes back. Gradients are formed in the
    forward pass, where the loss is reduced; memory is that of the gradients of `input` and of the head, and of a
    chunk of logits that is at most a third of the head or 22 MiB. The gradient of a head of half type is summed in
    float32. Under transforms (vmap, torch.func, forward-mode derivatives), for second derivatives, and where
    targets, weights, alphas or backgrounds want gradients, the whole logits are formed instead.

    Raises `ValueError` or `TypeError` with one sentence for a wrong argument. Source: the head of this module.

    >>> import torch
    >>> from smoothlab.torch import linear_cross_entropy
    >>> hidden, head = torch.eye(2).double(), torch.eye(3, 2).double().mul(2).requires_grad_()
    >>> loss = linear_cross_entropy(hidden, head, torch.tensor([0, 1]), label_smoothing=0.1)
    >>> loss.backward()
    >>> loss.item(), head.grad.round(decimals=3).tolist()
    (0.3728..., [[-0.073, 0.037], [0.037, -0.073], [0.037, 0.037]])
    """
    meant_reduction(None, None, reduction)
    _checks.one_of("weighting", weighting, ("torch", "example"))
    convention = Convention(convention)
    judge_alpha(label_smoothing, convention)
    compute = _judge_head(input, linear_weight, linear_bias)
    places, classes = input.shape[:-1], len(linear_weight)
    _judge_target(target, places, classes)
    if weight is not None:
        judge_weight(weight, classes)
    for name, one in (("background", background), ("class_mask", class_mask)):
        if one is not None:
            _judge_last_axis(name, one, places, classes)
    if class_mask is not None:
        judge_mask(class_mask, class_mask.shape)
    by_row = isinstance(label_smoothing, Tensor)
    if by_row:
        judge_rowwise(label_smoothing, tuple(places))

    head = Head(input.reshape(places.numel(), input.shape[-1]), linear_weight, linear_bias)
    smoothing = Smoothing(
        target=target.reshape(-1, classes) if target.is_floating_point() else target.reshape(-1),
        class_weight=weight,
        alpha=0.0 if by_row else label_smoothing,
        alphas=label_smoothing.expand(places).reshape(-1) if by_row else None,
        convention=convention.value,
        background=_flat(background, classes),
        class_mask=_flat(class_mask, classes),
        padding_index=padding_index,
        ignore_index=ignore_index,
        weighting=weighting,
        reduction=reduction,
        parts=parts,
    )
    if _may_be_chunked(head, smoothing):
        loss, nll, floor = chunked(head, smoothing, compute)
        found = (loss, nll, loss.detach() - floor, nll.exp()) if parts else (loss,)
    else:
        found = whole(head, smoothing, compute)
        found = found if parts else (found,)
    found = [part.reshape(places) if reduction == "none" else part for part in found]
    return Parts(*found) if parts else found[0]


class LinearCrossEntropyLoss(nn.Module):
    """A linear head and its `linear_cross_entropy` as one module; a drop-in for torch.nn.LinearCrossEntropyLoss.

    The head is `self.linear`, an nn.Linear without bias unless asked for; tie it by assigning its weight. What
    else is given here and to the call is as in `CrossEntropyLoss`, and `smooth_in_eval=False` turns smoothing off
    after `.eval()`.

    >>> import torch
    >>> from smoothlab.torch import LinearCrossEntropyLoss
    >>> embedding = torch.nn.Embedding(5, 3)
    >>> loss = LinearCrossEntropyLoss(3, 5, label_smoothing=0.1)
    >>> loss.linear.weight = embedding.weight
    >>> tokens = torch.tensor([[1, 4, 0]])
    >>> loss(embedding(tokens[:, :-1]), tokens[:, 1:]).backward()
    >>> embedding.weight.grad.shape
    torch.Size([5, 3])
    """

    weight: Tensor | None
    background: Tensor | None
    class_mask: Tensor | None

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        bias: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        weight: Tensor | None = None,
        reduction: str = "mean",
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        convention: Convention | str = Convention.UNIFORM,
        background: Tensor | None = None,
        class_mask: Tensor | None = None,
        padding_index: int | None = None,
        weighting: str = "torch",
        parts: bool = False,
        smooth_in_eval: bool = True,
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, num_classes, bias=bias, device=device, dtype=dtype)
        self.register_buffer("weight", weight)
        self.register_buffer("background", background)
        self.register_buffer("class_mask", class_mask)
        self.reduction = meant_reduction(None, None, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.convention = Convention(convention)
        self.padding_index = padding_index
        self.weighting = weighting
        self.parts = parts
        self.smooth_in_eval = smooth_in_eval
        judge_alpha(label_smoothing, self.convention)

    def forward(
        self,
        input: Tensor,  # noqa: A002  torch's own word
        target: Tensor,
        *,
        label_smoothing: float | Tensor | None = None,
        background: Tensor | None = None,
        class_mask: Tensor | None = None,
    ) -> Any:
        """The loss, or its `Parts`; a keyword replaces what the module was made with for this call."""
        return linear_cross_entropy(
            input,
            self.linear.weight,
            target,
            linear_bias=self.linear.bias,
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=alpha_now(self, label_smoothing),
            convention=self.convention,
            background=self.background if background is None else background,
            class_mask=self.class_mask if class_mask is None else class_mask,
            padding_index=self.padding_index,
            weighting=self.weighting,
            parts=self.parts,
        )

    def extra_repr(self) -> str:
        """What is smoothed and how, for `print(model)`."""
        return described(self, "label_smoothing", "convention", "weighting", "reduction", "smooth_in_eval")


def _may_be_chunked(head: Head, smoothing: Smoothing) -> bool:
    """Plain tensors, or a compiler's, of which at most the head and what comes before it want gradients."""
    tensors = [one for one in (*head, *smoothing) if isinstance(one, Tensor)]
    others = (smoothing.target, smoothing.class_weight, smoothing.alphas, smoothing.background)
    if torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in others):
        return False
    if torch.compiler.is_compiling():
        return not torch._C._are_functorch_transforms_active()
    return plain(*tensors)


def _flat(rows: Tensor | None, classes: int) -> Tensor | None:
    return rows if rows is None or rows.ndim == 1 else rows.reshape(-1, classes)


# ------------------------------------------------------------------------------------------------ the arguments


def _judge_head(input: Tensor, weight: Tensor, bias: Tensor | None) -> torch.dtype:  # noqa: A002
    """Three tensors that go together; the type that their logits have."""
    if weight.ndim != 2 or not len(weight) or input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            "`linear_weight` must have shape (classes, features) with the features of `input`, shape "
            f"{tuple(input.shape)}, as its last axis, but has {tuple(weight.shape)}. Pass the weight of an nn.Linear."
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"`linear_bias` must have one number for each of the {len(weight)} classes, but has shape "
            f"{tuple(bias.shape)}. Pass the bias of an nn.Linear."
        )
    types = {one.dtype for one in (input, weight, bias) if one is not None}
    if not all(dtype.is_floating_point for dtype in types):
        raise TypeError(
            "`input` and the head must hold floating-point numbers, but have "
            f"{', '.join(sorted(map(str, types)))}. Call `.float()` on them."
        )
    kind = input.device.type
    if torch.is_autocast_enabled(kind) and torch.float64 not in types:
        return torch.get_autocast_dtype(kind)
    if len(types) > 1:
        raise TypeError(
            "`input`, `linear_weight` and `linear_bias` must have one type, but have "
            f"{', '.join(sorted(map(str, types)))}. Convert them, or run under torch.autocast."
        )
    return input.dtype


def _judge_target(target: Tensor, places: torch.Size, classes: int) -> None:
    shape = (*places, classes) if target.is_floating_point() else tuple(places)
    if target.shape != shape:
        raise ValueError(
            f"`target` must have shape {tuple(places)}, a class number for each row of `input`, or "
            f"{(*places, classes)}, probabilities, but has {tuple(target.shape)} and dtype {target.dtype}. "
            "Convert it if it holds the one in the type of the other."
        )


def _judge_last_axis(name: str, rows: Tensor, places: torch.Size, classes: int) -> None:
    if rows.shape not in ((classes,), (*places, classes)):
        raise ValueError(
            f"`{name}` must have shape ({classes},) or {(*places, classes)}, but has {tuple(rows.shape)}. "
            "Give one row for all examples, or one for each."
        )
