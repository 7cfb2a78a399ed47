"""Is anybody looking over our shoulder? Compilers, transforms and duals see every operation; plain eager does not.

Two questions hang on it: whether tensors may be overwritten and gradients written by hand (`plain`), and
whether a value may decide what happens next (`readable`), which no trace allows and which stops a GPU's queue.
"""

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor
from torch.autograd.forward_ad import unpack_dual
from torch.nn import Parameter


def plain(*tensors: Tensor | None) -> bool:
    """Nothing but eager mode works on these tensors: no compiler, no transform, no subclass, no dual.

    >>> import torch
    >>> from smoothlab.torch.tracing import plain
    >>> plain(torch.zeros(2)), torch.func.vmap(lambda x: x + plain(x))(torch.zeros(2)).tolist()
    (True, [0.0, 0.0])
    """
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    return all(map(_is_plain, tensors))


def _is_plain(tensor: Tensor | None) -> bool:
    return tensor is None or (
        type(tensor) in (Tensor, Parameter)
        and not is_legacy_batchedtensor(tensor)  # gradients taken many at once (`is_grads_batched`)
        and unpack_dual(tensor).tangent is None
    )


def readable(*tensors: Tensor | None) -> bool:
    """The values can be looked at, and looking costs no wait: plain tensors on the CPU."""
    return plain(*tensors) and all(tensor is None or tensor.device.type == "cpu" for tensor in tensors)
