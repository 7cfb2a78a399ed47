r"""A judged batch: what every loss of this room needs to know of a row before it computes anything.

`judge` refuses what is wrong and looks at no logit: a kernel that finds out on its way which classes take part gets
no more than that. `Batch.rows` finds it out beforehand, for all others.

Each row's target is q = (1 - a) * label + a * background, with a the effective alpha of the convention. A class
is out of a row if the mask says so or its logit is -inf; the background is cut to the classes that take part and
divided by what is left, and they alone are counted in K, so `a` may then differ by row. A row without any
background left keeps its label whole. Source: Szegedy et al. 2016, sec. 7, arXiv:1512.00567.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..targets.conventions import Convention, converted, known
from ..targets.soft import go_together
from . import arguments
from .kernels.eager import Background, Label, Logits, column, precision
from .tracing import readable


class Batch(NamedTuple):
    """What was passed, once it is known to fit together; `ignored` is `None` where no row is."""

    logits: Logits
    """As they came, in their own type; all other numbers are in the type that sums are formed in."""
    label: Label
    """Classes, 0 where the row is ignored, or distributions."""
    ignored: Bool[Tensor, " batch *places"] | None
    alpha: float | Float[Tensor, ""] | Float[Tensor, " batch *places"]
    """In the meaning that the convention gives it."""
    convention: Convention
    background: Float[Tensor, " classes"] | Float[Tensor, "batch classes *places"] | None
    class_mask: Bool[Tensor, " classes"] | Bool[Tensor, "batch classes *places"] | None
    padding_index: int | None

    def rows(self) -> "Rows":
        """Which classes take part, and what that makes of alpha and background."""
        out = self.out()
        return Rows(self.logits, self.label, *self.smoothing(out), out, self.ignored)

    def out(self) -> Bool[Tensor, "batch classes *places"] | None:
        """The classes that do not take part; `None` if every one does."""
        return _excluded(self.logits, self.class_mask)

    def smoothing(
        self, out: Bool[Tensor, "batch classes *places"] | None
    ) -> tuple[float | Tensor, Background]:
        """The effective alpha and the background, each of one row for all where nothing sets rows apart."""
        return _smoothing(
            self.logits,
            alpha=self.alpha,
            convention=self.convention,
            background=self.background,
            padding_index=self.padding_index,
            out=out,
        )


class Rows(NamedTuple):
    """What `judged` found: `out` and `ignored` are `None` where no class is out and no row is ignored."""

    logits: Logits
    """As they came, in their own type; all other numbers are in the type that sums are formed in."""
    label: Label
    """Classes, 0 where the row is ignored, or distributions."""
    alpha: float | Float[Tensor, ""] | Float[Tensor, " batch *places"]
    """The effective one."""
    background: Background
    """The number that every class gets where all get the same; 0.0 where there is no smoothing."""
    out: Bool[Tensor, "batch classes *places"] | None
    ignored: Bool[Tensor, " batch *places"] | None


def judged(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    **others: Any,
) -> Rows:
    """The rows of a batch that `judge` finds nothing wrong with; its arguments."""
    return judge(input, target, **others).rows()


def judge(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    label_smoothing: float | Tensor,
    convention: Convention | str,
    background: Tensor | None,
    class_mask: Tensor | None,
    padding_index: int | None,
    ignore_index: int,
) -> Batch:
    """The batch, or the sentence that says what is wrong with it; one example is lifted to a batch of one."""
    arguments.judge_batch(input, target, ignore_index)
    logits = input if input.ndim > 1 else input.unsqueeze(0)
    classes = logits.shape[1]
    convention = known(convention, classes)
    go_together(convention, background, padding_index, classes)
    arguments.judge_alpha(label_smoothing, convention)
    if isinstance(label_smoothing, Tensor):
        arguments.judge_rowwise(label_smoothing, arguments.rows_of(input.shape))
    if background is not None:
        arguments.judge_background(background, input.shape)
    if class_mask is not None:
        arguments.judge_mask(class_mask, input.shape)

    dtype = precision(input.dtype)
    target = target if input.ndim > 1 else target.unsqueeze(0)
    if target.is_floating_point():
        label, ignored = target.to(dtype), None
    else:
        label, ignored = labels_of(target, classes, ignore_index, padding_index)
    return Batch(
        logits,
        label,
        ignored,
        alpha=label_smoothing.to(dtype) if isinstance(label_smoothing, Tensor) else label_smoothing,
        convention=convention,
        background=None if background is None else background.to(dtype),
        class_mask=class_mask,
        padding_index=padding_index,
    )


def labels_of(
    target: Tensor, classes: int, ignore_index: int, padding_index: int | None
) -> tuple[Int[Tensor, " batch *places"], Bool[Tensor, " batch *places"] | None]:
    """Classes that can be looked up, all in range, and which of the rows are not to count."""
    target = target.long()
    can_read = target.numel() > 0 and readable(target)
    if can_read:
        lowest, highest = map(int, target.aminmax())
        ignoring = lowest <= ignore_index <= highest
        if not ignoring and (padding_index is None or not lowest <= padding_index <= highest):
            arguments.judge_labels(lowest, highest, classes)
            return target, None
    ignored = target == ignore_index
    if padding_index is not None:
        ignored = ignored | (target == padding_index)
    target = target.masked_fill(ignored, 0)
    if can_read:
        lowest, highest = map(int, target.aminmax())
        arguments.judge_labels(lowest, highest, classes)
    return target, ignored


def _excluded(logits: Logits, class_mask: Tensor | None) -> Bool[Tensor, "batch classes *places"] | None:
    if class_mask is None:
        if readable(logits) and (logits.numel() == 0 or logits.detach().amin().item() > -torch.inf):
            return None  # one read instead of arrays of booleans; NaN is not above, so it hides no -inf
        return logits.isneginf()
    return logits.isneginf() | ~column(class_mask, logits)


def _smoothing(
    logits: Logits,
    *,
    alpha: float | Tensor,
    convention: Convention,
    background: Tensor | None,
    padding_index: int | None,
    out: Bool[Tensor, "batch classes *places"] | None,
) -> tuple[float | Tensor, Background]:
    """The effective alpha and the background, each of one row for all where nothing sets rows apart."""
    classes = logits.shape[1]
    if not isinstance(alpha, Tensor) and alpha == 0:
        return 0.0, 0.0
    if out is None and background is None and padding_index is None:
        return converted(alpha, classes, convention), 1 / classes

    share = background
    if share is None:
        everyone = torch.arange(classes, device=logits.device)
        share = (everyone != (-1 if padding_index is None else padding_index)).to(precision(logits.dtype))
    if out is None:
        total = share.sum(1, keepdim=True) if share.ndim > 1 else share.sum()
        return converted(alpha, classes, convention), share / total

    share = torch.where(out, 0.0, column(share, logits))
    total = share.sum(1, keepdim=True)
    some = total > 0
    padding = 0 if padding_index is None else 1  # counted among the classes, though it receives nothing
    count = (share > 0).sum(1) + padding
    alpha = converted(alpha, count.to(share.dtype), convention)
    return some.squeeze(1).to(share.dtype) * alpha, share / torch.where(some, total, 1.0)
