r"""What a smoothed loss is made of: the loss, the unsmoothed NLL, the excess over the floor, the perplexity.

A smoothed loss cannot reach 0. With the masses m_k that multiply - log p_k in a row (q_k, or weights times q_k)
and S their sum, the least value over all p is reached at p = m / S, and is

    floor = S log S - sum_k m_k log m_k         (the entropy H(q) where nothing is weighted),

so that excess = loss - floor = S KL(m / S || p), which does fall to 0 for a perfect model. The NLL is the same
loss with alpha = 0: it and exp(NLL), the perplexity, are what may be compared with other people's numbers.
Source: Cover & Thomas 2006, theorem 2.6.3 (Gibbs' inequality).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, xlogy

from .kernels.eager import column
from .rows import Batch, Rows
from .weighting import Terms


class Parts(NamedTuple):
    """A loss taken apart, in nats, each part reduced like the loss; only `loss` carries gradients.

    >>> import torch
    >>> from smoothlab.torch import cross_entropy
    >>> sure = torch.tensor([[4.0, 0.0, 0.0, 0.0]])
    >>> parts = cross_entropy(sure, torch.tensor([0]), label_smoothing=0.1, parts=True)
    >>> [round(part.item(), 3) for part in parts]  # loss, nll, excess, perplexity
    [0.353, 0.053, 0.005, 1.055]
    """

    loss: Tensor
    nll: Tensor
    """The loss without smoothing."""
    excess: Tensor
    """The loss above the least value that its targets allow."""
    perplexity: Tensor
    """exp(nll)."""


def floor(
    terms: Terms, cost: Float[Tensor, " batch *places"], rows: Rows | Batch
) -> Float[Tensor, " batch *places"]:
    """The least loss of each row over all predictions; `cost` lends it shape, type and device."""
    share, amount = (torch.ones_like(cost) * number for number in (terms.share, terms.amount))
    label, background = terms.label, terms.background
    if label.is_floating_point():
        mass = share.unsqueeze(1) * label
        if isinstance(background, Tensor):
            mass = mass + amount.unsqueeze(1) * column(background, rows.logits)
        else:
            mass = mass + amount.unsqueeze(1) * background
        total = mass.sum(1)
        return xlogy(total, total) - xlogy(mass, mass).sum(1)

    # the true class stands apart, the others are amount * v, so sums over v alone are enough
    if not isinstance(background, Tensor):
        classes = rows.logits.shape[1]
        at_label = torch.full_like(cost, background)
        total, information = classes * at_label, classes * xlogy(at_label, at_label)
    elif background.ndim == 1:
        at_label = background[label]
        total, information = background.sum(), xlogy(background, background).sum()
    else:
        at_label = background.gather(1, label.unsqueeze(1)).squeeze(1)
        total, information = background.sum(1), xlogy(background, background).sum(1)
    whole, other, true = share + amount * total, amount * at_label, share + amount * at_label
    others = amount * information + xlogy(amount, amount) * total - xlogy(other, other)
    return xlogy(whole, whole) - others - xlogy(true, true)
