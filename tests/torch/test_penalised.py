"""What every loss beside cross entropy promises too: shapes, precision, masks, ignored rows, small batches."""

from functools import partial

import pytest
import torch

from smoothlab.torch import (
    confidence_penalty_loss,
    cross_entropy,
    distillation_loss,
    flsd_53,
    focal_loss,
    generalised_smoothing_loss,
    margin_smoothing_loss,
    maxsup_loss,
)

torch.manual_seed(0)
LOGITS = 2 * torch.randn(6, 5, dtype=torch.float64)
LABELS = torch.tensor([0, 1, 2, 3, 4, 1])


def distilled(logits, labels, **keywords):
    """From a teacher whose logit is a function of the student's, so that it goes wherever a row or a class goes."""
    teacher = (2 * logits.detach().double()).sin().nan_to_num() * 3
    return distillation_loss(logits, labels, teacher, **keywords)


PENALISED = {
    "confidence": partial(confidence_penalty_loss, beta=0.7),
    "margin": partial(margin_smoothing_loss, weight=0.6, margin=0.5),
    "maxsup": partial(maxsup_loss, alpha=0.3),
}
LOSSES = PENALISED | {
    "focal": partial(focal_loss, gamma=1.5),
    "flsd": partial(focal_loss, gamma=flsd_53),
    "negative": partial(generalised_smoothing_loss, label_smoothing=-2.0),
    "positive": partial(generalised_smoothing_loss, label_smoothing=0.2),
    "hinton": partial(distilled, beta=0.6, temperature=3.0),
    "figure 5": partial(distilled, beta=0.6, temperature=3.0, shared_temperature=False),
    "kl": partial(distilled, beta=0.6, temperature=0.5, term="kl"),
    "squared": partial(distilled, beta=0.6, term="squared_logits"),
}
WITHOUT_TEACHER = {name: loss for name, loss in LOSSES.items() if loss.func is not distilled}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
every_loss_without_teacher = pytest.mark.parametrize(
    "loss", WITHOUT_TEACHER.values(), ids=WITHOUT_TEACHER.keys()
)


def gradient(loss, logits, labels, **keywords):
    wanting = logits.clone().requires_grad_()
    loss(wanting, labels, **keywords).sum().backward()
    return wanting.grad


@pytest.mark.parametrize("loss", PENALISED.values(), ids=PENALISED.keys())
@pytest.mark.parametrize("target", [LABELS, LOGITS.softmax(1)], ids=["labels", "probabilities"])
def test_without_strength_a_penalised_loss_is_cross_entropy(loss, target):
    strength = next(word for word in ("beta", "weight", "alpha") if word in loss.keywords)
    torch.testing.assert_close(loss(LOGITS, target, **{strength: 0.0}), cross_entropy(LOGITS, target))
    assert loss(LOGITS, target) != cross_entropy(LOGITS, target)


@every_loss
def test_the_mean_and_the_sum_are_those_of_the_rows(loss):
    rows = loss(LOGITS, LABELS, reduction="none")
    assert rows.shape == (6,)
    torch.testing.assert_close(loss(LOGITS, LABELS), rows.mean())
    torch.testing.assert_close(loss(LOGITS, LABELS, reduction="sum"), rows.sum())
    with pytest.raises(ValueError, match="`reduction` must be one of"):
        loss(LOGITS, LABELS, reduction="average")


@every_loss
def test_a_class_that_is_out_is_as_good_as_absent_and_has_no_gradient(loss):
    target = LABELS % 4
    without = loss(LOGITS[:, :4], target, reduction="none")
    slope = gradient(loss, LOGITS[:, :4], target)
    by_mask = LOGITS, {"class_mask": torch.arange(5) < 4}
    by_logit = LOGITS.where(torch.arange(5) < 4, -torch.inf), {}
    for logits, mask in (by_mask, by_logit):
        torch.testing.assert_close(loss(logits, target, reduction="none", **mask), without)
        got = gradient(loss, logits, target, **mask)
        torch.testing.assert_close(got[:, :4], slope)
        assert torch.equal(got[:, 4], torch.zeros(6, dtype=torch.float64))


@every_loss
def test_each_row_may_leave_out_its_own_classes(loss):
    mask = torch.ones(6, 5, dtype=torch.bool)
    mask[0, 1:3], mask[3, 0] = False, False
    got = loss(LOGITS, LABELS, class_mask=mask, reduction="none")
    for row in range(6):
        rest = mask[row].nonzero()[:, 0]
        place = (rest == LABELS[row]).nonzero()[0]
        torch.testing.assert_close(got[row], loss(LOGITS[row : row + 1, rest], place))


@every_loss
def test_a_true_class_that_is_out_costs_infinitely_and_leaves_a_finite_gradient(loss):
    logits = LOGITS.clone()
    logits[0, 0] = -torch.inf
    assert loss(logits, LABELS, reduction="none")[0] == torch.inf
    slope = gradient(loss, logits, LABELS)
    assert slope.isfinite().all()
    assert slope[0, 0] == 0


