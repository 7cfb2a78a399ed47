"""The focal loss against its formula, and where its powers are delicate."""

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab._numerics import softmax
from smoothlab.torch import FocalLoss, cross_entropy, flsd_53, focal_loss

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(6, 5)) * 2
Y = np.array([0, 1, 2, 3, 4, 1])
LOGITS, LABELS = torch.tensor(Z), torch.tensor(Y)
P = softmax(Z)[np.arange(6), Y]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_it_is_cross_entropy_times_a_power_of_what_is_left_of_one(gamma):
    want = -((1 - P) ** gamma) * np.log(P)
    np.testing.assert_allclose(focal_loss(LOGITS, LABELS, gamma=gamma, reduction="none"), want, rtol=1e-12)


def test_its_gradient_is_that_of_the_formula():
    # with r = d loss / d log p_y, and d log p_y / d z_k = [k = y] - p_k
    gamma, p = 2.5, P[:, None]
    slope = gamma * (1 - p) ** (gamma - 1) * p * np.log(p) - (1 - p) ** gamma
    wanting = LOGITS.clone().requires_grad_()
    focal_loss(wanting, LABELS, gamma=gamma, reduction="sum").backward()
    np.testing.assert_allclose(wanting.grad, slope * (np.eye(5)[Y] - softmax(Z)), atol=1e-14)


def test_without_gamma_it_is_cross_entropy():
    torch.testing.assert_close(focal_loss(LOGITS, LABELS, gamma=0.0), cross_entropy(LOGITS, LABELS))


@pytest.mark.parametrize("gamma", [1.0, 2.0, 5.0])
def test_from_gamma_one_on_it_is_above_cross_entropy_less_gamma_times_the_entropy(gamma):
    floor = reference.cross_entropy(Z, Y, reduction="none").value - gamma * reference.entropy(softmax(Z))
    assert (focal_loss(LOGITS, LABELS, gamma=gamma, reduction="none").numpy() >= floor).all()


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
@pytest.mark.parametrize("sure", [30.0, 40.0, 1e3])
def test_a_net_that_is_wholly_sure_and_right_has_a_loss_and_a_gradient_of_nearly_nothing(gamma, sure):
    logits = torch.tensor([[sure, 0.0]], dtype=torch.float64, requires_grad=True)
    loss = focal_loss(logits, torch.tensor([0]), gamma=gamma)
    loss.backward()
    assert 0 <= loss < 1e-12
    assert logits.grad.abs().max() < 1e-12


def test_a_gamma_of_each_rows_own_is_found_from_its_probability():
    got = focal_loss(LOGITS, LABELS, gamma=flsd_53, reduction="none")
    gamma = np.where(P < 0.2, 5.0, 3.0)
    assert len(set(gamma)) == 2
    np.testing.assert_allclose(got, -((1 - P) ** gamma) * np.log(P), rtol=1e-12)


def test_no_gradient_flows_through_a_rows_own_gamma():
    wanting, again = LOGITS.clone().requires_grad_(), LOGITS.clone().requires_grad_()
    focal_loss(wanting, LABELS, gamma=lambda p: 2 + p).backward()
    fixed = 2 + torch.tensor(P)
    focal_loss(again, LABELS, gamma=lambda p: fixed).backward()
    torch.testing.assert_close(wanting.grad, again.grad)


def test_probabilities_as_targets_are_refused():
    with pytest.raises(TypeError, match="`target` must hold class numbers"):
        focal_loss(LOGITS, LOGITS.softmax(1))


def test_the_module_is_the_function():
    keywords = {"gamma": 3.0, "class_mask": torch.arange(5) < 5, "ignore_index": 1, "reduction": "sum"}
    loss = FocalLoss(**keywords)
    assert loss(LOGITS, LABELS) == focal_loss(LOGITS, LABELS, **keywords)
    assert "gamma=3.0" in repr(loss)
    assert "gamma=flsd_53" in repr(FocalLoss(gamma=flsd_53))


def test_a_gamma_below_zero_is_refused():
    for make in (FocalLoss, lambda gamma: focal_loss(LOGITS, LABELS, gamma=gamma)):
        with pytest.raises(ValueError, match="`gamma` must be a finite number from 0 on"):
            make(gamma=-1.0)
