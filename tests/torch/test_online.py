"""Online label smoothing: what an epoch's right predictions said of each class is the next epoch's background."""

from functools import partial

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab._numerics import softmax
from smoothlab.data import digits
from smoothlab.torch import OnlineSmoothingLoss, cross_entropy
from smoothlab.torch.models import fully_connected
from smoothlab.torch.online import right_predictions
from smoothlab.torch.recipe import Recipe
from smoothlab.torch.train import train

RNG = np.random.default_rng(0)
Y = np.arange(40) % 4
Y[Y == 2] = 1  # of class 2 there is no example
Z = RNG.normal(size=(40, 4)) + 1.5 * np.eye(4)[Y]
LOGITS, LABELS = torch.tensor(Z), torch.tensor(Y)


def rows_of(logits, labels):
    """The soft label of each class by the formula, uniform where nothing was right."""
    p = softmax(logits)
    right = p.argmax(1) == labels
    classes = p.shape[1]
    soft = np.full((classes, classes), 1 / classes)
    for label in range(classes):
        own = right & (labels == label)
        if own.any():
            soft[label] = p[own].mean(0)
    return soft


def test_the_next_epochs_background_is_the_mean_of_the_right_predictions_of_each_class():
    assert 0 < (Z.argmax(1) == Y).sum() < 40
    loss = OnlineSmoothingLoss(classes=4).double()
    for batch in torch.arange(40).split(7):
        loss(LOGITS[batch], LABELS[batch])
    loss.next_epoch()
    np.testing.assert_allclose(loss.background, rows_of(Z, Y), rtol=1e-12)
    np.testing.assert_allclose(loss.background.sum(1), 1, rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_the_loss_and_its_gradient_are_the_references_with_that_background(alpha):
    loss = OnlineSmoothingLoss(classes=4, label_smoothing=alpha).double()
    for epoch, soft in enumerate((np.full((4, 4), 1 / 4), rows_of(Z, Y))):
        wanting = LOGITS.clone().requires_grad_()
        got = loss(wanting, LABELS)
        got.backward()
        want = reference.cross_entropy(Z, Y, alpha=alpha, background=soft[Y])
        np.testing.assert_allclose(got.item(), want.value, rtol=1e-12, err_msg=str(epoch))
        np.testing.assert_allclose(wanting.grad, want.gradient, atol=1e-15)
        loss.next_epoch()


def test_the_papers_weights_are_one_half_each():
    loss = OnlineSmoothingLoss(classes=4).double()
    loss(LOGITS, LABELS)
    loss.next_epoch()
    soft = -(loss.background[LABELS] * LOGITS.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss(LOGITS, LABELS), 0.5 * cross_entropy(LOGITS, LABELS) + 0.5 * soft)


def test_an_epoch_forgets_the_one_before():
    loss = OnlineSmoothingLoss(classes=4).double()
    loss(LOGITS, LABELS)
    loss.next_epoch()
    loss(-LOGITS, LABELS)
    loss.next_epoch()
    np.testing.assert_allclose(loss.background, rows_of(-Z, Y), rtol=1e-12)
    loss.next_epoch()  # an epoch in which nothing was right
    np.testing.assert_array_equal(loss.background, np.full((4, 4), 1 / 4))


def test_ignored_rows_and_evaluation_teach_nothing_and_nan_does_not_spread():
    loss = OnlineSmoothingLoss(classes=4).double()
    logits, labels = LOGITS.clone(), LABELS.clone()
    logits[3:5], labels[3:5] = torch.nan, -100
    logits[5], labels[5] = 0.0, -100  # its first logit is its highest, as if class 0 were right
    assert loss(logits, labels).isfinite()
    loss.eval()(LOGITS * 2, LABELS)
    loss.next_epoch()
    kept = labels.numpy() >= 0
    np.testing.assert_allclose(loss.background, rows_of(Z[kept], Y[kept]), rtol=1e-12)


def test_a_masked_class_has_no_background_and_counts_for_nothing():
    mask = torch.tensor([True, True, False, True])
    loss = OnlineSmoothingLoss(classes=4, class_mask=mask).double()
    loss(LOGITS, LABELS)
    loss.next_epoch()
    assert (loss.background[[0, 1, 3], 2] == 0).all()
    wanting = LOGITS.clone().requires_grad_()
    loss(wanting, LABELS).backward()
    assert (wanting.grad[:, 2] == 0).all()
    by_logit = OnlineSmoothingLoss(classes=4).double()
    by_logit(LOGITS.where(mask, -torch.inf), LABELS)
    by_logit.next_epoch()
    torch.testing.assert_close(by_logit.background, loss.background)


def test_places_and_single_examples_are_rows():
    flat, placed = OnlineSmoothingLoss(classes=4).double(), OnlineSmoothingLoss(classes=4).double()
    logits, labels = LOGITS.reshape(8, 5, 4).movedim(-1, 1), LABELS.reshape(8, 5)
    for _ in range(2):
        torch.testing.assert_close(placed(logits, labels), flat(LOGITS, LABELS))
        placed.next_epoch()
        flat.next_epoch()
        torch.testing.assert_close(placed.background, flat.background)
    one = OnlineSmoothingLoss(classes=4).double()
    torch.testing.assert_close(one(LOGITS[0], LABELS[0]), one(LOGITS[:1], LABELS[:1]))
    assert one.counts.sum() == 2 * (Z[0].argmax() == Y[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_logits_are_remembered_in_float32(dtype):
    loss = OnlineSmoothingLoss(classes=4)
    assert loss(LOGITS.to(dtype), LABELS).dtype == torch.float32
    loss.next_epoch()
    # twenty float32 probabilities added and divided
    np.testing.assert_allclose(loss.background, rows_of(LOGITS.to(dtype).double().numpy(), Y), rtol=1e-5)
    assert loss(LOGITS.to(dtype), LABELS).dtype == torch.float32


def test_two_classes_and_a_batch_of_one_are_enough():
    loss = OnlineSmoothingLoss(classes=2)
    loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    loss.next_epoch()
    np.testing.assert_allclose(loss.background, [softmax(np.array([[1.0, 0.0]]))[0], [0.5, 0.5]], rtol=1e-6)


def test_a_state_that_is_loaded_goes_on_where_the_run_stopped():
    whole, first, second = (OnlineSmoothingLoss(classes=4).double() for _ in range(3))
    whole(LOGITS, LABELS)
    whole.next_epoch()
    whole(LOGITS[::2], LABELS[::2])
    first(LOGITS, LABELS)
    first.next_epoch()
    first(LOGITS[::2], LABELS[::2])
    second.load_state_dict(first.state_dict())
    for loss in (whole, second):
        loss(LOGITS[1::2], LABELS[1::2])
        loss.next_epoch()
    assert torch.equal(second.background, whole.background)
    assert torch.equal(second(LOGITS, LABELS), whole(LOGITS, LABELS))


def test_evaluation_reports_the_plain_loss_where_it_is_told_to():
    for smooths in (True, False):
        loss = OnlineSmoothingLoss(classes=4, smooth_in_eval=smooths).double().eval()
        assert (loss(LOGITS, LABELS) == cross_entropy(LOGITS, LABELS)) != smooths


def test_no_graph_is_kept_from_batch_to_batch():
    loss = OnlineSmoothingLoss(classes=4).double()
    loss(LOGITS.clone().requires_grad_(), LABELS)
    assert not loss.sums.requires_grad
    sums, counts = right_predictions(LOGITS.clone().requires_grad_(), LABELS)
    assert not sums.requires_grad
    assert torch.equal(loss.sums, sums)
    assert torch.equal(loss.counts, counts)


def test_in_training_the_background_changes_between_epochs_and_equal_runs_stay_equal():
    def run():
        loss, seen = OnlineSmoothingLoss(classes=10), []

        def next_epoch(report):
            loss.next_epoch()
            seen.append(loss.background.clone())

        build = partial(fully_connected, widths=(16,))
        recipe = Recipe(epochs=3, batch_size=64)
        trained = train(build, digits(), loss=loss, recipe=recipe, seed=0, on_epoch=next_epoch)
        return trained, seen

    (one, seen), (again, _) = run(), run()
    assert not torch.equal(seen[0], seen[1])
    assert (
        seen[2].argmax(1) == torch.arange(10)
    ).all()  # each class's own probability is the highest of its mean
    assert all(map(torch.equal, one.model.parameters(), again.model.parameters()))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="`label_smoothing` must lie in"):
        OnlineSmoothingLoss(classes=4, label_smoothing=1.5)
    with pytest.raises(ValueError, match="`classes` must be a whole number"):
        OnlineSmoothingLoss(classes=0)
    loss = OnlineSmoothingLoss(classes=4)
    with pytest.raises(
        ValueError, match="`input` must have the 4 classes that the loss was made for, but has 5"
    ):
        loss(torch.zeros(2, 5), torch.tensor([0, 1]))
    with pytest.raises(TypeError, match="`target` must hold class numbers"):
        loss(LOGITS, LOGITS.softmax(1))
    with pytest.raises(ValueError, match="`target` must hold whole numbers from 0 to 3"):
        loss(LOGITS, LABELS + 3)
    assert loss.counts.sum() == 0
    assert "classes=4, label_smoothing=0.5" in repr(loss)
