"""How the kernels take arrays and threads, and let go of a call."""

import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from smoothlab import _rows

SMOOTHED = {"label_share": 0.9, "background_share": 0.1}

each_set = pytest.mark.parametrize("instructions", _rows.INSTRUCTIONS)


def logits_and_labels(rows, classes, dtype=np.float32):
    random = np.random.default_rng(classes)
    return random.normal(size=(rows, classes)).astype(dtype), random.integers(classes, size=rows)


def long_call():
    """Seconds of work on little memory: one row, over and over."""
    return np.broadcast_to(np.zeros(50_000, np.float32), (400_000, 50_000))


def columns(result, names):
    return [getattr(result, name) for name in names]


@each_set
@pytest.mark.parametrize("shape", [(20_011, 10), (1201, 1000), (37, 50_257)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.uint16])
def test_the_number_of_threads_changes_no_bit(dtype, shape, instructions):
    logits, labels = logits_and_labels(*shape)
    logits = (logits.view(np.uint32) >> 16).astype(np.uint16) if dtype == np.uint16 else logits.astype(dtype)
    results = []
    for threads in (1, 2, 3):
        gradient = np.empty_like(logits)
        loss = _rows.loss(
            logits, labels, gradient=gradient, threads=threads, instructions=instructions, **SMOOTHED
        )
        numbers = _rows.statistics(
            logits, labels=labels, moments=True, threads=threads, instructions=instructions
        )
        results.append(
            [
                gradient,
                *columns(loss, ("value", "label", "background", "count")),
                *columns(numbers, ("highest", "log_sum", "argmax", "background", "mean", "variance")),
            ]
        )
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


@each_set
@pytest.mark.parametrize(
    ("rows", "classes", "dtype"),
    [(90, 100_003, np.float32), (90, 100_003, np.float16), (50, 100_003, np.float64)],
)
def test_a_gradient_too_large_for_caches_is_the_same_in_place(rows, classes, dtype, instructions):
    logits, labels = logits_and_labels(rows, classes, np.float32)
    logits = logits.astype(dtype)
    gradient = np.empty_like(logits)
    _rows.loss(logits, labels, gradient=gradient, threads=2, instructions=instructions, **SMOOTHED)
    _rows.loss(logits, labels, gradient=logits, threads=2, instructions=instructions, **SMOOTHED)
    np.testing.assert_array_equal(logits, gradient)


