r"""How a network is trained, as data: the optimiser, and the learning rate of every step.

With the share of steps done t = (step - w) / (steps - w) after a warm-up of w steps, the rate is `learning_rate` times

    constant: 1      linear: 1 - t      cosine: (1 + cos(pi t)) / 2      step: decay^(milestones passed)

and (step + 1) / w of that during the warm-up. Milestones are shares of the whole run, so that a recipe keeps its
shape at any length: the paper's ResNet-56 divides by 10 after 1/2 and 3/4 of its steps. Sources: Loshchilov & Hutter
2017, eq. 5, arXiv:1608.03983 (cosine); Mueller et al. 2019, appendix, arXiv:1906.02629 (step)
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from .. import _checks
from .augment import Augmentation

Optimiser = Literal["sgd", "adamw"]
Schedule = Literal["constant", "cosine", "linear", "step"]


@dataclass(frozen=True)
class Recipe:
    """All that training needs beside model, data, loss and seed.

    epochs: how often every example is seen, but for the few that are left when an epoch is cut into batches.
    batch_size: examples a step; a training split with fewer is one batch.
    optimizer: "sgd", or "adamw" (Loshchilov & Hutter 2019, arXiv:1711.05101).
    learning_rate: of each step, before the schedule.
    momentum: the share of the last direction that is kept; AdamW's first beta (its second is 0.999).
    nesterov: look ahead along the momentum; SGD's alone.
    weight_decay: on every parameter; in SGD half its square is added to the loss, AdamW takes it from the weights.
    schedule, milestones, decay: see the head of this module.
    warmup: the share of steps in which the rate rises.
    clip_norm: the largest norm that the gradient of all parameters together may have; `None` leaves it as it is.
    augment: "none", "shift" or "crop_flip", see `smoothlab.torch.augment`.

    Raises `ValueError` for a number out of range or an unknown word. Source: the head of this module.

    >>> from smoothlab.torch.recipe import Recipe
    >>> Recipe(learning_rate=0.1, schedule="linear").rate(5, steps=10)
    0.05
    """

    epochs: int = 20
    batch_size: int = 128
    optimizer: Optimiser = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    schedule: Schedule = "cosine"
    milestones: tuple[float, ...] = (0.5, 0.75)
    decay: float = 0.1
    warmup: float = 0.0
    clip_norm: float | None = None
    augment: Augmentation = "none"

    def __post_init__(self) -> None:
        _checks.at_least("epochs", self.epochs, 1)
        _checks.at_least("batch_size", self.batch_size, 1)
        _checks.one_of("optimizer", self.optimizer, get_args(Optimiser))
        _checks.one_of("schedule", self.schedule, get_args(Schedule))
        _checks.one_of("augment", self.augment, get_args(Augmentation))
        _checks.positive("learning_rate", self.learning_rate)
        _checks.positive("decay", self.decay)
        for name in ("momentum", "warmup"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must lie in [0, 1), but got {getattr(self, name)!r}. 0 turns it off."
                )
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(
                f"`weight_decay` must be a finite number from 0 on, but got {self.weight_decay!r}. 0 turns it off."
            )
        for milestone in self.milestones:
            _checks.fraction("milestones", milestone)
        if self.clip_norm is not None:
            _checks.positive("clip_norm", self.clip_norm)

    def rate(self, step: int, *, steps: int) -> float:
        """The learning rate of a step, counted from 0, in a run of `steps`."""
        warm = round(self.warmup * steps)
        t = (step - warm) / max(steps - warm, 1)
        if step < warm:
            factor = (step + 1) / warm
        elif self.schedule == "linear":
            factor = 1 - t
        elif self.schedule == "cosine":
            factor = (1 + math.cos(math.pi * t)) / 2
        elif self.schedule == "step":
            factor = self.decay ** sum(step >= milestone * steps for milestone in self.milestones)
        else:
            factor = 1.0
        return self.learning_rate * factor
