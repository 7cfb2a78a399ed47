import re

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from smoothlab.saved import open_saved

Z = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
Y = np.arange(1000) % 4
TABLE = pa.table({"logits": Z.tolist(), "label": Y, "text": ["a"] * 1000})


def refusal(path):
    with pytest.raises(ValueError, match=re.escape(f"{path}: ")) as caught:
        open_saved(path).predictions()
    return str(caught.value)


@pytest.mark.parametrize(
    "options", [{"row_group_size": 7}, {"compression": "zstd"}, {"use_dictionary": False}, {"version": "1.0"}]
)
def test_parquet_is_read_however_it_was_packed(tmp_path, options):
    pyarrow.parquet.write_table(TABLE, tmp_path / "a.parquet", **options)
    saved = open_saved(tmp_path / "a.parquet")
    assert saved.rows == 1000
    assert np.array_equal(np.concatenate([logits for logits, _ in saved.blocks(rows=64)]), Z.astype(float))


def test_a_name_with_a_point_is_no_path_into_a_column(tmp_path):
    table = pa.table({"a.b": Z.tolist(), "a": [{"b": 1.0}] * 1000, "label": Y})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert np.array_equal(
        open_saved(tmp_path / "a.parquet", logits="a.b").predictions().logits, Z.astype(float)
    )


@pytest.mark.parametrize("name", ["a.arrow", "a.ipc", "a.feather"])
@pytest.mark.parametrize("make", [pa.ipc.new_file, pa.ipc.new_stream])
def test_arrow_is_read_as_a_file_and_as_a_stream(tmp_path, make, name):
    with make(str(tmp_path / name), TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=300)
    saved = open_saved(tmp_path / name)
    assert saved.rows == (1000 if make is pa.ipc.new_file else None)
    blocks = list(saved.blocks(rows=128))
    assert np.array_equal(np.concatenate([logits for logits, _ in blocks]), Z.astype(float))


def test_feather_is_read_packed_or_not(tmp_path):
    for packed in ("lz4", "zstd", "uncompressed"):
        pyarrow.feather.write_feather(TABLE, tmp_path / "a.feather", compression=packed)
        assert np.array_equal(open_saved(tmp_path / "a.feather").predictions().logits, Z.astype(float))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5, 0.99, 0.9999])
def test_a_file_cut_off_anywhere_is_refused_by_name(tmp_path, share):
    pyarrow.parquet.write_table(TABLE, tmp_path / "a.parquet")
    pyarrow.feather.write_feather(TABLE, tmp_path / "a.feather")
    with pa.ipc.new_stream(str(tmp_path / "a.arrow"), TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=300)
    for name, kind in (("a.parquet", "Parquet"), ("a.feather", "Arrow"), ("a.arrow", "Arrow")):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: int(len(content) * share)])
        assert f"It must be a whole {kind} file, but it cannot be read" in refusal(tmp_path / name)


def test_a_stream_that_was_cut_between_its_batches_is_not_taken_for_a_shorter_one(tmp_path):
    path = tmp_path / "a.arrow"
    with pa.ipc.new_stream(str(path), TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=300)
    path.write_bytes(path.read_bytes()[:-8])
    assert pa.ipc.open_stream(path.read_bytes()).read_all().num_rows == 1000  # for Arrow it is whole
    assert "(it ends without the mark that ends a stream, as one cut short does)" in refusal(path)


def test_a_damaged_page_is_found_by_its_checksum_and_named_by_its_row(tmp_path):
    options = {
        "row_group_size": 100,
        "write_page_checksum": True,
        "compression": "none",
        "use_dictionary": False,
    }
    pyarrow.parquet.write_table(TABLE, tmp_path / "a.parquet", **options)
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    place = content.index(np.float64(Z[517, 1]).tobytes())
    content[place] ^= 1
    (tmp_path / "a.parquet").write_bytes(content)
    blocks = open_saved(tmp_path / "a.parquet").blocks(rows=100)
    with pytest.raises(ValueError, match=r"from row 500 on \(could not verify page integrity, CRC checksum"):
        list(blocks)


def test_a_page_that_promises_far_more_than_the_file_holds_is_refused_and_takes_no_room(tmp_path):
    path, rows = tmp_path / "a.parquet", 20_000
    # a page of so many numbers writes its size, in zigzag, in four bytes
    table = pa.table({"logits": [[0.0] * 10] * rows, "label": np.zeros(rows, np.int64)})
    options = {
        "compression": "none",
        "use_dictionary": False,
        "data_page_size": 2**24,
        "write_statistics": False,
    }
    pyarrow.parquet.write_table(table, path, **options)
    content = bytearray(path.read_bytes())
    size = next(at for at in range(4, 30) if content[at] & content[at + 1] & content[at + 2] >= 128)
    assert (
        content[size - 1] == content[size + 4] == 0x15
    )  # the field before, and its neighbour: packed and unpacked
    content[size : size + 4] = content[size + 5 : size + 9] = b"\xfe\xff\xff\x7f"  # 2^27 - 1 bytes
    path.write_bytes(content)
    before = pa.default_memory_pool().max_memory()
    assert "It must be a whole Parquet file" in refusal(path)
    assert pa.default_memory_pool().max_memory() - before < 2**25  # the file has less than 2 MB
    with pytest.raises(OSError, match="smaller"):
        pyarrow.parquet.ParquetFile(path, buffer_size=2**16, pre_buffer=False).read()
    assert (
        pa.default_memory_pool().max_memory() - before > 2**26
    )  # a reader of single pages would have made room


def test_offsets_that_point_elsewhere_are_refused(tmp_path):
    path = tmp_path / "a.arrow"
    with pa.ipc.new_file(str(path), TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=250)
    content = bytearray(path.read_bytes())
    offsets = np.arange(100, 110, dtype=np.int32) * 4
    place = content.index(offsets.tobytes())
    content[place : place + 4] = np.int32(2**30).tobytes()
    path.write_bytes(content)
    assert "It must be a whole Arrow file, but it cannot be read from row 0 on (" in refusal(path)


def test_rows_that_are_promised_must_be_there(tmp_path):
    pyarrow.parquet.write_table(TABLE, tmp_path / "a.parquet", row_group_size=1000)
    saved = open_saved(tmp_path / "a.parquet")
    object.__setattr__(saved._source.table, "rows", 1001)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="It must hold the 1,001 rows it promises, but has 1,000"):
        list(saved.blocks())
