"""Residual networks for small images: y = relu(x + f(x)), with f two 3 x 3 convolutions and batch normalisation.

After a first convolution come three stages of n blocks each, with 16, 32 and 64 channels; a stage's first block
halves height and width, where its shortcut takes every other pixel and fills the new channels with zeros. The mean
over pixels and one linear layer give the logits: 6 n + 2 layers in all, 56 at n = 9. Source: He et al. 2016, sec. 4.2
and shortcuts A of sec. 4.1, arXiv:1512.03385
"""

import math

from torch import Tensor, nn
from torch.nn import functional

from ... import _checks
from .convolutional import judge_image


def resnet(input_shape: tuple[int, ...], classes: int, *, depth: int = 56, width: int = 16) -> nn.Sequential:
    """A residual network of `depth` layers, whose first stage has `width` channels.

    Convolutions start from He et al. 2015, sec. 2.2 (backward case), arXiv:1502.01852. Raises `ValueError` for a depth
    that is not 6 n + 2, a width or a number of classes below 1, and an input that is no image.

    >>> from smoothlab.torch.models import resnet
    >>> sum(weights.numel() for weights in resnet((3, 32, 32), 10).parameters())
    853018
    """
    judge_image(input_shape, least=4)
    _checks.at_least("classes", classes, 1)
    _checks.at_least("width", width, 1)
    if depth < 8 or depth % 6 != 2:
        raise ValueError(
            f"`depth` must be 8, 14, 20 and so on in sixes, but got {depth!r}. The paper's is 56."
        )
    layers: list[nn.Module] = [_convolution(input_shape[0], width), nn.BatchNorm2d(width), nn.ReLU()]
    before = width
    for stage in range(3):
        for block in range(depth // 6):
            after = width * 2**stage
            layers.append(Block(before, after, stride=2 if stage > 0 and block == 0 else 1))
            before = after
    _, height, breadth = input_shape
    mean = nn.AvgPool2d((math.ceil(height / 4), math.ceil(breadth / 4)))  # the adaptive one varies on a GPU
    return nn.Sequential(*layers, mean, nn.Flatten(), nn.Linear(before, classes))


class Block(nn.Module):
    """x -> relu(shortcut(x) + f(x)); the shortcut has no weights."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.stride, self.new = stride, after - before
        self.residual = nn.Sequential(
            _convolution(before, after, stride=stride),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            _convolution(after, after),
            nn.BatchNorm2d(after),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images [batch channels height width] to images."""
        shortcut = x[:, :, :: self.stride, :: self.stride]
        if self.new:
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, self.new // 2, self.new - self.new // 2))
        return functional.relu(shortcut + self.residual(x))


def _convolution(before: int, after: int, *, stride: int = 1) -> nn.Conv2d:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
