import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from smoothlab.lab import Store, load, run, runner
from smoothlab.lab.runner import in_processes, missing


def in_this_process(task, cells):
    yield from map(task, cells)


def never(task, cells):
    raise AssertionError("cells that are run together need no executor")


@pytest.fixture
def take_up(study_file, tmp_path):
    """Opens the store of a study file that does what the keywords say."""

    def start(**what):
        source = load(study_file(**what))
        return source, Store.create(tmp_path / "store", source)

    return start


def test_every_cell_is_run_once_and_then_nothing_is_missing(take_up):
    source, store = take_up()
    assert len(list(run(source, store, executor=in_this_process))) == 12
    assert missing(source, store) == ()
    assert list(run(source, store, executor=in_this_process)) == []


def test_a_cell_in_a_worker_process_says_what_it_says_in_this_one(take_up, tmp_path):
    source, store = take_up(seeds=(0,))
    list(run(source, store, executor=in_processes(2)))
    other = Store.create(tmp_path / "other", source)
    list(run(source, other, executor=in_this_process))
    for cell in source.study.cells():
        for split in ("train", "validation", "test"):
            files = [where.path / "cells" / cell.key / f"{split}.safetensors" for where in (store, other)]
            assert files[0].read_bytes() == files[1].read_bytes()


def test_only_what_is_missing_is_run(take_up):
    source, store = take_up()
    list(run(source, store, executor=in_this_process))
    removed = source.study.cells()[5]
    store.discard(removed.key)
    assert [record.cell for record in run(source, store, executor=in_this_process)] == [removed]


def test_a_diverged_run_is_a_result_and_is_not_tried_again(take_up):
    source, store = take_up(diverges_at=0.05)
    records = list(run(source, store, executor=in_this_process))
    assert [record.failure for record in records if record.cell["alpha"] == 0.05] == [
        "the loss was nan at step 7"
    ] * 4
    assert missing(source, store) == ()


def test_a_mistake_in_the_study_stops_it_and_names_the_cell(take_up):
    source, store = take_up(breaks_at=0.05)
    with pytest.raises(RuntimeError, match=r"cell alpha=0.05,seed=0") as raised:
        list(run(source, store, executor=in_this_process))
    assert isinstance(raised.value.__cause__, KeyError)
    assert list(store.records()) == ["alpha=0.0,seed=0"]


def test_cells_of_an_edited_study_are_refused_unless_they_are_to_be_kept(take_up):
    source, store = take_up(seeds=(0, 1, 2))
    list(run(source, store, executor=in_this_process))
    edited, store = take_up(seeds=(0, 1, 2, 3))
    with pytest.raises(ValueError, match="made by another version of the study file"):
        missing(edited, store)
    assert [cell["seed"] for cell in missing(edited, store, keep=True)] == [3, 3, 3]


def test_two_processes_never_run_in_one_store(take_up):
    source, store = take_up()
    first = run(source, store, executor=in_this_process)
    next(first)
    with pytest.raises(ValueError, match="Another process runs a study"):
        next(run(source, store, executor=in_this_process))
    assert len(list(first)) == 11


# Cells that are run together


def ended(run, cell):
    try:
        return run(cell)
    except FloatingPointError as failure:
        return failure


@pytest.fixture
def take_up_together(take_up):
    """The same of a study that runs up to five cells at once, and the list of what it was asked at once."""

    def start(*, apart=(), **what):
        source, store = take_up(**what)
        asked = []

        def run_together(cells):
            asked.append(cells)
            return (ended(source.study.run, cell) for cell in cells)

        study = replace(source.study, run_together=run_together, together=5, apart=apart)
        return replace(source, study=study), store, asked

    return start


def test_cells_that_are_run_together_are_each_run_once_in_their_order(take_up_together):
    source, store, asked = take_up_together()
    records = list(run(source, store, executor=never, together=True))
    assert [len(cells) for cells in asked] == [5, 5, 2]
    assert [cell for cells in asked for cell in cells] == list(source.study.cells())
    assert [record.cell for record in records] == list(source.study.cells())
    assert missing(source, store) == ()
    assert list(run(source, store, executor=never, together=True)) == []
    assert len(asked) == 3


def test_cells_are_run_together_only_where_that_is_asked_for(take_up_together):
    source, store, asked = take_up_together()
    assert len(list(run(source, store, executor=in_this_process))) == 12
    assert asked == []


