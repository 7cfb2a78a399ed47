import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothlab.targets import (
    effective_alpha,
    mix,
    smooth_binary,
    smooth_labels,
    smooth_probabilities,
)

FEW_ULPS = 8 * np.finfo(float).eps
seeded = settings(deadline=None, derandomize=True)
LABELS = np.array([2, 0, 1])
BACKGROUND = np.array([0.5, 0.25, 0.125, 0.125])


def test_the_blogs_example_of_four_classes_at_a_tenth():
    q = smooth_labels(np.array([1]), classes=4, alpha=0.1)
    np.testing.assert_allclose(q, [[0.025, 0.925, 0.025, 0.025]], rtol=0, atol=FEW_ULPS)


@pytest.mark.parametrize("convention", ["uniform", "others", "classyvision"])
@seeded
@given(alpha=st.floats(0, 1), classes=st.integers(2, 50), data=st.data())
def test_every_row_is_a_distribution(convention, alpha, classes, data):
    labels = np.array(data.draw(st.lists(st.integers(0, classes - 1), max_size=5)), np.int64)
    q = smooth_labels(labels, classes=classes, alpha=alpha, convention=convention)
    assert q.shape == (len(labels), classes)
    assert q.min(initial=0) >= -FEW_ULPS  # others(1) leaves a rounded 0 for the true class
    np.testing.assert_allclose(q.sum(1), 1, rtol=0, atol=FEW_ULPS * classes)


def test_alpha_zero_is_the_label_and_alpha_one_is_the_background():
    assert (smooth_labels(LABELS, classes=4, alpha=0.0) == np.eye(4)[LABELS]).all()
    assert (smooth_labels(LABELS, classes=4, alpha=1.0) == 0.25).all()
    assert (smooth_labels(LABELS, classes=4, alpha=1.0, background=BACKGROUND) == BACKGROUND).all()


def test_one_class_keeps_everything_and_no_examples_give_no_rows():
    np.testing.assert_allclose(smooth_labels(np.array([0, 0]), classes=1, alpha=0.3), 1, atol=FEW_ULPS)
    assert smooth_labels(np.array([], int), classes=3, alpha=0.3).shape == (0, 3)


def test_each_row_may_have_its_own_alpha():
    alphas = np.array([0.0, 0.1, 1.0])
    together = smooth_labels(LABELS, classes=4, alpha=alphas, convention="others")
    for row, (label, alpha) in enumerate(zip(LABELS, alphas, strict=True)):
        alone = smooth_labels(np.array([label]), classes=4, alpha=float(alpha), convention="others")
        assert (together[row] == alone[0]).all()


def test_a_background_takes_the_mass_that_the_label_gives_up():
    q = smooth_labels(LABELS, classes=4, alpha=0.2, background=BACKGROUND)
    np.testing.assert_allclose(q, 0.8 * np.eye(4)[LABELS] + 0.2 * BACKGROUND, rtol=0, atol=FEW_ULPS)
    each = np.stack([BACKGROUND, BACKGROUND[::-1], np.full(4, 0.25)])
    q = smooth_labels(LABELS, classes=4, alpha=0.2, background=each)
    np.testing.assert_allclose(q, 0.8 * np.eye(4)[LABELS] + 0.2 * each, rtol=0, atol=FEW_ULPS)


@pytest.mark.parametrize("convention", ["uniform", "others", "classyvision"])
def test_a_masked_class_leaves_both_the_background_and_the_count(convention):
    mask = np.array([True, True, True, False, False])
    q = smooth_labels(LABELS, classes=5, alpha=0.1, convention=convention, class_mask=mask)
    alone = smooth_labels(LABELS, classes=3, alpha=0.1, convention=convention)
    assert (q[:, :3] == alone).all()
    assert (q[:, 3:] == 0).all()


