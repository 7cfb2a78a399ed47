import inspect
import io
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothlab.data import cifar10, cifar100

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BATCHES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))


def records(labels, *, seed):
    """Records of a label or two and 3,072 pixels; the first pixel of a plane is plane * 80 + the last label byte."""
    labels = np.asarray(labels, np.uint8).reshape(len(labels), -1)
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 3, 1024), dtype=np.uint8)
    pixels[:, :, 0] = labels[:, -1:] + np.array([0, 80, 160], np.uint8)
    return np.concatenate([labels, pixels.reshape(len(labels), -1)], axis=1).tobytes()


TEN = {name: records(np.arange(20) % 10, seed=seed) for seed, name in enumerate((*BATCHES, "test_batch.bin"))}
TEN["batches.meta.txt"] = ("\n".join(NAMES) + "\n\n").encode()
PAIRS = np.stack([np.arange(100) % 20, np.arange(100) % 100], axis=1)
HUNDRED = {
    "train.bin": records(np.tile(PAIRS, (5, 1)), seed=7),
    "test.bin": records(PAIRS, seed=8),
    "fine_label_names.txt": "\n".join(f"fine {k}" for k in range(100)).encode(),
    "coarse_label_names.txt": "\n".join(f"coarse {k}" for k in range(20)).encode(),
}


def folder_of(path, files):
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def archive_of(path, files):
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_cifar10_is_read_with_its_names_and_the_red_plane_first(tmp_path):
    data = cifar10(folder_of(tmp_path, TEN))
    assert repr(data) == "Dataset('cifar10', 80 + 20 + 20 examples, uint8 3 x 32 x 32, 10 classes)"
    assert data.classes == NAMES
    for part in (data.train, data.validation, data.test):
        for plane, start in enumerate((0, 80, 160)):
            assert np.array_equal(part.inputs[:, plane, 0, 0], part.labels + start)
    test = np.frombuffer(TEN["test_batch.bin"], np.uint8).reshape(20, 3073)
    assert np.array_equal(data.test.inputs[:, 1, 2, 3], test[:, 1 + 1024 + 2 * 32 + 3])


def test_a_fifth_of_every_class_is_set_aside_and_the_rest_keeps_its_order(tmp_path):
    data = cifar10(folder_of(tmp_path, TEN))
    assert np.bincount(data.validation.labels).tolist() == [2] * 10
    there = [image.tobytes() for part in (data.train, data.validation) for image in part.inputs]
    rows = np.concatenate([np.frombuffer(TEN[name], np.uint8).reshape(20, 3073) for name in BATCHES])
    published = [row[1:].tobytes() for row in rows]
    assert sorted(there) == sorted(published)
    places = [published.index(image.tobytes()) for image in data.train.inputs]
    assert places == sorted(places)


