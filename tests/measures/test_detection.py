"""Detection of unknown inputs."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score, roc_curve

from smoothlab._numerics import softmax
from smoothlab.measures import DETECTION_SCORES, auroc, detect, energy, false_positive_rate, maximum_logit

TIED = st.integers(1, 30).flatmap(lambda n: arrays(np.float64, n, elements=st.integers(-4, 4).map(float)))
NORMAL = NormalDist()


@given(known=TIED, unknown=TIED)
def test_auroc_is_the_share_of_pairs_in_order_with_half_of_the_ties(known, unknown):
    pairs = known[:, None] - unknown
    assert auroc(known, unknown) == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2, abs=1e-14)
    assert auroc(known, unknown) + auroc(unknown, known) == pytest.approx(1, abs=1e-14)


@given(known=TIED, unknown=TIED)
def test_auroc_and_fpr_are_scikit_learns(known, unknown):
    answers = np.repeat([1, 0], [len(known), len(unknown)])
    scores = np.concatenate([known, unknown])
    assert auroc(known, unknown) == pytest.approx(roc_auc_score(answers, scores), abs=1e-12)
    passed, kept, _ = roc_curve(answers, scores, drop_intermediate=False)
    assert false_positive_rate(known, unknown) == passed[np.flatnonzero(kept >= 0.95 - 1e-12)[0]]


@given(known=TIED, unknown=TIED)
def test_the_order_of_scores_is_all_that_counts(known, unknown):
    for measure in (auroc, false_positive_rate):
        assert measure(np.exp(known), np.exp(unknown)) == measure(known, unknown)


def test_95_of_100_are_kept_and_not_96():
    known = np.arange(100.0)  # of 0.95 * 100 the nearest double is above 95
    assert false_positive_rate(known, np.array([4.0])) == 0
    assert false_positive_rate(known, np.array([5.0])) == 1
    assert false_positive_rate(known, np.array([70.0]), kept=0.3) == 1
    assert false_positive_rate(known, np.array([69.0]), kept=0.3) == 0


@given(known=TIED, unknown=TIED)
def test_the_intervals_hold_their_values_and_stay_in_the_unit_interval(known, unknown):
    found = detect(known, unknown)
    for estimate, value in (
        (found.auroc, auroc(known, unknown)),
        (found.fpr, false_positive_rate(known, unknown)),
    ):
        assert estimate.value == value
        assert 0 <= estimate.low <= value <= estimate.high <= 1
        assert estimate.n == min(len(known), len(unknown))


@pytest.mark.parametrize(
    ("apart", "spread", "known", "unknown"), [(0, 1, 60, 100), (2, 1, 200, 80), (3, 0.5, 80, 500)]
)
def test_the_95_percent_intervals_cover(apart, spread, known, unknown):
    # known ~ N(apart, 1) and unknown ~ N(0, spread): both truths in closed form
    random = np.random.default_rng(round(100 * spread + known))
    area = NORMAL.cdf(apart / (1 + spread**2) ** 0.5)
    rate = 1 - NORMAL.cdf((apart + NORMAL.inv_cdf(0.05)) / spread)
    covered = []
    for _ in range(300):
        found = detect(random.normal(apart, 1, known), random.normal(0, spread, unknown))
        covered.append((found.auroc.low <= area <= found.auroc.high, found.fpr.low <= rate <= found.fpr.high))
    # of 300 at 95 %, a share below 0.92 has a chance of 1 %
    assert np.mean(covered, 0).min() >= 0.92


def test_auroc_errs_as_delong_says():
    random = np.random.default_rng(0)
    known, unknown = random.normal(1, 1, 3000), random.normal(0, 1, 2000)
    placed = (known[:, None] > unknown).mean(1), (known > unknown[:, None]).mean(1)
    error = (placed[0].var() / 3000 + placed[1].var() / 2000) ** 0.5
    found = detect(known, unknown).auroc
    assert found.high - found.low == pytest.approx(
        2 * 1.96 * error, rel=0.01
    )  # the scale bends it by a little


def test_a_wider_level_gives_a_wider_interval():
    random = np.random.default_rng(0)
    scores = random.normal(1, 1, 300), random.normal(0, 1, 300)
    usual, wide = detect(*scores), detect(*scores, level=0.99)
    for name in ("auroc", "fpr"):
        assert getattr(wide, name).low < getattr(usual, name).low
        assert getattr(wide, name).high > getattr(usual, name).high


def test_perfect_order_is_not_certainty():
    found = detect(np.arange(50.0) + 100, np.arange(400.0) - 400)
    assert found.auroc.value == found.auroc.high == 1
    assert found.auroc.low == pytest.approx(1 - 1.96**2 / (50 + 1.96**2), abs=1e-4)  # Wilson's end at 0 of 50
    assert found.fpr.value == found.fpr.low == 0
    assert found.fpr.high > 0
    backwards = detect(np.arange(400.0) - 400, np.arange(50.0) + 100)
    assert (backwards.auroc.low, backwards.auroc.value, backwards.fpr.value) == (0, 0, 1)
    assert (detect(np.ones(1), np.zeros(9)).auroc.low, detect(np.ones(1), np.zeros(9)).auroc.high) == (
        0,
        1,
    )


def test_the_scores_are_their_formulas_and_high_for_one_clear_class():
    logits = np.random.default_rng(0).normal(size=(20, 5))
    np.testing.assert_allclose(DETECTION_SCORES["maximum probability"](logits), softmax(logits).max(1))
    np.testing.assert_array_equal(maximum_logit(logits), logits.max(1))
    np.testing.assert_allclose(energy(logits), np.log(np.exp(logits).sum(1)))
    centred = logits - logits.mean(1, keepdims=True)
    want = centred.max(1) / np.linalg.norm(centred, axis=1)
    np.testing.assert_allclose(DETECTION_SCORES["logit norm"](logits), want)
    for score in DETECTION_SCORES.values():
        clear, unclear = score(np.array([[6.0, 0.0, 0.0], [2.0, 1.0, 1.5]]))
        assert clear > unclear


def test_a_shift_of_all_logits_moves_what_is_no_function_of_probabilities():
    logits = np.random.default_rng(0).normal(size=(20, 5))
    moved = {
        name for name, score in DETECTION_SCORES.items() if not np.allclose(score(logits), score(logits + 3))
    }
    assert moved == {"maximum logit", "energy"}


def test_nan_and_impossible_shares_are_refused():
    with pytest.raises(ValueError, match="`unknown` must hold numbers, but row 1 has nan"):
        auroc(np.ones(2), np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match=r"`kept` must lie between 0 and 1, but got 95\.0"):
        false_positive_rate(np.ones(2), np.ones(2), kept=95.0)
    for many in (1, 3):
        with pytest.raises(ValueError, match="`level` must lie between 0 and 1"):
            detect(np.arange(1.0 * many), np.ones(2), level=95.0)
