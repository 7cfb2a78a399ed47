"""Files of named arrays: which of them are outputs and labels, and how their axes fit.

    multiclass   outputs [... classes]    labels [...]           as [rows], or token by token as [rows positions]
    binary       outputs [...] or [... 1] labels [...]
    multilabel   outputs [rows labels]    labels [rows labels]

An axis of length 1 at the end of the labels is allowed. All but the last axis of the outputs are one long axis of
rows here, last axis fastest. Arrays are read in order and a few records at a time, so that none need fit in memory.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .meaning import Declared, Stretch
from .refusal import Refused, listed, refuse

OUTPUTS = {"logits": ("logits",), "probabilities": ("probabilities",)}
LABELS = ("labels", "label")
_BOMB = 500  # deflate packs 1032-fold at best; labels may well be packed like that, but numbers of a model are not


@dataclass(frozen=True, eq=False)
class Stored:
    """One array of a file: how it is shaped, its records in order, so many at a time, and how far it was packed."""

    shape: tuple[int, ...]
    dtype: np.dtype
    records: Callable[[int], Iterator[np.ndarray]]
    mapped: np.ndarray | None = None
    expansion: float = 1.0

    @classmethod
    def in_memory(cls, array: np.ndarray) -> "Stored":
        """An array that is there, or mapped."""
        return cls(array.shape, array.dtype, lambda count: _slices(array, count), array)

    @classmethod
    def bfloat16(cls, bits: np.ndarray) -> "Stored":
        """An array whose 16 bits are the upper half of a float32, which NumPy has no type for."""

        def records(count: int) -> Iterator[np.ndarray]:
            for some in _slices(bits, count):
                yield (some.astype(np.uint32) << 16).view(np.float32)

        return cls(bits.shape, np.dtype(np.float32), records)


@dataclass(frozen=True, eq=False)
class Arrays:
    """Outputs and labels that fit: the `Source` of every file of arrays."""

    outputs: Stored
    truth: Stored
    columns: int
    row_axes: tuple[int, ...]
    clusters: np.ndarray | None = None  # of a file that `Predictions.save` wrote

    @property
    def rows(self) -> int:
        """Rows over all leading axes."""
        return math.prod(self.row_axes)

    @property
    def together(self) -> bool:
        """Whether a record has several positions, or the file says which rows belong together."""
        return math.prod(self.row_axes[1:]) > 1 or self.clusters is not None

    @property
    def mapped(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Both maps, if a row is a record of each."""
        outputs, truth = self.outputs.mapped, self.truth.mapped
        return None if outputs is None or truth is None or truth.ndim > 1 else (outputs, truth)

    def stretches(self, rows: int) -> Iterator[Stretch]:
        """Whole records, as many as make about so many rows."""
        positions = math.prod(self.row_axes[1:])
        count = max(1, rows // positions)
        first = 0
        for outputs, labels in zip(self.outputs.records(count), self.truth.records(count), strict=True):
            some = len(outputs) * positions
            truth = labels.reshape(some, -1)
            yield Stretch(
                outputs.reshape(some, self.columns),
                truth[:, 0] if truth.shape[1] == 1 else truth,
                self._place(first),
                self._clusters(first // positions, len(outputs), positions),
            )
            first += some

    def _clusters(self, first: int, records: int, positions: int) -> np.ndarray | None:
        if self.clusters is not None:
            return np.asarray(self.clusters[first : first + records])
        return np.repeat(np.arange(first, first + records), positions) if positions > 1 else None

    def labels(self, rows: int) -> Iterator[np.ndarray]:
        """The labels alone; they are small enough to be read so many records at a time."""
        return self.truth.records(rows)

    def _place(self, first: int) -> Callable[[int], str]:
        def place(row: int) -> str:
            record, *position = (int(index) for index in np.unravel_index(first + row, self.row_axes))
            return f"row {record}" + (f", position {', '.join(map(str, position))}" if position else "")

        return place


def open_arrays(
    declared: Declared, held: Mapping[str, Stored], beside: tuple[Path, Mapping[str, Stored]] | None
) -> Arrays:
    """Outputs among the arrays of a file, and labels among them or in the file `beside` it."""
    path = declared.path
    outputs = _chosen(path, held, declared.outputs, OUTPUTS[declared.kind], word="logits")
    if beside is not None:
        truth = _chosen(beside[0], beside[1], None, LABELS, word="labels")
    elif set(held) == {""}:
        raise refuse(path, "It holds one array, so the labels must lie in another file. Pass it as `labels`.")
    else:
        truth = _chosen(path, held, declared.labels, LABELS, word="labels")
    if outputs.dtype.kind != "f" or outputs.dtype.itemsize not in (2, 4, 8):
        raise refuse(
            path,
            f"The {declared.kind} must be float16, float32 or float64, but got {outputs.dtype}. "
            "Save what the model gave, before any rounding or argmax.",
        )
    if outputs.expansion > _BOMB:
        raise refuse(
            path,
            f"The {declared.kind} must not unpack to more than {_BOMB} times their size, but these would grow "
            f"{outputs.expansion:.0f}-fold, as no model's outputs do. If they are real, write them with np.savez.",
        )
    if truth.dtype.kind not in "biuf":
        raise refuse(
            beside[0] if beside else path,
            f"The labels must be whole numbers, but got {truth.dtype}. Write the index of each class.",
        )
    return _fitted(declared, outputs, truth)


def _chosen(
    path: Path, held: Mapping[str, Stored], name: str | None, defaults: tuple[str, ...], *, word: str
) -> Stored:
    """The array of that name; else of a usual name; else the only one, where no name was ever given."""
    if name is None:
        if set(held) == {""}:
            return held[""]
        usual = [default for default in defaults if default in held]
        if len(usual) == 1:
            return held[usual[0]]
        if usual:
            raise refuse(path, f"It holds {listed(usual)}. Say with `{word}` which of them is meant.")
    elif name in held:
        return held[name]
    wanted = listed(defaults if name is None else (name,))
    found = "one array without a name" if set(held) == {""} else listed(sorted(held))
    raise refuse(path, f"It must hold an array {wanted}, but it holds {found}. Name one with `{word}`.")


def _fitted(declared: Declared, outputs: Stored, truth: Stored) -> Arrays:
    """The outputs' last axis is the columns, unless each output stands alone; the others are the labels' axes."""
    shape, labels = outputs.shape, truth.shape
    if 0 in shape or not shape:
        raise _unfit(declared, outputs, truth, "Save at least one row.")
    match declared.task:
        case "multiclass":
            if len(shape) < 2:
                raise _unfit(declared, outputs, truth, "A single yes-or-no output a row is task='binary'.")
            axes, columns, fits = shape[:-1], shape[-1], labels in (shape[:-1], (*shape[:-1], 1))
            if columns == 1:
                raise _unfit(declared, outputs, truth, "A single yes-or-no output a row is task='binary'.")
        case "binary":
            alone = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
            axes, columns, fits = alone, 1, labels in (alone, (*alone, 1))
        case "multilabel":
            axes, columns, fits = shape[:1], shape[-1], len(shape) == 2 and labels == shape
    if not fits:
        raise _unfit(declared, outputs, truth, _way_out(declared.task, shape, labels))
    return Arrays(outputs, truth, columns, axes)


def _unfit(declared: Declared, outputs: Stored, truth: Stored, way_out: str) -> Refused:
    rule = {
        "multiclass": f"The {declared.kind} must be [rows classes] or [rows positions classes], and the labels the "
        "same without the last axis",
        "binary": f"The {declared.kind} must be [rows], [rows 1] or [rows positions], with labels alike",
        "multilabel": f"The {declared.kind} must be [rows labels], and the labels a matrix of 0 and 1 alike",
    }[declared.task]
    got = f"{list(outputs.shape)} and {list(truth.shape)}"
    return refuse(declared.path, f"{rule}, but got {got}. {way_out}")


def _way_out(task: str, shape: tuple[int, ...], labels: tuple[int, ...]) -> str:
    if task != "multiclass" and len(shape) == len(labels) + 1:
        return "One label for several outputs is task='multiclass'."
    if shape == labels:
        return "Write labels.argmax(-1) for one-hot rows; 0 and 1 for every label is task='multilabel'."
    if (shape[0], *shape[2:]) == labels:
        return "Put the classes last with np.moveaxis(logits, 1, -1)."
    return "Save both from one run over one split."


def _slices(array: np.ndarray, count: int) -> Iterator[np.ndarray]:
    for start in range(0, len(array), count):
        yield array[start : start + count]
