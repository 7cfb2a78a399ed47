"""The first clause that speaks is the reason, in the same order wherever a kernel runs."""

import pytest
import torch

from smoothlab.torch.kernels import clauses, rows, triton

TYPE = "there is no kernel for torch.float8_e5m2"
WATCHED = "a transform looks at every operation"
TRACED = "the gradient of a target, a weight, an alpha or a background is traced"
EMPTY = "there is nothing to compute"
SCATTERED = "the classes of a row do not lie side by side"


class Elsewhere(torch.Tensor):
    """A tensor of the CPU that claims to lie on CUDA, where no machine need have it."""

    is_cuda = True


def first_classes(logits):
    return torch.zeros(logits.shape[:1] + logits.shape[2:], dtype=torch.long)


@pytest.fixture
def on_cuda(monkeypatch):
    """What `triton` has against tensors there, were it installed."""
    monkeypatch.setattr(triton, "INSTALLED", True)
    monkeypatch.setattr(clauses, "plain", lambda *tensors: not torch._C._are_functorch_transforms_active())

    def supports(logits, *others):
        return triton.supports(logits.as_subclass(Elsewhere), first_classes(logits), *others)

    return supports


def on_the_cpu(logits, *others):
    return rows.supports(logits, first_classes(logits), *others)


SPREAD = torch.zeros(2, 9)[:, ::3]
WANTED = torch.zeros(3, requires_grad=True)


@pytest.mark.parametrize(
    ("logits", "others", "reason"),
    [
        (torch.zeros(2, 3), (0.1,), None),
        (SPREAD, (0.1,), SCATTERED),
        (torch.zeros(2, 3, 4), (0.1,), SCATTERED),
        (SPREAD, (WANTED,), TRACED),
        (SPREAD, (0.1, None, WANTED), TRACED),
        (SPREAD.to(torch.float8_e5m2), (WANTED,), TYPE),
    ],
)
def test_reasons_are_the_same_on_both_devices(logits, others, reason, on_cuda):
    assert on_the_cpu(logits, *others) == reason
    assert on_cuda(logits, *others) == reason


def test_without_gradients_none_is_traced(on_cuda):
    with torch.no_grad():
        assert on_the_cpu(torch.zeros(2, 3), WANTED) is None
        assert on_cuda(torch.zeros(2, 3), WANTED) is None


def test_a_transform_comes_before_what_is_traced(on_cuda):
    seen = []

    def total(z):
        seen.append((on_the_cpu(SPREAD, WANTED), on_cuda(SPREAD, WANTED)))
        return z.sum()

    torch.func.grad(total)(torch.zeros(2, 3))
    assert seen == [(WATCHED, WATCHED)]


def test_nothing_is_no_work_for_a_device(on_cuda):
    assert on_the_cpu(torch.zeros(0, 3), 0.1) is None
    assert on_cuda(torch.zeros(0, 3), 0.1) == EMPTY
    assert on_cuda(torch.zeros(0, 9)[:, ::3], 0.1) == EMPTY
    assert on_cuda(torch.zeros(0, 3), WANTED) == TRACED
