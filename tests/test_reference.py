import re
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from smoothlab import reference
from smoothlab._numerics import log_softmax, softmax
from smoothlab.targets import mix, smooth_binary, smooth_labels

# A loss below 100 nats is the sum of at most 8 terms, each with a handful of roundings.
close = partial(np.testing.assert_allclose, rtol=1e-13, atol=1e-13)
seeded = settings(deadline=None, derandomize=True)
CONVENTIONS = ["uniform", "others", "classyvision"]


@st.composite
def problems(draw, least_classes=2):
    """Logits, labels and an alpha: a batch of 0 to 4 rows of up to 7 classes."""
    batch, classes = draw(st.integers(0, 4)), draw(st.integers(least_classes, 7))
    numbers = st.floats(-30, 30)
    rows = draw(
        st.lists(
            st.lists(numbers, min_size=classes, max_size=classes),
            min_size=batch,
            max_size=batch,
        )
    )
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=batch, max_size=batch))
    logits = np.array(rows, np.float64).reshape(batch, classes)
    return logits, np.array(labels, np.int64), draw(st.floats(0, 1))


def random_problem(batch=6, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(scale=3, size=(batch, classes)), rng.integers(classes, size=batch), rng


def hard(logits, labels):
    """Cross entropy with the plain label, picked out of the log softmax by hand."""
    return -log_softmax(logits)[np.arange(len(labels)), labels]


def finite_differences(loss, logits, step=1e-6):
    slope = np.zeros_like(logits)
    for place in np.ndindex(*logits.shape):
        up, down = logits.copy(), logits.copy()
        up[place] += step
        down[place] -= step
        slope[place] = (loss(up) - loss(down)) / (2 * step)
    return slope


# Identities


@seeded
@given(problem=problems(least_classes=1))
def test_equation_four_smoothing_mixes_two_cross_entropies(problem):
    logits, labels, alpha = problem
    smoothed = reference.cross_entropy(logits, labels, alpha=alpha, reduction="none").value
    towards_uniform = -log_softmax(logits).mean(1)
    close(smoothed, (1 - alpha) * hard(logits, labels) + alpha * towards_uniform)


@seeded
@given(problem=problems(), data=st.data())
def test_smoothing_adds_alpha_times_the_labels_lead_over_the_background(problem, data):
    logits, labels, alpha = problem
    classes = logits.shape[1]
    raw = data.draw(st.lists(st.floats(0.01, 1), min_size=classes, max_size=classes))
    background = np.array(raw) / sum(raw)
    smoothed = reference.cross_entropy(logits, labels, alpha=alpha, background=background, reduction="none")
    lead = logits[np.arange(len(labels)), labels] - logits @ background
    close(smoothed.value, hard(logits, labels) + alpha * lead)


@pytest.mark.parametrize("convention", CONVENTIONS)
@seeded
@given(problem=problems())
def test_the_gradient_is_softmax_minus_target(convention, problem):
    logits, labels, alpha = problem
    loss = reference.cross_entropy(logits, labels, alpha=alpha, convention=convention, reduction="sum")
    target = smooth_labels(labels, classes=logits.shape[1], alpha=alpha, convention=convention)
    close(loss.gradient, softmax(logits) - target)


@seeded
@given(problem=problems())
def test_no_loss_lies_below_the_entropy_of_its_target(problem):
    logits, labels, alpha = problem
    loss = reference.cross_entropy(logits, labels, alpha=alpha, reduction="none").value
    floor = reference.entropy(smooth_labels(labels, classes=logits.shape[1], alpha=alpha))
    assert (loss >= floor - 1e-13).all()


@pytest.mark.parametrize(("classes", "nats"), [(10, 0.500), (100, 0.778), (1000, 1.015)])
def test_the_floor_is_reached_where_the_logits_are_the_log_of_the_target(classes, nats):
    labels = np.arange(3)
    target = smooth_labels(labels, classes=classes, alpha=0.1)
    loss = reference.cross_entropy(np.log(target), labels, alpha=0.1)
    floor = reference.entropy(target)
    np.testing.assert_allclose(loss.value, floor[0], rtol=1e-14)
    np.testing.assert_allclose(loss.gradient, 0, atol=1e-15)  # a softmax over 1000 classes
    assert round(float(floor[0]), 3) == nats


def test_the_floor_leaves_the_gap_between_label_and_others_at_its_closed_form():
    # ln(K (1 - alpha) / alpha + 1): with a tenth, 4.51 for 10 classes and 9.11 for 1000
    for classes, gap in ((10, 4.51), (1000, 9.11)):
        target = smooth_labels(np.array([0]), classes=classes, alpha=0.1)
        assert round(float(np.log(target[0, 0] / target[0, 1])), 2) == gap


@seeded
@given(problem=problems(), share=st.floats(0, 1))
def test_mixup_is_the_mixture_of_the_two_losses(problem, share):
    logits, labels, alpha = problem
    classes = logits.shape[1]
    other = classes - 1 - labels
    mixed = mix(np.eye(classes)[labels], np.eye(classes)[other], share)
    together = reference.cross_entropy(logits, mixed, alpha=alpha, reduction="none").value
    apart = [reference.cross_entropy(logits, y, alpha=alpha, reduction="none").value for y in (labels, other)]
    close(together, share * apart[0] + (1 - share) * apart[1])


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_labels_and_their_one_hot_rows_have_one_loss(convention):
    logits, labels, _ = random_problem()
    sparse = reference.cross_entropy(logits, labels, alpha=0.3, convention=convention)
    dense = reference.cross_entropy(logits, np.eye(5)[labels], alpha=0.3, convention=convention)
    close(sparse.value, dense.value)
    close(sparse.gradient, dense.gradient)


# Gradients by finite differences. A central difference with step h errs by h^2 |L'''| / 6 + eps |L| / h,
# about 1e-13 + 4e-10 here for losses of some tens.

CASES = {
    "plain": {},
    "per example": {"alpha": np.linspace(0, 1, 6)},
    "others": {"convention": "others"},
    "padding": {"convention": "others_but_padding", "padding_index": 1},
    "background": {"background": np.array([0.5, 0.2, 0.1, 0.1, 0.1])},
    "mask": {"class_mask": np.arange(5) != 4},
    "torch weights": {"weight": np.array([1.0, 2.0, 0.5, 0.0, 3.0])},
    "example weights": {"weight": np.array([1.0, 2.0, 0.5, 0.0, 3.0]), "weighting": "example"},
    "ignored": {"ignore_index": 2},
}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", CASES)
def test_the_gradient_agrees_with_central_differences(name, reduction):
    logits = random_problem()[0]
    labels = np.array([0, 1, 2, 3, 2, 0])
    arguments = {"alpha": 0.2, "reduction": reduction} | CASES[name]
    loss = reference.cross_entropy(logits, labels, **arguments)
    want = finite_differences(lambda z: reference.cross_entropy(z, labels, **arguments).value, logits)
    np.testing.assert_allclose(loss.gradient, want, atol=1e-8)


@pytest.mark.parametrize("weighting", ["torch", "example"])
def test_the_gradient_for_probabilities_agrees_with_central_differences(weighting):
    logits, _, rng = random_problem()
    target = 1.7 * rng.dirichlet(np.ones(5), size=6)  # a sum other than one, which torch allows
    arguments = {"alpha": 0.2, "weight": np.arange(1.0, 6.0), "weighting": weighting}
    loss = reference.cross_entropy(logits, target, **arguments)
    want = finite_differences(lambda z: reference.cross_entropy(z, target, **arguments).value, logits)
    np.testing.assert_allclose(loss.gradient, want, atol=1e-8)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_binary_gradient_agrees_with_central_differences(reduction):
    _, _, rng = random_problem()
    logits, target = rng.normal(size=(3, 4)), rng.uniform(size=(3, 4))
    arguments = {
        "alpha": np.array([0.0, 0.1, 0.5, 1.0]),
        "weight": rng.uniform(size=(3, 1)),
        "pos_weight": np.array([1.0, 2.0, 0.5, 3.0]),
        "reduction": reduction,
    }
    loss = reference.binary_cross_entropy(logits, target, **arguments)
    want = finite_differences(lambda z: reference.binary_cross_entropy(z, target, **arguments).value, logits)
    np.testing.assert_allclose(loss.gradient, want, atol=1e-8)


# Against torch, where torch is right


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_torchs_own_cross_entropy_agrees(alpha, dense, weighted, reduction):
    logits, labels, rng = random_problem()
    labels[2] = 4
    target = rng.dirichlet(np.ones(5), size=6) if dense else labels
    weight = rng.uniform(0.1, 2, size=5) if weighted else None
    ignored = -100 if dense else 4  # torch refuses any other with probabilities
    ours = reference.cross_entropy(
        logits, target, alpha=alpha, weight=weight, reduction=reduction, ignore_index=ignored
    )
    z = torch.tensor(logits, requires_grad=True)
    theirs = functional.cross_entropy(
        z,
        torch.tensor(target),
        weight=None if weight is None else torch.tensor(weight),
        label_smoothing=alpha,
        reduction=reduction,
        ignore_index=ignored,
    )
    theirs.sum().backward()
    assert z.grad is not None
    close(ours.value, theirs.detach().numpy())
    close(ours.gradient, z.grad.numpy())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_torchs_own_binary_cross_entropy_agrees_on_our_targets(reduction):
    _, _, rng = random_problem()
    logits, target = rng.normal(scale=5, size=(4, 3)), rng.uniform(size=(4, 3))
    weight, pos_weight = rng.uniform(size=(4, 1)), np.array([0.5, 1.0, 4.0])
    ours = reference.binary_cross_entropy(
        logits, target, alpha=0.2, weight=weight, pos_weight=pos_weight, reduction=reduction
    )
    z = torch.tensor(logits, requires_grad=True)
    theirs = functional.binary_cross_entropy_with_logits(
        z,
        torch.tensor(smooth_binary(target, alpha=0.2)),
        weight=torch.tensor(weight),
        pos_weight=torch.tensor(pos_weight),
        reduction=reduction,
    )
    theirs.sum().backward()
    assert z.grad is not None
    close(ours.value, theirs.detach().numpy())
    close(ours.gradient, z.grad.numpy())


@seeded
@given(problem=problems())
def test_a_sigmoid_is_a_softmax_over_two_classes(problem):
    logits, labels, alpha = problem
    z, y = logits[:, 0], (labels == 0).astype(np.float64)
    two = np.stack([np.zeros_like(z), z], 1)
    ours = reference.binary_cross_entropy(z, y, alpha=alpha, reduction="none")
    softmaxed = reference.cross_entropy(two, y.astype(np.int64), alpha=alpha, reduction="none")
    close(ours.value, softmaxed.value)
    close(ours.gradient, softmaxed.gradient[:, 1])


# Weights that multiply the example


def test_example_weights_multiply_each_row_and_leave_its_optimum_alone():
    logits, labels, _ = random_problem()
    weight = np.array([1.0, 2.0, 0.5, 4.0, 3.0])
    plain = reference.cross_entropy(logits, labels, alpha=0.2, reduction="none")
    weighted = reference.cross_entropy(
        logits, labels, alpha=0.2, weight=weight, weighting="example", reduction="none"
    )
    close(weighted.value, weight[labels] * plain.value)
    mean = reference.cross_entropy(logits, labels, alpha=0.2, weight=weight, weighting="example")
    close(mean.value, np.average(plain.value, weights=weight[labels]))

    at_target = np.log(smooth_labels(labels, classes=5, alpha=0.2))
    still = reference.cross_entropy(at_target, labels, alpha=0.2, weight=weight, weighting="example")
    moved = reference.cross_entropy(at_target, labels, alpha=0.2, weight=weight)
    np.testing.assert_allclose(still.gradient, 0, atol=1e-16)
    assert abs(moved.gradient).max() > 1e-3  # torch's rule pulls away from the smoothed target


def test_example_weights_of_probabilities_are_the_expected_weight():
    logits, _, rng = random_problem()
    target, weight = rng.dirichlet(np.ones(5), size=6), np.arange(1.0, 6.0)
    plain = reference.cross_entropy(logits, target, alpha=0.2, reduction="none").value
    mean = reference.cross_entropy(logits, target, alpha=0.2, weight=weight, weighting="example").value
    close(mean, np.average(plain, weights=target @ weight))


# Edges


def test_alpha_zero_is_the_plain_loss_and_alpha_one_forgets_the_label():
    logits, labels, _ = random_problem()
    zero = reference.cross_entropy(logits, labels, alpha=0.0, reduction="none").value
    close(zero, hard(logits, labels))
    one = [reference.cross_entropy(logits, y, alpha=1.0).value for y in (labels, 4 - labels)]
    close(one[0], one[1])


def test_one_class_has_no_loss_and_no_gradient():
    loss = reference.cross_entropy(np.array([[3.0], [-7.0]]), np.array([0, 0]), alpha=0.3)
    assert loss.value == 0
    np.testing.assert_allclose(loss.gradient, 0, atol=1e-16)


def test_an_empty_batch_sums_to_zero_and_has_no_mean():
    logits, labels = np.zeros((0, 4)), np.zeros(0, np.int64)
    assert reference.cross_entropy(logits, labels, alpha=0.1, reduction="sum").value == 0
    assert np.isnan(reference.cross_entropy(logits, labels, alpha=0.1).value)
    assert reference.cross_entropy(logits, labels, alpha=0.1, reduction="none").value.shape == (0,)
    assert reference.cross_entropy(logits, labels, alpha=0.1).gradient.shape == (0, 4)
    assert np.isnan(reference.binary_cross_entropy(np.zeros(0), np.zeros(0)).value)


@pytest.mark.parametrize("by_mask", [False, True])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_class_that_is_out_changes_nothing_for_the_others(convention, by_mask):
    logits, labels, _ = random_problem(classes=4)
    wide = np.insert(logits, 2, np.nan if by_mask else -np.inf, axis=1)
    arguments = {"class_mask": np.arange(5) != 2} if by_mask else {}
    with_it = reference.cross_entropy(
        wide, labels + (labels >= 2), alpha=0.2, convention=convention, **arguments
    )
    without = reference.cross_entropy(logits, labels, alpha=0.2, convention=convention)
    close(with_it.value, without.value)
    close(np.delete(with_it.gradient, 2, axis=1), without.gradient)
    assert (with_it.gradient[:, 2] == 0).all()


def test_a_class_may_be_out_in_one_row_only():
    logits, labels, _ = random_problem(batch=2)
    labels = np.array([0, 1])
    mask = np.array([[True] * 5, [True, True, False, False, True]])
    both = reference.cross_entropy(
        logits, labels, alpha=0.2, convention="others", class_mask=mask, reduction="none"
    )
    full = reference.cross_entropy(logits[:1], labels[:1], alpha=0.2, convention="others")
    narrow = reference.cross_entropy(logits[1:][:, mask[1]], labels[1:], alpha=0.2, convention="others")
    close(both.value, [full.value, narrow.value])


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_row_left_with_its_true_class_alone_has_no_loss(convention):
    logits = np.array([[1.0, -np.inf, -np.inf]])
    loss = reference.cross_entropy(logits, np.array([0]), alpha=0.2, convention=convention)
    np.testing.assert_allclose(loss.value, 0, atol=1e-15)
    np.testing.assert_allclose(loss.gradient, 0, atol=1e-15)


def test_a_true_class_that_is_out_costs_infinity_but_its_gradient_is_finite():
    logits = np.array([[-np.inf, 0.0, 0.0], [0.0, 1.0, 2.0]])
    loss = reference.cross_entropy(logits, np.array([0, 1]), alpha=0.1, reduction="none")
    assert loss.value[0] == np.inf
    assert np.isfinite(loss.value[1])
    # p - q on the two that take part: 1/2 - 0.05
    close(loss.gradient[0], [0, 0.45, 0.45])

    falling = reference.cross_entropy(
        np.array([[-600.0, 0.0, 0.0]]),
        np.array([[0.9, 0.05, 0.05]]),  # the same target by hand
    )
    close(falling.gradient[0, 1:], loss.gradient[0, 1:])


def test_a_true_class_that_is_out_never_pays():
    # with two classes left, a = 2 alpha = 1.8, and 1 - a < 0 of the label would be worth minus infinity
    logits = np.array([[-np.inf, 0.0, 0.0]])
    loss = reference.cross_entropy(logits, np.array([0]), alpha=0.9, convention="others")
    assert loss.value == np.inf
    nothing_left = reference.cross_entropy(logits, np.array([0]), alpha=1.0)
    close(nothing_left.value, np.log(2))


def test_a_row_without_any_class_costs_infinity_and_has_no_gradient():
    loss = reference.cross_entropy(np.full((1, 3), -np.inf), np.array([0]), alpha=0.1, reduction="sum")
    assert loss.value == np.inf
    assert (loss.gradient == 0).all()


def test_probabilities_of_zero_on_a_class_that_is_out_cost_nothing():
    logits, target = np.array([[0.0, 0.0, -np.inf]]), np.array([[0.5, 0.5, 0.0]])
    loss = reference.cross_entropy(logits, target, alpha=0.3)
    close(loss.value, np.log(2))


@seeded
@given(problem=problems(), offset=st.sampled_from([1e4, -1e4, 1e8]))
def test_an_offset_common_to_a_row_changes_nothing_but_roundings(problem, offset):
    logits, labels, alpha = problem
    logits = (logits + offset) - offset  # what is left of them beside the offset
    here = reference.cross_entropy(logits, labels, alpha=alpha, reduction="sum")
    there = reference.cross_entropy(logits + offset, labels, alpha=alpha, reduction="sum")
    close(there.value, here.value)
    close(there.gradient, here.gradient)


def test_an_ignored_row_counts_for_nothing_even_when_it_holds_nan():
    logits, labels, _ = random_problem()
    broken, marked = logits.copy(), labels.copy()
    broken[[1, 4]], marked[[1, 4]] = np.nan, -100
    weight = np.arange(1.0, 6.0)
    kept = [0, 2, 3, 5]
    ours = reference.cross_entropy(broken, marked, alpha=0.2, weight=weight)
    alone = reference.cross_entropy(logits[kept], labels[kept], alpha=0.2, weight=weight)
    close(ours.value, alone.value)
    close(ours.gradient[kept], alone.gradient)
    assert (ours.gradient[[1, 4]] == 0).all()
    each = reference.cross_entropy(broken, marked, alpha=0.2, reduction="none").value
    assert (each[[1, 4]] == 0).all()


def test_rows_labelled_padding_are_ignored_by_the_convention_that_knows_padding():
    logits, labels, _ = random_problem()
    labels[:3] = [2, 0, 2]
    arguments = {"alpha": 0.2, "convention": "others_but_padding", "padding_index": 2}
    kept = labels != 2
    all_rows = reference.cross_entropy(logits, labels, **arguments)
    alone = reference.cross_entropy(logits[kept], labels[kept], **arguments)
    close(all_rows.value, alone.value)
    assert (all_rows.gradient[~kept] == 0).all()


def test_all_rows_ignored_sum_to_zero_and_have_no_mean():
    logits, labels = np.full((3, 4), np.nan), np.full(3, -100)
    mean = reference.cross_entropy(logits, labels, alpha=0.1)
    assert np.isnan(mean.value)
    assert (mean.gradient == 0).all()
    assert reference.cross_entropy(logits, labels, alpha=0.1, reduction="sum").value == 0


def test_nan_in_a_row_that_counts_is_not_hidden():
    logits = np.array([[0.0, np.nan], [0.0, 0.0]])
    loss = reference.cross_entropy(logits, np.array([0, 0]), reduction="none")
    assert np.isnan(loss.value).tolist() == [True, False]
    assert np.isnan(loss.gradient[0]).all()


def test_binary_logits_may_be_infinite_on_the_right_side():
    logits, target = np.array([np.inf, -np.inf, 1e4, -1e4]), np.array([1.0, 0.0, 1.0, 0.0])
    loss = reference.binary_cross_entropy(logits, target, reduction="none")
    assert loss.value.tolist() == [0, 0, 0, 0]
    assert loss.gradient.tolist() == [0, 0, 0, 0]
    assert (reference.binary_cross_entropy(logits, 1 - target, reduction="none").value[:2] == np.inf).all()


def test_float32_logits_are_judged_in_float64():
    logits, labels, _ = random_problem()
    small = logits.astype(np.float32)
    ours = reference.cross_entropy(small, labels, alpha=0.1)
    assert ours.value.dtype == ours.gradient.dtype == np.float64
    assert ours.value == reference.cross_entropy(small.astype(np.float64), labels, alpha=0.1).value


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"target": np.array([0, 5])}, "`target` must hold whole numbers from 0 to 2 or `ignore_index`"),
        ({"target": np.array([0, -1])}, "but holds -1"),
        ({"alpha": 1.5}, "`alpha` must lie in [0, 1], but got 1.5"),
        ({"alpha": float("nan")}, "but got nan"),
        ({"convention": "other"}, "Did you mean 'others'?"),
        ({"padding_index": 0}, "`padding_index` and the convention 'others_but_padding' need each other"),
        ({"convention": "others", "background": np.full(3, 1 / 3)}, "`background` goes with convention"),
    ],
)
def test_a_wrong_argument_is_told_in_one_sentence(arguments, sentence):
    arguments = {"target": np.array([0, 1])} | arguments
    with pytest.raises(ValueError, match=re.escape(sentence)):
        reference.cross_entropy(np.zeros((2, 3)), arguments.pop("target"), **arguments)


