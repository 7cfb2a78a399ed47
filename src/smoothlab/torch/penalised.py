r"""Cross entropy with a penalty on the shape of the output: what three losses of this room have in common.

    loss = - log p_y + strength * penalty(log p),        log p = z - logsumexp(z)

A penalty reads log p in place of the logits z. Differences of logits are the same in both, and log p is centred,
so that no offset of z costs digits. The penalty does not look at the label, and so takes probabilities as targets
too.
"""

from collections.abc import Callable

from jaxtyping import Bool, Float
from torch import Tensor

from .. import _checks
from ..targets.conventions import Convention
from .kernels.eager import costs, log_probabilities
from .rows import Rows, judged
from .weighting import reduced

Out = Bool[Tensor, "batch classes *places"] | None
Penalty = Callable[[Float[Tensor, "batch classes *places"], Out], Float[Tensor, " batch *places"]]
"""A number for each row, from log p and the classes that are out; where these are, log p is huge, but finite."""


def penalised_cross_entropy(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    penalty: Penalty,
    *,
    strength: float,
    class_mask: Tensor | None,
    ignore_index: int,
    reduction: str,
) -> Tensor:
    """The loss of each row and their reduction, with the shapes, precision and errors of `cross_entropy`."""
    _checks.one_of("reduction", reduction, ("mean", "sum", "none"))
    rows = unsmoothed(input, target, class_mask=class_mask, ignore_index=ignore_index)
    log_p = log_probabilities(rows.logits, rows.out, rows.ignored)
    losses = costs(log_p, rows.label, 0.0, rows.out, rows.ignored).label
    if strength:
        losses = losses + strength * penalty(log_p, rows.out)
    value = reduced(losses, divisor=None, ignored=rows.ignored, reduction=reduction)
    return value.squeeze(0) if input.ndim == 1 and reduction == "none" else value


def unsmoothed(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    class_mask: Tensor | None,
    ignore_index: int,
) -> Rows:
    """The judged batch of a loss that smooths no label itself."""
    return judged(
        input,
        target,
        label_smoothing=0.0,
        convention=Convention.UNIFORM,
        background=None,
        class_mask=class_mask,
        padding_index=None,
        ignore_index=ignore_index,
    )


def mean_over_classes(
    values: Float[Tensor, "batch classes *places"], out: Out
) -> Float[Tensor, " batch *places"]:
    """The mean over the classes that take part; 0 where none does."""
    if out is None:
        return values.mean(1)
    return values.masked_fill(out, 0.0).sum(1) / (~out).sum(1).clamp(min=1)
