import io
import re
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from smoothlab.saved import open_saved

Z = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = np.arange(60) % 4


def member(array, *, version=None):
    content = io.BytesIO()
    np.lib.format.write_array(content, array, version=version)
    return content.getvalue()


def archive(path, members, *, how=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", how) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that stands twice
        for name, content in members:
            file.writestr(name, content)
    return path


def sound(**changes):
    return {"logits.npy": member(Z), "labels.npy": member(Y)} | changes


def refusal(path, **declared):
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        open_saved(path, **declared).predictions()
    return str(caught.value)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header_is_read(tmp_path, version):
    path = archive(
        tmp_path / "a.npz", [("logits.npy", member(Z, version=version)), ("labels.npy", member(Y))]
    )
    assert np.array_equal(open_saved(path).predictions().logits, Z)


@pytest.mark.parametrize(
    "change", [np.asfortranarray, lambda array: array.astype(">f4"), lambda array: array[::-1]]
)
def test_any_order_of_axes_or_bytes_is_read_as_what_it_holds(tmp_path, change):
    np.save(tmp_path / "z.npy", change(Z))
    np.save(tmp_path / "y.npy", Y.astype(">i2"))
    np.savez(tmp_path / "a.npz", logits=change(Z), labels=Y)
    for saved in (open_saved(tmp_path / "z.npy", labels=tmp_path / "y.npy"), open_saved(tmp_path / "a.npz")):
        blocks = list(saved.blocks(rows=7))
        assert np.array_equal(np.concatenate([logits for logits, _ in blocks]), change(Z))
        assert {logits.dtype for logits, _ in blocks} == {np.dtype(np.float32)}
        assert saved.predictions().labels.tolist() == Y.tolist()


@pytest.mark.parametrize("length", [0, 1, 6, 9, 40, 128, 1000])
def test_a_file_cut_off_anywhere_is_refused_by_name(tmp_path, length):
    np.save(tmp_path / "y.npy", Y)
    (tmp_path / "z.npy").write_bytes(member(Z)[:length])
    assert "It must be a whole .npy file, but" in refusal(tmp_path / "z.npy", labels=tmp_path / "y.npy")
    np.savez(tmp_path / "a.npz", logits=Z, labels=Y)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:length])
    assert "It must be a whole .npz file, but" in refusal(tmp_path / "a.npz")
    archive(tmp_path / "b.npz", sound(**{"logits.npy": member(Z)[:length]}).items())
    assert "It must be a whole .npz file, but" in refusal(tmp_path / "b.npz")


def test_a_file_that_goes_on_after_its_numbers_is_refused(tmp_path):
    path = archive(tmp_path / "a.npz", sound(**{"logits.npy": member(Z) + b"more"}).items())
    assert "(964 bytes for an array float32 [60, 4])" in refusal(path)


def test_a_header_that_promises_more_than_there_is_allocates_nothing(tmp_path):
    greedy = member(Z).replace(b"(60, 4), }" + b" " * 12, b"(60" + b"0" * 12 + b", 4), }")
    np.save(tmp_path / "y.npy", Y)
    (tmp_path / "z.npy").write_bytes(greedy)
    assert "(960 bytes for an array float32 [60000000000000, 4])" in refusal(
        tmp_path / "z.npy", labels=tmp_path / "y.npy"
    )


@pytest.mark.parametrize(
    "shape", [b"(-6, -40)", b"(6, 40.0)", b"('6', 40)", b"[6, 40]  ", b"60, 4    ", b"(__import__('os'),)"]
)
def test_a_shape_that_is_none_is_refused(tmp_path, shape):
    header = member(Z).replace(b"(60, 4), }" + b" " * len(shape), shape + b", }" + b" " * 7)
    assert len(header) == len(member(Z))
    assert "It must be a whole .npz file, but" in refusal(
        archive(tmp_path / "a.npz", sound(**{"logits.npy": header}).items())
    )


def test_a_pickle_is_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the pickle was loaded",)

    np.save(tmp_path / "z.npy", np.array([Trap()], object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", logits=np.array([Trap()], object), labels=Y)
    np.save(tmp_path / "y.npy", Y)
    assert "must be float16, float32 or float64, but got object" in refusal(
        tmp_path / "z.npy", labels=tmp_path / "y.npy"
    )
    assert "but got object. Save what the model gave" in refusal(tmp_path / "a.npz")


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_bit_in_an_archive_is_found(tmp_path, how):
    path = archive(tmp_path / "a.npz", sound().items(), how=how)
    content = bytearray(path.read_bytes())
    content[600] ^= 1
    path.write_bytes(content)
    assert "It must be a whole .npz file, but it cannot be read" in refusal(path)


def test_the_row_up_to_which_an_archive_was_sound_is_named(tmp_path):
    labels = member(np.arange(60_000) % 4)
    path = archive(tmp_path / "a.npz", [("logits.npy", member(Z.repeat(1000, 0))), ("labels.npy", labels)])
    content = bytearray(path.read_bytes())
    content[500_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"from row 59000 on \(Bad CRC-32 for file 'logits\.npy'\)"):
        list(open_saved(path).blocks(rows=1000))  # a sum is known to be wrong at the end


def test_a_damaged_bool_is_no_label(tmp_path):
    truth = member(np.ones(60, bool))
    path = archive(
        tmp_path / "a.npz", [("logits.npy", member(Z[:, 0])), ("labels.npy", truth[:-1] + b"\x02")]
    )
    assert "A label must lie in 0 to 1, the classes there are, but row 59 has 2." in refusal(
        path, task="binary"
    )


def test_a_name_that_stands_twice_is_refused(tmp_path):
    path = archive(tmp_path / "a.npz", [*sound().items(), ("logits.npy", member(Z + 1))])
    assert "Its names must differ, but 'logits.npy' stands twice." in refusal(path)


def test_what_numpy_does_not_write_is_refused(tmp_path):
    # LZMA may ask for a dictionary of 4 GB before it gives a byte
    path = archive(tmp_path / "a.npz", sound().items(), how=zipfile.ZIP_LZMA)
    assert "it is packed in a way that NumPy does not write" in refusal(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    np.savez_compressed(
        tmp_path / "a.npz", logits=np.zeros((1_000_000, 8), np.float32), labels=np.zeros(1_000_000, int)
    )
    tracemalloc.start()
    assert re.search(
        "must not unpack to more than 500 times their size, but these would grow 1[0-9]{3}-fold",
        refusal(tmp_path / "a.npz"),
    )
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_a_bomb_in_a_header_is_not_unpacked(tmp_path):
    bomb = b"\x93NUMPY\x02\x00" + (2**25).to_bytes(4, "little") + b" " * 2**25
    path = archive(tmp_path / "a.npz", sound(**{"logits.npy": bomb}).items(), how=zipfile.ZIP_DEFLATED)
    del bomb
    tracemalloc.start()
    assert "It must be a whole .npz file, but" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_labels_may_be_packed_as_far_as_they_go(tmp_path):
    z = np.random.default_rng(0).normal(size=(100_000, 2))
    np.savez_compressed(tmp_path / "a.npz", logits=z, labels=np.zeros(100_000, int))
    assert open_saved(tmp_path / "a.npz").predictions().labels.sum() == 0
