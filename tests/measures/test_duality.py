"""The head beside the class means."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.measures import class_means, nearest_mean_agreement, self_duality

RANDOM = np.random.default_rng(0)
LABELS = np.arange(60) % 4
FEATURES = RANDOM.normal(size=(60, 5)) + 4 * RANDOM.normal(size=(4, 5))[LABELS]


@given(scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_a_head_in_proportion_to_the_class_means_is_dual_wherever_it_lies(scale, shift):
    means = class_means(FEATURES, LABELS)
    assert (
        self_duality(FEATURES, LABELS, scale * means + shift) < 1e-10
    )  # 50 / 0.01 costs four digits of 1e-16


def test_an_opposite_head_is_at_2_and_an_unrelated_one_at_the_root_of_2():
    means = class_means(FEATURES, LABELS)
    assert self_duality(FEATURES, LABELS, -means) == pytest.approx(2)
    wide = np.pad(FEATURES, ((0, 0), (0, 5)))
    assert self_duality(wide, LABELS, np.pad(means, ((0, 0), (5, 0)))) == pytest.approx(math.sqrt(2))


def test_it_is_the_frobenius_distance_of_the_two_at_length_1():
    weight = RANDOM.normal(size=(4, 5))
    shapes = [each - each.mean(0) for each in (weight, class_means(FEATURES, LABELS))]
    first, second = (each / np.sqrt((each**2).sum()) for each in shapes)
    want = np.sqrt(((first - second) ** 2).sum())
    assert self_duality(FEATURES, LABELS, weight) == pytest.approx(want, rel=1e-12)


def test_a_head_of_equal_rows_has_no_shape():
    assert math.isnan(self_duality(FEATURES, LABELS, np.ones((4, 5))))


def test_a_class_without_examples_is_refused():
    with pytest.raises(
        ValueError, match=r"`labels` must hold an example of every row of `weight`, but none of \[4\]"
    ):
        self_duality(FEATURES, LABELS, np.ones((5, 5)))


def test_the_nearest_mean_is_that_of_the_distances():
    means = class_means(FEATURES, LABELS)
    nearest = ((FEATURES[:, None] - means) ** 2).sum(2).argmin(1)
    assert nearest_mean_agreement(FEATURES, np.eye(4)[nearest], means=means) == 1
    turned = nearest.copy()
    turned[:6] = (turned[:6] + 1) % 4
    assert nearest_mean_agreement(FEATURES, np.eye(4)[turned], means=means) == 0.9


def test_it_holds_far_from_zero_and_in_many_blocks():
    random = np.random.default_rng(1)
    means = 1e6 + np.eye(3, 50)
    labels = random.integers(0, 3, 5000)
    features = means[labels] + 0.01 * random.normal(size=(5000, 50))
    # expanded without centring, squares near 1e12 keep no digit of distances near 1
    assert nearest_mean_agreement(features, np.eye(3)[labels], means=means) == 1
