"""Wrong labels on purpose follow their matrix, and stay the same from run to run and from rate to rate."""

import numpy as np
import pytest

from smoothlab.data import flip_labels, pair_flip_noise, symmetric_noise

LABELS = np.arange(60_000) % 6
RATES = (0.0, 0.2, 0.6, 1.0)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("classes", [2, 6])
def test_symmetric_noise_makes_that_share_wrong_in_every_way_alike(classes, rate):
    transition = symmetric_noise(classes, rate)
    np.testing.assert_allclose(transition.sum(1), 1)
    np.testing.assert_allclose(np.diag(transition), 1 - rate)
    wrong = transition[~np.eye(classes, dtype=bool)]
    np.testing.assert_allclose(wrong, rate / (classes - 1))


@pytest.mark.parametrize("rate", RATES)
def test_pair_flips_go_to_the_next_class_alone(rate):
    transition = pair_flip_noise(3, rate)
    want = [[1 - rate, rate, 0], [0, 1 - rate, rate], [rate, 0, 1 - rate]]
    np.testing.assert_allclose(transition, want)


ODD = np.random.default_rng(1).dirichlet(np.ones(6), 6)
MATRICES = {
    "symmetric": symmetric_noise(6, 0.4),
    "pair": pair_flip_noise(6, 0.3),
    "odd": ODD,
    "nothing": np.eye(6),
    "everything": pair_flip_noise(6, 1.0),
}


@pytest.mark.parametrize("transition", MATRICES.values(), ids=MATRICES.keys())
def test_labels_go_where_the_matrix_sends_them(transition):
    noisy = flip_labels(LABELS, transition, seed=0)
    counted = np.array([np.bincount(noisy[label == LABELS], minlength=6) for label in range(6)]) / 10_000
    # of 36 shares one is 4.5 standard errors off by a chance of 1 in 4000
    deviation = np.sqrt(transition * (1 - transition) / 10_000)
    assert (abs(counted - transition) <= 4.5 * deviation).all()
    assert (counted[transition == 0] == 0).all()


def test_a_seed_says_everything_and_the_labels_given_stay_as_they_are():
    before = LABELS.copy()
    one, again, other = (flip_labels(LABELS, MATRICES["symmetric"], seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    np.testing.assert_array_equal(LABELS, before)
    assert one.dtype == np.int64


def test_the_stream_is_that_of_every_version_of_numpy():
    noisy = flip_labels(np.zeros(12, np.int64), symmetric_noise(10, 0.5), seed=0)
    goes, becomes = np.random.PCG64(0).random_raw(24).reshape(12, 2).T / 2.0**64
    want = np.where(goes < 0.5, 1 + np.floor(9 * becomes).astype(int), 0)
    np.testing.assert_array_equal(noisy, want)


@pytest.mark.parametrize("noise", [symmetric_noise, pair_flip_noise])
def test_what_is_wrong_at_a_rate_is_wrong_in_the_same_way_at_every_higher(noise):
    lower = LABELS
    for rate in (0.1, 0.3, 0.31, 0.8, 1.0):
        higher = flip_labels(LABELS, noise(6, rate), seed=3)
        flipped = lower != LABELS
        np.testing.assert_array_equal(higher[flipped], lower[flipped])
        lower = higher
    assert (lower != LABELS).all()


def test_more_examples_do_not_change_those_before():
    transition = MATRICES["odd"]
    np.testing.assert_array_equal(
        flip_labels(LABELS[:500], transition, seed=0), flip_labels(LABELS, transition, seed=0)[:500]
    )


def test_whether_a_label_goes_wrong_says_nothing_of_what_it_becomes():
    noisy = flip_labels(np.zeros(60_000, np.int64), symmetric_noise(3, 0.5), seed=0)
    early, late = (np.mean(part[part > 0] == 1) for part in np.split(noisy, 2))
    assert abs(early - 0.5) < 0.02
    assert abs(late - 0.5) < 0.02


@pytest.mark.parametrize(
    "wrong",
    [
        np.eye(3)[:2],
        np.full((3, 3), 0.5),
        np.array([[1.5, -0.5], [0.0, 1.0]]),
        np.full((2, 2), np.nan),
        np.eye(1),
    ],
    ids=["not square", "too much", "below 0", "nan", "one class"],
)
def test_a_matrix_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="`transition` must have a row for each class"):
        flip_labels(np.array([0, 0]), wrong, seed=0)


def test_numbers_out_of_range_are_refused():
    for noise in (symmetric_noise, pair_flip_noise):
        with pytest.raises(ValueError, match="`rate` must lie in"):
            noise(3, 1.1)
        with pytest.raises(ValueError, match="`classes` must be a whole number, at least 2"):
            noise(1, 0.1)
    with pytest.raises(ValueError, match="for 2 classes, but row 1 holds 2"):
        flip_labels(np.array([0, 2]), np.eye(2), seed=0)
    with pytest.raises(ValueError, match="`seed` must be a whole number, at least 0"):
        flip_labels(np.array([0]), np.eye(2), seed=-1)
