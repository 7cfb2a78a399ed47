"""What `smoothlab doctor` prints."""

import torch
from click.testing import CliRunner

from smoothlab.cli import main
from smoothlab.torch import doctor


def test_every_kernel_that_serves_here_is_measured_and_lines_are_short(monkeypatch):
    monkeypatch.setattr(doctor, "SHAPES", ((64, 10), (2, 300)))
    monkeypatch.setattr(doctor, "SECONDS", 0.0)
    lines = list(doctor.examined())
    assert max(map(len, lines)) <= 80
    assert torch.__version__ in lines[0]
    head = next(line for line in lines if line.split()[:3] == ["logits", "type", "copy"])
    table = [line.split() for line in lines if " x " in line]
    assert len(table) == 4
    for cells in table:
        numbers = dict(zip(head.split()[3:], cells[6:], strict=True))
        assert float(numbers["rows"]) > 0
        assert float(numbers["loss"]) > 0
        if not torch.cuda.is_available():
            assert numbers["triton"] == "-"


def test_the_verb_prints_it(monkeypatch):
    monkeypatch.setattr(doctor, "examined", lambda: iter(["one", "two"]))
    told = CliRunner().invoke(main, ["doctor"])
    assert told.exit_code == 0
    assert told.output == "one\ntwo\n"
