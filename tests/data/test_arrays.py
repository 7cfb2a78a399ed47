from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab.data import from_arrays

ROWS = np.arange(40.0).reshape(20, 2)
LABELS = np.arange(20) % 4
PIXELS = np.arange(20 * 3 * 5 * 5).reshape(20, 3, 5, 5)


def numbered(labels, **options):
    """The row numbers that land in train, validation and test, with their labels checked on the way."""
    data = from_arrays(np.arange(len(labels))[:, None], labels, **options)
    rows = [part.inputs[:, 0].astype(int).tolist() for part in (data.train, data.validation, data.test)]
    for part, chosen in zip((data.train, data.validation, data.test), rows, strict=True):
        assert part.labels.tolist() == labels[chosen].tolist()
    return rows


@given(
    labels=arrays(np.int64, st.integers(15, 80), elements=st.integers(0, 4)),
    validation=st.floats(0.1, 0.3),
    test=st.floats(0.1, 0.3),
    seed=st.integers(0, 99),
)
def test_every_example_lands_in_one_split_and_every_class_keeps_its_share(labels, validation, test, seed):
    labels[:15] = np.arange(15) % 5
    rows = numbered(labels, validation=validation, test=test, seed=seed)
    assert sorted(chain(*rows)) == list(range(len(labels)))
    assert all(part == sorted(part) for part in rows)
    counts = np.bincount(labels, minlength=5)
    for part, share, slack in ((rows[1], validation, 2), (rows[2], test, 1.5)):
        got = np.bincount(labels[part], minlength=5)
        # Largest remainder is within 1 of the proportion of round(n share), itself half an example off at most;
        # validation shares out what test left, which may be off by one more.
        assert (np.abs(got - counts * share) < slack).all()


def test_the_seed_decides_the_split_and_nothing_else_does():
    labels = np.arange(100) % 5
    assert numbered(labels, seed=3) == numbered(labels, seed=3)
    assert numbered(labels, seed=3) != numbered(labels, seed=4)


def test_a_class_of_one_example_is_not_promised_to_two_splits():
    assert [len(rows) for rows in numbered(np.arange(10), validation=0.4, test=0.4)] == [2, 4, 4]


def test_the_shares_are_exact_where_they_divide():
    data = from_arrays(np.zeros((1000, 1)), np.arange(1000) % 10, validation=0.1, test=0.3)
    for part, of_a_class in ((data.train, 60), (data.validation, 10), (data.test, 30)):
        assert np.bincount(part.labels).tolist() == [of_a_class] * 10


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, np.float64, np.bool_])
def test_a_table_keeps_its_values_in_float32(dtype):
    values = (ROWS % 2 if dtype is np.bool_ else ROWS).astype(dtype)
    train = from_arrays(values, LABELS).train
    assert train.inputs.dtype == np.float32
    kept = {tuple(row) for row in values.astype(float).tolist()}
    assert {tuple(row) for row in train.inputs.tolist()} <= kept


def test_bytes_with_channels_stay_bytes_and_grey_images_gain_one():
    colour = from_arrays(PIXELS.astype(np.uint8), LABELS).train.inputs
    assert colour.dtype == np.uint8
    assert colour.shape == (12, 3, 5, 5)
    assert {image.tobytes() for image in colour} <= {image.tobytes() for image in PIXELS.astype(np.uint8)}
    assert from_arrays(PIXELS[:, 0].astype(np.uint8), LABELS).train.inputs.shape == (12, 1, 5, 5)


def test_images_that_someone_scaled_stay_as_they_are():
    inputs = from_arrays(PIXELS / 1000, LABELS).train.inputs
    assert inputs.dtype == np.float32
    assert {image.tobytes() for image in inputs} <= {
        image.tobytes() for image in (PIXELS / 1000).astype(np.float32)
    }


def test_nothing_of_the_users_arrays_is_shared_or_changed():
    inputs = PIXELS.astype(np.uint8)
    data = from_arrays(inputs, LABELS)
    data.train.inputs[:] = 0
    assert np.array_equal(inputs, PIXELS.astype(np.uint8))


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int16, np.uint64])
def test_labels_of_every_whole_type_become_int64(dtype):
    assert from_arrays(ROWS, (LABELS % 2).astype(dtype)).train.labels.dtype == np.int64


