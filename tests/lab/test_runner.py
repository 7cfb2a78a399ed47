import os
import signal
import subprocess
import sys
import time

import pytest

from smoothlab.lab import Store, load, run
from smoothlab.lab.runner import in_processes, missing


def in_this_process(task, cells):
    yield from map(task, cells)


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
