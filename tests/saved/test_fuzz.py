"""The seeded, bounded form of scripts/fuzz_saved.py, which tries far more files, each where it may crash."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from smoothlab.saved.meaning import Judge

FORMATS = (
    "npy", "npz", "npz packed", "safetensors", "pt",
    "parquet", "arrow", "arrow stream", "feather", "csv", "jsonl",
)  # fmt: skip
EACH = 60
SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz_saved.py"


def outcomes(fuzz, form, folder, *, first=0):
    found = []
    for number in range(first, first + EACH):
        place = folder / str(number)
        place.mkdir()
        found.append(fuzz.outcome(form, number, 0, place))
    return found


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("form", FORMATS)
def test_a_malformed_file_gives_legal_rows_or_one_sentence(fuzz, tmp_path, form):
    found = Counter(outcomes(fuzz, form, tmp_path))
    assert set(found) <= {"refused", "legal"}
    assert found["refused"] > EACH / 2  # every other file is spoiled, which is always refused


@pytest.mark.usefixtures("plain")
def test_the_fuzzer_sees_a_rule_that_is_not_kept(fuzz, tmp_path, monkeypatch):
    monkeypatch.setattr(Judge, "logits", lambda self, z: z)
    found = outcomes(fuzz, "npz", tmp_path)
    assert any(result.startswith("number") for result in found)


@pytest.mark.usefixtures("plain")
def test_the_fuzzer_sees_another_error_and_an_odd_sentence(fuzz, tmp_path, monkeypatch):
    for number, error in enumerate((KeyError("label"), MemoryError(), ValueError("no file is named"))):

        def fail(*args, error=error, **declared):
            raise error

        monkeypatch.setattr(fuzz, "open_saved", fail)
        (tmp_path / str(number)).mkdir()
        assert fuzz.outcome("npz", number, 0, tmp_path / str(number)).startswith("traceback")


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_number_makes_the_same_file(fuzz, tmp_path, form):
    made = []
    for attempt in range(2):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        path, _ = fuzz.damaged(form, folder, np.random.default_rng(3))
        made.append(path.read_bytes())
    assert made[0] == made[1]


@pytest.mark.filterwarnings("ignore:.*fork")  # newer Pythons warn of threads, which the child does not touch
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that is spawned does not see the stand-in")
def test_a_process_that_dies_or_hangs_is_a_fault_and_the_next_file_is_tried(fuzz, monkeypatch):
    def outcome(form, number, seed, folder):
        if number == 1:
            os._exit(7)
        if number == 3:
            time.sleep(60)
        return "refused"

    monkeypatch.setattr(fuzz, "outcome", outcome)
    counts, faults = fuzz.tally("npz", range(5), seed=0, seconds=1, start="fork")
    assert counts == {"refused": 3, "crash": 1, "hang": 1}
    assert faults == ["npz 1: crash: the process died with 7", "npz 3: hang: no answer within 1 s"]


def test_the_command_counts_what_became_of_its_files():
    command = [sys.executable, SCRIPT, "--files", "20", "--format", "npz", "--seconds", "60"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[0] == "python scripts/fuzz_saved.py --files 20 --format npz --seconds 60"
    assert "pyarrow" in said[1]
    assert said[3].split() == [
        "format",
        "files",
        "refused",
        "sound",
        "numbers",
        "tracebacks",
        "hangs",
        "crashes",
    ]
    form, files, refused, sound, *faults = said[4].split()
    assert (form, files, faults) == ("npz", "20", ["0"] * 4)
    assert int(refused) + int(sound) == 20
    assert said[-1].endswith("seconds")