# Label smoothing of either sign


@pytest.mark.parametrize("alpha", [-6.0, -0.5, 0.0, 0.3, 1.0])
def test_generalised_smoothing_is_the_rule_with_any_alpha(alpha):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])
    q = (1 - alpha) * np.eye(4)[labels] + alpha / 4
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    loss = reference.generalised_smoothing(logits, labels, alpha=alpha, reduction="none")
    np.testing.assert_allclose(loss.value, -(q * np.log(p)).sum(1), rtol=1e-12)
    np.testing.assert_allclose(loss.gradient, p - q, atol=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_generalised_smoothing_from_zero_on_is_cross_entropy(alpha):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(5, 4)), np.array([0, 3, -100, 1, 2])
    logits[0, 1] = -np.inf
    for reduction in ("mean", "sum", "none"):
        got = reference.generalised_smoothing(logits, labels, alpha=alpha, reduction=reduction)
        want = reference.cross_entropy(logits, labels, alpha=alpha, reduction=reduction)
        np.testing.assert_allclose(got.value, want.value, rtol=1e-12)
        np.testing.assert_allclose(got.gradient, want.gradient, atol=1e-15)


def test_generalised_smoothing_keeps_the_infinities_of_the_hard_loss():
    logits = np.array([[-np.inf, 0.0, 1.0], [-np.inf, -np.inf, -np.inf], [1.0, 0.0, -np.inf]])
    labels = np.array([0, 0, 0])
    for alpha in (-2.0, 0.5):
        loss = reference.generalised_smoothing(logits, labels, alpha=alpha, reduction="none")
        assert np.isinf(loss.value).tolist() == [True, True, False]
        assert (loss.value[:2] > 0).all()
        assert np.isfinite(loss.gradient).all()
    assert np.isfinite(reference.generalised_smoothing(logits, labels, alpha=1.0, reduction="none").value[0])
