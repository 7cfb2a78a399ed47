"""Why a kernel cannot serve, in clauses that several of them share.

Each function says what speaks against some tensors, or `None`, so that what a kernel `supports` is a few of them joined
by `or`: the first to speak is the reason that `explain` shows.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ..tracing import plain
from .eager import Logits

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
"""What the written kernels read."""


def tensors_among(*others: Tensor | float | None) -> list[Tensor]:
    """Those of the arguments that are tensors."""
    return [one for one in others if isinstance(one, Tensor)]


def unread(logits: Logits) -> str | None:
    """Logits of a type that no kernel was written for."""
    return None if logits.dtype in DTYPES else f"there is no kernel for {logits.dtype}"


def watched(logits: Logits, others: list[Tensor]) -> str | None:
    """Somebody looks into an operator, which shows nothing; a compiler does not want to."""
    if torch.compiler.is_compiling():
        if torch._C._are_functorch_transforms_active() or torch.compiler.is_exporting():
            return "a transform, or an export, looks at every operation"
    elif not plain(logits, *others):
        return "a transform looks at every operation"
    return None


def traced(others: list[Tensor]) -> str | None:
    """Anything but the logits wants a gradient."""
    if torch.is_grad_enabled() and any(one.requires_grad for one in others):
        return "the gradient of a target, a weight, an alpha or a background is traced"
    return None


def scattered(logits: Logits) -> str | None:
    """The logits would have to be copied before a kernel could read rows of them."""
    return None if _in_rows(logits) else "the classes of a row do not lie side by side"


def _in_rows(array: Float[Tensor, "batch classes *places"]) -> bool:
    if array.ndim == 2:
        return array.stride(1) == 1 or array.shape[1] == 1
    return array.movedim(1, -1).is_contiguous()
