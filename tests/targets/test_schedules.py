from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothlab.targets import Constant, Cosine, Linear

seeded = settings(deadline=None, derandomize=True)


@pytest.mark.parametrize("kind", [Linear, Cosine])
def test_a_schedule_waits_then_moves_then_stays(kind):
    schedule = kind(start=0.3, end=0.1, steps=10, warmup=5)
    assert [schedule(step) for step in (0, 4, 5)] == [0.3, 0.3, 0.3]
    assert schedule(10) == pytest.approx(0.2)  # half way for both
    assert [schedule(step) for step in (15, 16, 10**9)] == [0.1, 0.1, 0.1]
    assert schedule(6) < 0.3


@pytest.mark.parametrize("kind", [Linear, Cosine])
@seeded
@given(start=st.floats(0, 1), end=st.floats(0, 1), step=st.integers(0, 40), warmup=st.integers(0, 20))
def test_a_schedule_never_leaves_its_ends_nor_turns_back(kind, start, end, step, warmup):
    schedule = kind(start=start, end=end, steps=20, warmup=warmup)
    now, later = schedule(step), schedule(step + 1)
    low, high = sorted((start, end))
    tiny = 1e-15
    assert low - tiny <= now <= high + tiny
    assert (later - now) * (end - start) >= -tiny


def test_a_line_has_equal_steps_and_a_cosine_starts_slowly():
    line, curve = Linear(start=0.0, end=1.0, steps=4), Cosine(start=0.0, end=1.0, steps=4)
    assert [line(step) for step in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    # (1 - cos(pi/4)) / 2
    assert curve(1) == pytest.approx(0.14644660940672624, abs=1e-15)


def test_a_constant_is_constant():
    assert {Constant(0.1)(step) for step in (0, 1, 10**9)} == {0.1}


def test_schedules_are_values():
    assert Linear(start=0.1, end=0.0, steps=5) == Linear(start=0.1, end=0.0, steps=5)
    with pytest.raises(FrozenInstanceError):
        Constant(0.1).alpha = 0.2  # pyright: ignore[reportAttributeAccessIssue]


def test_a_wrong_argument_is_told_in_one_sentence():
    with pytest.raises(ValueError, match=r"`alpha` must lie in \[0, 1\], but got 1.5"):
        Constant(1.5)
    with pytest.raises(ValueError, match=r"`end` must lie in \[0, 1\], but got -0.1"):
        Linear(start=0.1, end=-0.1, steps=5)
    with pytest.raises(ValueError, match="`steps` must be a whole number, at least 1, but got 0"):
        Cosine(start=0.1, end=0.0, steps=0)
    with pytest.raises(ValueError, match="`step` must be a whole number, at least 0, but got -1"):
        Constant(0.1)(-1)
