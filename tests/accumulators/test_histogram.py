from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.accumulators import Histogram
from smoothlab.measures import calibration_error, calibration_test
from smoothlab.measures.binning import Binning, bins_of, width_edges
from smoothlab.measures.consistency import calibration_test_of_groups
from smoothlab.measures.errors import Norm
from smoothlab.measures.groups import bins_of_groups
from smoothlab.measures.log_odds import log_odds_edges

UP = np.nextafter(1, 0)
AWKWARD = [0.0, 5e-324, 1e-20, 1 / 3, 0.2, 0.5, 0.6, 0.8, np.nextafter(0.8, 0), np.nextafter(0.8, 1), UP, 1.0]
CONFIDENCES = st.lists(st.floats(0, 1) | st.sampled_from(AWKWARD), min_size=1, max_size=40)


def histogram(confidences, correct=None, bins=15) -> Histogram:
    confidences = np.asarray(confidences, np.float64)
    seen = Histogram(bins=bins)
    seen.update(confidences, np.ones(len(confidences), bool) if correct is None else np.asarray(correct))
    return seen


@given(confidences=CONFIDENCES)
def test_cells_rise_with_the_confidence(confidences):
    ordered = np.sort(np.array(confidences))
    cells = Histogram().cells_of(ordered)
    assert (np.diff(cells) >= 0).all()
    assert cells.min() >= 0
    assert cells.max() < len(Histogram().sums["count"])


def test_exactly_one_has_a_cell_of_its_own():
    low, high, one = Histogram().cells_of(np.array([np.nextafter(UP, 0), UP, 1.0]))
    assert low < high < one == len(Histogram().sums["count"]) - 1


def test_a_cell_is_narrow_in_log_odds():
    p = np.linspace(0.001, 0.999, 200_001)
    cells = Histogram().cells_of(p)
    first = np.flatnonzero(np.append(True, np.diff(cells) > 0))
    last = np.append(first[1:], len(p)) - 1
    assert (p[last] - p[first] <= 2.0**-10 * p[first] * (1 - p[first]) * 1.01).all()


@pytest.mark.parametrize("bins", [1, 10, 15, 100])
@given(confidences=CONFIDENCES)
def test_bins_are_made_of_whole_cells(bins, confidences):
    seen = histogram(confidences, bins=bins)
    groups = seen.groups()
    for edges in (width_edges(bins), log_odds_edges()):
        inner = edges[1:-1]
        want = np.bincount(np.searchsorted(inner, confidences), minlength=len(edges))
        got = np.bincount(
            np.searchsorted(inner, groups.confidences), weights=groups.count, minlength=len(edges)
        )
        assert np.array_equal(got, want)


@given(confidences=st.lists(st.floats(2.0**-8, 1), min_size=1, max_size=30))
def test_the_sum_of_confidences_is_exact(confidences):
    assert histogram(confidences).sum_of_confidences() == sum(map(Fraction, confidences))


def test_a_billion_confidences_are_summed_to_a_billionth():
    confidences = np.random.default_rng(0).random(1000) / 1000  # all below 1/256, so all rounded
    seen = histogram(confidences)
    for _ in range(20):
        seen = seen + seen
    assert seen.n == 1000 * 2**20
    truth = sum(map(Fraction, confidences.tolist())) * 2**20
    assert 0 < abs(seen.sum_of_confidences() - truth) < Fraction(1, 10**9)


def test_a_sum_that_does_not_fit_is_refused():
    seen = histogram([1.0] * 2)
    for _ in range(31):
        seen = seen + seen
    with pytest.raises(OverflowError, match="'high'"):
        seen + seen


@given(data=st.data(), confidences=CONFIDENCES)
def test_the_errors_of_bins_of_equal_width_lose_nothing(data, confidences):
    correct = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(confidences), max_size=len(confidences)))
    )
    groups = histogram(confidences, correct).groups()
    for norm in Norm:
        want = calibration_error(np.array(confidences), correct, norm=norm)
        # each mean of a group is rounded once
        assert calibration_test_of_groups(groups, norm=norm, resamples=1).error == pytest.approx(
            want, abs=1e-15
        )


def test_the_errors_of_bins_of_equal_mass_lose_a_cell_at_each_edge():
    random = np.random.default_rng(0)
    confidences = 1 / (1 + np.exp(-random.normal(2, 2, 100_000)))
    correct = random.random(100_000) < confidences**1.2
    groups = histogram(confidences, correct).groups()
    shown = np.searchsorted(np.sort(confidences), groups.confidences)
    assert np.abs(np.diff(shown)).max() < 100  # answers in a cell: 1e-3 of all
    got = calibration_test_of_groups(groups, binning=Binning.MASS)
    want = calibration_test(confidences, correct, binning="mass")
    # at 14 edges at most 1e-3 of the answers change their bin, for one whose gap differs by some hundredths
    assert got.error == pytest.approx(want.error, abs=14e-3 * 0.02)
    np.testing.assert_allclose(got.null, want.null, rtol=0.05)
    count = np.bincount(bins_of_groups(groups, bins=15, binning=Binning.MASS), weights=groups.count)
    assert np.abs(count - np.bincount(bins_of(confidences, bins=15, binning=Binning.MASS))).max() < 200


def test_no_answer_has_no_groups():
    with pytest.raises(ValueError, match="none was added"):
        Histogram().groups()
