"""NumPy's .npz archives, read without pickle: two arrays to be split, or six that are split already.

    inputs labels                                                 split by `from_arrays`: 0.6, 0.2, 0.2, seed 0
    train_inputs train_labels validation_inputs ... test_labels   kept as they are
    classes                                                       optional beside either: the names, as text

An array means what `from_arrays` says. The format is a zip of .npy members, each with its CRC-32 (NumPy
Enhancement Proposal 1, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
"""

import math
import zipfile
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import IO

import numpy as np

from .arrays import class_names, from_arrays, split_of
from .dataset import Dataset, blame

_WHOLE = ("inputs", "labels")
_SPLIT = tuple(f"{word}_{field}" for word in ("train", "validation", "test") for field in _WHOLE)


def npz(path: str | PathLike[str]) -> Dataset:
    """The data of one .npz file, as `np.savez` writes it; the file's name becomes the data's.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, holds other arrays than the module's table says, or they break a rule
            of `from_arrays` or `Dataset`. The sentence begins with the file.

    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from smoothlab.data import npz
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.npz"
    ...     np.savez(path, inputs=np.eye(20), labels=np.arange(20) % 2, classes=["even", "odd"])
    ...     npz(path)
    Dataset('mine', 12 + 4 + 4 examples, float32 20, 2 classes)
    """
    path = Path(path)
    with path.open("rb") as file:
        return read_npz(file, source=str(path), name=path.stem)


def read_npz(file: IO[bytes], *, source: str, name: str) -> Dataset:
    """The data of an open archive; errors call it `source`."""
    arrays = _read_members(file, source)
    with blame(source):
        return _assemble(arrays, name)


def _read_members(file: IO[bytes], source: str) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(file) as archive:
            return {name.removesuffix(".npy"): _read_npy(archive.read(name)) for name in archive.namelist()}
    # A damaged zip or header fails in a dozen ways: BadZipFile, zlib.error, NotImplementedError, TokenError, ...
    except Exception as error:
        raise ValueError(
            f"{source} cannot be read as .npz ({error}). Write it again with np.savez, without object arrays."
        ) from None


def _read_npy(member: bytes) -> np.ndarray:
    """One array. Unlike `np.load`, nothing is allocated before the header has been held against the bytes."""
    stream = BytesIO(member)
    if np.lib.format.read_magic(stream) == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    body = memoryview(member)[stream.tell() :]
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if len(body) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(body)} bytes for an array {dtype} {list(shape)}")
    return np.frombuffer(bytearray(body), dtype).reshape(shape, order="F" if fortran else "C")


def _assemble(arrays: dict[str, np.ndarray], name: str) -> Dataset:
    present = set(arrays) - {"classes"}
    names = _names(arrays["classes"]) if "classes" in arrays else None
    if present == set(_WHOLE):
        return from_arrays(arrays["inputs"], arrays["labels"], classes=names, name=name)
    if present != set(_SPLIT):
        raise ValueError(
            f"The arrays must be {' and '.join(_WHOLE)}, or {', '.join(_SPLIT)}, with or without classes, "
            f"but got {', '.join(sorted(arrays)) or 'none'}. Rename them."
        )
    train, validation, test = (
        split_of(arrays[f"{word}_inputs"], arrays[f"{word}_labels"], prefix=f"{word}_")
        for word in ("train", "validation", "test")
    )
    classes = class_names(names, train.labels)
    return Dataset(name, train=train, validation=validation, test=test, classes=classes)


def _names(classes: np.ndarray) -> tuple[str, ...]:
    if classes.dtype.kind != "U" or classes.ndim != 1:
        raise ValueError(
            f"`classes` must be text with one axis, but got {classes.dtype} {list(classes.shape)}. "
            "Save a list of names."
        )
    try:  # tolist() ends in a SystemError where a damaged file holds a number that is no character
        classes.astype(classes.dtype.newbyteorder("<")).tobytes().decode("utf-32-le")
    except UnicodeDecodeError:
        raise ValueError(
            "`classes` must be text, but some of it is no character. Save the names again."
        ) from None
    return tuple(classes.tolist())
