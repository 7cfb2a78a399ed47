r"""The focal loss: cross entropy that turns away from what the net already knows.

    loss = - (1 - p_y)^gamma log p_y

At gamma 0 it is cross entropy. From gamma 1 on it is at least the cross entropy less gamma times the entropy of
p, so lowering it keeps the entropy up: a regulariser like the confidence penalty, and the paper's reason why it
calibrates. With FLSD-53 gamma is 5 for examples with p_y below 0.2 and 3 for the others. Sources: Lin et al.
2017, eq. 4, arXiv:1708.02002 (the loss); Mukhoti et al. 2020, sec. 4 and 5, arXiv:2002.09437 (calibration,
FLSD-53)
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .. import _checks
from . import arguments
from .kernels.eager import costs, log_probabilities
from .penalised import unsmoothed
from .weighting import reduced

Gamma = float | Callable[[Tensor], Tensor]
"""A number for all rows, or what makes one for each from its p_y."""


def focal_loss(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    gamma: Gamma = 2.0,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy with each row multiplied by (1 - p_y)^gamma, in nats.

    target: class numbers; probabilities have no single p_y and are refused.
    gamma: 0 or above; or a function such as `flsd_53` that is called with the rows' p_y and returns a gamma for each,
        through which no gradient flows.

    The other arguments, shapes, precision and errors are those of `cross_entropy`; "mean" divides by the number
    of rows that count. A true class that is out costs infinitely. Source: the head of this module.

    >>> import torch
    >>> from smoothlab.torch import focal_loss
    >>> round(focal_loss(torch.zeros(1, 4), torch.tensor([0]), gamma=2.0).item(), 4)  # (3/4)^2 log 4
    0.7798
    """
    _checks.one_of("reduction", reduction, ("mean", "sum", "none"))
    _judge_gamma(gamma)
    rows = unsmoothed(input, target, class_mask=class_mask, ignore_index=ignore_index)
    arguments.judge_class_numbers(target)
    log_p = log_probabilities(rows.logits, rows.out, rows.ignored)
    infinite = costs(log_p, rows.label, 0.0, rows.out, rows.ignored).label.isinf()
    log_p = log_p.gather(1, rows.label.unsqueeze(1)).squeeze(1)

    power = gamma(log_p.detach().exp()) if callable(gamma) else gamma
    # a net that is wholly sure has 1 - p_y = 0, whose power has an infinite slope below 1
    unsure = (-log_p.expm1()).clamp(min=torch.finfo(log_p.dtype).tiny)
    losses = -(unsure**power) * log_p + torch.where(infinite, torch.inf, 0.0)
    value = reduced(losses, divisor=None, ignored=rows.ignored, reduction=reduction)
    return value.squeeze(0) if input.ndim == 1 and reduction == "none" else value


def flsd_53(probability: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
    """The gamma of "sample-dependent" focal loss: 5 where the label's probability is below 0.2, 3 elsewhere.

    Source: Mukhoti et al. 2020, sec. 5, arXiv:2002.09437.

    >>> import torch
    >>> from smoothlab.torch import flsd_53
    >>> flsd_53(torch.tensor([0.1, 0.2, 0.9])).tolist()
    [5.0, 3.0, 3.0]
    """
    return torch.where(probability < 0.2, 5.0, 3.0).to(probability.dtype)


def _judge_gamma(gamma: Gamma) -> None:
    if not callable(gamma):
        arguments.judge_from_zero("gamma", gamma)


class FocalLoss(nn.Module):
    """`focal_loss` as a module.

    >>> import torch
    >>> from smoothlab.torch import FocalLoss, flsd_53
    >>> loss = FocalLoss(gamma=flsd_53)
    >>> round(loss(torch.zeros(1, 4), torch.tensor([0])).item(), 4)  # (3/4)^3 log 4
    0.5848
    """

    class_mask: Tensor | None

    def __init__(
        self,
        *,
        gamma: Gamma = 2.0,
        class_mask: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        _judge_gamma(gamma)
        self.register_buffer("class_mask", class_mask)
        self.gamma = gamma
        self.ignore_index = ignore_index
        self.reduction = arguments.meant_reduction(None, None, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002  torch's own word
        """The loss."""
        return focal_loss(
            input,
            target,
            gamma=self.gamma,
            class_mask=self.class_mask,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )

    def extra_repr(self) -> str:
        """How sharply it turns away, for `print(model)`."""
        gamma = self.gamma if not callable(self.gamma) else getattr(self.gamma, "__name__", "a function")
        return f"gamma={gamma}, reduction={self.reduction}"
