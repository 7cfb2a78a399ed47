r"""Binary cross entropy on logits with label smoothing.

A yes-or-no target y is softened to (1 - a) y + a/2, with a the effective alpha of the convention: alpha for
`binary_half`, 2 alpha for `binary_flip`. The rest is torch's own loss,

    loss = - w (pos_weight q log s(z) + (1 - q) log(1 - s(z))),        s(z) = 1 / (1 + exp(-z)).

Sources: the documentation of keras.losses.BinaryCrossentropy (`binary_half`) and of torch.nn.BCEWithLogitsLoss.
"""

from torch import Tensor
from torch.nn import functional

from .. import _checks
from ..targets.conventions import Convention, effective_alpha
from . import arguments
from .kernels.eager import precision


def binary_cross_entropy_with_logits(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
    label_smoothing: float | Tensor = 0.0,
    *,
    convention: Convention | str = Convention.BINARY_HALF,
) -> Tensor:
    """Binary cross entropy of sigmoid(input) against smoothed targets, in nats; a drop-in for torch's.

    `input` holds logits of any shape and floating type; as in `cross_entropy` the loss of half types is float32.
    `target` has its shape, 0 for no and 1 for yes or a probability between, and any real type. `weight`,
    `pos_weight`, `reduction` and the retired `size_average` and `reduce` are torch's own. `label_smoothing` is
    alpha, a number or a tensor that broadcasts against `target`.

    Raises `ValueError` or `TypeError` with one sentence for a wrong argument; an alpha in a tensor is looked at
    on the CPU in eager mode only. Sources: the head of this module.

    >>> import torch
    >>> from smoothlab.torch import binary_cross_entropy_with_logits
    >>> logits, yes = torch.zeros(1, dtype=torch.float64, requires_grad=True), torch.ones(1)
    >>> binary_cross_entropy_with_logits(logits, yes, label_smoothing=0.1).backward()
    >>> logits.grad.round(decimals=3).tolist()  # 1/2 - 0.95
    [-0.45]
    """
    reduction = arguments.meant_reduction(size_average, reduce, reduction)
    _checks.one_of("convention", str(convention), ("binary_half", "binary_flip"))
    arguments.judge_pair(input, target)
    arguments.judge_alpha(label_smoothing, Convention(convention))
    if isinstance(label_smoothing, Tensor):
        arguments.judge_elementwise(label_smoothing, target.shape)

    dtype = precision(input.dtype)
    logits, soft = input.to(dtype), target.to(dtype)
    if isinstance(label_smoothing, Tensor) or label_smoothing:
        a = effective_alpha(label_smoothing, classes=2, convention=convention)
        soft = (1 - a) * soft + a / 2
    weight, pos_weight = (None if w is None else w.to(dtype) for w in (weight, pos_weight))
    return functional.binary_cross_entropy_with_logits(
        logits, soft.to(dtype), weight, reduction=reduction, pos_weight=pos_weight
    )
