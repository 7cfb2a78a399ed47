r"""The closed form of a row in plain differentiable torch: it serves every device, transform and compiler.

With logits z, label distribution t (or a class y) and background v, and log p = z - logsumexp(z),

    label cost      = - <t, log p> = |t| logsumexp(z) - <t, z>          (a class: logsumexp(z) - z_y)
    background cost = - <v, log p> = |v| logsumexp(z) - <v, z>

so three numbers decide a row, and every smoothed loss is (1 - a) * label cost + a * background cost. Taken as
written, the difference of two numbers near the logits' offset loses digits: log p is centred first.

`row_costs` is the signature that all kernels share. A class that is `out` has probability 0, no cost where it
has no mass, an infinite one where the label has mass, and gradient exactly 0. A row that is `ignored` costs 0
and has gradient exactly 0, even where its logits are NaN. Source: Szegedy et al. 2016, sec. 7, arXiv:1512.00567.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Logits = Float[Tensor, "batch classes *places"]
Label = Int[Tensor, " batch *places"] | Float[Tensor, "batch classes *places"]
Background = float | Float[Tensor, " classes"] | Float[Tensor, "batch classes *places"]


class Costs(NamedTuple):
    """Cross entropies of each row: of its label, and of its background, each against softmax(logits)."""

    label: Float[Tensor, " batch *places"]
    background: Float[Tensor, " batch *places"]


def supports(logits: Logits, label: Label, background: Background | None, *more: Tensor | None) -> None:
    """Nothing is against it."""


def row_costs(
    logits: Logits,
    label: Label,
    background: Background,
    *,
    out: Bool[Tensor, "batch classes *places"] | None,
    ignored: Bool[Tensor, " batch *places"] | None,
) -> Costs:
    """What each row costs, in float32 or better.

    `label` holds classes, all in range, or distributions. `background` is a mass for each class, one row for
    all or one each; a plain number is the mass of every class, and 0.0 says that nobody asks. Where classes
    are `out` their background is 0 already.
    """
    return costs(log_probabilities(logits, out, ignored), label, background, out, ignored)


def log_probabilities(
    logits: Logits,
    out: Bool[Tensor, "batch classes *places"] | None,
    ignored: Bool[Tensor, " batch *places"] | None,
) -> Float[Tensor, "batch classes *places"]:
    """log softmax over the classes that take part; hugely negative, but finite, for those that are out."""
    z = logits.to(precision(logits.dtype))
    if ignored is not None:
        z = z.masked_fill(ignored.unsqueeze(1), 0.0)
    if out is not None:
        z = z.masked_fill(out, torch.finfo(z.dtype).min / 2)  # -inf times a background of 0 would be NaN
    return z.log_softmax(1)


def costs(
    log_p: Float[Tensor, "batch classes *places"],
    label: Label,
    background: Background,
    out: Bool[Tensor, "batch classes *places"] | None,
    ignored: Bool[Tensor, " batch *places"] | None,
) -> Costs:
    """The two costs of every row, from its log probabilities."""
    if label.is_floating_point():
        of_label = -(label * log_p).sum(1)
        lost = None if out is None else (label * out).sum(1) != 0
    else:
        of_label = -log_p.gather(1, label.unsqueeze(1)).squeeze(1)
        lost = None if out is None else out.gather(1, label.unsqueeze(1)).squeeze(1)
    if lost is not None:  # added, not filled in: the gradient of the classes that remain stays what it is
        of_label = of_label + torch.where(lost, torch.inf, 0.0)

    if isinstance(background, Tensor):
        of_background = -(column(background, log_p) * log_p).sum(1)
    else:
        of_background = -background * log_p.sum(1) if background else torch.zeros_like(of_label)

    if ignored is not None:
        of_label, of_background = of_label.masked_fill(ignored, 0.0), of_background.masked_fill(ignored, 0.0)
    return Costs(of_label, of_background)


def column(background: Tensor, rows: Float[Tensor, "batch classes *places"]) -> Tensor:
    """One number for each class, shaped to broadcast along axis 1 of `rows`; whole rows pass as they are."""
    return background.reshape(1, -1, *[1] * (rows.ndim - 2)) if background.ndim == 1 else background


def precision(dtype: torch.dtype) -> torch.dtype:
    """The type that sums are formed in: a mean over 32000 classes overflows float16."""
    return torch.float32 if dtype.itemsize < 4 else dtype
