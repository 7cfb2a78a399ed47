"""A data set by its name, as a command line gives it: where each reader is found in one place."""

from collections.abc import Callable
from os import PathLike

from .. import _checks
from .cifar import cifar10, cifar100
from .dataset import Dataset
from .fashion import fashion_mnist
from .idx import mnist

READERS: dict[str, Callable[[str | PathLike[str]], Dataset]] = {
    "fashion_mnist": fashion_mnist,
    "mnist": mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
}


def named(name: str, folder: str | PathLike[str]) -> Dataset:
    """Read the images called `name` from where they lie.

    Raises `ValueError` for a name that no reader has, and what that reader raises.

    >>> from smoothlab.data import named
    >>> named("imagenet", "/nowhere")
    Traceback (most recent call last):
    ValueError: `name` must be one of 'fashion_mnist', 'mnist', 'cifar10', 'cifar100', but got 'imagenet'...
    """
    _checks.one_of("name", name, list(READERS))
    return READERS[name](folder)
