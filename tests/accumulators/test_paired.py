import numpy as np
import pytest

from smoothlab import Predictions
from smoothlab.accumulators import Paired
from smoothlab.accumulators.rows import rows_of
from smoothlab.audit import compare

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(5, size=6000)
BASELINE = 6 * np.eye(5)[LABELS] + RANDOM.normal(0, 4, (6000, 5))
OTHER = 2 * np.eye(5)[LABELS] + 0.2 * BASELINE + RANDOM.normal(0, 1, (6000, 5))


def paired(baseline, other) -> Paired:
    seen = Paired()
    for start in range(0, len(LABELS), 900):
        rows = slice(start, start + 900)
        seen.update(rows_of(baseline[rows], LABELS[rows]), rows_of(other[rows], LABELS[rows]))
    return seen


def test_differences_and_their_intervals_are_those_of_the_whole():
    found = paired(BASELINE, OTHER).estimates()
    whole = {line.name: line for line in compare(Predictions(BASELINE, LABELS), Predictions(OTHER, LABELS))}
    for name in ("accuracy", "nll", "brier"):
        want = whole[name]
        np.testing.assert_allclose(
            (found[name].value, found[name].low, found[name].high), (want.value, *want.interval), rtol=1e-9
        )
    low, high = whole["aurc"].interval
    assert found["aurc"].value == pytest.approx(whole["aurc"].value, abs=1e-4)
    # what influences share within a coarse cell is left out
    assert found["aurc"].high - found["aurc"].low == pytest.approx(high - low, rel=0.03)


def test_a_model_against_itself_differs_by_nothing_and_nearly_by_no_interval():
    found = paired(BASELINE, BASELINE).estimates()
    for name in ("accuracy", "nll", "brier"):
        assert (found[name].value, found[name].low, found[name].high) == (0, 0, 0)
    alone = paired(BASELINE, BASELINE[::-1]).estimates()["aurc"]
    assert found["aurc"].value == 0
    assert found["aurc"].high < 0.05 * (alone.high - alone.low)


def test_a_masked_label_is_refused():
    masked = BASELINE.copy()
    masked[3, LABELS[3]] = -np.inf
    with pytest.raises(ValueError, match="Losses to compare must be finite"):
        paired(BASELINE, masked)
