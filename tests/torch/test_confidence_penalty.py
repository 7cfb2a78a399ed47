"""The confidence penalty against its formula and against label smoothing, its mirror image."""

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab._numerics import softmax
from smoothlab.torch import ConfidencePenaltyLoss, confidence_penalty_loss, cross_entropy

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(6, 5)) * 2
Y = np.array([0, 1, 2, 3, 4, 1])
LOGITS, LABELS = torch.tensor(Z), torch.tensor(Y)


@pytest.mark.parametrize("beta", [0.1, 1.0, 3.0])
def test_it_is_cross_entropy_less_beta_times_the_entropy_of_the_prediction(beta):
    p = softmax(Z)
    want = reference.cross_entropy(Z, Y, reduction="none").value - beta * reference.entropy(p)
    np.testing.assert_allclose(
        confidence_penalty_loss(LOGITS, LABELS, beta=beta, reduction="none"), want, rtol=1e-12, atol=1e-14
    )


def test_its_gradient_is_that_of_the_formula():
    # d H / d z_k = - p_k (log p_k + H)
    p, beta = softmax(Z), 0.7
    entropy = reference.entropy(p)[:, None]
    want = p - np.eye(5)[Y] + beta * p * (np.log(p) + entropy)
    wanting = LOGITS.clone().requires_grad_()
    confidence_penalty_loss(wanting, LABELS, beta=beta, reduction="sum").backward()
    np.testing.assert_allclose(wanting.grad, want, atol=1e-14)


def test_up_to_a_constant_it_adds_the_divergence_of_the_prediction_from_uniform():
    log_p, beta = LOGITS.log_softmax(1), 0.3
    divergence = (log_p.exp() * (log_p + np.log(5))).sum(1)  # KL(p || u), where smoothing has KL(u || p)
    got = confidence_penalty_loss(LOGITS, LABELS, beta=beta, reduction="none")
    want = cross_entropy(LOGITS, LABELS, reduction="none") + beta * (divergence - np.log(5))
    torch.testing.assert_close(got, want)


def test_ruling_a_class_out_costs_at_most_the_label_where_smoothing_asks_without_end():
    logits = torch.tensor([[0.0, 0.0, -500.0]], dtype=torch.float64)
    label = torch.tensor([0])
    assert confidence_penalty_loss(logits, label, beta=1.0) < 1
    assert cross_entropy(logits, label, label_smoothing=0.1) > 10


def test_the_module_is_the_function():
    keywords = {"beta": 0.4, "class_mask": torch.arange(5) < 5, "ignore_index": 1, "reduction": "sum"}
    loss = ConfidencePenaltyLoss(**keywords)
    assert loss(LOGITS, LABELS) == confidence_penalty_loss(LOGITS, LABELS, **keywords)
    assert "beta=0.4" in repr(loss)


@pytest.mark.parametrize("beta", [-0.1, float("nan"), float("inf")])
def test_a_strength_that_is_none_is_refused(beta):
    for make in (ConfidencePenaltyLoss, lambda beta: confidence_penalty_loss(LOGITS, LABELS, beta=beta)):
        with pytest.raises(ValueError, match="`beta` must be a finite number from 0 on"):
            make(beta=beta)
