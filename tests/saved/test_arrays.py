import re

import numpy as np
import pytest

from smoothlab.saved import open_saved

Z = np.random.default_rng(0).normal(size=(6, 4))
Y = np.arange(6) % 4


@pytest.mark.parametrize(
    ("shape", "labels", "task", "rows"),
    [
        ((6, 4), (6,), "multiclass", 6),
        ((6, 4), (6, 1), "multiclass", 6),
        ((2, 3, 4), (2, 3), "multiclass", 6),
        ((2, 3, 4), (2, 3, 1), "multiclass", 6),
        ((2, 3, 2, 2), (2, 3, 2), "multiclass", 12),
        ((1, 2), (1,), "multiclass", 1),
        ((6,), (6,), "binary", 6),
        ((6, 1), (6,), "binary", 6),
        ((6, 1), (6, 1), "binary", 6),
        ((6,), (6, 1), "binary", 6),
        ((2, 3), (2, 3), "binary", 6),
        ((2, 3, 1), (2, 3), "binary", 6),
        ((6, 4), (6, 4), "multilabel", 24),
        ((6, 1), (6, 1), "multilabel", 6),
    ],
)
def test_shapes_that_fit_are_read_in_order(npz, shape, labels, task, rows):
    outputs = np.arange(np.prod(shape), dtype=float).reshape(shape)
    truth = (np.arange(np.prod(labels)) % 2).reshape(labels)
    saved = open_saved(npz(logits=outputs, labels=truth), task=task)
    said = saved.predictions()
    assert saved.rows == len(said) == rows
    flat = said.logits if task == "multiclass" else said.logits[:, 1]
    assert np.array_equal(flat.ravel(), outputs.ravel())
    assert np.array_equal(said.labels, truth.ravel())


MULTICLASS = (
    "must be [rows classes] or [rows positions classes], and the labels the same without the last axis"
)


@pytest.mark.parametrize(
    ("shape", "labels", "task", "sentence"),
    [
        ((6, 4), (5,), "multiclass", f"{MULTICLASS}, but got [6, 4] and [5]. Save both from one run"),
        (
            (6, 4),
            (6, 4),
            "multiclass",
            "[6, 4] and [6, 4]. Write labels.argmax(-1) for one-hot rows; 0 and 1 for",
        ),
        ((2, 4, 3), (2, 3), "multiclass", "Put the classes last with np.moveaxis(logits, 1, -1)."),
        ((6, 1), (6,), "multiclass", "A single yes-or-no output a row is task='binary'."),
        ((6,), (6,), "multiclass", "A single yes-or-no output a row is task='binary'."),
        (
            (6, 2),
            (6,),
            "binary",
            "[rows], [rows 1] or [rows positions], with labels alike, but got [6, 2] and [6]. One",
        ),
        (
            (6, 4),
            (6,),
            "multilabel",
            "[rows labels], and the labels a matrix of 0 and 1 alike, but got [6, 4] and [6]",
        ),
        ((2, 3, 4), (2, 3, 4), "multilabel", "but got [2, 3, 4] and [2, 3, 4]."),
        ((0, 4), (0,), "multiclass", "[0, 4] and [0]. Save at least one row."),
        ((6, 0), (6,), "multiclass", "Save at least one row."),
        ((), (), "multiclass", "but got [] and []. Save at least one row."),
        ((6,), (), "binary", "but got [6] and []."),
    ],
)
def test_shapes_that_do_not_fit_get_one_sentence(npz, shape, labels, task, sentence):
    path = npz(logits=np.zeros(shape), labels=np.zeros(labels, int))
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        open_saved(path, task=task)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("held", "declared", "sentence"),
    [
        (
            {"x": Z, "labels": Y},
            {},
            "It must hold an array 'logits', but it holds 'labels', 'x'. Name one with `logits`.",
        ),
        (
            {"logits": Z, "y": Y},
            {},
            "an array 'labels', 'label', but it holds 'logits', 'y'. Name one with `labels`.",
        ),
        ({"logits": Z, "labels": Y}, {"logits": "scores"}, "It must hold an array 'scores'"),
        ({"logits": Z, "labels": Y}, {"kind": "probabilities"}, "It must hold an array 'probabilities'"),
        ({"logits": Z, "labels": Y, "label": Y}, {}, "It holds 'labels', 'label'. Say with `labels` which"),
        ({f"x{k}": Z for k in range(20)}, {}, "and 12 more. Name one"),
        ({}, {}, "but it holds nothing."),
        (
            {"logits": Z.astype(int), "labels": Y},
            {},
            "must be float16, float32 or float64, but got int64. Save what",
        ),
        ({"logits": Z + 1j, "labels": Y}, {}, "but got complex128"),
        ({"logits": Z.astype("U5"), "labels": Y}, {}, "but got <U5"),
        ({"logits": Z.astype(object), "labels": Y}, {}, "but got object"),
        (
            {"logits": Z, "labels": Y.astype("U1")},
            {},
            "The labels must be whole numbers, but got <U1. Write the index",
        ),
        ({"logits": Z, "labels": Y.astype(object)}, {}, "The labels must be whole numbers, but got object."),
    ],
)
def test_arrays_of_other_names_or_types_get_one_sentence(npz, held, declared, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        open_saved(npz(**held), **declared)


def test_other_arrays_are_left_alone(npz):
    path = npz(logits=Z, labels=Y, names=np.array(["cat", None], object), more=np.zeros((3, 3)))
    assert open_saved(path).rows == 6
    assert open_saved(npz(a=Z, b=Y, logits=Z[:1], labels=Y[:1]), logits="a", labels="b").rows == 6


def test_labels_may_lie_in_any_other_file_of_arrays(tmp_path, npz):
    np.save(tmp_path / "z.npy", Z)
    np.save(tmp_path / "y.npy", Y)
    for beside in (tmp_path / "y.npy", str(tmp_path / "y.npy"), npz(labels=Y)):
        assert open_saved(tmp_path / "z.npy", labels=beside).predictions().labels.tolist() == Y.tolist()
    archive = tmp_path / "both.npz"
    np.savez(archive, logits=Z, labels=Y[::-1])
    assert open_saved(archive, labels=tmp_path / "y.npy").predictions().labels.tolist() == Y.tolist()


def test_an_array_alone_asks_for_its_labels(tmp_path):
    np.save(tmp_path / "z.npy", Z)
    with pytest.raises(
        ValueError, match=r"It holds one array, so the labels must lie in another file\. Pass it as"
    ):
        open_saved(tmp_path / "z.npy")
    with pytest.raises(ValueError, match="an array 'scores', but it holds one array without a name"):
        open_saved(tmp_path / "z.npy", logits="scores", labels=tmp_path / "z.npy")


def test_a_fault_in_the_file_of_labels_is_laid_at_its_door(tmp_path):
    np.save(tmp_path / "z.npy", Z)
    np.save(tmp_path / "y.npy", Y.astype("U1"))
    with pytest.raises(ValueError, match=r"y\.npy: The labels must be whole numbers"):
        open_saved(tmp_path / "z.npy", labels=tmp_path / "y.npy")
