"""Areas under risk, calibration errors and their parts beside the peers that are right, and where other peers fail.

Peers that are no dependency are quoted: what they returned on these very data, with their version.
"""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score, top_k_accuracy_score

from smoothlab._numerics import softmax
from smoothlab.measures import (
    Binning,
    augrc,
    aurc,
    brier_decomposition,
    brier_parts,
    calibration_error,
    kolmogorov_smirnov,
    logit_norm,
    smooth_calibration_error,
    top_label,
    within_top,
)
from smoothlab.measures.binning import bins_of


def drawn(n, *, temperature=1.0, classes=10, scale=3.0, seed=0):
    random = np.random.default_rng(seed)
    logits = scale * random.normal(size=(n, classes))
    return logits, (logits / temperature + random.gumbel(size=(n, classes))).argmax(1)


def quoted(kind):
    """2000 confidences with a density of 2p, whose answers are right with probability p, p^2 or the root of p."""
    random = np.random.default_rng(5)
    confidences, chances = np.sqrt(random.random(2000)), random.random(2000)
    right = {"calibrated": confidences, "over": confidences**2, "under": np.sqrt(confidences)}[kind]
    return confidences, chances < right


LOGITS, LABELS = drawn(3000, temperature=1.7)


@pytest.mark.parametrize("ties", [False, True])
def test_augrc_is_what_the_roc_curve_of_scikit_learn_says(ties):
    scores, correct = top_label(LOGITS, LABELS)
    scores = np.round(scores, 1) if ties else scores
    # a chance pair of a right and a wrong answer, misordered, and a chance pair of wrong ones; half for ties in both
    right = correct.mean()
    want = (1 - roc_auc_score(correct, scores)) * right * (1 - right) + (1 - right) ** 2 / 2
    np.testing.assert_allclose(augrc(scores, correct), want, rtol=1e-12)


def test_the_brier_scores_that_are_taken_apart_are_those_of_scikit_learn():
    chances = softmax(LOGITS)
    want = brier_score_loss(LABELS, chances, labels=np.arange(10), scale_by_half=False)
    np.testing.assert_allclose(brier_decomposition(LOGITS, LABELS).score, want, rtol=1e-12)
    confidences, correct = top_label(LOGITS, LABELS)
    np.testing.assert_allclose(
        brier_parts(confidences, correct).score, brier_score_loss(correct, confidences), rtol=1e-12
    )


@pytest.mark.parametrize(("binning", "strategy"), [(Binning.WIDTH, "uniform"), (Binning.MASS, "quantile")])
def test_the_bins_are_those_of_scikit_learn(binning, strategy):
    confidences, correct = top_label(LOGITS, LABELS)
    rates, means = calibration_curve(correct, confidences, n_bins=15, strategy=strategy)
    count = np.bincount(bins_of(confidences, bins=15, binning=binning))
    want = np.abs(rates - means) @ count[count > 0] / 3000
    np.testing.assert_allclose(calibration_error(confidences, correct, binning=binning), want, rtol=1e-12)


@pytest.mark.parametrize("k", [1, 3, 9])
def test_how_often_the_label_is_within_the_top_k_is_what_scikit_learn_says(k):
    want = top_k_accuracy_score(LABELS, LOGITS, k=k, labels=np.arange(10))
    assert within_top(LOGITS, LABELS, k=k).correct.mean() == pytest.approx(want, rel=1e-12)


# relplot 1.0.3 searches the bandwidth in steps of 1/1024 on a mesh of 200 points: smECE(f, y, return_width=True)
@pytest.mark.parametrize(
    ("kind", "error", "bandwidth"),
    [("calibrated", 0.020557, 0.021484), ("over", 0.157031, 0.157227), ("under", 0.137050, 0.137695)],
)
def test_the_smooth_error_is_that_of_relplot_to_its_own_precision(kind, error, bandwidth):
    got = smooth_calibration_error(*quoted(kind))
    assert error - 3e-4 < got < bandwidth + 3e-4
    assert bandwidth - 2 / 1024 < got


