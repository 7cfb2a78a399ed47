r"""Label smoothing of either sign: the same rule with any alpha up to 1, below 0 too.

    loss = - (1 - alpha) log p_y - alpha/K sum_k log p_k,        d loss / d z_k = p_k - (1 - alpha) [k = y] - alpha/K

With alpha below 0 the target puts more than 1 on the label and less than 0 on the others: the label's logit is
pushed further up and all are pushed away from uniform, which Wei et al. found to help where many labels are
wrong. Such a loss has no minimum (it falls without end as any p_k other than p_y falls to 0), so `cross_entropy`
goes on refusing a negative alpha and whoever wants one asks for it by this name. They train with alpha 0 first
("warm-up") and go down to -8. Source: Wei et al. 2022, sec. 2, arXiv:2106.04149 (generalised label smoothing)
"""

import math

from torch import Tensor, nn

from .. import _checks
from ..targets.conventions import Convention
from . import arguments
from .kernels import choose
from .modules import described
from .rows import judged
from .weighting import reduced, smoothed, weigh


def generalised_smoothing_loss(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    label_smoothing: float,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy of softmax(input) against (1 - alpha) label + alpha / K, in nats; it may be negative.

    `label_smoothing` is alpha, any finite number up to 1; from 0 on this is `cross_entropy` with the "uniform"
    convention. The other arguments, shapes, precision and errors are those of `cross_entropy`; "mean" divides by
    the number of rows that count. A true class that is out costs +inf at every alpha below 1. Source: the head of
    this module.

    >>> import torch
    >>> from smoothlab.torch import generalised_smoothing_loss
    >>> logits = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    >>> generalised_smoothing_loss(logits, torch.tensor([0]), label_smoothing=-1.0).backward()
    >>> logits.grad.tolist()  # 1/4 less a target of 1.75 and three times -0.25
    [[-1.5, 0.5, 0.5, 0.5]]
    """
    _checks.one_of("reduction", reduction, ("mean", "sum", "none"))
    _judge_signed(label_smoothing)
    rows = judged(
        input,
        target,
        label_smoothing=1.0,  # the background of every row, of which the loss then takes a share of its own
        convention=Convention.UNIFORM,
        background=None,
        class_mask=class_mask,
        padding_index=None,
        ignore_index=ignore_index,
    )
    terms = weigh(rows._replace(alpha=label_smoothing * rows.alpha), None, "torch")
    kernel = choose(rows.logits, terms.label, terms.background)
    costs = kernel(rows.logits, terms.label, terms.background, out=rows.out, ignored=rows.ignored)
    value = reduced(smoothed(terms, costs), divisor=None, ignored=rows.ignored, reduction=reduction)
    return value.squeeze(0) if input.ndim == 1 and reduction == "none" else value


def _judge_signed(alpha: float) -> None:
    if not -math.inf < alpha <= 1:
        raise ValueError(
            f"`label_smoothing` must be a finite number up to 1, but got {alpha!r}. Write a tenth as 0.1."
        )


class GeneralisedSmoothingLoss(nn.Module):
    """`generalised_smoothing_loss` as a module; its `label_smoothing` may be set anew, say after a warm-up at 0.

    >>> import torch
    >>> from smoothlab.torch import GeneralisedSmoothingLoss
    >>> loss = GeneralisedSmoothingLoss(label_smoothing=-1.0)
    >>> round(loss(torch.tensor([[4.0, 0.0]]), torch.tensor([0])).item(), 3)  # the plain loss .018, less (4 - 0) / 2
    -1.982
    """

    class_mask: Tensor | None

    def __init__(
        self,
        *,
        label_smoothing: float,
        class_mask: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        _judge_signed(label_smoothing)
        self.register_buffer("class_mask", class_mask)
        self.label_smoothing = label_smoothing
        self.ignore_index = ignore_index
        self.reduction = arguments.meant_reduction(None, None, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002  torch's own word
        """The loss."""
        return generalised_smoothing_loss(
            input,
            target,
            label_smoothing=self.label_smoothing,
            class_mask=self.class_mask,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )

    def extra_repr(self) -> str:
        """How much is smoothed, for `print(model)`."""
        return described(self, "label_smoothing", "reduction")