@every_loss
def test_a_row_with_no_class_left_is_infinite_and_does_not_spoil_the_others(loss):
    logits = LOGITS.clone()
    logits[0] = -torch.inf
    got = loss(logits, LABELS, reduction="none")
    assert got[0] == torch.inf
    torch.testing.assert_close(got[1:], loss(LOGITS, LABELS, reduction="none")[1:])
    assert torch.equal(gradient(loss, logits, LABELS)[0], torch.zeros(5, dtype=torch.float64))


@every_loss
@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
def test_an_ignored_row_leaks_nothing_whatever_it_holds(loss, poison):
    logits, labels = LOGITS.clone(), LABELS.clone()
    logits[2], labels[2] = poison, -100
    logits[1, 4] = -torch.inf
    kept = torch.arange(6) != 2
    for reduction in ("mean", "sum"):
        want = loss(logits[kept], labels[kept], reduction=reduction)
        torch.testing.assert_close(loss(logits, labels, reduction=reduction), want)
        slope = gradient(loss, logits, labels, reduction=reduction)
        torch.testing.assert_close(
            slope[kept], gradient(loss, logits[kept], labels[kept], reduction=reduction)
        )
        assert torch.equal(slope[2], torch.zeros(5, dtype=torch.float64))


@every_loss
def test_the_mean_of_no_rows_is_nan_and_their_sum_is_zero(loss):
    for logits, labels in ((LOGITS, torch.full((6,), -100)), (LOGITS[:0], LABELS[:0])):
        assert loss(logits, labels).isnan()
        assert loss(logits, labels, reduction="sum") == 0


@every_loss
def test_one_example_without_a_batch_axis_is_a_batch_of_one(loss):
    rows = loss(LOGITS, LABELS, reduction="none")
    for reduction in ("mean", "sum", "none"):
        got = loss(LOGITS[1], LABELS[1], reduction=reduction)
        assert got.shape == ()
        torch.testing.assert_close(got, rows[1])
        torch.testing.assert_close(loss(LOGITS[1:2], LABELS[1:2], reduction=reduction).squeeze(), rows[1])


@every_loss
def test_places_beyond_the_class_axis_are_rows_like_any_other(loss):
    logits, labels = torch.randn(2, 5, 3, 4), torch.randint(5, (2, 3, 4))
    labels[0, 0, 0] = -100
    flat, flat_labels = logits.movedim(1, -1).reshape(-1, 5), labels.reshape(-1)
    got = loss(logits, labels, reduction="none")
    assert got.shape == labels.shape
    torch.testing.assert_close(got.reshape(-1), loss(flat, flat_labels, reduction="none"))
    torch.testing.assert_close(
        gradient(loss, logits, labels).movedim(1, -1).reshape(-1, 5), gradient(loss, flat, flat_labels)
    )


@every_loss
def test_two_classes_are_enough(loss):
    logits = LOGITS[:, :2].clone().requires_grad_()
    value = loss(logits, LABELS % 2)
    value.backward()
    assert value.isfinite()
    # a softmax knows differences of logits only, so it moves one as far up as the other down
    if "squared_logits" not in loss.keywords.values():
        torch.testing.assert_close(logits.grad.sum(1), torch.zeros(6, dtype=torch.float64))


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_logits_give_a_float32_loss_and_a_half_gradient(loss, dtype):
    logits = LOGITS.to(dtype)
    got = loss(logits, LABELS)
    assert got.dtype == torch.float32
    # float32 sums of six rows of five, each good to a few 1e-7 of numbers up to 20 times the loss
    torch.testing.assert_close(got.double(), loss(logits.double(), LABELS), rtol=1e-5, atol=1e-6)
    slope = gradient(loss, logits, LABELS)
    assert slope.dtype == dtype
    # each entry is rounded once, to half a unit in the last place
    want, unit = gradient(loss, logits.double(), LABELS), torch.finfo(dtype).eps
    torch.testing.assert_close(slope.double(), want, rtol=unit, atol=1e-5)


@every_loss_without_teacher  # the invented one would move with the logits
def test_an_offset_of_all_logits_costs_no_digits(loss):
    logits = (8 * LOGITS).round().float()  # whole numbers, which keep their digits at 10 000
    far, near = loss(logits + 1e4, LABELS, reduction="none"), loss(logits, LABELS, reduction="none")
    torch.testing.assert_close(far, near, rtol=0, atol=0)


@every_loss
def test_sure_nets_right_and_wrong_have_finite_losses_and_gradients(loss):
    logits, labels = torch.tensor([[1e4, 0.0, -1e4], [0.0, 1e4, 0.0]]), torch.tensor([0, 0])
    assert loss(logits, labels, reduction="none").isfinite().all()
    assert gradient(loss, logits, labels).isfinite().all()


@every_loss_without_teacher
def test_gradients_and_second_derivatives_are_those_of_the_loss(loss):
    wanting = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, LABELS), wanting)
    assert torch.autograd.gradgradcheck(lambda z: loss(z, LABELS), wanting)
