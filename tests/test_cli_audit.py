"""`smoothlab audit`, as a person meets it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from smoothlab.cli import main

RANDOM = np.random.default_rng(2)
LABELS = np.arange(600) % 3
NOISE = RANDOM.normal(size=(600, 3))


@pytest.fixture
def smoothlab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "hard").mkdir()
    (tmp_path / "soft").mkdir()
    for folder, factor in (("hard", 6.0), ("soft", 1.5)):
        for split in ("test", "validation"):
            logits = factor * (np.eye(3)[LABELS] + (NOISE if split == "test" else NOISE[::-1]))
            np.savez(tmp_path / folder / f"{split}.npz", logits=logits, labels=LABELS)
    return lambda *words: CliRunner().invoke(main, ["audit", *words])


def test_one_file_gets_a_table_and_a_verdict_in_80_columns(smoothlab):
    done = smoothlab("hard/test.npz", "--fit", "hard/validation.npz")
    assert done.exit_code == 0, done.output
    assert "It is miscalibrated, and on the whole overconfident" in done.output
    assert "One temperature" in done.output
    assert max(map(len, done.output.splitlines())) <= 80


def test_two_files_are_compared_and_told_apart_by_their_folders(smoothlab):
    done = smoothlab(
        "hard/test.npz", "soft/test.npz", "--fit", "hard/validation.npz", "--fit", "soft/validation.npz"
    )
    assert done.exit_code == 0, done.output
    assert "soft/test.npz against hard/test.npz" in done.output
    assert "temperature for the baseline" in " ".join(done.output.split())
    assert max(map(len, done.output.splitlines())) <= 80


def test_json_and_html_hold_what_the_table_says(smoothlab, tmp_path):
    done = smoothlab("hard/test.npz", "soft/test.npz", "--json", "audit.json", "--html", "audit.html")
    assert done.exit_code == 0, done.output
    held = json.loads((tmp_path / "audit.json").read_text())
    assert [found["name"] for found in held["audits"]] == ["hard/test.npz", "soft/test.npz"]
    ece = held["audits"][0]["measures"]["ece"]
    assert f"{ece['value']:.4f}" in done.output
    assert f"{ece['value']:.4f}" in (tmp_path / "audit.html").read_text()
    assert held["differences"][0]["measures"]["nll"]["value"] < 0


def test_a_limit_that_is_passed_fails_the_command_and_one_that_is_kept_does_not(smoothlab):
    assert smoothlab("hard/test.npz", "--fail-above", "ece=0.9").exit_code == 0
    failed = smoothlab("hard/test.npz", "--fail-above", "ece=0.01", "--fail-above", "accuracy=2")
    assert failed.exit_code == 1
    assert "ece is 0." in failed.output
    assert "above 0.01" in failed.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["absent.npz"], "absent.npz"),
        (["hard/test.npz", "--logits", "scores"], "scores"),
        (["hard/test.npz", "--fail-above", "ece"], "must be NAME=NUMBER"),
        (["hard/test.npz", "--fail-above", "ecee=1"], "Did you mean"),
        (["hard/test.npz", "--kind", "probabilities"], "test.npz"),
        (
            ["hard/test.npz", "soft/test.npz", "hard/test.npz", "--fit", "a.npz", "--fit", "b.npz"],
            "once a FILE",
        ),
    ],
)
def test_a_mistake_gets_a_sentence_and_exit_code_2(smoothlab, words, sentence):
    done = smoothlab(*words)
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.split())
    assert "Traceback" not in done.output


def test_names_of_files_are_inert_on_the_page(smoothlab, tmp_path):
    (tmp_path / "<b>x.npz").write_bytes((tmp_path / "hard" / "test.npz").read_bytes())
    assert smoothlab("<b>x.npz", "--html", "audit.html").exit_code == 0
    html = (tmp_path / "audit.html").read_text()
    assert "<b>x" not in html.replace("\\u003cb>x", "")
    assert "&lt;b&gt;x.npz" in html
