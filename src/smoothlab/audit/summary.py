"""What a table of measures is made from: scores and answers, of an array or of a stream."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from .._numerics import blocks
from ..accumulators import ClassBins, Tally
from ..measures.answers import top_label
from ..measures.consistency import CalibrationTest
from ..measures.groups import Groups
from ..measures.intervals import Moments
from ..measures.scores import brier_scores, losses
from .clustered import Clustered
from .stream import AT_ONCE


@dataclass(frozen=True, eq=False)
class Summary:
    """The answers of the top label, the moments of the scores, and the classwise test where it was asked for.

    `nll` is None where a loss is infinite. Of arrays, each answer is a group of its own; of a stream, those of a cell
    are one, and what that costs stands in `accumulators.histogram`. `clustered` is None where each answer is alone.
    """

    groups: Groups
    nll: Moments | None
    brier: Moments
    classwise: CalibrationTest | None = None
    clustered: Clustered | None = None

    @property
    def n(self) -> int:
        """How many examples there are."""
        return self.groups.n

    @classmethod
    def of_arrays(
        cls,
        logits: Float[np.ndarray, "batch classes"],
        labels: Int[np.ndarray, " batch"],
        *,
        classwise: bool = False,
        clusters: Int[np.ndarray, " batch"] | None = None,
    ) -> "Summary":
        """Of predictions in memory."""
        nll, brier, answers = losses(logits, labels), brier_scores(logits, labels), top_label(logits, labels)
        return cls(
            Groups.each_alone(*answers),
            Moments.of(nll) if np.isfinite(nll).all() else None,
            Moments.of(brier),
            _classwise(logits, labels) if classwise else None,
            None if clusters is None else Clustered.of_arrays(clusters, *answers, nll=nll, brier=brier),
        )

    @classmethod
    def of_tally(cls, tally: Tally, clustered: Clustered | None = None) -> "Summary":
        """Of a stream that has been tallied."""
        return cls(
            tally.groups(),
            None if tally.nll.infinite else tally.nll.moments(),
            tally.brier.moments(),
            None if tally.class_bins is None else tally.class_bins.test(),
            clustered,
        )


def _classwise(
    logits: Float[np.ndarray, "batch classes"], labels: Int[np.ndarray, " batch"]
) -> CalibrationTest:
    """As of a stream, whose null law needs not 200 labels of every row."""
    seen = ClassBins(classes=logits.shape[1])
    for rows in blocks(len(labels), rows=max(1, AT_ONCE // logits.shape[1])):
        seen.update(logits[rows], labels[rows])
    return seen.test()
