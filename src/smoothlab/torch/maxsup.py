r"""MaxSup: label smoothing that holds down the highest logit in place of the label's.

Label smoothing is the plain loss plus a penalty, of which MaxSup changes the first term:

    label smoothing    - log p_y + alpha (z_y - mean_k z_k)
    MaxSup             - log p_y + alpha (max_j z_j - mean_k z_k)

So the two agree wherever the net is right. Where it is wrong, label smoothing lifts the wrong highest logit
further above the label's (it pushes z_y down), which MaxSup does not. The authors let alpha rise linearly from
0.1 to 0.2 in training; here alpha stays what it is, unless one sets the module's. Source: Zhou et al. 2025, sec.
3, arXiv:2502.15798, and train_one_epoch in github.com/ZhouYuxuanYX/Maximum-Suppression-Regularization
"""

from jaxtyping import Float
from torch import Tensor, nn

from .. import _checks
from . import arguments
from .modules import described
from .penalised import Out, mean_over_classes, penalised_cross_entropy


def maxsup_loss(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    alpha: float = 0.1,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy plus alpha times the highest logit's distance from the mean of all.

    `alpha`, in [0, 1], is in the meaning of `cross_entropy`'s "uniform" convention. A class that is out is not in
    the mean; the slope of equal highest logits is shared. The other arguments, shapes, precision and errors are
    those of `cross_entropy`; "mean" divides by the number of rows that count. Source: the head of this module.

    >>> import torch
    >>> from smoothlab.torch import cross_entropy, maxsup_loss
    >>> logits = torch.tensor([[3.0, 0.0, 0.0]])
    >>> right, wrong = torch.tensor([0]), torch.tensor([1])
    >>> bool(maxsup_loss(logits, right).isclose(cross_entropy(logits, right, label_smoothing=0.1)))
    True
    >>> added = maxsup_loss(logits, wrong) - cross_entropy(logits, wrong)
    >>> round(added.item(), 6)  # 0.1 (3 - 1), where label smoothing adds 0.1 (0 - 1)
    0.2
    """
    _checks.fraction("alpha", alpha)
    return penalised_cross_entropy(
        input,
        target,
        _above_mean,
        strength=alpha,
        class_mask=class_mask,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def _above_mean(log_p: Float[Tensor, "batch classes *places"], out: Out) -> Float[Tensor, " batch *places"]:
    return log_p.amax(1) - mean_over_classes(log_p, out)


class MaxSupLoss(nn.Module):
    """`maxsup_loss` as a module; its `alpha` may be set anew between steps.

    >>> import torch
    >>> from smoothlab.torch import MaxSupLoss
    >>> round(MaxSupLoss(alpha=0.5)(torch.tensor([[4.0, 0.0]]), torch.tensor([0])).item(), 3)
    1.018
    """

    class_mask: Tensor | None

    def __init__(
        self,
        *,
        alpha: float = 0.1,
        class_mask: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        _checks.fraction("alpha", alpha)
        self.register_buffer("class_mask", class_mask)
        self.alpha = alpha
        self.ignore_index = ignore_index
        self.reduction = arguments.meant_reduction(None, None, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002  torch's own word
        """The loss."""
        return maxsup_loss(
            input,
            target,
            alpha=self.alpha,
            class_mask=self.class_mask,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )

    def extra_repr(self) -> str:
        """How much is held down, for `print(model)`."""
        return described(self, "alpha", "reduction")
