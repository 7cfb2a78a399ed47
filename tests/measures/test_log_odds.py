import numpy as np
import pytest

from smoothlab.measures import log_odds_reliability, reliability, top_label
from smoothlab.measures.log_odds import log_odds, log_odds_edges

RANDOM = np.random.default_rng(0)
LOGITS = 6 * RANDOM.normal(size=(2000, 5))
LABELS = (LOGITS + RANDOM.gumbel(size=(2000, 5))).argmax(1)  # calibrated
CLAIMED, RIGHT = top_label(LOGITS, LABELS)


def test_the_bins_are_one_wide_in_log_odds_and_open_at_both_ends():
    edges = log_odds_edges()
    assert len(edges) == 31
    assert (edges[0], edges[15], edges[-1]) == (0, 0.5, 1)
    # 1 - p near 1e-6 has 10 digits
    np.testing.assert_allclose(log_odds(edges[1:-1]), np.arange(-14, 15), atol=1e-9)


def test_log_odds_are_the_inverse_of_the_logistic_function():
    places = np.linspace(-30, 30, 61)
    # 1 - p near 1e-13 has 3 digits
    np.testing.assert_allclose(log_odds(1 / (1 + np.exp(-places))), places, atol=2e-3)


def test_every_example_is_in_the_bin_of_its_log_odds():
    diagram = log_odds_reliability(CLAIMED, RIGHT, resamples=5)
    want = np.ceil(log_odds(CLAIMED)).clip(-14, 15).astype(int) + 14
    assert diagram.count.tolist() == np.bincount(want, minlength=30).tolist()
    assert diagram.n == 2000
    for b in np.flatnonzero(diagram.count):
        assert diagram.accuracy[b] == pytest.approx(RIGHT[want == b].mean(), rel=1e-12)
        assert diagram.confidence[b] == pytest.approx(CLAIMED[want == b].mean(), rel=1e-12)


def test_certainty_and_its_opposite_are_in_the_open_bins():
    count = log_odds_reliability(np.array([0.0, 1.0, 1.0]), np.array([False, True, True]), resamples=5).count
    assert (count[0], count[-1], count.sum()) == (1, 2, 3)


def test_a_calibrated_model_lies_in_the_null_band_of_nearly_every_bin():
    diagram = log_odds_reliability(CLAIMED, RIGHT, resamples=5)
    held = diagram.count > 0
    inside = (diagram.null_low <= diagram.accuracy) & (diagram.accuracy <= diagram.null_high)
    assert inside[held].mean() > 0.8  # of some 15 bins, each inside in at least 95 of 100


def test_the_bins_do_not_depend_on_the_data():
    other = log_odds_reliability(CLAIMED[:7], RIGHT[:7], resamples=5)
    assert np.array_equal(other.edges, log_odds_edges())


def test_the_same_examples_are_in_the_usual_diagram():
    usual, other = reliability(LOGITS, LABELS, resamples=5), log_odds_reliability(CLAIMED, RIGHT, resamples=5)
    for diagram in (usual, other):
        held = diagram.count > 0
        assert diagram.count[held] @ diagram.accuracy[held] == pytest.approx(RIGHT.sum(), rel=1e-12)


def test_what_is_no_confidence_is_refused():
    with pytest.raises(ValueError, match="`confidences`"):
        log_odds_reliability(np.array([1.5]), np.array([True]))
    with pytest.raises(ValueError, match="`resamples`"):
        log_odds_reliability(CLAIMED, RIGHT, resamples=0)
