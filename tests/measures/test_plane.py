"""The plane of the paper's figure 1."""

import math

import numpy as np
import pytest

from smoothlab.measures import centroids, side_ratio, template_plane

RANDOM = np.random.default_rng(0)
WEIGHT = RANDOM.normal(size=(5, 16)) + 4.0  # far from 0, where a plane through 0 is another plane
BIAS = RANDOM.normal(size=5)
FEATURES = RANDOM.normal(size=(40, 16))
CLASSES = (3, 0, 4)


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


@pytest.mark.parametrize("bias", [None, BIAS])
def test_distances_between_templates_are_kept(bias):
    plane = template_plane(WEIGHT, bias, classes=CLASSES)
    columns = WEIGHT if bias is None else np.column_stack([WEIGHT, bias])
    np.testing.assert_allclose(distances(plane.templates), distances(columns[list(CLASSES)]), rtol=1e-13)


def test_distances_within_the_plane_are_kept():
    plane = template_plane(WEIGHT, classes=CLASSES)
    first, second, third = WEIGHT[list(CLASSES)]
    shares = RANDOM.normal(size=(30, 2))
    points = first + shares[:, :1] * (second - first) + shares[:, 1:] * (third - first)
    np.testing.assert_allclose(distances(plane.project(points)), distances(points), rtol=1e-10, atol=1e-12)


def test_the_plane_is_affine_and_does_not_bend_towards_zero():
    plane = template_plane(WEIGHT, classes=CLASSES)
    np.testing.assert_allclose(plane.project(WEIGHT[list(CLASSES)]), plane.templates, atol=1e-13)
    away = RANDOM.normal(size=16)
    away -= plane.basis.T @ (plane.basis @ away)
    np.testing.assert_allclose(plane.project(FEATURES + away), plane.project(FEATURES), atol=1e-13)
    np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-15)
    # the sides of the triangle lie in it, and a template itself, seen as a direction from 0, does not
    sides = WEIGHT[[0, 4]] - WEIGHT[3]
    np.testing.assert_allclose(sides @ plane.basis.T @ plane.basis, sides, atol=1e-12)
    assert np.linalg.norm(WEIGHT[3] - WEIGHT[3] @ plane.basis.T @ plane.basis) > 1


@pytest.mark.parametrize("bias", [None, BIAS])
def test_the_logits_of_the_three_classes_can_be_read_off_against_one_another(bias):
    plane = template_plane(WEIGHT, bias, classes=CLASSES)
    logits = FEATURES @ WEIGHT.T + (0 if bias is None else bias)
    points = plane.project(FEATURES)
    for a in range(3):
        gap = logits[:, CLASSES[a]] - logits[:, CLASSES[0]]
        read = points @ (plane.templates[a] - plane.templates[0])
        np.testing.assert_allclose(gap - gap[0], read - read[0], atol=1e-11)  # but for one constant a pair


def test_the_picture_has_one_orientation():
    templates = template_plane(WEIGHT, classes=CLASSES).templates
    np.testing.assert_allclose(templates[[0, 0, 1], [0, 1, 1]], 0, atol=1e-13)
    assert templates[1, 0] > 0
    assert templates[2, 1] > 0
    turned = template_plane(-3 * WEIGHT, classes=CLASSES).templates
    np.testing.assert_allclose(turned, 3 * templates, atol=1e-12)


def test_a_sliver_of_a_triangle_still_has_an_orthonormal_basis():
    random = np.random.default_rng(1)
    side = random.normal(size=16)
    sliver = np.stack([np.zeros(16), side, 0.7 * side + 1e-6 * random.normal(size=16)])
    basis = template_plane(sliver, classes=(0, 1, 2)).basis
    np.testing.assert_allclose(
        basis @ basis.T, np.eye(2), atol=1e-14
    )  # one pass of Gram-Schmidt leaves 1e-10


def test_a_bias_is_one_more_coordinate_against_an_appended_one():
    plane = template_plane(WEIGHT, BIAS, classes=CLASSES)
    longer = template_plane(np.column_stack([WEIGHT, BIAS]), classes=CLASSES)
    ones = np.column_stack([FEATURES, np.ones(len(FEATURES))])
    np.testing.assert_allclose(plane.project(FEATURES), longer.project(ones), atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_is_projected_in_float64(dtype):
    weight, features = WEIGHT.astype(dtype), (FEATURES + 100).astype(dtype)
    got = template_plane(weight, classes=CLASSES).project(features)
    want = template_plane(weight.astype(np.float64), classes=CLASSES).project(features.astype(np.float64))
    np.testing.assert_array_equal(got, want)
    labels = np.arange(40) % 5
    means = centroids(features, labels, classes=CLASSES)
    np.testing.assert_array_equal(means, centroids(features.astype(np.float64), labels, classes=CLASSES))


def test_many_rows_are_projected_as_each_alone():
    many = np.tile(FEATURES, (500, 1))  # two blocks
    points = template_plane(WEIGHT, classes=CLASSES).project(many)
    np.testing.assert_allclose(points, np.tile(points[:40], (500, 1)), atol=1e-13)


def test_what_spans_no_plane_is_refused():
    line = np.array([[0.0, 1.0], [1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match=r"those of \(0, 1, 2\) lie on one line"):
        template_plane(line, classes=(0, 1, 2))
    with pytest.raises(ValueError, match="lie on one line"):
        template_plane(np.zeros((3, 4)), classes=(0, 1, 2))
    same = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="lie on one line"):
        template_plane(same, classes=(0, 1, 2))
    for classes in ((0, 1), (0, 1, 1), (0, 1, 2, 3)):
        with pytest.raises(ValueError, match="`classes` must name three different classes"):
            template_plane(WEIGHT, classes=classes)
    with pytest.raises(ValueError, match="`classes` must be a whole number from 0 to 4, but got 5"):
        template_plane(WEIGHT, classes=(0, 1, 5))
    with pytest.raises(ValueError, match="`weight` and `bias` must be finite"):
        template_plane(np.full((3, 2), np.nan), classes=(0, 1, 2))
    with pytest.raises(ValueError, match="`features` must have 16 columns"):
        template_plane(WEIGHT, BIAS, classes=CLASSES).project(np.zeros((2, 17)))


def test_centroids_are_the_means_of_the_classes_in_the_order_asked_for():
    labels = np.arange(40) % 5
    got = centroids(FEATURES, labels, classes=(4, 1))
    np.testing.assert_allclose(got, [FEATURES[4::5].mean(0), FEATURES[1::5].mean(0)], rtol=1e-12)
    with pytest.raises(ValueError, match=r"none of \[7\]"):
        centroids(FEATURES, labels, classes=(4, 7))


def test_the_side_ratio_is_one_for_a_regular_triangle_alone():
    regular = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])
    np.testing.assert_allclose(side_ratio(regular), 1, rtol=1e-14)
    np.testing.assert_allclose(side_ratio(9 * regular[::-1] - 4), 1, rtol=1e-13)
    assert side_ratio(regular * [1.0, 2.0]) > 1.5
    assert side_ratio(regular[[0, 0, 1]]) == math.inf
    with pytest.raises(ValueError, match="`corners` must be three points, but got 4"):
        side_ratio(np.zeros((4, 2)))
