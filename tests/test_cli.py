"""The verbs, as a person meets them: over an invented study that takes no time."""

import sys

import click
import pytest
from click.testing import CliRunner

from smoothlab.cli import main

COMMANDS = sorted(main.commands)


@pytest.fixture
def smoothlab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *words: CliRunner().invoke(main, words)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_explains_itself(command):
    verb = main.commands[command]
    assert verb.help
    assert len(verb.help.split()) > 10
    assert all(option.help for option in verb.params if isinstance(option, click.Option))


@pytest.mark.parametrize("words", [["--help"], *([command, "--help"] for command in COMMANDS)])
def test_help_fits_80_columns(smoothlab, words):
    lines = smoothlab(*words).output.splitlines()
    assert max(map(len, lines)) <= 80


def test_a_study_trains_judges_and_writes_its_report(smoothlab, study_file, tmp_path):
    done = smoothlab("study", study_file(), "--workers", "2")
    assert done.exit_code == 0, done.output
    assert "12 of 12 runs" in done.output
    assert "S9" in done.output
    assert "Report: runs/invented/report.html" in done.output
    assert "Do invented networks behave as invented?" in (tmp_path / "runs/invented/report.html").read_text()


def test_what_a_study_prints_fits_80_columns(smoothlab, study_file):
    done = smoothlab("study", study_file())
    assert max(map(len, done.output.splitlines())) <= 80


def test_a_second_run_trains_nothing(smoothlab, study_file):
    smoothlab("study", study_file())
    assert "All runs asked for are in runs/invented already" in smoothlab("study", study_file()).output


def test_dry_says_what_would_run_and_leaves_no_trace(smoothlab, study_file, tmp_path):
    done = smoothlab("study", study_file(), "--dry")
    assert done.exit_code == 0
    assert "12 of 12 runs" in done.output
    assert not (tmp_path / "runs").exists()


def test_a_first_look_takes_few_seeds_and_the_rest_joins_them(smoothlab, study_file):
    assert "6 of 12 runs" in smoothlab("study", study_file(), "--seeds", "2", "--dry").output
    assert "6 of 12 runs" in smoothlab("study", study_file(), "--seeds", "2").output
    assert "6 of 12 runs" in smoothlab("study", study_file(), "--dry").output
    assert "12 of 12 runs" in smoothlab("study", study_file()).output


def test_show_and_report_work_on_a_finished_store(smoothlab, study_file, tmp_path):
    first = smoothlab("study", study_file()).output
    shown = smoothlab("show", "runs/invented")
    assert shown.exit_code == 0
    assert shown.output.strip() in first
    assert smoothlab("report", "runs/invented", "-o", "page.html").exit_code == 0
    assert (tmp_path / "page.html").read_text() == (tmp_path / "runs/invented/report.html").read_text()


def test_show_and_report_work_on_a_half_finished_store(smoothlab, study_file, tmp_path):
    smoothlab("study", study_file())
    for seed in (1, 2, 3):
        folder = tmp_path / "runs/invented/cells" / f"alpha=0.05,seed={seed}"
        folder.rename(tmp_path / folder.name)
    assert "9 of 12 runs" in smoothlab("show", "runs/invented").output
    assert smoothlab("report", "runs/invented").exit_code == 0


def test_show_and_report_work_on_a_store_without_a_single_run(smoothlab, study_file, tmp_path):
    smoothlab("study", study_file())
    for folder in (tmp_path / "runs/invented/cells").iterdir():
        folder.rename(tmp_path / folder.name)
    assert "0 of 12 runs" in smoothlab("show", "runs/invented").output
    assert smoothlab("report", "runs/invented").exit_code == 0
    assert "Not enough runs for a verdict yet." in (tmp_path / "runs/invented/report.html").read_text()


def test_a_diverged_run_is_named_with_its_step(smoothlab, study_file):
    done = smoothlab("study", study_file(diverges_at=0.05))
    assert done.exit_code == 0
    assert "alpha=0.05,seed=0: the loss was nan at step 7" in done.output
    assert "8 of 12 runs, 4 failed" in done.output


def test_an_edited_study_is_refused_with_a_way_out(smoothlab, study_file):
    smoothlab("study", study_file())
    edited = study_file(seeds=(0, 1, 2, 3, 4))
    refused = smoothlab("study", edited)
    assert refused.exit_code == 2
    assert "--keep" in refused.output
    assert "15 of 15 runs" in smoothlab("study", edited, "--keep").output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["study", "smothing"], "Did you mean 'smoothing'"),
        (["study", "missing.py"], "there is none at"),
        (["show", "nowhere"], "There is no run store at nowhere"),
        (["report", "nowhere"], "There is no run store at nowhere"),
        (["study", "--workers", "0"], "0 is not in the range"),
    ],
)
def test_a_mistake_gets_a_sentence_and_exit_code_2(smoothlab, words, sentence):
    done = smoothlab(*words)
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.split())
    assert "Traceback" not in done.output


def test_an_extra_that_is_not_installed_is_named(smoothlab, study_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    done = smoothlab("study", study_file())
    assert done.exit_code == 2
    assert "pip install 'smoothlab[study]'" in done.output
