"""CSV with a header (RFC 4180, https://www.rfc-editor.org/rfc/rfc4180); a list is a cell of JSON, "[0.5, -1.25]".

Arrow's parser does the work. It says that something is wrong, but not always in which row; then Python's csv reads the
same rows again, slowly, and says that. It may be stricter than Arrow's, but is asked only when that has failed.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecoder
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow

from .refusal import Refused, reading, reason, refuse, unreadable
from .tables import Table
from .text import LONGEST, WRITE_AGAIN, Kind, decoder, kind_of, lines, misfit

_AT_ONCE = 2**20  # bytes parsed together, or a few lines where these are longer
_CSV = "a whole CSV file in UTF-8"


def comma_separated(path: Path) -> Table:
    """The columns of a CSV file, named in its header."""
    with reading(path, _CSV, way_out=WRITE_AGAIN):
        names, first = _beginning(path)
    cells = dict(zip(names, first, strict=True))
    at_once = max(_AT_ONCE, 8 * sum(len(cell) + 1 for cell in first))

    def batches(count: int, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        kinds = {name: _kind(path, name, cells[name]) for name in columns}
        done = 0
        try:
            for batch in _parsed(path, kinds, at_once):
                decoded = _decoded(path, batch, kinds, first=done)
                for start in range(0, batch.num_rows, count):
                    yield decoded.slice(start, count)
                done += batch.num_rows
        except Refused:
            raise
        except Exception as error:
            fault = _fault(path, kinds, after=done)
            raise fault or unreadable(path, _CSV, error, row=done, way_out=WRITE_AGAIN) from None

    return Table(names, None, batches)


def _beginning(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names in the header, and the cells of the first row."""
    with path.open("rb") as file, _long_cells():
        records = (record for record in csv.reader(lines(file)) if record)
        names, cells = next(records, None), next(records, None)
    if names is None or cells is None:
        raise refuse(path, "It must hold a header and at least one row, but it is empty. Save a whole split.")
    if len(names) != len(cells):
        raise _uneven(path, 0, len(cells), len(names))
    return tuple(names), tuple(cells)


def _kind(path: Path, name: str, cell: str) -> Kind:
    """What a column holds, from its first cell; Arrow judges the cells that are no lists."""
    if not cell.lstrip().startswith("["):
        return Kind(float, 0)
    try:
        return kind_of(path, name, decoder().decode(cell))
    except (ValueError, RecursionError) as error:
        if isinstance(error, Refused):
            raise
        raise refuse(
            path,
            f"A list in {name!r} must be JSON, but row 0 has none ({reason(error)}). Write it as json.dumps does.",
        ) from None


def _parsed(path: Path, kinds: dict[str, Kind], at_once: int) -> Iterator[pa.RecordBatch]:
    """Rows in the order of the file, lists as text."""
    options = arrow.ConvertOptions(
        column_types={name: pa.string() if kind.depth else kind.arrow for name, kind in kinds.items()},
        include_columns=list(kinds),
        null_values=[""],
    )
    with arrow.open_csv(
        str(path),
        read_options=arrow.ReadOptions(use_threads=False, block_size=at_once),
        parse_options=arrow.ParseOptions(newlines_in_values=True),
        convert_options=options,
    ) as reader:
        yield from reader


def _decoded(path: Path, batch: pa.RecordBatch, kinds: dict[str, Kind], *, first: int) -> pa.RecordBatch:
    json = decoder()
    arrays = []
    for (name, kind), column in zip(kinds.items(), batch.columns, strict=True):
        if kind.depth:
            values = [
                _list(path, name, first + row, cell, kind, json)
                for row, cell in enumerate(column.to_pylist())
            ]
            column = pa.array(values, kind.arrow)
        arrays.append(column)
    return pa.record_batch(arrays, names=list(kinds))


def _list(path: Path, name: str, row: int, cell: str, kind: Kind, json: JSONDecoder) -> object:
    try:
        value = json.decode(cell)
    except (ValueError, RecursionError):
        value = cell
    if not kind.fits(value):
        raise misfit(path, name, row, cell, kind)
    return value


def _fault(path: Path, kinds: dict[str, Kind], *, after: int) -> Refused | None:
    """The first row from `after` on that breaks a rule, in a sentence."""
    row = -1
    with path.open("rb") as file, _long_cells():
        try:
            records = (record for record in csv.reader(lines(file)) if record)
            names = next(records)
            for row, record in enumerate(records):
                if row < after:
                    continue
                if len(record) != len(names):
                    return _uneven(path, row, len(record), len(names))
                for name, cell in zip(names, record, strict=True):
                    if name in kinds and not kinds[name].depth and not _is_number(cell):
                        return misfit(path, name, row, cell, kinds[name])
        except (csv.Error, ValueError) as error:
            return refuse(
                path, f"It must be CSV in UTF-8, but row {row + 1} is not ({reason(error)}). {WRITE_AGAIN}"
            )
    return None


def _is_number(cell: str) -> bool:
    try:
        return float(cell) is not None
    except ValueError:
        return False


def _uneven(path: Path, row: int, found: int, wanted: int) -> Refused:
    return refuse(
        path,
        f"A row must have {wanted} cells, as the header, but row {row} has {found}. "
        "A list in a cell needs quotes around it.",
    )


@contextmanager
def _long_cells() -> Iterator[None]:
    """Python's csv stops at cells of 131,072 letters, which a list of 10,000 logits has."""
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)
