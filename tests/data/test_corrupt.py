"""Corrupted images."""

import colorsys

import numpy as np
import pytest

from smoothlab.data import Corruption, corrupted, fashion_mnist_small

NOISES = (Corruption.GAUSSIAN_NOISE, Corruption.SHOT_NOISE)
OTHERS = [kind for kind in Corruption if kind not in NOISES]
RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (3, 3, 32, 32)).astype(np.uint8)


@pytest.fixture(scope="module")
def clothes():
    return fashion_mnist_small().test.inputs[:60]


@pytest.mark.parametrize("kind", list(Corruption))
def test_each_severity_takes_an_image_further_from_the_clean_one(kind, clothes):
    away = [
        np.square(corrupted(clothes, kind, severity=severity) - clothes.astype(float)).mean()
        for severity in range(1, 6)
    ]
    assert away[0] > 0
    assert all(np.diff(away) > 0)


@pytest.mark.parametrize("kind", list(Corruption))
@pytest.mark.parametrize("shape", [(2, 1, 28, 28), (2, 3, 32, 32), (1, 1, 5, 7)])
def test_images_keep_their_shape_and_are_not_written_to(kind, shape):
    images = RANDOM.integers(0, 256, shape).astype(np.uint8)
    before = images.copy()
    images.flags.writeable = False
    assert corrupted(images, kind, severity=3).shape == shape
    np.testing.assert_array_equal(images, before)


def test_gaussian_noise_has_the_stated_deviation_and_shot_noise_that_of_its_counts():
    grey = np.full((40, 1, 32, 32), 128, np.uint8)  # 40960 pixels: a deviation is known to 1 in 300
    noise = corrupted(grey, "gaussian_noise", severity=5).astype(float)
    assert noise.mean() == pytest.approx(128, abs=0.5)
    assert noise.std() == pytest.approx(25.5, rel=0.02)
    shot = corrupted(grey, "shot_noise", severity=5).astype(float)
    assert shot.mean() == pytest.approx(128, abs=0.7)
    assert shot.std() == pytest.approx(255 * np.sqrt(128 / 255 / 50), rel=0.02)
    black = np.zeros((1, 1, 8, 8), np.uint8)
    np.testing.assert_array_equal(corrupted(black, "shot_noise", severity=5), black)  # no light, no counts


@pytest.mark.parametrize("kind", NOISES)
def test_noise_is_decided_by_the_seed_and_differs_between_images_and_pixels(kind, clothes):
    first, again, other = (corrupted(clothes, kind, severity=3, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    same = corrupted(np.full((2, 1, 8, 8), 128, np.uint8), kind, severity=3)
    assert (same[0] != same[1]).any()
    assert len(np.unique(same[0])) > 5


@pytest.mark.parametrize("kind", list(Corruption))
def test_many_blocks_give_what_one_would(kind, clothes, monkeypatch):
    whole = corrupted(clothes, kind, severity=2)
    monkeypatch.setattr(
        "smoothlab.data.corrupt._AT_ONCE", 7 * 28 * 28
    )  # 7 images at once, which do not divide 60
    np.testing.assert_array_equal(corrupted(clothes, kind, severity=2), whole)


@pytest.mark.parametrize("kind", [Corruption.GAUSSIAN_BLUR, Corruption.CONTRAST, Corruption.PIXELATE])
@pytest.mark.parametrize("severity", [1, 5])
def test_an_even_image_has_nothing_to_blur_and_its_mean_is_kept(kind, severity, clothes):
    even = np.full((1, 3, 32, 32), 77, np.uint8)
    np.testing.assert_array_equal(corrupted(even, kind, severity=severity), even)
    # an edge may lose or gain a little under a blur, and rounding up to half a level
    changed = corrupted(clothes, kind, severity=severity).astype(float)
    assert abs(changed.mean() - clothes.mean()) < 1


def test_brightness_raises_the_value_of_hue_saturation_and_value_alone():
    bright = corrupted(COLOUR, "brightness", severity=4).astype(float) / 255
    for pixel, raised in zip(
        COLOUR[0].reshape(3, -1).T[:200] / 255, bright[0].reshape(3, -1).T, strict=False
    ):
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        want = colorsys.hsv_to_rgb(hue, saturation, min(value + 0.2, 1))
        np.testing.assert_allclose(raised, want, atol=0.5 / 255 + 1e-12)  # rounded to a byte
    black = corrupted(np.zeros((1, 3, 2, 2), np.uint8), "brightness", severity=1)
    np.testing.assert_array_equal(black, np.full((1, 3, 2, 2), 13, np.uint8))  # 0.05 of 255 is 12.75


def test_a_coarse_pixel_is_the_mean_of_those_whose_centres_it_holds():
    row = np.array([10, 20, 60, 100, 160, 200, 220, 240], np.uint8)
    got = corrupted(np.tile(row, (1, 1, 8, 1)), "pixelate", severity=4)[0, 0, 0]
    # 8 columns become 6 of 4/3 each: with their centres at .5, 1.5, ... the new ones, up to 4/3, 8/3, 4, 16/3, 20/3
    # and 8, hold 1, 2, 1, 1, 2 and 1 of them
    assert got.tolist() == [10, 40, 40, 100, 160, 210, 210, 240]


def test_pixels_on_the_edge_between_two_coarse_ones_are_averaged_below_and_shown_above():
    # 3 columns become 2, and the middle one's centre is their common edge: as the source's library resizes
    row = np.array([30, 60, 200], np.uint8)
    got = corrupted(np.tile(row, (1, 1, 3, 1)), "pixelate", severity=4)[0, 0, 0]
    assert got.tolist() == [45, 200, 200]


def test_blur_is_a_gaussian_whose_width_follows_the_size_of_the_image():
    for size, deviation in ((32, 1.0), (64, 2.0)):
        point = np.zeros((1, 1, size, size), np.uint8)
        point[0, 0, size // 2, size // 2] = 255
        got = corrupted(point, "gaussian_blur", severity=5)[0, 0].astype(float)
        assert got.max() == pytest.approx(
            255 / (2 * np.pi * deviation**2), rel=0.05
        )  # of a byte, at 10 and 40


def test_words_are_kinds_and_other_words_are_not():
    np.testing.assert_array_equal(
        corrupted(COLOUR, "contrast", severity=1), corrupted(COLOUR, Corruption.CONTRAST, severity=1)
    )
    with pytest.raises(
        ValueError, match=r"`kind` must be one of .*, but got 'contrsat'. Did you mean 'contrast'?"
    ):
        corrupted(COLOUR, "contrsat", severity=1)
    for severity in (0, 6):
        with pytest.raises(ValueError, match="`severity` must be a whole number from 1 to 5"):
            corrupted(COLOUR, "contrast", severity=severity)
