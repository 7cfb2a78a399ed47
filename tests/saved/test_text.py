from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.saved.text import Kind, decoder, kind_of

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=2),
    st.dictionaries(st.text(max_size=1), st.none()),
)
NESTED = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


def plainly(value, kind):
    """Whether a value is of a kind, as one would say it."""
    if not kind.depth:
        return isinstance(value, kind.leaf)
    return isinstance(value, list) and all(plainly(inner, Kind(kind.leaf, kind.depth - 1)) for inner in value)


@given(NESTED, st.sampled_from([float, bool]), st.integers(0, 3))
def test_a_value_fits_a_kind_if_all_that_is_in_it_does(value, leaf, depth):
    assert Kind(leaf, depth).fits(value) == plainly(value, Kind(leaf, depth))


@given(NESTED)
def test_the_kind_of_a_value_that_is_numbers_throughout_fits_it(value):
    try:
        kind = kind_of(Path("a.csv"), "logits", value)
    except ValueError:
        return
    if kind.fits(value):
        assert pa.array([value], kind.arrow).type == kind.arrow


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        (Kind(float, 0), "double", "a number"),
        (Kind(bool, 0), "bool", "true or false"),
        (Kind(float, 2), "list<item: list<item: double>>", "a list of numbers"),
    ],
)
def test_a_kind_has_a_name_for_arrow_and_one_for_people(kind, name, words):
    assert (str(kind.arrow), str(kind)) == (name, words)


@given(st.lists(st.floats(allow_nan=False)))
def test_floats_come_back_to_the_last_bit(values):
    assert np.array_equal(decoder().decode(str(values).replace("inf", "Infinity")), values)
