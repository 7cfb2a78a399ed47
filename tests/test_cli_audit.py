"""`smoothlab audit`, as a person meets it."""

import builtins
import json
import re
import sys

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


def test_plots_are_pictures_for_print_with_their_data(smoothlab, tmp_path):
    done = smoothlab("hard/test.npz", "--plots", "plots", "--axis", "log-odds")
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert names == [
        f"{name}.{kind}" for name in ("reliability", "risk-coverage") for kind in ("json", "png", "svg")
    ]
    assert (tmp_path / "plots" / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "plots" / "reliability.svg").read_text()
    (held,) = json.loads((tmp_path / "plots" / "reliability.json").read_text())
    assert sum(held["log_odds"]["count"]) == 600


def test_the_want_of_matplotlib_is_said_before_the_work(smoothlab, monkeypatch):
    def absent(name, *rest, real=builtins.__import__, **more):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "smoothlab.report.print", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    done = smoothlab("absent.npz", "--plots", "plots")
    assert done.exit_code == 2
    assert "needs the package matplotlib. Run: pip install 'smoothlab[plots]'" in " ".join(
        done.output.split()
    )


def test_a_file_is_no_folder_for_plots(smoothlab):
    done = smoothlab("hard/test.npz", "--plots", "hard/test.npz")
    assert done.exit_code == 2
    assert "is a file" in done.output


def test_answers_of_one_row_have_intervals_of_rows_and_no_null_band(smoothlab, tmp_path):
    scores = RANDOM.normal(size=(50, 4))
    np.savez(tmp_path / "multi.npz", logits=scores, labels=(scores > 0.5).astype(int))
    np.savez(tmp_path / "tokens.npz", logits=scores.reshape(10, 5, 4), labels=scores.argmax(1).reshape(10, 5))
    for words, rows in ((["multi.npz", "--task", "multilabel"], 50), (["tokens.npz"], 10)):
        done = smoothlab(*words, "--json", "audit.json", "--html", "audit.html")
        assert done.exit_code == 0, done.output
        assert f"come from {rows} rows of the file" in " ".join(done.output.split())
        assert max(map(len, done.output.splitlines())) <= 80
        [found] = json.loads((tmp_path / "audit.json").read_text())["audits"]
        assert f"{rows} rows" in found["note"]
        assert all(line["null"] is None and line["p_value"] is None for line in found["measures"].values())
        with_interval = {name for name, line in found["measures"].items() if line["interval"]}
        assert with_interval == {
            "accuracy", "nll", "brier", "gap", "ece", "ece_mass", "aurc", "e_aurc", "augrc"
        }  # fmt: skip
        assert not re.search(
            r"\bnan\b", re.sub(r"<script.*?</script>", "", (tmp_path / "audit.html").read_text(), flags=re.S)
        )
    assert "rows of the file" not in " ".join(smoothlab("hard/test.npz").output.split())


def test_a_way_out_is_said_in_options(smoothlab, tmp_path):
    np.savez(tmp_path / "binary.npz", logits=np.ones(5), labels=np.ones(5, int))
    np.savez(tmp_path / "ignored.npz", logits=np.ones((5, 2)), labels=np.full(5, -100))
    assert "is --task binary." in " ".join(smoothlab("binary.npz").output.split())
    assert "pass `--ignore-index` if" in " ".join(smoothlab("ignored.npz").output.split())


def test_a_line_has_one_number_of_decimals(smoothlab):
    lines = smoothlab("hard/test.npz").output.splitlines()
    (nll,) = [line for line in lines if line.startswith("NLL")]
    value, low, high = re.findall(r"\d+\.(\d+)", nll)
    assert len(value) == len(low) == len(high)


def test_the_want_of_a_reader_is_a_sentence(smoothlab, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for room in [
        name
        for name in sys.modules
        if name.startswith("smoothlab.saved.") and name != "smoothlab.saved.saved"
    ]:
        monkeypatch.delitem(sys.modules, room)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    done = smoothlab("a.parquet")
    assert done.exit_code == 2
    assert "pip install 'smoothlab[tables]'" in " ".join(done.output.split())