# relplot 1.0.3: smECE_sigma(f, y, sigma); its mesh costs it up to half a percent
@pytest.mark.parametrize(
    ("kind", "errors"),
    [
        ("calibrated", [0.021698, 0.012025, 0.010741, 0.010753]),
        ("over", [0.157057, 0.156711, 0.156858, 0.157125]),
        ("under", [0.137097, 0.136834, 0.136969, 0.137162]),
    ],
)
def test_at_a_given_bandwidth_it_is_that_of_relplot(kind, errors):
    got = [smooth_calibration_error(*quoted(kind), bandwidth=width) for width in (0.02, 0.05, 0.1, 0.2)]
    np.testing.assert_allclose(got, errors, rtol=5e-3)


# uncertainty-calibration 0.1.4, by the authors of the debiased error: equal width, p = 2, 15 bins; p = 1, 10 bins
@pytest.mark.parametrize(
    ("kind", "square", "absolute"),
    [
        ("calibrated", 0.0, 0.004730),
        ("over", 0.1724458979071202, 0.156985),
        ("under", 0.15818457812297262, 0.137234),
    ],
)
def test_the_debiased_errors_are_those_of_their_authors(kind, square, absolute):
    confidences, correct = quoted(kind)
    got = calibration_error(confidences, correct, norm="square", debiased=True)
    np.testing.assert_allclose(got, square, rtol=1e-13)
    # theirs is the mean of 20 000 normal draws, of which one scatters by some 0.007
    got = calibration_error(confidences, correct, bins=10, debiased=True)
    np.testing.assert_allclose(got, absolute, atol=4 * 0.007 / np.sqrt(20_000) + 5e-7)


def test_a_bin_of_one_example_adds_its_weight_alone_to_the_debiased_square():  # as in the authors' code
    confidences, correct = np.append(np.full(8, 0.9), 0.1), np.arange(9) % 2 == 0
    got = calibration_error(confidences, correct, norm="square", debiased=True)
    # of eight with a gap of 0.4 half are right, which has the variance 1/4 over 7
    np.testing.assert_allclose(got, np.sqrt(8 / 9 * (0.4**2 - 0.25 / 7)), rtol=1e-14)


# Where peers fail; each test is one of their measured failures, turned round.


def test_tied_scores_have_one_aurc_and_not_one_for_each_order_of_rows():  # torch-uncertainty: 0.038, 0.104 or 0.116
    correct = np.arange(500) >= 50
    orders = (correct, correct[::-1], np.random.default_rng(0).permutation(correct))
    areas = [aurc(np.full(500, 0.9), order) for order in orders]
    np.testing.assert_allclose(areas, 0.1, rtol=1e-14)


def test_certain_float32_confidences_tie_and_the_rest_of_the_curve_does_not_care():
    # a hard net's confidences: many are exactly 1 in float32, and their rows come in any order
    logits, labels = drawn(4000, scale=30.0, temperature=10)
    confidences, correct = top_label(logits, labels)
    rounded = confidences.astype(np.float32)
    assert (rounded == 1).mean() > 0.1
    one = aurc(rounded, correct)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(4000)
        assert aurc(rounded[order], correct[order]) == one


def test_two_classes_have_one_logit_norm_and_so_the_error_rate_as_area():
    logits, labels = drawn(700, classes=2)
    correct = logits.argmax(1) == labels
    np.testing.assert_allclose(aurc(logit_norm(logits, power=2), correct), 1 - correct.mean(), rtol=1e-13)


@pytest.mark.slow
def test_ten_million_confidences_lose_no_digit():  # torchmetrics sums in float32: 0.00631 for a true 0.000354
    random = np.random.default_rng(1)
    confidences = random.random(10**7, np.float32)
    correct = random.random(10**7, np.float32) < confidences
    exact = confidences.astype(np.float64)
    assert calibration_error(confidences, correct) == calibration_error(exact, correct)
    assert calibration_error(confidences, correct) < 0.001
    assert calibration_error(confidences, correct, norm="square", debiased=True) < 0.0005
    assert smooth_calibration_error(confidences, correct) < 0.003
    assert kolmogorov_smirnov(confidences, correct).p_value > 0.001
    parts = brier_parts(confidences, correct)
    np.testing.assert_allclose(parts.score, ((exact - correct) ** 2).mean(), rtol=1e-12)
    # of p uniform and calibrated: AUGRC = integral of the risk of the top share c, c (c/2), over c
    np.testing.assert_allclose(augrc(confidences, correct), 1 / 6, atol=5e-4)
    np.testing.assert_allclose(aurc(confidences, correct), 1 / 4, atol=5e-4)
