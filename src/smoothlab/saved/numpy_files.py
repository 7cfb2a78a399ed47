"""NumPy's own files: .npy is mapped, .npz is read through member by member. Neither runs any code.

    .npy    magic, version, a header {'descr', 'fortran_order', 'shape'} padded to 64 bytes, the numbers
    .npz    a zip of such files, stored or deflated, each with its CRC-32

Source: NumPy Enhancement Proposal 1, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
An array of Python objects is a pickle, so nothing but its header is read. Nothing is allocated before that
header has been held against the bytes that are there, and a deflated member is never inflated beyond one stretch.
"""

import math
import warnings
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .arrays import Stored
from .refusal import reading, refuse

_SAVE_AGAIN = "Write it again with np.save or np.savez, without object arrays."
_LONGEST_HEADER = 2**16  # NumPy's own limit is 10,000 letters; what is not read cannot be inflated either

_Read = Callable[[int], bytes]


class _Header(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    start: int

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def npy(path: Path) -> dict[str, Stored]:
    """The one array of a .npy file, mapped, under no name."""
    with reading(path, "a whole .npy file", way_out=_SAVE_AGAIN):
        with path.open("rb") as file:
            header = _header(file.read, path.stat().st_size)
        if header.dtype.hasobject or not header.nbytes:
            return {"": Stored(header.shape, header.dtype, _nothing)}  # refused for its type or its shape
        order = "F" if header.fortran else "C"
        return {"": Stored.in_memory(np.memmap(path, header.dtype, "r", header.start, header.shape, order))}


def npz(path: Path) -> dict[str, Stored]:
    """The arrays of a .npz file, each to be read in order from its own place in the zip."""
    with reading(path, "a whole .npz file", way_out=_SAVE_AGAIN), zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        names = [member.filename for member in members]
        if repeated := sorted(name for name in set(names) if names.count(name) > 1):
            raise refuse(path, f"Its names must differ, but {repeated[0]!r} stands twice. {_SAVE_AGAIN}")
        return {member.filename.removesuffix(".npy"): _member(path, archive, member) for member in members}


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stored:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is packed in a way that NumPy does not write")
    with archive.open(member) as file:
        header = _header(file.read, member.file_size)
    if header.dtype.hasobject:
        return Stored(header.shape, header.dtype, _nothing)

    def records(count: int) -> Iterator[np.ndarray]:
        with (
            reading(path, "a whole .npz file", way_out=_SAVE_AGAIN) as done,
            zipfile.ZipFile(path) as archive,
            archive.open(member) as file,
        ):
            file.read(header.start)  # not `seek`: newer Pythons then leave the CRC-32 alone
            turned = header.fortran and len(header.shape) > 1
            done.rows = 0
            for some in _turned(file.read, header, count) if turned else _in_order(file.read, header, count):
                yield some
                done.rows += len(some)

    return Stored(
        header.shape, header.dtype, records, expansion=member.file_size / max(1, member.compress_size)
    )


def _in_order(read: _Read, header: _Header, count: int) -> Iterator[np.ndarray]:
    size = math.prod(header.shape[1:]) * header.dtype.itemsize
    for start in range(0, header.shape[0], count):
        some = min(count, header.shape[0] - start)
        content = read(some * size)
        if len(content) < some * size:
            raise ValueError("it ends too early")
        yield np.frombuffer(content, header.dtype).reshape(some, *header.shape[1:])


def _turned(read: _Read, header: _Header, count: int) -> Iterator[np.ndarray]:
    """Columns before rows: no row is whole before the last column, so all of it is read at once."""
    array = np.frombuffer(read(header.nbytes), header.dtype).reshape(header.shape, order="F")
    for start in range(0, len(array), count):
        yield array[start : start + count]


def _nothing(count: int) -> Iterator[np.ndarray]:
    return iter(())


def _header(read: _Read, size: int) -> _Header:
    """What an array of `size` bytes says of itself, held against that size."""
    beginning = BytesIO(read(_LONGEST_HEADER))
    version = np.lib.format.read_magic(beginning)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"version {version[0]}.{version[1]}")
    short = version == (1, 0)
    parse = np.lib.format.read_array_header_1_0 if short else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a damaged header is parsed as Python, which may complain on the way
        shape, fortran, dtype = parse(beginning)
    if dtype.kind == "b":  # a damaged bool may hold 2: as a number it is judged, as a bool it would pass
        dtype = np.dtype(np.uint8)
    header = _Header(shape, fortran, dtype, beginning.tell())
    sound = dtype.hasobject or header.nbytes == size - header.start
    if min(shape, default=0) < 0 or not sound:
        raise ValueError(f"{size - header.start:,} bytes for an array {dtype} {list(shape)}")
    return header
