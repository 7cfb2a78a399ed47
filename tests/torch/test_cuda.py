"""The losses on a GPU, where one is at hand: as exact as on the CPU, and nothing waits for the device."""

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab.torch import cross_entropy
from smoothlab.torch.kernels import triton
from smoothlab.torch.kernels.choose import chosen

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

# against float64 on the same logits: a gradient is rounded to its type once, float32 sums err by a few roundings
CLOSE = {
    torch.float64: {"rtol": 1e-12, "atol": 1e-12},
    torch.float32: {"rtol": 1e-5, "atol": 1e-6},
    torch.bfloat16: {"rtol": 2**-8, "atol": 1e-6},
    torch.float16: {"rtol": 2**-10, "atol": 1e-6},
}


def batch(classes, dtype, rows=64):
    generator = torch.Generator().manual_seed(0)
    logits = (torch.randn(rows, classes, generator=generator, dtype=torch.float64) * 3).to(dtype)
    return logits.cuda(), torch.randint(classes, (rows,), generator=generator).cuda()


@pytest.mark.parametrize("classes", [1, 3, 1000, 50257, 128256])
@pytest.mark.parametrize("dtype", CLOSE, ids=str)
def test_loss_and_gradient_are_those_of_the_reference(dtype, classes):
    logits, labels = batch(classes, dtype)
    labels[3] = -100
    logits[3] = torch.nan
    if classes > 3:
        logits[5, labels[5] - 1] = -torch.inf
    wanting = logits.clone().requires_grad_()
    alpha = torch.linspace(0, 1, 64, device="cuda")
    losses = cross_entropy(wanting, labels, label_smoothing=alpha, reduction="none")
    losses.sum().backward()
    assert wanting.grad is not None
    want = reference.cross_entropy(
        logits.double().cpu().numpy(),
        labels.cpu().numpy(),
        alpha=alpha.double().cpu().numpy(),
        reduction="none",
    )
    sums = CLOSE[torch.float64 if dtype == torch.float64 else torch.float32]
    np.testing.assert_allclose(losses.detach().double().cpu(), want.value, **sums)
    np.testing.assert_allclose(wanting.grad.double().cpu(), want.gradient, **CLOSE[dtype])
    assert (wanting.grad[3] == 0).all()


def test_triton_serves_plain_training():
    logits, labels = batch(10, torch.bfloat16)
    assert chosen(logits.requires_grad_(), labels, None).kernel is triton


def test_nothing_waits_for_the_device():
    logits, labels = batch(1000, torch.bfloat16)
    labels[3] = -100
    alpha = torch.tensor(0.1, device="cuda")

    def step():
        wanting = logits.detach().requires_grad_()
        cross_entropy(wanting, labels, label_smoothing=alpha).backward()
        cross_entropy(wanting, labels, label_smoothing=0.1, convention="others", reduction="sum").backward()

    step()  # compiling may wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_no_alpha_and_no_number_of_classes_compiles_anything_new(monkeypatch):
    from triton import knobs

    made = []
    monkeypatch.setattr(knobs.runtime, "jit_cache_hook", lambda **told: made.append(told) and None)

    def step(classes, alpha):
        logits, labels = batch(classes, torch.bfloat16)
        cross_entropy(logits.requires_grad_(), labels, label_smoothing=alpha).backward()

    for classes in (32000, 50257):  # rows that all begin at 16 bytes, and rows that do not
        step(classes, 0.3)
    made.clear()
    for classes in (32768, 50259, 65543, 128256):
        for alpha in (0.1, 0.2, torch.tensor(0.3, device="cuda")):
            step(classes, alpha)
    assert not made


def test_the_forward_pass_keeps_no_array_of_the_logits_size():
    logits, labels = batch(128256, torch.bfloat16)
    wanting = logits.requires_grad_()
    cross_entropy(wanting, labels, label_smoothing=0.1)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    loss = cross_entropy(wanting, labels, label_smoothing=0.1)
    assert torch.cuda.max_memory_allocated() - before < logits.nbytes / 100
    loss.backward()
    assert torch.cuda.max_memory_allocated() - before < logits.nbytes * 1.01
