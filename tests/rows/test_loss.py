"""Every instruction set agrees with the float64 reference, on every form of target and on nasty rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab import _rows, reference
from smoothlab._numerics import softmax

ALPHA = 0.3
FEW = [*range(1, 71), 127, 128]  # one class in a register, many rows at a time
MANY = [129, 130, 145, 1000, 2047, 2049, 5003]  # one row at a time, in blocks of 2048
SOME = [1, 2, 3, 10, 17, 64, 128, 129, 300, 2049]

each_set = pytest.mark.parametrize("instructions", _rows.INSTRUCTIONS)
each_type = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def tolerance(dtype):
    """Relative and absolute: a few hundred units in the last place, since float32 blocks hold 128 sums a lane."""
    return {"rtol": 2e-6, "atol": 2e-6} if dtype != np.float64 else {"rtol": 2e-14, "atol": 2e-14}


def logits_and_labels(rows, classes, dtype, *, scale=3.0, seed=0):
    random = np.random.default_rng([seed, classes])
    return (random.normal(size=(rows, classes)) * scale).astype(dtype), random.integers(classes, size=rows)


def distributions(shape, dtype, seed=1):
    rows = np.random.default_rng(seed).random(shape)
    return (rows / rows.sum(-1, keepdims=True)).astype(dtype)


def one_hot(labels, classes):
    """The reference's own are rows of a matrix of classes times classes, too large for a vocabulary."""
    return (np.arange(classes) == labels[:, None]).astype(np.float64)


def agree(logits, target, *, alpha=ALPHA, instructions="", background=None, class_mask=None):
    """Value and gradient are the reference's, out of place; in place they are the same bits."""
    exact = reference.cross_entropy(
        logits.astype(np.float64),
        one_hot(target, logits.shape[1]) if target.ndim == 1 else target.astype(np.float64),
        alpha=alpha,
        background=None if background is None else background.astype(np.float64),
        class_mask=class_mask,
        reduction="none",
    )
    keywords = {
        "label_share": 1.0 - alpha,
        "background_share": alpha,
        "background": background,
        "class_mask": class_mask,
        "instructions": instructions,
    }
    gradient = np.full_like(logits, np.nan)
    loss = _rows.loss(logits, target, gradient=gradient, **keywords)
    np.testing.assert_allclose(loss.value, exact.value, **tolerance(logits.dtype))
    np.testing.assert_allclose(gradient, exact.gradient, **tolerance(logits.dtype))
    assert (gradient[exact.gradient == 0] == 0).all()  # exactly, where a class is out

    np.testing.assert_array_equal(_rows.loss(logits, target, **keywords).value, loss.value)
    overwritten = logits.copy()
    np.testing.assert_array_equal(
        _rows.loss(overwritten, target, gradient=overwritten, **keywords).value, loss.value
    )
    np.testing.assert_array_equal(overwritten, gradient)
    return loss


@each_set
@each_type
@pytest.mark.parametrize("classes", [FEW, MANY], ids=["few", "many"])
def test_every_width_agrees_with_the_reference(classes, dtype, instructions):
    for width in classes:
        agree(*logits_and_labels(19, width, dtype), instructions=instructions)


@each_set
@pytest.mark.parametrize("classes", [32000, 50257])
def test_a_vocabulary_agrees_with_the_reference(classes, instructions):
    agree(*logits_and_labels(3, classes, np.float32), instructions=instructions)


@each_set
@each_type
@pytest.mark.parametrize("background", ["even", "vector", "rows"])
@pytest.mark.parametrize("target", ["classes", "distributions"])
@pytest.mark.parametrize("out", ["none", "logits", "vector", "rows"])
def test_every_form_of_target_agrees_with_the_reference(out, target, background, dtype, instructions):
    for width in SOME:
        logits, labels = logits_and_labels(19, width, dtype)
        random, class_mask = np.random.default_rng(width), None
        if out == "logits":
            logits[random.random(logits.shape) < 0.2] = -np.inf
        elif out != "none":
            class_mask = random.random(logits.shape if out == "rows" else width) < 0.7
        agree(
            logits,
            labels if target == "classes" else distributions(logits.shape, dtype),
            background={
                "even": None,
                "vector": distributions(width, dtype),
                "rows": distributions(logits.shape, dtype),
            }[background],
            class_mask=class_mask,
            instructions=instructions,
        )


@each_set
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_the_ends_of_smoothing_agree_with_the_reference(alpha, instructions):
    for width in SOME:
        logits, labels = logits_and_labels(19, width, np.float32)
        agree(logits, labels, alpha=alpha, instructions=instructions)
        logits[:, 0] = -np.inf  # with alpha 1 a label that is out costs nothing, since it has no mass
        agree(logits, labels, alpha=alpha, instructions=instructions)


