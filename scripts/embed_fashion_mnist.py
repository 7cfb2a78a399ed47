"""Rebuilds smoothlab's embedded Fashion-MNIST subset from the four full IDX files, byte for byte.

    python scripts/embed_fashion_mnist.py [FOLDER] [--output FILE]

The rule of choice stands in src/smoothlab/data/fashion.py. The file is an .npz whose members carry a fixed date
and are deflated by zlib at level 9; another implementation of deflate, such as zlib-ng, packs the same arrays
into other bytes.
"""

import argparse
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

import smoothlab.data.fashion
from smoothlab.data.fashion import CLASSES, DEBIAN_FOLDER, EMBEDDED
from smoothlab.data.idx import read_idx
from smoothlab.data.stratify import rank_in_class

SEED = 0
TRAIN, VALIDATION, TEST = 500, 200, 400  # images of every class


def select(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of the embedded file, in its order; every split keeps the order of its source file."""
    images, labels = _pair(folder, "train")
    rank = rank_in_class(labels, seed=SEED)
    test_images, test_labels = _pair(folder, "t10k")
    train = rank >= np.bincount(labels)[labels] - TRAIN
    validation = rank < VALIDATION
    test = rank_in_class(test_labels, seed=SEED) < TEST
    arrays = {"classes": np.array(CLASSES)}
    for word, pixels, numbers, chosen in (
        ("train", images, labels, train),
        ("validation", images, labels, validation),
        ("test", test_images, test_labels, test),
    ):
        arrays[f"{word}_inputs"] = pixels[chosen][:, None]
        arrays[f"{word}_labels"] = numbers[chosen].astype(np.uint8)
    return arrays


def write(arrays: dict[str, np.ndarray], file: Path) -> None:
    """An .npz that holds nothing of the day or the machine it was written on."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3  # Unix, also where it is not
            content = io.BytesIO()
            np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
            archive.writestr(member, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)


def _pair(folder: Path, stem: str) -> tuple[np.ndarray, np.ndarray]:
    images = read_idx(folder / f"{stem}-images-idx3-ubyte.gz", axes=3)
    return images, read_idx(folder / f"{stem}-labels-idx1-ubyte.gz", axes=1).astype(np.int64)


def main() -> None:
    embedded = Path(smoothlab.data.fashion.__file__).parent / EMBEDDED
    parser = argparse.ArgumentParser(
        description="Rebuild the embedded subset of Fashion-MNIST, byte for byte."
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=DEBIAN_FOLDER, help="where the four .gz files are"
    )
    parser.add_argument("--output", type=Path, default=embedded, help="the file to write")
    options = parser.parse_args()
    write(select(options.folder), options.output)
    content = options.output.read_bytes()
    print(f"{options.output}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
