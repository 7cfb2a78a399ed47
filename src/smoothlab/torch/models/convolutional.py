"""Two small convolutional networks: blocks of convolution, ReLU and pooling, then linear layers.

`alexnet` is the paper's student on CIFAR-10, the network of TensorFlow's CIFAR-10 tutorial: two convolutions with 64
channels of 5 x 5, each with a 3 x 3 maximum of stride 2 and the normalisation

    b_i = a_i / (1 + (0.001 / 9) sum_{|j - i| <= 4} a_j^2)^0.75         over neighbouring channels,

then linear layers of 384 and 192. Sources: Krizhevsky et al. 2012, sec. 3.3, doi:10.1145/3065386 (normalisation);
Mueller et al. 2019, appendix, arXiv:1906.02629
"""

import math

from torch import nn

from ... import _checks


def small_cnn(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    channels: tuple[int, ...] = (32, 64),
    width: int = 128,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Blocks of a 3 x 3 convolution, ReLU and 2 x 2 maximum, one for each of `channels`, then a hidden linear layer.

    Raises `ValueError` for an input that is no image, an image that pooling would shrink to nothing, a number below
    1, and a share of dropped hidden units outside [0, 1].

    >>> from smoothlab.torch.models import small_cnn
    >>> small_cnn((1, 28, 28), 10)[-1]
    Linear(in_features=128, out_features=10, bias=True)
    """
    judge_image(input_shape, least=2 ** len(channels))
    _checks.at_least("classes", classes, 1)
    _checks.at_least("width", width, 1)
    _checks.fraction("dropout", dropout)
    before, height, breadth = input_shape
    layers: list[nn.Module] = []
    for after in channels:
        _checks.at_least("channels", after, 1)
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        before, height, breadth = after, height // 2, breadth // 2
    layers += [nn.Flatten(), nn.Linear(before * height * breadth, width), nn.ReLU()]
    if dropout > 0:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear(width, classes))


def alexnet(input_shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """The CIFAR-10 tutorial's network with its initialisation, for images of any size.

    The paper trained it on 24 x 24 crops; on whole images its first linear layer is larger. Raises `ValueError` for
    an input that is no image or smaller than 4 x 4. Source: the head of this module.

    >>> from smoothlab.torch.models import alexnet
    >>> sum(weights.numel() for weights in alexnet((3, 24, 24), 10).parameters())
    1068298
    """
    judge_image(input_shape, least=4)
    _checks.at_least("classes", classes, 1)
    normalise = nn.LocalResponseNorm(9, alpha=0.001, beta=0.75, k=1.0)
    shrink = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    first, second = nn.Conv2d(input_shape[0], 64, 5, padding=2), nn.Conv2d(64, 64, 5, padding=2)
    sides = [side // 4 for side in input_shape[1:]]
    third, fourth, head = nn.Linear(64 * math.prod(sides), 384), nn.Linear(384, 192), nn.Linear(192, classes)
    for layer, deviation, bias in (
        (first, 0.05, 0.0),
        (second, 0.05, 0.1),
        (third, 0.04, 0.1),
        (fourth, 0.04, 0.1),
        (head, 1 / 192, 0.0),
    ):
        nn.init.trunc_normal_(layer.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        assert layer.bias is not None
        nn.init.constant_(layer.bias, bias)
    return nn.Sequential(
        *(first, nn.ReLU(), shrink, normalise),
        *(second, nn.ReLU(), normalise, shrink),
        *(nn.Flatten(), third, nn.ReLU(), fourth, nn.ReLU(), head),
    )


def judge_image(input_shape: tuple[int, ...], *, least: int) -> None:
    """Channels, height and width, and the image is not too small to be pooled."""
    if len(input_shape) != 3:
        raise ValueError(
            f"`input_shape` must be (channels, height, width) for a convolutional network, but got {input_shape!r}. "
            "Use `fully_connected` for other inputs."
        )
    if min(input_shape[1:]) < least:
        raise ValueError(
            f"`input_shape` must be at least {least} high and wide for this network, but got {input_shape!r}. "
            "Use fewer `channels`, or `fully_connected`."
        )
