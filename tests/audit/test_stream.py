"""An audit of a stream says what the audit of the same predictions in memory does."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from smoothlab import Predictions, cli
from smoothlab.audit import audit, compare
from smoothlab.audit.stream import blocks_of, side_by_side
from smoothlab.measures import LogitNorm

N, K = 30_000, 6


@dataclasses.dataclass
class Cut:
    """Predictions that are handed out in blocks, as a file does."""

    said: Predictions
    rows: int

    @property
    def classes(self) -> int:
        return self.said.logits.shape[1]

    def blocks(self):
        for start in range(0, len(self.said), self.rows):
            rows = slice(start, start + self.rows)
            yield self.said.logits[rows], self.said.labels[rows]


def drawn(seed, n=N, factor=1.6) -> Predictions:
    """Overconfident by a temperature."""
    random = np.random.default_rng(seed)
    logits = 2 * random.standard_normal((n, K))
    return Predictions(factor * logits, (logits + random.gumbel(size=(n, K))).argmax(1))


SAID, HELD_OUT = drawn(0), drawn(1, n=4000)
OTHER = Predictions(0.7 * SAID.logits + np.random.default_rng(2).normal(size=(N, K)), SAID.labels)
WHOLE = audit(SAID, fit=HELD_OUT)
STREAMED = audit(Cut(SAID, 4001), fit=HELD_OUT)

# How far a streamed value may be from the one in memory: nothing but rounding where bins are whole cells; else what the
# head of accumulators/histogram.py says of 30,000 answers in cells of at most 30.
MOST = {
    "ece_mass": 3e-4,
    "ece_classwise": 1e-6,  # probabilities in single precision
    "ece_smooth": 2.5e-4,
    "ks": 5e-4,
    "z": 1e-3,
    "aurc": 1e-5,
    "e_aurc": 1e-5,
    "augrc": 1e-5,
    "aurc_norm": 1e-5,
}
DRAWN = {"ece_classwise", "ece_smooth"}  # whose null laws are drawn otherwise


def test_both_have_the_same_lines():
    assert [(line.name, line.label, line.definition) for line in STREAMED.lines] == [
        (line.name, line.label, line.definition) for line in WHOLE.lines
    ]
    assert (STREAMED.n, STREAMED.classes) == (WHOLE.n, WHOLE.classes)


@pytest.mark.parametrize("name", [line.name for line in WHOLE.lines])
def test_a_line_agrees_to_the_stated_resolution(name):
    got, want = STREAMED[name], WHOLE[name]
    assert abs(got.value - want.value) <= MOST.get(name, 1e-12)
    assert (got.interval is None) == (want.interval is None)
    assert (got.null is None) == (want.null is None)
    if want.interval is not None:
        width = want.interval[1] - want.interval[0]
        np.testing.assert_allclose(got.interval, want.interval, atol=MOST.get(name, 1e-9) + 1e-3 * width)
    if want.null is not None:
        # the ends of 200 other draws scatter by a tenth of themselves
        np.testing.assert_allclose(got.null, want.null, rtol=0.25 if name in DRAWN else 0.02)
    if want.p_value is not None:
        assert (got.p_value < 0.01) == (want.p_value < 0.01)


def test_the_diagrams_are_the_same():
    for name in ("reliability", "log_odds", "scaled", "scaled_log_odds"):
        got, want = getattr(STREAMED, name), getattr(WHOLE, name)
        for column in ("edges", "count", "confidence", "accuracy", "null_low", "null_high"):
            np.testing.assert_allclose(getattr(got, column), getattr(want, column), rtol=1e-6)
    # their points are the ends of steps, which cells make coarser
    np.testing.assert_allclose(
        np.interp(WHOLE.risk.coverage, STREAMED.risk.coverage, STREAMED.risk.risk), WHOLE.risk.risk, atol=2e-3
    )


def test_a_held_out_stream_gives_the_temperature_of_the_whole():
    found = audit(Cut(SAID, 10_000), fit=Cut(HELD_OUT, 999))
    got, want = found["temperature"], WHOLE["temperature"]
    assert got.value == pytest.approx(want.value, rel=1e-6)
    assert found["aurc_norm"].definition == WHOLE["aurc_norm"].definition


def test_a_long_held_out_stream_is_thinned_evenly_for_the_norm(monkeypatch):
    fitted = []
    room = sys.modules["smoothlab.audit.audit"]
    monkeypatch.setattr(room, "_HELD_OUT", 1000 * K)
    monkeypatch.setattr(LogitNorm, "fit", lambda self, logits, labels: fitted.append(logits) or self)
    room._chosen_norm(Cut(HELD_OUT, 333))
    assert np.array_equal(fitted[0], HELD_OUT.logits[::4])


def test_a_comparison_of_streams_is_that_of_the_whole():
    got = compare(Cut(SAID, 4001), Cut(OTHER, 2999), fit=HELD_OUT)
    want = compare(SAID, OTHER, fit=HELD_OUT)
    assert [(line.name, line.label, line.definition) for line in got] == [
        (line.name, line.label, line.definition) for line in want
    ]
    for one, other in zip(got, want, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-5 if one.name == "aurc" else 1e-12)
        width = other.interval[1] - other.interval[0]
        np.testing.assert_allclose(one.interval, other.interval, atol=0.03 * width)


def test_a_stream_may_be_compared_with_predictions_in_memory_and_a_temperature_given():
    got = compare(Cut(SAID, 4001), OTHER, fit=WHOLE.temperature)
    for one, other in zip(got, compare(Cut(SAID, 2000), Cut(OTHER, 4001), fit=HELD_OUT), strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-12)


@pytest.mark.parametrize("cuts", [(7, 7), (7, 3), (5, 100), (1, 9)])
def test_rows_stay_side_by_side_however_two_streams_are_cut(cuts):
    said = drawn(3, n=20)
    pairs = list(side_by_side(Cut(said, cuts[0]), Cut(said, cuts[1])))
    assert np.array_equal(np.concatenate([one[0] for one, _ in pairs]), said.logits)
    assert all(np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1]) for one, other in pairs)


def test_streams_of_other_examples_are_not_compared():
    short = Predictions(SAID.logits[:-1], SAID.labels[:-1])
    with pytest.raises(ValueError, match="the first has more of them"):
        compare(Cut(SAID, 4000), Cut(short, 4000))
    labels = SAID.labels.copy()
    labels[4321] = (labels[4321] + 1) % K
    with pytest.raises(ValueError, match="row 4321 has"):
        compare(Cut(SAID, 4000), Cut(Predictions(SAID.logits, labels), 1000))
    with pytest.raises(ValueError, match="must be of the same classes, but have 6 and 3"):
        compare(Cut(SAID, 4000), Predictions(np.eye(3), np.arange(3)))


def test_predictions_in_memory_have_blocks_too():
    assert sum(len(labels) for _, labels, _ in blocks_of(SAID)) == N


def parquet(path: Path, rows: int) -> Path:
    said = drawn(5, n=rows)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(said.logits.astype(np.float32).ravel()), K)
    pq.write_table(pa.table({"logits": lists, "label": said.labels}), path, row_group_size=20_000)
    return path


def test_the_command_streams_a_large_file_and_says_the_same(tmp_path, monkeypatch):
    path = parquet(tmp_path / "large.parquet", 2000)
    monkeypatch.setenv("COLUMNS", "80")
    whole = CliRunner().invoke(cli.main, ["audit", str(path), str(path)])
    monkeypatch.setattr(cli, "MOST_NUMBERS", 1000)
    streamed = CliRunner().invoke(cli.main, ["audit", str(path), str(path)])
    assert (whole.exit_code, streamed.exit_code) == (0, 0), streamed.output
    words, more = ([line.split() for line in done.stdout.split("\n")] for done in (whole, streamed))
    assert [line[:1] for line in more] == [line[:1] for line in words]
    # the head, and the lines whose bins are whole cells
    for start in ("large.parquet", "Accuracy", "NLL", "Brier", "MCE"):
        assert [line for line in more if line[:1] == [start]] == [
            line for line in words if line[:1] == [start]
        ]


PEAK = """
import sys
import numpy as np
from smoothlab.audit import audit
class Repeated:
    classes = 6
    def blocks(self):
        random = np.random.default_rng(0)
        logits = 2 * random.standard_normal((20_000, 6), np.float32)
        labels = (logits + random.gumbel(size=logits.shape)).argmax(1)
        for _ in range(int(sys.argv[1])):
            yield logits.copy(), labels
audit(Repeated())
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(peak) // 1024)  # not ru_maxrss, in which a forked parent's memory counts
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_the_memory_of_a_streamed_audit_does_not_grow_with_its_rows():
    peaks = []
    for blocks in (8, 58):  # the first few have all of their labels drawn, the others not
        command = [sys.executable, "-c", PEAK, str(blocks)]
        peaks.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert abs(peaks[1] - peaks[0]) < 8  # a million rows more, whose logits alone are 24 MB
    assert peaks[1] < 400
