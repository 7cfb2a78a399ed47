import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothlab.data import Split
from smoothlab.data.stratify import rank_in_class, set_aside, shares

LABELS = arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 6))
RANKS_OF_SEED_0 = [4, 2, 1, 0, 6, 7, 3, 5]


@given(labels=LABELS, seed=st.integers(0, 2**64))
def test_every_class_is_ranked_from_zero_without_gaps(labels, seed):
    rank = rank_in_class(labels, seed=seed)
    for label in np.unique(labels):
        assert sorted(rank[labels == label]) == list(range((labels == label).sum()))


@given(labels=LABELS)
def test_the_rank_follows_one_number_drawn_for_every_example(labels):
    drawn = np.random.PCG64(5).random_raw(len(labels))
    rank = rank_in_class(labels, seed=5)
    for place, label in enumerate(labels):
        rivals = drawn[labels == label]
        assert rank[place] == (rivals < drawn[place]).sum()


def test_the_order_of_a_seed_never_changes():
    # Written down from PCG64(0).random_raw(8), which NumPy keeps stable: the published splits rest on it.
    assert rank_in_class(np.zeros(8, np.int64), seed=0).tolist() == RANKS_OF_SEED_0
    assert rank_in_class(np.zeros(8, np.int64), seed=1).tolist() != RANKS_OF_SEED_0


@given(counts=arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 9000)), data=st.data())
def test_shares_add_up_and_lie_within_one_of_the_exact_proportion(counts, data):
    if counts.sum() == 0:
        counts[0] = 1
    total = data.draw(st.integers(0, int(counts.sum())))
    got = shares(counts, total=total)
    assert got.sum() == total
    assert (np.abs(got - counts * total / counts.sum()) < 1).all()
    assert (got <= counts).all()


def test_a_tie_of_remainders_goes_to_the_lower_class():
    assert shares(np.array([5, 5, 5]), total=5).tolist() == [2, 2, 1]


@given(labels=arrays(np.int64, st.integers(5, 60), elements=st.integers(0, 6)))
def test_setting_aside_parts_the_examples_and_keeps_their_order(labels):
    inputs = np.arange(len(labels), dtype=np.float32)[:, None]
    rest, aside = set_aside(Split(inputs, labels), one_in=5, classes=7)
    assert len(aside) == len(labels) // 5
    numbers = [part.inputs[:, 0].astype(int).tolist() for part in (rest, aside)]
    assert sorted(numbers[0] + numbers[1]) == list(range(len(labels)))
    for part, rows in zip((rest, aside), numbers, strict=True):
        assert rows == sorted(rows)
        assert part.labels.tolist() == labels[rows].tolist()


def test_too_few_examples_cannot_be_set_aside():
    split = Split(np.zeros((4, 1), np.float32), np.arange(4))
    with pytest.raises(
        ValueError, match="at least 5 images, to set one in 5 aside for validation, but hold 4"
    ):
        set_aside(split, one_in=5, classes=4)
