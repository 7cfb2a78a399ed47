"""Other labels for the same images, chosen before anything is measured: what a net was not told it may still know.

    regrouped     trained on groups of classes, probed for the classes within them (see `linear_probe`)
    held_apart    trained on some classes, probed for those that it has never seen

Smoothing is said to erase how examples resemble other classes, and what it erases is what such a probe would need. The
other way round, from classes to groups of them, asks nothing: whoever tells the classes can add them up. Each keeps the
order of the examples, so the labels for the probe of `regrouped` are those of the data that it was given.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from .dataset import Dataset, Split
from .stratify import take

FASHION_KINDS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "top": ("T-shirt/top", "Pullover", "Coat", "Shirt"),
        "trousers or dress": ("Trouser", "Dress"),
        "shoe": ("Sandal", "Sneaker", "Ankle boot"),
        "bag": ("Bag",),
    }
)
"""Fashion-MNIST's ten classes by what they are worn as; `regrouped` makes four classes of them."""


def regrouped(data: Dataset, groups: Mapping[str, Sequence[str]], *, name: str | None = None) -> Dataset:
    """The same examples with a group for a label: class k is the k-th of `groups`, each a sequence of class names.

    `name` is `<data>_grouped` if `None`. Raises `ValueError` for a class in no group or in two, for a name that is no
    class, and for fewer than two groups.

    >>> from smoothlab.data import FASHION_KINDS, fashion_mnist_small, regrouped
    >>> regrouped(fashion_mnist_small(), FASHION_KINDS).classes
    ('top', 'trousers or dress', 'shoe', 'bag')
    """
    members = [member for group in groups.values() for member in group]
    _judge_names("groups", members, data)
    missing = [each for each in data.classes if each not in members]
    if missing:
        raise ValueError(f"`groups` must hold every class, but {missing[0]!r} is in none. Add it to one.")
    group_of = {member: index for index, group in enumerate(groups.values()) for member in group}
    label = np.array([group_of[each] for each in data.classes], np.int64)
    splits = (Split(split.inputs, label[split.labels]) for split in (data.train, data.validation, data.test))
    return Dataset(f"{data.name}_grouped" if name is None else name, *splits, classes=tuple(groups))


def held_apart(data: Dataset, classes: Sequence[str], *, name: str | None = None) -> tuple[Dataset, Dataset]:
    """The data without some classes, and those classes alone: to train on, and to probe for or to detect.

    Labels are counted anew from 0 in each, in the order of `data.classes`. The second is called `name`, or
    `<data>_apart` if `None`, the first `<data>_without_` and the classes' numbers. Raises `ValueError` for a name that
    is no class or stands twice, and where either part has fewer than two classes.

    >>> from smoothlab.data import fashion_mnist_small, held_apart
    >>> kept, apart = held_apart(fashion_mnist_small(), ["Coat", "Shirt"])
    >>> kept
    Dataset('fashion_mnist_small_without_4_6', 4000 + 1600 + 3200 examples, uint8 1 x 28 x 28, 8 classes)
    >>> apart.classes
    ('Coat', 'Shirt')
    """
    _judge_names("classes", classes, data)
    chosen = np.array([each in classes for each in data.classes])
    if min(chosen.sum(), (~chosen).sum()) < 2:
        raise ValueError(
            f"`classes` must leave two classes or more on either side, but of {len(data.classes)} it names "
            f"{int(chosen.sum())}. Name others."
        )
    numbers = "_".join(str(index) for index in np.flatnonzero(chosen))
    return (
        _only(data, ~chosen, f"{data.name}_without_{numbers}"),
        _only(data, chosen, f"{data.name}_apart" if name is None else name),
    )


def _only(data: Dataset, chosen: np.ndarray, name: str) -> Dataset:
    label = np.cumsum(chosen) - 1
    parts = (take(split, chosen[split.labels]) for split in (data.train, data.validation, data.test))
    splits = [Split(part.inputs, label[part.labels]) for part in parts]
    return Dataset(name, *splits, classes=tuple(np.array(data.classes, object)[chosen]))


def _judge_names(argument: str, names: Sequence[str], data: Dataset) -> None:
    for each in names:
        if each not in data.classes:
            raise ValueError(
                f"`{argument}` must name classes of {data.name}, but {each!r} is none. There are "
                f"{', '.join(map(repr, data.classes))}."
            )
        if list(names).count(each) > 1:
            raise ValueError(
                f"`{argument}` must name a class once, but {each!r} stands twice. Leave one out."
            )
