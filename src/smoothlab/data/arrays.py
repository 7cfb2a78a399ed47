"""Any user's arrays as a `Dataset`: converted without guessing, split by class.

What an array means follows from its dtype and its number of axes, never from its values:

    uint8, 4 axes            images [examples channels height width], a byte means value / 255
    uint8, 3 axes            grey images [examples height width], which gain one channel
    any number, 2 axes       a table [examples features], kept as it is in float32 (bytes too: nothing is scaled)
    float, 3 or 4 axes       images that someone has scaled already, kept as they are in float32
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from .. import _checks
from .dataset import Dataset, Split, distinct, finite, in_classes
from .stratify import rank_in_class, shares, take


def from_arrays(
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    classes: Sequence[str] | None = None,
    validation: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    name: str = "arrays",
) -> Dataset:
    """Three splits of one pair of arrays; every class gives each split its share, to one example.

    Args:
        inputs: numbers, [examples features], [examples height width] or [examples channels height width], read
            as the module's table says.
        labels: whole numbers [examples], counted from 0.
        classes: the names, one a class; the numbers "0", "1", ... if `None`, and then every one must occur.
        validation: the share of the examples in the validation split, in (0, 1).
        test: the same for the test split. What is left is for training.
        seed: decides who goes where; each split keeps the order of the arrays.
        name: what reports call the data.

    Raises:
        ValueError: an argument breaks one of these rules, or a split would be empty.

    >>> import numpy as np
    >>> from smoothlab.data import from_arrays
    >>> from_arrays(np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 2, classes=["even", "odd"])
    Dataset('arrays', 30 + 10 + 10 examples, float32 4, 2 classes)
    """
    _judge_shares(validation, test)
    _checks.at_least("seed", seed, 0)
    whole = split_of(inputs, labels)
    names = class_names(classes, whole.labels)
    in_classes("labels", whole.labels, len(names))

    number = len(whole)
    for_test, for_validation = round(number * test), round(number * validation)
    if min(for_test, for_validation, number - for_test - for_validation) < 1:
        raise ValueError(
            f"`labels` must give every split an example, but {number} examples with validation={validation} and "
            f"test={test} do not. Bring more examples, or choose other shares."
        )
    counts = np.bincount(whole.labels, minlength=len(names))
    tests = shares(counts, total=for_test)
    validations = shares(counts - tests, total=for_validation)

    rank = rank_in_class(whole.labels, seed=seed)
    in_test = rank < tests[whole.labels]
    in_validation = ~in_test & (rank < (tests + validations)[whole.labels])
    return Dataset(
        name,
        train=take(whole, ~in_test & ~in_validation),
        validation=take(whole, in_validation),
        test=take(whole, in_test),
        classes=names,
    )


def split_of(inputs: np.ndarray, labels: np.ndarray, *, prefix: str = "") -> Split:
    """The pair as a `Split`, converted; errors call the arrays `<prefix>inputs` and `<prefix>labels`."""
    converted = _convert_inputs(f"{prefix}inputs", np.asarray(inputs))
    whole = _convert_labels(f"{prefix}labels", np.asarray(labels))
    _checks.same_length((f"{prefix}inputs", f"{prefix}labels"), (len(converted), len(whole)))
    return Split(converted, whole)


def class_names(classes: Sequence[str] | None, labels: Int64[np.ndarray, " examples"]) -> tuple[str, ...]:
    """The given names, or "0", "1", ... if every whole number up to the highest label occurs."""
    if classes is not None:
        distinct(tuple(classes))
        return tuple(classes)
    present = np.unique(labels)
    if present[-1] >= len(present):  # not bincount: a label of a billion would take gigabytes
        missing = np.flatnonzero(present != np.arange(len(present)))[0]
        raise ValueError(
            f"`labels` must hold every class from 0 to the highest, but {missing} is missing and {present[-1]} is "
            "there. Pass `classes`, or number them anew with np.unique(labels, return_inverse=True)."
        )
    return tuple(str(label) for label in present)


def _judge_shares(validation: float, test: float) -> None:
    for word, share in (("validation", validation), ("test", test)):
        if not 0 < share < 1:
            raise ValueError(f"`{word}` must lie between 0 and 1, but got {share!r}. Write a fifth as 0.2.")
    if validation + test >= 1:
        raise ValueError(
            "`validation` and `test` must add up to less than 1, so that something is left for training, "
            f"but got {validation!r} and {test!r}. Try 0.2 for each."
        )


def _convert_inputs(
    name: str, inputs: np.ndarray
) -> UInt8[np.ndarray, "examples channels height width"] | Float32[np.ndarray, "examples ..."]:
    if inputs.dtype.kind not in "buif":
        raise ValueError(
            f"`{name}` must hold real numbers, but its dtype is {inputs.dtype}. Convert to float32."
        )
    if inputs.ndim not in (2, 3, 4):
        raise ValueError(
            f"`{name}` must be [examples, features], [examples, height, width] or [examples, channels, height, "
            f"width], but its shape is {list(inputs.shape)}. Reshape it to one of them."
        )
    if inputs.size == 0:
        raise ValueError(
            f"`{name}` must not be empty, but its shape is {list(inputs.shape)}. Bring some examples."
        )
    if inputs.ndim == 3:
        inputs = inputs[:, None]
    if inputs.ndim == 4:
        _, channels, height, width = inputs.shape
        if width in (1, 3, 4) and min(channels, height) > 4:
            raise ValueError(
                f"`{name}` must have its channels before height and width, but its shape is {list(inputs.shape)}. "
                "Write inputs.transpose(0, 3, 1, 2)."
            )
        if inputs.dtype == np.uint8:
            return np.ascontiguousarray(inputs)
        if inputs.dtype.kind != "f":
            raise ValueError(
                f"`{name}` must hold images as uint8 or as floats, but its dtype is {inputs.dtype}. "
                "Write astype(np.uint8) for pixels from 0 to 255."
            )
    with np.errstate(over="ignore"):  # a double too large for float32 becomes inf, which `finite` reports
        values = inputs.astype(np.float32, order="C")
    finite(name, values)
    return values


def _convert_labels(name: str, labels: np.ndarray) -> Int64[np.ndarray, " examples"]:
    if labels.dtype.kind not in "bui":
        raise ValueError(
            f"`{name}` must be whole numbers, but its dtype is {labels.dtype}. Number the classes with "
            "np.unique(labels, return_inverse=True)."
        )
    if labels.ndim != 1:
        raise ValueError(
            f"`{name}` must have one axis, but its shape is {list(labels.shape)}. Write labels.argmax(1) for "
            "one-hot rows."
        )
    if len(labels) and labels.min() < 0:
        raise ValueError(
            f"`{name}` must be 0 or above, but row {labels.argmin()} holds {labels.min()}. Drop unlabelled rows."
        )
    return labels.astype(np.int64)
