"""Fashion-MNIST: 28 x 28 grey photographs of clothes in ten classes, 60,000 for training and 10,000 for test.

The package carries a subset, so that a study needs no download. Within a class of the training file, the images
stand in the order that `stratify` draws with seed 0. Validation takes from the front, training from the back:

    whole set   validation: the first 1,000 of a class    train: the other 5,000    test: the test file
    subset      validation: the first 200                 train: the last 500       test: the first 400 of that file

so each split of the subset is a part of the same split of the whole set.

Source: Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747. Copyright 2017 Zalando SE, MIT licence: see
embedded/FASHION_MNIST_LICENSE.txt. scripts/embed_fashion_mnist.py rebuilds the embedded file from the whole set.
"""

from importlib import resources
from os import PathLike
from pathlib import Path

from .archive import read_npz
from .dataset import Dataset
from .idx import read_folder

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
EMBEDDED = "embedded/fashion_mnist_small.npz"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist


def fashion_mnist_small() -> Dataset:
    """The embedded subset: 5,000 images for training, 2,000 for validation and 4,000 for test, classes balanced.

    >>> from smoothlab.data import fashion_mnist_small
    >>> fashion_mnist_small()
    Dataset('fashion_mnist_small', 5000 + 2000 + 4000 examples, uint8 1 x 28 x 28, 10 classes)
    """
    with resources.files("smoothlab.data").joinpath(EMBEDDED).open("rb") as file:
        return read_npz(file, source=EMBEDDED, name="fashion_mnist_small")


def fashion_mnist(path: str | PathLike[str] | None = None) -> Dataset:
    """The whole set from its four IDX files; 10,000 images of the training file are the validation split.

    Args:
        path: a folder as `mnist` reads it; where Debian's package dataset-fashion-mnist lies if `None`.

    Raises:
        FileNotFoundError: the folder or one of the files is not there.
        ValueError: a file is damaged or is not what its name says.

    >>> from smoothlab.data import fashion_mnist
    >>> fashion_mnist("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: There is no folder nowhere. Pass as `path` the folder with train-images-idx3-ubyte.gz ...
    """
    if path is None and not DEBIAN_FOLDER.is_dir():
        raise FileNotFoundError(
            f"Fashion-MNIST is not at {DEBIAN_FOLDER}. Install Debian's package dataset-fashion-mnist, or pass as "
            "`path` a folder with the four .gz files of github.com/zalandoresearch/fashion-mnist."
        )
    return read_folder(DEBIAN_FOLDER if path is None else Path(path), name="fashion_mnist", classes=CLASSES)
