r"""Alpha as a function of the training step: it stays at `start` for `warmup` steps, then moves for `steps`.

    t = (step - warmup) / steps, held in [0, 1],        alpha = (1 - s) start + s end,
    Linear: s = t,        Cosine: s = (1 - cos(pi t)) / 2

A schedule is a frozen value that is called with a step; equal schedules give equal runs. The cosine is that
of Loshchilov & Hutter 2017, eq. 5, arXiv:1608.03983, where it sets the learning rate.
"""

import math
from dataclasses import dataclass

from .. import _checks


@dataclass(frozen=True)
class Constant:
    """The same alpha at every step.

    Raises `ValueError` for an alpha outside [0, 1] or a step below 0. Source: none is needed.

    >>> from smoothlab.targets import Constant
    >>> Constant(0.1)(step=1000)
    0.1
    """

    alpha: float

    def __post_init__(self) -> None:
        _checks.fraction("alpha", self.alpha)

    def __call__(self, step: int) -> float:
        """The alpha of a step; steps count from 0."""
        _checks.at_least("step", step, 0)
        return self.alpha


@dataclass(frozen=True)
class Linear:
    """From `start` to `end` along a straight line of `steps` steps, after `warmup` steps at `start`.

    Raises `ValueError` for an alpha outside [0, 1], fewer than 1 steps, or a step or warm-up below 0.
    Source: the head of this module.

    >>> from smoothlab.targets import Linear
    >>> fade = Linear(start=0.2, end=0.0, steps=100, warmup=50)
    >>> [fade(step) for step in (0, 50, 100, 150, 900)]
    [0.2, 0.2, 0.1, 0.0, 0.0]
    """

    start: float
    end: float
    steps: int
    warmup: int = 0

    def __post_init__(self) -> None:
        _judge(self.start, self.end, self.steps, self.warmup)

    def __call__(self, step: int) -> float:
        """The alpha of a step; steps count from 0."""
        t = _progress(step, self.steps, self.warmup)
        return (1 - t) * self.start + t * self.end


@dataclass(frozen=True)
class Cosine:
    """From `start` to `end` along half a cosine of `steps` steps, after `warmup` steps at `start`.

    Raises `ValueError` as `Linear` does. Source: Loshchilov & Hutter 2017, eq. 5, arXiv:1608.03983.

    >>> from smoothlab.targets import Cosine
    >>> rise = Cosine(start=0.0, end=0.1, steps=100)
    >>> [round(rise(step), 4) for step in (0, 25, 50, 100)]
    [0.0, 0.0146, 0.05, 0.1]
    """

    start: float
    end: float
    steps: int
    warmup: int = 0

    def __post_init__(self) -> None:
        _judge(self.start, self.end, self.steps, self.warmup)

    def __call__(self, step: int) -> float:
        """The alpha of a step; steps count from 0."""
        s = (1 - math.cos(math.pi * _progress(step, self.steps, self.warmup))) / 2
        return (1 - s) * self.start + s * self.end


def _judge(start: float, end: float, steps: int, warmup: int) -> None:
    _checks.fraction("start", start)
    _checks.fraction("end", end)
    _checks.at_least("steps", steps, 1)
    _checks.at_least("warmup", warmup, 0)


def _progress(step: int, steps: int, warmup: int) -> float:
    _checks.at_least("step", step, 0)
    return min(max((step - warmup) / steps, 0.0), 1.0)
