"""Fully connected networks: x -> relu(W x + b), once for each width, then one linear layer for the classes.

The paper's MNIST teacher has widths (1200, 1200) and dropout, its student (800, 800) without. Source: Mueller et al.
2019, sec. 4, arXiv:1906.02629, after Hinton et al. 2015, sec. 3, arXiv:1503.02531
"""

import math
from itertools import pairwise

from torch import nn

from ... import _checks


def fully_connected(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    widths: tuple[int, ...] = (1200, 1200),
    dropout: float = 0.0,
) -> nn.Sequential:
    """A network that flattens its input; `dropout` is the share of hidden units dropped after each ReLU.

    Weights start as torch starts a linear layer. Raises `ValueError` for a width or a number of classes below 1 and a
    share outside [0, 1]. Source: the head of this module.

    >>> from functools import partial
    >>> from smoothlab.torch.models import fully_connected
    >>> student = partial(fully_connected, widths=(800, 800))
    >>> sum(weights.numel() for weights in student((1, 28, 28), 10).parameters())
    1276810
    """
    _checks.at_least("classes", classes, 1)
    _checks.fraction("dropout", dropout)
    for width in widths:
        _checks.at_least("widths", width, 1)
    layers: list[nn.Module] = [nn.Flatten()]
    for before, width in pairwise((math.prod(input_shape), *widths)):
        layers += [nn.Linear(before, width), nn.ReLU()]
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear((math.prod(input_shape), *widths)[-1], classes))
