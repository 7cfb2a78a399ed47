import json
import pickle
import re
import struct

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from smoothlab.saved import open_saved

Z = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(6) % 4


def refusal(path, **declared):
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        open_saved(path, **declared).predictions()
    return str(caught.value)


def raw(path, entries, content):
    """A safetensors file by hand, for types that NumPy has not."""
    header = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + content)
    return path


@pytest.fixture
def pt(tmp_path):
    def write(held, **options):
        torch.save(held, tmp_path / "test.pt", **options)
        return tmp_path / "test.pt"

    return write


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_of_torch_is_read_to_the_last_bit(pt, dtype):
    said = open_saved(pt({"logits": Z.to(dtype), "labels": Y})).predictions()
    assert np.array_equal(said.logits, Z.to(dtype).double().numpy())
    assert said.labels.tolist() == Y.tolist()


def test_a_tensor_alone_takes_its_labels_from_beside(pt, tmp_path):
    np.save(tmp_path / "y.npy", Y.numpy())
    assert len(open_saved(pt(Z), labels=tmp_path / "y.npy").predictions()) == 6


@pytest.mark.parametrize("held", [Z.clone().requires_grad_(), torch.nn.Parameter(Z), Z.t().contiguous().t()])
def test_tensors_as_training_leaves_them_are_read(pt, held):
    said = open_saved(pt({"logits": held, "labels": Y, "epoch": 3, "name": "a"})).predictions()
    assert np.array_equal(said.logits, Z.numpy())


def test_a_program_in_a_file_is_not_run(tmp_path, pt):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the file was run",)

    said = refusal(pt({"logits": Z, "labels": Y, "trap": Trap()}))
    assert (
        "It must be a whole file of plain tensors, but it cannot be read (it holds more than data: _pytest.outcomes."
        in said
    )
    assert said.endswith(
        "Save {'logits': ..., 'labels': ...}, plain tensors, with torch.save, or write them with np.savez."
    )
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Trap()))
    assert "It must be a whole file of plain tensors" in refusal(tmp_path / "raw.pt")


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        ([Z, Y], "(it holds a list)"),
        ({"logits": Z}, "It must hold an array 'labels', 'label', but it holds 'logits'."),
        ({"logits": Z.to_sparse(), "labels": Y}, "an array 'logits', but it holds 'labels'."),
        (
            {"logits": Z.to(torch.float8_e5m2), "labels": Y},
            "an array 'logits', but it holds 'labels'.",
        ),
        (
            {"logits": torch.zeros(1, 4).expand(10**12, 4), "labels": Y},
            "that repeats itself; save its .contiguous()",
        ),
        ({"logits": Z, "labels": torch.zeros(1, dtype=int).expand(10**12)}, "that repeats itself"),
    ],
)
def test_what_are_no_plain_tensors_gets_one_sentence(pt, held, sentence):
    assert sentence in refusal(pt(held))


def test_the_format_before_torch_1_6_is_refused_with_the_way_out(pt):
    path = pt({"logits": Z, "labels": Y}, _use_new_zipfile_serialization=False)
    assert (
        "It must be a whole file of plain tensors, but it cannot be read (it is no zip, as torch.save writes them"
        in refusal(path)
    )


@pytest.mark.parametrize("length", [0, 1, 100, 700, 1500])
def test_a_file_cut_off_anywhere_is_refused_by_name(tmp_path, pt, length):
    path = pt({"logits": Z, "labels": Y})
    path.write_bytes(path.read_bytes()[:length])
    assert "It must be a whole file of plain tensors, but it cannot be read (" in refusal(path)
    path = tmp_path / "a.safetensors"
    save_file({"logits": Z.numpy(), "labels": Y.numpy()}, path)
    path.write_bytes(path.read_bytes()[: length // 8])
    assert "It must be a whole safetensors file, but it cannot be read (" in refusal(path)


def test_bfloat16_in_safetensors_is_widened_exactly(tmp_path):
    content = Z.bfloat16().view(torch.uint16).numpy().tobytes() + bytes([0, 1, 2, 3, 0, 1])
    entries = {
        "logits": {"dtype": "BF16", "shape": [6, 4], "data_offsets": [0, 48]},
        "labels": {"dtype": "U8", "shape": [6], "data_offsets": [48, 54]},
    }
    said = open_saved(raw(tmp_path / "a.safetensors", entries, content)).predictions()
    assert said.logits.dtype == np.float32
    assert np.array_equal(said.logits, Z.bfloat16().float().numpy())


def test_a_type_that_numpy_has_not_is_as_good_as_absent(tmp_path):
    entries = {
        "logits": {"dtype": "F8_E4M3", "shape": [6, 4], "data_offsets": [0, 24]},
        "labels": {"dtype": "U8", "shape": [6], "data_offsets": [24, 30]},
    }
    said = refusal(raw(tmp_path / "a.safetensors", entries, bytes(30)))
    assert "It must hold an array 'logits', but it holds 'labels'." in said


def test_a_damaged_bool_is_no_label(tmp_path, pt):
    entries = {
        "logits": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "labels": {"dtype": "BOOL", "shape": [2], "data_offsets": [8, 10]},
    }
    path = raw(tmp_path / "a.safetensors", entries, bytes(9) + b"\x02")
    assert "A label must lie in 0 to 1, the classes there are, but row 1 has 2." in refusal(
        path, task="binary"
    )
    path = pt({"logits": torch.zeros(2), "labels": torch.tensor([0, 2], dtype=torch.uint8).view(torch.bool)})
    assert "A label must lie in 0 to 1, the classes there are, but row 1 has 2." in refusal(
        path, task="binary"
    )
