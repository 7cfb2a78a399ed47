"""Which kernel serves which tensors, and why: the first in this order that has nothing against them.

triton   the logits lie on CUDA and Triton is there: two passes at the speed of memory
rows     the logits lie on the CPU: the compiled rows, one array of the logits' size
frugal   plain training on what else there is, where the logits alone want a gradient: two arrays
eager    everything else: compilers fuse it, transforms differentiate it, nothing is saved where no gradient is due

Each is a file beside this, with a `row_costs` and a `supports`, which says in a clause why it cannot serve (those that
several have are in `clauses`; what `triton` and `rows` share is in `sums`). `fused` stands before all of them where the
loss is reduced at once. A new kernel is such a file and a place in `ORDER`.
"""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from torch import Tensor

from . import eager, frugal, rows, triton
from .eager import Background, Costs

ORDER = (triton, rows, frugal, eager)


class Choice(NamedTuple):
    """The kernel that serves, and what those before it have against the tensors, in their order."""

    kernel: ModuleType
    against: dict[str, str]


def choose(logits: Tensor, label: Tensor, background: Background) -> Callable[..., Costs]:
    """The `row_costs` to call with these; the signature is that of `eager.row_costs`.

    >>> import torch
    >>> from smoothlab.torch.kernels import choose
    >>> choose(torch.zeros(2, 3, requires_grad=True), torch.tensor([0, 1]), 0.0).__module__
    'smoothlab.torch.kernels.rows'
    """
    return chosen(logits, label, background).kernel.row_costs


def chosen(logits: Tensor, label: Tensor, background: Background | None, *more: Tensor | None) -> Choice:
    """The kernel for these, and why; `more` is whatever else will be passed to it."""
    against = {}
    for kernel in ORDER:
        clause = kernel.supports(logits, label, background, *more)
        if clause is None:
            return Choice(kernel, against)
        against[kernel.__name__.rpartition(".")[2]] = clause
    raise AssertionError("eager serves everything")