@each_set
@pytest.mark.parametrize("classes", [10, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_rows_may_lie_any_distance_apart(dtype, classes, instructions):
    logits, labels = logits_and_labels(33, classes, dtype)
    arithmetic = np.float64 if dtype == np.float64 else np.float32
    background = np.random.default_rng(0).random((33, classes)).astype(arithmetic)
    class_mask = np.random.default_rng(1).random((33, classes)) < 0.8
    share = np.linspace(0, 1, 33)

    def spread(array):
        """The same rows inside of a larger array, whose rest is poison."""
        apart = np.full((66, classes + 5), np.nan if array.dtype.kind == "f" else 0).astype(array.dtype)
        apart[::2, 3:-2] = array
        return apart[::2, 3:-2]

    results = []
    for place in (np.ascontiguousarray, spread):
        gradient = place(np.zeros_like(logits))
        loss = _rows.loss(
            place(logits),
            np.repeat(labels, 2)[::2],
            gradient=gradient,
            label_share=np.repeat(1 - share, 2)[::2],
            background_share=np.repeat(share, 2)[::2],
            background=place(background),
            class_mask=place(class_mask),
            instructions=instructions,
        )
        results.append((loss.value, gradient))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    around = gradient.base.copy()
    around[::2, 3:-2] = np.nan
    assert np.isnan(around).all()  # nothing beside the gradient was written


@pytest.mark.parametrize("classes", [10, 1000])
def test_a_row_may_run_backwards_through_memory_or_serve_all(classes):
    logits, labels = logits_and_labels(20, classes)
    forwards = _rows.loss(logits, labels, **SMOOTHED).value
    np.testing.assert_array_equal(_rows.loss(logits[::-1], labels[::-1], **SMOOTHED).value, forwards[::-1])
    one = _rows.loss(np.broadcast_to(logits[0], logits.shape), labels[:1].repeat(20), **SMOOTHED).value
    assert (one == forwards[0]).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_a_tensor_is_read_and_written_where_it_lies(dtype):
    logits, labels = torch.randn(5, 300).to(dtype), torch.arange(5)
    gradient = torch.full_like(logits, torch.nan)
    loss = _rows.loss(logits, labels, gradient=gradient, **SMOOTHED)
    seen = (lambda t: t.view(torch.uint16)) if dtype == torch.bfloat16 else (lambda t: t)
    again = np.zeros_like(seen(gradient).numpy())
    same = _rows.loss(seen(logits).numpy(), labels.numpy(), gradient=again, **SMOOTHED)
    np.testing.assert_array_equal(loss.value, same.value)
    np.testing.assert_array_equal(seen(gradient).numpy(), again)


@pytest.mark.parametrize("shape", [(0, 10), (0, 1000), (0, 0), (3, 0)])
def test_nothing_is_done_with_nothing(shape):
    logits = np.zeros(shape, np.float32)
    loss = _rows.loss(logits, np.zeros(shape[0], np.int64), gradient=logits, threads=2, **SMOOTHED)
    assert (loss.value == np.inf).all()  # of rows without any class
    assert len(loss.value) == len(_rows.statistics(logits, threads=2).log_sum) == shape[0]


def test_arrays_outlive_the_result_that_handed_them_out():
    value = _rows.loss(np.zeros((1000, 3), np.float32), np.zeros(1000, np.int64)).value
    [np.ones(1000) for _ in range(100)]  # where freed memory would be taken again
    np.testing.assert_allclose(value, np.log(3), rtol=1e-7)


def test_other_python_threads_run_meanwhile():
    ran = threading.Event()
    logits = long_call()[:20_000]  # some tenths of a second
    timer = threading.Timer(0.01, ran.set)
    timer.start()
    _rows.statistics(logits)
    assert ran.is_set()  # without the lock let go, the timer could not have had its turn yet
    timer.join()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_signal_ends_a_long_call(threads):
    class EnoughError(Exception):
        pass

    def handler(*_):
        raise EnoughError

    logits = long_call()
    rows, classes = logits.shape
    memory = np.full(rows + classes, np.nan, np.float32)
    gradient = np.lib.stride_tricks.as_strided(memory, (rows, classes), (4, 4))  # row i begins at number i
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(EnoughError):
            _rows.loss(logits, np.zeros(rows, np.int64), gradient=gradient, threads=threads)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not np.isnan(memory[0])
    assert np.isnan(memory[rows + classes - 2])  # the last row was not reached


ZEROS = np.zeros((4, 3), np.float32)
LABELS = np.zeros(4, np.int64)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (TypeError, lambda: _rows.statistics(np.zeros((4, 3), np.int32))),
        (TypeError, lambda: _rows.statistics(np.zeros(3, np.float32))),
        (ValueError, lambda: _rows.statistics(np.zeros((3, 4), np.float32).T)),
        (ValueError, lambda: _rows.statistics(ZEROS, labels=LABELS[:3])),
        (TypeError, lambda: _rows.statistics(ZEROS, labels=LABELS.astype(np.int32))),
        (ValueError, lambda: _rows.statistics(ZEROS, background=np.zeros(3))),
        (ValueError, lambda: _rows.statistics(ZEROS, background=np.zeros(4, np.float32))),
        (ValueError, lambda: _rows.statistics(ZEROS, background=np.zeros((3, 3), np.float32))),
        (ValueError, lambda: _rows.statistics(ZEROS, class_mask=np.ones(2, bool))),
        (TypeError, lambda: _rows.statistics(ZEROS, class_mask=np.ones(3, np.int8))),
        (ValueError, lambda: _rows.statistics(ZEROS, divisor="number")),
        (ValueError, lambda: _rows.statistics(ZEROS, instructions="abacus")),
        (ValueError, lambda: _rows.loss(ZEROS, LABELS[:3])),
        (ValueError, lambda: _rows.loss(ZEROS, LABELS.astype(np.int32))),
        (ValueError, lambda: _rows.loss(ZEROS, np.zeros((4, 3)))),
        (ValueError, lambda: _rows.loss(ZEROS, np.zeros((4, 2), np.float32))),
        (ValueError, lambda: _rows.loss(ZEROS, np.zeros((3, 3), np.float32))),
        (ValueError, lambda: _rows.loss(ZEROS, LABELS, gradient=np.zeros((4, 3)))),
        (ValueError, lambda: _rows.loss(ZEROS, LABELS, gradient=np.zeros((4, 2), np.float32))),
        (ValueError, lambda: _rows.loss(ZEROS, LABELS, gradient=np.zeros((3, 4), np.float32).T)),
        (TypeError, lambda: _rows.loss(ZEROS, LABELS, gradient=np.broadcast_to(np.float32(0), (4, 3)))),
        (ValueError, lambda: _rows.loss(ZEROS, LABELS, label_share=np.zeros(3))),
        (ValueError, lambda: _rows.loss(ZEROS, LABELS, label_weight=np.zeros(3))),
        (ValueError, lambda: _rows.loss(ZEROS, LABELS, ignored=np.zeros(3, bool))),
    ],
)
def test_no_array_is_left_for_memory_beside_it(error, call):
    with pytest.raises(error):
        call()


TEAMS = """
import os
import signal
import numpy as np
from smoothlab import _rows

random = np.random.default_rng(0)
logits, labels = random.normal(size=(40_000, 10)).astype(np.float32), random.integers(10, size=40_000)

def values():
    return _rows.loss(logits, labels, label_share=0.9, background_share=0.1, threads=2).value.tobytes()

assert not _rows.has_team()
by_own_threads = values()
import torch
if not _rows.has_team():
    raise SystemExit(5)
torch.set_num_threads(4)
torch.ones(1000, 1000).add(1)  # from here on torch's threads wait for work
waiting = set(os.listdir("/proc/self/task"))
assert values() == by_own_threads
torch.ones(1000, 1000).add(1)
assert set(os.listdir("/proc/self/task")) == waiting  # none of them was ended for our sake
child = os.fork()
if child == 0:
    signal.alarm(60)  # a team that did not come along would be waited for without end
    os._exit(0 if not _rows.has_team() and values() == by_own_threads else 3)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_call_joins_the_team_that_is_there_and_starts_threads_where_there_is_none():
    done = subprocess.run([sys.executable, "-c", TEAMS], timeout=100, capture_output=True, text=True)
    if done.returncode == 5:
        pytest.skip("this build of torch shows its OpenMP runtime to nobody")
    assert done.returncode == 0, done.stderr
