"""The CUDA kernels, proven without a GPU: what they compute, and that they compile.

Builds of torch for the CPU come without Triton, so scripts/check_triton runs this file where there is one. Triton is
told by the environment, before it is imported, whether to interpret or to compile: two processes of their own.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from smoothlab.torch import cross_entropy
from smoothlab.torch.kernels import triton

ROOM = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed here: scripts/check_triton")
@pytest.mark.parametrize(("file", "interpret"), [("interpreted.py", "1"), ("machine_code.py", "0")])
def test_in_a_process_of_its_own(file, interpret, tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "--noconftest", "-q", "-p", "no:cacheprovider", file],
        cwd=ROOM,
        env=os.environ | {"TRITON_INTERPRET": interpret, "TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout
    assert " passed" in told.stdout
    assert "skipped" not in told.stdout


def test_what_is_against_it_is_said():
    labels = torch.tensor([0, 1])
    assert triton.supports(torch.zeros(2, 3), labels, 0.0) == "the logits lie on cpu, not on CUDA"


ASKED = [
    {},
    {"label_smoothing": torch.empty(8, device="meta")},
    {"label_smoothing": torch.empty((), device="meta"), "weight": torch.empty(5, device="meta")},
    {"label_smoothing": 0.1, "convention": "others"},
    {"label_smoothing": 0.1, "background": torch.empty(5, device="meta")},
    {"label_smoothing": 0.1, "class_mask": torch.empty(5, dtype=torch.bool, device="meta")},
]


def trained_without_memory(monkeypatch, **keywords):
    """A tensor without memory refuses whatever would stop the queue of a GPU."""
    monkeypatch.setattr(triton, "supports", lambda *_: None)
    logits = torch.empty(8, 5, device="meta", dtype=torch.bfloat16, requires_grad=True)
    labels = torch.empty(8, device="meta", dtype=torch.long)
    cross_entropy(logits, labels, **keywords).sum().backward()
    assert logits.grad is not None
    assert logits.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("keywords", ASKED)
def test_on_a_device_no_value_is_looked_at(keywords, monkeypatch):
    for reduction in ("sum", "none"):
        trained_without_memory(monkeypatch, **keywords, reduction=reduction)


@pytest.mark.parametrize("keywords", ASKED)
def test_on_a_device_no_value_is_looked_at_for_a_mean(keywords, monkeypatch):
    trained_without_memory(monkeypatch, **keywords)
