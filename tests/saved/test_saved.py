import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.predictions import Predictions
from smoothlab.saved import open_saved

FORMATS = (
    "npy", "npz", "npz packed", "safetensors", "pt",
    "parquet", "arrow", "arrow stream", "feather", "csv", "jsonl",
)  # fmt: skip
TASKS = ("multiclass", "probabilities", "sequences", "binary", "multilabel")


def meaning(draft):
    """What a file must come to, from its numbers, written out plainly."""
    outputs, labels = draft.outputs, draft.labels
    if draft.task == "probabilities":
        return np.log(outputs), labels
    if draft.task in ("binary", "multilabel"):
        return np.array([(0, z) for z in outputs.ravel()]), labels.ravel()
    kept = labels.ravel() != -100
    return outputs.reshape(-1, outputs.shape[-1])[kept], labels.ravel()[kept]


def rows_of(blocks):
    logits, labels = zip(*blocks, strict=True)
    return np.concatenate(logits), np.concatenate(labels)


def test_the_formats_here_are_those_of_the_fuzzer(fuzz):
    assert (FORMATS, TASKS) == (fuzz.FORMATS, fuzz.TASKS)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_back_the_numbers_that_were_saved(fuzz, tmp_path, form, task):
    for seed in range(2):  # of these, one is wide where a table can be
        draft = fuzz.sound(form, task, np.random.default_rng(seed + 1))
        saved = open_saved(fuzz.write(draft, tmp_path), **draft.declared)
        logits, labels = rows_of(saved.blocks(rows=5))
        want, truth = meaning(draft)
        assert np.array_equal(labels, truth)
        if task == "probabilities":  # text keeps a float32 as a double, whose logarithm is rounded later
            np.testing.assert_allclose(logits, want, rtol=1e-6)
        else:
            assert np.array_equal(logits, want)
        assert saved.classes == logits.shape[1]
        said = saved.predictions()
        assert np.array_equal(said.logits, logits)
        assert np.array_equal(said.labels, labels)


@pytest.mark.parametrize("form", FORMATS)
def test_ignored_rows_are_counted_in_every_format(fuzz, tmp_path, form):
    draft = fuzz.sound(form, "sequences", np.random.default_rng(0))
    saved = open_saved(fuzz.write(draft, tmp_path), **draft.declared)
    assert saved.ignored() == 1
    assert len(saved.predictions()) == 11
    assert saved.predictions().meta["ignored"] == 1


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_says_how_long_it_is_where_it_knows(fuzz, tmp_path, form):
    for task, rows in (("multiclass", 12), ("multilabel", 48), ("sequences", 12)):
        draft = fuzz.sound(form, task, np.random.default_rng(0))
        saved = open_saved(fuzz.write(draft, tmp_path), **draft.declared)
        unknown = form in ("csv", "jsonl", "arrow stream") or (task == "sequences" and form in fuzz.TABLES)
        assert saved.rows == (None if unknown else rows)
        assert saved.columns == 4


@pytest.fixture(scope="module")
def files(fuzz, tmp_path_factory):
    """One file of each kind of reader, to be cut in many ways."""
    opened = []
    for form, task in (
        ("npz", "multilabel"),
        ("npy", "sequences"),
        ("parquet", "multiclass"),
        ("jsonl", "sequences"),
    ):
        draft = fuzz.sound(form, task, np.random.default_rng(0))
        opened.append(open_saved(fuzz.write(draft, tmp_path_factory.mktemp(form)), **draft.declared))
    return opened


@given(rows=st.integers(1, 60))
def test_blocks_are_the_whole_file_however_it_is_cut(files, rows):
    for saved in files:
        want, truth = rows_of(saved.blocks())
        blocks = list(saved.blocks(rows=rows))
        assert max(len(labels) for _, labels in blocks) <= rows
        logits, labels = rows_of(blocks)
        assert np.array_equal(logits, want)
        assert np.array_equal(labels, truth)


