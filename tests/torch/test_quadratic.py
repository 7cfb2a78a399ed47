"""The quadratic loss: the squared distance of two distributions, whatever the arguments."""

import numpy as np
import pytest
import torch

from smoothlab.targets import smooth_labels, smooth_probabilities
from smoothlab.torch import quadratic_loss

RNG = np.random.default_rng(0)
LOGITS = torch.tensor(RNG.normal(size=(6, 5)))
LABELS = torch.tensor([0, 1, 2, 3, 4, 1])
ROWS = torch.tensor(RNG.dirichlet(np.ones(5), 6))
MASK = torch.tensor(RNG.random((6, 5)) < 0.5)
MASK[torch.arange(6), LABELS] = True


@pytest.mark.parametrize(
    "smoothing",
    [
        {},
        {"alpha": 0.1},
        {"alpha": 0.1, "convention": "others"},
        {"alpha": torch.tensor(RNG.random(6)), "background": ROWS},
        {"alpha": 0.1, "class_mask": MASK, "convention": "others"},
    ],
)
@pytest.mark.parametrize("target", [LABELS, ROWS], ids=["labels", "probabilities"])
def test_it_is_the_squared_distance_between_softmax_and_target(smoothing, target):
    arrays = {
        key: np.asarray(value) if isinstance(value, torch.Tensor) else value
        for key, value in smoothing.items()
    }
    arrays.setdefault("alpha", 0.0)
    if target.ndim == 1:
        q = smooth_labels(target.numpy(), classes=5, **arrays)
    else:
        q = smooth_probabilities(target.numpy(), **arrays)
    keywords = {"label_smoothing" if key == "alpha" else key: value for key, value in smoothing.items()}
    p = LOGITS.masked_fill(~smoothing.get("class_mask", MASK | True), -torch.inf).softmax(1).numpy()
    got = quadratic_loss(LOGITS, target, **keywords, reduction="none")
    np.testing.assert_allclose(got, ((p - q) ** 2).sum(1), rtol=1e-12)
    np.testing.assert_allclose(
        quadratic_loss(LOGITS, target, **keywords), ((p - q) ** 2).sum(1).mean(), rtol=1e-12
    )


def test_without_smoothing_it_is_briers_score_between_zero_and_two():
    sure = torch.tensor([[100.0, 0.0], [0.0, 100.0]])
    assert quadratic_loss(sure, torch.tensor([0, 0]), reduction="none").tolist() == [0.0, 2.0]


def test_its_gradient_vanishes_where_the_net_is_sure_and_wrong():
    wanting = torch.tensor([[0.0, 30.0]], dtype=torch.float64, requires_grad=True)
    quadratic_loss(wanting, torch.tensor([0])).backward()
    assert 0 < wanting.grad.abs().max() < 1e-12


def test_ignored_rows_leak_nothing_and_masked_classes_have_no_gradient():
    logits, labels = LOGITS.clone(), LABELS.clone()
    logits[1], labels[1] = torch.nan, -100
    logits[0, 3] = -torch.inf
    wanting = logits.requires_grad_()
    loss = quadratic_loss(wanting, labels, label_smoothing=0.1)
    loss.backward()
    assert loss.isfinite()
    assert wanting.grad.isfinite().all()
    assert torch.equal(wanting.grad[1], torch.zeros(5).double())
    assert wanting.grad[0, 3] == 0


def test_gradients_and_second_derivatives_are_right():
    wanting = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: quadratic_loss(z, LABELS, label_smoothing=0.1), wanting)
    assert torch.autograd.gradgradcheck(lambda z: quadratic_loss(z, LABELS, label_smoothing=0.1), wanting)


def test_places_and_single_examples_are_rows():
    logits, labels = torch.randn(2, 5, 3), torch.randint(5, (2, 3))
    got = quadratic_loss(logits, labels, label_smoothing=0.1, reduction="none")
    assert got.shape == labels.shape
    torch.testing.assert_close(
        got[1, 2], quadratic_loss(logits[1, :, 2], labels[1, 2], label_smoothing=0.1, reduction="none")
    )


def test_half_logits_give_a_float32_loss():
    assert quadratic_loss(LOGITS.half(), LABELS, label_smoothing=0.1).dtype == torch.float32
