"""IDX, the format of MNIST: a big-endian header, then bytes, plain or in gzip.

    0 0 8 d                two zero bytes, 8 for unsigned bytes, the number of axes d
    n_1 ... n_d            the length of each axis, 32 bits each
    n_1 * ... * n_d bytes  the values, last axis fastest

Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", yann.lecun.com/exdb/mnist
"""

import gzip
import math
import struct
import zlib
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from .dataset import Dataset, Split, blame, in_classes
from .stratify import set_aside

_CHUNK = 2**20


def mnist(path: str | PathLike[str]) -> Dataset:
    """MNIST from a folder that holds its four files, each plain or as .gz.

    The test split is the test file. One sixth of the training file, 10,000 of its 60,000 images, is the
    validation split: ranks below each class's share in the order that `stratify` draws with seed 0.

    Args:
        path: a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
            t10k-labels-idx1-ubyte; a name may end in .gz, and .idx is read for -idx.

    Raises:
        FileNotFoundError: the folder or one of the files is not there.
        ValueError: a file is damaged or is not what its name says.

    >>> from smoothlab.data import mnist
    >>> mnist("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: There is no folder nowhere. Pass as `path` the folder with train-images-idx3-ubyte.gz ...
    """
    return read_folder(Path(path), name="mnist", classes=tuple("0123456789"))


def read_folder(folder: Path, *, name: str, classes: tuple[str, ...]) -> Dataset:
    """Four IDX files that are named like MNIST's, with the validation split of `mnist`."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}. Pass as `path` the folder with train-images-idx3-ubyte.gz and its three "
            "companions."
        )
    training = _read_pair(folder, "train", len(classes))
    test = _read_pair(folder, "t10k", len(classes))
    with blame(folder):
        train, validation = set_aside(training, one_in=6, classes=len(classes))
        return Dataset(name, train, validation, test, classes)


def read_idx(path: Path, *, axes: int) -> UInt8[np.ndarray, "..."]:
    """The bytes of one IDX file with `axes` axes; the name's ending says whether it is in gzip.

    Raises:
        ValueError: the header or the number of bytes is wrong, or gzip finds the file damaged.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1]) + bytes([0, 0, 0, 3]) + bytes([7, 0, 9]))
    ...     read_idx(path, axes=1).tolist()
    [7, 0, 9]
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            magic = stream.read(4)
            lengths = stream.read(4 * axes)
            if magic != bytes([0, 0, 8, axes]) or len(lengths) < 4 * axes:
                raise ValueError(
                    f"{path} must begin with the bytes 0 0 8 {axes} and {axes} lengths, but its first bytes are "
                    f"{magic.hex(' ') or 'missing'}. Check that it is the IDX file that its name promises."
                )
            shape = struct.unpack(f">{axes}I", lengths)
            expected = math.prod(shape)
            body = bytearray()
            # To the end, where gzip checks its sum; in chunks, since a damaged header can promise exabytes.
            while len(body) <= expected and (chunk := stream.read(_CHUNK)):
                body += chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} is no whole gzip file ({error}). Fetch it again, or drop .gz from its name if it is plain."
        ) from None
    promise = f"{path} promises {' x '.join(map(str, shape))} = {expected:,} bytes"
    if not expected:
        raise ValueError(f"{promise}, which is no data. Fetch it again.")
    if len(body) != expected:
        found = "the file goes on after them" if len(body) > expected else f"{len(body):,} are there"
        raise ValueError(f"{promise}, but {found}. Fetch it again.")
    return np.frombuffer(body, np.uint8).reshape(shape)


def _read_pair(folder: Path, stem: str, classes: int) -> Split:
    images_file = _find(folder, f"{stem}-images-idx3-ubyte")
    labels_file = _find(folder, f"{stem}-labels-idx1-ubyte")
    images, labels = read_idx(images_file, axes=3), read_idx(labels_file, axes=1)
    if len(images) != len(labels):
        raise ValueError(
            f"{labels_file} holds {len(labels):,} labels, but {images_file.name} holds {len(images):,} images. "
            "Take both from one source."
        )
    with blame(labels_file):
        in_classes("labels", labels, classes)
    return Split(images[:, None], labels.astype(np.int64))


def _find(folder: Path, name: str) -> Path:
    for spelling in (name, name.replace("-idx", ".idx")):
        for candidate in (folder / spelling, folder / f"{spelling}.gz"):
            if candidate.is_file():
                return candidate
    raise FileNotFoundError(
        f"{folder} has neither {name} nor {name}.gz. Put the four IDX files into one folder."
    )
