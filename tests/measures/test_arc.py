"""The arc of a similar pair, and the continuum between its classes."""

import math

import numpy as np
import pytest

from smoothlab.measures import farthest_class, most_confused_pair, pair_arc, template_plane

TEMPLATES = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 3.0]])
CLASSES = (0, 6, 9)


def on_arc(degrees, radius=5.0):
    angles = np.radians(degrees)
    return TEMPLATES[2] + radius * np.stack([np.cos(angles), np.sin(angles)], 1)


def two_clusters(gap, n=200, seed=0):
    """A pair whose classes lie at -gap and gap along the first axis with a spread of 1."""
    labels = np.where(np.arange(n) % 2, 6, 0)
    points = np.random.default_rng(seed).normal(size=(n, 2))
    points[:, 0] += np.where(labels == 6, gap, -gap)
    return points, labels


def test_points_on_an_arc_about_the_third_template_have_no_spread():
    labels = np.array([0] * 20 + [6] * 20)
    degrees = np.concatenate([np.linspace(200, 220, 20), np.linspace(270, 290, 20)])
    arc = pair_arc(on_arc(degrees), labels, TEMPLATES, classes=CLASSES)
    assert arc.radius == pytest.approx(5, rel=1e-14)
    assert arc.spread < 1e-15
    assert arc.angle == pytest.approx(70)  # from 210 to 280
    assert arc.continuum.value == 0


def test_the_spread_is_that_of_the_distances_over_their_mean():
    points, labels = two_clusters(3)
    distances = np.linalg.norm(points - TEMPLATES[2], axis=1)
    arc = pair_arc(points, labels, TEMPLATES, classes=CLASSES)
    assert arc.radius == pytest.approx(distances.mean())
    assert (arc.spread * arc.radius) ** 2 == pytest.approx(distances.var())


def test_an_even_spread_between_two_clusters_is_half_in_the_middle_and_far_clusters_not_at_all():
    # each class runs from its own end to the middle and a copy mirrored about its mean keeps that mean where it is
    labels = np.repeat([0, 6], 1000)
    half = np.linspace(-1, 1, 1000)
    even = np.stack(
        [np.concatenate([half - 1, half + 1]), np.zeros(2000)], 1
    )  # means at -1 and 1, from -2 to 2
    arc = pair_arc(even, labels, TEMPLATES, classes=CLASSES)
    assert arc.continuum.value == pytest.approx(1 / 4, abs=2e-3)  # of all 4, the part from -1/2 to 1/2
    within = np.abs(even[:, 0]) <= 1
    between = pair_arc(
        np.concatenate([even[within]] * 2), np.repeat([0, 6], within.sum()), TEMPLATES, classes=CLASSES
    )
    assert between.continuum.value == 1  # the two means meet: nothing tells the classes apart
    assert math.isnan(between.angle)
    assert pair_arc(*two_clusters(10), TEMPLATES, classes=CLASSES).continuum.value == 0


def test_the_continuum_shrinks_as_the_clusters_part_and_has_wilsons_interval():
    shares = [pair_arc(*two_clusters(gap), TEMPLATES, classes=CLASSES).continuum for gap in (1, 2, 4)]
    assert shares[0].value > shares[1].value > shares[2].value
    # the middle half reaches from -gap/2 to gap/2: at gap 2, half of it is what a normal has beyond 1, up to 3
    want = 0.5 * (math.erf(3 / math.sqrt(2)) - math.erf(1 / math.sqrt(2)))
    assert shares[1].low < want < shares[1].high
    assert shares[1].n == 200


def test_neither_unit_nor_other_classes_matter():
    points, labels = two_clusters(2)
    want = pair_arc(points, labels, TEMPLATES, classes=CLASSES)
    more = np.concatenate([8 * points, np.full((5, 2), 1e3)])
    got = pair_arc(more, np.append(labels, [9, 9, 1, 2, 3]), 8 * TEMPLATES, classes=CLASSES)
    assert (got.radius, got.spread, got.angle) == pytest.approx((8 * want.radius, want.spread, want.angle))
    assert got.continuum == want.continuum


def test_on_the_first_axis_the_plane_shows_the_difference_of_the_pairs_logits():
    # so the continuum is one that the head sees: with means apart along that axis alone it is that of z_b - z_a
    random = np.random.default_rng(3)
    weight, labels = random.normal(size=(3, 8)), np.repeat([0, 1], 100)
    side = weight[1] - weight[0]
    noise = random.normal(size=(200, 8))
    noise -= np.repeat([noise[:100].mean(0), noise[100:].mean(0)], 100, axis=0)
    features = noise + np.outer(labels, 2 * side / np.linalg.norm(side))
    plane = template_plane(weight, classes=(0, 1, 2))
    arc = pair_arc(plane.project(features), labels, plane.templates, classes=(0, 1, 2))
    gap = features @ side
    place = (gap - gap[:100].mean()) / (gap[100:].mean() - gap[:100].mean())
    assert arc.continuum.value == ((place > 0.25) & (place < 0.75)).mean()


def test_the_pair_and_the_third_are_found_from_probabilities():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 40)
    centres = np.array(
        [[0, 0], [8, 0], [0.5, 8], [1, 0], [8, 8], [-9, -9]], float
    )  # 0 and 3 are close, 5 is far
    inputs = centres[labels] + random.normal(size=(240, 2))
    logits = -((inputs[:, None] - centres) ** 2).sum(2) / 2
    assert most_confused_pair(logits, labels) == (0, 3)
    assert farthest_class(logits, labels, pair=(0, 3)) == 5
    # certain and right everywhere, there is still a pair: nobody need be mistaken
    assert most_confused_pair(100 * np.eye(6)[labels] + logits, labels) == (0, 3)


def test_both_ways_of_confusion_count_and_absent_classes_do_not():
    logits = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.35, 0.05, 0.6], [0.35, 0.05, 0.6]]))
    # 0 and 1: (0.3 + 0.1) / 2;  0 and 2: (0.2 + 0.35) / 2;  one class has two examples, and counts once
    assert most_confused_pair(logits, np.array([0, 1, 2, 2])) == (0, 2)
    wide = np.pad(logits, ((0, 0), (0, 1)), constant_values=3.0)
    assert most_confused_pair(wide, np.array([0, 1, 2, 2])) == (0, 2)
    assert farthest_class(wide, np.array([0, 1, 2, 2]), pair=(0, 2)) == 1


def test_what_has_no_answer_is_refused():
    with pytest.raises(
        ValueError, match=r"`labels` must hold examples of both classes of `pair` \(0, 1\) and of a"
    ):
        farthest_class(np.eye(3), np.array([0, 1, 1]), pair=(0, 1))
    with pytest.raises(ValueError, match="`labels` must hold two classes or more"):
        most_confused_pair(np.eye(3), np.zeros(3, int))
    with pytest.raises(ValueError, match=r"none of \[6\]"):
        pair_arc(np.ones((2, 2)), np.zeros(2, int), TEMPLATES, classes=CLASSES)
    with pytest.raises(ValueError, match="`points` must be finite"):
        pair_arc(np.full((2, 2), np.nan), np.array([0, 6]), TEMPLATES, classes=CLASSES)