def test_names_are_numbers_unless_given():
    assert from_arrays(ROWS, LABELS).classes == ("0", "1", "2", "3")
    assert from_arrays(ROWS, LABELS, classes=["a", "b", "c", "d", "never seen"]).classes[4] == "never seen"


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (ROWS.astype(object), "`inputs` must hold real numbers, but its dtype is object"),
        (ROWS.astype(complex), "`inputs` must hold real numbers, but its dtype is complex128"),
        (ROWS.astype(str), "`inputs` must hold real numbers, but its dtype is <U32"),
        (ROWS[:, 0], r"`inputs` must be \[examples, features\], .* but its shape is \[20\]"),
        (np.zeros((20, 1, 1, 1, 1)), r"but its shape is \[20, 1, 1, 1, 1\]"),
        (np.zeros((20, 0)), r"`inputs` must not be empty, but its shape is \[20, 0\]"),
        (PIXELS, "`inputs` must hold images as uint8 or as floats, but its dtype is int64"),
        (
            np.zeros((20, 32, 32, 3), np.uint8),
            r"channels before height and width.*Write inputs.transpose\(0, 3, 1, 2\)",
        ),
        (np.where(ROWS == 7, np.nan, ROWS), "`inputs` must be finite in float32, but row 3 holds"),
        (np.where(ROWS == 7, 1e300, ROWS), "`inputs` must be finite in float32, but row 3 holds"),
    ],
)
def test_bad_inputs_get_one_clear_sentence(inputs, sentence):
    with pytest.raises(ValueError, match=sentence):
        from_arrays(inputs, LABELS)


@pytest.mark.parametrize(
    ("labels", "classes", "sentence"),
    [
        (LABELS.astype(float), None, r"`labels` must be whole numbers, but its dtype is float64.*np.unique"),
        (LABELS.astype(str), None, "`labels` must be whole numbers, but its dtype is <U21"),
        (LABELS.astype(object), None, "`labels` must be whole numbers, but its dtype is object"),
        (np.eye(4, dtype=int)[LABELS], None, r"`labels` must have one axis, .*argmax\(1\)"),
        (LABELS - 1, None, "`labels` must be 0 or above, but row 0 holds -1"),
        (LABELS + 1, None, "every class from 0 to the highest, but 0 is missing and 4 is there"),
        (np.where(LABELS == 3, 10**12, LABELS), None, "but 3 is missing and 1000000000000 is there"),
        (LABELS, ["a", "b", "c"], "`labels` must lie in 0 ... 2 for 3 classes, but row 3 holds 3"),
        (LABELS, ["a", "b", "c", "c"], "`classes` must all differ, but 'c' stands twice"),
        (LABELS, ["a", "b", "c", ""], "`classes` must hold words"),
        (LABELS, [], "`classes` must name at least two classes"),
        (LABELS * 0, None, "`classes` must name at least two classes"),
        (LABELS * 0, ["a", "b"], "`train` must hold at least two classes, but every label is 0"),
        (LABELS[:19], None, "`inputs` has 20, `labels` has 19"),
    ],
)
def test_bad_labels_get_one_clear_sentence(labels, classes, sentence):
    with pytest.raises(ValueError, match=sentence):
        from_arrays(ROWS, labels, classes=classes)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"validation": 0.0}, "`validation` must lie between 0 and 1, but got 0.0"),
        ({"test": float("nan")}, "`test` must lie between 0 and 1, but got nan"),
        ({"test": 20.0}, "`test` must lie between 0 and 1, but got 20.0"),
        ({"validation": 0.5, "test": 0.5}, "`validation` and `test` must add up to less than 1"),
        (
            {"validation": 0.01},
            "`labels` must give every split an example, but 20 examples with validation=0.01",
        ),
        ({"seed": -1}, "`seed` must be a whole number, at least 0, but got -1"),
    ],
)
def test_bad_shares_get_one_clear_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        from_arrays(ROWS, LABELS, **options)


def test_no_examples_at_all_get_one_clear_sentence():
    with pytest.raises(ValueError, match=r"`inputs` must not be empty, but its shape is \[0, 2\]"):
        from_arrays(ROWS[:0], LABELS[:0])
