"""JSON Lines: one object a line, its fields the columns of a table (https://jsonlines.org; .jsonl, .ndjson).

Python's own parser reads them. Arrow's is three times as fast, but ends the process with a segmentation fault at a line
that is a mere `null` (pyarrow 26), and no speed is worth that; a file that takes long should be Parquet.
"""

from collections.abc import Iterator
from itertools import islice
from json import JSONDecoder
from pathlib import Path

import pyarrow as pa

from .refusal import Refused, listed, reading, reason, refuse
from .tables import Table
from .text import WRITE_AGAIN, Kind, decoder, kind_of, lines, misfit

_AT_ONCE = 4096  # rows held as Python's objects, ten times as large as in an array
_JSON = "a whole JSON Lines file in UTF-8"


def json_lines(path: Path) -> Table:
    """The fields of a JSON Lines file, named in its first object; further fields are left alone."""
    first = next(_objects(path, decoder()), None)
    if first is None:
        raise refuse(
            path, "It must hold at least one row, but it is empty. Save the outputs of a whole split."
        )

    def batches(count: int, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        kinds = {name: kind_of(path, name, first[name]) for name in columns}
        rows = enumerate(_objects(path, decoder(once=columns)))
        while some := [
            _cells(path, row, record, kinds) for row, record in islice(rows, min(count, _AT_ONCE))
        ]:
            cells = zip(*some, strict=True)
            arrays = [
                pa.array(column, kind.arrow) for column, kind in zip(cells, kinds.values(), strict=True)
            ]
            yield pa.record_batch(arrays, names=list(columns))

    return Table(tuple(first), None, batches)


def _objects(path: Path, json: JSONDecoder) -> Iterator[dict[str, object]]:
    """The objects of a file, without its empty lines."""
    with reading(path, _JSON, way_out=WRITE_AGAIN) as done, path.open("rb") as file:
        done.rows = 0
        for line in lines(file):
            if not line.isspace():
                yield _object(path, done.rows, line, json)
                done.rows += 1


def _object(path: Path, row: int, line: str, json: JSONDecoder) -> dict[str, object]:
    try:
        record = json.decode(line)
    except (ValueError, RecursionError) as error:
        raise refuse(
            path, f"Every line must be one JSON object, but row {row} is not ({reason(error)}). {WRITE_AGAIN}"
        ) from None
    if not isinstance(record, dict):
        raise refuse(
            path,
            f"Every line must be one JSON object, but row {row} is a {type(record).__name__}. "
            'Write {"logits": [...], "label": ...}.',
        )
    return record


def _cells(path: Path, row: int, record: dict[str, object], kinds: dict[str, Kind]) -> list[object]:
    """The values of one row, each of its column's kind."""
    for name, kind in kinds.items():
        if name not in record:
            raise _missing(path, row, record, name)
        if not kind.fits(record[name]):
            raise misfit(path, name, row, record[name], kind)
    return [record[name] for name in kinds]


def _missing(path: Path, row: int, record: dict[str, object], name: str) -> Refused:
    return refuse(
        path,
        f"Every row must have {name!r}, as row 0, but row {row} has {listed(sorted(record))}. Fill it in.",
    )
