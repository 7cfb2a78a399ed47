r"""Answers in groups: of so many answers with one confidence, so many were right.

    p_g     the confidence of group g          n_g     its answers          a_g     those of them that are right

Every measure of calibration and of ranking is a sum over answers that asks of each its confidence and whether it was
right. So equal confidences may be counted together and nothing is lost, and confidences that are all but equal with a
loss as small as their difference: a file of any length becomes as many groups as there are cells of a histogram (see
`accumulators`). An array of answers is the case n_g = 1.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Integer, Shaped

from .binning import Binning, Totals, width_edges


@dataclass(frozen=True, eq=False)
class Groups:
    """Confidences in [0, 1], how many answers have each, and how many of those are right.

    >>> import numpy as np
    >>> from smoothlab.measures.groups import Groups
    >>> groups = Groups(np.array([0.5, 0.9]), np.array([10, 1000]), np.array([4, 880]))
    >>> groups.n, groups.gap_sum
    (1010, 21.0)
    """

    confidences: Float[np.ndarray, " groups"]
    count: Integer[np.ndarray, " groups"]
    right: Shaped[np.ndarray, " groups"]

    @classmethod
    def each_alone(
        cls, confidences: Float[np.ndarray, " batch"], correct: Bool[np.ndarray, " batch"]
    ) -> "Groups":
        """Every answer as a group of its own, in the order of rows; nothing is copied."""
        exact = confidences.astype(np.float64, copy=False)
        return cls(exact, np.broadcast_to(np.int64(1), exact.shape), correct)

    @property
    def n(self) -> int:
        """How many answers there are."""
        return int(self.count.sum())

    @property
    def gap_sum(self) -> float:
        """The confidences of all answers less the number right: n times the confidence gap."""
        return float(self.count @ self.confidences) - float(self.right.sum())


def bins_of_groups(
    groups: Groups, *, bins: int, binning: Binning = Binning.WIDTH
) -> Int[np.ndarray, " groups"]:
    """The bin of each group; of equal mass, where every answer of a group is counted.

    >>> import numpy as np
    >>> from smoothlab.measures import Binning
    >>> from smoothlab.measures.groups import Groups, bins_of_groups
    >>> groups = Groups(np.array([0.2, 0.3, 0.9]), np.array([1, 1, 98]), np.array([0, 0, 90]))
    >>> bins_of_groups(groups, bins=2, binning=Binning.MASS).tolist(), bins_of_groups(groups, bins=2).tolist()
    ([0, 0, 0], [0, 0, 1])
    """
    if binning == Binning.WIDTH:
        inner = width_edges(bins)[1:-1]
    else:
        order = np.argsort(groups.confidences, kind="stable")
        reached = np.cumsum(groups.count[order])
        ranks = (int(reached[-1]) * np.arange(1, bins) - 1) // bins  # in whole numbers, counted from 0
        inner = groups.confidences[order][np.searchsorted(reached, ranks, side="right")]
    return np.searchsorted(inner, groups.confidences, side="left")


def totals_of_groups(groups: Groups, bin_of: Int[np.ndarray, " groups"], *, bins: int) -> Totals:
    """What the groups of each bin add up to.

    >>> import numpy as np
    >>> from smoothlab.measures.groups import Groups, totals_of_groups
    >>> totals_of_groups(Groups(np.array([0.75]), np.array([4]), np.array([3])), np.array([1]), bins=2)
    Totals(count=array([0, 4]), confidences=array([0., 3.]), hits=array([0, 3]))
    """

    def added(weights: np.ndarray) -> np.ndarray:
        return np.bincount(bin_of, weights=weights, minlength=bins)

    # counts below 2^53 are whole in float64, and so are their sums
    return Totals(
        added(groups.count).astype(np.int64),
        added(groups.count * groups.confidences),
        added(groups.right).astype(np.int64),
    )
