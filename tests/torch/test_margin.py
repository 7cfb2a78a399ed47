"""Margin-based label smoothing against its formula."""

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab.torch import MarginSmoothingLoss, cross_entropy, margin_smoothing_loss, maxsup_loss

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(6, 5)) * 6
Y = np.array([0, 1, 2, 3, 4, 1])
LOGITS, LABELS = torch.tensor(Z), torch.tensor(Y)


@pytest.mark.parametrize("margin", [0.0, 3.0, 10.0])
def test_it_is_cross_entropy_and_the_mean_of_what_distances_have_beyond_the_margin(margin):
    distance = Z.max(1, keepdims=True) - Z
    penalty = np.maximum(distance - margin, 0).sum(1) / 5
    want = reference.cross_entropy(Z, Y, reduction="none").value + 0.4 * penalty
    got = margin_smoothing_loss(LOGITS, LABELS, weight=0.4, margin=margin, reduction="none")
    np.testing.assert_allclose(got, want, rtol=1e-12)
    assert (penalty > 0).any()


def test_its_gradient_pushes_far_classes_up_and_the_highest_down_and_leaves_near_ones():
    logits = torch.tensor([[20.0, 5.0, 12.0, 0.0]], dtype=torch.float64, requires_grad=True)
    label = torch.tensor([0])
    penalty = margin_smoothing_loss(logits, label, weight=1.0) - cross_entropy(logits, label)
    penalty.backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[0.5, -0.25, 0.0, -0.25]], dtype=torch.float64))


def test_logits_within_the_margin_cost_nothing():
    near = LOGITS / 100
    assert margin_smoothing_loss(near, LABELS) == margin_smoothing_loss(near, LABELS, weight=0.0)


def test_without_a_margin_the_penalty_is_that_of_maxsup():
    torch.testing.assert_close(
        margin_smoothing_loss(LOGITS, LABELS, weight=0.2, margin=0.0), maxsup_loss(LOGITS, LABELS, alpha=0.2)
    )


def test_the_module_is_the_function():
    keywords = {"weight": 0.4, "margin": 2.0, "class_mask": torch.arange(5) < 5, "ignore_index": 1}
    loss = MarginSmoothingLoss(**keywords, reduction="sum")
    assert loss(LOGITS, LABELS) == margin_smoothing_loss(LOGITS, LABELS, **keywords, reduction="sum")
    assert "weight=0.4, margin=2.0" in repr(loss)


@pytest.mark.parametrize("word", ["weight", "margin"])
def test_numbers_below_zero_are_refused(word):
    for make in (MarginSmoothingLoss, lambda **wrong: margin_smoothing_loss(LOGITS, LABELS, **wrong)):
        with pytest.raises(ValueError, match=f"`{word}` must be a finite number from 0 on"):
            make(**{word: -1.0})
