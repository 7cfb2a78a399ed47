import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothlab.data import from_arrays, npz

INPUTS = np.arange(20 * 3 * 5).reshape(20, 3, 5).astype(np.uint8)
LABELS = np.arange(20) % 4
PARTS = {
    f"{word}_{field}": array[start::3]
    for start, word in enumerate(("train", "validation", "test"))
    for field, array in (("inputs", INPUTS), ("labels", LABELS))
}


def saved(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def test_two_arrays_are_split_as_from_arrays_splits_them(tmp_path):
    data = npz(saved(tmp_path / "mine.npz", inputs=INPUTS, labels=LABELS, classes=list("abcd")))
    assert data.name == "mine"
    assert data.fingerprint() == from_arrays(INPUTS, LABELS, classes=list("abcd")).fingerprint()


def test_six_arrays_are_kept_as_they_are(tmp_path):
    data = npz(saved(tmp_path / "parts.npz", **PARTS))
    for word in ("train", "validation", "test"):
        part = getattr(data, word)
        assert np.array_equal(part.inputs[:, 0], PARTS[f"{word}_inputs"])
        assert np.array_equal(part.labels, PARTS[f"{word}_labels"])
        assert part.inputs.flags.writeable
    assert data.classes == ("0", "1", "2", "3")


def test_an_array_in_fortran_order_is_read_as_it_was(tmp_path):
    plain = npz(saved(tmp_path / "c.npz", inputs=INPUTS[:, 0] / 7, labels=LABELS))
    turned = npz(
        saved(tmp_path / "f.npz", inputs=np.asfortranarray(INPUTS[:, 0] / 7), labels=LABELS.astype(">i2"))
    )
    assert plain.fingerprint() == turned.fingerprint()


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        (
            {"x": INPUTS, "y": LABELS},
            "The arrays must be inputs and labels, or train_inputs, .* but got x, y",
        ),
        ({"inputs": INPUTS}, "but got inputs. Rename"),
        ({}, "but got none"),
        ({"inputs": INPUTS, "labels": LABELS, "ids": LABELS}, "but got ids, inputs, labels"),
        (PARTS | {"inputs": INPUTS}, "but got inputs, test_inputs"),
        (
            {"inputs": INPUTS, "labels": LABELS / 2},
            "`labels` must be whole numbers, but its dtype is float64",
        ),
        ({"inputs": INPUTS, "labels": LABELS[:-1]}, "`inputs` has 20, `labels` has 19"),
        ({"inputs": INPUTS[:0], "labels": LABELS[:0]}, "`inputs` must not be empty"),
        (
            {"inputs": np.full((20, 2), np.nan), "labels": LABELS},
            "`inputs` must be finite in float32, but row 0",
        ),
        ({"inputs": INPUTS, "labels": LABELS, "classes": ["a"]}, "`classes` must name at least two"),
        (
            {"inputs": INPUTS, "labels": LABELS, "classes": [1, 2, 3, 4]},
            "`classes` must be text with one axis",
        ),
        (
            PARTS | {"test_labels": LABELS[2::3] + 9},
            "`test.labels` must lie in 0 ... 3 for 4 classes, but row 0",
        ),
        (PARTS | {"test_labels": LABELS[2::3] - 9}, "`test_labels` must be 0 or above, but row"),
        (
            PARTS | {"test_inputs": np.full((6, 2), np.nan)},
            "`test_inputs` must be finite in float32, but row 0",
        ),
        (PARTS | {"test_inputs": INPUTS[2::3, None, :, :4]}, "`test` must have inputs like those of `train`"),
        (
            {"inputs": INPUTS.astype(object), "labels": LABELS},
            "cannot be read as .npz .it holds Python objects.",
        ),
    ],
)
def test_arrays_that_make_no_data_get_one_clear_sentence(tmp_path, arrays, sentence):
    path = saved(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=sentence) as caught:
        npz(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read as .npz .File is not a zip file."),
        (b"<html>404</html>", "cannot be read as .npz .File is not a zip file."),
        (b"\x93NUMPY\x01\x00", "cannot be read as .npz .File is not a zip file."),
    ],
)
def test_a_file_of_another_kind_gets_one_clear_sentence(tmp_path, content, sentence):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        npz(path)


def test_a_missing_file_stays_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.npz"):
        npz(tmp_path / "gone.npz")


def test_a_header_that_promises_more_than_there_is_allocates_nothing(tmp_path):
    member = io.BytesIO()
    np.save(member, np.zeros((20, 7), np.uint8))
    greedy = (
        member.getvalue().replace(b"(20, 7)", b"(20, 7" + b"0" * 12 + b")").replace(b" " * 12 + b"\n", b"\n")
    )
    path = tmp_path / "greedy.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inputs.npy", greedy)
    with pytest.raises(ValueError, match=r"140 bytes for an array uint8 \[20, 7000000000000\]"):
        npz(path)


def test_class_names_that_are_no_text_get_one_clear_sentence(tmp_path):
    # NumPy itself raises SystemError when it is asked for such a string.
    for number in (0x110000, 0xD800):
        names = np.array([65, 66, 67, number], np.uint32).view("U1")
        with pytest.raises(ValueError, match="`classes` must be text, but some of it is no character"):
            npz(saved(tmp_path / "bad.npz", inputs=INPUTS, labels=LABELS, classes=names))


def flip(content, flips):
    changed = bytearray(content)
    for place, mask in flips:
        changed[place % len(content)] ^= mask
    return bytes(changed)


def archive_of(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def member_of(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


MEMBERS = {
    "inputs.npy": member_of(INPUTS),
    "labels.npy": member_of(LABELS),
    "classes.npy": member_of(list("abcd")),
}
ARCHIVE = archive_of(MEMBERS)
FLIPS = st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 255)), max_size=3)
WELL_KNOWN = "Dataset('fuzzed', 12 + 4 + 4 examples, uint8 1 x 3 x 5, 4 classes)"


def outcome(path):
    """What the data print as, or the sentence; any other exception fails the test."""
    try:
        return repr(npz(path))
    except ValueError as error:
        return str(error)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("npz") / "fuzzed.npz"


@settings(max_examples=300)
@given(flips=FLIPS, cut=st.none() | st.integers(0, len(ARCHIVE)), tail=st.binary(max_size=4))
def test_any_damage_to_the_file_gives_the_same_data_or_our_sentence(path, flips, cut, tail):
    path.write_bytes(flip(ARCHIVE, flips)[:cut] + tail)
    got = outcome(path)
    assert got == WELL_KNOWN or got.startswith(str(path))


@settings(max_examples=300)
@given(
    name=st.sampled_from(sorted(MEMBERS)),
    flips=st.lists(st.tuples(st.integers(0, 130), st.integers(1, 255)), min_size=1, max_size=3),
    cut=st.none() | st.integers(0, 300),
)
def test_any_damage_to_an_array_before_it_was_packed_gives_data_or_our_sentence(path, name, flips, cut):
    # The zip's checksums are right here, so that the header of the array itself has to be judged.
    path.write_bytes(archive_of(MEMBERS | {name: flip(MEMBERS[name], flips)[:cut]}))
    got = outcome(path)
    assert got.startswith(("Dataset('fuzzed', 12 + 4 + 4 examples", str(path)))
