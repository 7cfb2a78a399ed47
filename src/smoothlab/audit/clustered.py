r"""The lines of an audit where several answers come from one row of a file: intervals of rows, or none.

Rows are independent, answers of one row are not. What is a mean over answers has the interval of a ratio of sums over
rows (see `measures.clusters`): accuracy, NLL, Brier score, gap, the areas through the influences of answers, and the
differences of two models. The bins of an ECE have the covariance that rows show. The scores of a temperature,

    s_i = <p_i, z_i> - z_iy,      Var(1/T) = G/(G - 1) sum_g (sum_(i in g) s_i)^2 / (n curvature)^2,

add up by rows as well; the interval of T is formed on the scale of its logarithm. A null band and its p-value would
need to know how a calibrated model's answers depend on each other within a row; so there is none, nor an interval for
what has no other law: such a line is blank. In a stream the influences of answers and the edges of bins of equal mass
are known only at its end, and their lines are blank, too.

Sources: Liang and Zeger 1986, doi:10.1093/biomet/73.1.13; White 1982, doi:10.2307/1912526 (the variance at a maximum).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from .._statistics import statistics_of
from ..measures.area_intervals import augrc_estimate, aurc_estimate, excess_aurc_estimate
from ..measures.binning import Binning, bins_of
from ..measures.calibration import Reliability
from ..measures.clusters import MOST
from ..measures.error_interval import Table, calibration_error_estimate, calibration_error_estimate_of_groups
from ..measures.estimate import Estimate
from ..measures.groups import Groups
from ..measures.intervals import Moments, half_width, positive_estimate, share_of_sums, signed_estimate
from ..measures.risk_curve import RiskCurve
from ..predictions import Predictions
from ..scaling.temperature import Temperature
from .stream import Stream, blocks_of

BINS = 15


@dataclass(eq=False)
class ClusterSums:
    """What the answers of each cluster add up to, score by score; of a stream, block by block.

    >>> import numpy as np
    >>> from smoothlab.audit.clustered import ClusterSums
    >>> seen = ClusterSums()
    >>> seen.update(np.array([0, 0, 1]), nll=np.array([1.0, 3.0, 2.0]))
    >>> seen.moments("nll").mean, seen.moments("nll").n
    (2.0, 2)
    """

    sizes: Int[np.ndarray, " clusters"] = field(default_factory=lambda: np.zeros(MOST, np.int64))
    sums: dict[str, Float[np.ndarray, " clusters"]] = field(default_factory=dict)

    def update(self, number: Int[np.ndarray, " rows"], **scores: Float[np.ndarray, " rows"]) -> None:
        """Add answers with the number of their cluster."""
        number = number % MOST
        self.sizes += np.bincount(number, minlength=MOST)
        for name, values in scores.items():
            before = self.sums.get(name, 0.0)
            self.sums[name] = before + np.bincount(number, weights=values, minlength=MOST)

    def moments(self, name: str) -> Moments:
        """Of the mean of a score."""
        return Moments.of_sums(self.sums[name], self.sizes)


@dataclass(eq=False)
class Clustered:
    """The clusters of answers: how many, their sums, and their bins; in memory, the cluster of each answer as well.

    >>> import numpy as np
    >>> from smoothlab.audit.clustered import Clustered
    >>> seen, ones = Clustered(), np.ones(4)
    >>> seen.update(np.array([0, 0, 1, 1]), 0.9 * ones, ones > 0, nll=0.1 * ones, brier=0.02 * ones)
    >>> seen.count, seen.table.gaps[:2].sum(1).round(2).tolist()
    (2, [0.2, 0.2])
    """

    count: int = 0
    sums: ClusterSums = field(default_factory=ClusterSums)
    table: Table = field(
        default_factory=lambda: Table(np.zeros((MOST, BINS), np.int64), np.zeros((MOST, BINS)))
    )
    of_answers: Int[np.ndarray, " rows"] | None = None

    @classmethod
    def of_arrays(
        cls,
        clusters: Int[np.ndarray, " rows"],
        confidences: Float[np.ndarray, " rows"],
        correct: Bool[np.ndarray, " rows"],
        *,
        nll: Float[np.ndarray, " rows"],
        brier: Float[np.ndarray, " rows"],
    ) -> "Clustered":
        """Of predictions in memory, their clusters numbered likewise."""
        seen = cls(of_answers=clusters)
        seen.update(clusters, confidences, correct, nll=nll, brier=brier)
        return seen

    def update(
        self,
        clusters: Int[np.ndarray, " rows"],
        confidences: Float[np.ndarray, " rows"],
        correct: Bool[np.ndarray, " rows"],
        *,
        nll: Float[np.ndarray, " rows"],
        brier: Float[np.ndarray, " rows"],
    ) -> None:
        """Add answers, their clusters numbered from 0 without gaps."""
        gap, right = confidences - correct, correct.astype(np.float64)
        self.count = max(self.count, int(clusters.max()) + 1)
        self.sums.update(clusters, accuracy=right, nll=nll, brier=brier, gap=gap)
        more = Table.of(clusters % MOST, bins_of(confidences, bins=BINS), -gap, bins=BINS, clusters=MOST)
        self.table = Table(self.table.sizes + more.sizes, self.table.gaps + more.gaps)

    def estimates(self, groups: Groups) -> Iterator[tuple[str, Estimate]]:
        """The measures that have an interval, by name; `groups` has the same answers."""
        sums, brier = self.sums, self.sums.moments("brier")
        yield "accuracy", share_of_sums(sums.sums["accuracy"], sums.sizes)
        if np.isfinite(sums.sums["nll"]).all():
            nll = sums.moments("nll")
            yield "nll", positive_estimate(nll.mean, nll, most=math.inf)
        else:  # one infinite loss makes the mean infinite, and each end
            yield "nll", Estimate(math.inf, math.inf, math.inf, self.count)
        yield "brier", positive_estimate(brier.mean, brier, most=2.0)
        yield "gap", signed_estimate(sums.moments("gap"))
        yield "ece", calibration_error_estimate_of_groups(groups, bins=BINS, table=self.table)
        if self.of_answers is None:
            return
        confidences, correct, of = (
            groups.confidences,
            groups.right.astype(np.bool_, copy=False),
            self.of_answers,
        )
        mass = Binning.MASS
        yield "ece_mass", calibration_error_estimate(confidences, correct, binning=mass, clusters=of)
        yield "aurc", aurc_estimate(confidences, correct, clusters=of)
        yield "e_aurc", excess_aurc_estimate(confidences, correct, clusters=of)
        yield "augrc", augrc_estimate(confidences, correct, clusters=of)

    def aurc_interval(self, scores: Groups) -> tuple[float, float] | None:
        """That of AURC under another score of the same answers; None of a stream."""
        if self.of_answers is None:
            return None
        found = aurc_estimate(scores.confidences, scores.right.astype(np.bool_), clusters=self.of_answers)
        return found.low, found.high

    def note(self, n: int) -> str:
        """What a reader must know."""
        streamed = (
            " Read as a stream, areas and the ECE of equal mass have no interval either."
            if self.of_answers is None
            else ""
        )
        return (
            f"The {n:,} answers come from {self.count:,} rows of the file; intervals take rows as independent, and "
            "not answers. How a calibrated model's answers would depend on each other within a row is not known, so "
            f"there is no null band and no p-value.{streamed}"
        )


def temperature_interval(fit: Predictions | Stream, fitted: Temperature) -> tuple[float, float]:
    """The interval of a temperature that was fitted on answers in clusters; a stream is read once."""
    seen, temperature = ClusterSums(), fitted.temperature_
    for logits, labels, clusters in blocks_of(fit):
        assert clusters is not None
        for rows, numbers in statistics_of(logits, labels, inverse_temperature=1 / temperature, moments=True):
            seen.update(clusters[rows], score=numbers.mean - numbers.label, curvature=numbers.variance)
    if np.count_nonzero(seen.sizes) == 1:
        return 0.0, math.inf
    scores, curvature = seen.moments("score"), seen.sums["curvature"].sum() / seen.sizes.sum()
    half = temperature * half_width(scores) / curvature
    return temperature * math.exp(-half), temperature * math.exp(half)


def without_bands(diagram: Reliability) -> Reliability:
    """A diagram of bins alone."""
    none = np.full(len(diagram.count), np.nan)
    return replace(diagram, null_low=none, null_high=none, null_ece=(math.nan, math.nan), p_value=math.nan)


def without_intervals(curve: RiskCurve) -> RiskCurve:
    """A curve of risks alone."""
    none = np.full(len(curve.risk), np.nan)
    return replace(curve, low=none, high=none)
