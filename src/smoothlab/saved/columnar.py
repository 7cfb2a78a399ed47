"""Columnar files: Parquet, and Arrow's own format, which is also Feather's.

    .parquet                  row groups, read column by column and page by page, whatever a group's size
    .arrow .ipc .feather      record batches, mapped; as a file, or as the stream that Hugging Face data sets write

Sources: https://parquet.apache.org/docs/file-format, https://arrow.apache.org/docs/format/Columnar.html
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import dataset, ipc

from .refusal import reading
from .tables import Table

# Bytes read ahead of each column; without it, a column's whole part of a row group is read at once.
_PAGES = 2**16
# Smaller files are read so all the same: a page whose damaged head promises 2 GB then gets what the file has, while a
# reader of single pages would make room for all of it.
_SMALL = 2**25
_FILE = b"ARROW1"  # what an Arrow file begins with, and a stream does not
_STREAM_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_COPY_AGAIN = "Copy it again, or write it again."
_Reader = pa.RecordBatchFileReader | pa.RecordBatchStreamReader


def parquet(path: Path) -> Table:
    """The columns of a Parquet file; the size of a large file's groups does not matter to memory, but a page's does."""
    with reading(path, "a whole Parquet file", way_out=_COPY_AGAIN), _opened(path) as file:
        names, rows = tuple(file.schema_arrow.names), file.metadata.num_rows

    def batches(count: int, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        with reading(path, "a whole Parquet file", way_out=_COPY_AGAIN) as done, _opened(path) as file:
            done.rows = 0
            for batch in file.iter_batches(count, columns=list(columns)):
                yield batch
                done.rows += batch.num_rows

    return Table(names, rows, batches)


def arrow(path: Path) -> Table:
    """The columns of an Arrow or Feather file, mapped; a packed batch is unpacked whole."""
    with reading(path, "a whole Arrow file", way_out=_COPY_AGAIN), pa.memory_map(str(path)) as source:
        reader = _reader(source)
        names, rows = tuple(reader.schema.names), None
        if isinstance(reader, pa.RecordBatchFileReader):
            rows = dataset.dataset(path, format="ipc").count_rows()  # from the heads of batches
        elif not _ended(source):
            raise ValueError("it ends without the mark that ends a stream, as one cut short does")

    def batches(count: int, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        with (
            reading(path, "a whole Arrow file", way_out=_COPY_AGAIN) as done,
            pa.memory_map(str(path)) as source,
        ):
            done.rows = 0
            fields = sorted(names.index(column) for column in columns)
            for batch in _in_order(_reader(source, ipc.IpcReadOptions(included_fields=fields))):
                batch.validate(full=True)  # lists are read as they lie in the file, and may point anywhere
                for start in range(0, batch.num_rows, count):
                    yield batch.slice(start, count)
                done.rows += batch.num_rows

    return Table(names, rows, batches)


def _opened(path: Path) -> pq.ParquetFile:
    ahead = _PAGES if path.stat().st_size > _SMALL else 0
    return pq.ParquetFile(path, buffer_size=ahead, pre_buffer=False, page_checksum_verification=True)


def _reader(source: pa.MemoryMappedFile, options: ipc.IpcReadOptions | None = None) -> _Reader:
    begins = source.read(len(_FILE))
    source.seek(0)
    return (ipc.open_file if begins == _FILE else ipc.open_stream)(source, options=options)


def _ended(source: pa.MemoryMappedFile) -> bool:
    source.seek(source.size() - len(_STREAM_END))
    return source.read() == _STREAM_END


def _in_order(reader: _Reader) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.RecordBatchFileReader):
        return (reader.get_batch(index) for index in range(reader.num_record_batches))
    return iter(reader)