def test_the_archive_holds_the_same_data_as_the_folder_and_is_not_unpacked(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    archive = archive_of(tmp_path / "cifar-10-binary.tar.gz", TEN)
    assert cifar10(archive).fingerprint() == cifar10(folder_of(folder, TEN)).fingerprint()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cifar-10-binary.tar.gz", "folder"]


def test_cifar100_is_read_with_fine_labels_and_on_demand_with_coarse_ones(tmp_path):
    fine = cifar100(folder_of(tmp_path, HUNDRED))
    assert repr(fine) == "Dataset('cifar100', 400 + 100 + 100 examples, uint8 3 x 32 x 32, 100 classes)"
    assert fine.classes[37] == "fine 37"
    assert fine.test.labels.tolist() == list(range(100))
    coarse = cifar100(tmp_path, labels="coarse")
    assert coarse.name == "cifar100_coarse"
    assert coarse.classes[7] == "coarse 7"
    assert coarse.test.labels.tolist() == [k % 20 for k in range(100)]
    assert np.array_equal(coarse.test.inputs, fine.test.inputs)
    assert np.bincount(fine.validation.labels).tolist() == [1] * 100


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"data_batch_3.bin": TEN["data_batch_3.bin"][:-1]},
            "data_batch_3.bin in .* whole records of 3,073 bytes",
        ),
        (
            {"test_batch.bin": b""},
            "test_batch.bin in .* must hold whole records of 3,073 bytes, but holds 0 bytes",
        ),
        ({"data_batch_2.bin": TEN["data_batch_2.bin"] + b"\0"}, "data_batch_2.bin in .* whole records"),
        (
            {"data_batch_4.bin": TEN["data_batch_4.bin"][: 19 * 3073]},
            "data_batch_4.bin in .* holds 19 images and test_b",
        ),
        (
            {"test_batch.bin": records(np.arange(20), seed=1)},
            "test_batch.bin in .*: `labels` .* but row 10 holds 10",
        ),
        (
            {"batches.meta.txt": b"airplane\nbird\n"},
            "batches.meta.txt in .* 10 different names, one a line, but holds 2",
        ),
        (
            {"batches.meta.txt": b"\xff\n" * 10},
            "batches.meta.txt in .* 10 different names, one a line, but holds 1",
        ),
        ({name: records([3] * 20, seed=1) for name in BATCHES}, "`train` must hold at least two classes"),
    ],
)
def test_a_damaged_folder_gets_one_clear_sentence(tmp_path, changes, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        cifar10(folder_of(tmp_path, TEN | changes))
    assert str(tmp_path) in str(caught.value)


def test_missing_files_are_named(tmp_path):
    folder_of(tmp_path, HUNDRED)
    with pytest.raises(FileNotFoundError, match=r"has no data_batch_1\.bin and no data_batch_2.bin and no"):
        cifar10(tmp_path)
    with pytest.raises(ValueError, match=r"has no test_batch\.bin\. Take the binary version"):
        cifar10(
            archive_of(tmp_path / "a.tar.gz", {name: TEN[name] for name in TEN if name != "test_batch.bin"})
        )


def test_labels_are_fine_or_coarse(tmp_path):
    with pytest.raises(ValueError, match="`labels` must be one of 'fine', 'coarse', but got 'course'"):
        inspect.unwrap(cifar100)(
            tmp_path, labels="course"
        )  # unwrapped: the hook of the tests would answer first


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty file"), (b"<html>404</html>", "Not a gzipped file"), (None, "Compressed file ended")],
)
def test_a_damaged_archive_gets_one_clear_sentence(tmp_path, content, reason):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(
        archive_of(tmp_path / "whole.tar.gz", TEN).read_bytes()[:-20] if content is None else content
    )
    with pytest.raises(ValueError, match=rf"cifar-10-binary.tar.gz is no whole .tar.gz archive \({reason}"):
        cifar10(path)


def flip(content, flips):
    changed = bytearray(content)
    for place, mask in flips:
        changed[place % len(content)] ^= mask
    return bytes(changed)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = folder_of(tmp_path_factory.mktemp("cifar"), HUNDRED)
    archive_of(folder / "whole.tar.gz", HUNDRED)
    return folder


DAMAGE = {
    "flips": st.lists(
        st.tuples(st.integers(0, 9000) | st.integers(0, 10**7), st.integers(1, 255)), max_size=3
    ),
    "cut": st.none() | st.integers(-4000, 4000),
    "tail": st.binary(max_size=4),
}
WELL_KNOWN = "Dataset('cifar100', 400 + 100 + 100 examples, uint8 3 x 32 x 32, 100 classes)"


def outcome(path):
    """What the data print as, or the sentence; any other exception fails the test."""
    try:
        return repr(cifar100(path))
    except ValueError as error:
        return str(error)


@settings(max_examples=100)
@given(name=st.sampled_from(sorted(HUNDRED)), **DAMAGE)
def test_any_damage_to_a_file_gives_data_of_the_same_shape_or_our_sentence(place, name, flips, cut, tail):
    (place / name).write_bytes(flip(HUNDRED[name], flips)[:cut] + tail)
    got = outcome(place)
    (place / name).write_bytes(HUNDRED[name])
    assert got == WELL_KNOWN or str(place) in got


@settings(max_examples=60)
@given(**DAMAGE)
def test_any_damage_to_an_archive_gives_the_same_data_or_our_sentence(place, flips, cut, tail):
    path = place / "damaged.tar.gz"
    path.write_bytes(flip((place / "whole.tar.gz").read_bytes(), flips)[:cut] + tail)
    got = outcome(path)
    assert got == WELL_KNOWN or str(path) in got
