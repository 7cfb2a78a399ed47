import pytest
import torch

from smoothlab.torch.augment import augment

BLACK = torch.tensor([-1.0, -2.0])
IMAGE = torch.arange(1.0, 51.0).view(1, 2, 5, 5)  # no two pixels alike


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def moved(image, down, right):
    """One image moved by whole pixels, pixel by pixel."""
    result = BLACK.view(-1, 1, 1).expand_as(image).clone()
    for row in range(5):
        for column in range(5):
            if 0 <= row - down < 5 and 0 <= column - right < 5:
                result[:, row, column] = image[:, row - down, column - right]
    return result


@pytest.mark.parametrize(("how", "most", "mirrors"), [("shift", 2, 1), ("crop_flip", 4, 2)])
def test_every_copy_is_an_allowed_move_and_all_are_equally_likely(how, most, mirrors):
    moves = range(-most, most + 1)
    allowed = [moved(IMAGE[0], down, right) for down in moves for right in moves]
    allowed += [copy.flip(-1) for copy in allowed] if mirrors == 2 else []
    many = 100 * len(allowed)
    copies = augment(IMAGE.expand(many, -1, -1, -1), how=how, black=BLACK, generator=generator())
    counts = torch.stack([(copies == each).flatten(1).all(1).sum() for each in allowed])
    assert counts.sum() == many
    # of up to 162 binomial counts with mean 100 and deviation 10, none strays by five deviations
    assert (counts - 100).abs().max() < 50


def test_none_gives_back_the_images():
    assert augment(IMAGE, how="none", black=BLACK, generator=generator()) is IMAGE


@pytest.mark.parametrize("how", ["shift", "crop_flip"])
def test_the_copies_depend_on_the_generator_alone(how):
    images = IMAGE.expand(64, -1, -1, -1)
    before = torch.get_rng_state()
    one, again, other = (
        augment(images, how=how, black=BLACK, generator=generator(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_images_given_are_left_alone_and_their_type_is_kept():
    images = IMAGE.double()
    kept = images.clone()
    assert (
        augment(images, how="crop_flip", black=BLACK.double(), generator=generator()).dtype == torch.float64
    )
    assert torch.equal(images, kept)


def test_images_need_not_be_square():
    images = torch.rand(3, 2, 4, 7)
    assert augment(images, how="crop_flip", black=BLACK, generator=generator()).shape == images.shape
