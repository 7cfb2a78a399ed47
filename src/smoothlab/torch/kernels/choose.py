"""Which kernel serves which tensors, and why. A new one is a file beside this and a line here.

frugal   plain eager training, where the logits alone want a gradient: least memory, any device
eager    everything else: compilers fuse it, transforms differentiate it, nothing is saved where no gradient is due
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..tracing import plain
from . import eager, frugal
from .eager import Background, Costs


def choose(logits: Tensor, label: Tensor, background: Background) -> Callable[..., Costs]:
    """The `row_costs` to call with these; the signature is that of `eager.row_costs`.

    >>> import torch
    >>> from smoothlab.torch.kernels import choose
    >>> choose(torch.zeros(2, 3, requires_grad=True), torch.tensor([0, 1]), 0.0).__module__
    'smoothlab.torch.kernels.frugal'
    """
    others = (label, background if isinstance(background, Tensor) else None)
    training = torch.is_grad_enabled() and logits.requires_grad
    if training and plain(logits, *others) and not any(t is not None and t.requires_grad for t in others):
        return frugal.row_costs
    return eager.row_costs
