"""Columns as they come, in Arrow's own format, which can say everything that the others can."""

import re

import numpy as np
import pyarrow as pa
import pytest

from smoothlab.saved import open_saved

Z = np.random.default_rng(0).normal(size=(6, 3))
Y = np.arange(6) % 3
LISTS = {"logits": Z.tolist(), "label": Y}
WIDE = {"logit_0": Z[:, 0], "logit_1": Z[:, 1], "logit_2": Z[:, 2], "label": Y}


@pytest.fixture
def table(tmp_path):
    def write(columns, *, batch=2):
        held = columns if isinstance(columns, pa.Table) else pa.table(columns)
        path = tmp_path / "test.arrow"
        with pa.ipc.new_file(str(path), held.schema) as writer:
            writer.write_table(held, max_chunksize=batch)
        return path

    return write


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float64()),
        pa.large_list(pa.float64()),
        pa.list_(pa.float64(), 3),
        pa.list_view(pa.float64()),
        pa.large_list_view(pa.float64()),
    ],
)
def test_every_kind_of_list_is_read(table, kind):
    path = table({"logits": pa.array(Z.tolist(), kind), "label": Y})
    assert np.array_equal(open_saved(path).predictions().logits, Z)
    blocks = list(open_saved(path).blocks(rows=1))  # slices of lists begin in the middle of their numbers
    assert np.array_equal(np.concatenate([logits for logits, _ in blocks]), Z)


def test_an_extension_type_is_read_as_what_it_stores(table):
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(Z)
    path = table(pa.table({"logits": tensors, "label": pa.array(Y).dictionary_encode()}))
    assert np.array_equal(open_saved(path).predictions().logits, Z)


def test_wide_columns_may_stand_in_any_order_and_be_many(table):
    wide = np.arange(24.0).reshape(2, 12)
    columns = {f"logit_{k}": wide[:, k] for k in (11, 2, 0, 10, 1, 3, 9, 8, 7, 6, 5, 4)}
    path = table({"id": ["a", "b"], **columns, "label": [11, 3], "logit_mean": [0.0, 0.0]})
    assert np.array_equal(open_saved(path).predictions().logits, wide)


@pytest.mark.parametrize(
    ("columns", "declared"),
    [
        ({"score_0": Z[:, 0], "score_1": Z[:, 1], "score_2": Z[:, 2], "label": Y}, {"logits": "score_"}),
        ({"a.b": Z.tolist(), "labels": Y}, {"logits": "a.b"}),
        ({"logits": Z.tolist(), "the truth": Y}, {"labels": "the truth"}),
        (WIDE | {"logits": (Z + 1).tolist()}, {"logits": "logit_"}),
        ({"logit": Z.tolist(), "label": Y.astype(float)}, {}),
        ({"logits": Z.tolist(), "label": Y.astype(np.uint8), "labels": Y + 9}, {"labels": "label"}),
    ],
)
def test_columns_are_found_by_the_name_that_is_given(table, columns, declared):
    said = open_saved(table(columns), **declared).predictions()
    assert np.array_equal(said.logits, Z)
    assert said.labels.tolist() == Y.tolist()


@pytest.mark.parametrize(
    ("columns", "labels"),
    [
        ({"logit": Z[:, 0], "label": Y % 2}, Y % 2),
        ({"logits": Z[:, 0], "label": Y % 2 == 1}, Y % 2),
        ({"logits": Z[:, :1].tolist(), "label": Y % 2}, Y % 2),
        (
            {"logits": [Z[:2, 0].tolist(), [], Z[2:, 0].tolist()], "labels": [[0, 1], [], [1, 0, 1, 0]]},
            [0, 1, 1, 0, 1, 0],
        ),
        (
            {"logits": [Z[:2, :1].tolist(), Z[2:, :1].tolist()], "labels": [[0, 1], [1, 0, 1, 0]]},
            [0, 1, 1, 0, 1, 0],
        ),
    ],
)
def test_a_binary_output_is_a_number_or_a_list_of_one(table, columns, labels):
    said = open_saved(table(columns), task="binary").predictions()
    assert np.array_equal(said.logits[:, 1], Z[:, 0])
    assert said.labels.tolist() == list(labels)


def test_sequences_may_differ_in_length(table):
    logits = [[], Z[:1].tolist(), Z[1:6].tolist()]
    path = table({"logits": logits, "labels": [[], [0], [1, -100, 2, -100, 1]]}, batch=2)
    saved = open_saved(path, ignore_index=-100)
    assert (saved.rows, saved.ignored()) == (None, 2)
    said = saved.predictions()
    assert np.array_equal(said.logits, Z[[0, 1, 3, 5]])
    assert said.labels.tolist() == [0, 1, 2, 1]


def test_a_multilabel_table_may_be_wide_or_in_lists(table):
    truth = np.eye(6, 3, dtype=int)
    for columns in (
        {"logits": Z.tolist(), "labels": truth.tolist()},
        {f"logit_{k}": Z[:, k] for k in range(3)} | {f"label_{k}": truth[:, k] == 1 for k in range(3)},
    ):
        said = open_saved(table(columns), task="multilabel").predictions()
        assert np.array_equal(said.logits[:, 1], Z.ravel())
        assert np.array_equal(said.labels, truth.ravel())


def with_cell(column, row, value):
    return {
        name: [*cells[:row], value, *cells[row + 1 :]] if name == column else cells
        for name, cells in LISTS.items()
    }


