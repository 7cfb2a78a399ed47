r"""The quadratic loss on softmax outputs: what classifiers were trained with before cross entropy; a baseline.

    loss = sum_k (p_k - q_k)^2,        p = softmax(z),    q = (1 - a) label + a background,

Brier's score where nothing is smoothed. It lies in [0, 2], and its gradient vanishes where p is sure and wrong.
Sources: Brier 1950, Monthly Weather Review 78 (the score); Rumelhart, Hinton & Williams 1986, Nature 323 (as a
loss); Solla, Levin & Fleisher 1988, Complex Systems 2 (why cross entropy learns faster).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .. import _checks
from ..targets.conventions import Convention
from .kernels.eager import column, log_probabilities
from .rows import Rows, judged
from .weighting import reduced


def quadratic_loss(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    label_smoothing: float | Tensor = 0.0,
    convention: Convention | str = Convention.UNIFORM,
    background: Tensor | None = None,
    class_mask: Tensor | None = None,
    padding_index: int | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Squared distance between softmax(input) and the smoothed label, summed over classes.

    The arguments are those of `cross_entropy`, and so are shapes, precision and errors; "mean" divides by the
    number of rows that count. A class that is out has p = q = 0; if it is the true one, its (1 - a)^2 stays in
    the loss as a constant. Sources: the head of this module.

    >>> import torch
    >>> from smoothlab.torch import quadratic_loss
    >>> loss = quadratic_loss(torch.zeros(1, 4), torch.tensor([0]), label_smoothing=0.1)
    >>> round(loss.item(), 4)  # .675^2 + 3 * .225^2
    0.6075
    """
    _checks.one_of("reduction", reduction, ("mean", "sum", "none"))
    rows = judged(
        input,
        target,
        label_smoothing=label_smoothing,
        convention=convention,
        background=background,
        class_mask=class_mask,
        padding_index=padding_index,
        ignore_index=ignore_index,
    )
    p = log_probabilities(rows.logits, rows.out, rows.ignored).exp()
    losses = (p - _soft_target(rows, p)).square().sum(1)
    value = reduced(losses, divisor=None, ignored=rows.ignored, reduction=reduction)
    return value.squeeze(0) if input.ndim == 1 and reduction == "none" else value


def _soft_target(
    rows: Rows, like: Float[Tensor, "batch classes *places"]
) -> Float[Tensor, "batch classes *places"]:
    a = (torch.ones_like(like[:, 0]) * rows.alpha).unsqueeze(1)
    share = column(rows.background, like) if isinstance(rows.background, Tensor) else rows.background
    background = torch.zeros_like(like) + a * share
    if rows.label.is_floating_point():
        return background + (1 - a) * rows.label
    return background.scatter_add(1, rows.label.unsqueeze(1), 1 - a)