@each_set
@pytest.mark.parametrize("width", [5, 300])
def test_a_row_with_one_class_left_or_none_agrees_with_the_reference(width, instructions):
    logits, labels = logits_and_labels(4, width, np.float32)
    own = np.eye(width, dtype=bool)[labels]
    logits[0, ~own[0]] = -np.inf  # the label alone is left
    logits[1, ~own[1]] = -np.inf
    logits[1, labels[1] - 1], logits[1, labels[1]] = 2.0, -np.inf  # another class alone
    logits[2] = -np.inf
    loss = agree(logits, labels, instructions=instructions)
    assert loss.value[0] == 0
    assert loss.value[1] == loss.value[2] == np.inf
    assert loss.count.tolist() == [1, 1, 0, width]


@pytest.mark.parametrize("width", [5, 300])
def test_without_background_left_a_label_keeps_its_mass(width):
    logits, labels = logits_and_labels(3, width, np.float64)
    background = np.zeros(width)
    background[labels[0] - 1] = 1.0
    logits[0, labels[0] - 1] = -np.inf
    loss = agree(logits, labels, background=background)
    assert loss.value[0] == loss.label[0]


@each_set
@each_type
@pytest.mark.parametrize("width", [10, 1000])
def test_a_label_that_is_no_class_costs_infinity_and_stays_out_of_memory(width, dtype, instructions):
    logits, _ = logits_and_labels(4, width, dtype)
    labels = np.array([-1, width, np.iinfo(np.int64).min, np.iinfo(np.int64).max])
    gradient = np.empty_like(logits)
    loss = _rows.loss(logits, labels, gradient=gradient, label_share=0.5, instructions=instructions)
    assert (loss.value == np.inf).all()
    np.testing.assert_allclose(gradient, 0.5 * softmax(logits), **tolerance(dtype))


@each_set
@pytest.mark.parametrize("width", [10, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.uint16])
def test_an_ignored_row_costs_nothing_even_if_it_holds_nan(dtype, width, instructions):
    logits = np.zeros((20, width), dtype)
    logits[::3] = 0x7FC0 if dtype == np.uint16 else np.nan
    labels, ignored = np.full(20, -100), np.arange(20) % 3 == 0
    labels[~ignored] = 1
    loss = _rows.loss(logits, labels, gradient=logits, ignored=ignored, instructions=instructions)
    np.testing.assert_allclose(loss.value, np.where(ignored, 0.0, np.log(width)), rtol=1e-7)
    assert (logits[ignored] == 0).all()
    assert (logits[~ignored] != 0).all()


@pytest.mark.parametrize("width", [10, 1000])
def test_nan_in_a_row_comes_out_of_that_row_alone(width):
    logits, labels = logits_and_labels(20, width, np.float32)
    logits[7, width // 2] = np.nan
    gradient = np.empty_like(logits)
    loss = _rows.loss(logits, labels, gradient=gradient, label_share=0.9, background_share=0.1)
    assert np.flatnonzero(np.isnan(loss.value)).tolist() == [7]
    assert np.flatnonzero(np.isnan(gradient).any(1)).tolist() == [7]


@each_type
@pytest.mark.parametrize("width", [10, 1000])
def test_shares_and_weights_of_each_row_multiply_its_costs(width, dtype):
    logits, labels = logits_and_labels(23, width, dtype)
    random = np.random.default_rng(3)
    label_share, background_share, label_weight = random.normal(size=(3, 23))
    gradient = np.empty_like(logits)
    loss = _rows.loss(
        logits,
        labels,
        gradient=gradient,
        label_share=label_share,
        background_share=background_share,
        label_weight=label_weight,
    )
    log_p = np.log(softmax(logits))
    np.testing.assert_allclose(loss.label, -log_p[np.arange(23), labels], **tolerance(dtype))
    np.testing.assert_allclose(loss.background, -log_p.mean(1), **tolerance(dtype))
    own = label_share * label_weight
    np.testing.assert_allclose(loss.value, own * loss.label + background_share * loss.background, rtol=1e-13)
    target = own[:, None] * np.eye(width)[labels] + background_share[:, None] / width
    want = target.sum(1, keepdims=True) * np.exp(log_p) - target
    np.testing.assert_allclose(gradient, want, **tolerance(dtype))


@each_type
@pytest.mark.parametrize("width", [10, 1000])
def test_torchs_class_weights_are_a_background_divided_by_the_count(width, dtype):
    logits, labels = logits_and_labels(19, width, dtype)
    logits[:, 3] = -np.inf
    labels[labels == 3] = 0
    weight = np.random.default_rng(4).random(width).astype(dtype) + dtype(0.5)
    exact = reference.cross_entropy(
        logits.astype(np.float64),
        labels,
        alpha=ALPHA,
        weight=weight.astype(np.float64),
        reduction="none",
    )
    gradient = np.empty_like(logits)
    loss = _rows.loss(
        logits,
        labels,
        gradient=gradient,
        label_share=1 - ALPHA,
        background_share=ALPHA,
        label_weight=weight[labels].astype(np.float64),
        background=weight,
        divisor="count",
    )
    np.testing.assert_allclose(loss.value, exact.value, **tolerance(dtype))
    np.testing.assert_allclose(gradient, exact.gradient, **tolerance(dtype))


@each_set
@pytest.mark.parametrize("width", [10, 1000])
@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (1, 1e4), (1, -1e4), (50, 0), (1e4, 0)])
def test_float64_keeps_its_digits_at_any_scale_and_offset(scale, offset, width, instructions):
    logits, labels = logits_and_labels(19, width, np.float64, scale=scale)
    agree(logits + offset, labels, instructions=instructions)


