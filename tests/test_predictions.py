import json
import os
import re
import signal
import struct
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from smoothlab.predictions import Predictions

LOGITS = np.array([[2.0, 0.5, -np.inf], [0.1, 0.3, 0.2]], np.float32)
LABELS = np.array([0, 2])


@pytest.fixture
def plain():
    """What a user meets: without the type hook of the tests, the sentences are all there is."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def complete(**changes):
    generator = np.random.default_rng(0)
    arrays = {
        "logits": LOGITS,
        "labels": LABELS,
        "features": generator.normal(size=(2, 5)).astype(np.float16),
        "weight": generator.normal(size=(3, 5)).astype(np.float32),
        "bias": np.arange(3.0),
        "meta": {
            "seed": 3,
            "classes": ["bag", "<b>coat</b>", "Stiefel ö"],
            "nested": {"alpha": 0.1, "none": None},
        },
    }
    return Predictions(**arrays | changes)


def rewritten(path, **metadata):
    """A file with good arrays, and with this metadata."""
    save_file({"logits": LOGITS, "labels": LABELS}, path, metadata)
    return path


def test_what_was_saved_is_loaded_to_the_last_bit(tmp_path):
    said = complete()
    said.save(tmp_path / "p.safetensors")
    again = Predictions.load(tmp_path / "p.safetensors")
    for name in ("logits", "labels", "features", "weight", "bias"):
        one, other = getattr(said, name), getattr(again, name)
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    assert again.meta == said.meta
    assert len(again) == 2


def test_what_was_not_captured_stays_none(tmp_path):
    Predictions(LOGITS, LABELS).save(tmp_path / "p.safetensors")
    again = Predictions.load(tmp_path / "p.safetensors")
    assert again.features is again.weight is again.bias is None
    assert again.meta == {}


def test_arrays_in_any_memory_order_are_saved_as_what_they_hold(tmp_path):
    logits = np.arange(12.0).reshape(4, 3)
    for held in (np.asfortranarray(logits), np.repeat(logits, 2, 0)[::2], logits[::-1][::-1]):
        Predictions(held, np.zeros(4, int)).save(tmp_path / "p.safetensors")
        assert np.array_equal(Predictions.load(tmp_path / "p.safetensors").logits, logits)


def test_a_loaded_file_is_mapped_and_cannot_be_written_through(tmp_path):
    complete().save(tmp_path / "p.safetensors")
    again = Predictions.load(tmp_path / "p.safetensors")
    for array in (again.logits, again.labels, again.features, again.weight, again.bias):
        assert isinstance(array, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_mapped_file_may_be_replaced_while_it_is_read(tmp_path):
    path = tmp_path / "p.safetensors"
    complete().save(path)
    old = Predictions.load(path)
    Predictions(LOGITS + 1, LABELS).save(path)
    assert np.array_equal(old.logits, LOGITS)
    assert np.array_equal(Predictions.load(path).logits, LOGITS + 1)


def test_the_file_is_plain_safetensors_of_format_1(tmp_path):
    complete().save(tmp_path / "p.safetensors")
    with safe_open(tmp_path / "p.safetensors", framework="numpy") as file:
        own = json.loads(file.metadata()["smoothlab"])
        assert (own["format"], own["meta"]["seed"]) == (1, 3)
        assert np.array_equal(file.get_tensor("labels"), LABELS)


def test_equal_predictions_are_equal_files(tmp_path):
    for name in ("one", "other"):
        complete().save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_predictions_are_frozen_and_meta_is_a_copy():
    meta = {"widths": (256, 256)}
    said = complete(meta=meta)
    meta["later"] = 1
    assert said.meta == {"widths": [256, 256]}
    with pytest.raises(FrozenInstanceError):
        said.logits = LOGITS  # type: ignore[misc]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_labels_of_any_whole_type_are_held_as_int64(dtype):
    assert Predictions(LOGITS, LABELS.astype(dtype)).labels.dtype == np.int64


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"logits": LOGITS[:0], "labels": LABELS[:0]}, "`logits` must have 2 axes and hold something"),
        ({"logits": LOGITS[:, :1]}, "`logits` must have at least 2 classes, but got 1"),
        ({"logits": LOGITS[0]}, "`logits` must have 2 axes"),
        ({"logits": np.array([[1, 2, 3], [1, np.nan, 3]])}, "row 1 holds nan"),
        ({"logits": np.array([[1, np.inf, 3], [1, 2, 3]])}, "row 0 holds inf"),
        ({"logits": np.array([[1, np.nan, 3], [1, 2, 3]], np.float16)}, "row 0 holds nan"),
        ({"logits": np.array([[1, 2, 3], [-np.inf] * 3])}, "row 1 masks every class"),
        ({"logits": np.ones((2, 3), int)}, "`logits` must be float16, float32 or float64, but got int64"),
        ({"logits": LOGITS.astype(">f4")}, "`logits` must be float16, float32 or float64, but got >f4"),
        ({"logits": LOGITS.tolist()}, "`logits` must be a NumPy array, but got list"),
        ({"labels": np.array([0, 3])}, "`labels` must lie in 0 to 2, the classes there are, but row 1 has 3"),
        ({"labels": np.array([-100, 0])}, "row 0 has -100"),
        ({"labels": np.array([0.0, 1.0])}, "`labels` must be whole numbers"),
        ({"labels": np.array([0, 1, 2])}, "`logits` has 2, `labels` has 3"),
        ({"features": np.ones((3, 5))}, "`features` must have 2 examples"),
        ({"weight": np.ones((2, 5))}, "`weight` must have 3 classes"),
        ({"weight": np.ones((3, 4))}, "`weight` must have 5 features"),
        ({"bias": np.ones(4)}, "`bias` must have 3 classes"),
        ({"features": np.full((2, 5), np.inf, np.float16)}, "`features` must be finite"),
        ({"bias": np.array([0, np.nan, 0])}, "`bias` must be finite"),
        ({"meta": {"loss": float("nan")}}, "`meta` must be what JSON can carry, but its 'loss'"),
        ({"meta": {"when": object()}}, "`meta` must be what JSON can carry, but its 'when'"),
        ({"meta": "seed 3"}, "`meta` must be a mapping, but got str"),
    ],
)
def test_what_cannot_be_predictions_is_refused_in_one_sentence(changes, sentence):
    with pytest.raises((TypeError, ValueError), match=re.escape(sentence)):
        complete(**changes)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"logits": LOGITS}, "lacks `labels` and holds logits"),
        ({"model.weight": LOGITS}, "lacks `logits` and `labels` and holds model.weight"),
        ({"logits": LOGITS, "labels": LABELS + 1}, "row 1 has 3"),
        ({"logits": LOGITS, "labels": LABELS - 1}, "row 0 has -1"),
        ({"logits": LOGITS, "labels": LABELS[:1]}, "`logits` has 2, `labels` has 1"),
        ({"logits": LOGITS[0], "labels": LABELS}, "`logits` must have 2 axes"),
        ({"logits": LOGITS * np.nan, "labels": LABELS}, "row 0 holds nan"),
        ({"logits": LOGITS, "labels": LABELS.astype(np.float32)}, "`labels` must be whole numbers"),
        ({"logits": LOGITS, "labels": LABELS, "bias": np.ones(2)}, "`bias` must have 3 classes"),
        ({"logits": LOGITS, "labels": LABELS > 0}, "stores `labels` as BOOL"),
    ],
)
def test_a_file_with_wrong_arrays_is_refused_by_name(tmp_path, arrays, sentence):
    path = tmp_path / "wrong.safetensors"
    save_file(arrays, path)
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        Predictions.load(path)
    assert str(path) in str(caught.value)


def test_a_file_with_bfloat16_is_refused_with_the_way_out(tmp_path):
    header = {
        "logits": {"dtype": "BF16", "shape": [1, 4], "data_offsets": [8, 16]},
        "labels": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
    }
    text = json.dumps(header).encode()
    path = tmp_path / "half.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))
    with pytest.raises(
        ValueError, match=r"stores `logits` as BF16, which NumPy cannot hold .* Save floats as float16"
    ):
        Predictions.load(path)


def test_a_file_cut_off_anywhere_is_refused_by_name(tmp_path):
    path = tmp_path / "p.safetensors"
    complete().save(path)
    whole = path.read_bytes()
    for length in {0, 1, 7, 8, 9, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(
            ValueError, match=r"p\.safetensors' is no whole safetensors file .* Copy it again"
        ):
            Predictions.load(path)


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04" + bytes(100), b"\x80\x04pickle" * 20, b"logits,labels\n1,2\n" * 9]
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path, content):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ValueError, match="other' is no whole safetensors file"):
        Predictions.load(tmp_path / "other")


def test_a_missing_file_or_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*absent"):
        Predictions.load(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*absent"):
        complete().save(tmp_path / "absent" / "p.safetensors")


def test_a_newer_format_asks_for_an_upgrade(tmp_path):
    with pytest.raises(ValueError, match=r"is of format 2, but this version of smoothlab reads 1. Upgrade"):
        Predictions.load(rewritten(tmp_path / "p.safetensors", smoothlab='{"format": 2, "meta": {}}'))


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}])
def test_a_file_of_another_tool_is_read_if_it_has_logits_and_labels(tmp_path, metadata):
    again = Predictions.load(rewritten(tmp_path / "p.safetensors", **metadata))
    assert np.array_equal(again.logits, LOGITS)
    assert again.meta == {}


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("meta", "sentence"),
    [
        ("{seed:", "did not write"),
        ("[1]", "did not write"),
        ("{}", "did not write"),
        ('{"format": 1, "meta": [1]}', "a mapping, but got list"),
        ('{"format": 1, "meta": {"a": NaN}}', "its 'a'"),
    ],
)
def test_a_broken_meta_is_refused_by_name(tmp_path, meta, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        Predictions.load(rewritten(tmp_path / "p.safetensors", smoothlab=meta))
    assert "p.safetensors" in str(caught.value)


def test_a_failed_save_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "p.safetensors"
    complete().save(path)
    before = path.read_bytes()

    def full_disk(arrays, filename, metadata):
        Path(filename).write_bytes(b"half of")
        raise OSError("no space left on device")

    monkeypatch.setattr("smoothlab.predictions.save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        complete(meta={}).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "p.safetensors"
    writer = (
        "import sys, numpy as np; from smoothlab.predictions import Predictions\n"
        "said = [Predictions(np.full((200_000, 4), float(k)), np.full(200_000, k)) for k in range(4)]\n"
        "print('ready', flush=True)\n"
        "for k in range(10**6): said[k % 4].save(sys.argv[1])"
    )
    for delay in (0.02, 0.05, 0.08):
        with subprocess.Popen([sys.executable, "-c", writer, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            while not path.exists():
                pass
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(delay)
            process.send_signal(signal.SIGKILL)
        again = Predictions.load(path)
        assert (again.logits == again.labels[0]).all()
        assert (again.labels == again.labels[0]).all()


def test_clusters_are_kept_and_must_not_fall(tmp_path):
    said = Predictions(np.eye(4), np.arange(4), clusters=np.array([3, 3, 7, 9], np.int16))
    said.save(tmp_path / "a.safetensors")
    assert Predictions.load(tmp_path / "a.safetensors").clusters.tolist() == [3, 3, 7, 9]
    with pytest.raises(ValueError, match="`clusters` must not fall, but row 2 has 1 after 3"):
        Predictions(np.eye(4), np.arange(4), clusters=np.array([3, 3, 1, 9]))
