"""The modules are their functions, with buffers and a switch for evaluation."""

import inspect

import pytest
import torch
from torch import nn

from smoothlab.torch import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    QuadraticLoss,
    binary_cross_entropy_with_logits,
    cross_entropy,
    quadratic_loss,
)

torch.manual_seed(0)
LOGITS, LABELS = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, 1])
YES = torch.rand(6, 5)
BUILT = [
    (CrossEntropyLoss, cross_entropy, LABELS),
    (QuadraticLoss, quadratic_loss, LABELS),
    (BCEWithLogitsLoss, binary_cross_entropy_with_logits, YES),
]


@pytest.mark.parametrize(
    ("ours", "torchs"),
    [
        (CrossEntropyLoss, nn.CrossEntropyLoss),
        (BCEWithLogitsLoss, nn.BCEWithLogitsLoss),
        (cross_entropy, nn.functional.cross_entropy),
        (binary_cross_entropy_with_logits, nn.functional.binary_cross_entropy_with_logits),
    ],
)
def test_the_arguments_of_torch_come_first_with_torchs_names_and_defaults(ours, torchs):
    def named(function):
        return [(each.name, each.default) for each in inspect.signature(function).parameters.values()]

    assert named(ours)[: len(named(torchs))] == named(torchs)


@pytest.mark.parametrize(("module", "function", "target"), BUILT)
def test_a_module_is_its_function(module, function, target):
    keywords = {"label_smoothing": 0.1, "reduction": "sum"}
    assert module(**keywords)(LOGITS, target) == function(LOGITS, target, **keywords)


def test_every_argument_of_the_cross_entropy_module_arrives():
    for keywords in (
        {"weight": torch.rand(5), "weighting": "example", "ignore_index": 1, "reduction": "none"},
        {"background": torch.rand(5).softmax(0), "class_mask": torch.arange(5) < 5, "parts": True},
        {"convention": "others_but_padding", "padding_index": 2},
    ):
        got = CrossEntropyLoss(label_smoothing=0.2, **keywords)(LOGITS, LABELS)
        want = cross_entropy(LOGITS, LABELS, label_smoothing=0.2, **keywords)
        torch.testing.assert_close(got, want, rtol=0, atol=0)


def test_a_module_may_be_given_the_logits_to_overwrite():
    weight = torch.ones((), requires_grad=True)
    logits = LOGITS * weight
    before = logits.detach().clone()
    CrossEntropyLoss(overwrite_logits=True)(logits, LABELS)
    assert not torch.equal(logits.detach(), before)


@pytest.mark.parametrize(("module", "function", "target"), BUILT)
def test_smoothing_stays_on_in_eval_as_in_torch_unless_it_is_told_not_to(module, function, target):
    smooth, hard = function(LOGITS, target, label_smoothing=0.1), function(LOGITS, target)
    assert smooth != hard
    assert module(label_smoothing=0.1).eval()(LOGITS, target) == smooth
    switched = module(label_smoothing=0.1, smooth_in_eval=False)
    assert switched(LOGITS, target) == smooth
    assert switched.eval()(LOGITS, target) == hard
    assert switched(LOGITS, target, label_smoothing=0.1) == hard
    assert switched.train()(LOGITS, target) == smooth


def test_what_belongs_to_one_batch_is_passed_to_the_call():
    alphas, teacher = torch.rand(6), torch.rand(6, 5).softmax(1)
    mask = torch.tensor([True, True, True, True, True])
    made = CrossEntropyLoss(label_smoothing=0.5, background=torch.full((5,), 0.2))
    keywords = {"label_smoothing": alphas, "background": teacher, "class_mask": mask}
    assert made(LOGITS, LABELS, **keywords) == cross_entropy(LOGITS, LABELS, **keywords)
    made = QuadraticLoss(label_smoothing=0.5)
    assert made(LOGITS, LABELS, **keywords) == quadratic_loss(LOGITS, LABELS, **keywords)
    made = BCEWithLogitsLoss(label_smoothing=0.5)
    want = binary_cross_entropy_with_logits(LOGITS, YES, label_smoothing=0.2)
    assert made(LOGITS, YES, label_smoothing=0.2) == want


def test_tensors_are_buffers_and_a_state_of_torchs_module_loads():
    theirs = nn.CrossEntropyLoss(weight=torch.rand(5))
    ours = CrossEntropyLoss(weight=torch.ones(5))
    ours.load_state_dict(theirs.state_dict())
    assert ours(LOGITS, LABELS) == cross_entropy(LOGITS, LABELS, theirs.weight)
    assert BCEWithLogitsLoss(pos_weight=torch.ones(5)).double().pos_weight.dtype == torch.float64
    everything = CrossEntropyLoss(torch.ones(5), background=torch.ones(5) / 5, class_mask=torch.ones(5) > 0)
    assert set(everything.state_dict()) == {"weight", "background", "class_mask"}


@pytest.mark.parametrize("module", [CrossEntropyLoss, QuadraticLoss, BCEWithLogitsLoss])
def test_a_wrong_alpha_or_word_is_told_when_the_module_is_made(module):
    with pytest.raises(ValueError, match="`label_smoothing` must lie in"):
        module(label_smoothing=1.5)
    with pytest.raises(ValueError, match="`reduction` must be one of"):
        module(reduction="average")
    with pytest.raises(ValueError, match="`convention` must be one of"):
        module(convention="unifrom")


def test_a_module_says_how_it_smooths():
    said = repr(CrossEntropyLoss(label_smoothing=0.1, convention="others"))
    assert "label_smoothing=0.1, convention=others" in said
