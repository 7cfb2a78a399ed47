"""What one model said of a stream, in one pass: everything an audit asks, in a few megabytes however long the stream.

    scores        NLL and Brier score: the sums of their first four powers             `power_sums`
    answers       a fine histogram of confidences: accuracy, gap, every error of
                  calibration, every area under a risk-coverage curve                  `histogram`
    classes       where asked: the bins of every class, and a null law for them        `class_bins`

`update`, `compute` and `reset` are what torchmetrics calls them too; `smoothlab.torchmetrics` makes a metric of it.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from .. import _checks
from ..measures.errors import Norm, one_number
from ..measures.groups import Groups, bins_of_groups, totals_of_groups
from ..measures.kolmogorov import kolmogorov_smirnov_of_groups
from ..measures.selective import augrc_of_steps, aurc_of_steps, excess_aurc_of_steps, steps_of_groups
from ..measures.smooth import smooth_calibration_error_of_groups
from ..measures.spiegelhalter import spiegelhalter_of_groups
from .accumulator import Accumulator
from .class_bins import ClassBins
from .histogram import Histogram
from .power_sums import PowerSums
from .rows import on_the_host, rows_of


class Tally(Accumulator):
    """Scores, calibration and ranking of one model's predictions, block by block.

    Args:
        classes: how many columns the logits have.
        bins: bins of equal width, for ECE and its like.
        classwise: whether the bins of every class are kept too; it triples the time.
        temperature: what the logits are divided by.

    Raises `ValueError` for fewer than two classes, fewer than one bin and a temperature that is not above 0.

    >>> import numpy as np
    >>> from smoothlab.accumulators import Tally
    >>> random, labels = np.random.default_rng(0), np.arange(1000) % 4
    >>> logits = 9 * np.eye(4)[labels] + random.normal(0, 6, (1000, 4))
    >>> first, second = Tally(classes=4), Tally(classes=4)
    >>> first.update(logits[:300], labels[:300]); second.update(logits[300:], labels[300:])
    >>> found = (first + second).compute()
    >>> round(found["accuracy"], 3), round(found["ece"], 3)
    (0.707, 0.216)
    """

    def __init__(
        self, *, classes: int, bins: int = 15, classwise: bool = False, temperature: float = 1.0
    ) -> None:
        _checks.at_least("classes", classes, 2)
        _checks.at_least("bins", bins, 1)
        _checks.positive("temperature", temperature)
        super().__init__(classes=classes, bins=bins, classwise=classwise, temperature=temperature)

    def _zeros(self) -> dict[str, np.ndarray]:
        classes, bins = self.settings["classes"], self.settings["bins"]
        self.nll, self.brier, self.answers = PowerSums(), PowerSums(), Histogram(bins=bins)
        self.class_bins = ClassBins(classes=classes, bins=bins) if self.settings["classwise"] else None
        parts = {"nll": self.nll, "brier": self.brier, "answers": self.answers, "classes": self.class_bins}
        return {
            f"{word}.{name}": array
            for word, part in parts.items()
            if part is not None
            for name, array in part.sums.items()
        }

    def update(self, logits: Any, labels: Any) -> None:
        """Add a block: NumPy arrays, or torch's tensors on any device, logits [rows classes] and labels [rows].

        Raises `TypeError` and `ValueError` for unreadable logits, for other classes than the tally's and for labels
        that are no column of them; then nothing was added.
        """
        logits, labels = on_the_host(logits), on_the_host(labels)
        rows = rows_of(logits, labels, inverse_temperature=1 / self.settings["temperature"])
        if logits.shape[1] != self.settings["classes"]:
            raise ValueError(
                f"`logits` must have {self.settings['classes']} columns, as `classes` says, but got "
                f"{logits.shape[1]}. Make a tally of its own for another model."
            )
        self.answers.update(rows.confidences, rows.correct)
        self.nll.update(rows.nll)
        self.brier.update(rows.brier)
        if self.class_bins is not None:
            scaled = logits if self.settings["temperature"] == 1 else logits / self.settings["temperature"]
            self.class_bins.update(scaled, labels.astype(np.int64, copy=False))

    @property
    def n(self) -> int:
        """How many rows were added."""
        return self.answers.n

    def groups(self) -> Groups:
        """The answers, for any measure of `smoothlab.measures` that takes groups. Raises `ValueError` before a row."""
        return self.answers.groups()

    def compute(self) -> dict[str, float]:
        """Every measure by its name in `smoothlab.audit`; intervals and null laws are there.

        Raises `ValueError` before the first row.
        """
        groups = self.groups()
        steps = steps_of_groups(groups)
        width = totals_of_groups(
            groups, bins_of_groups(groups, bins=self.settings["bins"]), bins=self.settings["bins"]
        )
        found = {
            "accuracy": float(groups.right.sum() / self.n),
            "nll": math.inf if self.nll.infinite else self.nll.moments().mean,
            "brier": self.brier.moments().mean,
            "gap": float(
                self.answers.sum_of_confidences() / self.n - Fraction(int(groups.right.sum()), self.n)
            ),
            "ece": one_number(width, Norm.ABSOLUTE),
            "ece_debiased": one_number(width, Norm.ABSOLUTE, debiased=True),
            "rms": one_number(width, Norm.SQUARE),
            "mce": one_number(width, Norm.MAXIMUM),
            "ece_smooth": smooth_calibration_error_of_groups(groups),
            "ks": kolmogorov_smirnov_of_groups(groups).error,
            "z": spiegelhalter_of_groups(groups).z,
            "aurc": aurc_of_steps(steps),
            "e_aurc": excess_aurc_of_steps(steps),
            "augrc": augrc_of_steps(steps),
        }
        return found if self.class_bins is None else {**found, "ece_classwise": self.class_bins.test().error}
