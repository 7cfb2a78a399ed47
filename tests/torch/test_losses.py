"""cross_entropy: identities of the mathematics, and what torch's own loss lacks."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from smoothlab.targets import convert_alpha, smooth_labels
from smoothlab.torch import cross_entropy

torch.manual_seed(0)
LOGITS = torch.randn(6, 5, dtype=torch.float64)
LABELS = torch.tensor([0, 1, 2, 3, 4, 1])


def gradient(logits, *arguments, **keywords):
    wanting = logits.clone().requires_grad_()
    cross_entropy(wanting, *arguments, **keywords).sum().backward()
    return wanting.grad


def test_the_gradient_is_softmax_minus_target():
    target = smooth_labels(LABELS.numpy(), classes=5, alpha=0.1, convention="others")
    got = gradient(LOGITS, LABELS, label_smoothing=0.1, convention="others", reduction="sum")
    np.testing.assert_allclose(got, LOGITS.softmax(1).numpy() - target, atol=1e-15)


def test_smoothing_adds_alpha_times_the_gap_between_the_labels_logit_and_the_mean():
    hard = cross_entropy(LOGITS, LABELS, reduction="none")
    gap = LOGITS.gather(1, LABELS[:, None])[:, 0] - LOGITS.mean(1)
    smooth = cross_entropy(LOGITS, LABELS, label_smoothing=0.3, reduction="none")
    torch.testing.assert_close(smooth, hard + 0.3 * gap)


@pytest.mark.parametrize("convention", ["others", "classyvision"])
def test_every_convention_is_uniform_at_a_converted_alpha(convention):
    alpha = convert_alpha(0.1, source=convention, target="uniform", classes=5)
    torch.testing.assert_close(
        cross_entropy(LOGITS, LABELS, label_smoothing=0.1, convention=convention),
        functional.cross_entropy(LOGITS, LABELS, label_smoothing=alpha),
    )


def test_all_arguments_of_torch_stand_in_torchs_places():
    weight = torch.rand(5, dtype=torch.float64)
    arguments = (weight, None, 1, None, "sum", 0.2)
    torch.testing.assert_close(
        cross_entropy(LOGITS, LABELS, *arguments), functional.cross_entropy(LOGITS, LABELS, *arguments)
    )


def test_torchs_retired_flags_still_mean_what_they_meant():
    for flags in ({"size_average": False}, {"reduce": False}):
        with pytest.warns(UserWarning, match="will be deprecated"):
            got = cross_entropy(LOGITS, LABELS, **flags)
        with pytest.warns(UserWarning, match="will be deprecated"):
            torch.testing.assert_close(got, functional.cross_entropy(LOGITS, LABELS, **flags))


def test_one_example_without_a_batch_axis_is_a_batch_of_one():
    for target in (LABELS[0], LOGITS[1].softmax(0)):
        for reduction in ("mean", "sum", "none"):
            keywords = {"label_smoothing": 0.1, "weight": torch.rand(5).double(), "reduction": reduction}
            got = cross_entropy(LOGITS[0], target, **keywords)
            torch.testing.assert_close(got, functional.cross_entropy(LOGITS[0], target, **keywords))
            assert got.shape == ()


def test_places_beyond_the_class_axis_are_rows_like_any_other():
    logits, labels = torch.randn(2, 5, 3, 4), torch.randint(5, (2, 3, 4))
    labels[0, 0, 0] = -100
    keywords = {
        "label_smoothing": torch.rand(2, 3, 4),
        "background": torch.rand(2, 5, 3, 4).softmax(1),
        "class_mask": torch.rand(2, 5, 3, 4) < 0.7,
        "weight": torch.rand(5),
        "weighting": "example",
        "reduction": "none",
    }

    def flat(value):
        return (
            value.movedim(1, -1).reshape(-1, 5)
            if value.ndim == 4
            else value.reshape(-1)
            if value.ndim == 3
            else value
        )

    as_rows = {
        key: flat(value) if isinstance(value, torch.Tensor) else value for key, value in keywords.items()
    }
    got, got_gradient = cross_entropy(logits, labels, **keywords), gradient(logits, labels, **keywords)
    assert got.shape == labels.shape
    torch.testing.assert_close(got.reshape(-1), cross_entropy(flat(logits), flat(labels), **as_rows))
    torch.testing.assert_close(flat(got_gradient), gradient(flat(logits), flat(labels), **as_rows))


@pytest.mark.parametrize("target", [LABELS % 4, LOGITS[:, :4].softmax(1)], ids=["labels", "probabilities"])
@pytest.mark.parametrize("convention", ["uniform", "others"])
def test_a_class_that_is_out_leaves_background_and_count_and_has_no_gradient(target, convention):
    keywords = {"label_smoothing": 0.1, "convention": convention, "reduction": "none"}
    without = cross_entropy(LOGITS[:, :4], target, **keywords)
    slope = gradient(LOGITS[:, :4], target, **keywords)
    if target.ndim == 2:
        target = functional.pad(target, (0, 1))
    by_mask = LOGITS, {"class_mask": torch.arange(5) < 4}
    by_logit = LOGITS.where(torch.arange(5) < 4, -torch.inf), {}
    for logits, mask in (by_mask, by_logit):
        torch.testing.assert_close(cross_entropy(logits, target, **keywords, **mask), without)
        got = gradient(logits, target, **keywords, **mask)
        torch.testing.assert_close(got[:, :4], slope)
        assert torch.equal(got[:, 4], torch.zeros(6, dtype=torch.float64))


def test_each_row_may_leave_out_its_own_classes():
    mask = torch.ones(6, 5, dtype=torch.bool)
    mask[0, 1:3], mask[3, 0] = False, False
    got = cross_entropy(LOGITS, LABELS, label_smoothing=0.1, class_mask=mask, reduction="none")
    for row in range(6):
        rest = mask[row].nonzero()[:, 0]
        place = (rest == LABELS[row]).nonzero()[0]
        want = cross_entropy(LOGITS[row : row + 1, rest], place, label_smoothing=0.1)
        torch.testing.assert_close(got[row], want)


def test_a_true_class_that_is_out_costs_infinitely_and_leaves_a_finite_gradient():
    logits = LOGITS.clone()
    logits[0, 0] = -torch.inf
    keywords = {"label_smoothing": 0.1, "reduction": "none"}
    assert cross_entropy(logits, LABELS, **keywords)[0] == torch.inf
    slope = gradient(logits, LABELS, **keywords)
    assert slope.isfinite().all()
    assert slope[0, 0] == 0


@pytest.mark.parametrize("shares", [1.0, torch.ones(2)], ids=["one", "rows"])
@pytest.mark.parametrize("training", [True, False])
def test_a_true_class_that_is_out_costs_infinity_even_where_its_share_is_below_zero(shares, training):
    """Under "others" the label gives up more than it has at an alpha above 1 - 1/K."""
    logits = torch.tensor([[-torch.inf, 1.0, 2.0], [0.0, 1.0, 2.0]], requires_grad=training)
    smoothing = {"label_smoothing": shares, "convention": "others"}
    for parts in (False, True):
        found = cross_entropy(logits, torch.tensor([0, 0]), **smoothing, reduction="none", parts=parts)
        loss = found.loss if parts else found
        assert loss[0] == torch.inf
        assert loss[1].isfinite()


def test_a_row_with_no_class_left_is_infinite_and_does_not_spoil_the_others():
    logits = LOGITS.clone()
    logits[0] = -torch.inf
    got = cross_entropy(logits, LABELS, label_smoothing=0.1, reduction="none")
    assert got[0] == torch.inf
    torch.testing.assert_close(
        got[1:], cross_entropy(LOGITS, LABELS, label_smoothing=0.1, reduction="none")[1:]
    )
    assert torch.equal(gradient(logits, LABELS, label_smoothing=0.1)[0], torch.zeros(5, dtype=torch.float64))


@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
def test_an_ignored_row_leaks_nothing_whatever_it_holds(alpha, poison):
    logits, labels = LOGITS.clone(), LABELS.clone()
    logits[2], labels[2] = poison, -100
    kept = torch.arange(6) != 2
    for reduction in ("mean", "sum"):
        keywords = {"label_smoothing": alpha, "reduction": reduction}
        want = cross_entropy(LOGITS[kept], LABELS[kept], **keywords)
        torch.testing.assert_close(cross_entropy(logits, labels, **keywords), want)
        slope = gradient(logits, labels, **keywords)
        torch.testing.assert_close(slope[kept], gradient(LOGITS[kept], LABELS[kept], **keywords))
        assert torch.equal(slope[2], torch.zeros(5, dtype=torch.float64))


def test_nan_in_an_ignored_row_does_not_hide_a_class_that_is_out_of_another():
    logits, labels = LOGITS.clone(), LABELS.clone()
    logits[2], labels[2] = torch.nan, -100
    logits[0, 4] = -torch.inf
    got = cross_entropy(logits, labels, label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(got[0], cross_entropy(LOGITS[0, :4], LABELS[0], label_smoothing=0.1))


def test_the_mean_of_no_rows_is_nan_and_their_sum_is_zero():
    for logits, labels in ((LOGITS, torch.full((6,), -100)), (LOGITS[:0], LABELS[:0])):
        for weight in (None, torch.rand(5, dtype=torch.float64)):
            assert cross_entropy(logits, labels, weight, label_smoothing=0.1).isnan()
            assert cross_entropy(logits, labels, weight, reduction="sum", label_smoothing=0.1) == 0
    assert torch.equal(gradient(LOGITS, torch.full((6,), -100), reduction="sum"), torch.zeros_like(LOGITS))


def test_each_row_may_have_its_own_alpha():
    alphas = torch.tensor([0.0, 0.1, 0.2, 0.5, 0.9, 1.0], dtype=torch.float64)
    got = cross_entropy(LOGITS, LABELS, label_smoothing=alphas, reduction="none")
    for row, alpha in enumerate(alphas.tolist()):
        want = cross_entropy(LOGITS[row], LABELS[row], label_smoothing=alpha)
        torch.testing.assert_close(got[row], want)


def test_a_teachers_softmax_as_background_is_distillation():
    teacher = torch.randn(6, 5, dtype=torch.float64).softmax(1)
    got = gradient(LOGITS, LABELS, background=teacher, label_smoothing=1.0, reduction="sum")
    torch.testing.assert_close(got, LOGITS.softmax(1) - teacher)


def test_a_row_labelled_as_padding_is_ignored_where_padding_has_no_background():
    keywords = {"convention": "others_but_padding", "padding_index": 1, "label_smoothing": 0.1}
    kept = LABELS != 1
    torch.testing.assert_close(
        cross_entropy(LOGITS, LABELS, **keywords), cross_entropy(LOGITS[kept], LABELS[kept], **keywords)
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_logits_give_a_float32_loss_and_a_half_gradient(dtype):
    logits = LOGITS.to(dtype)
    for keywords in ({}, {"label_smoothing": 0.1}, {"class_mask": torch.arange(5) < 5}):
        assert cross_entropy(logits, LABELS, **keywords).dtype == torch.float32
        assert gradient(logits, LABELS, **keywords).dtype == dtype
        want = cross_entropy(logits.double(), LABELS, **keywords)
        torch.testing.assert_close(
            cross_entropy(logits, LABELS, **keywords).double(), want, rtol=1e-6, atol=0
        )


def test_the_loss_has_the_type_of_the_logits_whatever_the_other_tensors_have():
    others = {
        "weight": torch.rand(5),
        "background": torch.rand(5).softmax(0),
        "label_smoothing": torch.rand(6),
    }
    for dtype in (torch.float16, torch.float32, torch.float64):
        for target in (LABELS, LOGITS.softmax(1)):
            typed = {key: value.to(dtype) for key, value in others.items()}
            assert cross_entropy(LOGITS.float(), target, **typed).dtype == torch.float32
            assert cross_entropy(LOGITS, target, **typed).dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_labels_may_have_any_integer_type(dtype):
    assert cross_entropy(LOGITS, LABELS.to(dtype)) == cross_entropy(LOGITS, LABELS)


def test_the_only_class_is_always_right():
    for convention in ("uniform", "classyvision"):
        got = cross_entropy(LOGITS[:, :1], LABELS * 0, label_smoothing=0.1, convention=convention)
        assert got == 0


def test_the_smoothed_loss_of_a_perfect_net_is_the_entropy_of_its_target():
    for classes, floor in ((10, 0.500), (100, 0.778), (1000, 1.015)):
        best = torch.full((1, classes), math.log(0.1 / classes), dtype=torch.float64)
        best[0, 0] = math.log(0.9 + 0.1 / classes)
        loss = cross_entropy(best, torch.tensor([0]), label_smoothing=0.1)
        assert abs(loss.item() - floor) < 5e-4
