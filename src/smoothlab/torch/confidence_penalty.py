r"""The confidence penalty: cross entropy less a share of the entropy of the prediction.

    loss = - log p_y - beta H(p),        H(p) = - sum_k p_k log p_k

Up to a constant it adds beta KL(p || u), with u uniform, where label smoothing at alpha adds alpha KL(u || p) to
(1 - alpha) of the cross entropy. KL(u || p) grows without end as any p_k falls to 0, KL(p || u) ends at log K:
the penalty lets a net rule a class out, and smoothing never does. Source: Pereyra et al. 2017, sec. 3,
arXiv:1701.06548
"""

from jaxtyping import Float
from torch import Tensor, nn

from . import arguments
from .modules import described
from .penalised import Out, penalised_cross_entropy


def confidence_penalty_loss(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    beta: float = 0.1,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy minus beta times the entropy of softmax(input), in nats.

    `beta` is 0 or above. The other arguments, shapes, precision and errors are those of `cross_entropy`; "mean"
    divides by the number of rows that count. Above beta 1 the loss may be negative. Source: the head of this
    module.

    >>> import torch
    >>> from smoothlab.torch import confidence_penalty_loss
    >>> loss = confidence_penalty_loss(torch.zeros(1, 4), torch.tensor([0]), beta=0.5)
    >>> round(loss.item(), 4)  # log 4 - 0.5 log 4
    0.6931
    """
    arguments.judge_from_zero("beta", beta)
    return penalised_cross_entropy(
        input,
        target,
        _negative_entropy,
        strength=beta,
        class_mask=class_mask,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def _negative_entropy(
    log_p: Float[Tensor, "batch classes *places"], out: Out
) -> Float[Tensor, " batch *places"]:
    return (log_p.exp() * log_p).sum(1)  # a class that is out has p exactly 0, and its log p is finite


class ConfidencePenaltyLoss(nn.Module):
    """`confidence_penalty_loss` as a module.

    >>> import torch
    >>> from smoothlab.torch import ConfidencePenaltyLoss
    >>> ConfidencePenaltyLoss(beta=1.0)(torch.zeros(1, 4), torch.tensor([0])).item()
    0.0
    """

    class_mask: Tensor | None

    def __init__(
        self,
        *,
        beta: float = 0.1,
        class_mask: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        arguments.judge_from_zero("beta", beta)
        self.register_buffer("class_mask", class_mask)
        self.beta = beta
        self.ignore_index = ignore_index
        self.reduction = arguments.meant_reduction(None, None, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002  torch's own word
        """The loss."""
        return confidence_penalty_loss(
            input,
            target,
            beta=self.beta,
            class_mask=self.class_mask,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )

    def extra_repr(self) -> str:
        """How much is penalised, for `print(model)`."""
        return described(self, "beta", "reduction")
