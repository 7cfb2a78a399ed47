r"""What saved numbers mean, as the caller declares it: rows of logits and whole labels, each judged.

    logits          z_1 ... z_K      taken as they are; -inf is a masked class
    probabilities   p_1 ... p_K      z_k = log p_k, for softmax(log p) = p; |sum_k p_k - 1| <= 0.01
    binary          z, or p          the row (0, z), or (log(1 - p), log p): softmax(0, z) = (1 - s(z), s(z))
    multilabel      z_1 ... z_K      K binary rows, example by example: row i K + k is label k of example i

with s(z) = 1 / (1 + exp(-z)). Every task thus ends in logits [rows classes] and labels [rows], so that one measure
serves all; a measure of a single label k takes every K-th row. Nothing is guessed from the values.
A row whose label is `ignore_index` is dropped before its outputs are looked at: padding may hold anything.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int64, Shaped

from .refusal import refuse

Kind = Literal["logits", "probabilities"]
Task = Literal["multiclass", "binary", "multilabel"]
TOLERANCE = 0.01  # what bfloat16 (0.004 relative) or a table with three decimals leaves of a sum of 1


class Stretch(NamedTuple):
    """Consecutive rows of a file, flat, with nothing judged yet, and what to call each of them."""

    outputs: Shaped[np.ndarray, "rows columns"]
    labels: Shaped[np.ndarray, "rows ..."]  # a row of columns for multilabel, else one
    place: Callable[[int], str]
    clusters: Int64[np.ndarray, " rows"] | None = (
        None  # the record of each, rising; None where each has its own
    )


class Meant(NamedTuple):
    """What rows mean: logits, labels, and where several came from one record, the record of each."""

    logits: Float[np.ndarray, "rows classes"]
    labels: Int64[np.ndarray, " rows"]
    clusters: Int64[np.ndarray, " rows"] | None


@runtime_checkable
class Source(Protocol):
    """A file that has been opened: how wide and how long it is, and its rows in order."""

    @property
    def columns(self) -> int:
        """Numbers in a row."""
        ...

    @property
    def rows(self) -> int | None:
        """Rows in the file, where it says so itself."""
        ...

    @property
    def together(self) -> bool:
        """Whether several rows may come from one record, as the positions of a sequence do."""
        ...

    @property
    def mapped(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Outputs [rows columns] and labels [rows] as maps of the file, where they lie there as they are."""
        ...

    def stretches(self, rows: int) -> Iterator[Stretch]:
        """About so many rows at a time."""
        ...

    def labels(self, rows: int) -> Iterator[np.ndarray]:
        """The labels alone."""
        ...


@dataclass(frozen=True)
class Declared:
    """What the caller says a file holds, and under which names."""

    path: Path
    kind: Kind
    task: Task
    ignore_index: int | None
    outputs: str | None
    labels: str | None

    def meant(self, stretch: Stretch) -> Meant:
        """The logits and labels of one stretch, without its ignored rows. Raises `Refused`."""
        outputs, labels, place, clusters = _each_alone(stretch) if self.task == "multilabel" else stretch
        if self.ignore_index is not None:
            kept = np.flatnonzero(labels != self.ignore_index)
            if len(kept) < len(labels):
                outputs, labels, place = outputs[kept], labels[kept], _places_of(kept, place)
                clusters = None if clusters is None else clusters[kept]
        if not len(labels):
            return Meant(np.empty((0, max(2, outputs.shape[1])), np.float32), np.empty(0, np.int64), clusters)
        judge = Judge(self.path, place)
        with np.errstate(all="ignore"):  # what is wrong is said in a sentence, not in a warning before it
            labels = judge.labels(labels, classes=max(2, outputs.shape[1]))
            outputs = _single_or_double(outputs)
            if outputs.shape[1] > 1:
                logits = judge.logits(outputs) if self.kind == "logits" else judge.probabilities(outputs)
            else:
                logits = judge.logit(outputs) if self.kind == "logits" else judge.probability(outputs)
            return Meant(logits, labels, clusters)


