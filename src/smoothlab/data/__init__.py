"""Arrays in, arrays out: every source of data ends in one `Dataset` of three judged splits."""

from .archive import npz
from .arrays import from_arrays
from .by_name import named
from .cifar import cifar10, cifar100
from .corrupt import SEVERITIES, Corruption, corrupted
from .dataset import Dataset, Split
from .fashion import fashion_mnist, fashion_mnist_small
from .idx import mnist
from .noise import flip_labels, pair_flip_noise, symmetric_noise
from .regroup import FASHION_KINDS, held_apart, regrouped
from .sklearn_digits import digits

__all__ = [
    "FASHION_KINDS",
    "SEVERITIES",
    "Corruption",
    "Dataset",
    "Split",
    "cifar10",
    "cifar100",
    "corrupted",
    "digits",
    "fashion_mnist",
    "fashion_mnist_small",
    "flip_labels",
    "from_arrays",
    "held_apart",
    "mnist",
    "named",
    "npz",
    "pair_flip_noise",
    "regrouped",
    "symmetric_noise",
]