def test_a_masked_background_is_divided_by_what_is_left_of_it():
    mask = np.array([[True, True, True, False], [True, False, False, True], [False, True, False, False]])
    q = smooth_labels(LABELS, classes=4, alpha=0.2, background=BACKGROUND, class_mask=mask)
    want = [
        [4 / 7 * 0.2, 2 / 7 * 0.2, 0.8 + 1 / 7 * 0.2, 0],
        [0.8 + 0.8 * 0.2, 0, 0, 0.2 * 0.2],
        [0, 1, 0, 0],
    ]
    np.testing.assert_allclose(q, want, rtol=0, atol=FEW_ULPS)


def test_a_row_without_any_background_left_keeps_its_label():
    lone = np.array([0.0, 0.0, 0.0, 1.0])
    mask = np.array([True, True, True, False])
    q = smooth_labels(LABELS, classes=4, alpha=0.2, background=lone, class_mask=mask)
    assert (q == np.eye(4)[LABELS]).all()


def test_a_label_that_is_padding_has_no_target_at_all():
    q = smooth_labels(LABELS, classes=5, alpha=0.1, convention="others_but_padding", padding_index=0)
    assert (q[1] == 0).all()
    np.testing.assert_allclose(q[[0, 2]].sum(1), 1, atol=FEW_ULPS)
    assert (q[:, 0] == 0).all()


@pytest.mark.parametrize("convention", ["uniform", "others", "classyvision"])
def test_smoothing_probabilities_is_the_mixture_of_smoothed_labels(convention):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), size=6)
    each_class = smooth_labels(np.arange(4), classes=4, alpha=0.3, convention=convention)
    np.testing.assert_allclose(
        smooth_probabilities(probabilities, alpha=0.3, convention=convention),
        probabilities @ each_class,
        rtol=0,
        atol=FEW_ULPS,
    )


@seeded
@given(first=st.floats(0, 1), second=st.floats(0, 1))
def test_smoothing_twice_is_smoothing_once_with_what_survives_both(first, second):
    twice = smooth_probabilities(smooth_labels(LABELS, classes=4, alpha=first), alpha=second)
    once = smooth_labels(LABELS, classes=4, alpha=1 - (1 - first) * (1 - second))
    np.testing.assert_allclose(twice, once, rtol=0, atol=FEW_ULPS)


def test_mixing_and_smoothing_change_places():
    one, other = np.eye(4)[LABELS], np.eye(4)[[3, 3, 1]]
    share = np.array([0.25, 1.0, 0.6])
    np.testing.assert_allclose(
        smooth_probabilities(mix(one, other, share), alpha=0.1),
        mix(smooth_probabilities(one, alpha=0.1), smooth_probabilities(other, alpha=0.1), share),
        rtol=0,
        atol=FEW_ULPS,
    )
    assert (mix(one, other, 1.0) == one).all()
    assert (mix(one, other, 0.0) == other).all()


def test_binary_half_pulls_to_one_half_and_binary_flip_turns_over():
    y = np.array([[0.0, 1.0, 0.25]])
    half, flip = (smooth_binary(y, alpha=0.2, convention=c) for c in ("binary_half", "binary_flip"))
    np.testing.assert_allclose(half, y * 0.8 + 0.1, rtol=0, atol=FEW_ULPS)
    np.testing.assert_allclose(flip, y * (1 - 0.2) + (1 - y) * 0.2, rtol=0, atol=FEW_ULPS)


@pytest.mark.parametrize(("binary", "categorical"), [("binary_half", "uniform"), ("binary_flip", "others")])
def test_a_binary_target_is_the_second_column_of_two_classes(binary, categorical):
    labels = np.array([0, 1, 1])
    columns = smooth_labels(labels, classes=2, alpha=0.3, convention=categorical)
    single = smooth_binary(labels.astype(float), alpha=0.3, convention=binary)
    np.testing.assert_allclose(single, columns[:, 1], rtol=0, atol=FEW_ULPS)


