"""The drop-ins against torch's own test inputs: every OpInfo and ModuleInfo sample of the losses they replace.

Float64 and float32 are held against torch in the same type, loss and gradients; half types against torch in
float64 on the same numbers, the loss alone, since there ours is meant to be better than torch's.
"""

import random

import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db

import smoothlab.torch as ours

FUNCTIONS = ("cross_entropy", "binary_cross_entropy_with_logits")
MODULES = (torch.nn.CrossEntropyLoss, torch.nn.BCEWithLogitsLoss)

# (type, the type torch computes in, relative tolerance): the same operations in another order, so a few units in
# the last place; a mean that is divided by a sum of weights of both signs is further off in both.
TYPES = [
    (torch.float64, torch.float64, 1e-12),
    (torch.float32, torch.float32, 2e-5),
    (torch.float16, torch.float64, 2e-5),
    (torch.bfloat16, torch.float64, 2e-5),
]


def samples(dtype):
    """(torch's loss, ours, input, target, keywords): functions plain and smoothed, modules as torch makes them."""
    for op in op_db:
        name = op.name.rpartition(".")[2]
        if op.name.startswith("nn.functional.") and name in FUNCTIONS:
            theirs, replacement = getattr(torch.nn.functional, name), getattr(ours, name)
            for sample in op.sample_inputs("cpu", dtype, requires_grad=True):
                yield theirs, replacement, sample.input, *sample.args, sample.kwargs
                if name == "cross_entropy":
                    smoothed = sample.kwargs | {"label_smoothing": 0.1}
                    yield theirs, replacement, sample.input, *sample.args, smoothed
    for info in module_db:
        if info.module_cls in MODULES:
            for sample in info.module_inputs_func(info, "cpu", dtype, requires_grad=True, training=True):
                made, called = sample.constructor_input, sample.forward_input
                theirs = info.module_cls(*made.args, **made.kwargs)
                replacement = getattr(ours, info.module_cls.__name__)(*made.args, **made.kwargs)
                yield theirs, replacement, *called.args, called.kwargs


def loss_and_gradients(loss, input, target, keywords, dtype):  # noqa: A002
    """The loss, and the gradients of its sum for the logits and for a target that wants one."""

    def numbers(tensor):
        wide = tensor.detach().to(dtype) if tensor.is_floating_point() else tensor
        return wide.clone().requires_grad_(tensor.requires_grad)

    tensors = [numbers(input), numbers(target)]
    keywords = {
        key: numbers(value) if isinstance(value, torch.Tensor) else value for key, value in keywords.items()
    }
    if isinstance(loss, torch.nn.Module):
        loss = loss.to(dtype)
    value = loss(*tensors, **keywords)
    return [value.detach(), *torch.autograd.grad(value.sum(), [t for t in tensors if t.requires_grad])]


@pytest.mark.parametrize(("dtype", "theirs_in", "tolerance"), TYPES)
def test_every_sample_of_torch_gives_torchs_loss_and_gradient(dtype, theirs_in, tolerance):
    torch.manual_seed(0)
    random.seed(0)  # torch's sampler draws one label with it
    tried = equal = 0
    for theirs, replacement, input_, target, keywords in samples(dtype):
        got = loss_and_gradients(replacement, input_, target, keywords, dtype)
        want = loss_and_gradients(theirs, input_, target, keywords, theirs_in)
        if theirs_in is not dtype:
            assert got[0].dtype == torch.float32
            assert got[1].dtype == dtype
            got, want = [got[0].double()], want[:1]
        tried += 1
        equal += all(
            one.shape == other.shape
            and one.dtype == other.dtype
            and torch.allclose(one, other, rtol=tolerance, atol=tolerance)
            for one, other in zip(got, want, strict=True)
        )
    print(f"{dtype}: {tried} samples tried, {equal} equal")
    assert equal == tried
    assert tried > 150
