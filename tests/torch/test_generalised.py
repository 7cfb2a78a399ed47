"""Label smoothing of either sign: the rule goes on below 0, and the drop-in goes on refusing to."""

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab.torch import GeneralisedSmoothingLoss, cross_entropy, generalised_smoothing_loss

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(6, 5)) * 2
Y = np.array([0, 1, 2, 3, 4, 1])
LOGITS, LABELS = torch.tensor(Z), torch.tensor(Y)
ALPHAS = (-8.0, -2.0, -0.4, 0.0, 0.1, 0.8, 1.0)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("target", [Y, RNG.dirichlet(np.ones(5), 6)], ids=["labels", "probabilities"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_loss_and_gradient_are_the_references(alpha, target, reduction):
    mask = np.array([True, True, False, True, True])
    target = np.where(target == 2, -100, target) if target.ndim == 1 else target * mask
    want = reference.generalised_smoothing(Z, target, alpha=alpha, class_mask=mask, reduction=reduction)
    wanting = LOGITS.clone().requires_grad_()
    keywords = {"label_smoothing": alpha, "class_mask": torch.tensor(mask), "reduction": reduction}
    got = generalised_smoothing_loss(wanting, torch.tensor(target), **keywords)
    got.sum().backward()
    np.testing.assert_allclose(got.detach(), want.value, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(wanting.grad, want.gradient, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_the_target_is_the_rule_written_out(alpha):
    q = (1 - alpha) * np.eye(5)[Y] + alpha / 5
    p = np.exp(Z) / np.exp(Z).sum(1, keepdims=True)
    wanting = LOGITS.clone().requires_grad_()
    loss = generalised_smoothing_loss(wanting, LABELS, label_smoothing=alpha, reduction="sum")
    loss.backward()
    np.testing.assert_allclose(loss.item(), -(q * np.log(p)).sum(), rtol=1e-12)
    np.testing.assert_allclose(wanting.grad, p - q, atol=1e-13)


@pytest.mark.parametrize("alpha", [alpha for alpha in ALPHAS if alpha >= 0])
def test_from_zero_on_it_is_cross_entropy(alpha):
    torch.testing.assert_close(
        generalised_smoothing_loss(LOGITS, LABELS, label_smoothing=alpha),
        cross_entropy(LOGITS, LABELS, label_smoothing=alpha),
    )


def test_below_zero_the_loss_has_no_floor_and_the_drop_in_refuses_it():
    label = torch.tensor([0])
    losses = [
        generalised_smoothing_loss(torch.tensor([[gap, 0.0, 0.0]]), label, label_smoothing=-0.3).item()
        for gap in (10.0, 100.0, 1000.0)
    ]
    np.testing.assert_allclose(losses, [-0.3 * 2 / 3 * gap for gap in (10, 100, 1000)], rtol=1e-3)
    with pytest.raises(ValueError, match="`label_smoothing` must lie in"):
        cross_entropy(LOGITS, LABELS, label_smoothing=-0.3)


def test_at_alpha_one_a_label_that_is_out_has_no_share():
    logits = LOGITS.clone()
    logits[0, 0] = -torch.inf
    for alpha in (-1.0, 0.5, 1.0):
        want = reference.generalised_smoothing(logits.numpy(), Y, alpha=alpha, reduction="none").value
        got = generalised_smoothing_loss(logits, LABELS, label_smoothing=alpha, reduction="none")
        np.testing.assert_allclose(got, want, rtol=1e-12)
        assert got[0].isinf() == (alpha < 1)


def test_the_module_is_the_function_and_its_alpha_may_be_set_after_a_warm_up():
    keywords = {"class_mask": torch.arange(5) < 5, "ignore_index": 1, "reduction": "sum"}
    loss = GeneralisedSmoothingLoss(label_smoothing=0.0, **keywords)
    torch.testing.assert_close(loss(LOGITS, LABELS), cross_entropy(LOGITS, LABELS, **keywords))
    loss.label_smoothing = -6.0
    want = generalised_smoothing_loss(LOGITS, LABELS, label_smoothing=-6.0, **keywords)
    assert loss(LOGITS, LABELS) == want
    assert "label_smoothing=-6.0" in repr(loss)


@pytest.mark.parametrize("alpha", [1.01, -np.inf, np.nan])
def test_an_alpha_above_one_or_none_at_all_is_refused(alpha):
    with pytest.raises(ValueError, match="`label_smoothing` must be a finite number up to 1"):
        generalised_smoothing_loss(LOGITS, LABELS, label_smoothing=alpha)
    with pytest.raises(ValueError, match="`label_smoothing` must be a finite number up to 1"):
        GeneralisedSmoothingLoss(label_smoothing=alpha)
    with pytest.raises(ValueError, match="`alpha` must be a finite number up to 1"):
        reference.generalised_smoothing(Z, Y, alpha=alpha)