@pytest.mark.parametrize("convention", ["uniform", "others", "classyvision"])
def test_a_categorical_convention_shares_a_row_of_sigmoids_as_it_shares_a_softmax(convention):
    shared = smooth_binary(np.eye(5)[LABELS], alpha=0.1, convention=convention)
    rows = smooth_labels(LABELS, classes=5, alpha=0.1, convention=convention)
    np.testing.assert_allclose(shared, rows, rtol=0, atol=FEW_ULPS)


def test_counts_come_from_the_mask_row_by_row():
    mask = np.array([[True, True, True, True], [True, True, False, False], [False, True, True, False]])
    q = smooth_labels(LABELS, classes=4, alpha=0.1, convention="others", class_mask=mask)
    a = effective_alpha(0.1, classes=mask.sum(1), convention="others")
    np.testing.assert_allclose(q[np.arange(3), LABELS], 1 - a + a / mask.sum(1), rtol=0, atol=FEW_ULPS)
    np.testing.assert_allclose(q[np.arange(3), LABELS], 0.9, rtol=0, atol=FEW_ULPS)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"labels": np.array([0, 4])}, "`labels` must be whole numbers from 0 to 3, but got 4"),
        ({"labels": np.array([-1, 0])}, "but got -1. Drop rows that are to be ignored"),
        ({"alpha": -0.5}, "`alpha` must lie in [0, 1], but got -0.5"),
        ({"alpha": np.array([0.1, np.nan, 0.2])}, "but got nan"),
        ({"background": np.array([1.0, 2.0, 3.0, 4.0])}, "with a sum of 10. Divide by the sum"),
        ({"background": np.array([1.5, -0.5, 0.0, 0.0])}, "`background` must have rows from 0 up"),
        ({"background": np.full(3, 1 / 3)}, "`background` must have shape (4,) or (3, 4), but has (3,)"),
        ({"background": BACKGROUND, "convention": "others"}, "`background` goes with convention 'uniform'"),
        ({"padding_index": 0}, "`padding_index` and the convention 'others_but_padding' need each other"),
        ({"convention": "others_but_padding"}, "need each other, but got None"),
        ({"convention": "others_but_padding", "padding_index": -100}, "must be one of the classes 0 to 3"),
        ({"class_mask": np.ones(3, bool)}, "`class_mask` must have shape (4,) or (3, 4), but has (3,)"),
        ({"class_mask": np.arange(4) != 2}, "leaves out class 2 in row 0"),
        ({"classes": 0}, "`classes` must be a whole number, at least 1, but got 0"),
    ],
)
def test_a_wrong_argument_is_told_in_one_sentence(arguments, sentence):
    arguments = {"labels": LABELS, "classes": 4, "alpha": 0.1} | arguments
    with pytest.raises(ValueError, match=re.escape(sentence)):
        smooth_labels(arguments.pop("labels"), **arguments)


def test_wrong_probabilities_shares_and_binary_targets_are_told_in_one_sentence():
    with pytest.raises(ValueError, match="`probabilities` must have rows from 0 up that sum to 1"):
        smooth_probabilities(np.array([[0.5, 0.6]]), alpha=0.1)
    with pytest.raises(ValueError, match="`probabilities` must have rows from 0 up that sum to 1"):
        smooth_probabilities(np.array([[0.5, np.nan]]), alpha=0.1)
    with pytest.raises(ValueError, match=r"`share` must lie in \[0, 1\], but got 1.5"):
        mix(np.eye(2), np.eye(2), 1.5)
    with pytest.raises(ValueError, match=r"`targets` must lie in \[0, 1\], but reach from -2 to 3"):
        smooth_binary(np.array([-2.0, 3.0]), alpha=0.1)
    with pytest.raises(ValueError, match="must know no padding"):
        smooth_binary(np.array([0.0, 1.0]), alpha=0.1, convention="others_but_padding")
