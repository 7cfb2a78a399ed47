"""Every code block of the README runs, in order, on a clean copy of the repository, in what the README installs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
MAIN, CHECK, *REST = BLOCKS


def test_the_second_block_is_the_command_that_ci_runs():
    assert CHECK == ("bash", "scripts/check\n")
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith(("#", "set ", "cd "))] == ["scripts/check"]


def test_the_numbers_of_the_readme_are_those_that_the_command_printed():
    printed = (ROOT / "results" / "smoothing.txt").read_text(encoding="utf-8").splitlines()
    finds = README.split("## What the first command finds")[1].split("\n## ")[0]
    table = [line.strip() for line in finds.splitlines() if line.startswith("    ")]
    assert table[0].startswith("alpha")
    assert table[-1].startswith("n ")
    assert set(table) <= set(printed)
    outcomes = [
        found[1]
        for line in printed
        if (found := re.match(r"(PASS|FAIL|UNDECIDED|OUT OF REGIME) +S\d+ ", line))
    ]
    assert (len(outcomes), outcomes.count("PASS"), outcomes.count("FAIL")) == (9, 7, 1)
    assert "Of nine statements of the paper and its critics, seven pass" in finds
    assert "One fails" in finds


def test_the_speeds_of_the_readme_are_those_that_the_benchmark_printed():
    printed = (ROOT / "results" / "losses.txt").read_text(encoding="utf-8").splitlines()
    first = printed[: next(at for at, line in enumerate(printed) if line.startswith("Error of"))]
    quoted = [line.strip() for line in README.splitlines() if " torch is " in line]
    assert quoted == [line.strip() for line in first if " torch is " in line and "reused" in line]


def test_every_block_is_of_a_kind_that_is_run_here():
    assert {language for language, _ in BLOCKS} == {"bash", "python"}


def copy_of_the_repository(to: Path) -> Path:
    """What git tracks or would track, as it is in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


@pytest.mark.slow
def test_every_other_block_runs_on_a_clean_copy(tmp_path):
    copy = copy_of_the_repository(tmp_path / "smoothlab")
    bare = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "VIRTUAL_ENV"))
    }
    environment = {**bare, "PATH": f"{copy / '.venv' / 'bin'}:{bare['PATH']}"}
    for language, code in [MAIN, *REST]:
        command = (
            ["bash", "-euc", code] if language == "bash" else [str(copy / ".venv/bin/python"), "-c", code]
        )
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=1200
        )
        assert done.returncode == 0, f"{code}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert (copy / "runs" / "smoothing" / "report.html").stat().st_size > 1e6
    assert (copy / "report.html").is_file()
