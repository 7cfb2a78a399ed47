"""Row statistics of any array: as of the same numbers in float64, and judged in the same pass."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab import _checks, _statistics
from smoothlab._statistics import statistics_of, threads

NAMES = ("highest", "others", "log_sum", "argmax", "label", "mean", "variance")


def columns(logits, labels, **options):
    parts = [numbers for _, numbers in statistics_of(logits, labels, moments=True, **options)]
    return [np.concatenate([getattr(part, name) for part in parts]) for name in NAMES]


def in_every_form(logits):
    """The same numbers as other types and other places in memory."""
    rows, classes = logits.shape
    wide = np.zeros((rows, 2 * classes), np.float32)
    wide[:, ::2] = logits
    packed = np.zeros(rows, [("skip", "u1"), ("z", "<f4", (classes,))])
    packed["z"] = logits
    read_only = logits.copy()
    read_only.flags.writeable = False
    return {
        "float16": logits.astype(np.float16),  # which holds the numbers of the test exactly
        "float64": logits.astype(np.float64),
        "big-endian": logits.astype(">f4"),
        "big-endian float64": logits.astype(">f8"),
        "Fortran": np.asfortranarray(logits),
        "every second column": wide[:, ::2],
        "not aligned": packed["z"],
        "backwards": logits[::-1].copy()[::-1],
        "read-only": read_only,
    }


@pytest.mark.parametrize("classes", [1, 2, 10, 300])
def test_the_same_numbers_have_the_same_statistics_in_whatever_array(classes, monkeypatch):
    monkeypatch.setattr(_statistics, "_ROWS", 17)  # several blocks
    monkeypatch.setattr(_statistics, "_NUMBERS_CAST", 1000)
    random = np.random.default_rng(classes)
    logits = (9 * random.normal(size=(100, classes))).astype(np.float16).astype(np.float32)
    labels = random.integers(classes, size=100)
    want = columns(logits, labels)
    for form, array in in_every_form(logits).items():
        for one, other in zip(columns(array, labels), want, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=form)


def test_labels_may_be_of_any_whole_type_and_anywhere():
    logits = np.random.default_rng(0).normal(size=(50, 7))
    labels = np.arange(50) % 7
    want = columns(logits, labels)
    for other in (
        labels.astype(np.uint8),
        labels.astype(">i4"),
        np.repeat(labels, 2)[::2],
        labels.astype(np.uint64),
    ):
        for one, same in zip(columns(logits, other), want, strict=True):
            np.testing.assert_array_equal(one, same)


@pytest.mark.parametrize("rows_at_once", [1, 16, 33])
def test_blocks_and_threads_change_no_bit(rows_at_once, monkeypatch):
    random = np.random.default_rng(1)
    logits, labels = random.normal(size=(70, 900)), random.integers(900, size=70)
    want = columns(logits, labels)
    monkeypatch.setattr(_statistics, "_ROWS", rows_at_once)
    monkeypatch.setattr(_statistics, "threads", lambda: 3)
    for one, other in zip(columns(logits, labels), want, strict=True):
        np.testing.assert_array_equal(one, other)


def test_single_precision_is_as_good_as_its_name_says():
    random = np.random.default_rng(2)
    logits, labels = random.normal(0, 5, (300, 50)).astype(np.float32), random.integers(50, size=300)
    for one, other in zip(columns(logits, labels, precise=False), columns(logits, labels), strict=True):
        np.testing.assert_allclose(
            one, other, rtol=1e-5, atol=1e-5
        )  # logits of 20 are off by 1e-6 themselves


BAD = st.sampled_from([np.nan, np.inf, -np.inf, 1e38, -1e38, 0.0, 30.0])


@given(
    arrays(np.float32, st.tuples(st.integers(1, 20), st.sampled_from([1, 2, 3, 140])), elements=BAD),
    st.booleans(),
)
def test_what_the_slow_check_refuses_is_refused_in_the_same_words_and_nothing_else(logits, as_float64):
    logits = logits.astype(np.float64) if as_float64 else logits
    for precise in (False, True):
        if np.isfinite(logits.max(1)).all():
            assert sum(len(part.highest) for _, part in statistics_of(logits, precise=precise)) == len(logits)
            continue
        with pytest.raises(ValueError, match="`logits` must be finite") as slow:
            _checks.readable_logits(logits)
        with pytest.raises(ValueError, match="`logits` must be finite") as fast:
            list(statistics_of(logits, precise=precise))
        assert str(fast.value) == str(slow.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 128, 4999])
def test_a_row_that_no_softmax_can_read_is_named_wherever_it_hides(bad, column):
    logits = np.zeros((900, 5000), np.float32)
    if bad == -np.inf:
        logits[850] = bad
        what = "row 850 masks every class"
    else:
        logits[850, column] = bad
        what = f"row 850 holds {bad}"
    with pytest.raises(ValueError, match=what):
        list(statistics_of(logits))


def test_labels_and_shapes_are_judged_before_a_row_is_read():
    with pytest.raises(ValueError, match="row 1 has 3"):
        statistics_of(np.zeros((2, 3)), np.array([0, 3]))
    with pytest.raises(ValueError, match=r"its shape is \(0, 3\)"):
        statistics_of(np.zeros((0, 3)))


@pytest.mark.parametrize(("asked", "most"), [("1", 1), ("2", 2), ("0", 1), ("", 10**6), ("all", 10**6)])
def test_threads_are_no_more_than_asked_for(asked, most, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert 1 <= threads() <= most


def test_threads_are_no_more_than_the_process_may_run_on(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {5, 7, 9}, raising=False)
    assert threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads() == 2
