import json
from pathlib import Path

import numpy as np
import pytest

from smoothlab.lab import Cell, Store, load
from smoothlab.lab.store import Record
from smoothlab.predictions import Predictions

CELL = Cell((("alpha", 0.1), ("seed", 3)))
SAID = Predictions(np.eye(3, dtype=np.float32), np.arange(3))


@pytest.fixture
def store(study_file, tmp_path):
    return Store.create(tmp_path / "store", load(study_file()))


def record(failure=None):
    return Record(CELL, 1.5, {"python": "3.11"}, "0" * 64, failure)


def test_what_is_written_is_read_back(store):
    store.write(record(), {"test": SAID})
    assert store.records() == {CELL.key: record()}
    np.testing.assert_array_equal(store.predictions(CELL, "test").logits, SAID.logits)


def test_a_failed_cell_keeps_its_reason(store):
    store.write(record("the loss was nan at step 7"), {})
    assert store.records()[CELL.key].failure == "the loss was nan at step 7"


def test_a_cell_that_breaks_while_it_is_written_leaves_nothing(store, monkeypatch):
    class Broken:
        def save(self, path):
            path.write_bytes(b"half")
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        store.write(record(), {"train": SAID, "test": Broken()})
    assert store.records() == {}
    assert not list((store.path / "partial").iterdir())


def test_a_cell_that_another_process_finished_first_is_left_alone(store):
    store.write(record(), {"test": SAID})
    store.write(record("late"), {})
    assert store.records()[CELL.key].failure is None


def test_what_a_killed_run_left_in_flight_is_swept_and_never_read(store):
    left = store.path / "partial" / "alpha=0.1,seed=3.abc"
    left.mkdir()
    (left / "test.safetensors").write_bytes(b"half")
    assert store.records() == {}
    store.sweep()
    assert not left.exists()


def test_a_store_of_another_study_is_refused(store, study_file):
    path = Path(study_file())
    path.write_text(path.read_text().replace('name="invented"', 'name="other"'))
    with pytest.raises(ValueError, match="belongs to the study 'invented', not to 'other'"):
        Store.create(store.path, load(str(path)))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not a run store's manifest"),
        ("[]", "not a run store's manifest"),
        ('{"format": 99}', "has format 99"),
    ],
)
def test_a_manifest_that_we_did_not_write_is_refused(store, text, sentence):
    (store.path / "study.json").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        Store.open(store.path)


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no run store at"):
        Store.open(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"cell": [["alpha", 0.1]], "surprise": 1})])
def test_a_cell_that_we_did_not_write_is_named(store, text):
    folder = store.path / "cells" / CELL.key
    folder.mkdir()
    (folder / "cell.json").write_text(text)
    with pytest.raises(ValueError, match="Delete that folder"):
        store.records()
