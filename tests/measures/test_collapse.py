"""Scatter within and between classes."""

import math

import numpy as np
import pytest

from smoothlab.measures import class_scatter, nc1, scatter_ratio


def clusters(*, counts=(30, 50, 20), width=7, seed=0):
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    order = random.permutation(len(labels))
    return (random.normal(size=(len(counts), width))[labels] * 3 + random.normal(size=(len(labels), width)))[
        order
    ], labels[order]


def test_the_traces_are_those_of_the_covariances_with_every_class_counted_once():
    features, labels = clusters()
    covariances = [np.cov(features[labels == c].T, bias=True) for c in range(3)]
    means = np.stack([features[labels == c].mean(0) for c in range(3)])
    got = class_scatter(features, labels)
    np.testing.assert_allclose(got.within, np.trace(np.mean(covariances, 0)), rtol=1e-12)
    np.testing.assert_allclose(got.between, np.trace(np.cov(means.T, bias=True)), rtol=1e-12)
    assert scatter_ratio(features, labels) == got.within / got.between


@pytest.mark.parametrize("width", [1, 2, 7, 40])  # fewer directions than the means span, and more
def test_nc1_is_the_trace_with_the_pseudoinverse(width):
    features, labels = clusters(counts=(30, 50, 20, 40), width=width)
    within = np.mean([np.cov(features[labels == c].T, bias=True).reshape(width, width) for c in range(4)], 0)
    means = np.stack([features[labels == c].mean(0) for c in range(4)])
    between = np.cov(means.T, bias=True).reshape(width, width)
    want = np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / 4
    np.testing.assert_allclose(nc1(features, labels), want, rtol=1e-9)


def test_nc1_passes_over_scatter_that_lies_across_the_means_and_the_ratio_does_not():
    features, labels = clusters(width=3)
    across = np.concatenate([features, 50 * np.random.default_rng(1).normal(size=(len(labels), 1))], 1)
    across[:, 3] -= np.array([across[labels == c, 3].mean() for c in range(3)])[labels]
    np.testing.assert_allclose(nc1(across, labels), nc1(features, labels), rtol=1e-9)
    assert scatter_ratio(across, labels) > 100 * scatter_ratio(features, labels)


def test_the_two_may_move_against_each_other():
    # three classes in a plane: pulling one far away adds to the traces between, and leaves the other two as close
    labels = np.repeat([0, 1, 2], 50)
    noise = np.random.default_rng(2).normal(size=(150, 2))
    near = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])[labels] + noise
    far = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 50.0]])[labels] + noise
    assert scatter_ratio(far, labels) < scatter_ratio(near, labels)
    assert nc1(far, labels) > nc1(near, labels)


@pytest.mark.parametrize("measure", [nc1, scatter_ratio])
def test_showing_every_example_of_one_class_twice_changes_nothing(measure):
    features, labels = clusters()
    again = np.concatenate([np.arange(len(labels)), np.flatnonzero(labels == 1)])
    np.testing.assert_allclose(measure(features[again], labels[again]), measure(features, labels), rtol=1e-12)


@pytest.mark.parametrize("measure", [nc1, scatter_ratio])
def test_it_does_not_depend_on_unit_origin_order_or_names_of_classes(measure):
    features, labels = clusters()
    want = measure(features, labels)
    np.testing.assert_allclose(measure(100 * features - 8, labels), want, rtol=1e-10)
    np.testing.assert_allclose(measure(features[::-1], labels[::-1]), want, rtol=1e-12)
    np.testing.assert_allclose(measure(features, np.array([7, -100, 900])[labels]), want, rtol=1e-12)


def test_many_blocks_give_what_one_would():
    features, labels = clusters(counts=(4000, 3000, 5000), width=64)  # 12 blocks
    within = np.mean([features[labels == c].var(0).sum() for c in range(3)])
    np.testing.assert_allclose(class_scatter(features, labels).within, within, rtol=1e-12)


def test_collapsed_classes_far_from_zero_keep_their_digits():
    # clusters of spread 1e-6 around means near 1000: squares less squared means would leave noise
    random = np.random.default_rng(0)
    labels = np.arange(2000) % 4
    noise = 1e-6 * random.choice([-1.0, 1.0], size=(2000, 8))
    features = 1000 + random.normal(size=(4, 8))[labels] + noise
    np.testing.assert_allclose(class_scatter(features, labels).within, 8e-12, rtol=0.01)  # 500 a class: 1/500


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_features_are_summed_in_float64(dtype):
    features, labels = clusters()
    low = (features * 200).astype(dtype)  # their squares would overflow float16
    for measure in (nc1, scatter_ratio):
        assert measure(low, labels) == measure(low.astype(np.float64), labels)


@pytest.mark.parametrize("measure", [nc1, scatter_ratio])
def test_points_are_collapsed_and_classes_on_one_point_are_not(measure):
    labels = np.array([0, 0, 1, 1])
    assert measure(np.array([[1.0], [1.0], [2.0], [2.0]]), labels) == 0
    assert measure(np.array([[-1.0], [1.0], [-1.0], [1.0]]), labels) == math.inf
    assert math.isnan(measure(np.ones((4, 3)), labels))


def test_one_class_and_infinite_features_are_refused():
    with pytest.raises(ValueError, match="`labels` must hold two classes or more, but hold only 3"):
        nc1(np.zeros((2, 2)), np.array([3, 3]))
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="`features` must be finite"):
            nc1(np.array([[0.0], [bad]]), np.array([0, 1]))
