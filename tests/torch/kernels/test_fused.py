"""Loss and gradient in one pass: a gradient is handed out once, and belongs to whoever has it."""

import gc
import threading
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.checkpoint import checkpoint

from smoothlab.torch import cross_entropy
from smoothlab.torch.kernels import fused, rows

torch.manual_seed(0)
LARGE = (70, 1001)  # beyond rows.WORTH_KEEPING in float32, and no multiple of a register
LABELS = torch.randint(LARGE[1], LARGE[:1])
assert LARGE[0] * LARGE[1] * 4 > rows.WORTH_KEEPING


def reference(logits, scale=1.0):
    """The gradient of the mean in float64, by torch."""
    wanting = logits.detach().double().requires_grad_()
    loss = torch.nn.functional.cross_entropy(wanting, LABELS, label_smoothing=0.1) * scale
    return torch.autograd.grad(loss, wanting)[0].to(logits.dtype)


def near(gradient, logits, scale=1.0):
    torch.testing.assert_close(gradient, reference(logits, scale), rtol=1e-5, atol=1e-8)


def smooth(logits, **keywords):
    return cross_entropy(logits, LABELS, label_smoothing=0.1, **keywords)


class Head(torch.autograd.Function):
    """Logits that were computed, from nothing; what the backward pass brings is kept."""

    @staticmethod
    def forward(ctx, anchor, values, brought):
        ctx.brought = brought
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        ctx.brought.append(gradient)
        return None, None, None


ANCHOR = torch.zeros((), requires_grad=True)


def computed(values):
    brought = []
    return Head.apply(ANCHOR, values, brought), brought


# ------------------------------------------------------------------------------------------------- handed out once


@pytest.mark.parametrize("scale", [1.0, 0.25, -3.0])
def test_what_comes_back_multiplies_the_gradient(scale):
    logits = torch.randn(LARGE, requires_grad=True)
    (smooth(logits) * scale).backward()
    near(logits.grad, logits, scale)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(["keep", "view", "drop", "twice", "retain", "accumulate", "change"]), max_size=8)
)
def test_a_gradient_that_somebody_holds_never_changes(steps):
    held = []
    for seed, step in enumerate(steps):
        logits = torch.randn(LARGE, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        want, loss = reference(logits), smooth(logits)
        if step == "twice":
            smooth(logits).backward()
            loss.backward()
            want = 2 * want
        elif step == "retain":
            loss.backward(retain_graph=True)
            held.append((logits.grad, want))
            logits.grad = None
            loss.backward()
        elif step == "accumulate":
            (loss / 2).backward()
            (smooth(logits) / 2).backward()
        elif step == "change":  # one's own gradient is one's own to change
            (given_out,) = torch.autograd.grad(loss, logits, retain_graph=True)
            given_out.mul_(1000)
            loss.backward()
        else:
            loss.backward()
        held.append((logits.grad[3:, 7:], want[3:, 7:]) if step == "view" else (logits.grad, want))
        if step == "drop":
            held = held[1:]
        del logits, loss
        for gradient, right in held:
            torch.testing.assert_close(gradient, right, rtol=1e-5, atol=1e-8)


def test_a_second_backward_gives_the_same_bits_as_the_first():
    for scale in (1.0, 0.3):
        logits = torch.randn(LARGE, requires_grad=True)
        loss = smooth(logits) * scale
        first, second, third = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for _ in range(3))
        assert len({one.data_ptr() for one in (first, second, third)}) == 3
        assert torch.equal(first, second)
        assert torch.equal(first, third)


def test_threads_that_train_at_once_get_their_own_gradients():
    wrong = []

    def work(seed):
        for step in range(10):
            logits = torch.randn(
                LARGE, generator=torch.Generator().manual_seed(100 * seed + step)
            ).requires_grad_()
            smooth(logits).backward()
            if not torch.allclose(logits.grad, reference(logits), rtol=1e-5, atol=1e-8):
                wrong.append((seed, step))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_loss_that_is_kept_holds_neither_logits_nor_gradient():
    gc.disable()  # what goes must go without the help of a collector
    try:
        logits, brought = computed(torch.randn(LARGE))
        loss = smooth(logits)
        loss.backward()
        alive = [weakref.ref(logits), weakref.ref(brought.pop())]
        del logits, brought
        assert [one() for one in alive] == [None, None]
        held = rows._buffers.idle_bytes
        smooth(torch.randn(LARGE, requires_grad=True))  # never asked for its gradient
        assert rows._buffers.idle_bytes >= held
        assert loss.grad_fn is not None
    finally:
        gc.enable()


def test_logits_that_changed_cannot_be_asked_again():
    logits = torch.randn(LARGE, requires_grad=True)
    loss = smooth(logits)
    loss.backward(retain_graph=True)
    with torch.no_grad():
        logits.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_under_checkpointing_no_gradient_waits():
    weight, hidden = torch.randn(1001, 8, requires_grad=True), torch.randn(70, 8)
    results = []
    for way in (lambda run: run(), lambda run: checkpoint(run, use_reentrant=False)):
        weight.grad = None
        loss = way(lambda: smooth(hidden @ weight.t()))
        loss.backward()
        results.append((loss.detach(), weight.grad))
    torch.testing.assert_close(*results)
    with torch.autograd.graph.save_on_cpu():
        question = fused.Question(
            torch.randn(LARGE, requires_grad=True), LABELS, None, "mass", None, None, 0.9, 0.1, "mean"
        )
        assert "hooks" in fused.supports(question, overwrite=False)


