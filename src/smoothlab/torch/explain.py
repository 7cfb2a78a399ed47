"""Which kernel a loss would run on, and why, in words: nothing is computed, the same questions are asked."""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import _rows
from . import arguments, passes
from .kernels import chosen
from .losses import cross_entropy
from .weighting import weigh, weigh_uncut


@dataclass(frozen=True)
class Explanation:
    """What `explain` found; as text, a few lines for a person.

    >>> from smoothlab.torch import Explanation
    >>> print(Explanation("eager", False, "nothing", "an abacus", {"rows": "it has none"}))
    eager: the closed form in torch, traced by autograd or a compiler
      where   an abacus
      memory  nothing
      not rows: it has none
    """

    kernel: str
    """"triton", "rows", "frugal" or "eager", each a file of smoothlab.torch.kernels."""
    one_pass: bool
    """Whether loss and gradient are formed in one pass over the logits."""
    memory: str
    """What of the logits' size is allocated."""
    where: str
    """The device, and what of it is used."""
    against: dict[str, str]
    """What would have come first, and why it does not serve."""

    def __str__(self) -> str:
        how = "loss and gradient in one pass" if self.one_pass else _HOW[self.kernel]
        lines = [f"{self.kernel}: {how}", f"  where   {self.where}", f"  memory  {self.memory}"]
        return "\n".join([*lines, *(f"  not {name}: {clause}" for name, clause in self.against.items())])


_HOW = {
    "triton": "one pass for the loss, another for the gradient",
    "rows": "one pass for the loss, another for the gradient",
    "frugal": "the closed form in torch, its gradient written down",
    "eager": "the closed form in torch, traced by autograd or a compiler",
}
_ARRAYS = {  # with a gradient, without
    "triton": ("the gradient", "nothing"),
    "rows": ("the gradient", "nothing"),
    "frugal": ("2 arrays like the logits", ""),
    "eager": (
        "4 arrays like the logits, in float32 or better",
        "2 arrays like the logits, in float32 or better",
    ),
}


def explain(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *others: Any,
    **keywords: Any,
) -> Explanation:
    """Which kernel `cross_entropy` with these arguments runs on, and why.

    The arguments are those of `cross_entropy`, and so are the errors. It asks what the loss would ask, under the
    same switches: in `torch.no_grad()` it explains a loss without a gradient. Logits on the CPU may be looked at.

    >>> import torch
    >>> from smoothlab.torch import explain
    >>> logits = torch.zeros(2, 3, requires_grad=True)
    >>> found = explain(logits, torch.tensor([0, 1]), label_smoothing=0.1)
    >>> found.kernel, found.one_pass, found.memory
    ('rows', True, 'the gradient')
    >>> print(explain(logits, torch.tensor([0, 1]), reduction="none"))  # doctest: +SKIP
    rows: one pass for the loss, another for the gradient
      where   the CPU with avx512, up to 2 threads
      memory  the gradient
      not in one pass: each row waits for a factor of its own
      not triton: the logits lie on cpu, not on CUDA
    """
    bound = inspect.signature(cross_entropy).bind(input, target, *others, **keywords)
    bound.apply_defaults()
    given = bound.arguments
    flags = [given.pop(name) for name in ("size_average", "reduce", "reduction")]
    asked = passes.ask(**given, reduction=arguments.meant_reduction(*flags))
    uncut = weigh_uncut(asked.batch, asked.weight, asked.weighting)
    training = torch.is_grad_enabled() and input.requires_grad

    clause = passes.against_one_pass(asked, uncut, passes.at_once(asked, uncut))
    if clause is None and (uncut.only_whole or asked.parts) and asked.batch.out() is not None:
        clause = passes.COUNTED_FIRST
    if clause is None:
        memory = "nothing" if asked.overwrite else _ARRAYS["rows"][not training]
        return Explanation("rows", True, memory, _where(input, "rows"), {})
    choice = passes.kernel_inside(asked, uncut)
    if isinstance(choice, str):
        found = asked.batch.rows()
        terms = weigh(found, asked.weight, asked.weighting)
        choice = chosen(found.logits, terms.label, terms.background)
    kernel = choice.kernel.__name__.rpartition(".")[2]
    against = {"in one pass": clause, **choice.against}
    return Explanation(kernel, False, _ARRAYS[kernel][not training], _where(input, kernel), against)


def _where(logits: Tensor, kernel: str) -> str:
    if kernel == "rows":
        return f"the CPU with {_rows.INSTRUCTIONS[0]}, up to {torch.get_num_threads()} threads"
    return f"torch's own operations on {logits.device}" if kernel != "triton" else str(logits.device)
