"""Tables: which columns are outputs and labels, and how their cells become rows.

    outputs   a column of lists, `logits`, or wide, `logit_0` ... `logit_K-1`; for probabilities `probabilities` or
              `probability_0` ...; or the column or prefix that the caller names; binary also a single number, `logit`
    labels    a column of whole numbers, `label` or `labels`; for multilabel lists, or wide, `label_0` ... `label_K-1`

A row may also be a whole sequence: outputs a list of lists and labels a list (binary: a list each). Sequences may
differ in length; the lists of one position may not. Every format ends in Arrow's record batches
(https://arrow.apache.org/docs/format/Columnar.html), which come a few rows at a time, so that none need fit in memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from .meaning import Declared, Stretch
from .names import outputs_among, truth_among
from .refusal import Refused, refuse

_LISTS = (pt.is_list, pt.is_large_list, pt.is_fixed_size_list, pt.is_list_view, pt.is_large_list_view)
_AT_LEAST = 4096  # rows of a wide table: a thousand columns cost more to begin with than to go on with


@dataclass(frozen=True)
class Table:
    """A file of columns that has been opened: their names, how many rows, and batches of some of the columns."""

    names: tuple[str, ...]
    rows: int | None
    batches: Callable[[int, tuple[str, ...]], Iterator[pa.RecordBatch]]


class Cells(NamedTuple):
    """A column, or several side by side: flat numbers, and for each level of lists how long every list is."""

    numbers: np.ndarray
    lengths: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Tabular:
    """The `Source` of every table: the columns that matter, and how their lists are nested."""

    path: Path
    table: Table
    outputs: tuple[str, ...]
    truth: tuple[str, ...]
    columns: int
    sequences: bool
    alone: bool  # an output is a number of its own, in no list
    matrix: bool  # a label is a list of its own

    @property
    def rows(self) -> int | None:
        """The table's rows, unless each of them is a sequence."""
        return None if self.sequences else self.table.rows

    @property
    def together(self) -> bool:
        """Whether each row is a sequence."""
        return self.sequences

    @property
    def mapped(self) -> None:
        """A table is decoded, never mapped."""
        return None

    def stretches(self, rows: int) -> Iterator[Stretch]:
        """One batch after the other."""
        first = 0
        at_once = rows if len(self.outputs) == 1 else max(rows, _AT_LEAST)
        for batch in self.table.batches(at_once, self.outputs + self.truth):
            if batch.num_rows:
                yield self._fitted(batch, first)
            first += batch.num_rows
        if first != (first if self.table.rows is None else self.table.rows):
            raise refuse(
                self.path,
                f"It must hold the {self.table.rows:,} rows it promises, but has {first:,}. Write it again.",
            )

    def labels(self, rows: int) -> Iterator[np.ndarray]:
        """The columns of labels alone."""
        for batch in self.table.batches(rows, self.truth):
            yield cells(self.path, batch, self.truth, first=0).numbers

    def _fitted(self, batch: pa.RecordBatch, first: int) -> Stretch:
        """The numbers of a batch, once their lists have been found to be as long as they must be."""
        outputs = cells(self.path, batch, self.outputs, first=first)
        truth = cells(self.path, batch, self.truth, first=first)
        if _nesting(outputs, truth) != (self.sequences + (not self.alone), self.sequences + self.matrix):
            raise refuse(
                self.path, f"Its rows must be alike, but from row {first} on they are nested differently."
            )
        if self.sequences:
            self._same_lengths(outputs.lengths[0], truth.lengths[0], first)
        place = _place(outputs.lengths[:1] if self.sequences else (), first)
        for found, are_lists, word in ((outputs, not self.alone, "outputs"), (truth, self.matrix, "labels")):
            if are_lists and (wrong := found.lengths[-1] != self.columns).any():
                row = int(wrong.argmax())
                raise refuse(
                    self.path,
                    f"Every row must have {self.columns} {word}, as the first, but {place(row)} has "
                    f"{found.lengths[-1][row]}. Write one for every class.",
                )
        labels = truth.numbers.reshape(-1, self.columns) if self.matrix else truth.numbers
        records = first + np.arange(batch.num_rows)
        clusters = np.repeat(records, outputs.lengths[0]) if self.sequences else None
        return Stretch(outputs.numbers.reshape(-1, self.columns), labels, place, clusters)

    def _same_lengths(self, outputs: np.ndarray, truth: np.ndarray, first: int) -> None:
        if (wrong := outputs != truth).any():
            row = int(wrong.argmax())
            raise refuse(
                self.path,
                f"A sequence must have a label for every position, but row {first + row} has {outputs[row]} positions "
                f"and {truth[row]} labels. Pad both alike, and mark the padding with `ignore_index`.",
            )


