"""smooth_any: hard losses of torch's own, and what a shard's would be, against the reference."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from smoothlab import reference
from smoothlab.torch import smooth_any

ROWS, CLASSES, FEATURES = 11, 6, 5
LABELS = torch.arange(ROWS) % CLASSES
LABELS[4] = -100
ROWS_OF = torch.linspace(0, 3, ROWS * CLASSES).sin().reshape(ROWS, CLASSES).double().softmax(1)

SMOOTHINGS = {
    "uniform": {"label_smoothing": 0.1},
    "others": {"label_smoothing": 0.1, "convention": "others"},
    "padding": {"label_smoothing": 0.1, "convention": "others_but_padding", "padding_index": 2},
    "classyvision": {"label_smoothing": 0.1, "convention": "classyvision"},
    "a background": {"label_smoothing": 0.3, "background": ROWS_OF[0]},
    "backgrounds": {"label_smoothing": 0.3, "background": ROWS_OF},
    "alphas": {"label_smoothing": torch.linspace(0, 1, ROWS, dtype=torch.float64)},
}


def head(dtype=torch.float64, offset=0.0):
    random = torch.Generator().manual_seed(0)
    shapes = ((ROWS, FEATURES), (CLASSES, FEATURES), (CLASSES,))
    made = [torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes]
    made[2] += offset
    return [one.to(dtype).requires_grad_() for one in made]


def truth(logits, reduction, smoothing):
    known = {key: one.numpy() if isinstance(one, torch.Tensor) else one for key, one in smoothing.items()}
    alpha = known.pop("label_smoothing")
    return reference.cross_entropy(
        logits.detach().double().numpy(), LABELS.numpy(), alpha=alpha, reduction=reduction, **known
    )


def fused(hidden, weight, target, bias=None, **keywords):
    """A head with a loss for itself, as Liger's and torch's own are called."""
    if hasattr(functional, "linear_cross_entropy"):
        return functional.linear_cross_entropy(hidden, weight, target, linear_bias=bias, **keywords)
    return functional.cross_entropy(functional.linear(hidden, weight, bias), target, **keywords)


def nll(logits, target, reduction):
    return functional.nll_loss(logits.log_softmax(1), target, reduction=reduction)


# float64 against float64: the order of a few dozen additions of numbers near 1
CLOSE = {"rtol": 1e-12, "atol": 1e-13}


@pytest.mark.parametrize("hard", [functional.cross_entropy, nll])
@pytest.mark.parametrize("smoothing", SMOOTHINGS.values(), ids=SMOOTHINGS.keys())
def test_a_loss_of_logits_becomes_the_reference(smoothing, hard):
    hidden, weight, bias = head()
    for reduction in ("mean", "sum", "none"):
        logits = functional.linear(hidden, weight, bias).detach().requires_grad_()
        loss = smooth_any(hard, reduction=reduction, **smoothing)(logits, LABELS, reduction=reduction)
        loss.sum().backward()
        want = truth(logits, reduction, smoothing)
        np.testing.assert_allclose(loss.detach(), want.value, **CLOSE)
        np.testing.assert_allclose(logits.grad, want.gradient, **CLOSE)


@pytest.mark.parametrize("smoothing", SMOOTHINGS.values(), ids=SMOOTHINGS.keys())
def test_a_loss_of_a_head_becomes_the_reference(smoothing):
    for reduction in ("mean", "sum", "none"):
        for biased in (True, False):
            hidden, weight, bias = head()
            more = (bias,) if biased else ()
            loss = smooth_any(fused, head=True, reduction=reduction, **smoothing)(
                hidden, weight, LABELS, *more, reduction=reduction
            )
            loss.sum().backward()
            want = truth(functional.linear(hidden, weight, *more), reduction, smoothing)
            np.testing.assert_allclose(loss.detach(), want.value, **CLOSE)
            np.testing.assert_allclose(hidden.grad, want.gradient @ weight.detach().numpy(), **CLOSE)
            np.testing.assert_allclose(weight.grad, want.gradient.T @ hidden.detach().numpy(), **CLOSE)
            if biased:
                np.testing.assert_allclose(bias.grad, want.gradient.sum(0), **CLOSE)


def test_first_and_second_derivatives_are_right():
    hidden, weight, bias = (one.detach() for one in head())
    few = [one.clone().requires_grad_() for one in (hidden[:3, :2], weight[:3, :2], bias[:3])]
    of_head = smooth_any(fused, head=True, label_smoothing=0.2, convention="others")
    of_logits = smooth_any(functional.cross_entropy, label_smoothing=0.2)
    for loss in (
        lambda h, w, b: of_head(h, w, LABELS[:3], b),
        lambda h, w, b: of_logits(functional.linear(h, w, b), LABELS[:3]),
    ):
        assert torch.autograd.gradcheck(loss, few)
        assert torch.autograd.gradgradcheck(loss, few)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_common_offset_of_the_logits_adds_no_error(dtype):
    """Of offsets that the type itself represents: what is lost is lost in the logits, not in the gap."""
    hidden, weight, bias = (one.detach() for one in head())
    logits = (functional.linear(hidden, weight, bias) + 1000).to(dtype)

    def by_row(z, target):
        return functional.cross_entropy(z.double(), target, reduction="none")

    got = smooth_any(by_row, reduction="none", label_smoothing=0.5)(logits, LABELS)
    want = truth(logits, "none", {"label_smoothing": 0.5}).value
    np.testing.assert_allclose(got, want, rtol=1e-10)  # the terms are exact in float64, up to 1000 * 2e-16

    shared = torch.full((FEATURES,), 64.0)  # the same in every class: an offset of the row, hundreds wide
    shifted = (weight.to(dtype) + shared).to(dtype)
    rounded = shifted.double() - shared.double()

    def of_head(h, w, target):
        return by_row(functional.linear(h.double(), rounded), target)

    got = smooth_any(of_head, head=True, reduction="none", label_smoothing=0.5)(
        hidden.to(dtype), shifted, LABELS
    )
    want = truth(
        functional.linear(hidden.to(dtype).double(), rounded), "none", {"label_smoothing": 0.5}
    ).value
    # five products of numbers near 1 in float32, and the mean of six numbers near 64 to 64 * 6e-8
    np.testing.assert_allclose(got, want, atol=3e-5)


def test_an_ignored_row_adds_nothing_whatever_it_holds():
    def deaf(hidden, weight, target):
        return fused(hidden.nan_to_num(0.0), weight, target)

    clean, dirty = head(), head()
    dirty[0].data[4] = torch.nan
    for hidden, weight, _ in (clean, dirty):
        smooth_any(deaf, head=True, label_smoothing=0.1)(hidden, weight, LABELS).backward()
    torch.testing.assert_close(dirty[1].grad, clean[1].grad)


def test_half_logits_give_a_float32_loss():
    logits = functional.linear(*head()).detach().bfloat16()
    loss = smooth_any(functional.cross_entropy, label_smoothing=0.1)(logits, LABELS)
    assert loss.dtype == torch.float32


MISTAKES = {
    "returned": lambda z: smooth_any(functional.cross_entropy, label_smoothing=0.1, reduction="none")(
        z, LABELS
    ),
    "matrices and a class number": lambda z: smooth_any(
        functional.cross_entropy, label_smoothing=0.1, head=True
    )(z, LABELS, LABELS),
    "`reduction` must": lambda z: smooth_any(functional.cross_entropy, label_smoothing=0.1, reduction="rows"),
    "`label_smoothing` must lie": lambda z: smooth_any(functional.cross_entropy, label_smoothing=2.0),
    "are given together": lambda z: smooth_any(functional.cross_entropy, label_smoothing=0.1, classes=3),
    "need each other": lambda z: smooth_any(functional.cross_entropy, label_smoothing=0.1, padding_index=3)(
        z, LABELS
    ),
    "`background` must hold": lambda z: smooth_any(
        functional.cross_entropy, label_smoothing=0.1, background=torch.ones(CLASSES)
    )(z, LABELS),
}


@pytest.mark.parametrize(("sentence", "call"), MISTAKES.items(), ids=MISTAKES.keys())
def test_a_wrong_argument_is_told_in_a_sentence(sentence, call):
    with pytest.raises((ValueError, TypeError), match=sentence):
        call(torch.zeros(ROWS, CLASSES))
