"""The three ways from a batch to its loss agree wherever more than one of them serves."""

import pytest
import torch

from smoothlab.torch import cross_entropy, passes
from smoothlab.torch.weighting import weigh_uncut

torch.manual_seed(0)
LOGITS = torch.randn(6, 5, dtype=torch.float64)
CUT = LOGITS.clone()
CUT[0, 1] = CUT[3, 0] = CUT[3, 4] = -torch.inf
LABELS = torch.tensor([0, 1, 2, 3, -100, 1])
ROWS = torch.rand(6, 5, dtype=torch.float64).softmax(1)
WEIGHT = torch.rand(5, dtype=torch.float64) + 0.5
SMOOTHINGS = {
    "hard": {},
    "uniform": {"label_smoothing": 0.1},
    "others": {"label_smoothing": 0.1, "convention": "others"},
    "classyvision": {"label_smoothing": 0.1, "convention": "classyvision"},
    "padding": {"label_smoothing": 0.1, "convention": "others_but_padding", "padding_index": 2},
    "background": {"label_smoothing": 0.1, "background": ROWS[0]},
    "backgrounds": {"label_smoothing": 0.1, "background": ROWS},
    "alphas": {"label_smoothing": torch.rand(6).double()},
    "alphas of others": {"label_smoothing": torch.rand(6).double(), "convention": "others"},
    "all background": {"label_smoothing": 1.0, "background": ROWS[0]},
    "masked": {"label_smoothing": 0.1, "class_mask": torch.tensor([True, True, True, True, False])},
}
DEFAULTS = {
    "label_smoothing": 0.0,
    "convention": "uniform",
    "background": None,
    "class_mask": None,
    "padding_index": None,
    "ignore_index": -100,
    "weight": None,
    "weighting": "torch",
    "reduction": "mean",
    "parts": False,
    "overwrite_logits": False,
}


def by_way(way, logits, target, **keywords):
    """Loss and gradient by one of the ways; `None` if it gives way."""
    wanting = logits.clone().requires_grad_()
    asked = passes.ask(wanting, target, **DEFAULTS | keywords)
    uncut = weigh_uncut(asked.batch, asked.weight, asked.weighting)
    found = way(asked) if way is passes.closed_form else way(asked, uncut)
    return None if found is None else (found.loss, torch.autograd.grad(found.loss.sum(), wanting)[0])


@pytest.mark.parametrize("target", [LABELS, ROWS], ids=["labels", "probabilities"])
@pytest.mark.parametrize("logits", [LOGITS, CUT], ids=["whole", "cut"])
@pytest.mark.parametrize("smoothing", SMOOTHINGS.values(), ids=SMOOTHINGS.keys())
@pytest.mark.parametrize("weights", ["none", "torch", "example"])
def test_ways_that_serve_agree(weights, smoothing, logits, target):
    if target.is_floating_point():
        out = logits.isneginf() | (~smoothing["class_mask"] if "class_mask" in smoothing else False)
        target = target.masked_fill(out, 0.0)
    weighted = {} if weights == "none" else {"weight": WEIGHT, "weighting": weights}
    served = 0
    for reduction in ("mean", "sum", "none"):
        keywords = smoothing | weighted | {"reduction": reduction}
        want = by_way(passes.closed_form, logits, target, **keywords)
        for way in (passes.one_pass, passes.inside):
            got = by_way(way, logits, target, **keywords)
            if got is not None:
                torch.testing.assert_close(got, want)
                served += 1
    whole = logits is LOGITS and "class_mask" not in smoothing
    assert served >= (2 if whole else 0)


@pytest.mark.parametrize("smoothing", ["hard", "uniform", "background", "alphas", "masked"])
@pytest.mark.parametrize("logits", [LOGITS, CUT], ids=["whole", "cut"])
def test_what_can_be_cut_inside_is_done_in_one_pass(smoothing, logits):
    assert by_way(passes.one_pass, logits, LABELS, **SMOOTHINGS[smoothing]) is not None


def test_what_must_be_counted_first_gives_way_only_where_a_class_is_out():
    for keywords in (
        SMOOTHINGS["others"],
        SMOOTHINGS["padding"],
        SMOOTHINGS["background"] | {"weight": WEIGHT},
    ):
        assert by_way(passes.one_pass, LOGITS, LABELS, **keywords) is not None
        assert by_way(passes.one_pass, CUT, LABELS, **keywords) is None


@pytest.mark.parametrize("smoothing", SMOOTHINGS.values(), ids=SMOOTHINGS.keys())
@pytest.mark.parametrize("logits", [LOGITS, CUT], ids=["whole", "cut"])
def test_parts_are_the_same_with_and_without_a_gradient(logits, smoothing):
    wanting = logits.clone().requires_grad_()
    with_one = cross_entropy(wanting, LABELS, **smoothing, parts=True)
    torch.testing.assert_close(tuple(with_one), tuple(cross_entropy(logits, LABELS, **smoothing, parts=True)))
    (gradient,) = torch.autograd.grad(with_one.loss, wanting)
    again = logits.clone().requires_grad_()
    cross_entropy(again, LABELS, **smoothing).backward()
    torch.testing.assert_close(gradient, again.grad)


def test_rows_of_a_batch_with_places_laid_out_class_last_are_never_copied():
    logits = torch.randn(2, 3, 5, requires_grad=True)
    labels = torch.tensor([[0, 1, 4], [2, -100, 3]])
    loss = cross_entropy(logits.transpose(1, 2), labels, label_smoothing=0.1)
    (gradient,) = torch.autograd.grad(loss, logits)
    flat = logits.detach().reshape(6, 5).requires_grad_()
    want = cross_entropy(flat, labels.reshape(6), label_smoothing=0.1)
    torch.testing.assert_close(loss, want)
    torch.testing.assert_close(gradient.reshape(6, 5), torch.autograd.grad(want, flat)[0])
    assert gradient.is_contiguous()
