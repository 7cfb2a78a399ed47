r"""Margin-based label smoothing: logits may differ freely, up to a margin.

    loss = - log p_y + weight / K sum_k max(0, max_j z_j - z_k - margin)

Label smoothing is a linear penalty that pulls every logit distance towards 0, and goes on pulling; here distances
within the margin cost nothing. At margin 0 the penalty is that of MaxSup. The paper prints a sum over classes,
and its published code, with weight 0.1 and margin 10, divides it by K: as there, the weight here is that of a
mean. Source: Liu et al. 2022, sec. 3.3, arXiv:2111.15430, and LogitMarginL1 in github.com/by-liu/MbLS
"""

from functools import partial

from jaxtyping import Float
from torch import Tensor, nn

from . import arguments
from .modules import described
from .penalised import Out, mean_over_classes, penalised_cross_entropy


def margin_smoothing_loss(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    weight: float = 0.1,
    margin: float = 10.0,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy plus what the logits' distances from the highest have beyond a margin, a mean over classes.

    `weight` and `margin` are 0 or above. A class that is out has no distance and is not counted in K; the slope
    of equal highest logits is shared. The other arguments, shapes, precision and errors are those of
    `cross_entropy`; "mean" divides by the number of rows that count. Source: the head of this module.

    >>> import torch
    >>> from smoothlab.torch import margin_smoothing_loss
    >>> logits, labels = torch.tensor([[14.0, 0.0, 6.0, 12.0]]), torch.tensor([0])
    >>> penalty = margin_smoothing_loss(logits, labels, weight=1.0) - margin_smoothing_loss(logits, labels, weight=0.0)
    >>> penalty.item()  # (14 - 0 - 10) / 4
    1.0
    """
    arguments.judge_from_zero("weight", weight)
    arguments.judge_from_zero("margin", margin)
    return penalised_cross_entropy(
        input,
        target,
        partial(_beyond, margin=margin),
        strength=weight,
        class_mask=class_mask,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def _beyond(
    log_p: Float[Tensor, "batch classes *places"], out: Out, *, margin: float
) -> Float[Tensor, " batch *places"]:
    distance = log_p.amax(1, keepdim=True) - log_p
    return mean_over_classes((distance - margin).relu(), out)


class MarginSmoothingLoss(nn.Module):
    """`margin_smoothing_loss` as a module.

    >>> import torch
    >>> from smoothlab.torch import MarginSmoothingLoss
    >>> round(MarginSmoothingLoss(weight=1.0, margin=2.0)(torch.tensor([[4.0, 0.0]]), torch.tensor([0])).item(), 3)
    1.018
    """

    class_mask: Tensor | None

    def __init__(
        self,
        *,
        weight: float = 0.1,
        margin: float = 10.0,
        class_mask: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        arguments.judge_from_zero("weight", weight)
        arguments.judge_from_zero("margin", margin)
        self.register_buffer("class_mask", class_mask)
        self.weight = weight
        self.margin = margin
        self.ignore_index = ignore_index
        self.reduction = arguments.meant_reduction(None, None, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002  torch's own word
        """The loss."""
        return margin_smoothing_loss(
            input,
            target,
            weight=self.weight,
            margin=self.margin,
            class_mask=self.class_mask,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )

    def extra_repr(self) -> str:
        """Weight and margin, for `print(model)`."""
        return described(self, "weight", "margin", "reduction")
