"""A file of saved outputs, opened: what it says of itself, and its rows in order.

    .npy with a file of labels, .npz, .safetensors, .pt .pth             arrays by name
    .parquet, .arrow .ipc .feather, .csv, .jsonl .ndjson                 columns by name

A file is told by its ending, and its numbers by what the caller declares; neither is guessed. No file is ever run: no
object arrays, and of pickles only torch's, through its weights-only loader. What cannot be used is refused in one
sentence that names the file, the row (counted from 0) and the way out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import get_args

import numpy as np
from jaxtyping import Float, Int64

from .. import _checks
from .._numerics import blocks as slices
from ..predictions import Predictions
from .arrays import Stored, open_arrays
from .meaning import Declared, Kind, Meant, Source, Task
from .numpy_files import npy, npz
from .refusal import refuse
from .tensors import is_ours, safetensors

ARRAYS = (".npy", ".npz", ".safetensors", ".pt", ".pth")
TABLES = (".parquet", ".arrow", ".ipc", ".feather", ".csv", ".jsonl", ".ndjson")
_AT_ONCE = 2**18  # numbers in a block: as float32 they stay in a core's cache
_FLOATS = ("float16", "float32", "float64")


@dataclass(frozen=True, eq=False, repr=False)
class Saved:
    """What a model said of a split, on disk: opened by `open_saved`, read when asked."""

    _declared: Declared
    _source: Source

    @property
    def path(self) -> Path:
        """The file."""
        return self._declared.path

    @property
    def kind(self) -> Kind:
        """Whether it holds logits or probabilities, as declared."""
        return self._declared.kind

    @property
    def task(self) -> Task:
        """Multiclass, binary or multilabel, as declared."""
        return self._declared.task

    @property
    def columns(self) -> int:
        """Numbers in a row of the file: classes, 1 for binary, labels for multilabel."""
        return self._source.columns

    @property
    def classes(self) -> int:
        """Classes of the logits that `blocks` yields: the columns, but 2 for binary and multilabel."""
        return self.columns if self.task == "multiclass" else 2

    @property
    def rows(self) -> int | None:
        """Rows that the file holds, ignored ones too; for multilabel, rows times labels.

        `None` where only reading to the end would tell: CSV, JSON Lines, streams of Arrow, sequences in a table.
        """
        rows = self._source.rows
        return rows if rows is None or self.task != "multilabel" else rows * self.columns

    @property
    def apart(self) -> bool:
        """Whether each row of `blocks` is a record of its own, unlike multilabel's labels and a sequence's positions.

        What shares a record may depend on each other; `clustered_blocks` says which rows do.
        """
        return self.task != "multilabel" and not self._source.together

    def __repr__(self) -> str:
        rows = "" if self.rows is None else f", {self.rows} rows"
        return f"Saved({self.path.name!r}, {self.task} {self.kind}{rows}, {self.classes} classes)"

    def blocks(
        self, *, rows: int | None = None
    ) -> Iterator[tuple[Float[np.ndarray, "rows classes"], Int64[np.ndarray, " rows"]]]:
        """Logits (float32 or float64) and labels, at most so many rows at a time, in the order of the file.

        Each call reads anew, and holds little more than a block, which may be a read-only view of the file. If `rows`
        is `None`, a block has about 260,000 numbers. Rows whose label is `ignore_index` are left out. Raises
        `ValueError` at the first row that breaks a rule, and at the end if nothing was left.

        >>> import tempfile, numpy as np
        >>> from pathlib import Path
        >>> from smoothlab.saved import open_saved
        >>> path = Path(tempfile.mkdtemp()) / "test.npz"
        >>> np.savez(path, logits=np.eye(3), labels=np.array([0, -100, 2]))
        >>> [labels.tolist() for _, labels in open_saved(path, ignore_index=-100).blocks(rows=1)]
        [[0], [2]]
        """
        if rows is not None:
            _checks.at_least("rows", rows, 1)
        return (
            (logits, labels) for logits, labels, _ in self._blocks(rows or max(1, _AT_ONCE // self.columns))
        )

    def clustered_blocks(self) -> Iterator[Meant]:
        """The same, and the record that each row came from, numbered from 0 without gaps; None where `apart`.

        >>> import tempfile, numpy as np
        >>> from pathlib import Path
        >>> from smoothlab.saved import open_saved
        >>> path = Path(tempfile.mkdtemp()) / "tokens.npz"
        >>> np.savez(path, logits=np.zeros((3, 2, 4)), labels=np.array([[1, 2], [0, 0], [3, 0]]))
        >>> [clusters.tolist() for _, _, clusters in open_saved(path, ignore_index=0).clustered_blocks()]
        [[0, 0, 1]]
        """
        return self._blocks(max(1, _AT_ONCE // self.columns))

    def _blocks(self, rows: int) -> Iterator[Meant]:
        some, number = False, -1
        last: int | None = None
        at_once = max(1, rows // self.columns) if self.task == "multilabel" else rows
        for stretch in self._source.stretches(at_once):
            logits, labels, clusters = self._declared.meant(stretch)
            if clusters is not None and len(clusters):
                before = clusters[0] - 1 if last is None else last
                new, last = np.diff(clusters, prepend=before) != 0, int(clusters[-1])
                clusters = number + np.cumsum(new)
                number = int(clusters[-1])
            for part in slices(len(labels), rows=rows):
                some = True
                yield Meant(logits[part], labels[part], None if clusters is None else clusters[part])
        if not some:
            raise refuse(
                self.path,
                f"At least one row must count, but every label is {self._declared.ignore_index}, the `ignore_index`. "
                "Pass another, or another split.",
            )

    def ignored(self) -> int:
        """How many rows `blocks` leaves out, from one reading of the labels alone."""
        ignore_index = self._declared.ignore_index
        if ignore_index is None:
            return 0
        return sum(int((labels == ignore_index).sum()) for labels in self._source.labels(_AT_ONCE))

    def predictions(self) -> Predictions:
        """All rows at once, judged: mapped where a file of arrays holds them as they are, else in memory.

        Of a file that `Predictions.save` wrote, features, head and meta come along. Raises `ValueError` as `blocks`
        does, and where the rows do not fit in memory.

        >>> import tempfile, numpy as np
        >>> from pathlib import Path
        >>> from smoothlab.saved import open_saved
        >>> path = Path(tempfile.mkdtemp()) / "test.npz"
        >>> np.savez(path, scores=np.array([0.25, 0.75]), labels=np.array([0, 1]))
        >>> said = open_saved(path, logits="scores", kind="probabilities", task="binary").predictions()
        >>> said, said.logits.round(2).tolist()
        (Predictions(2 examples, 2 classes), [[-0.29, -1.39], [-1.39, -0.29]])
        """
        mapped = self._mapped()
        if mapped is None:
            logits, labels, clusters = self._gathered()
            return Predictions(logits, labels, meta=self._meta(), clusters=clusters)
        for _ in self._blocks(max(1, _AT_ONCE // self.columns)):
            pass  # judged here, where a refusal names file and row
        if is_ours(self.path) and (self._declared.outputs, self._declared.labels) == (None, None):
            return Predictions.load(self.path)
        logits, labels = mapped
        return Predictions(logits, labels.astype(np.int64, copy=False), meta=self._meta())

    def _mapped(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The file's own arrays, if they mean what they hold."""
        if (self.kind, self.task, self._declared.ignore_index) != ("logits", "multiclass", None):
            return None
        if not self.apart and (self._declared.outputs, self._declared.labels) != (None, None):
            return None
        mapped = self._source.mapped
        return mapped if mapped is not None and mapped[0].dtype in _FLOATS else None

    def _gathered(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        try:
            columns = list(zip(*self.clustered_blocks(), strict=True))
            logits, labels = (np.concatenate(parts) for parts in columns[:2])
            return logits, labels, None if self.apart else np.concatenate(columns[2])
        except MemoryError:
            raise refuse(self.path, "It must fit in memory, but does not. Stream it with `blocks`.") from None

    def _meta(self) -> dict[str, object]:
        return {"source": self.path.name, "ignored": self.ignored()}


def open_saved(
    path: str | PathLike[str],
    *,
    kind: Kind = "logits",
    logits: str | None = None,
    labels: str | PathLike[str] | None = None,
    task: Task = "multiclass",
    ignore_index: int | None = None,
    classes: int | None = None,
) -> Saved:
    """Open a file of saved outputs. Its head and first rows are looked at now, the rest when it is read.

    Args:
        path: the file; its ending says how it is read.
        kind: what the numbers are. Probabilities of a row must sum to 1 within 0.01 and become logits log p.
        logits: the array or column of outputs, or the prefix of numbered columns. If `None`, the one called `logits`
            (`logit_0` ... in a table; `probabilities`, `probability_0` ... for probabilities).
        labels: the array or column of labels; or a file of arrays that holds them, given as a path or as a word that
            ends like one (.npy). If `None`, the one called `labels` or `label`.
        task: "multiclass": outputs [rows classes], or [rows positions classes] for sequences; "binary": one output z a
            row, which becomes (0, z); "multilabel": outputs [rows labels] and 0 or 1 for each, which become rows of
            two classes, example by example.
        ignore_index: rows with this label are left out, whatever their outputs hold.
        classes: how many columns of outputs there must be, 1 for binary; any number if `None`.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: a package that the format needs is missing; the sentence names the extra that brings it.
        ValueError: the file cannot be used; the sentence names file, row and way out.

    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> from smoothlab.saved import open_saved
    >>> path = Path(tempfile.mkdtemp()) / "logits.npy"
    >>> np.save(path, np.array([[2.0, 0.5], [np.nan, 0.3]]))
    >>> np.save(path.with_name("labels.npy"), np.array([0, 1]))
    >>> saved = open_saved(path, labels=path.with_name("labels.npy"))
    >>> saved
    Saved('logits.npy', multiclass logits, 2 rows, 2 classes)
    >>> saved.predictions()
    Traceback (most recent call last):
    smoothlab.saved.refusal.Refused: ...logits.npy: A row of logits must be finite, or -inf for some masked classes,
        but row 1 has nan. Leave such rows out, or look for the run that diverged.
    """
    _checks.one_of("kind", kind, get_args(Kind))
    _checks.one_of("task", task, get_args(Task))
    path = _present(Path(path))
    beside, name = _beside(labels)
    declared = Declared(path, kind, task, ignore_index, logits, name)
    source = _opened(declared, beside)
    if classes is not None and source.columns != classes:
        raise refuse(
            path, f"It must have {classes} columns of {kind}, as `classes` says, but has {source.columns}."
        )
    return Saved(declared, source)


def _opened(declared: Declared, beside: Path | None) -> Source:
    if declared.path.suffix.lower() in ARRAYS:
        held = _arrays(declared.path)
        arrays = open_arrays(declared, held, None if beside is None else (beside, _arrays(beside)))
        if not is_ours(declared.path) or "clusters" not in held:
            return arrays
        return replace(arrays, clusters=_clusters(declared.path, held["clusters"], arrays.rows))
    if beside is not None:
        raise refuse(
            declared.path,
            f"The labels of a table must be one of its columns, but got the file {str(beside)!r}. Add them to the "
            "table, and name the column with `labels`.",
        )
    with _extra(declared.path, package="pyarrow", extra="tables"):
        from .columnar import arrow, parquet  # here, so that arrays need no pyarrow
        from .comma_separated import comma_separated
        from .json_lines import json_lines
        from .tables import open_table
    match declared.path.suffix.lower():
        case ".parquet":
            return open_table(declared, parquet(declared.path))
        case ".arrow" | ".ipc" | ".feather":
            return open_table(declared, arrow(declared.path))
        case ".csv":
            return open_table(declared, comma_separated(declared.path))
        case _:
            return open_table(declared, json_lines(declared.path))


def _clusters(path: Path, held: Stored, rows: int) -> np.ndarray:
    clusters = held.mapped
    if clusters is None or clusters.shape != (rows,) or clusters.dtype.kind not in "iu":
        raise refuse(
            path, f"Its `clusters` must be whole numbers, one for each of its {rows:,} rows. Save it again."
        )
    return clusters


def _arrays(path: Path) -> dict[str, Stored]:
    match path.suffix.lower():
        case ".npy":
            return npy(path)
        case ".npz":
            return npz(path)
        case ".safetensors":
            return safetensors(path)
    with _extra(path, package="torch", extra="torch"):
        from .checkpoint import pt  # here, so that nothing else needs torch
    return pt(path)


def _present(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}. Pass one that holds saved outputs.")
    if path.suffix.lower() not in ARRAYS + TABLES:
        raise refuse(path, f"Its name must end in one of {', '.join(ARRAYS + TABLES)}. Rename or convert it.")
    return path


def _beside(labels: str | PathLike[str] | None) -> tuple[Path | None, str | None]:
    """A file of labels, or a name."""
    if labels is None or (isinstance(labels, str) and Path(labels).suffix.lower() not in ARRAYS):
        return None, labels
    path = _present(Path(labels))
    if path.suffix.lower() not in ARRAYS:
        raise refuse(
            path, f"A file of labels must end in one of {', '.join(ARRAYS)}. Save them with np.save."
        )
    return path, None


@contextmanager
def _extra(path: Path, *, package: str, extra: str) -> Iterator[None]:
    """Says which extra brings a package that is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ImportError(
            f"{path}: Files that end in {path.suffix} need {package}. Install it with: "
            f"pip install 'smoothlab[{extra}]'"
        ) from error