def test_blocks_are_read_when_they_are_asked_for(npz):
    logits = np.eye(3).repeat(4, 0)
    logits[7, 1] = np.nan
    blocks = open_saved(npz(logits=logits, labels=np.arange(12) // 4)).blocks(rows=4)
    assert next(blocks)[1].tolist() == [0] * 4
    with pytest.raises(
        ValueError, match=r"test\.npz: A row of logits must be finite.* but row 7 has nan\. Leave"
    ):
        next(blocks)


def test_arrays_that_lie_as_they_are_stay_in_the_file(fuzz, tmp_path):
    for form in ("npy", "safetensors"):
        draft = fuzz.sound(form, "multiclass", np.random.default_rng(0))
        said = open_saved(fuzz.write(draft, tmp_path), **draft.declared).predictions()
        assert isinstance(said.logits, np.memmap)
        assert isinstance(said.labels, np.memmap)
        assert not said.logits.flags.writeable


def test_half_precision_stays_half_in_the_map_and_is_single_in_a_block(tmp_path):
    np.save(tmp_path / "z.npy", np.eye(3, dtype=np.float16))
    np.save(tmp_path / "y.npy", np.arange(3))
    saved = open_saved(tmp_path / "z.npy", labels=tmp_path / "y.npy")
    assert saved.predictions().logits.dtype == np.float16
    assert next(saved.blocks())[0].dtype == np.float32


def test_our_own_file_keeps_its_features_and_its_story(tmp_path):
    path = tmp_path / "said.safetensors"
    logits = np.eye(3, dtype=np.float32)
    Predictions(logits, np.arange(3), features=logits + 1, meta={"alpha": 0.1}).save(path)
    said = open_saved(path).predictions()
    assert said.meta == {"alpha": 0.1}
    assert said.features is not None
    assert open_saved(path, ignore_index=7).predictions().meta == {"source": "said.safetensors", "ignored": 0}


def test_a_file_whose_rows_are_all_ignored_gives_no_number(npz):
    saved = open_saved(npz(logits=np.eye(3), labels=np.full(3, -1)), ignore_index=-1)
    with pytest.raises(ValueError, match=r"test\.npz: At least one row must count, but every label is -1"):
        saved.predictions()


@pytest.mark.parametrize("path", ["absent.npz", "", "absent/absent.csv"])
def test_a_missing_file_is_named(tmp_path, path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*\. Pass one that holds saved outputs"):
        open_saved(tmp_path / path)


def test_a_missing_file_of_labels_is_named(tmp_path):
    np.save(tmp_path / "z.npy", np.eye(3))
    with pytest.raises(FileNotFoundError, match=r"There is no file 'gone\.npy'"):
        open_saved(tmp_path / "z.npy", labels="gone.npy")


def test_an_ending_that_is_not_known_is_refused(tmp_path):
    (tmp_path / "said.pkl").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"said\.pkl: Its name must end in one of \.npy, .* Rename or convert it\."
    ):
        open_saved(tmp_path / "said.pkl")
    np.save(tmp_path / "z.npy", np.eye(3))
    (tmp_path / "y.csv").write_text("label\n1\n")
    with pytest.raises(ValueError, match=r"y\.csv: A file of labels must end in one of"):
        open_saved(tmp_path / "z.npy", labels=tmp_path / "y.csv")


def test_an_ending_in_capitals_is_known(tmp_path):
    np.savez(tmp_path / "test.npz", logits=np.eye(3), labels=np.arange(3))
    (tmp_path / "test.npz").rename(tmp_path / "TEST.NPZ")
    assert open_saved(tmp_path / "TEST.NPZ").rows == 3


def test_columns_are_counted_where_the_caller_knows_them(npz):
    path = npz(logits=np.eye(3), labels=np.arange(3))
    assert open_saved(path, classes=3).classes == 3
    with pytest.raises(ValueError, match="It must have 10 columns of logits, as `classes` says, but has 3"):
        open_saved(path, classes=10)


@pytest.mark.usefixtures("plain")
def test_words_that_are_not_known_are_refused(npz):
    path = npz(logits=np.eye(3), labels=np.arange(3))
    with pytest.raises(
        ValueError, match="`kind` must be one of 'logits', 'probabilities', but got 'probability'"
    ):
        open_saved(path, kind="probability")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`task` must be one of"):
        open_saved(path, task="multi")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`rows` must be a whole number, at least 1, but got 0"):
        open_saved(path).blocks(rows=0)


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("a.csv", "pyarrow", "tables"), ("a.pt", "torch", "torch")]
)
def test_a_missing_package_is_named_with_its_extra(tmp_path, name, package, extra):
    (tmp_path / name).write_bytes(b"")
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from smoothlab.saved import open_saved\n"
        f"try: open_saved({str(tmp_path / name)!r})\nexcept ImportError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert f"need {package}. Install it with: pip install 'smoothlab[{extra}]'" in said


def test_arrays_need_neither_pyarrow_nor_torch(npz):
    path = npz(logits=np.eye(3), labels=np.arange(3))
    code = (
        "import sys; sys.modules['torch'] = sys.modules['pyarrow'] = None\n"
        f"from smoothlab.saved import open_saved; print(len(open_saved({str(path)!r}).predictions()))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "3\n"
    )


