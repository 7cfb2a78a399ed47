"""The losses as modules, each with its function's arguments and a switch for evaluation.

torch's own CrossEntropyLoss smooths in `.eval()` too, so that a validation loss printed beside other people's,
and every perplexity made of it, is the smoothed one: at alpha = 0.1 and 1000 classes it cannot fall below 1.015
nats even for a perfect model. The default here is torch's behaviour; with `smooth_in_eval=False` the module
smooths in training mode only, and evaluation reports the plain loss.
"""

from typing import Any

from torch import Tensor, nn

from ..targets.conventions import Convention
from .arguments import judge_alpha, meant_reduction
from .binary import binary_cross_entropy_with_logits
from .losses import cross_entropy
from .quadratic import quadratic_loss


class CrossEntropyLoss(nn.Module):
    """`cross_entropy` as a module; a drop-in for torch.nn.CrossEntropyLoss.

    The arguments before the star are torch's, by name and by place. `weight`, `background` and `class_mask` are
    buffers, so they follow `.to(device)` and enter the `state_dict`. What belongs to one batch, such as alphas
    or a teacher's probabilities, is passed to the call and takes precedence. `smooth_in_eval=False` turns
    smoothing off after `.eval()`, alphas passed to the call included.

    >>> import torch
    >>> from smoothlab.torch import CrossEntropyLoss
    >>> loss = CrossEntropyLoss(label_smoothing=0.1, convention="others", smooth_in_eval=False)
    >>> logits, labels = torch.tensor([[4.0, 0.0, 0.0]]), torch.tensor([0])
    >>> loss(logits, labels).item(), loss.eval()(logits, labels).item()
    (0.4359..., 0.0359...)
    """

    weight: Tensor | None
    background: Tensor | None
    class_mask: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        *,
        convention: Convention | str = Convention.UNIFORM,
        background: Tensor | None = None,
        class_mask: Tensor | None = None,
        padding_index: int | None = None,
        weighting: str = "torch",
        parts: bool = False,
        overwrite_logits: bool = False,
        smooth_in_eval: bool = True,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("background", background)
        self.register_buffer("class_mask", class_mask)
        self.ignore_index = ignore_index
        self.reduction = meant_reduction(size_average, reduce, reduction)
        self.label_smoothing = label_smoothing
        self.convention = Convention(convention)
        self.padding_index = padding_index
        self.weighting = weighting
        self.parts = parts
        self.overwrite_logits = overwrite_logits
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
        return cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=alpha_now(self, label_smoothing),
            convention=self.convention,
            background=self.background if background is None else background,
            class_mask=self.class_mask if class_mask is None else class_mask,
            padding_index=self.padding_index,
            weighting=self.weighting,
            parts=self.parts,
            overwrite_logits=self.overwrite_logits,
        )

    def extra_repr(self) -> str:
        """What is smoothed and how, for `print(model)`."""
        return described(self, "label_smoothing", "convention", "weighting", "reduction", "smooth_in_eval")


class QuadraticLoss(nn.Module):
    """`quadratic_loss` as a module; `smooth_in_eval=False` turns smoothing off after `.eval()`.

    >>> import torch
    >>> from smoothlab.torch import QuadraticLoss
    >>> QuadraticLoss()(torch.zeros(1, 2), torch.tensor([0])).item()
    0.5
    """

    background: Tensor | None
    class_mask: Tensor | None

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        convention: Convention | str = Convention.UNIFORM,
        background: Tensor | None = None,
        class_mask: Tensor | None = None,
        padding_index: int | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        smooth_in_eval: bool = True,
    ) -> None:
        super().__init__()
        self.register_buffer("background", background)
        self.register_buffer("class_mask", class_mask)
        self.label_smoothing = label_smoothing
        self.convention = Convention(convention)
        self.padding_index = padding_index
        self.ignore_index = ignore_index
        self.reduction = meant_reduction(None, None, reduction)
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
    ) -> Tensor:
        """The loss; a keyword replaces what the module was made with for this call."""
        return quadratic_loss(
            input,
            target,
            label_smoothing=alpha_now(self, label_smoothing),
            convention=self.convention,
            background=self.background if background is None else background,
            class_mask=self.class_mask if class_mask is None else class_mask,
            padding_index=self.padding_index,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )

    def extra_repr(self) -> str:
        """What is smoothed and how, for `print(model)`."""
        return described(self, "label_smoothing", "convention", "reduction", "smooth_in_eval")


class BCEWithLogitsLoss(nn.Module):
    """`binary_cross_entropy_with_logits` as a module; a drop-in for torch.nn.BCEWithLogitsLoss.

    The first five arguments are torch's, by name and by place, and `weight` and `pos_weight` are buffers.
    `smooth_in_eval=False` turns smoothing off after `.eval()`.

    >>> import torch
    >>> from smoothlab.torch import BCEWithLogitsLoss
    >>> loss = BCEWithLogitsLoss(label_smoothing=0.1, convention="binary_flip")
    >>> loss(torch.tensor([4.0]), torch.tensor([1.0])).item()
    0.4181...
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
        label_smoothing: float = 0.0,
        *,
        convention: Convention | str = Convention.BINARY_HALF,
        smooth_in_eval: bool = True,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
        self.reduction = meant_reduction(size_average, reduce, reduction)
        self.label_smoothing = label_smoothing
        self.convention = Convention(convention)
        self.smooth_in_eval = smooth_in_eval
        judge_alpha(label_smoothing, self.convention)

    def forward(
        self,
        input: Tensor,  # noqa: A002  torch's own word
        target: Tensor,
        *,
        label_smoothing: float | Tensor | None = None,
    ) -> Tensor:
        """The loss; `label_smoothing` replaces what the module was made with for this call."""
        return binary_cross_entropy_with_logits(
            input,
            target,
            self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
            label_smoothing=alpha_now(self, label_smoothing),
            convention=self.convention,
        )

    def extra_repr(self) -> str:
        """What is smoothed and how, for `print(model)`."""
        return described(self, "label_smoothing", "convention", "reduction", "smooth_in_eval")


def alpha_now(module: Any, of_this_call: float | Tensor | None) -> float | Tensor:
    """The call's alpha, or else the module's; 0 in evaluation, where that is switched off."""
    if not (module.training or module.smooth_in_eval):
        return 0.0
    return module.label_smoothing if of_this_call is None else of_this_call


def described(module: nn.Module, *names: str) -> str:
    """What of a module `print` shows, by name and value."""
    return ", ".join(f"{name}={getattr(module, name)}" for name in names)
