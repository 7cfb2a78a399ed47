import numpy as np
import pytest

from smoothlab.measures import risk_coverage, risk_curve
from smoothlab.measures.intervals import share_estimate

SCORES = np.random.default_rng(1).random(3000)
RIGHT = np.random.default_rng(2).random(3000) < SCORES


def test_every_point_is_a_point_of_the_risk_coverage_curve():
    whole, curve = risk_coverage(SCORES, RIGHT), risk_curve(SCORES, RIGHT, points=50)
    at = np.searchsorted(whole.coverage, curve.coverage - 1e-12)
    assert np.array_equal(whole.coverage[at], curve.coverage)
    assert np.array_equal(whole.risk[at], curve.risk)
    assert len(curve.risk) == 50


def test_the_interval_is_wilsons_of_the_answered_examples():
    curve = risk_curve(SCORES, RIGHT, points=10)
    order = np.argsort(-SCORES)
    for coverage, low, high in zip(curve.coverage, curve.low, curve.high, strict=True):
        want = share_estimate(~RIGHT[order][: round(coverage * 3000)])
        assert (low, high) == pytest.approx((want.low, want.high), rel=1e-12)


def test_the_interval_at_a_threshold_covers_the_risk_beyond_it():
    # p uniform and right with chance p: the surest share c has the risk c/2
    found = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        scores = random.random(400)
        curve = risk_curve(scores, random.random(400) < scores, points=2)
        found += curve.low[0] <= curve.coverage[0] / 2 <= curve.high[0]
    assert found > 0.95 * 200 - 3 * np.sqrt(0.95 * 0.05 * 200)


def test_ties_are_answered_together_and_all_is_answered_last():
    curve = risk_curve(np.array([1.0, 1.0, 0.0, 0.0]), np.array([True, False, False, False]))
    assert curve.coverage.tolist() == [0.5, 1]
    assert curve.risk.tolist() == [0.5, 0.75]


@pytest.mark.parametrize("right", [True, False])
def test_an_interval_holds_its_risk_even_where_all_or_none_are_wrong(right):
    curve = risk_curve(SCORES, np.full(3000, right))
    assert ((curve.low <= curve.risk) & (curve.risk <= curve.high)).all()
    assert (curve.high - curve.low > 0).all()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="`points`"):
        risk_curve(SCORES, RIGHT, points=0)
    with pytest.raises(ValueError, match="`level`"):
        risk_curve(SCORES, RIGHT, level=1.0)