def open_table(declared: Declared, table: Table) -> Tabular:
    """Finds the columns by name, and sees in the first rows what the names leave open."""
    path, task = declared.path, declared.task
    outputs = outputs_among(path, table.names, declared.outputs, declared.kind)
    truth = truth_among(path, table.names, declared.labels)
    for batch in table.batches(64, outputs + truth):
        said, true = (cells(path, batch, names, first=0) for names in (outputs, truth))
        if len(said.numbers):
            break
    else:
        raise refuse(
            path, "It must hold at least one row, but it is empty. Save the outputs of a whole split."
        )
    if said.numbers.dtype.kind != "f":
        raise refuse(
            path,
            f"The {declared.kind} in {outputs[0]!r} must be floats, but got {said.numbers.dtype}. "
            "Save what the model gave, before any rounding or argmax.",
        )
    nesting = _nesting(said, true)
    if nesting not in _NESTINGS[task]:
        raise _unfit(declared, nesting)
    matrix = task == "multilabel"
    alone = nesting[0] == nesting[1] and not matrix
    columns = 1 if alone else int(said.lengths[-1][0])
    if columns < (2 if task == "multiclass" else 1) or (columns > 1 and task == "binary"):
        raise refuse(path, f"{_WANTED[task]}, but row 0 has {columns} outputs. {_WAY_OUT[task]}")
    return Tabular(
        path, table, outputs, truth, columns, sequences=nesting[1] > matrix, alone=alone, matrix=matrix
    )


def cells(path: Path, batch: pa.RecordBatch, names: tuple[str, ...], *, first: int) -> Cells:
    """The cells of columns that stand side by side, without nulls and of one type. Raises `Refused`."""
    each = [_levels(path, batch.column(name), name, first) for name in names]
    if len(each) == 1:
        return each[0]
    if any(lengths for _, lengths in each):
        raise refuse(
            path, f"A wide table must have a number in each of {names[0]!r} to {names[-1]!r}, not lists."
        )
    if len({numbers.dtype.kind for numbers, _ in each}) > 1:
        raise refuse(
            path, f"The columns {names[0]!r} to {names[-1]!r} must be of one type, but are not. {_AS_NUMBERS}"
        )
    return Cells(np.stack([numbers for numbers, _ in each], 1).ravel(), (np.full(batch.num_rows, len(each)),))


def _levels(path: Path, array: pa.Array, name: str, first: int) -> Cells:
    lengths: tuple[np.ndarray, ...] = ()
    while True:
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if isinstance(array, pa.DictionaryArray):
            array = array.dictionary_decode()
        if array.null_count:
            place = _place(lengths, first)(pc.index(array.is_null(), True).as_py())
            raise refuse(
                path, f"No cell of {name!r} may be null, but {place} is. Drop such rows or fill them in."
            )
        if not any(is_list(array.type) for is_list in _LISTS):
            break
        lengths += (pc.call_function("list_value_length", [array]).to_numpy(zero_copy_only=False),)
        array = array.flatten()
    if not (pt.is_floating(array.type) or pt.is_integer(array.type) or pt.is_boolean(array.type)):
        raise refuse(
            path, f"The column {name!r} must hold numbers, but it is of type {array.type}. {_AS_NUMBERS}"
        )
    return Cells(array.to_numpy(zero_copy_only=False), lengths)


def _nesting(outputs: Cells, truth: Cells) -> tuple[int, int]:
    return len(outputs.lengths), len(truth.lengths)


def _place(lengths: tuple[np.ndarray, ...], first: int) -> Callable[[int], str]:
    """What to call an entry below so many levels of lists: its row, and its position in it."""
    if not lengths:
        return lambda row: f"row {first + row}"
    ends = np.cumsum(lengths[-1])

    def place(entry: int) -> str:
        above = int(np.searchsorted(ends, entry, side="right"))
        position = entry - int(ends[above] - lengths[-1][above])
        word = ", position" if len(lengths) == 1 else ","
        return f"{_place(lengths[:-1], first)(above)}{word} {position}"

    return place


_AS_NUMBERS = "Write labels as the index of each class, and outputs as floats."
_NESTINGS = {
    "multiclass": {(1, 0), (2, 1)},
    "binary": {(0, 0), (1, 0), (1, 1), (2, 1)},
    "multilabel": {(1, 1)},
}
_WANTED = {
    "multiclass": "A row must have a list of outputs and a label, or a list of both for every position",
    "binary": "A row must have one output and one label, or one of both for every position",
    "multilabel": "A row must have a list of outputs and a list of 0 and 1",
}
_WAY_OUT = {
    "multiclass": "A single yes-or-no output a row is task='binary'.",
    "binary": "Outputs for several classes are task='multiclass'.",
    "multilabel": "One label for several outputs is task='multiclass'.",
}


def _unfit(declared: Declared, nesting: tuple[int, int]) -> Refused:
    got = " and ".join(
        f"{word} {('that are numbers', 'in lists', 'in lists of lists')[min(depth, 2)]}"
        for word, depth in zip(("outputs", "labels"), nesting, strict=True)
    )
    return refuse(declared.path, f"{_WANTED[declared.task]}, but row 0 has {got}. {_WAY_OUT[declared.task]}")
