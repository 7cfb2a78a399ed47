"""Regular simplices and what falls short of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.measures import nc2, side_ratio, simplex_geometry

EXACT = 1e-14  # what is 0 in exact arithmetic is some units in the last place of numbers near 1


def rotation(width, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


@given(corners=st.integers(2, 12), extra=st.integers(0, 3), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_a_regular_simplex_is_one_wherever_it_lies(corners, extra, scale):
    width = corners + extra
    points = scale * (np.eye(corners, width) @ rotation(width)) + scale
    got = simplex_geometry(points)
    assert got.norm_spread < EXACT
    assert got.cosine_spread < EXACT
    assert got.cosine_gap < EXACT
    assert got.side_spread < EXACT
    assert got.cosine_mean == pytest.approx(-1 / (corners - 1), abs=EXACT)


def test_the_unit_vectors_have_no_spread_to_the_last_bit():
    assert (simplex_geometry(4.0 * np.eye(4)).norm_spread, simplex_geometry(4.0 * np.eye(4)).side_spread) == (
        0,
        0,
    )


def test_three_regular_corners_have_side_ratio_1():
    corners = np.array([[1.0, 0.0], [-0.5, math.sqrt(0.75)], [-0.5, -math.sqrt(0.75)]])
    assert side_ratio(corners) == pytest.approx(1, abs=EXACT)
    assert simplex_geometry(corners).side_spread < EXACT
    # stretched along one axis by 2, the sides are 3 and sqrt(3): by hand
    stretched = corners * [1.0, 2.0]
    sides = np.array([math.sqrt(1.5**2 + 3), math.sqrt(1.5**2 + 3), 2 * math.sqrt(3)])
    assert simplex_geometry(stretched).side_spread == pytest.approx(sides.std() / sides.mean(), rel=1e-12)


def test_the_five_numbers_are_those_of_the_definitions():
    points = np.random.default_rng(1).normal(size=(6, 4))
    centred = points - points.mean(0)
    norms = np.linalg.norm(centred, axis=1)
    pairs = [(j, k) for j in range(6) for k in range(j)]
    cosines = np.array([centred[j] @ centred[k] / norms[j] / norms[k] for j, k in pairs])
    sides = np.array([np.linalg.norm(points[j] - points[k]) for j, k in pairs])
    want = (
        norms.std() / norms.mean(),
        cosines.mean(),
        cosines.std(),
        np.abs(cosines + 1 / 5).mean(),
        sides.std() / sides.mean(),
    )
    np.testing.assert_allclose(simplex_geometry(points), want, rtol=1e-12)


def test_equal_norms_without_equal_angles_and_equal_angles_without_equal_norms_are_told_apart():
    square = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    assert simplex_geometry(square).norm_spread == 0
    assert simplex_geometry(square).cosine_gap == pytest.approx(
        (4 * (1 / 3) + 2 * (2 / 3)) / 6
    )  # cosines 0 and -1
    line = np.array([[0.0], [1.0], [5.0]])
    assert simplex_geometry(line).norm_spread > 0.1


def test_two_corners_are_always_a_simplex():
    assert simplex_geometry(np.array([[3.0, 1.0], [-8.0, 2.0]])) == pytest.approx((0, -1, 0, 0, 0), abs=EXACT)


def test_a_point_at_the_centre_has_no_direction():
    got = simplex_geometry(np.array([[-1.0], [0.0], [1.0]]))
    assert math.isnan(got.cosine_mean)
    assert got.side_spread == pytest.approx(np.std([1, 1, 2]) / (4 / 3))
    assert math.isnan(simplex_geometry(np.full((3, 2), 0.1)).side_spread)


def test_nc2_looks_at_class_means_alone():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2, 3], [4, 9, 2, 20])
    noise = random.normal(size=(35, 6))
    for c in range(4):
        noise[labels == c] -= noise[labels == c].mean(0)
    assert nc2(np.eye(4, 6)[labels] + 30 * noise, labels).cosine_gap < 1e-12


def test_one_point_and_infinite_points_are_refused():
    with pytest.raises(ValueError, match="`corners` must be two points or more, but got 1"):
        simplex_geometry(np.ones((1, 3)))
    with pytest.raises(ValueError, match="`corners` must be finite"):
        simplex_geometry(np.array([[0.0], [np.nan]]))
