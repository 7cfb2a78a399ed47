r"""Two models on the same rows: the differences of their scores, row by row, and what their rankings share.

    d_i = other's score of row i - baseline's,       mean(d) -+ t s(d) / sqrt(n)

for accuracy, NLL and Brier score, from sums of powers of d. The difference of two areas under risk-coverage curves is
the mean of differences of influences (see `measures.area_intervals`), which depend on the cell of a row and on whether
it is right. These are known at the end of the stream only, so what is kept is how many rows have which cells with both
models: n variances follow from the two histograms, their covariance from a table of joint counts,

    Var(d) = Var(f) + Var(g) - 2 Cov(f, g),      Cov = sum over coarse cells (c, c') of count(c, c') f(c) g(c') / n,

256 cells to a coarse one, four coarse cells where the odds double. What f and g share within coarse cells is left out,
which makes the interval a little wider than it need be, never narrower where they rise together.
"""

import math

import numpy as np
from jaxtyping import Float, Int64

from ..measures.area_intervals import aurc_influence_of_steps
from ..measures.estimate import USUAL_LEVEL, Estimate
from ..measures.intervals import Moments
from ..measures.selective import aurc_of_steps, steps_of_groups
from .accumulator import Accumulator
from .histogram import Histogram
from .power_sums import PowerSums
from .rows import Rows

_COARSE = 256


class Paired(Accumulator):
    """The differences of two models, other less baseline.

    >>> import numpy as np
    >>> from smoothlab.accumulators import Paired
    >>> from smoothlab.accumulators.rows import rows_of
    >>> random, labels = np.random.default_rng(0), np.arange(1000) % 4
    >>> logits = 9 * np.eye(4)[labels] + random.normal(0, 6, (1000, 4))
    >>> seen = Paired()
    >>> seen.update(rows_of(logits, labels), rows_of(logits / 4, labels))
    >>> print(seen.estimates()["nll"])
    -0.74 [-0.88, -0.61], n = 1000
    """

    def _zeros(self) -> dict[str, np.ndarray]:
        self.differences = {name: PowerSums() for name in ("accuracy", "nll", "brier")}
        self.answers = {name: Histogram() for name in ("baseline", "other")}
        cells = 2 * (len(self.answers["other"].sums["count"]) // _COARSE + 1)
        parts = {**self.differences, **self.answers}
        flat = {f"{word}.{name}": array for word, part in parts.items() for name, array in part.sums.items()}
        return {**flat, "joint": np.zeros((cells, cells), np.int64)}

    def update(self, baseline: Rows, other: Rows) -> None:
        """Add what two models say of the same rows, in the same order."""
        self.differences["accuracy"].update(other.correct.astype(np.float64) - baseline.correct)
        self.differences["nll"].update(_less(other.nll, baseline.nll))
        self.differences["brier"].update(other.brier - baseline.brier)
        for name, rows in (("baseline", baseline), ("other", other)):
            self.answers[name].update(rows.confidences, rows.correct)
        np.add.at(self.sums["joint"], (self._coarse(baseline), self._coarse(other)), 1)

    def _coarse(self, rows: Rows) -> Int64[np.ndarray, " rows"]:
        return self.answers["other"].cells_of(rows.confidences) // _COARSE * 2 + rows.correct

    def estimates(self, *, level: float = USUAL_LEVEL) -> dict[str, Estimate]:
        """The mean differences of accuracy, NLL, Brier score and AURC, with Student's intervals.

        Raises `ValueError` before the first row.
        """
        found = {
            name: student_estimate(seen.moments(), level=level) for name, seen in self.differences.items()
        }
        return {**found, "aurc": student_estimate(self._areas(), level=level)}

    def _areas(self) -> Moments:
        """Of the differences of influences, around the difference of areas."""
        areas, moments, coarse = [], [], []
        for histogram in self.answers.values():
            groups = histogram.groups()
            steps = steps_of_groups(groups)
            # steps go down, cells up, and each cell that holds an answer is a step
            right, wrong = (each[::-1] for each in aurc_influence_of_steps(steps))
            areas.append(aurc_of_steps(steps))
            counts = np.stack([groups.count - groups.right, groups.right], 1)
            influences = np.stack([wrong, right], 1)
            moments.append(Moments.of(influences.ravel(), counts.ravel()))
            coarse.append(self._means(histogram, influences, counts))
        n = moments[0].n
        shared = float(coarse[0] @ self.sums["joint"] @ coarse[1]) / n
        square = max(0.0, moments[0].square + moments[1].square - 2 * shared)
        return Moments(n, areas[1] - areas[0], square, math.nan)

    def _means(
        self,
        histogram: Histogram,
        influences: Float[np.ndarray, "groups 2"],
        counts: Int64[np.ndarray, "groups 2"],
    ) -> Float[np.ndarray, " cells"]:
        """The mean influence of the wrong and of the right answers of each coarse cell."""
        held = np.flatnonzero(histogram.sums["count"]) // _COARSE
        cell = (held[:, None] * 2 + np.arange(2)).ravel()
        size = len(self.sums["joint"])
        count = np.bincount(cell, weights=counts.ravel(), minlength=size)
        return np.bincount(cell, weights=(influences * counts).ravel(), minlength=size) / np.maximum(count, 1)


def student_estimate(moments: Moments, *, level: float = USUAL_LEVEL) -> Estimate:
    """A mean with Student's interval; infinite for a single value.

    >>> from smoothlab.accumulators.paired import student_estimate
    >>> from smoothlab.measures.intervals import Moments
    >>> print(student_estimate(Moments(3, mean=0.08, square=0.0002 / 3, fourth=0.0)))
    0.080 [0.055, 0.105], n = 3
    """
    if moments.n == 1:
        return Estimate(moments.mean, -math.inf, math.inf, 1, level)
    from scipy.special import stdtrit  # here, because it takes longer to load than all of `import smoothlab`

    half = float(stdtrit(moments.n - 1, (1 + level) / 2)) * math.sqrt(moments.square / (moments.n - 1))
    return Estimate(moments.mean, moments.mean - half, moments.mean + half, moments.n, level)


def _less(
    other: Float[np.ndarray, " rows"], baseline: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """The difference of losses; a masked label must be masked by neither, which a difference cannot say."""
    if not (np.isfinite(other).all() and np.isfinite(baseline).all()):
        raise ValueError(
            "Losses to compare must be finite, but the class of a label is masked with -inf. Leave such rows out."
        )
    return other - baseline
