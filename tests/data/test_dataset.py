import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from smoothlab.data import Dataset, Split

IMAGES = np.arange(24, dtype=np.uint8).reshape(4, 1, 2, 3)
TABLE = np.arange(8, dtype=np.float32).reshape(4, 2)
LABELS = np.array([0, 1, 2, 1])
CLASSES = ("left", "middle", "right")


def dataset(**changes):
    part = Split(IMAGES, LABELS)
    return Dataset(
        **{"name": "toy", "train": part, "validation": part, "test": part, "classes": CLASSES} | changes
    )


def judge(inputs, labels):
    """What a user meets at `Split(inputs, labels)`; in tests the hook for shapes and types would answer first."""
    split = object.__new__(Split)
    vars(split).update(inputs=inputs, labels=labels)
    split.__post_init__()


@pytest.mark.parametrize(
    ("inputs", "labels", "sentence"),
    [
        (IMAGES.astype(np.float64), LABELS, "`inputs` must be uint8 .* but got float64 .4, 1, 2, 3."),
        (
            IMAGES[:, 0],
            LABELS,
            "`inputs` must be uint8 .examples, channels, height, width.* got uint8 .4, 2, 3.",
        ),
        (TABLE[:, 0], LABELS, "`inputs` must .* at least two axes, but got float32 .4."),
        (TABLE.astype(object), LABELS, "but got object"),
        (TABLE.astype(">f4"), LABELS, "but got >f4"),
        (TABLE[:0], LABELS[:0], "`inputs` must not be empty, but got shape .0, 2."),
        (TABLE[:, :0], LABELS, "`inputs` must not be empty, but got shape .4, 0."),
        (np.where(TABLE == 5, np.nan, TABLE), LABELS, "`inputs` must be finite in float32, but row 2 holds"),
        (np.where(TABLE == 5, -np.inf, TABLE), LABELS, "`inputs` must be finite in float32, but row 2 holds"),
        (TABLE, LABELS.astype(np.float64), "`labels` must be int64 with one axis, but got float64"),
        (TABLE, LABELS.astype(np.int32), "`labels` must be int64 with one axis, but got int32"),
        (TABLE, np.eye(4, dtype=np.int64), "`labels` must be int64 with one axis, but got int64 .4, 4."),
        (TABLE, LABELS - 1, "`labels` must be 0 or above, but row 0 holds -1"),
        (TABLE, LABELS[:3], "`inputs` has 4, `labels` has 3"),
    ],
)
def test_a_split_says_what_is_wrong(inputs, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        judge(inputs, labels)


def test_a_split_holds_arrays_only():
    with pytest.raises(TypeError, match="`inputs` must be a NumPy array, but got list"):
        judge([[1.0]], LABELS)
    with pytest.raises(TypeError, match="`labels` must be a NumPy array, but got list"):
        judge(TABLE, [0, 1, 2, 1])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"classes": ("only",)}, "`classes` must name at least two classes, but got .'only',."),
        ({"classes": ("left", " ", "right")}, "`classes` must hold words"),
        ({"classes": ("left", "left", "right")}, "`classes` must all differ, but 'left' stands twice"),
        (
            {"classes": ("left", "right")},
            "`train.labels` must lie in 0 ... 1 for 2 classes, but row 2 holds 2",
        ),
        (
            {"test": Split(TABLE, LABELS)},
            "`test` must have inputs like those of `train`, uint8 1 x 2 x 3, but got float32 2",
        ),
        (
            {"validation": Split(IMAGES.reshape(4, 1, 3, 2), LABELS)},
            "`validation` must have inputs like those of `train`, uint8 1 x 2 x 3, but got uint8 1 x 3 x 2",
        ),
        (
            {"test": Split(IMAGES, np.array([0, 1, 3, 4]))},
            "`test.labels` must lie in 0 ... 2 for 3 classes, but row 2 holds 3",
        ),
        (
            {"train": Split(IMAGES, np.array([2, 2, 2, 2]))},
            "`train` must hold at least two classes, but every label is 2",
        ),
    ],
)
def test_a_dataset_says_what_is_wrong(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        dataset(**changes)


def test_the_fingerprint_changes_with_every_pixel_label_shape_split_and_class_name():
    brighter = IMAGES.copy()
    brighter[3, 0, 1, 2] += 1
    other = Split(brighter, LABELS)
    relabelled = Split(IMAGES, np.array([0, 1, 2, 0]))
    tall = Split(IMAGES.reshape(4, 1, 3, 2), LABELS)
    variants = [
        dataset(),
        dataset(train=other),
        dataset(validation=other),
        dataset(test=other),
        dataset(test=relabelled),
        dataset(train=tall, validation=tall, test=tall),
        dataset(classes=("left", "right", "middle")),
        dataset(classes=("left", "middle", "right", "back")),
    ]
    assert len({variant.fingerprint() for variant in variants}) == len(variants)


def test_the_fingerprint_ignores_the_name_and_the_layout_in_memory():
    strided = Split(np.asfortranarray(IMAGES), np.repeat(LABELS, 2)[::2])
    same = dataset(name="another", train=strided, validation=strided, test=strided)
    assert same.fingerprint() == dataset().fingerprint()


def test_data_are_frozen_and_print_on_one_line():
    data = dataset()
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "changed"
    assert repr(data) == "Dataset('toy', 4 + 4 + 4 examples, uint8 1 x 2 x 3, 3 classes)"
    assert repr(data.train) == "Split(4 examples, uint8 1 x 2 x 3)"
    assert len(data.train) == 4


def test_importing_the_data_room_imports_no_optional_package():
    code = "import sys, smoothlab.data; print(sorted({'torch', 'sklearn', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
