"""What every kernel promises: the costs and gradients of the closed form; and what the frugal one saves."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from smoothlab.torch.kernels import eager, frugal, rows

torch.manual_seed(0)
LOGITS = torch.randn(4, 5, 3, dtype=torch.float64)
LABELS = {"labels": torch.randint(4, (4, 3)), "distributions": torch.rand(4, 5, 3).double().softmax(1)}
BACKGROUNDS = {
    "none": 0.0,
    "even": 0.2,
    "one row": torch.rand(5).double(),
    "rows": torch.rand(4, 5, 3).double(),
}
OUT = torch.rand(4, 5, 3) < 0.3
IGNORED = torch.rand(4, 3) < 0.5


def test_costs_are_cross_entropies():
    label, background = LABELS["distributions"], BACKGROUNDS["rows"]
    got = eager.row_costs(LOGITS, label, background, out=None, ignored=None)
    torch.testing.assert_close(got.label, -(label * LOGITS.log_softmax(1)).sum(1))
    torch.testing.assert_close(got.background, -(background * LOGITS.log_softmax(1)).sum(1))


@pytest.mark.parametrize("ignored", [None, IGNORED], ids=["all rows", "ignored"])
@pytest.mark.parametrize("out", [None, OUT], ids=["all classes", "out"])
@pytest.mark.parametrize("background", BACKGROUNDS.values(), ids=BACKGROUNDS.keys())
@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS.keys())
def test_written_gradients_are_the_traced_one(label, background, out, ignored):
    if out is not None and isinstance(background, torch.Tensor):
        background = torch.where(out, 0.0, background if background.ndim > 1 else background[None, :, None])
    elif out is not None and background:
        background = torch.where(out, 0.0, torch.full_like(LOGITS, background))
    outgoing = torch.rand(2, 4, 3, dtype=torch.float64)
    results = []
    for kernel in (eager, frugal, rows):
        wanting = LOGITS.clone().requires_grad_()
        costs = kernel.row_costs(wanting, label, background, out=out, ignored=ignored)
        total = (costs.label * outgoing[0] + costs.background * outgoing[1]).sum()
        (gradient,) = torch.autograd.grad(total, wanting)
        results.append((*costs, gradient))
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(results[0], results[2])


class LargeArrays(TorchDispatchMode):
    """Collects the arrays at least as large as `like` that operations allocate, backward passes included."""

    def __init__(self, like):
        super().__init__()
        self.least, self.made = like.untyped_storage().nbytes(), {like.data_ptr(): like}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.untyped_storage().nbytes() >= self.least:
            self.made.setdefault(result.data_ptr(), result)  # kept alive, so no address is used twice
        return result


@pytest.mark.parametrize(("background", "most"), [(0.0, 2), (1e-3, 2), (torch.full((1000,), 1e-3), 3)])
def test_frugal_makes_two_arrays_of_the_logits_size_and_a_third_for_an_uneven_background(background, most):
    wanting, labels = torch.randn(8, 1000, requires_grad=True), torch.randint(1000, (8,))
    counts = {}
    for kernel in (frugal, eager):
        with LargeArrays(wanting.detach()) as arrays:
            costs = kernel.row_costs(wanting, labels, background, out=None, ignored=labels == 0)
            torch.autograd.grad(costs.label.sum() + costs.background.sum(), wanting)
        counts[kernel] = len(arrays.made) - 1
    assert counts[frugal] == most
    assert counts[eager] > most