@dataclass(frozen=True)
class Judge:
    """Looks at outputs and labels, and refuses by place the first row that breaks a rule."""

    path: Path
    place: Callable[[int], str]

    def labels(self, labels: Shaped[np.ndarray, " rows"], *, classes: int) -> Int64[np.ndarray, " rows"]:
        """Whole numbers from 0 to `classes` - 1, of whatever type."""
        if labels.dtype.kind == "f":
            self._all(
                np.isfinite(labels) & (np.floor(labels) == labels),
                labels,
                "A label must be a whole number",
                "Write the index of each class, counted from 0.",
            )
        self._all(
            (labels >= 0) & (labels < classes),
            labels,
            f"A label must lie in 0 to {classes - 1}, the classes there are",
            "Count classes from 0, and pass `ignore_index` if this one marks rows to leave out.",
        )
        return labels.astype(np.int64, copy=False)

    def logits(self, z: Float[np.ndarray, "rows classes"]) -> Float[np.ndarray, "rows classes"]:
        """No NaN, no +inf, and -inf not in every column."""
        if np.isfinite(z).all():
            return z  # almost always, and many times faster than a maximum for each of many short rows
        highest = z.max(1)  # NaN and +inf come through a maximum, and so does a row of nothing but -inf
        self._all(
            np.isfinite(highest),
            highest,
            "A row of logits must be finite, or -inf for some masked classes",
            "Leave such rows out, or look for the run that diverged.",
            what={-np.inf: "-inf in every column"},
        )
        return z

    def logit(self, z: Float[np.ndarray, "rows 1"]) -> Float[np.ndarray, "rows 2"]:
        """The row (0, z) of each finite z."""
        self._all(
            np.isfinite(z[:, 0]),
            z[:, 0],
            "A single logit must be finite",
            "Leave such rows out, or look for the run that diverged.",
        )
        return np.concatenate([np.zeros_like(z), z], 1)

    def probabilities(self, p: Float[np.ndarray, "rows classes"]) -> Float[np.ndarray, "rows classes"]:
        """log p, where no p is below 0 and each row sums to 1."""
        lowest = p.min(1)
        self._all(~(lowest < 0), lowest, "A probability must not be below 0", _DECLARE_LOGITS)
        sums = p.sum(1, dtype=np.float64)
        self._all(
            np.abs(sums - 1) <= TOLERANCE,
            sums,
            f"A row of probabilities must sum to 1 within {TOLERANCE}",
            f"{_DECLARE_LOGITS} Scores of several labels are task='multilabel'.",
        )
        return np.log(p)

    def probability(self, p: Float[np.ndarray, "rows 1"]) -> Float[np.ndarray, "rows 2"]:
        """(log(1 - p), log p) for each p in [0, 1]."""
        self._all(
            (p[:, 0] >= 0) & (p[:, 0] <= 1), p[:, 0], "A probability must lie in [0, 1]", _DECLARE_LOGITS
        )
        return np.concatenate([np.log1p(-p), np.log(p)], 1)

    def _all(
        self,
        right: Bool[np.ndarray, " rows"],
        values: Shaped[np.ndarray, " rows"],
        rule: str,
        way_out: str,
        *,
        what: dict[float, str] | None = None,
    ) -> None:
        if right.all():
            return
        row = int(right.argmin())
        value = values[row].item()
        got = (what or {}).get(value, f"{value:.6g}" if isinstance(value, float) else value)
        raise refuse(self.path, f"{rule}, but {self.place(row)} has {got}. {way_out}")


_DECLARE_LOGITS = "If these are logits, say kind='logits'."


def _each_alone(stretch: Stretch) -> Stretch:
    """The K labels of every example as K rows of one column."""
    rows, count = stretch.outputs.shape
    clusters = np.arange(rows) if stretch.clusters is None else stretch.clusters
    return Stretch(
        stretch.outputs.reshape(-1, 1),
        stretch.labels.reshape(-1),
        lambda row: f"{stretch.place(row // count)}, label {row % count}",
        np.repeat(clusters, count),
    )


def _places_of(kept: Int64[np.ndarray, " kept"], place: Callable[[int], str]) -> Callable[[int], str]:
    return lambda row: place(int(kept[row]))


def _single_or_double(outputs: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """float32, or float64 where the file has it, in the machine's byte order."""
    return outputs.astype(np.float64 if outputs.dtype.itemsize == 8 else np.float32, copy=False)