STREAM = """
import sys
from pathlib import Path
from smoothlab.saved import open_saved
def highest():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
for _ in open_saved(sys.argv[1]).blocks(): break
before = highest()
rows = sum(len(labels) for _, labels in open_saved(sys.argv[2]).blocks())
print(rows, (highest() - before) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(("form", "most"), [("npz", 60), ("parquet", 60), ("csv", 60), ("jsonl", 20)])
def test_a_file_is_streamed_in_less_memory_than_it_takes(fuzz, tmp_path, form, most):
    # A file of a little more than `most` MB, of Parquet in one row group: a reader that holds it, or a group of a
    # column, needs more; ours needs a few stretches, pages or megabytes of text, which came to 5 to 35 MB.
    draft = fuzz.sound(form, "multiclass", np.random.default_rng(0))
    draft.wide = form == "csv"
    small, large = fuzz.write(draft, tmp_path), tmp_path / f"large.{form}"
    if form in ("csv", "jsonl"):
        header, lines = small.read_text().split("\n", 1)
        repeats = (most + 2) * 2**20 // len(lines)
        large.write_text(f"{header}\n" + lines * repeats)
        rows = repeats * lines.count("\n") + (form == "jsonl")
    else:
        rows = 800_000
        logits = np.random.default_rng(0).normal(size=(rows, 20)).astype(np.float32)
        if form == "npz":
            np.savez(large, logits=logits, labels=np.arange(rows) % 20)
        else:
            lists = pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), 20)
            table = pa.table({"logits": lists, "label": np.arange(rows) % 20})
            pyarrow.parquet.write_table(table, large, row_group_size=rows)
    done = subprocess.run(
        [sys.executable, "-c", STREAM, small, large], capture_output=True, text=True, check=True
    )
    read, megabytes = map(int, done.stdout.split())
    assert read == rows
    assert megabytes < most < large.stat().st_size / 2**20


def test_a_row_of_its_own_is_told_from_one_of_several(tmp_path):
    whole, several = np.zeros((6, 4)), np.zeros((2, 3, 4))
    np.savez(tmp_path / "a.npz", logits=whole, labels=np.zeros(6, int))
    np.savez(tmp_path / "b.npz", logits=several, labels=np.zeros((2, 3), int))
    np.savez(tmp_path / "c.npz", logits=whole, labels=np.zeros((6, 4), int))
    (tmp_path / "d.jsonl").write_text('{"logits": [[0.5, 0.1], [0.5, 0.2]], "labels": [0, 1]}\n')
    assert open_saved(tmp_path / "a.npz").apart
    assert not open_saved(tmp_path / "b.npz").apart
    assert not open_saved(tmp_path / "c.npz", task="multilabel").apart
    assert not open_saved(tmp_path / "d.jsonl").apart


def test_rows_of_one_record_have_its_number_however_they_are_cut(tmp_path):
    labels = np.array([[0, 1, -1], [-1, -1, -1], [1, -1, 0], [1, 1, 1]])
    np.savez(tmp_path / "a.npz", logits=np.zeros((4, 3, 2)), labels=labels)
    lines = "".join(f'{{"logits": {[[0.5, 0.1]] * 3}, "labels": {row.tolist()}}}\n' for row in labels)
    (tmp_path / "a.jsonl").write_text(lines)
    for name in ("a.npz", "a.jsonl"):
        saved = open_saved(tmp_path / name, ignore_index=-1)
        assert saved.predictions().clusters.tolist() == [0, 0, 1, 1, 2, 2, 2]
        for rows in (1, 2, 100):
            parts = [block.clusters for block in saved._blocks(rows)]
            assert np.concatenate(parts).tolist() == [0, 0, 1, 1, 2, 2, 2]


def test_the_labels_of_one_row_are_one_cluster(tmp_path):
    np.savez(tmp_path / "a.npz", logits=np.zeros((2, 3)), labels=np.array([[0, 1, 1], [1, 0, 0]]))
    assert open_saved(tmp_path / "a.npz", task="multilabel").predictions().clusters.tolist() == [
        0,
        0,
        0,
        1,
        1,
        1,
    ]


def test_clusters_of_our_own_files_come_along_and_of_others_do_not(tmp_path):
    said = Predictions(np.eye(4), np.arange(4), clusters=np.array([-1, -1, 7, 9]))
    said.save(tmp_path / "ours.safetensors")
    saved = open_saved(tmp_path / "ours.safetensors")
    assert not saved.apart
    assert saved.predictions().clusters.tolist() == [-1, -1, 7, 9]
    assert np.concatenate([block.clusters for block in saved.clustered_blocks()]).tolist() == [0, 0, 1, 2]
    named = open_saved(tmp_path / "ours.safetensors", logits="logits", labels="labels")
    assert named.predictions().clusters.tolist() == [0, 0, 1, 2]
    np.savez(tmp_path / "other.npz", logits=np.eye(4), labels=np.arange(4), clusters=np.array([0, 0, 1, 1]))
    assert open_saved(tmp_path / "other.npz").predictions().clusters is None
