"""Memory that is lent: never to two at once, kept within bounds, and given back by whoever holds it last."""

import threading

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothlab._rows import Buffers

PAGE = 2 << 20


def test_memory_begins_with_a_huge_page_and_can_be_written_to_the_end():
    for size in (0, 1, 100, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE):
        memory = Buffers().take(size)
        assert memory.dtype == np.uint8
        assert memory.shape == (size,)
        assert memory.ctypes.data % PAGE == 0
        memory[:] = 255
        assert (memory == 255).all()


def test_what_nobody_holds_is_lent_again():
    buffers = Buffers()
    memory = buffers.take(100)
    address = memory.ctypes.data
    assert buffers.idle_bytes == 0
    del memory
    assert buffers.idle_bytes == PAGE
    assert buffers.take(PAGE).ctypes.data == address


def test_a_buffer_more_than_twice_too_large_is_not_lent():
    buffers = Buffers()
    large = buffers.take(5 * PAGE)
    del large
    small = buffers.take(PAGE)
    assert buffers.idle_bytes == 5 * PAGE
    assert small.size == PAGE


def test_at_most_four_buffers_are_kept():
    buffers = Buffers()
    held = [buffers.take(PAGE) for _ in range(10)]
    del held
    assert buffers.idle_bytes == 4 * PAGE


def test_what_sixteen_requests_passed_by_is_given_up():
    buffers = Buffers()
    passed_by = buffers.take(20 * PAGE)
    del passed_by
    for _ in range(15):
        buffers.take(1)
    assert buffers.idle_bytes == 21 * PAGE
    buffers.take(1)
    assert buffers.idle_bytes == PAGE


def test_memory_outlives_the_buffers_that_lent_it():
    buffers = Buffers()
    memory = buffers.take(100)
    memory[:] = 7
    del buffers
    assert (memory == 7).all()


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 3 * PAGE), st.sampled_from(["hold", "view", "tensor", "drop"]))))
def test_what_somebody_holds_is_nobody_elses(requests):
    """Whatever way it is held: by the array, by a view of it, or by a tensor's view of its memory."""
    buffers, held = Buffers(), []
    for mark, (size, how) in enumerate(requests):
        memory = buffers.take(size)
        memory[:] = mark % 251
        if how == "drop":
            held = held[1:]
        else:
            as_held = {"hold": memory, "view": memory[size // 2 :], "tensor": torch.from_numpy(memory)[::2]}[
                how
            ]
            held.append((mark % 251, as_held))
        del memory
        assert all((kept == of).all() for of, kept in held)


def test_threads_that_take_and_let_go_never_meet():
    buffers, met = Buffers(), []

    def work(mark):
        for i in range(200):
            memory = buffers.take(1 + (i % 3) * PAGE)
            memory[:64] = mark
            other = buffers.take(64)
            other[:] = mark + 100
            if not (memory[:64] == mark).all() or not (other[:64] == mark + 100).all():
                met.append(mark)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not met
    assert buffers.idle_bytes <= 4 * 4 * PAGE
