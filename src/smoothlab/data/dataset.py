"""The one shape of data in this house: three splits of inputs and labels, judged when they are put together.

    images    uint8    [examples channels height width], a byte means value / 255
    anything  float32  [examples ...], taken as it is; a table is [examples features]
    labels    int64    [examples], class k of K written as k = 0 ... K - 1

Who holds a `Dataset` need not look again: no split is empty, nothing is NaN, and every label has its class.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, Integer, Shaped, UInt8

from .. import _checks


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Inputs and labels of one split, one row in each for every example.

    Raises:
        TypeError: `inputs` or `labels` is no NumPy array.
        ValueError: another dtype or number of axes than the module's table allows, no example, lengths that
            differ, a value that is not finite, or a label below 0.

    >>> import numpy as np
    >>> from smoothlab.data import Split
    >>> Split(np.zeros((4, 1, 28, 28), np.uint8), np.array([0, 1, 2, 1]))
    Split(4 examples, uint8 1 x 28 x 28)
    """

    inputs: UInt8[np.ndarray, "examples channels height width"] | Float32[np.ndarray, "examples ..."]
    labels: Int64[np.ndarray, " examples"]

    def __post_init__(self) -> None:
        _judge_inputs(self.inputs)
        _judge_labels(self.labels)
        _checks.same_length(("inputs", "labels"), (len(self.inputs), len(self.labels)))
        if self.inputs.dtype.kind == "f":
            finite("inputs", self.inputs)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({len(self)} examples, {_describe(self.inputs)})"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Three splits that share one kind of input and one tuple of class names.

    Raises:
        ValueError: fewer than two class names, names that are blank or repeat, splits whose inputs differ in
            dtype or shape, a label without a class, or a training split of a single class.

    >>> import numpy as np
    >>> from smoothlab.data import Dataset, Split
    >>> part = Split(np.eye(2, dtype=np.float32), np.array([0, 1]))
    >>> Dataset("corners", train=part, validation=part, test=part, classes=("left", "right"))
    Dataset('corners', 2 + 2 + 2 examples, float32 2, 2 classes)
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        distinct(self.classes)
        for word, split in self._splits():
            if _describe(split.inputs) != _describe(self.train.inputs):
                raise ValueError(
                    f"`{word}` must have inputs like those of `train`, {_describe(self.train.inputs)}, "
                    f"but got {_describe(split.inputs)}. Prepare all three splits alike."
                )
            in_classes(f"{word}.labels", split.labels, len(self.classes))
        if (self.train.labels == self.train.labels[0]).all():
            raise ValueError(
                f"`train` must hold at least two classes, but every label is {self.train.labels[0]}. "
                "Shuffle before splitting, or check the labels."
            )

    def fingerprint(self) -> str:
        """SHA-256, in hex, of every array's bytes, dtype and shape and of the class names; `name` is left out.

        Equal data have equal fingerprints on every machine, wherever they were read from.

        >>> import numpy as np
        >>> from smoothlab.data import from_arrays
        >>> inputs, labels = np.eye(10), np.arange(10) % 2
        >>> one = from_arrays(inputs, labels, name="one").fingerprint()
        >>> one == from_arrays(inputs, labels, name="two").fingerprint()
        True
        >>> one == from_arrays(inputs, labels, classes=("even", "odd")).fingerprint()
        False
        """
        digest = hashlib.sha256(json.dumps(self.classes).encode())
        for word, split in self._splits():
            for field, array in (("inputs", split.inputs), ("labels", split.labels)):
                little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
                digest.update(f"{word}.{field} {little.dtype.str} {little.shape}".encode())
                digest.update(little.data)
        return digest.hexdigest()

    def _splits(self) -> tuple[tuple[str, Split], ...]:
        return ("train", self.train), ("validation", self.validation), ("test", self.test)

    def __repr__(self) -> str:
        lengths = " + ".join(str(len(split)) for _, split in self._splits())
        kind = _describe(self.train.inputs)
        return f"Dataset({self.name!r}, {lengths} examples, {kind}, {len(self.classes)} classes)"


def finite(name: str, values: Float32[np.ndarray, "examples ..."]) -> None:
    """Every value is a finite number; the error names the first row that has none."""
    bad = ~np.isfinite(values).reshape(len(values), -1).all(1)
    if bad.any():
        raise ValueError(
            f"`{name}` must be finite in float32, but row {bad.argmax()} holds a NaN or an infinity. "
            "Drop such rows or fill them in."
        )


def in_classes(name: str, labels: Integer[np.ndarray, " examples"], classes: int) -> None:
    """Every label lies in 0 ... classes - 1; the error names the first row that does not."""
    bad = (labels < 0) | (labels >= classes)
    if bad.any():
        row = bad.argmax()
        raise ValueError(
            f"`{name}` must lie in 0 ... {classes - 1} for {classes} classes, but row {row} holds {labels[row]}. "
            "Number the classes from 0 and name every one."
        )


def distinct(classes: tuple[str, ...]) -> None:
    """At least two class names, all words and all different."""
    if len(classes) < 2:
        raise ValueError(f"`classes` must name at least two classes, but got {classes!r}. Name every class.")
    if not all(isinstance(name, str) and name.strip() for name in classes):
        raise ValueError(f"`classes` must hold words, but got {classes!r}. Write a number 3 as '3'.")
    repeated = sorted(name for name in set(classes) if classes.count(name) > 1)
    if repeated:
        raise ValueError(
            f"`classes` must all differ, but {repeated[0]!r} stands twice. Rename one of the two."
        )


@contextmanager
def blame(source: object) -> Iterator[None]:
    """Begins the sentence of a `ValueError` with the file that the bad value came from."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def _judge_inputs(inputs: object) -> None:
    if not isinstance(inputs, np.ndarray):
        raise TypeError(
            f"`inputs` must be a NumPy array, but got {type(inputs).__name__}. Use `from_arrays`."
        )
    image = inputs.dtype == np.uint8 and inputs.ndim == 4
    other = inputs.dtype == np.float32 and inputs.ndim >= 2
    if not (image or other):
        raise ValueError(
            "`inputs` must be uint8 [examples, channels, height, width] or float32 with at least two axes, "
            f"but got {inputs.dtype} {list(inputs.shape)}. `from_arrays` converts."
        )
    if inputs.size == 0:
        raise ValueError(
            f"`inputs` must not be empty, but got shape {list(inputs.shape)}. Give every split some."
        )


def _judge_labels(labels: object) -> None:
    if not isinstance(labels, np.ndarray):
        raise TypeError(
            f"`labels` must be a NumPy array, but got {type(labels).__name__}. Use `from_arrays`."
        )
    if labels.dtype != np.int64 or labels.ndim != 1:
        raise ValueError(
            f"`labels` must be int64 with one axis, but got {labels.dtype} {list(labels.shape)}. "
            "`from_arrays` converts."
        )
    if len(labels) and labels.min() < 0:
        raise ValueError(
            f"`labels` must be 0 or above, but row {labels.argmin()} holds {labels.min()}. Drop unlabelled rows."
        )


def _describe(inputs: Shaped[np.ndarray, "examples ..."]) -> str:
    return f"{inputs.dtype} {' x '.join(map(str, inputs.shape[1:]))}"
