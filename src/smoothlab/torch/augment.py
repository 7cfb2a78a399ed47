"""Random copies of training images, a new one each time an image is seen.

    none         the image
    shift        moved by -2 ... 2 pixels along each axis, as the paper's MNIST teacher saw its digits
    crop_flip    moved by -4 ... 4 pixels along each axis, then mirrored left to right with probability 1/2

Every move is equally likely, and what comes in from outside is black. Moving by up to m is padding by m and cropping
at random. Sources: Mueller et al. 2019, sec. 4 and appendix, arXiv:1906.02629; He et al. 2016, sec. 4.2,
arXiv:1512.03385
"""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from .. import _checks

Augmentation = Literal["none", "shift", "crop_flip"]


def augment(
    images: Float[Tensor, "batch channels height width"],
    *,
    how: Augmentation,
    black: Float[Tensor, " channels"],
    generator: Generator,
) -> Float[Tensor, "batch channels height width"]:
    """Random copies of a batch. `black` is the value of a black pixel in each channel, 0 unless standardised.

    The draws come from `generator` alone, which lives on the CPU, so that every device sees the same copies. Raises
    `ValueError` for an unknown word. Source: the head of this module.

    >>> import torch
    >>> from smoothlab.torch.augment import augment
    >>> generator = torch.Generator().manual_seed(0)
    >>> augment(torch.ones(1, 1, 3, 3), how="shift", black=torch.zeros(1), generator=generator)[0, 0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    _checks.one_of("how", how, get_args(Augmentation))
    if how == "none":
        return images
    moved = _moved(images, 2 if how == "shift" else 4, black, generator)
    return moved if how == "shift" else _mirrored(moved, generator)


def _moved(
    images: Float[Tensor, "batch channels height width"],
    most: int,
    black: Float[Tensor, " channels"],
    generator: Generator,
) -> Float[Tensor, "batch channels height width"]:
    batch, _, height, width = images.shape
    padded = black.view(1, -1, 1, 1).repeat(batch, 1, height + 2 * most, width + 2 * most)
    padded[:, :, most : most + height, most : most + width] = images
    down, right = torch.randint(2 * most + 1, (2, batch), generator=generator).to(images.device)
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view of every crop: nothing is copied yet
    return crops[torch.arange(batch, device=images.device), :, down, right]


def _mirrored(
    images: Float[Tensor, "batch channels height width"], generator: Generator
) -> Float[Tensor, "batch channels height width"]:
    coins = torch.rand(len(images), generator=generator).to(images.device) < 0.5
    return torch.where(coins.view(-1, 1, 1, 1), images.flip(3), images)
