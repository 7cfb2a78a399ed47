"""Answers counted in groups give what the same answers give one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.measures.area_intervals import (
    augrc_estimate,
    augrc_estimate_of_steps,
    aurc_estimate,
    aurc_estimate_of_steps,
    excess_aurc_estimate,
    excess_aurc_estimate_of_steps,
)
from smoothlab.measures.binning import Binning
from smoothlab.measures.calibration import reliability_between, reliability_of_groups
from smoothlab.measures.consistency import (
    calibration_test,
    calibration_test_of_groups,
    consistency_test_of_groups,
)
from smoothlab.measures.error_interval import calibration_error_estimate, calibration_error_estimate_of_groups
from smoothlab.measures.errors import Norm
from smoothlab.measures.groups import Groups, bins_of_groups, totals_of_groups
from smoothlab.measures.intervals import Moments
from smoothlab.measures.kolmogorov import kolmogorov_smirnov, kolmogorov_smirnov_of_groups
from smoothlab.measures.poisson_binomial import count_quantile, cumulative, windowed
from smoothlab.measures.selective import steps_of_groups
from smoothlab.measures.smooth import smooth_calibration_error, smooth_calibration_error_of_groups
from smoothlab.measures.spiegelhalter import spiegelhalter, spiegelhalter_of_groups

GROUPS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(1, 20), st.floats(0, 1)),
    min_size=1,
    max_size=12,
    unique_by=lambda g: g[0],
)


def grouped(drawn) -> Groups:
    confidences, count, share = (np.array(column) for column in zip(*drawn, strict=True))
    return Groups(confidences, count, np.rint(count * share).astype(np.int64))


def one_by_one(groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """The same answers as arrays."""
    correct = [np.arange(n) < right for n, right in zip(groups.count, groups.right, strict=True)]
    return np.repeat(groups.confidences, groups.count), np.concatenate(correct)


def close(got, want):
    # sums of other terms in another order: some bits of numbers near 1
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


@given(drawn=GROUPS)
def test_a_calibration_test_does_not_see_how_answers_are_counted(drawn):
    groups = grouped(drawn)
    for binning in Binning:
        for norm in Norm:
            got = calibration_test_of_groups(groups, bins=5, binning=binning, norm=norm, resamples=20)
            want = calibration_test(*one_by_one(groups), bins=5, binning=binning, norm=norm, resamples=20)
            close((got.error, *got.null), (want.error, *want.null))
            assert got.n == want.n


@given(drawn=GROUPS)
def test_nor_does_the_interval_of_a_calibration_error(drawn):
    groups = grouped(drawn)
    for binning in Binning:
        got = calibration_error_estimate_of_groups(groups, binning=binning)
        want = calibration_error_estimate(*one_by_one(groups), binning=binning)
        close((got.value, got.low, got.high), (want.value, want.low, want.high))


@given(drawn=GROUPS)
def test_nor_does_a_measure_without_bins(drawn):
    groups = grouped(drawn)
    answers = one_by_one(groups)
    close(smooth_calibration_error_of_groups(groups), smooth_calibration_error(*answers))
    close(kolmogorov_smirnov_of_groups(groups).error, kolmogorov_smirnov(*answers).error)
    z, want = spiegelhalter_of_groups(groups).z, spiegelhalter(*answers).z
    assert z == want or abs(z - want) < 1e-6 * abs(want) + 1e-6


@given(drawn=GROUPS)
def test_nor_does_an_area_or_its_interval(drawn):
    groups = grouped(drawn)
    answers, steps = one_by_one(groups), steps_of_groups(groups)
    for of_steps, whole in (
        (aurc_estimate_of_steps, aurc_estimate),
        (augrc_estimate_of_steps, augrc_estimate),
        (excess_aurc_estimate_of_steps, excess_aurc_estimate),
    ):
        got, want = of_steps(steps), whole(*answers)
        close((got.value, got.low, got.high, got.n), (want.value, want.low, want.high, want.n))


def test_nor_does_a_reliability_diagram():
    groups = Groups(np.array([0.2, 0.7, 0.9]), np.array([30, 50, 20]), np.array([5, 40, 20]))
    edges = np.array([0, 0.5, 1])
    got, want = reliability_of_groups(edges, groups), reliability_between(edges, *one_by_one(groups))
    for name in ("count", "confidence", "accuracy", "null_low", "null_high"):
        close(getattr(got, name), getattr(want, name))


def test_equal_mass_counts_the_answers_of_a_group_and_not_the_group():
    groups = Groups(np.array([0.9, 0.1, 0.5]), np.array([10, 10, 80]), np.array([9, 1, 40]))
    bin_of = bins_of_groups(groups, bins=4, binning=Binning.MASS)
    assert totals_of_groups(groups, bin_of, bins=4).count.tolist() == [90, 0, 0, 10]


def test_a_drawn_group_has_the_law_of_its_answers_drawn_one_by_one():
    groups = Groups(np.array([0.6, 0.9]), np.array([300, 700]), np.array([180, 630]))
    alone = Groups.each_alone(*one_by_one(groups))
    got, want = (
        consistency_test_of_groups(lambda some: some.gap_sum, each, resamples=4000)
        for each in (groups, alone)
    )
    # the ends of 4000 draws of a normal with deviation 11.6 scatter by 0.5; four of these
    np.testing.assert_allclose(got.null, want.null, atol=2.5)


@pytest.mark.parametrize("p", [1e-6, 0.03, 0.2, 0.5, 0.97, 1.0])
def test_the_window_holds_the_whole_law(p):
    count = np.array([40, 300])
    probabilities = np.array([p, 0.99])
    first, sums = windowed(probabilities, count, float((count * probabilities) @ (1 - probabilities)))
    want = cumulative(np.repeat(probabilities, count))
    k = np.arange(len(want))
    got = np.where(k < first, 0.0, sums[np.clip(k - first, 0, len(sums) - 1)])
    np.testing.assert_allclose(got, want, atol=1e-13)  # two transforms, each right to some 1e-15 a term


def test_very_many_answers_that_hardly_scatter_have_the_law_of_their_few_errors():
    from scipy.stats import poisson

    levels = np.array([0.025, 0.5, 0.975])
    found = count_quantile(np.array([1 - 3e-8]), levels, np.array([10**8]))
    # the number of errors is binomial(10^8, 3e-8), which is Poisson's of mean 3 to 1e-7
    assert (10**8 - found).tolist() == poisson(3).ppf(1 - levels).tolist()


def test_moments_of_groups_are_those_of_their_values():
    values, count = np.array([1.0, 5.0, 7.0]), np.array([3, 1, 2])
    np.testing.assert_allclose(Moments.of(values, count), Moments.of(np.repeat(values, count)), rtol=1e-14)
