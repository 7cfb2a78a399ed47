"""Kornblith's R^2."""

import math

import numpy as np
import pytest

from smoothlab.measures import class_separation


def by_pairs(features, labels):
    """The definition, pair by pair."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    distance = 1 - unit @ unit.T
    classes = np.unique(labels)
    within = np.mean([distance[np.ix_(labels == c, labels == c)].mean() for c in classes])
    total = np.mean([distance[np.ix_(labels == a, labels == b)].mean() for a in classes for b in classes])
    return within, total, 1 - within / total


def test_it_is_the_definition_over_all_pairs_with_every_class_counted_once():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 3, 7], [5, 12, 40])
    features = random.normal(size=(57, 6)) + random.normal(size=(8, 6))[labels]
    np.testing.assert_allclose(class_separation(features, labels), by_pairs(features, labels), rtol=1e-12)


def test_collapsed_classes_have_1_and_classes_that_do_not_matter_have_none():
    labels = np.arange(4000) % 4
    assert class_separation(np.eye(4)[labels] * (1 + np.arange(4000)[:, None]), labels) == (0, 0.75, 1)
    # each of four class means of 1000 directions has a squared length near 1/1000 by chance
    assert abs(class_separation(np.random.default_rng(0).normal(size=(4000, 20)), labels).r_squared) < 0.003


def test_only_directions_count():
    random = np.random.default_rng(1)
    labels = np.arange(30) % 3
    features = random.normal(size=(30, 4))
    lengths = np.exp(random.uniform(-300, 300, size=(30, 1)))  # whose squares leave the range of a double
    np.testing.assert_allclose(
        class_separation(features * lengths, labels), class_separation(features, labels), rtol=1e-12
    )


def test_one_direction_for_all_has_no_separation_and_a_zero_row_no_direction():
    assert math.isnan(class_separation(np.ones((4, 3)), np.array([0, 0, 1, 1])).r_squared)
    got = class_separation(np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), np.array([0, 0, 1, 1]))
    assert got.within == pytest.approx(
        (0.75 + 0) / 2
    )  # of its 4 pairs only that of the row with itself is at 0