# ------------------------------------------------------------------------------------------------- over the logits


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_overwritten_logits_hold_the_gradient_and_nothing_is_allocated(dtype, reduction):
    values = torch.randn(LARGE, dtype=dtype)
    wanting = values.clone().requires_grad_()
    weights = torch.rand(LARGE[0]) if reduction == "none" else torch.ones(())
    (smooth(wanting, reduction=reduction) * weights).sum().backward()

    logits, brought = computed(values)
    memory = logits.detach()
    loss = smooth(logits, reduction=reduction, overwrite_logits=True)
    (loss * weights).sum().backward()
    assert brought[0].data_ptr() == memory.data_ptr()
    # a row's own factor comes after the gradient, which is rounded once more: to the least number, or in its place
    information = torch.finfo(dtype)
    least = 1e-9 + 2 * information.smallest_normal * information.eps
    tolerance = (
        {"rtol": 2 * information.eps, "atol": least} if reduction == "none" else {"rtol": 1e-6, "atol": 0}
    )
    torch.testing.assert_close(memory, wanting.grad, **tolerance)


def test_logits_with_places_are_overwritten_where_they_lie():
    values = torch.randn(7, 10, 1001)
    logits, brought = computed(values)
    cross_entropy(
        logits.transpose(1, 2), LABELS.reshape(7, 10), label_smoothing=0.1, overwrite_logits=True
    ).backward()
    assert brought[0].data_ptr() == logits.data_ptr()
    near(brought[0].reshape(LARGE), values.reshape(LARGE))


def test_what_autograd_lets_nobody_overwrite_is_left_as_it_was():
    values = torch.randn(2, *LARGE, requires_grad=True)
    logits, _ = (values * 1).unbind()  # one of several views
    before = logits.detach().clone()
    with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
        smooth(logits, overwrite_logits=True)
    assert torch.equal(logits, before)


def test_what_saved_the_logits_before_raises():
    hidden = torch.randn(LARGE, requires_grad=True)
    logits = hidden.exp()  # whose backward pass wants its own result
    loss = smooth(logits, overwrite_logits=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_what_uses_the_logits_afterwards_raises():
    logits, _ = computed(torch.randn(LARGE))
    loss = smooth(logits, overwrite_logits=True)
    with pytest.raises(RuntimeError, match="computed from logits after a loss"):
        (loss + logits.square().mean()).backward()


def test_logits_that_change_before_the_backward_pass_raise():
    logits, _ = computed(torch.randn(LARGE))
    loss = smooth(logits, overwrite_logits=True)
    with torch.no_grad():
        logits.zero_()
    with pytest.raises(RuntimeError, match="changed in place before its backward pass"):
        loss.backward()


def test_an_overwritten_gradient_can_be_had_once():
    logits, _ = computed(torch.randn(LARGE))
    loss = smooth(logits, overwrite_logits=True)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="can be had once"):
        loss.backward()
    logits, _ = computed(torch.randn(LARGE))
    with pytest.raises(RuntimeError, match="can be had once"):
        torch.autograd.grad(smooth(logits, overwrite_logits=True), ANCHOR, create_graph=True)


def test_nothing_is_overwritten_that_wants_no_gradient_or_lies_over_itself():
    logits = torch.randn(LARGE)
    before = logits.clone()
    smooth(logits, overwrite_logits=True)
    with torch.no_grad():
        smooth(logits.requires_grad_(), overwrite_logits=True)
    assert torch.equal(logits, before)
    one = torch.randn(1, LARGE[1], requires_grad=True)
    smooth((one * 1).expand(LARGE), overwrite_logits=True).backward()
    want = reference(one.detach().expand(LARGE)).sum(0, keepdim=True)
    torch.testing.assert_close(one.grad, want, rtol=1e-4, atol=1e-7)


def test_a_leaf_is_not_to_be_overwritten():
    with pytest.raises(ValueError, match="`overwrite_logits` goes with an `input` that was computed"):
        smooth(torch.randn(LARGE, requires_grad=True), overwrite_logits=True)


@pytest.mark.parametrize("keywords", [{"convention": "others"}, {"parts": True}])
def test_where_classes_must_be_counted_first_an_answer_is_still_right(keywords):
    values = torch.randn(LARGE)
    values[:, 500:] = torch.where(torch.rand(70, 501) < 0.1, -torch.inf, values[:, 500:])
    values[torch.arange(70), LABELS] = 1.0
    results = []
    for overwrite in (False, True):
        logits, brought = computed(values.clone())
        found = smooth(logits, overwrite_logits=overwrite, **keywords)
        (found.loss if "parts" in keywords else found).backward()
        results.append((found, brought[0]))
    torch.testing.assert_close(*results)
