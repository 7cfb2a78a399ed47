r"""The bins of every class, and draws of what a calibrated model would put there.

For class j and bin b of its probabilities p_j: how many rows, the sum of p_j, how many of them are of class j. The
classwise error follows from these. Its null law needs labels that a calibrated model would have, y* ~ Categorical(p_i),
since the classes of a row share one label. With R sets of labels,

    D_r(j, b) = sum over rows of ([y*_i = j] - p_ij),      error_r = over classes of sum_b |D_r(j, b)| / n.

To draw R labels of every row is dear. The first rows of a stream, 2^24 / R, have all of them; after these a block of N
rows has N/3 draws in all, each of a random row for a random r and counted sqrt(3 R) times, which leaves D_r with the
covariance it had. Since D_r is a sum over very many rows, its law is then the same normal one.

Source: Kull et al. 2019, sec. 2, arXiv:1910.12656 (classwise error); Broecker and Smith 2007, doi:10.1175/WAF993.1
(consistency resampling, see `measures.consistency`). Probabilities are single precision's, sums in units of 2^-28.
"""

import math
import zlib

import numpy as np
from jaxtyping import Float, Int64

from ..measures.binning import Totals
from ..measures.consistency import CalibrationTest, against
from ..measures.errors import Norm, over_classes, plug_in
from .accumulator import Accumulator

_UNIT = 2.0**28
_DRAWN_IN_FULL = 2**24  # labels
_LARGEST = 2**24  # numbers of the draws' array; beyond, there are fewer draws
_AT_ONCE = 2**18  # rows times draws
_EVERY = 3  # rows for which one label is drawn, beyond the first


class ClassBins(Accumulator):
    """Bins of equal width of the probability of each class.

    >>> import numpy as np
    >>> from smoothlab.accumulators import ClassBins
    >>> seen = ClassBins(classes=2)
    >>> seen.update(np.zeros((4, 2), np.float32), np.array([0, 0, 0, 1]))
    >>> test = seen.test()  # each class is off by a quarter, and that may well be chance
    >>> test.error, test.p_value > 0.05
    (0.25, True)
    """

    def __init__(self, *, classes: int, bins: int = 15, seed: int = 0) -> None:
        self.draws = max(39, min(200, _LARGEST // (classes * bins)))
        super().__init__(classes=classes, bins=bins, seed=seed)

    def _zeros(self) -> dict[str, np.ndarray]:
        shape = (self.settings["classes"], self.settings["bins"])
        sums = {name: np.zeros(shape, np.int64) for name in ("count", "right", "confidences")}
        return {**sums, "n": np.zeros(1, np.int64), "drawn": np.zeros((self.draws, *shape), np.int64)}

    def update(self, logits: Float[np.ndarray, "rows classes"], labels: Int64[np.ndarray, " rows"]) -> None:
        """Add rows, which the caller has judged."""
        classes, bins = self.settings["classes"], self.settings["bins"]
        chances = _softmax(logits)
        bin_of = np.ceil(chances * np.float32(bins)).astype(np.int32)
        bin_of -= 1
        np.clip(bin_of, 0, bins - 1, out=bin_of)
        bin_of += np.arange(classes, dtype=np.int32) * bins
        of_label = np.take_along_axis(bin_of, labels[:, None], 1)[:, 0]
        cells = bin_of.ravel()
        expected = np.bincount(cells, weights=chances.ravel(), minlength=classes * bins)
        seen, shape = int(self.sums["n"][0]), (classes, bins)
        self.sums["n"] += len(labels)
        self.sums["count"] += np.bincount(cells, minlength=classes * bins).reshape(shape)
        self.sums["right"] += np.bincount(of_label, minlength=classes * bins).reshape(shape)
        self.sums["confidences"] += _units(expected).reshape(shape)
        # other rows, other numbers: shards of one stream must not draw alike
        random = np.random.default_rng([self.settings["seed"], seen, zlib.crc32(labels.tobytes())])
        draw = self._drawn_in_full if seen < _DRAWN_IN_FULL // self.draws else self._drawn_here_and_there
        self.sums["drawn"] += _units(draw(chances, bin_of, expected, random)).reshape(self.draws, *shape)

    def _drawn_in_full(
        self, chances: np.ndarray, bin_of: np.ndarray, expected: np.ndarray, random: np.random.Generator
    ) -> Float[np.ndarray, "draws cells"]:
        """A label of every row for every draw."""
        size, away = len(expected), np.zeros(self.draws * len(expected))
        count = max(1, _AT_ONCE // self.draws)
        for start in range(0, len(chances), count):
            some = slice(start, start + count)
            rows = np.arange(len(chances[some]))[:, None]
            labels = _labels(chances[some], random.random((len(rows), self.draws)))
            cells = bin_of[some][rows, labels] + size * np.arange(self.draws)
            away += np.bincount(cells.ravel(), minlength=len(away))
        return away.reshape(self.draws, size) - expected

    def _drawn_here_and_there(
        self, chances: np.ndarray, bin_of: np.ndarray, expected: np.ndarray, random: np.random.Generator
    ) -> Float[np.ndarray, "draws cells"]:
        """A label of some rows, each for one draw, weighted for those without."""
        count = math.ceil(len(chances) / _EVERY)
        rows = random.integers(len(chances), size=count)
        of_draw = random.integers(self.draws, size=(count, 1)) * len(expected)
        labels = _labels(chances[rows], random.random((count, 1)))
        size = self.draws * len(expected)
        cells = bin_of[rows] + of_draw
        away = np.bincount(np.take_along_axis(cells, labels, 1).ravel(), minlength=size) - np.bincount(
            cells.ravel(), weights=chances[rows].ravel(), minlength=size
        )
        return away.reshape(self.draws, -1) * math.sqrt(len(chances) * self.draws / count)

    def test(self) -> CalibrationTest:
        """The classwise error beside its null law, with as many draws as `draws` says."""
        n, norm = int(self.sums["n"][0]), Norm.ABSOLUTE
        confidences = self.sums["confidences"] / _UNIT
        columns = zip(self.sums["count"], confidences, self.sums["right"], strict=True)
        own = np.array([plug_in(sums.hits, sums, norm) for sums in (Totals(*each) for each in columns)])
        null = np.abs(self.sums["drawn"] / _UNIT).sum(2) / n
        return against(over_classes(null, norm), float(over_classes(own, norm)), n)


def _units(sums: Float[np.ndarray, "*shape"]) -> Int64[np.ndarray, "*shape"]:
    return np.rint(sums * _UNIT).astype(np.int64)


def _softmax(logits: Float[np.ndarray, "rows classes"]) -> Float[np.ndarray, "rows classes"]:
    below = (logits - logits.max(1, keepdims=True)).astype(np.float32)
    np.exp(below, out=below)
    below /= below.sum(1, keepdims=True)
    return below


def _labels(
    chances: Float[np.ndarray, "rows classes"], at: Float[np.ndarray, "rows draws"]
) -> Int64[np.ndarray, "rows draws"]:
    """Labels drawn by inversion, at uniform numbers."""
    reached = np.cumsum(chances, 1, dtype=np.float64)
    reached /= reached[:, -1:]
    # rows laid end to end are one rising array, in which a single search draws for all of them
    start = np.arange(len(chances))[:, None]
    found = np.searchsorted((reached + start).ravel(), at + start, side="right") - chances.shape[1] * start
    return found.clip(0, chances.shape[1] - 1)