def test_cells_that_are_run_together_leave_what_each_leaves_alone(take_up_together, tmp_path):
    source, store, _ = take_up_together()
    list(run(source, store, executor=never, together=True))
    other = Store.create(tmp_path / "other", source)
    list(run(source, other, executor=in_this_process))
    for cell in source.study.cells():
        records = [replace(where.record(cell.key), seconds=0.0) for where in (store, other)]
        assert records[0] == records[1]
        for split in ("train", "validation", "test"):
            files = [where.path / "cells" / cell.key / f"{split}.safetensors" for where in (store, other)]
            assert files[0].read_bytes() == files[1].read_bytes()


def test_what_is_to_be_kept_apart_is_in_no_stack_together(take_up_together):
    source, store, asked = take_up_together(apart=("alpha",), seeds=tuple(range(7)))
    list(run(source, store, executor=never, together=True))
    assert [sorted({cell["alpha"] for cell in cells}) for cells in asked] == [
        [0.0], [0.0], [0.05], [0.05], [0.1], [0.1]
    ]  # fmt: skip
    assert [len(cells) for cells in asked] == [5, 2] * 3
    assert missing(source, store) == ()


def test_cells_that_are_run_together_share_the_time_evenly(take_up_together, monkeypatch):
    source, store, _ = take_up_together()
    monkeypatch.setattr(runner, "time", SimpleNamespace(perf_counter=count(0, 30).__next__))
    assert [record.seconds for record in run(source, store, executor=never, together=True)] == [6.0] * 10 + [
        15.0
    ] * 2


def test_a_diverged_run_spoils_none_that_it_was_run_together_with(take_up_together):
    source, store, _ = take_up_together(diverges_at=0.05)
    records = list(run(source, store, executor=never, together=True))
    assert {(record.cell["alpha"], record.failure) for record in records} == {
        (0.0, None),
        (0.05, "the loss was nan at step 7"),
        (0.1, None),
    }
    assert all(store.read(record).predictions for record in records if record.failure is None)
    assert missing(source, store) == ()


def wrong_count(cells):
    return [{}] * (len(cells) - 1)


def raised(cells):
    raise FloatingPointError("of which cell, nobody knows")


@pytest.mark.parametrize(
    ("mistake", "cause"),
    [(wrong_count, "one entry for each cell, in their order, but gave 4 for 5"), (raised, "nobody knows")],
    ids=["count", "raised"],
)
def test_a_mistake_in_what_is_run_together_names_its_cells_and_spoils_no_others(
    take_up_together, mistake, cause
):
    source, store, asked = take_up_together()
    good = source.study.run_together
    study = replace(source.study, run_together=lambda cells: good(cells) if not asked else mistake(cells))
    with pytest.raises(
        RuntimeError, match=r"`run_together` .* cells alpha=0\.1,seed=1; .*alpha=0\.0,seed=3\."
    ) as told:
        list(run(replace(source, study=study), store, executor=never, together=True))
    assert cause in str(told.value.__cause__)
    assert set(store.records()) == {cell.key for cell in asked[0]}


def test_a_stack_is_kept_whole_before_its_first_record_is_handed_out(take_up_together):
    source, store, _ = take_up_together()
    records = run(source, store, executor=never, together=True)
    next(records)
    assert len(store.records()) == 5


KILLED = """
import os, signal
from dataclasses import replace

def run_together(cells):
    if cells[0]["seed"] > 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return [run(cell) for cell in cells]

study = replace(study, run_together=run_together, together=3)
"""


def test_a_kill_loses_at_most_the_stack_in_flight(study_file, tmp_path):
    path = Path(study_file())
    path.write_text(path.read_text() + KILLED)
    source = load(str(path))
    store = Store.create(tmp_path / "store", source)
    command = [
        sys.executable,
        "-m",
        "smoothlab",
        "study",
        str(path),
        "--store",
        str(store.path),
        "--together",
    ]
    killed = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert {record.cell["seed"] for record in store.records().values()} == {0}
    assert all(store.predictions(record.cell, "test") for record in store.records().values())
    assert len(list(run(source, store, executor=in_this_process))) == 9


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.3, 1.1, 2.3])
def test_a_killed_study_loses_at_most_the_cells_in_flight(take_up, tmp_path, moment):
    source, store = take_up(pause=0.25)
    command = [sys.executable, "-m", "smoothlab", "study", source.reference, "--store", str(store.path)]
    process = subprocess.Popen(
        [*command, "--workers", "2"],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    seen: set[str] = set()
    while not seen and process.poll() is None:
        seen = set(store.records())
        time.sleep(0.02)
    time.sleep(moment)
    seen = set(store.records())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = store.records()
    assert seen <= set(kept)
    assert all(store.predictions(record.cell, "test") for record in kept.values())
    again = list(run(source, store, executor=in_this_process))
    assert len(kept) + len(again) == 12
    assert not list((store.path / "partial").iterdir())
