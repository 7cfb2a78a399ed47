import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothlab.saved.names import outputs_among, truth_among

PATH = Path("test.csv")


@given(st.permutations(range(13)), st.sampled_from(["logit_", "p", "score.", "(", ""]))
def test_numbered_columns_come_in_the_order_of_their_numbers(numbers, prefix):
    names = [f"{prefix}{number}" for number in numbers]
    assert outputs_among(PATH, names, prefix, "logits") == tuple(f"{prefix}{k}" for k in range(13))


@pytest.mark.parametrize(
    ("names", "kind", "found"),
    [
        (["logits", "label"], "logits", ("logits",)),
        (["label", "logit", "probability"], "logits", ("logit",)),
        (["label", "probability_1", "probability_0"], "probabilities", ("probability_0", "probability_1")),
        (["logits", "probabilities"], "probabilities", ("probabilities",)),
        (
            ["logit_0", "logit_1", "logit_01", "logit_x", "logit_2b", "logit_-1"],
            "logits",
            ("logit_0", "logit_1"),
        ),
    ],
)
def test_usual_names_are_found_for_the_kind_that_is_declared(names, kind, found):
    assert outputs_among(PATH, names, None, kind) == found


@pytest.mark.parametrize(
    ("names", "name", "sentence"),
    [
        (
            ["x", "y"],
            None,
            "must have a column 'logits', 'logit' or 'logit_0', but it has 'x', 'y'. Name yours with",
        ),
        ([], None, "but it has nothing."),
        (["x", "y"], "z", "must have a column 'z' or 'z0', but it has 'x', 'y'."),
        (["logits", "logit_0", "logit_1"], None, "but it has 'logits', 'logit_0'. Name one with `logits`."),
        (
            ["logit_0", "logit_2"],
            None,
            "numbered from 0 without a gap, but 'logit_1' is missing. Count classes from 0.",
        ),
        (["logit_1", "logit_2"], None, "but 'logit_0' is missing."),
        (
            ["logits", "logits"],
            None,
            "Columns must differ in name, but 'logits' stands twice. Rename one of them.",
        ),
        (["logit_0", "logit_1", "logit_1"], None, "but 'logit_1' stands twice."),
        (["a\x1b[31m", "x" * 99], None, "but it has 'a\\x1b[31m', 'xxxxxxxxxx"),
    ],
)
def test_names_that_leave_a_doubt_are_refused(names, name, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        outputs_among(PATH, names, name, "logits")


def test_two_columns_of_labels_leave_a_doubt():
    with pytest.raises(
        ValueError, match=r"One column must hold the labels, but it has 'label', 'labels'\. Name one with"
    ):
        truth_among(PATH, ["label", "labels"], None)
    assert truth_among(PATH, ["label", "labels"], "label") == ("label",)
