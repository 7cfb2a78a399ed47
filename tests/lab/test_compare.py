import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from smoothlab.lab import compare

RANDOM = np.random.default_rng(5)
SEEDS = st.lists(st.floats(-5, 5).map(lambda x: round(x, 3)), min_size=3, max_size=12)


@given(values=SEEDS)
def test_a_paired_comparison_is_students_t_test(values):
    treated, control = np.array(values), np.zeros(len(values))
    if np.ptp(treated) == 0:
        return
    side = compare.below(treated, control, threshold=0.25)
    want = stats.ttest_1samp(treated, 0.25)
    assert side.p == pytest.approx(want.pvalue, abs=1e-12)
    assert side.claimed == (want.statistic < 0)
    low, high = stats.ttest_rel(treated, control).confidence_interval(0.95)
    assert (side.estimate.low, side.estimate.high) == pytest.approx((low, high))


def test_only_pairs_count():
    treated, control = np.array([1.0, np.nan, 3.0, 4.0, 2.5]), np.array([0.5, 1.0, 2.0, np.nan, 2.0])
    assert compare.difference(treated, control).n == 3
    assert compare.difference(treated, control).value == pytest.approx((0.5 + 1.0 + 0.5) / 3)


def test_no_winner_is_named_below_three_pairs():
    assert compare.below(np.array([-9.0, -9.1]), np.zeros(2)).p == 1
    assert compare.equivalent(np.zeros(2), np.zeros(2), margin=1.0).p == 1
    assert compare.falling_trend(np.array([[3.0, 3.0], [2.0, 2.0], [1.0, 1.0]])) == 1


@pytest.mark.parametrize(("value", "claimed", "p"), [(-1.0, True, 0.0), (0.0, False, 1.0), (1.0, False, 0.0)])
def test_seeds_that_agree_to_the_last_bit_leave_no_doubt(value, claimed, p):
    side = compare.below(np.full(5, value), np.zeros(5))
    assert (side.claimed, side.p) == (claimed, p)


def test_equivalence_is_two_one_sided_tests():
    differences = RANDOM.normal(0.002, 0.004, 10)
    side = compare.equivalent(differences, np.zeros(10), margin=0.01)
    lower = stats.ttest_1samp(differences, -0.01, alternative="greater").pvalue
    upper = stats.ttest_1samp(differences, 0.01, alternative="less").pvalue
    assert side.claimed
    assert side.p == pytest.approx(max(lower, upper))
    # the dual: p < 5 % exactly where the 90 % interval lies within the margin
    assert (side.p < 0.05) == (side.estimate.low > -0.01 and side.estimate.high < 0.01)
    assert side.estimate.level == 0.9


def test_a_difference_far_beyond_the_margin_is_not_equivalent():
    side = compare.equivalent(RANDOM.normal(0.05, 0.004, 10), np.zeros(10), margin=0.01)
    assert not side.claimed
    assert side.p < 1e-6


def test_the_equivalence_test_keeps_its_level_at_the_margin():
    # differences whose true mean is the margin itself are called equivalent in 5 % of experiments
    draws = RANDOM.normal(0.01, 0.004, (4000, 10))
    sides = [compare.equivalent(row, np.zeros(10), margin=0.01) for row in draws]
    share = np.mean([side.claimed and side.p < 0.05 for side in sides])
    assert abs(share - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 4000)  # three standard errors of a share


def test_a_fall_along_every_seed_is_a_trend_and_a_rise_is_none():
    falling = np.array([[5.0], [4.0], [3.0], [2.0], [1.0]]) + RANDOM.normal(0, 0.1, (5, 10))
    assert compare.falling_trend(falling) < 1e-6
    assert compare.falling_trend(-falling) > 0.99
    falling[2, 0] = np.nan  # a seed that lacks a level is left out
    assert compare.falling_trend(falling) < 1e-6


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_never_below_the_raw_value_nor_above_bonferronis(p):
    adjusted = compare.holm(p)
    for raw, corrected in zip(p, adjusted, strict=True):
        assert raw <= corrected <= min(1.0, len(p) * raw)
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)


def test_holms_rule_keeps_the_chance_of_one_false_verdict():
    draws = RANDOM.uniform(size=(4000, 9))
    share = np.mean([min(compare.holm(list(row))) < 0.05 for row in draws])
    assert share < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)