@given(
    classes=st.integers(1, 200),
    alpha=st.floats(0, 1),
    offset=st.floats(-1e4, 1e4),
    seed=st.integers(0, 2**32 - 1),
)
def test_identities_hold(classes, alpha, offset, seed):
    random = np.random.default_rng(seed)
    logits, labels = np.round(random.normal(size=(5, classes)) * 8) / 8, random.integers(classes, size=5)
    gradient = np.empty_like(logits)
    loss = _rows.loss(logits, labels, gradient=gradient, label_share=1 - alpha, background_share=alpha)
    # L = CE + alpha (z_y - <u, z>), and softmax minus a distribution sums to 0
    hard = _rows.loss(logits, labels)
    gap = logits[np.arange(5), labels] - logits.mean(1)
    np.testing.assert_allclose(loss.value, hard.value + alpha * gap, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient.sum(1), 0, atol=1e-13)
    # an offset of all logits, here one that costs no digits in the logits themselves, changes nothing
    moved = _rows.loss(
        logits + np.round(offset * 8) / 8, labels, label_share=1 - alpha, background_share=alpha
    )
    np.testing.assert_array_equal(moved.value, loss.value)


@each_set
@each_type
@pytest.mark.parametrize("width", [10, 300])
def test_a_scale_multiplies_the_gradient_and_not_the_costs(width, dtype, instructions):
    logits, labels = logits_and_labels(19, width, dtype)
    logits[3, labels[3]] = logits[4, 0] = -np.inf
    keywords = {"label_share": 0.9, "background_share": 0.1, "instructions": instructions}
    plain, scaled = np.empty_like(logits), np.empty_like(logits)
    loss = _rows.loss(logits, labels, gradient=plain, **keywords)
    # a power of two: the same digits
    same = _rows.loss(logits, labels, gradient=scaled, gradient_scale=0.25, **keywords)
    np.testing.assert_array_equal(same.value, loss.value)
    np.testing.assert_array_equal(scaled, plain / 4)


@pytest.mark.parametrize("width", [10, 300])
def test_costs_that_nobody_wants_are_none_and_change_nothing(width):
    logits, labels = logits_and_labels(19, width, np.float32)
    ignored = np.arange(19) == 2
    keywords = {"label_share": 0.9, "background_share": 0.1, "ignored": ignored}
    loss, alone = (_rows.loss(logits, labels, costs=costs, **keywords) for costs in (True, False))
    np.testing.assert_array_equal(alone.value, loss.value)
    assert alone.label is alone.background is alone.count is None


@each_set
@pytest.mark.parametrize("width", [5, 300])
def test_the_label_stands_in_for_a_background_of_which_nothing_is_left(width, instructions):
    logits, labels = logits_and_labels(3, width, np.float64)
    background = np.zeros(width)
    background[labels[0] - 1] = 1.0
    logits[0, labels[0] - 1] = -np.inf
    loss = _rows.loss(logits, labels, background=background, background_share=0.5, instructions=instructions)
    assert loss.background[0] == loss.label[0]
    assert (loss.background[1:] != loss.label[1:]).all()


@each_set
def test_a_logarithm_is_the_systems_to_the_last_two_digits(instructions):
    gaps = np.concatenate([np.linspace(0, 745, 4001), -np.log(np.linspace(1e-9, 1, 4001))])
    logits = np.stack([np.zeros_like(gaps), -gaps], 1)  # log_sum = log(1 + exp(-gap))
    got = _rows.statistics(logits, instructions=instructions).log_sum
    np.testing.assert_allclose(got, np.log1p(np.exp(-gaps)), rtol=1e-15, atol=3e-308)