@pytest.mark.parametrize(
    ("position", "place"), [(0, "row 1, position 0"), (1, "row 1, position 1"), (2, "row 3, position 0")]
)
def test_a_position_is_named_among_empty_sequences(table, position, place):
    logits = [[], Z[:2].tolist(), [], Z[2:4].tolist()]
    labels = [[], [0, 1], [], [2, 0]]
    labels[1 if position < 2 else 3][position % 2] = 9
    with pytest.raises(ValueError, match=f"the classes there are, but {place} has 9"):
        list(open_saved(table({"logits": logits, "labels": labels}, batch=4)).blocks())


SEQUENCES = {"logits": [Z[:2].tolist(), Z[2:].tolist()], "labels": [[0, 1], [1, 2, 0, 1]]}


@pytest.mark.parametrize(
    ("columns", "declared", "sentence"),
    [
        (
            with_cell("logits", 4, None),
            {},
            "No cell of 'logits' may be null, but row 4 is. Drop such rows or fill",
        ),
        (
            with_cell("logits", 4, [0.5, None, 1]),
            {},
            "No cell of 'logits' may be null, but row 4, position 1 is.",
        ),
        (
            with_cell("logits", 4, [0.5, 1]),
            {},
            "Every row must have 3 outputs, as the first, but row 4 has 2. Write",
        ),
        (
            with_cell("logits", 0, [0.5]),
            {},
            "[rows classes]" and "row 0 has 1 outputs. A single yes-or-no output",
        ),
        (with_cell("logits", 0, []), {}, "row 0 has 0 outputs."),
        ({"logits": [[], [0.5]], "labels": [[], [1]]}, {"task": "multilabel"}, "row 0 has 0 outputs."),
        ({"logits": [[], [0.5]], "labels": [0, 1]}, {"task": "binary"}, "row 0 has 0 outputs."),
        (LISTS | {"label": [0, 1, 2, None, 0, 1]}, {}, "No cell of 'label' may be null, but row 3 is."),
        (
            LISTS | {"label": ["cat"] * 6},
            {},
            "'label' must hold numbers, but it is of type string. Write labels as the",
        ),
        (LISTS | {"label": pa.array(["cat"] * 6).dictionary_encode()}, {}, "but it is of type string."),
        (LISTS | {"label": pa.array([None] * 6)}, {}, "No cell of 'label' may be null, but row 0 is."),
        (
            LISTS | {"label": [0, 1, 2, 0, 3, 1]},
            {},
            "A label must lie in 0 to 2, the classes there are, but row 4 has 3.",
        ),
        (
            LISTS | {"logits": Y},
            {},
            "The logits in 'logits' must be floats, but got int64. Save what the model gave",
        ),
        (
            LISTS | {"logits": Z[:, 0]},
            {},
            "row 0 has outputs that are numbers and labels that are numbers. A single yes",
        ),
        (
            LISTS,
            {"task": "binary"},
            "A row must have one output and one label, or one of both for every position, but row 0 has 3",
        ),
        (
            LISTS,
            {"task": "multilabel"},
            "row 0 has outputs in lists and labels that are numbers. One label for several",
        ),
        (LISTS | {"label": np.eye(6, 3).tolist()}, {}, "row 0 has outputs in lists and labels in lists."),
        (
            LISTS | {"label": np.eye(6, 2).tolist()},
            {"task": "multilabel"},
            "Every row must have 3 labels, as the first, but row 0 has 2.",
        ),
        (
            SEQUENCES | {"labels": [[0, 1], [1, 2, 0]]},
            {},
            "must have a label for every position, but row 1 has 4 positions and 3 labels",
        ),
        (SEQUENCES | {"labels": [[0, 1], [1, 2, 0, 9]]}, {}, "but row 1, position 3 has 9."),
        (
            SEQUENCES | {"logits": [Z[:2].tolist(), [*Z[2:5].tolist(), [1.0]]]},
            {},
            "Every row must have 3 outputs, as the first, but row 1, position 3 has 1.",
        ),
        (
            SEQUENCES | {"logits": [Z[:2].tolist(), [*Z[2:5].tolist(), [1.0, None, 2.0]]]},
            {},
            "No cell of 'logits' may be null, but row 1, position 3, 1 is.",
        ),
        (WIDE | {"logit_1": Y}, {}, "The columns 'logit_0' to 'logit_2' must be of one type, but are not."),
        (
            WIDE | {"logit_1": Z.tolist()},
            {},
            "must have a number in each of 'logit_0' to 'logit_2', not lists.",
        ),
        (
            {"logits": [], "label": []},
            {},
            "It must hold at least one row, but it is empty. Save the outputs of",
        ),
        (
            {"logits": pa.array([], pa.list_(pa.float32())), "label": pa.array([], pa.int8())},
            {},
            "It must hold at least one row",
        ),
    ],
)
def test_a_cell_that_does_not_fit_is_named_with_its_row(table, columns, declared, sentence):
    path = table(columns)
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        list(open_saved(path, **declared).blocks())
    assert str(caught.value).startswith(f"{path}: ")


def test_a_table_takes_no_labels_from_beside(table, tmp_path):
    np.save(tmp_path / "y.npy", Y)
    with pytest.raises(
        ValueError, match="The labels of a table must be one of its columns, but got the file"
    ):
        open_saved(table(LISTS), labels=tmp_path / "y.npy")
