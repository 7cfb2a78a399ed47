"""ECE and the reliability diagram: bins, counts, and the band of a calibrated model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.measures import accuracy, confidences, expected_calibration_error, reliability


def drawn(n, *, temperature=1.0, classes=10, scale=2.0, seed=0):
    """Logits and labels of a model whose logits divided by `temperature` are exactly calibrated."""
    random = np.random.default_rng(seed)
    logits = scale * random.normal(size=(n, classes))
    return logits, (logits / temperature + random.gumbel(size=(n, classes))).argmax(1)


def logits_of(chances):
    return np.log(np.column_stack([chances, 1 - np.asarray(chances)]))


@given(
    st.lists(
        st.tuples(st.floats(0, 1) | st.sampled_from([i / 15 for i in range(16)]), st.booleans()), min_size=1
    ),
    st.sampled_from([1, 10, 15]),
)
def test_the_error_is_its_definition_bin_by_bin(pairs, bins):
    total = 0.0
    for i in range(bins):
        inside = [(c, hit) for c, hit in pairs if i / bins < c <= (i + 1) / bins or (i == 0 == c)]
        if inside:
            gap = np.mean([hit for _, hit in inside]) - np.mean([c for c, _ in inside])
            total += len(inside) / len(pairs) * abs(gap)
    confident, correct = (np.array(column) for column in zip(*pairs, strict=True))
    got = expected_calibration_error(confident, correct, bins=bins)
    np.testing.assert_allclose(got, total, atol=1e-14)  # sums of at most 50 numbers below 1


def test_a_confidence_of_exactly_one_is_in_the_last_bin_and_of_zero_in_the_first():
    diagram = reliability(np.array([[800.0, 0.0], [800.0, 0.0], [0.3, 0.0]]), np.array([0, 1, 0]))
    assert diagram.count.tolist() == [0] * 8 + [1] + [0] * 5 + [2]
    assert diagram.confidence[-1] == 1
    assert diagram.accuracy[-1] == 0.5
    assert expected_calibration_error(np.array([0.0, 0.05]), np.array([True, False])) == 0.475  # one bin


def test_a_confidence_on_an_edge_is_in_the_bin_below_it():
    edges = reliability(np.zeros((1, 2)), np.array([0])).edges
    for i in range(8, 15):
        below = np.array([np.nextafter(edges[i], 0), edges[i], np.nextafter(edges[i], 1)])
        correct = np.array([True, False, True])
        # two share the bin below, so that a right and a wrong answer cancel there
        want = (abs(1 - below[:2].sum()) + (1 - below[2])) / 3
        np.testing.assert_allclose(expected_calibration_error(below, correct), want, rtol=1e-13)


def test_counts_and_means_are_those_of_the_bins():
    logits, labels = drawn(3000)
    confident, hits = confidences(logits), logits.argmax(1) == labels
    diagram = reliability(logits, labels)
    assert diagram.count.sum() == diagram.n == 3000
    for i in range(15):
        inside = (confident > diagram.edges[i]) & (confident <= diagram.edges[i + 1])
        assert diagram.count[i] == inside.sum()
        if inside.any():
            np.testing.assert_allclose(diagram.confidence[i], confident[inside].mean(), rtol=1e-13)
            np.testing.assert_allclose(diagram.accuracy[i], hits[inside].mean(), rtol=1e-13)
    want = expected_calibration_error(confident, hits)
    assert diagram.ece == pytest.approx(want, rel=1e-13)  # the same terms, added in another order
    np.testing.assert_allclose(np.nansum(diagram.count * diagram.accuracy) / 3000, accuracy(logits, labels))


def test_an_empty_bin_has_nothing_to_show():
    diagram = reliability(*drawn(500))  # 10 classes: no confidence is below a tenth
    empty = diagram.count == 0
    assert empty.any()
    for column in (diagram.confidence, diagram.accuracy, diagram.null_low, diagram.null_high):
        assert np.array_equal(np.isnan(column), empty)


def test_an_ece_of_many_examples_keeps_every_digit():
    # float32 sums lose count at 2^24, and miss the 0 of this model long before
    confident, correct = np.full(4_000_000, 0.75, np.float32), np.arange(4_000_000) % 4 != 0
    assert expected_calibration_error(confident, correct) == 0


def test_the_band_of_a_bin_is_the_quantile_range_of_simulated_answers():
    logits, labels = drawn(400, scale=1.0)
    diagram = reliability(logits, labels)
    confident = confidences(logits)
    bin_of = np.ceil(confident * 15).astype(int) - 1
    random = np.random.default_rng(5)
    answers = random.random((20_000, 400)) < confident
    for i in np.flatnonzero(diagram.count):
        simulated = answers[:, bin_of == i].mean(1)
        # the share beyond an end is at most 2.5 % by construction; 4 standard deviations of 20 000 draws are .45 %
        assert (simulated < diagram.null_low[i] - 1e-12).mean() < 0.025 + 0.0045
        assert (simulated > diagram.null_high[i] + 1e-12).mean() < 0.025 + 0.0045
        # and the band is the narrowest such: one answer less on either side, and more than 2.5 % fall out
        one = 1 / diagram.count[i]
        assert (simulated < diagram.null_low[i] + one - 1e-12).mean() > 0.025 - 0.0045
        assert (simulated > diagram.null_high[i] - one + 1e-12).mean() > 0.025 - 0.0045


def test_the_null_of_the_ece_is_that_of_simulated_answers():
    logits, labels = drawn(500)
    confident = confidences(logits)
    diagram = reliability(logits, labels, resamples=4000)
    answers = np.random.default_rng(3).random((4000, 500)) < confident
    simulated = [expected_calibration_error(confident, correct) for correct in answers]
    # the ends of a 95 % range of 4000 draws scatter by about 0.0006 at a standard deviation of 0.01
    np.testing.assert_allclose(diagram.null_ece, np.quantile(simulated, [0.025, 0.975]), atol=0.0025)
    np.testing.assert_allclose(diagram.p_value, np.mean(simulated >= np.float64(diagram.ece)), atol=0.04)


def test_a_calibrated_model_is_called_miscalibrated_as_often_as_the_level_says():
    p_values = [reliability(*drawn(500, seed=seed), resamples=200).p_value for seed in range(250)]
    # 3 standard deviations of a share of 250 are 4.1 % at 5 %, 9.5 % at one half
    assert np.mean(np.array(p_values) <= 0.05) < 0.05 + 0.041
    assert abs(np.mean(np.array(p_values) <= 0.5) - 0.5) < 0.095


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_an_over_and_an_underconfident_model_leave_the_band(temperature):
    diagram = reliability(*drawn(2000, temperature=temperature))
    assert diagram.p_value == 1 / 1001
    assert diagram.ece > diagram.null_ece[1]
    outside = (diagram.accuracy < diagram.null_low) | (diagram.accuracy > diagram.null_high)
    assert diagram.count[outside].sum() > 1000


def test_the_same_seed_gives_the_same_numbers_and_another_seed_the_same_band():
    logits, labels = drawn(800)
    one, again, other = (reliability(logits, labels, seed=seed) for seed in (0, 0, 1))
    assert (one.p_value, one.null_ece) == (again.p_value, again.null_ece)
    assert one.null_ece != other.null_ece
    np.testing.assert_array_equal(one.null_low, other.null_low)  # computed, not drawn


def test_a_model_that_can_show_only_one_ece_has_a_p_value_of_one():
    assert (
        reliability(np.zeros((1, 2)), np.array([1])).p_value == 1
    )  # confidence 1/2: off by 1/2, right or wrong


def test_an_example_does_not_change_with_the_batch_it_comes_in():
    logits, labels = drawn(3)  # logits stay logits at batch size 1
    alone = [reliability(logits[i : i + 1], labels[i : i + 1]) for i in range(3)]
    together = reliability(logits, labels, bins=1)
    np.testing.assert_allclose(np.mean([np.nansum(one.confidence) for one in alone]), together.confidence[0])


def test_float32_logits_are_judged_in_float64():
    logits, labels = drawn(1000)
    rounded = logits.astype(np.float32)
    assert reliability(rounded, labels).ece == reliability(rounded.astype(np.float64), labels).ece


def test_bad_arguments_get_one_sentence():
    correct = np.array([True, False])
    with pytest.raises(ValueError, match=r"`confidences` must lie in \[0, 1\], but row 1 has 3.2"):
        expected_calibration_error(np.array([0.5, 3.2]), correct)
    with pytest.raises(ValueError, match="row 0 has nan"):
        expected_calibration_error(np.array([np.nan, 0.5]), correct)
    with pytest.raises(ValueError, match="hold something"):
        expected_calibration_error(np.zeros(0), np.zeros(0, np.bool_))
    with pytest.raises(ValueError, match="`bins` must be a whole number, at least 1"):
        expected_calibration_error(np.zeros(2), correct, bins=0)
    with pytest.raises(ValueError, match="`resamples`"):
        reliability(logits_of([0.5]), np.array([0]), resamples=0)
    with pytest.raises(ValueError, match="row 0 has 2"):
        reliability(logits_of([0.5]), np.array([2]))
