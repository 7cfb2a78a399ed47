"""parts=True: what the loss is made of."""

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab.targets import smooth_labels, smooth_probabilities
from smoothlab.torch import cross_entropy

RNG = np.random.default_rng(0)
LOGITS = torch.tensor(RNG.normal(size=(6, 5)))
LABELS = torch.tensor([0, 1, 2, 3, 4, 1])
ROWS = torch.tensor(RNG.dirichlet(np.ones(5), 6))
MASK = torch.rand(6, 5, generator=torch.Generator().manual_seed(0)) < 0.5
MASK[torch.arange(6), LABELS] = True
SMOOTHINGS = {
    "hard": {},
    "uniform": {"alpha": 0.1},
    "others": {"alpha": 0.1, "convention": "others"},
    "background": {"alpha": 0.1, "background": ROWS[0]},
    "backgrounds": {"alpha": 0.1, "background": ROWS},
    "mask": {"alpha": 0.1, "class_mask": MASK},
    "alphas": {"alpha": torch.tensor(RNG.random(6))},
    "all background": {
        "alpha": 1.0,
        "background": torch.tensor([0.5, 0.5, 0.0, 0.0, 0.0], dtype=torch.float64),
    },
}


def parts_and_target(target, smoothing, **keywords):
    """Our parts, and the smoothed target of `smoothlab.targets`."""
    named = {"label_smoothing" if key == "alpha" else key: value for key, value in smoothing.items()}
    parts = cross_entropy(LOGITS, target, **named, **keywords, parts=True)
    arrays = {
        key: value.numpy() if isinstance(value, torch.Tensor) else value for key, value in smoothing.items()
    }
    arrays.setdefault("alpha", 0.0)
    if target.ndim == 1:
        return parts, smooth_labels(target.numpy(), classes=5, **arrays)
    return parts, smooth_probabilities(target.numpy(), **arrays)


@pytest.mark.parametrize("target", [LABELS, ROWS], ids=["labels", "probabilities"])
@pytest.mark.parametrize("smoothing", SMOOTHINGS.values(), ids=SMOOTHINGS.keys())
def test_the_excess_is_the_loss_above_the_entropy_of_the_target(smoothing, target):
    if "class_mask" in smoothing and target.ndim == 2:
        target = (target * MASK) / (target * MASK).sum(1, keepdim=True)
    parts, q = parts_and_target(target, smoothing, reduction="none")
    np.testing.assert_allclose(parts.excess, parts.loss.numpy() - reference.entropy(q), atol=1e-14)
    assert (parts.excess > 0).all()


def test_the_excess_of_a_perfect_prediction_is_zero():
    for smoothing in (
        {"alpha": 0.1},
        {"alpha": 0.1, "convention": "others"},
        {"alpha": 0.1, "background": ROWS},
    ):
        _, q = parts_and_target(LABELS, smoothing)
        named = {"label_smoothing" if key == "alpha" else key: value for key, value in smoothing.items()}
        perfect = cross_entropy(torch.tensor(q).log(), LABELS, **named, parts=True)
        assert abs(perfect.excess.item()) < 1e-15


@pytest.mark.parametrize("weighting", ["torch", "example"])
@pytest.mark.parametrize("target", [LABELS, ROWS], ids=["labels", "probabilities"])
def test_with_weights_the_excess_is_above_the_least_loss_that_any_prediction_has(weighting, target):
    weight = torch.rand(5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 0.1
    keywords = {"label_smoothing": 0.2, "weight": weight, "weighting": weighting, "reduction": "sum"}
    z = LOGITS.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [z], lr=1, max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(z, target, **keywords)
        loss.backward()
        return loss

    optimizer.step(closure)
    best = cross_entropy(z.detach(), target, **keywords, parts=True)
    assert abs(best.excess.item()) < 1e-9
    assert cross_entropy(LOGITS, target, **keywords, parts=True).excess > 0.1


@pytest.mark.parametrize("target", [LABELS, ROWS], ids=["labels", "probabilities"])
@pytest.mark.parametrize("weighting", ["torch", "example"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_nll_is_the_loss_without_smoothing_and_the_perplexity_its_exponential(
    reduction, weighting, target
):
    weight = torch.rand(5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    keywords = {"weight": weight, "weighting": weighting, "reduction": reduction}
    if target.ndim == 1:
        keywords["ignore_index"] = 1
    parts = cross_entropy(LOGITS, target, label_smoothing=0.3, **keywords, parts=True)
    torch.testing.assert_close(parts.loss, cross_entropy(LOGITS, target, label_smoothing=0.3, **keywords))
    torch.testing.assert_close(parts.nll, cross_entropy(LOGITS, target, **keywords))
    torch.testing.assert_close(parts.perplexity, parts.nll.exp())


def test_the_loss_alone_carries_gradients():
    wanting = LOGITS.clone().requires_grad_()
    parts = cross_entropy(wanting, LABELS, label_smoothing=0.1, parts=True)
    assert [part.requires_grad for part in parts] == [True, False, False, False]
    (got,) = torch.autograd.grad(parts.loss, wanting)
    (want,) = torch.autograd.grad(cross_entropy(wanting, LABELS, label_smoothing=0.1), wanting)
    assert torch.equal(got, want)


def test_ignored_rows_are_in_no_part():
    labels = LABELS.masked_fill(LABELS == 1, -100)
    kept = labels >= 0
    got = cross_entropy(LOGITS, labels, label_smoothing=0.1, parts=True)
    want = cross_entropy(LOGITS[kept], labels[kept], label_smoothing=0.1, parts=True)
    torch.testing.assert_close(tuple(got), tuple(want))
