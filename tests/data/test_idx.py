import gzip
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothlab.data import idx as idx_module
from smoothlab.data import mnist
from smoothlab.data.idx import read_idx

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array, *, kind=8):
    header = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def images_of(number):
    """Images of 4 x 5 pixels; the first pixel is the image's number, the second its label."""
    images = np.random.default_rng(number).integers(0, 256, (number, 4, 5))
    images[:, 0, 0] = np.arange(number)
    images[:, 0, 1] = np.arange(number) % 10
    return images.astype(np.uint8)


def contents():
    train, test = images_of(120), images_of(30)
    return dict(zip(FILES, map(idx, (train, train[:, 0, 1], test, test[:, 0, 1])), strict=True))


def write(folder, files, *, ending=""):
    for name, content in files.items():
        (folder / f"{name}{ending}").write_bytes(
            gzip.compress(content, mtime=0) if ending == ".gz" else content
        )
    return folder


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("spelling", ["-idx", ".idx"])
def test_the_four_files_are_read_in_both_spellings_plain_or_in_gzip(tmp_path, ending, spelling):
    files = {name.replace("-idx", spelling): content for name, content in contents().items()}
    data = mnist(write(tmp_path, files, ending=ending))
    assert repr(data) == "Dataset('mnist', 100 + 20 + 30 examples, uint8 1 x 4 x 5, 10 classes)"
    train, test = images_of(120), images_of(30)
    assert np.array_equal(data.test.inputs[:, 0], test)
    for part in (data.train, data.validation, data.test):
        assert np.array_equal(part.labels, part.inputs[:, 0, 0, 1])
    for part in (data.train, data.validation):
        assert np.array_equal(part.inputs[:, 0], train[part.inputs[:, 0, 0, 0]])


def test_a_sixth_of_every_class_is_set_aside_and_nothing_is_lost(tmp_path):
    data = mnist(write(tmp_path, contents()))
    assert np.bincount(data.validation.labels).tolist() == [2] * 10
    numbers = np.concatenate([data.train.inputs[:, 0, 0, 0], data.validation.inputs[:, 0, 0, 0]])
    assert sorted(numbers.tolist()) == list(range(120))


def test_the_arrays_can_be_written_to(tmp_path):
    # torch.from_numpy warns of arrays that cannot.
    data = mnist(write(tmp_path, contents()))
    for part in (data.train, data.validation, data.test):
        assert part.inputs.flags.writeable
        assert part.labels.flags.writeable


LABELS = idx(np.arange(9))


@pytest.mark.parametrize("chunk", [3, 2**20])  # with 3, a body of 9 bytes ends where a chunk does
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("labels", LABELS[:-1], "promises 9 = 9 bytes, but 8 are there. Fetch"),
        ("labels", LABELS + b"\0", "promises 9 = 9 bytes, but the file goes on after them"),
        ("labels", b"", "must begin with the bytes 0 0 8 1 and 1 lengths, but its first bytes are missing"),
        (
            "labels",
            LABELS[:6],
            "must begin with the bytes 0 0 8 1 and 1 lengths, but its first bytes are 00 00 08 01",
        ),
        ("labels", idx(np.zeros((3, 2, 2))), "but its first bytes are 00 00 08 03"),
        ("labels", idx(np.arange(9), kind=13), "but its first bytes are 00 00 0d 01"),
        ("labels", idx(np.zeros(0)), "promises 0 = 0 bytes, which is no data"),
        ("labels", gzip.compress(LABELS, mtime=0), "but its first bytes are 1f 8b 08 00"),
        (
            "labels",
            bytes([0, 0, 8, 1]) + b"\xff" * 4,
            "promises 4294967295 = 4,294,967,295 bytes, but 0 are there",
        ),
        ("labels.gz", LABELS, r"is no whole gzip file \(Not a gzipped file"),
        ("labels.gz", b"<html>404</html>", r"is no whole gzip file \(Not a gzipped file"),
        ("labels.gz", gzip.compress(LABELS, mtime=0)[:-9], r"is no whole gzip file \(Compressed file ended"),
        (
            "labels.gz",
            gzip.compress(LABELS, mtime=0)[:-8] + b"\0" * 8,
            r"is no whole gzip file \(CRC check failed",
        ),
        ("labels.gz", gzip.compress(LABELS[:-1], mtime=0), "promises 9 = 9 bytes, but 8 are there"),
        ("labels.gz", gzip.compress(LABELS + b"\0" * 2**12, mtime=0), "but the file goes on after them"),
    ],
)
def test_a_damaged_file_gets_one_clear_sentence_that_names_it(
    tmp_path, monkeypatch, chunk, name, content, sentence
):
    monkeypatch.setattr(idx_module, "_CHUNK", chunk)
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence) as caught:
        read_idx(path, axes=1)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {FILES[1]: idx(np.arange(119) % 10)},
            "train-labels.* holds 119 labels, but train-images.* holds 120 images",
        ),
        (
            {FILES[3]: idx(np.arange(30) % 11)},
            "t10k-labels.*: `labels` must lie in 0 ... 9 .* but row 10 holds 10",
        ),
        ({FILES[1]: idx(np.full(120, 4))}, "`train` must hold at least two classes, but every label is 4"),
        ({FILES[2]: idx(np.zeros((30, 5, 5)))}, "`test` must have inputs like those of `train`"),
        ({FILES[0]: contents()[FILES[1]]}, "must begin with the bytes 0 0 8 3"),
        (
            {FILES[0]: idx(images_of(5)), FILES[1]: idx(np.arange(5))},
            "must hold at least 6 images, to set one in 6 aside for validation, but hold 5",
        ),
    ],
)
def test_files_that_do_not_belong_together_get_one_clear_sentence(tmp_path, changes, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        mnist(write(tmp_path, contents() | changes))
    assert str(tmp_path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    write(tmp_path, contents())
    (tmp_path / FILES[3]).unlink()
    with pytest.raises(FileNotFoundError, match=f"has neither {FILES[3]} nor {FILES[3]}.gz"):
        mnist(tmp_path)


def flip(content, flips):
    changed = bytearray(content)
    for place, mask in flips:
        changed[place % len(content)] ^= mask
    return bytes(changed)


WELL_KNOWN = "Dataset('mnist', 100 + 20 + 30 examples, uint8 1 x 4 x 5, 10 classes)"


def outcome(folder):
    """What the data print as, or the sentence; any other exception fails the test."""
    try:
        return repr(mnist(folder))
    except ValueError as error:
        return str(error)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mnist")


@settings(max_examples=300)
@given(
    name=st.sampled_from(FILES),
    ending=st.sampled_from(["", ".gz"]),
    flips=st.lists(st.tuples(st.integers(0, 20) | st.integers(0, 4000), st.integers(1, 255)), max_size=3),
    cut=st.none() | st.integers(0, 4000),
    tail=st.binary(max_size=4),
)
def test_any_damage_gives_data_of_the_same_shape_or_our_sentence(folder, name, ending, flips, cut, tail):
    for file in FILES:
        (folder / f"{file}{'.gz' if ending == '' else ''}").unlink(missing_ok=True)
    write(folder, contents(), ending=ending)
    path = folder / f"{name}{ending}"
    path.write_bytes(flip(path.read_bytes(), flips)[:cut] + tail)
    got = outcome(folder)
    assert got == WELL_KNOWN or got.startswith(str(folder))
