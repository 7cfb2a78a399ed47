"""The losses under everything that torch can do to a function."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.autograd import forward_ad
from torch.autograd.functional import jacobian

from smoothlab.torch import cross_entropy

# torch's own use, when forward-mode derivatives load their decompositions
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")

torch.manual_seed(0)
LOGITS = torch.randn(4, 5, dtype=torch.float64)
LABELS = torch.tensor([0, 3, -100, 4])
MASK = torch.tensor([True, True, False, True, True])


def loss(logits, label_smoothing=0.1, **keywords):
    return cross_entropy(logits, LABELS, label_smoothing=label_smoothing, class_mask=MASK, **keywords)


def test_gradients_and_second_derivatives_are_right():
    weight = torch.rand(5, dtype=torch.float64)
    for keywords in (
        {"label_smoothing": 0.0},
        {"weight": weight, "reduction": "none"},
        {"weight": weight, "weighting": "example"},
    ):
        wanting = LOGITS.clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda z, k=keywords: loss(z, **k), wanting, check_batched_grad=True)
        assert torch.autograd.gradgradcheck(lambda z, k=keywords: loss(z, **k), wanting)


def test_dense_targets_backgrounds_and_alphas_may_want_gradients_too():
    def dense(logits, target, background, alpha):
        return cross_entropy(logits, target, background=background, label_smoothing=alpha)

    rows = [torch.rand(4, 5, dtype=torch.float64).softmax(1).requires_grad_() for _ in range(2)]
    alpha = torch.rand(4, dtype=torch.float64, requires_grad=True)

    def normalised(logits, target, background, alpha):  # finite differences would leave the simplex
        return dense(logits, target, background / background.sum(1, keepdim=True), alpha)

    arguments = (LOGITS.clone().requires_grad_(), *rows, alpha)
    assert torch.autograd.gradcheck(normalised, arguments)
    assert torch.autograd.gradgradcheck(normalised, arguments)


def test_vmap_over_examples_is_the_batch():
    each = torch.func.vmap(lambda z, y: cross_entropy(z, y, label_smoothing=0.1, reduction="none"))
    torch.testing.assert_close(
        each(LOGITS, LABELS), cross_entropy(LOGITS, LABELS, label_smoothing=0.1, reduction="none")
    )


def test_vmap_over_alphas_is_a_loop_over_them():
    alphas = torch.tensor([0.0, 0.1, 0.5], dtype=torch.float64)

    def gradient(alpha):
        return torch.func.grad(lambda z: cross_entropy(z, LABELS, label_smoothing=alpha))(LOGITS)

    torch.testing.assert_close(torch.func.vmap(gradient)(alphas), torch.stack([gradient(a) for a in alphas]))


def test_gradients_per_example_add_up_to_the_gradient():
    def one(z, y):
        return cross_entropy(z, y, label_smoothing=0.1, reduction="sum")

    wanting = LOGITS.clone().requires_grad_()
    cross_entropy(wanting, LABELS, label_smoothing=0.1, reduction="sum").backward()
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(one))(LOGITS, LABELS), wanting.grad)


def test_hessians_agree_however_they_are_taken():
    # for one kept row the Hessian is diag(p) - p p'; the target, being linear in z, leaves no trace
    p = LOGITS[:1].softmax(1)
    want = torch.diag(p[0]) - p.T @ p

    def one(z):
        return cross_entropy(z, LABELS[:1], label_smoothing=0.1)

    torch.testing.assert_close(torch.func.hessian(one)(LOGITS[:1]).squeeze(), want)
    for vectorize in (False, True):  # True runs vmap over the frugal kernel's backward
        taken = torch.autograd.functional.hessian(one, LOGITS[:1], vectorize=vectorize)
        torch.testing.assert_close(taken.squeeze(), want)


def test_many_gradients_at_once_are_the_gradients_one_by_one():
    def each(z):
        return cross_entropy(z, LABELS, label_smoothing=0.1, reduction="none")

    torch.testing.assert_close(jacobian(each, LOGITS, vectorize=True), jacobian(each, LOGITS))


def test_forward_mode_is_the_gradient_times_the_direction():
    wanting, direction = LOGITS.clone().requires_grad_(), torch.randn_like(LOGITS)
    (gradient,) = torch.autograd.grad(loss(wanting), wanting)
    want = (gradient * direction).sum()
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(wanting, direction)
        torch.testing.assert_close(forward_ad.unpack_dual(loss(dual)).tangent, want)
    torch.testing.assert_close(torch.func.jvp(loss, (LOGITS,), (direction,))[1], want)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_autocast_changes_nothing(reduction):
    head = torch.randn(5, 5)
    background = torch.rand(5).softmax(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = LOGITS.float() @ head
        assert logits.dtype == torch.bfloat16
        inside = loss(logits, background=background, reduction=reduction)
    torch.testing.assert_close(
        inside, loss(logits, background=background, reduction=reduction), rtol=0, atol=0
    )
    assert inside.dtype == torch.float32


def test_a_second_backward_through_a_kept_graph_gives_the_same_bits():
    wanting = LOGITS.clone().requires_grad_()
    value = loss(wanting)
    (first,), (second,) = (torch.autograd.grad(value, wanting, retain_graph=True) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(wanting.detach(), LOGITS)


@pytest.mark.slow
def test_the_losses_compile_without_graph_breaks():
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "--noconftest", "-q", "-p", "no:cacheprovider", "compiled.py"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout
    assert " passed" in told.stdout
