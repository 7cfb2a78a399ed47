"""CIFAR-10 and CIFAR-100 in their binary version: 32 x 32 colour images, 50,000 for training and 10,000 for test.

    CIFAR-10     data_batch_1.bin ... data_batch_5.bin, test_batch.bin    records of 1 label and 3,072 pixels
    CIFAR-100    train.bin, test.bin                                      coarse label, fine label, 3,072 pixels

Pixels are bytes, the red plane first, row by row. One fifth of the training images, 10,000, is set aside for
validation, as in Mueller et al. 2019 (arXiv:1906.02629), who train on 40,000.

Source: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", www.cs.toronto.edu/~kriz/cifar.html
"""

import gzip
import tarfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from .. import _checks
from .dataset import Dataset, Split, blame, in_classes
from .stratify import set_aside

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class _Version:
    """Which files hold what, and where in a record the wanted label stands."""

    name: str
    training: tuple[str, ...]
    test: str
    names: str
    label_bytes: int
    label_at: int
    classes: int


_CIFAR10 = _Version(
    name="cifar10",
    training=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test="test_batch.bin",
    names="batches.meta.txt",
    label_bytes=1,
    label_at=0,
    classes=10,
)
_CIFAR100 = {
    "fine": _Version("cifar100", ("train.bin",), "test.bin", "fine_label_names.txt", 2, 1, 100),
    "coarse": _Version("cifar100_coarse", ("train.bin",), "test.bin", "coarse_label_names.txt", 2, 0, 20),
}


def cifar10(path: str | PathLike[str]) -> Dataset:
    """CIFAR-10 from a folder, or from cifar-10-binary.tar.gz, which is read where it lies.

    Validation takes the ranks below each class's share in the order that `stratify` draws with seed 0.

    Args:
        path: the archive, or a folder with data_batch_1.bin to data_batch_5.bin, test_batch.bin and
            batches.meta.txt.

    Raises:
        FileNotFoundError: the folder, the archive or one of the files is not there.
        ValueError: a file is damaged or is not what its name says.

    >>> from smoothlab.data import cifar10
    >>> cifar10("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: There is no nowhere. Pass as `path` the .tar.gz of the binary version, or its folder.
    """
    return _read(Path(path), _CIFAR10)


def cifar100(path: str | PathLike[str], *, labels: Literal["fine", "coarse"] = "fine") -> Dataset:
    """CIFAR-100 from a folder, or from cifar-100-binary.tar.gz, which is read where it lies.

    Args:
        path: the archive, or a folder with train.bin, test.bin and the label names in fine_label_names.txt or
            coarse_label_names.txt.
        labels: the 100 "fine" classes or the 20 "coarse" ones; validation is split by the same.

    Raises:
        FileNotFoundError: the folder, the archive or one of the files is not there.
        ValueError: a file is damaged or is not what its name says, or `labels` is another word.

    >>> from smoothlab.data import cifar100
    >>> cifar100("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: There is no nowhere. Pass as `path` the .tar.gz of the binary version, or its folder.
    """
    _checks.one_of("labels", labels, _CIFAR100)
    return _read(Path(path), _CIFAR100[labels])


def _read(path: Path, version: _Version) -> Dataset:
    names = (*version.training, version.test, version.names)
    files = _files_in_folder(path, names) if path.is_dir() else _files_in_archive(path, names)
    test = _records(path, version.test, files[version.test], version)
    parts = [_records(path, name, files[name], version) for name in version.training]
    for name, part in zip(version.training, parts, strict=True):
        # Published in this ratio, which a file that was cut between two records breaks.
        if len(part) * len(parts) != 5 * len(test):
            raise ValueError(
                f"{name} in {path} holds {len(part):,} images and {version.test} {len(test):,}, but all training "
                "files together hold five times as many as the test file. Fetch them again."
            )
    training = Split(np.concatenate([p.inputs for p in parts]), np.concatenate([p.labels for p in parts]))
    classes = _class_names(path, files[version.names], version)
    with blame(path):
        train, validation = set_aside(training, one_in=5, classes=version.classes)
        return Dataset(version.name, train, validation, test, classes)


def _files_in_folder(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} has no {_either(missing)}. Take the binary version of the data.")
    return {name: (folder / name).read_bytes() for name in names}


def _files_in_archive(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {path}. Pass as `path` the .tar.gz of the binary version, or its folder."
        )
    files = {}
    with path.open("rb") as file:
        try:
            with gzip.open(file) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
                for member in archive:
                    name = PurePosixPath(member.name).name
                    if name in names and (content := archive.extractfile(member)):
                        files[name] = content.read()
                while stream.read(2**20):  # to the end, where gzip checks its sum
                    pass
        # A damaged archive fails in many ways: ReadError, BadGzipFile, EOFError, zlib.error, ...
        except Exception as error:
            raise ValueError(f"{path} is no whole .tar.gz archive ({error}). Fetch it again.") from None
    missing = [name for name in names if name not in files]
    if missing:
        raise ValueError(f"{path} has no {_either(missing)}. Take the binary version of the data.")
    return files


def _either(names: list[str]) -> str:
    return " and no ".join(names)


def _records(path: Path, name: str, content: bytes, version: _Version) -> Split:
    width = version.label_bytes + _PIXELS
    if not content or len(content) % width:
        raise ValueError(
            f"{name} in {path} must hold whole records of {width:,} bytes, but holds {len(content):,} bytes. "
            "Fetch it again, in the binary version."
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, width)
    labels = records[:, version.label_at].astype(np.int64)
    with blame(f"{name} in {path}"):
        in_classes("labels", labels, version.classes)
    return Split(records[:, version.label_bytes :].reshape(-1, 3, 32, 32).copy(), labels)


def _class_names(path: Path, content: bytes, version: _Version) -> tuple[str, ...]:
    lines = content.decode("utf-8", errors="replace").splitlines()
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != version.classes or len(set(names)) != len(names):
        raise ValueError(
            f"{version.names} in {path} must hold {version.classes} different names, one a line, "
            f"but holds {len(set(names))}. Fetch it again."
        )
    return names
