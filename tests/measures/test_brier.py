"""The Brier score in its parts: they are what they say, and add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab._numerics import softmax
from smoothlab.measures import Binning, BrierParts, brier_decomposition, brier_parts, brier_score
from smoothlab.measures.binning import bins_of

PAIRS = st.lists(
    st.tuples(st.floats(0, 1) | st.sampled_from([0, 0.25, 0.5, 1.0]), st.booleans()), min_size=1, max_size=40
)
LOGITS = arrays(np.float64, (7, 4), elements=st.floats(-30, 30))
LABELS = arrays(np.int64, 7, elements=st.integers(0, 3))


@given(PAIRS, st.sampled_from([1, 5, 15]), st.sampled_from(Binning))
def test_each_part_is_its_formula(pairs, bins, binning):
    chances, outcome = (np.array(column, float) for column in zip(*pairs, strict=True))
    bin_of, n = bins_of(chances, bins=bins, binning=binning), len(pairs)
    want = np.zeros(5)
    want[2] = outcome.mean() * (1 - outcome.mean())
    for b in set(bin_of):
        p, a = chances[bin_of == b], outcome[bin_of == b]
        want[0] += len(p) / n * (p.mean() - a.mean()) ** 2
        want[1] += len(p) / n * (a.mean() - outcome.mean()) ** 2
        want[3] += ((p - p.mean()) ** 2).sum() / n
        want[4] += 2 / n * ((p - p.mean()) * (a - a.mean())).sum()
    got = brier_parts(chances, outcome == 1, bins=bins, binning=binning)
    np.testing.assert_allclose(got, want, atol=1e-14)
    np.testing.assert_allclose(got.score, ((chances - outcome) ** 2).mean(), atol=1e-14)


@given(LOGITS, LABELS, st.sampled_from([1, 15]), st.sampled_from(Binning))
def test_the_parts_of_all_classes_add_up_to_the_brier_score(logits, labels, bins, binning):
    parts = brier_decomposition(logits, labels, bins=bins, binning=binning)
    np.testing.assert_allclose(parts.score, brier_score(logits, labels), atol=1e-14)
    assert min(parts[:4]) >= -1e-15


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_they_add_up_for_any_number_of_classes_present_or_not(classes):
    random = np.random.default_rng(classes)
    logits, labels = random.normal(0, 3, (800, classes)).astype(np.float16), random.integers(0, 2, 800)
    parts = brier_decomposition(logits, labels)
    np.testing.assert_allclose(parts.score, brier_score(logits, labels), rtol=1e-12)
    share = labels.mean()
    np.testing.assert_allclose(parts.uncertainty, 2 * share * (1 - share), rtol=1e-12)
    chances = softmax(logits)
    each = [brier_parts(chances[:, j], labels == j) for j in range(classes)]
    np.testing.assert_allclose(parts, np.sum(each, axis=0), rtol=1e-9, atol=1e-13)


def test_where_a_bin_has_one_probability_murphys_three_parts_are_enough():
    chances = np.repeat([0.1, 0.5, 0.9], 20)
    outcome = np.random.default_rng(0).random(60) < chances
    parts = brier_parts(chances, outcome)
    assert abs(parts.within_variance) < 1e-30
    np.testing.assert_allclose(
        parts.reliability - parts.resolution + parts.uncertainty,
        ((chances - outcome) ** 2).mean(),
        rtol=1e-13,
    )


def test_a_bin_for_each_probability_leaves_nothing_within():
    chances, outcome = np.random.default_rng(1).random(50), np.random.default_rng(2).random(50) < 0.4
    parts = brier_parts(chances, outcome, bins=50, binning=Binning.MASS)
    np.testing.assert_allclose(parts[3:], 0, atol=1e-16)
    np.testing.assert_allclose(parts.generalised_resolution, parts.resolution, atol=1e-15)


def test_the_generalised_resolution_hardly_depends_on_the_bins_where_murphys_does():
    random = np.random.default_rng(3)
    chances = random.random(200_000)
    outcome = random.random(200_000) < chances
    coarse, fine = (brier_parts(chances, outcome, bins=bins) for bins in (3, 50))
    # calibrated: the score is the mean of p (1 - p), 1/6, and its uncertainty 1/4
    np.testing.assert_allclose(
        [coarse.generalised_resolution, fine.generalised_resolution], 1 / 12, atol=0.002
    )
    assert abs(coarse.resolution - fine.resolution) > 0.005


def test_certain_and_right_is_all_resolution_and_certain_and_wrong_all_unreliability():
    outcome = np.arange(10) % 2 == 0
    assert brier_parts(outcome.astype(float), outcome) == BrierParts(0, 0.25, 0.25, 0, 0)
    wrong = brier_parts(1 - outcome.astype(float), outcome)
    assert wrong == BrierParts(1, 0.25, 0.25, 0, 0)
    assert wrong.score == 1


def test_one_example_and_tied_examples_have_no_resolution():
    assert brier_parts(np.array([0.75]), np.array([True])) == BrierParts(0.0625, 0, 0, 0, 0)
    assert brier_decomposition(np.zeros((1, 4)), np.array([0])).score == 0.75
    assert brier_parts(np.full(8, 0.5), np.arange(8) < 4).score == 0.25


def test_bad_arguments_get_one_sentence():
    with pytest.raises(ValueError, match=r"row 0 has 1\.25"):
        brier_parts(np.array([1.25]), np.array([True]))
    with pytest.raises(ValueError, match="`bins`"):
        brier_decomposition(np.zeros((1, 2)), np.array([0]), bins=0)
    with pytest.raises(ValueError, match="`binning` must be one of"):
        brier_parts(np.array([0.5]), np.array([True]), binning="quantile")
