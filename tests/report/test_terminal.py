"""A study in a terminal of 80 columns: nothing is cut, and every slice that has runs is there."""

import io

import numpy as np
import pytest
from rich.console import Console

from smoothlab.lab import Evidence, Measure, Measures, plan
from smoothlab.lab.study import builtin_studies
from smoothlab.report.terminal import print_study

STUDIES = sorted(name for name in builtin_studies() if not plan(name).is_suite)


def printed(answer, verdicts=None):
    screen = io.StringIO()
    console = Console(file=screen, width=80, highlight=False)
    print_study(
        answer.store, answer.evidence, answer.verdicts if verdicts is None else verdicts, console=console
    )
    return screen.getvalue()


@pytest.mark.parametrize("name", STUDIES)
def test_nothing_of_a_built_in_study_is_cut_at_80_columns(invented, name):
    text = printed(invented.answers(name)[0])
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_slices_at_one_alpha_share_tables_and_none_is_lost(invented):
    answer = invented.answers("costs")[0]
    text = printed(answer, ())
    others = [loss for loss in answer.evidence.factors["loss"] if loss != "cross-entropy"]
    assert text.count("Accuracy ") == 1 + -(-len(others) // 4)
    for loss in others:
        for word in loss.split("-"):
            assert word in text


def test_claims_keep_their_whole_name(invented):
    answer = invented.answers("calibration")[0]
    text = printed(answer)
    assert all(f"{verdict.claim}  " in text for verdict in answer.verdicts)


def test_a_run_counts_once_however_many_temperatures_it_is_read_at(invented):
    answer = invented.answers("calibration")[0]
    finished = len(answer.store.records())
    assert f"{finished} of {answer.store.manifest['cells']} runs; " in printed(answer, ())


def test_a_number_above_ten_keeps_its_digits(invented):
    answer = invented.answers("smoothing")[0]
    measures = Measures((Measure("scale", "Scale", "invented"),), lambda run: {})
    scale = np.array([[10.5, 10.5], [0.25, 0.25]])
    of = Evidence({"alpha": (0.0, 0.1), "seed": (0, 1)}, {"scale": scale}, {}, measures)
    text = printed(type(answer)(answer.store, of, ()))
    assert "10.500±.000" in text
    assert " .250±.000" in text
