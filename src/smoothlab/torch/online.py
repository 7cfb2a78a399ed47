r"""Online label smoothing: each class's background is what the net itself said of that class in the epoch before.

    loss = (1 - alpha) (- log p_y) + alpha (- sum_k s_yk log p_k),
    s_y  = the mean of p over the last epoch's examples of class y that were predicted right; uniform before the first
           epoch has ended, and for a class of which nothing was right

This is the one rule of this library with a row of s as background, so `cross_entropy` computes it; what is here
is the memory. The paper's weight of the hard label, 0.5, is 1 - alpha. Its code counts each example as training
sees it, before the step that it leads to. Source: Zhang et al. 2021, sec. 3, arXiv:2011.12562, and
github.com/zhangchbin/OnlineLabelSmoothing
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .. import _checks
from . import arguments
from .kernels.eager import log_probabilities, precision
from .losses import cross_entropy
from .modules import described
from .penalised import unsmoothed


def right_predictions(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
) -> tuple[Float[Tensor, "classes classes"], Float[Tensor, " classes"]]:
    """For each class, the sum of softmax(input) over its examples that are predicted right, and how many these are.

    `target` holds class numbers. Rows that are ignored count for nothing, and among equal logits the first is the
    prediction. Shapes and errors are those of `cross_entropy`. Source: the head of this module.

    >>> import torch
    >>> from smoothlab.torch.online import right_predictions
    >>> logits = torch.tensor([[3.0, 1.0], [0.0, 0.5], [1.0, 2.0]]).log()
    >>> sums, counts = right_predictions(logits, torch.tensor([0, 0, 1]))
    >>> [[round(share, 3) for share in row] for row in sums.tolist()], counts.tolist()
    ([[0.75, 0.25], [0.333, 0.667]], [1.0, 1.0])
    """
    arguments.judge_class_numbers(target)
    with torch.no_grad():
        rows = unsmoothed(input, target, class_mask=class_mask, ignore_index=ignore_index)
        p = log_probabilities(rows.logits, rows.out, rows.ignored).exp()
        right = p.argmax(1) == rows.label
        if rows.ignored is not None:
            right = right & ~rows.ignored
        classes = p.shape[1]
        flat = p.movedim(1, -1).reshape(-1, classes)
        everyone = torch.arange(classes, device=p.device)
        # a product of matrices, where index_add_ would add in an order of its own on a GPU
        of_class = ((rows.label.reshape(-1, 1) == everyone) & right.reshape(-1, 1)).to(p.dtype)
        return of_class.T @ flat, of_class.sum(0)


class OnlineSmoothingLoss(nn.Module):
    """Label smoothing whose background is learnt from one epoch to the next; call `next_epoch` when one has ended.

    classes: how many there are.
    label_smoothing: alpha, the mass that the label gives to the learnt background; one half in the paper.
    smooth_in_eval: with `False` evaluation reports the plain loss; nothing is learnt in evaluation in either case.

    `class_mask`, `ignore_index` and `reduction` are those of `cross_entropy`. The learnt rows and the epoch's
    sums are buffers, so they follow `.to(device)`, and a run goes on from a `state_dict` as if it had never
    stopped. What was learnt belongs to one run: make a new module for the next. Raises as `cross_entropy` does.
    Source: the head of this module.

    >>> import torch
    >>> from smoothlab.torch import OnlineSmoothingLoss
    >>> loss = OnlineSmoothingLoss(classes=3)
    >>> logits, labels = torch.tensor([[6.0, 3.0, 1.0], [1.0, 8.0, 1.0]]).log(), torch.tensor([0, 1])
    >>> first = loss(logits, labels)
    >>> loss.next_epoch()
    >>> [[round(share, 3) for share in row] for row in loss.background.tolist()]
    [[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.333, 0.333, 0.333]]

    In training: `train(..., loss=loss, on_epoch=lambda report: loss.next_epoch())`.
    """

    background: Tensor
    sums: Tensor
    counts: Tensor
    class_mask: Tensor | None

    def __init__(
        self,
        classes: int,
        *,
        label_smoothing: float = 0.5,
        class_mask: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        smooth_in_eval: bool = True,
    ) -> None:
        super().__init__()
        _checks.at_least("classes", classes, 1)
        _checks.fraction("label_smoothing", label_smoothing)
        self.register_buffer("background", torch.full((classes, classes), 1 / classes))
        self.register_buffer("sums", torch.zeros(classes, classes))
        self.register_buffer("counts", torch.zeros(classes))
        self.register_buffer("class_mask", class_mask)
        self.label_smoothing = label_smoothing
        self.ignore_index = ignore_index
        self.reduction = arguments.meant_reduction(None, None, reduction)
        self.smooth_in_eval = smooth_in_eval

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002  torch's own word
        """The loss; in training mode the batch's right predictions are remembered too."""
        arguments.judge_class_numbers(target)
        self._judge_classes(input)
        if self.training:
            sums, counts = right_predictions(
                input, target, class_mask=self.class_mask, ignore_index=self.ignore_index
            )
            self.sums += sums.to(self.sums.dtype)
            self.counts += counts.to(self.counts.dtype)
        smooths = self.training or self.smooth_in_eval
        return cross_entropy(
            input,
            target,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing if smooths else 0.0,
            background=self._of_rows(input, target) if smooths else None,
            class_mask=self.class_mask,
        )

    def next_epoch(self) -> None:
        """Let the means of the epoch that has ended be the background of the next, and forget its sums."""
        known = self.counts > 0
        means = self.sums / self.counts.clamp(min=1)[:, None]
        self.background.copy_(torch.where(known[:, None], means, 1 / len(means)))
        self.sums.zero_()
        self.counts.zero_()

    def _of_rows(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002  torch's own word
        """The background of each row, shaped like the logits; any will do where the row is ignored."""
        label = target.long().masked_fill(target == self.ignore_index, 0)
        rows = self.background.to(precision(input.dtype))[label]
        return rows.movedim(-1, 1) if input.ndim > 1 else rows

    def _judge_classes(self, input: Tensor) -> None:  # noqa: A002  torch's own word
        classes = input.shape[1 if input.ndim > 1 else 0]
        if classes != len(self.counts):
            raise ValueError(
                f"`input` must have the {len(self.counts)} classes that the loss was made for, but has {classes}. "
                "Make one for each number of classes."
            )

    def extra_repr(self) -> str:
        """How much is smoothed, for `print(model)`."""
        others = described(self, "label_smoothing", "reduction", "smooth_in_eval")
        return f"classes={len(self.counts)}, {others}"
